//! Services as processes of this machine.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::TcpStream;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::support::image::{Image, layout};
use crate::support::{Ran, Sandbox, tiny};

/// Where what `up` says goes: a pipe that nobody reads would stop it once it is full.
const LOG: &str = "target/up.log";

/// Starts `up` and gives it with the URL of its one service.
fn up(sandbox: &Sandbox, arguments: &[&str]) -> (Child, String) {
    let mut command = sandbox.command(["up", "--format", "json"].iter().chain(arguments));
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(File::create(sandbox.path(LOG)).unwrap())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut line)
        .unwrap();
    let started: Vec<Value> =
        serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line:?}"));
    (child, started[0]["url"].as_str().unwrap().to_owned())
}

fn signal(name: &str, id: u32) {
    let status = Command::new("kill")
        .args([name, &id.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

/// The host and port of a URL.
fn address_of(url: &str) -> &str {
    url.trim_start_matches("http://").split('/').next().unwrap()
}

#[test]
fn services_run_until_an_interrupt_stops_them() {
    let sandbox = tiny::workspace();
    sandbox.ok(["build"]);
    let (mut child, url) = up(&sandbox, &[]);
    let answer = ureq::get(format!("{url}/health/live")).call().unwrap();
    assert_eq!(answer.status(), 200);

    signal("-INT", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert!(
        TcpStream::connect(address_of(&url)).is_err(),
        "the service is gone"
    );
}

/// A line in another encoding, and one that is longer than anybody keeps in memory.
const ODD_LINES: &str = r#"std::io::stdout().write_all(b"caf\xe9\n").unwrap();
    println!("{}", "long".repeat(50_000));
    "#;

#[test]
fn a_service_may_log_what_is_no_text() {
    let sandbox = tiny::workspace();
    let main = "tiny/src/main.rs";
    sandbox.edit(main, "println!", &format!("{ODD_LINES}println!"));
    let lines = format!("{ODD_LINES}let mut connection");
    sandbox.edit(main, "let mut connection", &lines);
    sandbox.ok(["build"]);
    let (mut child, url) = up(&sandbox, &[]);
    let health = format!("{url}/health/live");
    for _ in 0..2 {
        assert_eq!(ureq::get(&health).call().unwrap().status(), 200);
    }
    signal("-INT", child.id());
    let code = child.wait().unwrap().code();
    let log = sandbox.read(LOG);
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("tiny | caf\u{fffd}\n"), "{log}");
    assert!(log.lines().all(|line| line.len() < 100_000));
}

#[test]
fn the_images_of_an_environment_run_as_well() {
    let sandbox = tiny::workspace();
    sandbox.ok(["pipeline", "run"]);
    std::fs::remove_dir_all(sandbox.path("target/images")).unwrap();
    let (mut child, url) = up(&sandbox, &["--environment", "production"]);
    assert_eq!(
        ureq::get(format!("{url}/health/live"))
            .call()
            .unwrap()
            .status(),
        200
    );
    signal("-TERM", child.id());
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn a_service_that_ends_by_itself_ends_the_command_with_its_words() {
    let sandbox = tiny::workspace();
    sandbox.edit(
        "tiny/src/main.rs",
        "let port",
        "panic!(\"no database\");\n    let port",
    );
    sandbox.ok(["build"]);
    sandbox
        .run(["up"])
        .fails(1, &["tiny | ", "no database", "ended before it listened"]);
}

#[test]
fn without_images_the_command_that_makes_them_is_named() {
    let ran: Ran = Sandbox::new().run(["up"]);
    ran.fails(5, &["hint: cargo xtask build backend"]);
}

#[test]
fn an_image_that_is_being_replaced_is_not_the_one_that_runs() {
    let sandbox = Sandbox::new();
    sandbox.has_built("backend", Image::new("before"));
    let layout = layout(&sandbox.path("target/images/backend"));
    let lock = layout.own().unwrap();
    let mut child = sandbox
        .command(["up"])
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut says = |word| said.any(|line| line.unwrap().contains(word));
    assert!(says("waiting for another command"));

    let after = Image::new("after").write(&layout);
    layout
        .replace_all(&lock, &"built".parse().unwrap(), &after)
        .unwrap();
    drop(lock);
    assert!(says("the image has no entry point"), "it was unpacked");
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let unpacked = format!("target/up/backend/{}/content", after.digest().hex());
    assert_eq!(sandbox.read(&unpacked), "after");
}
