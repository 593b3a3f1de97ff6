//! Answers that are unusual, and right or wrong nevertheless.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use xtask::oci::{Digest, Manifest, MediaType};
use xtask::registry::Repository as _;

use super::copies::{Stock, assert_released, empty, promote};
use super::races::{TAG, promote as promote_in, request};
use super::rollbacks::tags;
use super::{STOCK, sandbox};
use crate::support::Sandbox;
use crate::support::image::{Image, layout};
use crate::support::scripted::{Answer, Fault, Matching, Scripted, When};

const METHODS: [&str; 4] = ["HEAD", "GET", "PUT", "POST"];

fn parts(bytes: &[u8]) -> (String, &[u8]) {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    (
        String::from_utf8(bytes[..end].into()).unwrap(),
        &bytes[end..],
    )
}

fn without_length(head: &str) -> String {
    let lines = head.split_inclusive("\r\n");
    lines
        .filter(|line| !line.starts_with("content-length"))
        .collect()
}

fn closed_by_its_end(bytes: &[u8]) -> Vec<u8> {
    let (head, body) = parts(bytes);
    // Without a length an answer without a body needs no rewriting.
    if body.is_empty() {
        return bytes.into();
    }
    [without_length(&head).as_bytes(), body].concat()
}

fn of_http_1_0(bytes: &[u8]) -> Vec<u8> {
    let bytes = closed_by_its_end(bytes);
    let (head, body) = parts(&bytes);
    let head = head.replacen("HTTP/1.1", "HTTP/1.0", 1);
    [head.as_bytes(), body].concat()
}

fn in_chunks(bytes: &[u8]) -> Vec<u8> {
    let (head, body) = parts(bytes);
    if body.is_empty() {
        return bytes.into();
    }
    let head = without_length(&head).replacen("\r\n", "\r\nTransfer-Encoding: chunked\r\n", 1);
    let chunks = body.chunks(7).flat_map(|chunk| {
        let size = format!("{:X};a=b\r\n", chunk.len());
        [size.as_bytes(), chunk, b"\r\n"].concat()
    });
    let chunks: Vec<_> = chunks.collect();
    [head.as_bytes(), &chunks, b"0\r\nx-trailer: y\r\n\r\n"].concat()
}

fn in_capitals(bytes: &[u8]) -> Vec<u8> {
    let (head, body) = parts(bytes);
    let lines = head
        .split_inclusive("\r\n")
        .map(|line| match line.split_once(": ") {
            Some((name, value)) => format!("{}:{value}", name.to_uppercase()),
            None => line.to_owned(),
        });
    [lines.collect::<String>().as_bytes(), body].concat()
}

fn after_hints(bytes: &[u8]) -> Vec<u8> {
    let hints =
        b"HTTP/1.1 103 Early Hints\r\nlink: </x>; rel=next\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n";
    [hints, bytes].concat()
}

fn with_a_digest_of_another_algorithm(bytes: &[u8]) -> Vec<u8> {
    let (head, body) = parts(bytes);
    let lines = head
        .split_inclusive("\r\n")
        .map(|line| match line.split_once(": ") {
            Some(("docker-content-digest", _)) => {
                format!("docker-content-digest: sha512:{}\r\n", "0".repeat(128))
            }
            _ => line.to_owned(),
        });
    [lines.collect::<String>().as_bytes(), body].concat()
}

#[test]
fn an_answer_is_understood_however_it_is_written() {
    for write in [
        closed_by_its_end,
        of_http_1_0,
        in_chunks,
        in_capitals,
        after_hints,
        with_a_digest_of_another_algorithm,
        said_to_be_compressed,
    ] {
        let mut stock = Stock::new();
        let image = stock.image(&"content ".repeat(1000));
        let (source, target) = (Scripted::start(stock.state), empty(false));
        for registry in [&source, &target] {
            for method in METHODS {
                registry.script(
                    Matching::new(method, ""),
                    When::From(1),
                    Fault::Rewritten(write),
                );
            }
        }
        let ran = promote(&source, &target, image.digest(), "60");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_released(&source, &target, image.digest());
    }
}

