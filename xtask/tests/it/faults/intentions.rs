//! What was intended and did not come about, or whose end nobody saw: what the next command
//! makes of it, also where others were at work meanwhile.

use std::fs;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use xtask::oci::Digest;
use xtask::registry::Repository as _;

use super::races::{TAG, promote, request};
use super::rollbacks::{KEPT, Tags, released, tags};
use super::{STOCK, sandbox};
use crate::support::image::layout;
use crate::support::scripted::{Answer, Fault, When};
use crate::support::{Ran, Sandbox};

/// Two workspaces with one layout, in which production runs one image and another is kept.
struct Colleagues {
    own: Sandbox,
    other: Sandbox,
    digests: [Digest; 3],
}

impl Colleagues {
    fn new() -> Self {
        let own = Sandbox::new().with("USER", "somebody");
        let digests = ["third", "old", "new"].map(|content| {
            let digest = own.has_staged(content);
            promote(&own, digest, &[]);
            digest
        });
        let layout = own.path("target/registry/backend");
        let other = Sandbox::new().with("USER", "colleague").with(
            "BACKEND_IMAGE_REPO_NAME",
            format!("oci:{}", layout.display()),
        );
        Self {
            own,
            other,
            digests,
        }
    }

    /// Runs a command while the layout cannot be changed.
    fn fails(&self, arguments: &[&str]) {
        let obstacle = self.own.path("target/registry/backend/.index.json.partial");
        fs::create_dir(&obstacle).unwrap();
        self.own.run(arguments).fails(1, &["index.json"]);
        fs::remove_dir(obstacle).unwrap();
        assert!(!intention(&self.own).exists());
    }

    fn tags(&self) -> Tags {
        let layout = layout(&self.own.path("target/registry/backend"));
        [TAG, KEPT].map(|tag| layout.resolve(&tag.parse().unwrap()).unwrap())
    }
}

fn intention(sandbox: &Sandbox) -> PathBuf {
    sandbox.path("target/delivery/production/backend/intention.json")
}

fn promotion(sandbox: &Sandbox) -> Value {
    serde_json::from_str(&sandbox.record("production", "backend", "promotion.json")).unwrap()
}

#[test]
fn a_rollback_that_failed_is_not_taken_for_a_colleagues() {
    let colleagues = Colleagues::new();
    let [_, old, new] = colleagues.digests.map(Some);
    colleagues.fails(&["rollback", "backend"]);
    colleagues.other.ok(["rollback", "backend"]);
    assert_eq!(colleagues.tags(), [old, new]);
    colleagues.own.ok(["rollback", "backend"]);
    assert_eq!(colleagues.tags(), [new, old]);
}

#[test]
fn a_promotion_that_failed_is_not_taken_for_a_colleagues() {
    let mut colleagues = Colleagues::new();
    let third = colleagues.digests[0];
    colleagues.fails(&["promote", "backend", "--digest", &third.to_string()]);
    promote(&colleagues.other, third, &[]);
    assert_eq!(promotion(&colleagues.other)["by"], "colleague");
    colleagues.own.set("USER", "whoever looks");
    promote(&colleagues.own, third, &[]);
    assert_eq!(promotion(&colleagues.own)["by"], "whoever looks");
}

#[test]
fn what_a_registry_refuses_is_not_intended_any_more() {
    let registry = released();
    let refusal = Fault::Answer(Answer::status(403));
    registry.script(request("PUT", TAG), When::Only(1), refusal);
    let sandbox = sandbox(&registry);
    let ran = sandbox.run(["rollback", "backend"]);
    ran.fails(6, &["rolling back backend"]);
    assert!(!intention(&sandbox).exists());
}

/// Asserts that a rollback only finished what `by` began, and that what it names goes back.
fn only_finished(sandbox: &Sandbox, ran: &Ran, by: &str, previous: Digest) {
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let again = format!("`cargo xtask rollback backend --to {previous}`");
    for words in [
        &format!("backend: finishing the rollback that {by} began at 20"),
        "nothing else was moved",
        &again,
    ] {
        assert!(
            ran.stderr.contains(words),
            "no {words:?} in:\n{}",
            ran.stderr
        );
    }
    assert!(!ran.stderr.contains("moved from"), "{}", ran.stderr);
    assert!(!intention(sandbox).exists());
    let ran = sandbox.ok(["rollback", "backend", "--to", &previous.to_string()]);
    assert_eq!(ran.line(), previous.to_string());
}

