//! Rollbacks while others are at work on the same tags: a race or one consistent
//! state, and nothing that was displaced is ever without a tag.

use std::thread;
use std::time::Duration;

use xtask::oci::Digest;
use xtask::registry::Repository as _;

use super::races::{TAG, promote, request, still};
use super::{STOCK, sandbox};
use crate::support::image::{Image, layout};
use crate::support::scripted::{Answer, Fault, Matching, Scripted, State, When};
use crate::support::{Ran, Sandbox};

pub(super) const KEPT: &str = "1.0.RELEASE-previous";

/// What the production tag and the one that keeps point at.
pub(super) type Tags = [Option<Digest>; 2];

/// A registry in which production runs the new image, and the old one is kept.
pub(super) fn released() -> Scripted {
    let mut state = STOCK.state();
    state.point("app", TAG, STOCK.new);
    state.point("app", KEPT, STOCK.old);
    Scripted::start(state)
}

pub(super) fn tags(registry: &Scripted) -> Tags {
    registry.with(|state| [TAG, KEPT].map(|tag| state.tag("app", tag)))
}

fn roll_back(sandbox: &Sandbox) -> Ran {
    sandbox.run(["--timeout", "60", "rollback", "backend"])
}

#[test]
fn a_tag_that_moves_between_the_looks_of_a_rollback_is_a_race() {
    let moves = || Fault::SomebodyMoves(TAG, STOCK.foreign);
    for seen in [
        request("HEAD", KEPT),
        request("GET", STOCK.old),
        request("GET", STOCK.new),
    ] {
        let registry = released();
        registry.script(seen, When::Only(1), moves());
        let ran = roll_back(&sandbox(&registry));
        ran.fails(8, &[&STOCK.foreign.to_string(), &STOCK.old.to_string()]);
        assert_eq!(tags(&registry), [Some(STOCK.foreign), Some(STOCK.old)]);
    }
}

#[test]
fn tags_that_change_places_between_the_two_looks_are_a_race() {
    let registry = released();
    let change = |state: &mut State| {
        state.point("app", TAG, STOCK.old);
        state.point("app", KEPT, STOCK.new);
    };
    registry.script(
        request("HEAD", KEPT),
        When::Only(1),
        Fault::Meanwhile(change),
    );
    roll_back(&sandbox(&registry)).fails(8, &["somebody else moved", "hint: "]);
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
}

#[test]
fn what_a_promotion_kept_in_the_midst_of_a_rollback_stays_kept() {
    let registry = released();
    // Production has gone back already when somebody promotes another image.
    let change = |state: &mut State| {
        state.point("app", KEPT, STOCK.old);
        state.point("app", TAG, STOCK.foreign);
    };
    registry.script(
        request("PUT", KEPT),
        When::Only(1),
        Fault::Meanwhile(change),
    );
    let ran = roll_back(&sandbox(&registry));
    ran.fails(8, &[&STOCK.foreign.to_string(), &STOCK.old.to_string()]);
    assert_eq!(tags(&registry), [Some(STOCK.foreign), Some(STOCK.old)]);
}

