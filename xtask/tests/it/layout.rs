//! Promotion where everything lies on disk.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::Write as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::process::Command;

use serde_json::json;
use xtask::oci::{Digest, Manifest, MediaType, References};
use xtask::registry::Repository as _;

use crate::support::image::{Image, layout, write_index};
use crate::support::{SERVICES, Sandbox, output_of};

const ABSENT: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Breaks a layout at one of its blobs.
type Break = fn(&Sandbox, &str);

/// What a tag of a service's repository points at.
fn tag(sandbox: &Sandbox, service: &str, tag: &str) -> Option<String> {
    let layout = layout(&sandbox.path(&format!("target/registry/{service}")));
    layout
        .resolve(&tag.parse().unwrap())
        .unwrap()
        .map(|digest| digest.to_string())
}

#[test]
fn a_promotion_points_the_tag_and_writes_the_records() {
    let mut sandbox = Sandbox::new().with("USER", "somebody");
    let digest = sandbox.has_staged("one").to_string();

    let object = sandbox.one(
        0,
        &["promote-to-production", "backend", "--digest", &digest],
    );
    assert_eq!(object["service"], "backend");
    assert_eq!(object["outcome"], "promoted");
    assert_eq!(object["repository"], "oci:registry/backend");
    assert_eq!(object["tag"], "1.0.RELEASE");
    assert_eq!(object["digest"], json!(digest));
    assert_eq!(object["previous"], json!(null));
    assert_eq!(object["requests"], 0);
    assert_eq!(
        tag(&sandbox, "backend", "1.0.RELEASE"),
        Some(digest.clone())
    );

    let detail = format!(r#"{{"ImageURI":"oci:registry/backend@{digest}"}}"#);
    assert_eq!(
        sandbox.record("production", "backend", "imageDetail.json"),
        detail
    );
    let promotion: serde_json::Value =
        serde_json::from_str(&sandbox.record("production", "backend", "promotion.json")).unwrap();
    assert_eq!(promotion["digest"], json!(digest));
    assert_eq!(
        promotion["commit"],
        "0123456789abcdef0123456789abcdef01234567"
    );
    assert_eq!(promotion["previous"], json!(null));

    sandbox.set("USER", "somebody-else");
    let again = sandbox.one(0, &["promote", "backend", "--digest", &digest]);
    assert_eq!(again["outcome"], "unchanged");
    let kept: serde_json::Value =
        serde_json::from_str(&sandbox.record("production", "backend", "promotion.json")).unwrap();
    assert_eq!(kept, promotion, "a repeated promotion releases nothing");
}

#[test]
fn staging_gets_the_tag_and_the_tag_of_the_commit() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    assert_eq!(
        tag(&sandbox, "backend", "1.0.SNAPSHOT"),
        Some(digest.clone())
    );
    assert_eq!(
        tag(&sandbox, "backend", "1.0.SNAPSHOT-0123456789ab"),
        Some(digest)
    );
    assert_eq!(
        sandbox.one(0, &["staging-tag", "backend"])["outcome"],
        "unchanged"
    );
}

#[test]
fn a_displaced_image_is_kept_and_rolled_back_to() {
    let sandbox = Sandbox::new();
    let first = sandbox.has_staged("first").to_string();
    sandbox.ok(["promote", "backend", "--digest", &first]);
    let second = sandbox.has_staged("second").to_string();
    let object = sandbox.one(0, &["promote", "backend", "--digest", &second]);
    assert_eq!(object["previous"], json!(first));
    assert_eq!(
        tag(&sandbox, "backend", "1.0.RELEASE-previous"),
        Some(first.clone())
    );

    let dry = sandbox.one(0, &["rollback", "backend", "--dry-run"]);
    assert_eq!(dry["outcome"], "planned");
    assert_eq!(
        tag(&sandbox, "backend", "1.0.RELEASE"),
        Some(second.clone())
    );

    let back = sandbox.ok(["rollback", "backend"]);
    assert_eq!(back.line(), first);
    assert!(
        back.stderr.contains("aws ecs update-service"),
        "{}",
        back.stderr
    );
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), Some(first.clone()));
    assert_eq!(
        tag(&sandbox, "backend", "1.0.RELEASE-previous"),
        Some(second.clone())
    );
    assert!(
        sandbox
            .record("production", "backend", "imageDetail.json")
            .contains(&first)
    );

    assert_eq!(
        sandbox.one(0, &["rollback", "backend", "--to", &second])["outcome"],
        "rolled-back"
    );
    assert_eq!(
        sandbox.one(0, &["rollback", "backend", "--to", &second])["outcome"],
        "unchanged"
    );
    assert_eq!(
        tag(&sandbox, "backend", "1.0.RELEASE-previous"),
        Some(first)
    );
    sandbox
        .run(["rollback", "backend", "--to", "9.9.RELEASE"])
        .fails(5, &["9.9.RELEASE"]);
}

