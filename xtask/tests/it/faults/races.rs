//! Others at work on the same tags, tags that do not move, and several services.

use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use xtask::oci::References;
use xtask::registry::Repository as _;

use super::{STOCK, sandbox};
use crate::support::image::{Image, layout};
use crate::support::scripted::{Answer, Fault, Matching, Scripted, When};
use crate::support::{Ran, Sandbox, output_of, tell, wait_for_line};

pub(super) const TAG: &str = "1.0.RELEASE";

pub(super) fn request(method: &'static str, what: impl std::fmt::Display) -> Matching {
    Matching::new(method, format!("/v2/app/manifests/{what}"))
}

fn production(registry: &Scripted) -> Option<xtask::oci::Digest> {
    registry.with(|state| state.tag("app", TAG))
}

pub(super) fn promote(sandbox: &Sandbox, digest: xtask::oci::Digest, more: &[&str]) -> Ran {
    let digest = digest.to_string();
    let arguments = ["--timeout", "60", "promote", "backend", "--digest", &digest];
    sandbox.run(arguments.iter().chain(more))
}

#[test]
fn of_two_promotions_at_once_the_one_that_holds_the_tag_succeeds() {
    for _ in 0..10 {
        let registry = Scripted::start(STOCK.state());
        registry.delay(Duration::from_millis(5));
        let digests = [STOCK.old, STOCK.new];
        let codes = thread::scope(|scope| {
            let runs = digests.map(|digest| {
                let sandbox = sandbox(&registry);
                scope.spawn(move || promote(&sandbox, digest, &[]).code.unwrap())
            });
            runs.map(|run| run.join().unwrap())
        });
        assert!(codes.iter().all(|code| [0, 8].contains(code)), "{codes:?}");
        let holder = digests
            .iter()
            .position(|digest| Some(*digest) == production(&registry));
        assert_eq!(codes[holder.unwrap()], 0);
        assert_eq!(registry.with(|state| state.violations.clone()), [""; 0]);
    }
}

#[test]
fn two_promotions_of_the_same_digest_at_once_both_succeed() {
    let registry = Scripted::start(STOCK.state());
    registry.delay(Duration::from_millis(5));
    thread::scope(|scope| {
        for _ in 0..4 {
            let sandbox = sandbox(&registry);
            scope.spawn(move || assert_eq!(promote(&sandbox, STOCK.new, &[]).code, Some(0)));
        }
    });
    assert_eq!(production(&registry), Some(STOCK.new));
}

#[test]
fn a_tag_that_somebody_else_moved_to_the_same_digest_is_success() {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.old);
    let registry = Scripted::start(state);
    let moves = Fault::SomebodyMoves(TAG, STOCK.new);
    registry.script(request("GET", STOCK.old), When::Only(1), moves);
    let ran = promote(&sandbox(&registry), STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!(production(&registry), Some(STOCK.new));
}

#[test]
fn an_expectation_that_does_not_hold_is_a_race_and_changes_nothing() {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.foreign);
    let registry = Scripted::start(state);
    let sandbox = sandbox(&registry);
    let old = STOCK.old.to_string();
    let foreign = STOCK.foreign.to_string();
    promote(&sandbox, STOCK.new, &["--expect", &old]).fails(8, &[&old, &foreign, "hint: "]);
    promote(&sandbox, STOCK.new, &["--expect", "absent"]).fails(8, &["absent", &foreign]);
    assert!(registry.asked().iter().all(|line| !line.starts_with("PUT")));
    let ran = promote(&sandbox, STOCK.new, &["--expect", &foreign]);
    assert_eq!(
        (ran.code, production(&registry)),
        (Some(0), Some(STOCK.new))
    );
    // A repeated command is done, whatever it expected.
    assert_eq!(
        promote(&sandbox, STOCK.new, &["--expect", &foreign]).code,
        Some(0)
    );
}

#[test]
fn a_tag_that_moves_after_it_was_expected_is_a_race() {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.old);
    let registry = Scripted::start(state);
    let moves = Fault::SomebodyMoves(TAG, STOCK.foreign);
    registry.script(request("GET", STOCK.old), When::Only(1), moves);
    let expected = STOCK.old.to_string();
    let ran = promote(&sandbox(&registry), STOCK.new, &["--expect", &expected]);
    ran.fails(8, &[&STOCK.foreign.to_string(), &STOCK.new.to_string()]);
    assert_eq!(production(&registry), Some(STOCK.foreign));
}

