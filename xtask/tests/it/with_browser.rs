//! The pages of this very project in a real browser.

use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::support::{Ran, built_image};

/// Runs `e2e` in this project, whose images `cargo xtask test` has built.
fn end_to_end(arguments: &[&str]) -> (Ran, Vec<Value>) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    let output = command
        .args(["e2e", "--format", "json"])
        .args(arguments)
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap())
        .output()
        .unwrap();
    let ran = Ran::from(output);
    let steps =
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
    (ran, steps)
}

#[test]
fn every_step_passes_and_is_photographed() {
    assert!(built_image("backend").exists());
    let (ran, steps) = end_to_end(&[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert!(steps.iter().any(|step| step["step"] == "backend-down"));
    for step in steps {
        assert_eq!(step["outcome"], "passed", "{step}");
        let screenshot = std::fs::read(step["screenshot"].as_str().unwrap()).unwrap();
        assert!(screenshot.starts_with(b"\x89PNG"), "{step}");
    }
}

#[test]
fn a_step_that_fails_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    // Somebody listens, and has nothing to say.
    std::thread::spawn(move || listener.incoming().for_each(drop));
    let (ran, steps) = end_to_end(&["--url", &url]);
    ran.fails(1, &["the step list-users failed", "hint: look at"]);
    let last = steps.last().unwrap();
    assert_eq!(
        (&last["step"], &last["outcome"]),
        (&"backend-down".into(), &"left-out".into())
    );
}