#[test]
fn what_to_type_next_follows_the_outcome_where_production_has_changed() {
    let sandbox = Sandbox::new();
    for content in ["first", "second"] {
        sandbox.has_staged(content);
        sandbox.ok(["promote"]);
    }
    let ran = sandbox.ok(["rollback"]);
    let lines: Vec<_> = ran.stderr.lines().collect();
    for service in SERVICES {
        let moved = format!("oci:registry/{service}:1.0.RELEASE moved from");
        let moved = lines.iter().position(|line| line.starts_with(&moved));
        let next = &lines[moved.unwrap() + 1..];
        let definitions = format!("`cargo xtask imagedefinitions {service} --environment");
        for (line, words) in next.iter().zip([
            "no running task has changed",
            &definitions,
            "register a revision",
            &format!("--service {service} --task-definition"),
        ]) {
            let is_hint = line.starts_with("hint: ") && line.contains(words);
            assert!(is_hint && line.len() < 150, "{line}");
        }
    }
    let digest = ran.stdout.lines().next().unwrap();
    for arguments in [
        &["rollback", "backend", "--to", digest][..],
        &["rollback", "--dry-run"],
    ] {
        let ran = sandbox.ok(arguments);
        assert!(!ran.stderr.contains("hint: "), "{}", ran.stderr);
    }
}

#[test]
fn without_a_previous_image_there_is_nothing_to_roll_back_to() {
    let sandbox = Sandbox::new();
    sandbox
        .run(["rollback", "backend"])
        .fails(5, &["oci:registry/backend:1.0.RELEASE"]);
    let digest = sandbox.has_staged("one").to_string();
    sandbox.ok(["promote", "backend", "--digest", &digest]);
    sandbox
        .run(["rollback", "backend"])
        .fails(5, &["1.0.RELEASE-previous", "hint: ", "--to"]);
}

#[test]
fn where_one_service_has_nothing_to_go_back_to_none_goes_back() {
    let sandbox = Sandbox::new();
    let first = sandbox.has_staged("first").to_string();
    sandbox.ok(["promote"]);
    let second = sandbox.has_staged("second").to_string();
    sandbox.ok(["promote", "backend", "--digest", &second]);
    let objects = sandbox.json(5, &["rollback"]);
    assert_eq!(objects[0]["outcome"], "planned");
    assert_eq!(objects[1]["error"]["kind"], "not-found");
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), Some(second));
    assert_eq!(
        tag(&sandbox, "backend", "1.0.RELEASE-previous"),
        Some(first)
    );
}

#[test]
fn a_dry_run_changes_nothing() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    let object = sandbox.one(0, &["promote", "backend", "--digest", &digest, "--dry-run"]);
    assert_eq!(object["outcome"], "planned");
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), None);
    assert!(!sandbox.path("target/delivery/production").exists());
}

#[test]
fn an_expectation_that_does_not_hold_is_a_race() {
    let sandbox = Sandbox::new();
    let first = sandbox.has_staged("first").to_string();
    sandbox
        .run(["promote", "backend", "--digest", &first, "--expect", ABSENT])
        .fails(8, &["does not exist", ABSENT]);
    sandbox.ok([
        "promote", "backend", "--digest", &first, "--expect", "absent",
    ]);
    let second = sandbox.has_staged("second").to_string();
    sandbox
        .run([
            "promote", "backend", "--digest", &second, "--expect", "absent",
        ])
        .fails(8, &[&first]);
    sandbox.ok([
        "promote", "backend", "--digest", &second, "--expect", &first,
    ]);
    // What was expected no longer holds, but what was wanted does.
    assert_eq!(
        sandbox.one(
            0,
            &[
                "promote", "backend", "--digest", &second, "--expect", &first
            ]
        )["outcome"],
        "unchanged"
    );
}

#[test]
fn an_immutable_tag_is_set_once() {
    let sandbox = Sandbox::new();
    sandbox.edit(
        "backend/Cargo.toml",
        "port = 8080",
        "port = 8080\nproduction-tag = \"immutable\"",
    );
    let first = sandbox.has_staged("first").to_string();
    sandbox.ok(["promote", "backend", "--digest", &first]);
    assert_eq!(
        sandbox.one(0, &["promote", "backend", "--digest", &first])["outcome"],
        "unchanged"
    );
    let second = sandbox.has_staged("second").to_string();
    sandbox
        .run(["promote", "backend", "--digest", &second])
        .fails(3, &["immutable", "hint: raise the version"]);
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), Some(first));
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE-previous"), None);
    sandbox
        .run(["rollback", "backend"])
        .fails(3, &["immutable"]);
}