#[test]
fn what_a_rollback_displaces_is_kept_however_late_the_registry_shows_it() {
    // The looks after both PUTs, one of them, or all that follow.
    for (late, code) in [
        (vec![When::Only(4)], 0),
        (vec![When::Only(5)], 0),
        (vec![When::Only(4), When::Only(5)], 0),
        (vec![When::From(4)], 7),
    ] {
        let registry = released();
        for when in late {
            registry.script(request("HEAD", TAG), when, still(STOCK.new));
        }
        let sandbox = sandbox(&registry);
        let ran = roll_back(&sandbox);
        assert_eq!(ran.code, Some(code), "{}", ran.stderr);
        assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
        registry.heal();
        let again = promote(&sandbox, STOCK.old, &[]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
    }
}

#[test]
fn a_promotion_that_took_long_overwrites_nothing_that_others_kept() {
    let registry = Scripted::start(STOCK.state());
    registry.with(|state| {
        let shelf = state.repository("app").clone();
        *state.repository("released") = shelf;
        state.point("released", TAG, STOCK.old);
    });
    // While the image is brought over, two others release and displace.
    let change = |state: &mut State| {
        state.point("released", TAG, STOCK.new);
        state.point("released", KEPT, STOCK.foreign);
    };
    let last = format!("/v2/app/referrers/{}", STOCK.foreign);
    let last = Matching::new("GET", last);
    registry.script(last, When::Only(1), Fault::Meanwhile(change));
    let mut sandbox = sandbox(&registry);
    sandbox.has_own_production(registry.repository("released"));
    promote(&sandbox, STOCK.foreign, &[]).fails(8, &[&STOCK.new.to_string()]);
    let found = registry.with(|state| [TAG, KEPT].map(|tag| state.tag("released", tag)));
    assert_eq!(found, [Some(STOCK.new), Some(STOCK.foreign)]);
}

/// Runs both at once.
fn at_once(one: impl FnOnce() -> Ran + Send, other: impl FnOnce() -> Ran + Send) -> [Ran; 2] {
    thread::scope(|scope| {
        let runs = [scope.spawn(one), scope.spawn(other)];
        runs.map(|run| run.join().unwrap())
    })
}

/// Asserts that each succeeded or lost a race, or that a rollback came just when
/// a registry's two tags, which do not move together, were the same.
fn assert_raced(runs: &[Ran], together: bool) {
    for ran in runs {
        match ran.code {
            Some(0) => {}
            Some(5) if !together => ran.fails(5, &["there is nothing to go back to"]),
            _ => ran.fails(8, &["somebody else moved"]),
        }
    }
    assert!(runs.iter().any(|ran| ran.code == Some(0)), "{runs:?}");
}

#[test]
fn two_rollbacks_at_once_leave_both_images_with_a_tag() {
    for round in 0..10 {
        let registry = released();
        registry.delay(Duration::from_millis(round));
        let run = || roll_back(&sandbox(&registry));
        let runs = at_once(run, run);
        assert_raced(&runs, false);
        let (new, old) = (Some(STOCK.new), Some(STOCK.old));
        let found = tags(&registry);
        assert!(
            [[new, old], [old, new]].contains(&found),
            "{found:?} {runs:?}"
        );
    }
}

/// What may be there after production ran `new`, `old` was kept, and `third` was
/// promoted at the same time as somebody rolled back.
fn consistent([new, old, third]: [Digest; 3]) -> [Tags; 4] {
    [[third, new], [old, new], [third, old], [new, third]].map(|tags| tags.map(Some))
}

#[test]
fn a_promotion_and_a_rollback_at_once_leave_a_consistent_registry() {
    for round in 0..10 {
        let registry = released();
        registry.delay(Duration::from_millis(round));
        let runs = at_once(
            || roll_back(&sandbox(&registry)),
            || promote(&sandbox(&registry), STOCK.foreign, &[]),
        );
        assert_raced(&runs, false);
        let found = tags(&registry);
        let expected = consistent([STOCK.new, STOCK.old, STOCK.foreign]);
        assert!(expected.contains(&found), "{found:?} {runs:?}");
    }
}

/// A sandbox with three images in the layout of its backend, and another one with the same
/// layout: commands of one workspace wait for each other.
fn with_layout() -> ([Sandbox; 2], [Digest; 3]) {
    let sandbox = Sandbox::new();
    let digests = ["new", "old", "third"].map(|content| {
        let digest = sandbox.has_built("backend", Image::new(content));
        sandbox.ok(["staging-tag", "backend"]);
        digest
    });
    let layout = sandbox.path("target/registry/backend");
    let other = Sandbox::new().with(
        "BACKEND_IMAGE_REPO_NAME",
        format!("oci:{}", layout.display()),
    );
    ([sandbox, other], digests)
}

fn layout_tags(sandbox: &Sandbox) -> Tags {
    let layout = layout(&sandbox.path("target/registry/backend"));
    [TAG, KEPT].map(|tag| layout.resolve(&tag.parse().unwrap()).unwrap())
}

#[test]
fn rollbacks_and_promotions_at_once_leave_a_consistent_layout() {
    let ([sandbox, other], digests) = with_layout();
    let [new, old, third] = digests;
    for _ in 0..10 {
        for digest in [old, new] {
            promote(&sandbox, digest, &[]);
        }
        assert_eq!(layout_tags(&sandbox), [Some(new), Some(old)]);
        let runs = at_once(|| roll_back(&sandbox), || roll_back(&other));
        assert_raced(&runs, true);
        let found = layout_tags(&sandbox);
        let places = [[new, old], [old, new]].map(|tags| tags.map(Some));
        assert!(places.contains(&found), "{found:?} {runs:?}");

        for digest in [third, old, new] {
            promote(&sandbox, digest, &[]);
        }
        let runs = at_once(|| roll_back(&sandbox), || promote(&other, third, &[]));
        assert_raced(&runs, true);
        let found = layout_tags(&sandbox);
        assert!(consistent(digests).contains(&found), "{found:?} {runs:?}");
    }
}

#[test]
fn a_rollback_that_ended_between_its_two_tags_is_finished_by_the_next() {
    let registry = released();
    let refusal = Fault::Answer(Answer::status(403));
    registry.script(request("PUT", KEPT), When::Only(1), refusal);
    let sandbox = sandbox(&registry);
    roll_back(&sandbox).fails(6, &[KEPT]);
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.old)]);
    let done = sandbox.one(0, &["rollback", "backend"]);
    assert_eq!(done["outcome"], "rolled-back");
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
    assert!(
        sandbox
            .record("production", "backend", "imageDetail.json")
            .contains(&STOCK.old.to_string())
    );
}

#[test]
fn a_promotion_does_not_take_a_half_done_rollback_for_done() {
    let registry = released();
    let refusal = Fault::Answer(Answer::status(403));
    registry.script(request("PUT", KEPT), When::Only(1), refusal);
    let sandbox = sandbox(&registry);
    roll_back(&sandbox).fails(6, &[KEPT]);
    let new = STOCK.new.to_string();
    promote(&sandbox, STOCK.old, &[]).fails(
        3,
        &[
            "the rollback that",
            "is not finished",
            &new,
            "hint: `cargo xtask rollback backend`",
        ],
    );
    roll_back(&sandbox);
    assert_eq!(tags(&registry), [Some(STOCK.old), Some(STOCK.new)]);
    let ran = promote(&sandbox, STOCK.old, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
}
