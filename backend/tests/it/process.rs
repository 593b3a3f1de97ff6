//! The process: its configuration, its log, and how it stops.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::process::{Child, ChildStdout, Command, Stdio};

use serde_json::Value;

struct Process {
    child: Child,
    log: BufReader<ChildStdout>,
    address: String,
}

impl Process {
    fn start() -> Self {
        let mut child = command(&[
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("SAMPLE_DATA", "true"),
        ])
        .spawn()
        .unwrap();
        let log = BufReader::new(child.stdout.take().unwrap());
        let mut process = Self {
            child,
            log,
            address: String::new(),
        };
        process.address = process.logged("listening")["address"]
            .as_str()
            .unwrap()
            .to_owned();
        process
    }

    /// Waits for the line with this message.
    fn logged(&mut self, message: &str) -> Value {
        loop {
            let mut line = String::new();
            assert_ne!(
                self.log.read_line(&mut line).unwrap(),
                0,
                "the log ended without {message:?}"
            );
            let line: Value = serde_json::from_str(&line).expect("a line of JSON");
            if line["message"] == message {
                return line;
            }
        }
    }

    fn terminate(&self) {
        let killed = Command::new("kill")
            .args(["-TERM", &self.child.id().to_string()])
            .status()
            .unwrap();
        assert!(killed.success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn command(variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backend"));
    command
        .env_clear()
        .envs(variables.iter().copied())
        .stdout(Stdio::piped());
    command
}

#[test]
fn a_running_request_is_answered_after_sigterm() {
    let body = r#"{"firstName":"a","familyName":"b","loginId":"c","address":{"zipCode":"1","address":"d"}}"#;
    let mut process = Process::start();
    let mut stream = TcpStream::connect(&process.address).unwrap();
    // `Expect` makes the service say when it waits for the body: then the request is running for certain.
    write!(
        stream,
        "POST /backend/api/v1/users/new HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut line = String::new();
    reader.read_line(&mut line).unwrap();
    assert!(line.starts_with("HTTP/1.1 100"), "{line}");

    process.terminate();
    process.logged("stopping");
    stream.write_all(body.as_bytes()).unwrap();

    let mut answer = String::new();
    reader.read_to_string(&mut answer).unwrap();
    assert!(answer.contains("HTTP/1.1 201"), "{answer}");
    assert!(process.child.wait().unwrap().success());
    assert!(
        TcpStream::connect(&process.address).is_err(),
        "nobody listens any more"
    );
}

#[test]
fn an_idle_connection_does_not_hold_the_process_up() {
    let process = &mut Process::start();
    let mut stream = TcpStream::connect(&process.address).unwrap();
    stream
        .write_all(b"GET /backend/version HTTP/1.1\r\nhost: x\r\n\r\n")
        .unwrap();
    process.logged("answered");
    process.terminate();
    assert!(process.child.wait().unwrap().success());
}

#[test]
fn requests_are_logged_as_json() {
    let mut process = Process::start();
    let mut stream = TcpStream::connect(&process.address).unwrap();
    stream
        .write_all(b"GET /backend/api/v1/users/9 HTTP/1.1\r\nhost: x\r\nx-request-id: abc\r\n\r\n")
        .unwrap();
    let line = process.logged("answered");
    assert_eq!(line["status"], 404);
    assert!(line["duration_ms"].is_f64());
    assert_eq!(line["span"]["method"], "GET");
    assert_eq!(line["span"]["path"], "/backend/api/v1/users/9");
    assert_eq!(line["span"]["request_id"], "abc");
}

#[test]
fn wrong_configuration_names_its_variable_and_not_its_value() {
    for (variable, value) in [
        ("PORT", "80a"),
        ("PORT", "65536"),
        ("HOST", "localhost:80"),
        ("SAMPLE_DATA", "yes"),
        ("DATABASE_URL", "mysql://user:secret@host/database"),
        ("DATABASE_URL", "postgres://user:secret@host:port/database"),
        ("DATABASE_URL", "secret"),
    ] {
        let output = command(&[(variable, value)]).output().unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{variable}={value}");
        assert!(
            log.contains(&format!("{variable}: expected")),
            "{variable}={value}: {log}"
        );
        assert!(
            !log.contains("secret") && !log.contains("listening"),
            "{variable}={value}: {log}"
        );
    }
}

#[test]
fn a_database_that_cannot_be_opened_ends_the_process_without_its_password() {
    for url in [
        "sqlite:/nowhere/users.db",
        "postgres://user:secret@127.0.0.1:1/database",
    ] {
        let output = command(&[("DATABASE_URL", url), ("PORT", "0")])
            .output()
            .unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{url}");
        assert!(log.contains("database") && !log.contains("secret"), "{log}");
    }
}