#[test]
fn where_one_plan_fails_nothing_is_promoted() {
    let sandbox = Sandbox::new().with("BACKEND_TESTED_DIGEST", ABSENT);
    sandbox.has_staged("one");
    let objects = sandbox.json(5, &["promote-to-production"]);
    assert_eq!(objects[0]["outcome"], "failed");
    assert_eq!(objects[0]["error"]["kind"], "not-found");
    assert_eq!(objects[1]["outcome"], "planned");
    for service in SERVICES {
        assert_eq!(tag(&sandbox, service, "1.0.RELEASE"), None);
    }
    assert!(!sandbox.path("target/delivery/production").exists());
}

#[test]
fn an_image_with_a_missing_part_stops_all_before_the_first_change() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one");
    let missing = layer(&sandbox, "backend", digest);
    fs::remove_file(&missing).unwrap();
    for arguments in [&["promote"][..], &["promote", "--dry-run"]] {
        let objects = sandbox.json(1, arguments);
        assert_eq!(objects[0]["outcome"], "failed");
        assert!(
            objects[0]["error"]["message"]
                .as_str()
                .unwrap()
                .contains(missing.to_str().unwrap())
        );
        assert_eq!(objects[1]["outcome"], "planned");
    }
    for service in SERVICES {
        assert_eq!(tag(&sandbox, service, "1.0.RELEASE"), None);
    }
}

/// The path of the layer of the image with that digest in a service's repository.
fn layer(sandbox: &Sandbox, service: &str, digest: Digest) -> PathBuf {
    let folder = sandbox.path(&format!("target/registry/{service}"));
    let manifest = layout(&folder).manifest(&digest).unwrap().unwrap();
    let References::Image { blobs } = manifest.references() else {
        panic!("it is an image");
    };
    folder.join("blobs/sha256").join(blobs[1].digest.hex())
}

#[test]
fn an_image_with_a_missing_part_is_not_gone_back_to() {
    let sandbox = Sandbox::new();
    let first = sandbox.has_staged("first");
    sandbox.ok(["promote"]);
    let second = sandbox.has_staged("second").to_string();
    sandbox.ok(["promote"]);
    let layer = layer(&sandbox, "backend-for-frontend", first);
    fs::remove_file(&layer).unwrap();
    for arguments in [&["rollback"][..], &["rollback", "--dry-run"]] {
        let objects = sandbox.json(1, arguments);
        assert_eq!(objects[0]["outcome"], "planned");
        let message = objects[1]["error"]["message"].as_str().unwrap();
        assert!(message.contains(layer.to_str().unwrap()), "{message}");
    }
    for service in SERVICES {
        assert_eq!(tag(&sandbox, service, "1.0.RELEASE"), Some(second.clone()));
    }
}

#[test]
fn an_image_with_a_missing_part_keeps_no_other_from_its_place() {
    let sandbox = Sandbox::new();
    let good = sandbox.has_staged("good").to_string();
    sandbox.ok(["promote", "backend"]);
    let broken = sandbox.has_staged("broken");
    sandbox.ok(["promote", "backend"]);
    fs::remove_file(layer(&sandbox, "backend", broken)).unwrap();
    assert_eq!(sandbox.ok(["rollback", "backend"]).line(), good);
    let kept = tag(&sandbox, "backend", "1.0.RELEASE-previous");
    assert_eq!(kept, Some(broken.to_string()));
}

#[test]
fn a_displaced_manifest_that_is_missing_stops_all_before_the_first_change() {
    let sandbox = Sandbox::new();
    let first = sandbox.has_staged("first");
    sandbox.ok(["promote"]);
    let second = sandbox.has_staged("second");
    let missing = format!("target/registry/backend/blobs/sha256/{}", first.hex());
    fs::remove_file(sandbox.path(&missing)).unwrap();
    for arguments in [&["promote"][..], &["promote", "--dry-run"]] {
        let objects = sandbox.json(1, arguments);
        let message = objects[0]["error"]["message"].as_str().unwrap();
        assert!(message.contains(&missing), "{message}");
        assert_eq!(objects[1]["outcome"], "planned");
    }
    let other = tag(&sandbox, "backend-for-frontend", "1.0.RELEASE");
    assert_eq!(other, Some(first.to_string()));
    // Whoever names it knows that it is lost.
    let ran = sandbox.run(["promote", "backend"]);
    ran.fails(1, &[&format!("--digest {second} --expect {first}")]);
    sandbox.ok(["promote", "backend", "--expect", &first.to_string()]);
    let found = ["1.0.RELEASE", "1.0.RELEASE-previous"].map(|name| tag(&sandbox, "backend", name));
    assert_eq!(found, [Some(second.to_string()), None]);
}

#[test]
fn where_some_services_go_back_and_others_do_not_each_is_told() {
    let sandbox = Sandbox::new();
    sandbox.has_staged("first");
    sandbox.ok(["promote"]);
    sandbox.has_staged("second");
    sandbox.ok(["promote"]);
    obstruct(&sandbox, "intention.json");
    sandbox.run(["rollback"]).fails(
        1,
        &[
            "error: rolled back: backend-for-frontend; not rolled back: backend",
            "`cargo xtask rollback backend` finishes the work",
        ],
    );
}

