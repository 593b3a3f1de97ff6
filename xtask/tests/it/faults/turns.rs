//! Commands of one workspace that change the same service: one after the other, and the
//! records tell of the last.

use std::process::{Child, Stdio};
use std::sync::{Arc, Barrier};

use serde_json::{Value, json};
use xtask::oci::Digest;

use super::races::{TAG, request};
use super::rollbacks::{released, tags};
use super::{STOCK, sandbox};
use crate::support::image::Image;
use crate::support::scripted::{Fault, Scripted, When};
use crate::support::{Ran, Sandbox, wait_for_line};

/// A command that a registry holds up in the middle of its change.
struct Held {
    registry: Scripted,
    sandbox: Sandbox,
    command: Child,
    barrier: Arc<Barrier>,
}

impl Held {
    /// Starts a command and waits until it is about to move the production tag.
    fn start(arguments: &[&str]) -> Self {
        let registry = released();
        let barrier = Arc::new(Barrier::new(2));
        let held = Fault::Held(Arc::clone(&barrier));
        registry.script(request("PUT", TAG), When::Only(1), held);
        let sandbox = sandbox(&registry);
        let command = start(&sandbox, arguments);
        barrier.wait();
        Self {
            registry,
            sandbox,
            command,
            barrier,
        }
    }

    /// Starts another command in the same workspace and waits until that waits too.
    fn waiting(&self, arguments: &[&str]) -> Child {
        let mut waiting = start(&self.sandbox, arguments);
        wait_for_line(&mut waiting, "waiting for another command");
        waiting
    }

    /// Lets the command go on to its end.
    fn end(&mut self) {
        self.barrier.wait();
        assert_eq!(self.command.wait().unwrap().code(), Some(0));
    }

    /// Asserts what the tags point at, that both records tell the same, and that nothing
    /// is unfinished.
    fn assert_recorded(&self, [production, kept]: [Digest; 2]) {
        assert_eq!(tags(&self.registry), [Some(production), Some(kept)]);
        let record = |file| -> Value {
            serde_json::from_str(&self.sandbox.record("production", "backend", file)).unwrap()
        };
        let uri = format!("{}@{production}", self.registry.repository("app"));
        assert_eq!(record("imageDetail.json"), json!({ "ImageURI": uri }));
        let promotion = record("promotion.json");
        assert_eq!(promotion["digest"], json!(production));
        assert_eq!(promotion["previous"], json!(kept));
        let intention = "target/delivery/production/backend/intention.json";
        assert!(!self.sandbox.path(intention).exists());
    }
}

fn start(sandbox: &Sandbox, arguments: &[&str]) -> Child {
    let mut command = sandbox.command(["--timeout", "60"].iter().chain(arguments));
    let command = command.stdout(Stdio::null()).stderr(Stdio::piped());
    command.spawn().unwrap()
}

#[test]
fn a_promotion_waits_for_the_one_before_it_in_its_workspace() {
    let [old, foreign] = [STOCK.old, STOCK.foreign].map(|digest| digest.to_string());
    let mut first = Held::start(&["promote", "backend", "--digest", &foreign]);
    let second = first.waiting(&["promote", "backend", "--digest", &old]);
    first.end();
    let ran = Ran::from(second.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    first.assert_recorded([STOCK.old, STOCK.foreign]);
}

#[test]
fn a_promotion_goes_on_where_the_one_before_it_was_killed() {
    let [old, foreign] = [STOCK.old, STOCK.foreign].map(|digest| digest.to_string());
    let mut first = Held::start(&["promote", "backend", "--digest", &foreign]);
    let second = first.waiting(&["promote", "backend", "--digest", &old]);
    first.command.kill().unwrap();
    let ran = Ran::from(second.wait_with_output().unwrap());
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    first.assert_recorded([STOCK.old, STOCK.new]);
}

#[test]
fn a_rollback_does_not_go_back_from_what_came_while_it_waited() {
    let foreign = STOCK.foreign.to_string();
    for (arguments, left) in [
        (&["rollback", "backend"] as &[_], [STOCK.old, STOCK.new]),
        (
            &["promote", "backend", "--digest", &foreign],
            [STOCK.foreign, STOCK.new],
        ),
    ] {
        let mut first = Held::start(arguments);
        let second = first.waiting(&["rollback", "backend"]);
        first.end();
        let ran = Ran::from(second.wait_with_output().unwrap());
        ran.fails(8, &["another command", "while this one waited", "hint: "]);
        first.assert_recorded(left);
    }
}

#[test]
fn services_are_taken_in_one_order_whatever_that_of_the_arguments() {
    let [old, foreign] = [STOCK.old, STOCK.foreign].map(|digest| digest.to_string());
    let mut first = Held::start(&["promote", "backend", "--digest", &foreign]);
    let frontend = first
        .sandbox
        .has_built("backend-for-frontend", Image::new("frontend"));
    first.sandbox.ok(["staging-tag", "bff"]);
    first.sandbox.set("BACKEND_TESTED_DIGEST", old);
    let second = first.waiting(&["promote", "bff", "backend"]);
    // The second waits for backend first, and has not taken the other one yet.
    let ran = first.sandbox.ok(["promote", "bff"]);
    assert_eq!(ran.line(), frontend.to_string());
    first.end();
    assert!(second.wait_with_output().unwrap().status.success());
    first.assert_recorded([STOCK.old, STOCK.foreign]);
}

#[test]
fn who_only_looks_does_not_wait() {
    let [old, foreign] = [STOCK.old, STOCK.foreign].map(|digest| digest.to_string());
    let mut first = Held::start(&["promote", "backend", "--digest", &foreign]);
    for arguments in [
        &["promote", "backend", "--digest", &old, "--dry-run"] as &[_],
        &["rollback", "backend", "--to", &old, "--dry-run"],
        &["imagedefinitions", "backend", "--environment", "production"],
    ] {
        let ran = first.sandbox.ok(arguments);
        assert!(!ran.stderr.contains("waiting for"), "{}", ran.stderr);
    }
    first.end();
    first.assert_recorded([STOCK.foreign, STOCK.new]);
}

#[test]
fn where_a_turn_cannot_be_taken_nothing_moves() {
    let registry = released();
    let sandbox = sandbox(&registry);
    sandbox.write("target/turns/backend", "in the way");
    let foreign = STOCK.foreign.to_string();
    for arguments in [
        &["promote", "backend", "--digest", &foreign] as &[_],
        &["rollback", "backend"],
    ] {
        let failed = sandbox.one(1, arguments);
        assert_eq!(failed["service"], "backend");
        assert_eq!(failed["outcome"], "failed");
    }
    assert_eq!(tags(&registry), [Some(STOCK.new), Some(STOCK.old)]);
}

#[test]
fn a_wait_for_another_command_ends_with_the_time_limit() {
    let [old, foreign] = [STOCK.old, STOCK.foreign].map(|digest| digest.to_string());
    let mut first = Held::start(&["promote", "backend", "--digest", &foreign]);
    let process = format!("process {}", first.command.id());
    let line = ["promote", "backend", "--digest", &old, "--timeout", "1"];
    let second = first.sandbox.run(line);
    second.fails(
        7,
        &["target/turns/backend", &process, "hint: ", "--timeout"],
    );
    first.end();
    first.assert_recorded([STOCK.foreign, STOCK.new]);
}
