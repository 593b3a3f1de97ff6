//! What an interrupt leaves behind where other programs were at work: nothing.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Ran, Sandbox, output_of, tiny};

/// What a program does that was reached: it says so to whoever reads the pipe, and stays.
const STAYS: &str = r#"echo reached > "$HOME/reached"; exec sleep 600"#;

/// Runs a command until a program has reached the pipe, interrupts it, and gives how it
/// ended.
fn interrupted(sandbox: &Sandbox, arguments: &[&str]) -> Ran {
    output_of(Command::new("mkfifo").arg(sandbox.path("home/reached")));
    let tool = sandbox
        .command(arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Blocks until the program is there.
    assert_eq!(sandbox.read("home/reached"), "reached\n");
    output_of(Command::new("kill").args(["-INT", &tool.id().to_string()]));
    Ran::from(tool.wait_with_output().unwrap())
}

fn names_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let names = entries.map(|entry| entry.file_name().to_str().unwrap().to_owned());
    names.filter(|name| name != ".lock").collect()
}

/// An engine that has data and sockets, and needs both until it has ended.
const ENGINE: &str = r#"trap 'test -e "$data/layers" && test -e "$sockets/socket" && echo whole > "$HOME/at-the-end"; kill $!; exit' TERM
while test $# -gt 0; do
    case $1 in --host) host=$2;; --data-root) data=$2;; --exec-root) sockets=$2;; esac
    shift
done
mkdir -p "$data" "$sockets"
touch "$data/layers" "$sockets/socket"
echo "$host" > "$HOME/host.new"
mv "$HOME/host.new" "$HOME/host"
sleep 600 &
while :; do wait $!; done"#;

#[test]
fn the_engine_of_the_tests_is_ended_and_removed() {
    let runtime = tempfile::tempdir().unwrap();
    let mut sandbox = tiny::workspace().with("XDG_RUNTIME_DIR", runtime.path().to_str().unwrap());
    sandbox.set("DOCKER_HOST", "unix:///nowhere");
    sandbox.program("home/programs/docker-registry", "");
    sandbox.program("home/programs/dockerd", ENGINE);
    sandbox.program(
        "home/programs/docker",
        r#"test "$2" = "$(cat "$HOME/host")""#,
    );
    let cargo = format!("case $1 in test) {STAYS};; esac; exec cargo \"$@\"");
    let cargo = sandbox.script("home/cargo", &cargo);
    sandbox.set("CARGO", cargo);
    interrupted(&sandbox, &["test", "--no-setup"]).fails(130, &["interrupted"]);
    assert_eq!(sandbox.read("home/at-the-end"), "whole\n");
    let socket = sandbox.read("home/host");
    let place = socket.strip_prefix("unix://").unwrap();
    assert!(Path::new(place).starts_with(runtime.path()), "{socket}");
    assert_eq!(names_in(runtime.path()), [""; 0]);
    assert_eq!(names_in(&sandbox.path("target/test-engine")), [""; 0]);
}

#[test]
fn what_a_docker_build_works_with_is_removed() {
    let mut sandbox = tiny::workspace();
    sandbox.program("home/programs/docker", STAYS);
    interrupted(&sandbox, &["build", "--engine", "docker"]).fails(130, &["interrupted"]);
    assert_eq!(names_in(&sandbox.path("target/images")), ["tiny"]);
}