#[test]
fn a_blob_with_more_than_its_content_is_broken() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one");
    let path = layer(&sandbox, "backend", digest);
    let mut file = OpenOptions::new().append(true).open(&path).unwrap();
    file.write_all(&[0; 8192]).unwrap();
    let digest = digest.to_string();
    sandbox
        .run(["promote", "backend", "--digest", &digest])
        .fails(1, &[path.to_str().unwrap(), "bytes, not"]);
}

#[test]
fn another_images_trouble_keeps_no_image_from_another_repository() {
    let mut sandbox = Sandbox::new();
    sandbox.has_own_production("oci:registry/released".into());
    let digest = sandbox.has_staged("one").to_string();
    let folder = sandbox.path("target/registry/backend");
    let manifest = format!(
        r#"{{"schemaVersion":2,"layers":[{{"digest":"sha512:{:0128}"}}]}}"#,
        0
    );
    let stranger = layout(&folder)
        .store(MediaType::OciManifest.name(), manifest.as_bytes())
        .unwrap();
    let path = folder.join("index.json");
    let mut index: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
    index["manifests"]
        .as_array_mut()
        .unwrap()
        .push(json!(stranger));
    fs::write(&path, index.to_string()).unwrap();
    let ran = sandbox.ok(["promote", "backend", "--digest", &digest]);
    let word = format!("{} is passed over", stranger.digest);
    assert!(ran.stderr.contains(&word), "{}", ran.stderr);
}

#[test]
fn indexes_lie_in_each_other_only_so_deep() {
    let sandbox = Sandbox::new();
    sandbox.has_staged("one");
    let layout = layout(&sandbox.path("target/registry/backend"));
    let mut manifest = write_index(&layout);
    for _ in 0..9 {
        layout
            .put_manifest(&manifest.digest().into(), &manifest)
            .unwrap();
        let document = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OciIndex.name(),
            "manifests": [manifest.descriptor(), manifest.descriptor()],
        });
        manifest = Manifest::parse(document.to_string().into(), None).unwrap();
    }
    layout
        .put_manifest(&manifest.digest().into(), &manifest)
        .unwrap();
    sandbox
        .run([
            "promote",
            "backend",
            "--digest",
            &manifest.digest().to_string(),
        ])
        .fails(1, &["lies in more than 8 indexes"]);
}

/// A folder where a record of backend should be written.
fn obstruct(sandbox: &Sandbox, record: &str) -> PathBuf {
    let path = sandbox
        .path("target/delivery/production/backend")
        .join(record);
    let _ = fs::remove_file(&path);
    fs::create_dir_all(path.join("in the way")).unwrap();
    path
}

#[test]
fn a_promotion_that_was_not_recorded_is_recorded_by_the_next_run() {
    let sandbox = Sandbox::new();
    let first = sandbox.has_staged("first").to_string();
    sandbox.ok(["promote", "backend", "--digest", &first]);
    let second = sandbox.has_staged("second").to_string();
    let obstacle = obstruct(&sandbox, "imageDetail.json");
    sandbox
        .run(["promote", "backend", "--digest", &second])
        .fails(1, &["1.0.RELEASE points at", "not recorded"]);
    fs::remove_dir_all(obstacle).unwrap();
    let again = sandbox.one(0, &["promote", "backend", "--digest", &second]);
    assert_eq!(again["outcome"], "unchanged");
    let record: serde_json::Value =
        serde_json::from_str(&sandbox.record("production", "backend", "promotion.json")).unwrap();
    assert_eq!(record["previous"], json!(first));
    assert_eq!(record["commit"], "0123456789abcdef0123456789abcdef01234567");
}

#[test]
fn a_promotion_that_was_not_recorded_is_not_told_as_one_that_is_missing() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    obstruct(&sandbox, "imageDetail.json");
    let ran = sandbox.run(["promote"]);
    ran.fails(1, &["1.0.RELEASE points at", "not recorded"]);
    assert!(!ran.stderr.contains("not promoted"), "{}", ran.stderr);
    for service in SERVICES {
        assert_eq!(tag(&sandbox, service, "1.0.RELEASE"), Some(digest.clone()));
    }
}