#[test]
fn a_rollback_that_was_not_recorded_is_told_as_finished() {
    let mut colleagues = Colleagues::new();
    let [_, old, new] = colleagues.digests;
    let own = &mut colleagues.own;
    let obstacle = own.path("target/delivery/production/backend/imageDetail.json");
    fs::remove_file(&obstacle).unwrap();
    fs::create_dir(&obstacle).unwrap();
    own.run(["rollback", "backend"]).fails(1, &["not recorded"]);
    fs::remove_dir(&obstacle).unwrap();
    own.set("USER", "somebody else");
    let dry = own.ok(["rollback", "backend", "--dry-run"]);
    assert!(!dry.stderr.contains("would move"), "{}", dry.stderr);
    let ran = own.run(["rollback", "backend"]);
    assert_eq!(promotion(own)["by"], "somebody");
    assert_eq!(colleagues.tags(), [Some(old), Some(new)]);
    only_finished(&colleagues.own, &ran, "somebody", new);
    assert_eq!(colleagues.tags(), [Some(new), Some(old)]);
}

#[test]
fn a_promotion_that_was_not_recorded_is_told_as_finished() {
    let Colleagues {
        mut own, digests, ..
    } = Colleagues::new();
    let obstacle = own.path("target/delivery/production/backend/imageDetail.json");
    fs::remove_file(&obstacle).unwrap();
    fs::create_dir(&obstacle).unwrap();
    promote(&own, digests[0], &[]).fails(1, &["not recorded"]);
    fs::remove_dir(&obstacle).unwrap();
    own.set("USER", "somebody else");
    let ran = promote(&own, digests[0], &[]);
    let words = "backend: finishing the promotion that somebody began at 20";
    assert!(ran.stderr.contains(words), "{}", ran.stderr);
    assert_eq!(promotion(&own)["by"], "somebody");
    let again = promote(&own, digests[0], &[]);
    assert!(!again.stderr.contains("finishing"), "{}", again.stderr);
}

#[test]
fn a_rollback_whose_end_nobody_saw_is_finished_by_the_next() {
    let registry = released();
    // After the challenge and two looks this is the one that settles the lost answer.
    registry.script(request("PUT", TAG), When::From(1), Fault::LostAnswer);
    registry.script(request("HEAD", TAG), When::From(4), Fault::Close);
    let sandbox = sandbox(&registry).with("USER", "somebody");
    let ran = sandbox.run(["--timeout", "8", "rollback", "backend"]);
    ran.fails(7, &["within the time limit"]);
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.old)]);
    assert!(intention(&sandbox).exists());
    registry.heal();
    let ran = sandbox.run(["rollback", "backend"]);
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
    only_finished(&sandbox, &ran, "somebody", STOCK.new);
    assert_eq!(tags(&registry), [Some(STOCK.new), Some(STOCK.old)]);
}

#[test]
fn a_killed_rollback_that_a_colleague_did_instead_is_told_as_finished() {
    let registry = released();
    let barrier = Arc::new(Barrier::new(2));
    let held = Fault::Held(Arc::clone(&barrier));
    registry.script(request("PUT", TAG), When::Only(1), held);
    let own = sandbox(&registry).with("USER", "somebody");
    let mut killed = own.command(["rollback", "backend"]);
    let killed = killed.stdout(Stdio::null()).stderr(Stdio::null());
    let mut killed = killed.spawn().unwrap();
    barrier.wait();
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(tags(&registry), [Some(STOCK.new), Some(STOCK.old)]);
    sandbox(&registry).ok(["rollback", "backend"]);
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
    let ran = own.run(["rollback", "backend"]);
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
    only_finished(&own, &ran, "somebody", STOCK.new);
    assert_eq!(tags(&registry), [Some(STOCK.new), Some(STOCK.old)]);
}

#[test]
fn a_killed_rollback_that_moved_nothing_is_made_anew() {
    let colleagues = Colleagues::new();
    let [_, old, new] = colleagues.digests;
    let own = &colleagues.own;
    let mut record = promotion(own);
    record["digest"] = json!(old);
    record["previous"] = json!(new);
    let left = json!({ "change": "rollback", "record": record });
    fs::write(intention(own), left.to_string()).unwrap();
    let ran = own.ok(["rollback", "backend"]);
    assert!(ran.stderr.contains("moved from"), "{}", ran.stderr);
    assert_eq!(colleagues.tags(), [Some(old), Some(new)]);
}

#[test]
fn a_record_that_is_damaged_is_none_and_is_replaced() {
    let Colleagues { own, digests, .. } = Colleagues::new();
    let [_, old, new] = digests;
    let good = own.record("production", "backend", "promotion.json");
    for (from, to) in [
        ("1.0.RELEASE", "no tag"),
        ("oci:registry/backend", "no repository"),
        ("sha256:", "sha512:"),
        ("{", "["),
    ] {
        let path = "target/delivery/production/backend/promotion.json";
        own.write(path, good.replace(from, to));
        let damaged = format!(r#"{{"change":"rollback","record":{good}}}"#);
        fs::write(intention(&own), damaged.replace(from, to)).unwrap();
        let ran = promote(&own, new, &[]);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_eq!(promotion(&own)["digest"], new.to_string());
        fs::write(intention(&own), damaged.replace(from, to)).unwrap();
        own.ok(["rollback", "backend"]);
        assert_eq!(promotion(&own)["digest"], old.to_string());
        promote(&own, new, &[]);
    }
}
