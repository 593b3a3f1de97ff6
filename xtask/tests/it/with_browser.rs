//! The pages of this very project in a real browser.

use std::io::{BufRead as _, BufReader, Write as _};
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

#[test]
fn pages_that_are_elsewhere_fail_each_step_with_their_status() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let request = BufReader::new(&connection).lines();
            // Up to the empty line: a browser does not take an answer before its request.
            let _ = request
                .map_while(Result::ok)
                .take_while(|line| !line.is_empty())
                .count();
            let answer =
                "HTTP/1.1 503 Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
            // A browser that has ended no longer listens.
            let _ = connection.write_all(answer.as_bytes());
        }
    });
    let (ran, steps) = end_to_end(&["--url", &url]);
    let status = format!("{url}/portal answers with status 503");
    ran.fails(1, &[&format!("the step list-users failed: {status}")]);
    for step in steps.iter().filter(|step| step["outcome"] == "failed") {
        let reason = step["error"]["message"].as_str().unwrap();
        assert!(reason.ends_with(&status), "{reason}");
    }
}
