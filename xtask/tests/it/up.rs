//! Services as processes of this machine.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::TcpStream;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::Value;

use crate::support::image::{Image, layout, tar_of_paths};
use crate::support::{Ran, Sandbox, output_of, tiny};

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

/// What writes each signal to the file of its argument, and ends where it is told to.
const TELLING: &str = r#"trap 'echo interrupted >> "$0"' INT
trap 'echo told to end >> "$0"; kill $!; exit' TERM
echo '{"message":"listening","address":"127.0.0.1:9"}'
tail -f /dev/null &
while :; do wait $!; done"#;

/// A workspace with a built service that is this script for the shell.
fn service(script: &str, argument: &Path) -> Sandbox {
    let sandbox = tiny::workspace();
    let main = format!(
        "use std::os::unix::process::CommandExt;
fn main() {{ panic!(\"{{}}\", std::process::Command::new(\"/bin/sh\").args([\"-c\", {script:?}, {argument:?}]).exec()); }}"
    );
    sandbox.write("tiny/src/main.rs", main);
    sandbox.ok(["build"]);
    sandbox
}

#[test]
fn an_interrupt_at_the_terminal_tells_a_service_once_to_end() {
    let folder = tempfile::tempdir().unwrap();
    let signals = folder.path().join("signals");
    let sandbox = service(TELLING, &signals);
    let mut command = sandbox.command(["up"]);
    let log = File::create(sandbox.path(LOG)).unwrap();
    command.stdout(Stdio::piped()).stderr(log).process_group(0);
    let mut child = command.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut url)
        .unwrap();
    // A terminal signals the group of what it runs.
    output_of(Command::new("kill").args(["-INT", "--", &format!("-{}", child.id())]));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    assert_eq!(fs::read_to_string(signals).unwrap(), "told to end\n");
}

/// What says more when it is told to end than a pipe holds, and leaves a process behind
/// that keeps its output open.
const TALKATIVE: &str = r#"trap 'seq 30000; exit' TERM
tail -f /dev/null &
echo $! > "$0"
echo '{"message":"listening","address":"127.0.0.1:9"}'
while :; do wait $!; done"#;

#[test]
fn what_a_service_says_last_is_shown_whatever_it_leaves_behind() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left");
    let sandbox = service(TALKATIVE, &left);
    let (mut child, _) = up(&sandbox, &[]);
    signal("-INT", child.id());
    let code = child.wait().unwrap().code();
    let left = fs::read_to_string(left).unwrap();
    signal("-KILL", left.trim().parse().unwrap());
    let log = sandbox.read(LOG);
    assert_eq!(code, Some(0), "{log}");
    assert_eq!(log.lines().last(), Some("tiny | 30000"));
}

/// What does not end when it is told to, and leaves a process behind.
const STUBBORN: &str = r#"trap 'echo busy' TERM
tail -f /dev/null > "$0.log" 2>&1 &
echo $! > "$0"
echo '{"message":"listening","address":"127.0.0.1:9"}'
while :; do wait $!; done"#;

#[test]
fn a_second_interrupt_kills_a_service_that_takes_its_time_and_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let left = folder.path().join("left");
    let sandbox = service(STUBBORN, &left);
    let mut command = sandbox.command(["up"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut url = String::new();
    BufReader::new(child.stdout.as_mut().unwrap())
        .read_line(&mut url)
        .unwrap();
    let mut said = BufReader::new(child.stderr.take().unwrap()).lines();
    let mut says = |word| said.any(|line| line.unwrap().contains(word));
    signal("-INT", child.id());
    assert!(says("tiny | busy"));
    signal("-INT", child.id());
    assert!(says("warning: tiny was not waited for: it was killed"));
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let left = fs::read_to_string(left).unwrap();
    signal("-KILL", left.trim().parse().unwrap());
}

#[test]
fn what_a_service_says_last_stands_above_the_error_that_it_has_ended() {
    let script = r#"echo '{"message":"listening","address":"127.0.0.1:9"}'; seq 30000"#;
    let sandbox = service(script, Path::new(""));
    let ran = sandbox.run(["up"]);
    ran.fails(
        1,
        &["tiny | 30000\nerror: tiny has ended; its output is above"],
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
    fs::remove_dir_all(sandbox.path("target/images")).unwrap();
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
    let unpacked = format!("target/up/backend/{}/files/content", after.digest().hex());
    assert_eq!(sandbox.read(&unpacked), "after");
}

/// The folders of the images that `up` has unpacked of the service `tiny`.
fn unpacked_images(sandbox: &Sandbox) -> BTreeSet<OsString> {
    let entries = fs::read_dir(sandbox.path("target/up/tiny")).unwrap();
    let folders = entries.map(Result::unwrap);
    let folders = folders.filter(|entry| entry.path().is_dir());
    folders.map(|folder| folder.file_name()).collect()
}

#[test]
fn an_image_is_removed_once_nothing_runs_from_it_and_another_comes() {
    let sandbox = tiny::workspace();
    let start_new = |before, after| {
        sandbox.edit("tiny/src/main.rs", before, after);
        sandbox.ok(["build"]);
        up(&sandbox, &[]).0
    };
    let stop = |mut up: Child| {
        signal("-INT", up.id());
        assert_eq!(up.wait().unwrap().code(), Some(0));
    };
    let first = start_new("404 Not Found", "404 First");
    let one = unpacked_images(&sandbox);
    let second = start_new("404 First", "404 Second");
    let both = unpacked_images(&sandbox);
    assert!(one.len() == 1 && both.len() == 2 && one.is_subset(&both));
    stop(first);
    let third = start_new("404 Second", "404 Third");
    let later = unpacked_images(&sandbox);
    assert!(later.len() == 2 && one.is_disjoint(&later), "{later:?}");
    let kept = both.difference(&one).next().unwrap();
    assert!(later.contains(kept), "it runs");
    stop(second);
    stop(third);
}

/// What `up` unpacks of an image with these layers, each made of these paths: all files,
/// sorted. The image has no entry point, which is where `up` ends.
fn unpacked(layers: &[&[&str]]) -> Vec<String> {
    let sandbox = Sandbox::new();
    let layers: Vec<_> = layers.iter().map(|paths| tar_of_paths(paths)).collect();
    let layers: Vec<_> = layers.iter().map(Vec::as_slice).collect();
    let digest = sandbox.has_built_of("backend", Image::new("layers"), &layers);
    sandbox
        .run(["up"])
        .fails(1, &["the image has no entry point"]);
    let root = sandbox.path(&format!("target/up/backend/{}/files", digest.hex()));
    let mut files = Vec::new();
    collect(&root, &root, &mut files);
    files.sort();
    files
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<String>) {
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.symlink_metadata().unwrap().is_dir() {
            collect(root, &path, files);
        } else {
            let name = path.strip_prefix(root).unwrap();
            files.push(name.to_str().unwrap().to_owned());
        }
    }
}

#[test]
fn a_layer_hides_what_the_ones_below_it_have() {
    let lower: &[&str] = &["a/", "a/one", "a/two", "b/", "b/deep/", "b/deep/file", "c"];
    for (upper, left) in [
        (&["a/.wh.one"][..], &["a/two", "b/deep/file", "c"][..]),
        (&[".wh.b", ".wh.c", ".wh.never"], &["a/one", "a/two"]),
        (&["a/.wh..wh..opq"], &["b/deep/file", "c"]),
        (&[".wh..wh..opq"], &[]),
        // What the layer itself has stays, wherever the whiteout comes.
        (
            &["a/", "a/three", "a/.wh..wh..opq", "a/four"],
            &["a/four", "a/three", "b/deep/file", "c"],
        ),
        (
            &["b/new/", "b/new/file", ".wh.b"],
            &["a/one", "a/two", "b/new/file", "c"],
        ),
        // A file in the place of a folder, and the reverse.
        (&["b", "c/", "c/file"], &["a/one", "a/two", "b", "c/file"]),
    ] {
        assert_eq!(unpacked(&[lower, upper]), left, "{upper:?}");
    }
}

#[test]
fn a_layer_hides_and_replaces_nothing_outside_of_the_image() {
    let outside = tempfile::tempdir().unwrap();
    let victim = outside.path().join("victim");
    fs::write(&victim, "kept").unwrap();
    let link = format!("out -> {}", outside.path().display());
    for upper in [
        "out/.wh.victim",
        "out/.wh..wh..opq",
        "out/victim",
        ".wh...",
        "deep/.wh...",
        "deep/.wh..",
        ".wh.",
    ] {
        let sandbox = Sandbox::new();
        let layers = [&[&link, "deep/", "deep/file"][..], &[upper]].map(tar_of_paths);
        let layers = layers.each_ref().map(Vec::as_slice);
        sandbox.has_built_of("backend", Image::new("hostile"), &layers);
        sandbox
            .run(["up"])
            .fails(1, &["unpacking the layer", &format!("applying {upper}")]);
        assert_eq!(fs::read(&victim).unwrap(), b"kept", "{upper}");
    }
    // The link itself is the image's.
    assert_eq!(unpacked(&[&[&link], &[".wh.out", "file"]]), ["file"]);
    assert!(victim.exists());
}

#[test]
fn a_layer_of_several_gzip_members_is_unpacked_whole() {
    let tar = tar_of_paths(&["first", "second"]);
    let members = tar.chunks(700).flat_map(|part| {
        let mut member = GzEncoder::new(Vec::new(), Compression::default());
        member.write_all(part).unwrap();
        member.finish().unwrap()
    });
    let layer: Vec<u8> = members.collect();
    let sandbox = Sandbox::new();
    let digest = sandbox.has_built_of("backend", Image::new("members"), &[&layer]);
    sandbox
        .run(["up"])
        .fails(1, &["the image has no entry point"]);
    let second = format!("target/up/backend/{}/files/second", digest.hex());
    assert_eq!(sandbox.read(&second), "second");
}
