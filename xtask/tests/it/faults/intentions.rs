//! What was intended and did not come about, or whose end nobody saw: what the next command
//! makes of it, also where others were at work meanwhile.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use xtask::oci::Digest;
use xtask::registry::Repository as _;

use super::races::{TAG, promote, request};
use super::rollbacks::{KEPT, Tags, released};
use super::sandbox;
use crate::support::Sandbox;
use crate::support::image::layout;
use crate::support::scripted::{Answer, Fault, When};

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