#[test]
fn a_rollback_that_was_not_recorded_does_not_go_back_once_more() {
    let sandbox = Sandbox::new();
    let good = sandbox.has_staged("good").to_string();
    sandbox.ok(["promote", "backend", "--digest", &good]);
    let bad = sandbox.has_staged("bad").to_string();
    sandbox.ok(["promote", "backend", "--digest", &bad]);
    let obstacle = obstruct(&sandbox, "imageDetail.json");
    sandbox
        .run(["rollback", "backend"])
        .fails(1, &["1.0.RELEASE points at", "not recorded"]);
    fs::remove_dir_all(obstacle).unwrap();
    let again = sandbox.one(0, &["rollback", "backend"]);
    assert_eq!(again["outcome"], "rolled-back");
    assert_eq!(again["digest"], json!(good));
    assert_eq!(again["previous"], json!(bad));
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), Some(good.clone()));
    assert!(
        sandbox
            .record("production", "backend", "imageDetail.json")
            .contains(&good)
    );
    // What is finished is forgotten: the next one is a rollback of its own.
    assert_eq!(
        sandbox.one(0, &["rollback", "backend"])["digest"],
        json!(bad)
    );
}

#[test]
fn a_rollback_that_was_not_recorded_is_not_told_as_one_that_is_missing() {
    let sandbox = Sandbox::new();
    for content in ["good", "bad"] {
        sandbox.has_staged(content);
        sandbox.ok(["promote"]);
    }
    obstruct(&sandbox, "imageDetail.json");
    let ran = sandbox.run(["rollback"]);
    ran.fails(
        1,
        &["not recorded; `cargo xtask rollback backend` records it"],
    );
    assert!(!ran.stderr.contains("not rolled back"), "{}", ran.stderr);
}

#[test]
fn a_repository_where_images_are_built_is_refused() {
    let mut sandbox = Sandbox::new();
    sandbox.has_built("backend", Image::new("one"));
    sandbox.has_built("backend-for-frontend", Image::new("one"));
    for folder in ["images/backend", "registry/../images/backend-for-frontend"] {
        fs::create_dir_all(sandbox.path("target/registry")).unwrap();
        sandbox.set("BACKEND_IMAGE_REPO_NAME", format!("oci:{folder}"));
        sandbox.run(["staging-tag", "backend"]).fails(
            4,
            &[
                folder,
                "hint: ",
                "BACKEND_IMAGE_REPO_NAME=oci:registry/backend",
            ],
        );
    }
}

