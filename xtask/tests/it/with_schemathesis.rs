//! The backend's answers are those of its OpenAPI document, whatever it is asked.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::{built_image, output_of, python_tool};

/// What is held against the document. What the document cannot say (a body may
/// not name another record than its path) is left out.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,response_headers_conformance,response_schema_conformance,unsupported_method,allow_header_conformance";

/// `cargo xtask up` in this very workspace.
struct Up(Child);

impl Up {
    /// Starts it and gives the backend's URL.
    fn start() -> (Self, String) {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command.args(["up", "--format", "json"]).current_dir(root);
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap())
            .read_line(&mut line)
            .unwrap();
        let up = Self(child);
        let started: Vec<Value> = serde_json::from_str(&line).unwrap();
        (up, started[0]["url"].as_str().unwrap().to_owned())
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        // Also in a test that fails: the services end with it.
        let _ = Command::new("kill")
            .args(["-INT", &self.0.id().to_string()])
            .status();
        let _ = self.0.wait();
    }
}

#[test]
fn two_thousand_requests_find_no_answer_outside_the_document() {
    assert!(built_image("backend").exists());
    let (_up, url) = Up::start();
    let folder = tempfile::tempdir().unwrap();
    let output = output_of(
        python_tool("schemathesis")
            .current_dir(folder.path())
            .args(["run", &format!("{url}/openapi.json"), "--checks", CHECKS])
            .args(["--phases", "examples,coverage,fuzzing"])
            .args([
                "--max-examples",
                "100",
                "--seed",
                "1",
                "--no-shrink",
                "--no-color",
            ]),
    );
    let cases = output
        .split_whitespace()
        .collect::<Vec<_>>()
        .windows(2)
        .filter(|pair| pair[1].starts_with("generated"))
        .find_map(|pair| pair[0].parse::<u32>().ok());
    assert!(cases.is_some_and(|cases| cases >= 2000), "{output}");
}
