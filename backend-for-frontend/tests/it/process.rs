//! The process and its configuration.

use std::process::{Command, Stdio};

fn log_of(variables: &[(&str, &str)]) -> (Option<i32>, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backend-for-frontend"));
    let output = command
        .env_clear()
        .envs(variables.iter().copied())
        .stdout(Stdio::piped())
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8(output.stdout).unwrap(),
    )
}

#[test]
fn the_backend_must_be_named() {
    let (code, log) = log_of(&[("PORT", "0")]);
    assert_eq!(code, Some(1));
    assert!(
        log.contains("SERVICE_DNS: expected the backend's base URL") && log.contains("not set"),
        "{log}"
    );
    assert!(!log.contains("listening"), "{log}");
}

#[test]
fn wrong_configuration_names_its_variable() {
    for url in [
        "localhost:8080",
        "backend",
        "http://",
        "ftp://backend",
        "http://backend/path",
        "http://b?query",
        "http://a b",
        "http://user:password@backend",
        "http://127.0.0.1:99999",
    ] {
        // Nobody can listen there, so that the process ends in any case.
        let (code, log) = log_of(&[("SERVICE_DNS", url), ("HOST", "192.0.2.1")]);
        assert_eq!(code, Some(1), "{url}");
        assert!(log.contains("SERVICE_DNS: expected"), "{url}: {log}");
    }
    let (code, log) = log_of(&[("SERVICE_DNS", "http://backend"), ("PORT", "-1")]);
    assert_eq!(code, Some(1));
    assert!(log.contains("PORT: expected a port number"), "{log}");
}