#[test]
fn results_keep_the_order_of_the_arguments() {
    let sandbox = Sandbox::new();
    sandbox.has_staged("one");
    let names = |objects: Vec<serde_json::Value>| {
        objects
            .into_iter()
            .map(|object| object["service"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(
        names(sandbox.json(0, &["promote", "bff", "backend", "bff"])),
        ["backend-for-frontend", "backend"]
    );
    assert_eq!(names(sandbox.json(0, &["promote"])), SERVICES);
}

#[test]
fn the_digest_is_the_tested_one_even_where_staging_has_moved_on() {
    let mut sandbox = Sandbox::new();
    let tested = sandbox.has_staged("tested").to_string();
    sandbox.has_staged("later");
    sandbox.set("BACKEND_TESTED_DIGEST", &tested);
    let ran = sandbox.ok(["promote", "backend"]);
    assert_eq!(ran.line(), tested);
    assert!(
        ran.stderr.contains("as BACKEND_TESTED_DIGEST says"),
        "{}",
        ran.stderr
    );
}

#[test]
fn an_untested_digest_is_taken_with_a_warning_but_never_in_codebuild() {
    let mut sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    let ran = sandbox.ok(["promote", "backend"]);
    assert_eq!(ran.line(), digest);
    assert!(
        ran.stderr.contains("nobody says that it was tested"),
        "{}",
        ran.stderr
    );
    sandbox.set("CODEBUILD_BUILD_ID", "project:1");
    sandbox
        .run(["--parameters", "local", "promote", "backend"])
        .fails(4, &["BACKEND_TESTED_DIGEST"]);
    sandbox.set("BACKEND_TESTED_DIGEST", "");
    sandbox
        .run(["--parameters", "local", "promote", "backend"])
        .fails(4, &["BACKEND_TESTED_DIGEST", "empty"]);
}

#[test]
fn an_image_from_a_dirty_tree_warns_nobody_on_disk() {
    let sandbox = Sandbox::new();
    let dirty = Image {
        revision: "0123456789abcdef0123456789abcdef01234567-dirty",
        ..Image::new("dirty")
    };
    let digest = sandbox.has_built("backend", dirty).to_string();
    sandbox.ok(["staging-tag", "backend"]);
    assert_eq!(
        tag(&sandbox, "backend", "1.0.SNAPSHOT-0123456789ab-dirty"),
        Some(digest.clone())
    );
    sandbox.ok(["promote", "backend", "--digest", &digest]);
}

#[test]
fn image_definitions_name_the_tag_or_the_digest() {
    let mut sandbox = Sandbox::new();
    sandbox
        .run([
            "imagedefinitions",
            "backend",
            "--environment",
            "production",
            "--by-digest",
        ])
        .fails(
            5,
            &[
                "imageDetail.json",
                "hint: cargo xtask promote-to-production backend",
            ],
        );
    let digest = sandbox.has_staged("one").to_string();
    sandbox.ok(["promote"]);
    let ran = sandbox.ok(["imagedefinitions", "--environment", "production"]);
    assert_eq!(ran.stdout.lines().count(), 2);
    assert_eq!(
        sandbox.record(
            "production",
            "backend-for-frontend",
            "imagedefinitions.json"
        ),
        r#"[{"name":"mynavi-sample-continuous-delivery-bff-production","imageUri":"oci:registry/backend-for-frontend:1.0.RELEASE"}]"#
    );
    sandbox.ok([
        "imagedefinitions",
        "backend",
        "--environment",
        "production",
        "--by-digest",
        "--output",
        "out.json",
    ]);
    let expected = format!(
        r#"[{{"name":"mynavi-sample-continuous-delivery-backend-production","imageUri":"oci:registry/backend@{digest}"}}]"#
    );
    assert_eq!(sandbox.read("out.json"), expected);
    // A record of another repository is not believed.
    sandbox.set("BACKEND_IMAGE_REPO_NAME", "debugroom/mynavi-sample-backend");
    sandbox
        .run([
            "imagedefinitions",
            "backend",
            "--environment",
            "production",
            "--by-digest",
        ])
        .fails(5, &["imageDetail.json"]);
    sandbox.ok(["imagedefinitions", "backend", "--environment", "production"]);
    assert_eq!(
        sandbox.record("production", "backend", "imagedefinitions.json"),
        r#"[{"name":"mynavi-sample-continuous-delivery-backend-production","imageUri":"debugroom/mynavi-sample-backend:1.0.RELEASE"}]"#
    );
}

#[test]
fn an_index_is_promoted_whole() {
    let sandbox = Sandbox::new();
    let built = layout(&sandbox.path("target/images/backend"));
    let index = write_index(&built);
    built
        .put_manifest(
            &"built".parse::<xtask::oci::Tag>().as_ref().unwrap().into(),
            &index,
        )
        .unwrap();
    sandbox.ok(["staging-tag", "backend"]);
    let object = sandbox.one(
        0,
        &[
            "promote",
            "backend",
            "--digest",
            &index.digest().to_string(),
        ],
    );
    assert_eq!(object["outcome"], "promoted");
    let target = layout(&sandbox.path("target/registry/backend"));
    assert_eq!(
        target.manifest(&index.digest()).unwrap().unwrap().bytes(),
        index.bytes()
    );
}

#[test]
fn production_can_have_a_repository_of_its_own() {
    let sandbox = Sandbox::new().with(
        "BACKEND_IMAGE_REPO_NAME_PRODUCTION",
        "oci:registry/released",
    );
    sandbox.edit(
        "backend/Cargo.toml",
        "port = 8080",
        "port = 8080\nproduction-repository = true",
    );
    let digest = sandbox.has_staged("one").to_string();
    let object = sandbox.one(0, &["promote", "backend", "--digest", &digest]);
    assert_eq!(object["repository"], "oci:registry/released");
    assert_eq!(
        tag(&sandbox, "released", "1.0.RELEASE"),
        Some(digest.clone())
    );
    assert_eq!(
        tag(&sandbox, "released", "1.0.SNAPSHOT-0123456789ab"),
        Some(digest)
    );
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), None);
}

#[test]
fn a_broken_layout_is_told_and_nothing_is_promoted() {
    let ways: [(&str, Break); 4] = [
        ("missing", |sandbox, blob| {
            fs::remove_file(sandbox.path(blob)).unwrap()
        }),
        ("has the digest", |sandbox, blob| sandbox.write(blob, "{}")),
        ("no index of an OCI layout", |sandbox, _| {
            sandbox.write("target/registry/backend/index.json", "<html>")
        }),
        ("no index of an OCI layout", |sandbox, _| {
            sandbox.write("target/registry/backend/index.json", "")
        }),
    ];
    for (word, break_it) in ways {
        let sandbox = Sandbox::new();
        let digest = sandbox.has_staged("one");
        break_it(
            &sandbox,
            &format!("target/registry/backend/blobs/sha256/{}", digest.hex()),
        );
        sandbox
            .run(["promote", "backend", "--digest", &digest.to_string()])
            .fails(1, &[word]);
        assert!(!sandbox.path("target/delivery/production").exists());
    }
}

#[test]
fn the_digest_of_a_part_of_an_image_is_no_image() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one");
    sandbox.ok(["promote", "backend"]);
    let target = layout(&sandbox.path("target/registry/backend"));
    let manifest = target.manifest(&digest).unwrap().unwrap();
    let References::Image { blobs } = manifest.references() else {
        panic!("an image is no index");
    };
    for blob in blobs {
        let digest = blob.digest.to_string();
        for arguments in [["promote", "--digest"], ["rollback", "--to"]] {
            let ran = sandbox.run([arguments[0], "backend", arguments[1], &digest]);
            ran.fails(5, &[&digest, "is no image", "hint: "]);
        }
    }
}