#[test]
fn a_tag_that_moves_while_a_promotion_waits_is_not_overwritten() {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.old);
    let registry = Scripted::start(state);
    let busy = Fault::Answer(Answer::status(429).header("retry-after", "1"));
    registry.script(request("PUT", TAG), When::Only(1), busy);
    // After the challenge and two looks this is the one that follows the wait.
    let moves = Fault::SomebodyMoves(TAG, STOCK.foreign);
    registry.script(request("HEAD", TAG), When::Only(4), moves);
    let ran = promote(&sandbox(&registry), STOCK.new, &[]);
    ran.fails(8, &[&STOCK.foreign.to_string(), &STOCK.new.to_string()]);
    assert_eq!(production(&registry), Some(STOCK.foreign));
    let puts = registry.asked();
    let puts = puts
        .iter()
        .filter(|line| line.starts_with("PUT") && line.ends_with(TAG));
    assert_eq!(puts.count(), 1);
}

/// What a registry answers to `HEAD` that reads from a cache.
pub(super) fn still(digest: xtask::oci::Digest) -> Fault {
    let digest = digest.to_string();
    Fault::Answer(Answer::status(200).header("docker-content-digest", &digest))
}

#[test]
fn a_registry_that_shows_a_tag_late_is_looked_at_again() {
    // The challenge and the looks before come first.
    let registry = Scripted::start(STOCK.state());
    let nothing = Fault::Answer(Answer::error(404, "MANIFEST_UNKNOWN", "not yet"));
    for late in [3, 4] {
        registry.script(request("HEAD", TAG), When::Only(late), nothing.clone());
    }
    let ran = promote(&sandbox(&registry), STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);

    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.old);
    let registry = Scripted::start(state);
    for late in [4, 5] {
        registry.script(request("HEAD", TAG), When::Only(late), still(STOCK.old));
    }
    let ran = promote(&sandbox(&registry), STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

#[test]
fn a_registry_that_never_shows_what_it_took_blames_nobody_else() {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.old);
    let registry = Scripted::start(state);
    registry.script(request("HEAD", TAG), When::From(4), still(STOCK.old));
    let sandbox = sandbox(&registry);
    let ran = promote(&sandbox, STOCK.new, &[]);
    let (old, new) = (STOCK.old.to_string(), STOCK.new.to_string());
    ran.fails(
        7,
        &["still shows", &old, &new, "hint: type the command again"],
    );
    assert_eq!(production(&registry), Some(STOCK.new));
    registry.heal();
    let ran = promote(&sandbox, STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}

/// What Amazon's, Harbor's, Sonatype's, JFrog's and Azure's registries answer where the
/// tag is there and may not be moved, and what others do.
fn immutable() -> [Answer; 8] {
    let message = "The image tag '1.0.RELEASE' already exists in the 'app' repository and cannot be overwritten because the repository is immutable.";
    [
        Answer::error(400, "TAG_INVALID", message),
        Answer::error(400, "ImageTagAlreadyExistsException", "tag invalid"),
        Answer::error(
            412,
            "PRECONDITION",
            "'app:1.0.RELEASE' configured as immutable.",
        ),
        Answer::error(
            400,
            "UNKNOWN",
            "Repository does not allow updating assets: app",
        ),
        Answer::error(
            403,
            "",
            "Not enough permissions to delete/overwrite artifact 'app/1.0.RELEASE' (user: 'bob' needs DELETE permission).",
        ),
        Answer::error(
            405,
            "UNSUPPORTED",
            "The operation is disallowed on this registry, repository or image.",
        ),
        Answer::error(409, "CONFLICT", "tag already exists"),
        Answer::status(423),
    ]
}

#[test]
fn an_immutable_tag_with_the_same_digest_is_success() {
    for answer in immutable() {
        let registry = Scripted::start(STOCK.state());
        let refused = Fault::AnswerAfterEffect(answer);
        registry.script(request("PUT", TAG), When::From(1), refused);
        let ran = promote(&sandbox(&registry), STOCK.new, &[]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    }
}

#[test]
fn an_immutable_tag_with_another_digest_is_refused() {
    for answer in immutable() {
        let registry = Scripted::start(STOCK.state());
        let moves = Fault::SomebodyMoves(TAG, STOCK.foreign);
        registry.script(request("GET", STOCK.new), When::Only(1), moves);
        registry.script(request("PUT", TAG), When::From(1), Fault::Answer(answer));
        let ran = promote(&sandbox(&registry), STOCK.new, &[]);
        ran.fails(3, &["immutable", &STOCK.foreign.to_string(), "hint: "]);
        assert_eq!(production(&registry), Some(STOCK.foreign));
    }
}

#[test]
fn a_repository_whose_previous_tag_does_not_move_keeps_its_production_tag() {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.old);
    state.point("app", "1.0.RELEASE-previous", STOCK.foreign);
    let registry = Scripted::start(state);
    let [answer, ..] = immutable();
    registry.script(
        request("PUT", "1.0.RELEASE-previous"),
        When::From(1),
        Fault::Answer(answer),
    );
    promote(&sandbox(&registry), STOCK.new, &[]).fails(3, &["1.0.RELEASE-previous", "immutable"]);
    assert_eq!(production(&registry), Some(STOCK.old));
}

/// A workspace with that many services in repositories of their own.
fn many(registry: &Scripted, count: usize) -> Sandbox {
    let names: Vec<_> = (0..count)
        .map(|number| format!("service-{number:03}"))
        .collect();
    let mut sandbox = sandbox(registry);
    let members: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    sandbox.edit(
        "Cargo.toml",
        r#""backend", "backend-for-frontend""#,
        &members.join(","),
    );
    for name in &names {
        sandbox.write(
            &format!("{name}/Cargo.toml"),
            format!("[package]\nname = {name:?}\nversion = \"1.0.0\"\nedition = \"2024\"\n[package.metadata.service]\nport = 8080\ncontext-path = \"/{name}\"\n"),
        );
        let prefix = name.to_uppercase().replace('-', "_");
        sandbox.set(
            format!("{prefix}_IMAGE_REPO_NAME"),
            registry.repository(name),
        );
        sandbox.set(format!("{prefix}_IMAGE_TAG_STAGING"), "1.0.SNAPSHOT");
        sandbox.set(format!("{prefix}_IMAGE_TAG_PRODUCTION"), TAG);
        sandbox.set(format!("{prefix}_TESTED_DIGEST"), STOCK.new.to_string());
        registry.with(|state| {
            let shelf = state.repository("app").clone();
            *state.repository(name) = shelf;
        });
    }
    sandbox
}

fn outcomes(objects: &[Value]) -> Vec<&str> {
    objects
        .iter()
        .map(|object| object["outcome"].as_str().unwrap())
        .collect()
}

#[test]
fn where_one_service_of_several_fails_each_is_told_and_the_next_run_finishes() {
    let registry = Scripted::start(STOCK.state());
    let sandbox = many(&registry, 3);
    let put = Matching::new("PUT", format!("/v2/service-001/manifests/{TAG}"));
    registry.script(
        put,
        When::Only(1),
        Fault::Answer(Answer::error(403, "DENIED", "no")),
    );
    let objects = sandbox.json(6, &["promote"]);
    assert_eq!(outcomes(&objects), ["promoted", "failed", "promoted"]);
    assert_eq!(objects[1]["error"]["kind"], json!("denied"));
    let objects = sandbox.json(0, &["promote"]);
    assert_eq!(outcomes(&objects), ["unchanged", "promoted", "unchanged"]);

    let registry = Scripted::start(STOCK.state());
    let sandbox = many(&registry, 3);
    let put = Matching::new("PUT", format!("/v2/service-000/manifests/{TAG}"));
    registry.script(put, When::From(1), Fault::Close);
    let ran = sandbox.run(["--timeout", "10", "promote"]);
    let apart = "promoted: service-001, service-002; not promoted: service-000";
    ran.fails(7, &[apart, "error: promoting service-000"]);
    let last = ran.stderr.lines().last();
    assert_eq!(last, Some("hint: the same command finishes the work"));
    assert_eq!(ran.stdout.lines().count(), 2);
}

#[test]
fn an_interrupt_tells_which_services_came_through() {
    let registry = Scripted::start(STOCK.state());
    let sandbox = many(&registry, 2);
    let put = Matching::new("PUT", format!("/v2/service-001/manifests/{TAG}"));
    registry.script(put, When::From(1), Fault::Silence);
    let mut child = sandbox
        .command(["--timeout", "60", "promote", "--format", "json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The last line of those about the service that comes through.
    wait_for_line(&mut child, "service-000:1.0.RELEASE was created");
    output_of(Command::new("kill").args(["-INT", &child.id().to_string()]));
    let ran = Ran::from(child.wait_with_output().unwrap());
    let apart = "promoted: service-000; not promoted: service-001";
    ran.fails(130, &[apart, "the same command finishes the work"]);
    let objects: Vec<Value> = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(outcomes(&objects), ["promoted", "failed"]);
    assert_eq!(objects[0]["service"], "service-000");
    assert_eq!(objects[1]["error"]["kind"], "interrupted");
}

#[test]
fn a_plan_that_fails_lets_no_service_change() {
    let registry = Scripted::start(STOCK.state());
    let sandbox = many(&registry, 3);
    let look = Matching::new("GET", format!("/v2/service-002/manifests/{}", STOCK.new));
    registry.script(look, When::From(1), Fault::OtherBytes);
    let objects = sandbox.json(1, &["promote"]);
    assert_eq!(outcomes(&objects), ["planned", "planned", "failed"]);
    assert!(registry.asked().iter().all(|line| !line.starts_with("PUT")));
}

#[test]
fn a_token_that_expires_is_fetched_once_for_all_who_had_it() {
    let registry = Scripted::start(STOCK.state());
    registry.delay(Duration::from_millis(50));
    let sandbox = sandbox(&registry);
    sandbox.has_built("backend", Image::new("fresh"));
    let images = layout(&sandbox.path("target/images/backend"));
    let image = images.tagged(&"built".parse().unwrap()).unwrap().unwrap();
    let References::Image { blobs } = image.references() else {
        panic!("an index was built");
    };
    // Whichever blob is looked for first, the other one is looked for with the same token.
    for blob in blobs {
        let look = Matching::new("HEAD", format!("/v2/app/blobs/{}", blob.digest));
        let expire = Fault::Meanwhile(|state| state.expire("canary-token-0"));
        registry.script(look, When::Only(1), expire);
    }
    sandbox.ok(["staging-tag", "backend"]);
    let asked = registry.asked();
    let tokens = asked.iter().filter(|line| line.starts_with("GET /token"));
    assert_eq!(tokens.count(), 2, "{asked:?}");
}

#[test]
fn services_go_side_by_side_and_eight_requests_at_once() {
    let mut state = STOCK.state();
    state.account = None;
    let registry = Scripted::start(state);
    registry.delay(Duration::from_millis(20));
    let sandbox = many(&registry, 100);
    let since = Instant::now();
    let objects = sandbox.json(0, &["promote"]);
    tell(format_args!(
        "100 services, 20 ms a request: {:?}",
        since.elapsed()
    ));
    assert!(objects.iter().all(|object| object["requests"] == json!(4)));
    assert_eq!(registry.most_at_once(), 8);
}

#[test]
fn an_image_that_is_lost_is_displaced_by_whoever_names_it() {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.old);
    let registry = Scripted::start(state);
    let lost = Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown");
    let get = request("GET", STOCK.old);
    registry.script(get, When::From(1), Fault::Answer(lost));
    let sandbox = sandbox(&registry);
    let (old, new) = (STOCK.old.to_string(), STOCK.new.to_string());
    let way_out = format!("--digest {new} --expect {old}");
    promote(&sandbox, STOCK.new, &[]).fails(5, &["which is not there", "hint: ", &way_out]);
    let back = sandbox.run(["rollback", "backend", "--to", &new]);
    back.fails(5, &[&old, "hint: ", &way_out]);
    assert_eq!(production(&registry), Some(STOCK.old));
    let ran = promote(&sandbox, STOCK.new, &["--expect", &old]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(ran.stderr.contains("nothing is kept"), "{}", ran.stderr);
    let kept = registry.with(|state| state.tag("app", "1.0.RELEASE-previous"));
    assert_eq!((production(&registry), kept), (Some(STOCK.new), None));
}