#[test]
fn a_token_is_taken_under_either_name() {
    fn under_the_other_name(bytes: &[u8]) -> Vec<u8> {
        let text = String::from_utf8(closed_by_its_end(bytes)).unwrap();
        let other = r#""token":"","expires_in":"soon","access_token":"#;
        text.replace(r#""token":"#, other).into()
    }
    let registry = Scripted::start(STOCK.state());
    let token = Matching::new("GET", "/token");
    registry.script(token, When::From(1), Fault::Rewritten(under_the_other_name));
    let ran = promote_in(&sandbox(&registry), STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

fn said_to_be_compressed(bytes: &[u8]) -> Vec<u8> {
    let (head, body) = parts(bytes);
    let head = head.replacen("\r\n", "\r\nContent-Encoding: gzip\r\n", 1);
    [head.as_bytes(), body].concat()
}

#[test]
fn a_manifest_that_is_compressed_nevertheless_is_told() {
    fn compressed(bytes: &[u8]) -> Vec<u8> {
        let bytes = said_to_be_compressed(bytes);
        let (head, body) = parts(&bytes);
        let head = without_length(&head);
        let mut encoder = flate2::write::GzEncoder::new(head.into_bytes(), Default::default());
        encoder.write_all(body).unwrap();
        encoder.finish().unwrap()
    }
    let mut stock = Stock::new();
    let image = stock.image("image");
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let get = Matching::new("GET", format!("/manifests/{}", image.digest()));
    source.script(get, When::From(1), Fault::Rewritten(compressed));
    let ran = promote(&source, &target, image.digest(), "60");
    ran.fails(1, &["encoded as \"gzip\"", "hint: "]);
}

#[test]
fn a_blob_without_a_length_that_breaks_off_goes_on_where_it_stopped() {
    fn cut(bytes: &[u8]) -> Vec<u8> {
        let whole = closed_by_its_end(bytes);
        whole[..whole.len() - 1000].into()
    }
    let mut stock = Stock::new();
    let image = stock.image(&"content ".repeat(1000));
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let blob = Matching::new("GET", super::copies::layer(&image));
    source.script(blob, When::Only(1), Fault::Rewritten(cut));
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(source.with(|state| state.ranges.len()), 1);
}

#[test]
fn answers_that_announce_others_without_end_are_ended() {
    let registry = Scripted::start(STOCK.state());
    registry.script(request("HEAD", TAG), When::From(1), Fault::EndlessContinue);
    let ran = promote_in(&sandbox(&registry), STOCK.new, &[]);
    ran.fails(1, &["more than the bound of"]);
}

/// An image with a large layer, in a registry, and one that has everything but the layer.
fn large() -> (Scripted, Scripted, Manifest) {
    let mut stock = Stock::new();
    let image = stock.image(&"large ".repeat(1_000_000));
    let mut blobs = stock.state.repository("app").blobs.clone();
    blobs.retain(|_, blob| blob.len() < 1_000_000);
    let (source, target) = (Scripted::start(stock.state), empty(false));
    target.with(|state| state.repository("released").blobs = blobs);
    (source, target, image)
}

fn upload() -> Matching {
    Matching {
        query: Some("digest="),
        ..Matching::new("PUT", "")
    }
}

fn uploads(registry: &Scripted) -> usize {
    let asked = registry.asked();
    asked
        .iter()
        .filter(|line| line.contains("?digest="))
        .count()
}

#[test]
fn a_large_blob_that_is_not_wanted_is_not_sent() {
    let (source, target, image) = large();
    let refusal = Answer::status(413).body("text/html", "<h1>Request Entity Too Large</h1>");
    target.script(upload(), When::From(1), Fault::Early(refusal));
    let ran = promote(&source, &target, image.digest(), "60");
    ran.fails(
        1,
        &["413", "Request Entity Too Large", "uploading the blob"],
    );
    assert_eq!(uploads(&target), 1);
}

#[test]
fn a_registry_that_does_not_like_to_be_asked_gets_the_blob() {
    let (source, target, image) = large();
    target.script(upload(), When::Only(1), Fault::Early(Answer::status(417)));
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
    assert_eq!(uploads(&target), 2);
}

#[test]
fn a_large_blob_is_sent_once_where_a_redirect_leads() {
    let (source, target, image) = large();
    let layer = super::copies::layer(&image).replace("/blobs/", "");
    let place = format!("/v2/released/blobs/uploads/elsewhere?digest={layer}");
    let redirect = Answer::status(308).header("location", &place);
    target.script(upload(), When::Only(1), Fault::Early(redirect));
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
    assert_eq!(uploads(&target), 2);
}

#[test]
fn an_upload_goes_where_the_registry_says() {
    for location in [
        "7",
        "7?state=a%2Fb",
        "./../uploads/7",
        "/v2/released/blobs/uploads/7",
        "//LOCATION/v2/released/blobs/uploads/7",
        "HTTP://LOCATION/v2/released/blobs/uploads/7#part",
    ] {
        let mut stock = Stock::new();
        let image = stock.image("image");
        let (source, target) = (Scripted::start(stock.state), empty(false));
        let begin = Matching {
            query: Some(""),
            ..Matching::new("POST", "/v2/released/blobs/uploads/")
        };
        let location = location.replace("LOCATION", &target.host());
        let answer = Answer::status(202).header("location", &location);
        target.script(begin, When::From(1), Fault::Answer(answer));
        let ran = promote(&source, &target, image.digest(), "60");
        assert_eq!(ran.code, Some(0), "{location}: {}", ran.stderr);
        assert_released(&source, &target, image.digest());
    }
}

#[test]
fn an_upload_that_the_registry_forgets_is_begun_anew_and_not_without_end() {
    for answer in [
        Answer::error(404, "BLOB_UPLOAD_UNKNOWN", "blob upload unknown"),
        Answer::error(400, "BLOB_UPLOAD_INVALID", "blob upload invalid"),
        Answer::status(416),
    ] {
        let status = answer.status.to_string();
        let (source, target, image) = large();
        target.script(upload(), When::Only(1), Fault::Answer(answer.clone()));
        let ran = promote(&source, &target, image.digest(), "60");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_released(&source, &target, image.digest());

        let (source, target, image) = large();
        target.script(upload(), When::From(1), Fault::Answer(answer));
        let ran = promote(&source, &target, image.digest(), "60");
        assert_ne!(ran.code, Some(0));
        assert!(ran.stderr.contains(&status), "{}", ran.stderr);
        assert_eq!(uploads(&target), 3);
    }
}

#[test]
fn an_upload_without_a_place_is_an_error() {
    for answer in [
        Answer::status(202),
        Answer::status(202).header("location", ""),
        Answer::status(202).header("location", "mailto:somebody"),
    ] {
        let mut stock = Stock::new();
        let image = stock.image("image");
        let (source, target) = (Scripted::start(stock.state), empty(false));
        target.script(
            Matching::new("POST", "/v2/released/blobs/uploads/"),
            When::From(1),
            Fault::Answer(answer),
        );
        promote(&source, &target, image.digest(), "60").fails(1, &["uploading the blob"]);
    }
}

#[test]
fn a_host_is_the_same_however_it_is_written() {
    let registry = Scripted::start(STOCK.state());
    let port = registry.host().split(':').nth(1).unwrap().to_owned();
    registry.with(|state| state.host = format!("localhost:{port}"));
    let location = format!("http://LOCALHOST:{port}/v2/app/manifests/{}", STOCK.new);
    let redirect = Answer::status(307).header("location", &location);
    registry.script(
        request("GET", STOCK.new),
        When::Only(1),
        Fault::Answer(redirect),
    );
    let sandbox = sandbox(&registry)
        .with("BACKEND_IMAGE_REPO_NAME", format!("LocalHost:{port}/app"))
        .with("DOCKER_REPO", format!("LOCALHOST:{port}"));
    let ran = promote_in(&sandbox, STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_token_server_that_refuses_a_joint_scope_costs_a_copy() {
    let mut state = STOCK.state();
    state.mounts = true;
    let registry = Scripted::start(state);
    let joint = Matching {
        query: Some("&scope=repository:app:pull"),
        ..Matching::new("GET", "/token")
    };
    registry.script(
        joint,
        When::From(1),
        Fault::Answer(Answer::error(403, "DENIED", "one scope at a time")),
    );
    let mut sandbox = sandbox(&registry);
    sandbox.has_own_production(registry.repository("released"));
    let ran = promote_in(&sandbox, STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let asked = registry.asked();
    assert!(
        asked.iter().all(|line| !line.contains("mount=")),
        "{asked:?}"
    );
}

fn index_of(children: &[&Manifest]) -> Manifest {
    let children: Vec<_> = children.iter().map(|child| child.descriptor()).collect();
    let index = json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.name(), "manifests": children });
    Manifest::parse(index.to_string().into_bytes(), None).unwrap()
}

/// An image in `depth` indexes, each of which lists the one below it so many times.
fn nested(stock: &mut Stock, depth: usize, times: usize) -> Manifest {
    let mut manifest = stock.image("image");
    for _ in 0..depth {
        manifest = index_of(&vec![&manifest; times]);
        stock.take(&manifest);
    }
    manifest
}

#[test]
fn indexes_in_indexes_are_copied_once_each_and_not_without_end() {
    let mut stock = Stock::new();
    let index = nested(&mut stock, 8, 2);
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let ran = promote(&source, &target, index.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, index.digest());
    let puts = target.asked();
    let puts = puts
        .iter()
        .filter(|line| line.starts_with("PUT /v2/released/manifests/sha256"));
    assert_eq!(puts.count(), 9);

    let mut stock = Stock::new();
    let index = nested(&mut stock, 9, 1);
    let (source, target) = (Scripted::start(stock.state), empty(false));
    promote(&source, &target, index.digest(), "60").fails(1, &["more than 8 indexes"]);
    assert_eq!(target.with(|state| state.tag("released", TAG)), None);
}

#[test]
fn what_signs_an_image_deep_in_indexes_goes_along() {
    let mut stock = Stock::new();
    let image = stock.image("image");
    let signature = stock.referrer("signature", &image);
    let mut index = index_of(&[&image]);
    stock.take(&index);
    index = index_of(&[&index]);
    stock.take(&index);
    let (source, target) = (Scripted::start(stock.state), empty(true));
    source.with(|state| state.has_referrers = true);
    let ran = promote(&source, &target, index.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    target.with(|state| {
        let kept = &state.repository("released").manifests;
        assert!(kept.contains_key(&signature.digest()));
    });
}

/// Programs in Go write an empty list as `null`.
#[test]
fn lists_that_are_null_are_empty() {
    let mut stock = Stock::new();
    let config = stock.image("image");
    let xtask::oci::References::Image { blobs } = config.references() else {
        panic!("an image");
    };
    let document = json!({ "schemaVersion": 2, "mediaType": MediaType::OciManifest.name(), "config": blobs[0], "layers": null, "annotations": null });
    let image = Manifest::parse(document.to_string().into_bytes(), None).unwrap();
    stock.take(&image);
    let (source, target) = (Scripted::start(stock.state), empty(true));
    let nothing =
        json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.name(), "manifests": null });
    let nothing = Answer::status(200).body(MediaType::OciIndex.name(), nothing.to_string());
    let list = Matching::new("GET", format!("/referrers/{}", image.digest()));
    source.script(list, When::From(1), Fault::Answer(nothing));
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
}

#[test]
fn a_layer_that_is_there_twice_or_empty_is_copied() {
    let mut stock = Stock::new();
    let base = stock.image("image");
    let xtask::oci::References::Image { blobs } = base.references() else {
        panic!("an image");
    };
    let empty_layer = stock
        .layout
        .store("application/vnd.oci.image.layer.v1.tar", b"")
        .unwrap();
    let layers = [&blobs[1], &empty_layer, &blobs[1], &empty_layer];
    let document = json!({ "schemaVersion": 2, "mediaType": MediaType::OciManifest.name(), "config": blobs[0], "layers": layers });
    let image = Manifest::parse(document.to_string().into_bytes(), None).unwrap();
    stock.take(&image);
    let (source, target) = (Scripted::start(stock.state), empty(true));
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
    assert_eq!(uploads(&target), 3);
}

/// A sandbox with an image in the layout of its backend.
fn staged() -> (Sandbox, Digest) {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_built("backend", Image::new("image"));
    sandbox.ok(["staging-tag", "backend"]);
    (sandbox, digest)
}

#[test]
fn a_layout_may_list_what_is_no_manifest() {
    let (mut sandbox, digest) = staged();
    sandbox.has_own_production("oci:released".into());
    let folder = sandbox.path("target/registry/backend");
    let note = layout(&folder).store("text/plain", b"a note").unwrap();
    let path = "target/registry/backend/index.json";
    let mut index: serde_json::Value = serde_json::from_str(&sandbox.read(path)).unwrap();
    let list = index["manifests"].as_array_mut().unwrap();
    list.push(serde_json::to_value(note).unwrap());
    sandbox.write(path, index.to_string());
    let ran = promote_in(&sandbox, digest, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_layout_with_digests_of_another_algorithm_is_told() {
    let (sandbox, digest) = staged();
    let other = format!("sha512:{}", "0".repeat(128));
    let path = "target/registry/backend/index.json";
    let before = sandbox.read(path).replace(&digest.to_string(), &other);
    sandbox.write(path, &before);
    promote_in(&sandbox, digest, &[]).fails(1, &["index.json", &other, "expected sha256:"]);
    assert_eq!(sandbox.read(path), before);
}

#[test]
fn a_lock_that_others_made_suffices_to_be_read() {
    let (sandbox, digest) = staged();
    let lock = sandbox.path("target/registry/backend/.lock");
    fs::set_permissions(&lock, fs::Permissions::from_mode(0o444)).unwrap();
    let ran = promote_in(&sandbox, digest, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let released = layout(&sandbox.path("target/registry/backend"));
    assert_eq!(
        released.resolve(&TAG.parse().unwrap()).unwrap(),
        Some(digest)
    );
}

#[test]
fn a_tag_that_only_get_shows_is_there() {
    for status in [404, 405, 406, 501] {
        let mut state = STOCK.state();
        state.point("app", TAG, STOCK.old);
        let registry = Scripted::start(state);
        // As what stands in front of the registry says it.
        let answer = Fault::Answer(Answer::status(status));
        registry.script(Matching::new("HEAD", ""), When::From(1), answer);
        let sandbox = sandbox(&registry);
        promote_in(&sandbox, STOCK.new, &["--expect", "absent"]).fails(8, &["expected absent"]);
        let ran = promote_in(&sandbox, STOCK.new, &[]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(tags(&registry), [Some(STOCK.new), Some(STOCK.old)]);
    }
}

#[test]
fn a_missing_tag_is_asked_for_again_only_where_head_may_not_be_known() {
    let absent = || Fault::Answer(Answer::status(404));
    // The registry marks its answer, says nothing about itself, or has found another tag.
    for (is_marked, more, gets) in [(true, true, 0), (false, true, 1), (false, false, 0)] {
        let registry = Scripted::start(STOCK.state());
        registry.with(|state| {
            state.account = None;
            state.point("app", "1.0.SNAPSHOT", STOCK.new);
        });
        if !is_marked {
            registry.script(request("HEAD", TAG), When::Only(1), absent());
        }
        let digest = STOCK.new.to_string();
        let named: &[&str] = if more { &["--digest", &digest] } else { &[] };
        // Without an account: one would be tried where a tag seems to be absent.
        let sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", registry.repository("app"));
        let ran = sandbox.run(["promote", "backend"].iter().chain(named));
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        let asked = registry.asked();
        let found = asked
            .iter()
            .filter(|line| line.starts_with("GET") && line.ends_with(TAG));
        assert_eq!(found.count(), gets, "{asked:?}");
    }
}

#[test]
fn a_refusal_says_what_to_do() {
    let error = |status, message| Answer::error(status, "DENIED", message);
    let cases = [
        (error(400, "bad"), 1, "curl -i"),
        (error(402, "unpaid"), 7, "ask whoever keeps the registry"),
        (error(405, "unsupported"), 1, "read-only, or a cache"),
        (error(409, "conflict"), 1, "may lock the tag"),
        (error(412, "precondition"), 1, "may lock the tag"),
        (error(413, "too large"), 1, "client_max_body_size"),
        (error(422, "unprocessable"), 1, "curl -i"),
        (error(423, ""), 1, "may lock the tag"),
        (error(451, "legal"), 1, "curl -i"),
        (error(507, "full"), 7, "delete images"),
        (
            error(
                403,
                "adding 1 MiB of storage resource will exceed the configured upper limit of 1 GiB",
            ),
            7,
            "delete images",
        ),
        (error(412, "project quota exceeded"), 7, "delete images"),
    ];
    for (answer, code, hint) in cases {
        let registry = Scripted::start(STOCK.state());
        let status = answer.status.to_string();
        registry.script(request("PUT", TAG), When::From(1), Fault::Answer(answer));
        let ran = promote_in(&sandbox(&registry), STOCK.new, &[]);
        ran.fails(code, &[&status, "hint: ", hint]);
    }
}

#[test]
fn the_last_try_hides_no_reason_where_only_the_time_was_too_short_for_it() {
    let registry = Scripted::start(STOCK.state());
    let get = || request("GET", STOCK.new);
    let busy = Fault::Answer(Answer::status(503).body("text/plain", "at work"));
    registry.script(get(), When::Only(1), busy);
    registry.script(get(), When::From(2), Fault::Silence);
    let digest = STOCK.new.to_string();
    let line = ["--timeout", "8", "promote", "backend", "--digest", &digest];
    let ran = sandbox(&registry).run(line);
    ran.fails(7, &["no answer in time; before that, 503 ", "at work"]);
}

#[test]
fn what_is_no_registry_or_no_manifest_is_told_with_what_to_look_at() {
    let get = || request("GET", STOCK.new);
    let page = Answer::status(404).body("text/html", "<h1>Not Found</h1>");
    let large = Answer::status(200).body("application/json", vec![b' '; 5 << 20]);
    let schema_1 = Answer::status(200).body("application/json", r#"{"schemaVersion":1}"#);
    for (answer, code, words) in [
        (page, 5, "no registry answers there"),
        (large, 1, "more than 4194304 bytes"),
        (schema_1, 7, "the answer is no manifest"),
    ] {
        let registry = Scripted::start(STOCK.state());
        registry.script(get(), When::From(1), Fault::Answer(answer));
        let hint = format!("`curl -i http://{}/v2/`", registry.host());
        promote_in(&sandbox(&registry), STOCK.new, &[]).fails(code, &[words, "hint: ", &hint]);
    }
}

#[test]
fn a_platform_that_is_missing_is_told_with_what_to_do() {
    let mut stock = Stock::new();
    let image = stock.image("image");
    let index = index_of(&[&image]);
    stock.take(&index);
    stock
        .state
        .repository("app")
        .manifests
        .remove(&image.digest());
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let ran = promote(&source, &target, index.digest(), "60");
    ran.fails(5, &["is missing, although", "hint: push the image again"]);
}

#[test]
fn errors_without_end_are_told_in_part() {
    let registry = Scripted::start(STOCK.state());
    // Each letter has two bytes, and none of them is cut in half.
    for odd in ["", "x"] {
        let message = odd.to_owned() + &"é".repeat(20_000);
        let refusal = Fault::Answer(Answer::error(403, "DENIED", &message));
        registry.heal();
        registry.script(request("PUT", TAG), When::From(1), refusal);
        let ran = promote_in(&sandbox(&registry), STOCK.new, &[]);
        ran.fails(6, &[&format!("DENIED {odd}éé"), "é (", "hint: check"]);
        assert!(ran.stderr.len() < 4000, "{}", ran.stderr.len());
    }
}

#[test]
fn a_registry_of_this_machine_that_speaks_tls_is_told_how_it_is_spoken_to() {
    for words in [
        "Client sent an HTTP request to an HTTPS server.\n",
        "<center>The plain HTTP request was sent to HTTPS port</center>",
    ] {
        let registry = Scripted::start(STOCK.state());
        let answer = Answer::status(400).body("text/plain", words);
        for method in METHODS {
            let matching = Matching::new(method, "");
            registry.script(matching, When::From(1), Fault::Answer(answer.clone()));
        }
        let hint = format!(
            "hint: plain HTTP is spoken to this machine: serve {} without TLS",
            registry.host()
        );
        promote_in(&sandbox(&registry), STOCK.new, &[]).fails(1, &["400 Bad Request", &hint]);
    }
}
