//! Promotions in layouts that are killed.

use crate::support::Sandbox;
use crate::support::image::{Image, layout};
use crate::support::kills::{kill_promotions, kill_rollbacks};

#[test]
fn a_killed_promotion_in_a_layout_leaves_the_old_or_the_new_image() {
    let sandbox = Sandbox::new();
    let digests = ["one", "two"].map(|content| {
        let digest = sandbox.has_built("backend", Image::new(content));
        sandbox.ok(["staging-tag", "backend"]);
        digest.to_string()
    });
    let repository = layout(&sandbox.path("target/registry/backend"));
    kill_promotions("a layout", &sandbox, digests, || {
        use xtask::registry::Repository as _;
        let tag = "1.0.RELEASE".parse().unwrap();
        repository
            .resolve(&tag)
            .unwrap()
            .map(|digest| digest.to_string())
    });
}

#[test]
fn a_killed_promotion_into_another_layout_leaves_the_old_or_the_new_image() {
    let mut sandbox = Sandbox::new();
    sandbox.has_own_production("oci:released".into());
    let digests = ["one", "two"].map(|content| {
        let digest = sandbox.has_built("backend", Image::new(content));
        sandbox.ok(["staging-tag", "backend"]);
        digest.to_string()
    });
    let repository = layout(&sandbox.path("target/released"));
    kill_promotions("a layout of production's own", &sandbox, digests, || {
        use xtask::registry::Repository as _;
        let tag = "1.0.RELEASE".parse().unwrap();
        repository
            .resolve(&tag)
            .unwrap()
            .map(|digest| digest.to_string())
    });
}

#[test]
fn a_killed_rollback_in_a_layout_lets_both_tags_change_places_or_none() {
    let sandbox = Sandbox::new();
    for content in ["one", "two"] {
        let digest = sandbox.has_built("backend", Image::new(content));
        sandbox.ok(["staging-tag", "backend"]);
        sandbox.ok(["promote", "backend", "--digest", &digest.to_string()]);
    }
    let repository = layout(&sandbox.path("target/registry/backend"));
    kill_rollbacks(&sandbox, || {
        use xtask::registry::Repository as _;
        ["1.0.RELEASE", "1.0.RELEASE-previous"]
            .map(|tag| repository.resolve(&tag.parse().unwrap()).unwrap())
    });
}