#[test]
fn an_image_with_a_missing_layer_is_not_promoted() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one");
    let target = layout(&sandbox.path("target/registry/backend"));
    let manifest = target.manifest(&digest).unwrap().unwrap();
    let References::Image { blobs } = manifest.references() else {
        panic!("an image is no index");
    };
    fs::remove_file(sandbox.path(&format!(
        "target/registry/backend/blobs/sha256/{}",
        blobs[1].digest.hex()
    )))
    .unwrap();
    sandbox
        .run(["promote", "backend", "--digest", &digest.to_string()])
        .fails(1, &["broken", &blobs[1].digest.hex()]);
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), None);
}

#[test]
fn commands_at_once_on_one_layout_leave_it_whole() {
    let sandbox = Sandbox::new();
    let digests = ["a", "b", "c", "d"].map(|content| sandbox.has_staged(content).to_string());
    let children: Vec<_> = (0..12)
        .map(|index| {
            let mut command =
                sandbox.command(["promote", "backend", "--digest", &digests[index % 4]]);
            command
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            command.spawn().unwrap()
        })
        .collect();
    for mut child in children {
        let code = child.wait().unwrap().code();
        assert!(
            matches!(code, Some(0 | 8)),
            "promoted or raced, not {code:?}"
        );
    }
    assert!(digests.contains(&tag(&sandbox, "backend", "1.0.RELEASE").unwrap()));
    // Whatever won, the tags are all there and the next command works.
    assert_eq!(
        tag(&sandbox, "backend", "1.0.SNAPSHOT"),
        Some(digests[3].clone())
    );
    sandbox.ok(["promote", "backend", "--digest", &digests[0]]);
}

#[test]
fn a_disk_that_is_full_loses_nothing() {
    let sandbox = Sandbox::new();
    let first = sandbox.has_staged("first").to_string();
    sandbox.ok(["promote", "backend", "--digest", &first]);
    let second = sandbox.has_staged("second").to_string();
    // Every file that the tool writes may have so many bytes: writing more fails as on a full disk.
    let full = "ulimit -f 0; trap '' XFSZ";
    let ran = sandbox.run_after(full, &["promote", "backend", "--digest", &second]);
    ran.fails(1, &["writing"]);
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), Some(first));
    assert_eq!(
        sandbox.one(0, &["promote", "backend", "--digest", &second])["outcome"],
        "promoted"
    );
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    // A file where a folder is due fails for everybody, root included.
    fs::create_dir_all(sandbox.path("target/delivery")).unwrap();
    sandbox.write("target/delivery/production", "in the way");
    sandbox
        .run(["promote", "backend", "--digest", &digest])
        .fails(1, &["target/delivery/production/backend"]);
    assert_eq!(
        tag(&sandbox, "backend", "1.0.RELEASE"),
        None,
        "what cannot be recorded is not done"
    );
    fs::remove_file(sandbox.path("target/delivery/production")).unwrap();
    assert_eq!(
        sandbox.one(0, &["promote", "backend", "--digest", &digest])["outcome"],
        "promoted"
    );
    assert!(
        sandbox
            .record("production", "backend", "imageDetail.json")
            .contains(&digest)
    );
}

#[test]
fn an_output_that_is_a_link_is_written_where_it_leads() {
    let sandbox = Sandbox::new();
    let write = |output: &str| {
        let line = ["imagedefinitions", "backend", "--environment", "staging"];
        sandbox.run(line.into_iter().chain(["--output", output]))
    };
    symlink("second", sandbox.path("first")).unwrap();
    symlink("folder/definitions.json", sandbox.path("second")).unwrap();
    // The file is not there yet, and then it is.
    for _ in 0..2 {
        assert_eq!(write("first").code, Some(0));
        assert!(sandbox.path("first").is_symlink() && sandbox.path("second").is_symlink());
        assert!(sandbox.read("folder/definitions.json").contains("imageUri"));
        fs::write(sandbox.path("folder/definitions.json"), "old").unwrap();
    }
    symlink("circle", sandbox.path("circle")).unwrap();
    for output in ["circle", "backend", "/dev/stdout"] {
        write(output).fails(1, &[&format!("{output} is no file that could be replaced")]);
    }
}

#[test]
fn an_output_whose_name_is_no_utf_8_has_its_result() {
    let sandbox = Sandbox::new();
    let output = OsStr::from_bytes(b"definitions\xff.json");
    let line = "--format json imagedefinitions backend --environment staging --output";
    let ran = sandbox.ok(line.split(' ').map(OsStr::new).chain([output]));
    let objects: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(objects[0]["service"], "backend", "{objects}");
    assert!(sandbox.root().join(output).exists());
}

