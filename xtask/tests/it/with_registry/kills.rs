//! Promotions in a registry that are killed.

use super::{sandbox, stage};
use crate::support::kills::kill_promotions;
use crate::support::registry::Registry;

#[test]
fn a_killed_promotion_leaves_the_old_or_the_new_image() {
    let registry = Registry::open();
    let sandbox = sandbox(&registry);
    let digests = ["one", "two"].map(|content| stage(&sandbox, content));
    kill_promotions("a registry", &sandbox, digests, || {
        registry.tag("app", "1.0.RELEASE")
    });
}
