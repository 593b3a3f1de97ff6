//! The process: its configuration, its log, and how it stops.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::ffi::OsStrExt;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::Value;
use tempfile::TempDir;

struct Process {
    child: Child,
    log: Receiver<String>,
    address: String,
}

impl Process {
    fn start() -> Self {
        Self::start_on("sqlite::memory:")
    }

    fn start_on(database_url: &str) -> Self {
        let mut child = command(&[
            ("DATABASE_URL", database_url),
            ("HOST", "127.0.0.1"),
            ("PORT", "0"),
            ("SAMPLE_DATA", "true"),
        ])
        .spawn()
        .unwrap();
        let log = lines(child.stdout.take().unwrap());
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
        let lines = self
            .log
            .iter()
            .map(|line| serde_json::from_str::<Value>(&line).expect("a line of JSON"));
        let mut found = lines.filter(|line| line["message"] == message);
        found
            .next()
            .unwrap_or_else(|| panic!("the log ended without {message:?}"))
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

/// The lines as they come. They are read all the time: a full pipe would stop the process.
fn lines(output: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            // Whoever no longer listens does not hold up the process.
            let _ = sender.send(line);
        }
    });
    receiver
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

/// Adds users over a connection that it keeps, and goes to the second address when the first one closes it.
fn add_users(
    login_ids: impl Iterator<Item = String>,
    addresses: [&str; 2],
    added: &Sender<String>,
) {
    let mut addresses = addresses.into_iter();
    let mut connection = addresses.next().map(connect).unwrap();
    for login_id in login_ids {
        let status = add_user(&mut connection, &login_id).unwrap_or_else(|_| {
            connection = addresses
                .next()
                .map(connect)
                .expect("the second instance does not stop");
            add_user(&mut connection, &login_id).expect("the second instance does not stop")
        });
        // Where the first instance had added the user without saying so, the second one would refuse it.
        assert_eq!(status, "HTTP/1.1 201 Created");
        added.send(login_id).unwrap();
    }
}

fn connect(address: &str) -> BufReader<TcpStream> {
    BufReader::new(TcpStream::connect(address).unwrap())
}

fn add_user(connection: &mut BufReader<TcpStream>, login_id: &str) -> std::io::Result<String> {
    let body = format!(
        r#"{{"firstName":"a","familyName":"b","loginId":"{login_id}","address":{{"zipCode":"1","address":"c"}}}}"#
    );
    write!(
        connection.get_mut(),
        "POST /backend/api/v1/users/new HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        body.len()
    )?;
    let mut status = String::new();
    let mut length = 0;
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        match line.trim_end() {
            "" => break,
            line if status.is_empty() => status = line.to_owned(),
            line => {
                length = line
                    .strip_prefix("content-length: ")
                    .map_or(length, |value| value.parse().unwrap())
            }
        }
    }
    connection.read_exact(&mut vec![0; length])?;
    Ok(status)
}

/// The loginIds of all users that the instance at the address knows.
fn known_users(address: &str) -> BTreeSet<String> {
    let mut connection = TcpStream::connect(address).unwrap();
    let request = "GET /backend/api/v1/users HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    connection.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    connection.read_to_string(&mut answer).unwrap();
    let (_, body) = answer.split_once("\r\n\r\n").unwrap();
    let users: Vec<Value> = serde_json::from_str(body).unwrap();
    let login_ids = users.iter().map(|user| user["loginId"].as_str().unwrap());
    login_ids.map(str::to_owned).collect()
}

#[test]
fn a_load_through_a_stop_loses_nothing_that_was_accepted() {
    const CLIENTS: usize = 4;
    const USERS: usize = 100;
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/users.db", folder.path().display());
    let (mut first, second) = (Process::start_on(&url), Process::start_on(&url));
    let addresses = [first.address.clone(), second.address.clone()];
    let (sender, answered) = channel();

    let mut added: BTreeSet<String> = std::thread::scope(|scope| {
        for client in 0..CLIENTS {
            let (sender, [one, other]) = (sender.clone(), &addresses);
            let login_ids = (0..USERS).map(move |number| format!("user.{client}.{number}"));
            scope.spawn(move || add_users(login_ids, [one, other], &sender));
        }
        // Clients that break are not waited for.
        drop(sender);
        // In the midst of it, for certain.
        let early = answered.iter().take(CLIENTS * USERS / 10).collect();
        first.terminate();
        early
    });
    added.extend(answered);
    assert!(first.child.wait().unwrap().success());
    assert_eq!(added.len(), CLIENTS * USERS);
    let known = known_users(&second.address);
    let lost: Vec<_> = added.difference(&known).collect();
    assert!(lost.is_empty(), "{lost:?}");
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
        // The driver itself would only log what it does not know.
        (
            "DATABASE_URL",
            "postgres://user@host/database?pasword=secret",
        ),
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
fn a_value_that_is_no_text_names_its_variable() {
    let folder = TempDir::new().unwrap();
    let url = format!("sqlite:{}/users", folder.path().display());
    let url = [url.as_bytes(), b"\xff.db"].concat();
    for variable in ["DATABASE_URL", "SOURCE_COMMIT"] {
        // Nobody can listen there, so that the process ends in any case.
        let mut command = command(&[("HOST", "192.0.2.1")]);
        let output = command.env(variable, OsStr::from_bytes(&url)).output();
        let output = output.unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        assert!(log.contains(&format!("{variable}: expected")), "{log}");
        assert_eq!(output.status.code(), Some(1), "{log}");
    }
    assert!(folder.path().read_dir().unwrap().next().is_none());
}

#[test]
fn a_database_that_cannot_be_opened_ends_the_process_without_its_password() {
    for (url, cause) in [
        ("sqlite:/nowhere/users.db", "unable to open"),
        ("postgres://user:secret@127.0.0.1:1/database", "refused"),
    ] {
        let output = command(&[("DATABASE_URL", url), ("PORT", "0")])
            .output()
            .unwrap();
        let log = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.status.code(), Some(1), "{url}");
        assert!(
            log.contains("DATABASE_URL") && log.contains(cause) && !log.contains("secret"),
            "{log}"
        );
    }
}