#[test]
fn files_are_readable_by_others() {
    let sandbox = Sandbox::new();
    sandbox.has_built("backend", Image::new("one"));
    // The umask of whoever runs the tests might take it away.
    let ran = sandbox.run_after("umask 022", &["staging-tag", "backend"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mode = fs::metadata(sandbox.path("target/registry/backend/index.json"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o044, 0o044);
}

#[test]
fn a_tag_without_room_for_the_one_that_keeps_is_refused() {
    let sandbox = Sandbox::new().with("BACKEND_IMAGE_TAG_PRODUCTION", "x".repeat(120));
    sandbox.has_staged("one");
    let ran = sandbox.run(["promote", "backend"]);
    ran.fails(
        4,
        &["leaves no room for -previous", "hint: shorten the tag"],
    );
}

#[test]
fn a_staging_tag_without_room_for_the_commits_is_refused_before_anything_is_moved() {
    let mut sandbox = Sandbox::new();
    sandbox.has_own_production("oci:released".into());
    let digest = sandbox.has_staged("one").to_string();
    sandbox.set("BACKEND_IMAGE_TAG_STAGING", "x".repeat(120));
    let ran = sandbox.run(["promote", "backend", "--digest", &digest]);
    ran.fails(4, &["leaves no room for -", "hint: shorten the tag"]);
    assert!(!sandbox.path("target/released").exists());
    assert!(!sandbox.path("target/delivery/production").exists());
}

#[test]
fn a_pipe_in_the_place_of_a_blob_holds_nobody_up() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one");
    let layer = layer(&sandbox, "backend", digest);
    fs::remove_file(&layer).unwrap();
    output_of(Command::new("mkfifo").arg(&layer));
    sandbox
        .run(["promote", "backend"])
        .fails(1, &[layer.to_str().unwrap(), "it is no regular file"]);
    sandbox.ok(["staging-tag", "backend"]);
    sandbox.ok(["promote", "backend"]);
}

#[test]
fn an_index_that_is_a_link_is_written_where_it_leads() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    let index = sandbox.path("target/registry/backend/index.json");
    fs::rename(&index, sandbox.path("shared.json")).unwrap();
    symlink(sandbox.path("shared.json"), &index).unwrap();
    sandbox.ok(["promote", "backend"]);
    assert!(index.is_symlink());
    assert!(sandbox.read("shared.json").contains("1.0.RELEASE"));
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), Some(digest));
}

#[test]
fn what_is_recorded_already_is_not_written_again() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    let promote = ["promote", "backend", "--digest", &digest];
    sandbox.ok(promote);
    // Nothing can be written any more.
    let ran = sandbox.run_after("ulimit -f 0; trap '' XFSZ", &promote);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn what_this_machine_does_not_do_is_told_with_what_to_do() {
    let mut sandbox = Sandbox::new();
    sandbox.has_staged("one");
    sandbox.write("archive.tar", "");
    let archive = sandbox.path("archive.tar").display().to_string();
    sandbox.set("BACKEND_IMAGE_REPO_NAME", format!("oci:{archive}"));
    sandbox
        .run(["promote", "backend"])
        .fails(1, &[&archive, "hint: ", "a folder"]);
    let mut sandbox = Sandbox::new();
    sandbox.write("file", "");
    sandbox.set(
        "CARGO_TARGET_DIR",
        sandbox.path("file").display().to_string(),
    );
    sandbox
        .run(["imagedefinitions", "backend", "--environment", "staging"])
        .fails(1, &["hint: ", "a folder"]);
    let sandbox = Sandbox::new();
    sandbox.has_staged("one");
    let index = sandbox.path("target/registry/backend/index.json");
    let index = OpenOptions::new().write(true).open(index).unwrap();
    index.set_len(65 * 1024 * 1024).unwrap();
    sandbox
        .run(["promote", "backend"])
        .fails(1, &["index.json", "hint: ", "larger"]);
}

#[test]
fn a_result_that_nobody_could_be_told_is_a_failure_of_what_was_done() {
    let sandbox = Sandbox::new();
    let digest = sandbox.has_staged("one").to_string();
    let line = ["promote", "backend", "--digest", &digest];
    let ran = sandbox.run_after("exec > /dev/full", &line);
    ran.fails(
        1,
        &[
            "standard output",
            "what the command did is done",
            "hint: ",
            "--dry-run",
        ],
    );
    assert_eq!(tag(&sandbox, "backend", "1.0.RELEASE"), Some(digest));
}

#[test]
fn help_that_nobody_could_be_told_is_a_failure() {
    let sandbox = Sandbox::new();
    for line in [&["--help"] as &[_], &["promote", "--help"], &["--version"]] {
        let ran = sandbox.run_after("exec > /dev/full", line);
        ran.fails(1, &["standard output"]);
    }
}
