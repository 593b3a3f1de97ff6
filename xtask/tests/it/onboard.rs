//! `onboard`: a new service, or everything as it was.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Ran, Sandbox, output_of};

/// A workspace in which Cargo is this script.
fn with_cargo(script: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    sandbox.write("target/cargo", format!("#!/bin/sh\n{script}\n"));
    let cargo = sandbox.path("target/cargo");
    fs::set_permissions(&cargo, fs::Permissions::from_mode(0o755)).unwrap();
    sandbox.set("CARGO", cargo.display().to_string());
    // In the place of a commit.
    sandbox.set("CODEBUILD_RESOLVED_SOURCE_VERSION", "0".repeat(40));
    sandbox.set("SOURCE_DATE_EPOCH", "1000000000");
    sandbox
}

/// All files but those that a build leaves, and those of the user.
fn tree(root: &Path) -> BTreeMap<String, String> {
    let mut files = BTreeMap::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().display().to_string();
            if ["home", "target"].contains(&name.as_str()) {
                continue;
            }
            if path.is_dir() {
                files.insert(name, "a folder".to_owned());
                folders.push(path);
            } else {
                files.insert(name, fs::read_to_string(path).unwrap());
            }
        }
    }
    files
}

/// Asserts that nothing is there that was not, or is not any more, or is another.
fn is_as_before(sandbox: &Sandbox, before: &BTreeMap<String, String>) {
    let after = tree(sandbox.root());
    let changed = |path: &&String| before.get(*path) != after.get(*path);
    let changed: Vec<_> = before.keys().chain(after.keys()).filter(changed).collect();
    assert!(changed.is_empty(), "{changed:?}");
}

/// What the workspace is when Cargo is started for the first time.
fn onboarded(arguments: &[&str]) -> Sandbox {
    let sandbox =
        with_cargo("mkdir target/copy && cp -r $(ls | grep -v target) target/copy; exit 1");
    let ran = sandbox.run(["onboard"].iter().chain(arguments));
    ran.fails(
        1,
        &["everything was put back as it was", "`cargo fmt --package"],
    );
    sandbox
}

#[test]
fn a_failure_puts_everything_back() {
    for (script, step) in [
        ("exit 1", "`cargo fmt --package orders` failed"),
        ("test $1 = fmt", "`cargo test --package orders` failed"),
        (
            "echo changed > Cargo.lock; test $1 != build",
            "FAILED  image",
        ),
    ] {
        let sandbox = with_cargo(script);
        sandbox.write("Cargo.lock", "version = 4\n");
        let before = tree(sandbox.root());
        let ran = sandbox.run(["onboard", "orders", "--upstream", "backend"]);
        ran.fails(1, &[step, "everything was put back as it was"]);
        is_as_before(&sandbox, &before);
    }
}

#[test]
fn an_interrupt_puts_everything_back() {
    let sandbox = with_cargo("echo started > target/started; exec sleep 600");
    output_of(Command::new("mkfifo").arg(sandbox.path("target/started")));
    let before = tree(sandbox.root());
    let tool = sandbox
        .command(["onboard", "orders"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // Blocks until Cargo is running.
    assert_eq!(sandbox.read("target/started"), "started\n");
    assert!(sandbox.path("orders/src/main.rs").exists());
    output_of(Command::new("kill").args(["-INT", &tool.id().to_string()]));
    let ran = Ran::from(tool.wait_with_output().unwrap());
    ran.fails(130, &["everything was put back as it was", "interrupted"]);
    is_as_before(&sandbox, &before);
}

#[test]
fn the_rest_of_the_workspace_stays_as_it_is_written() {
    let sandbox = onboarded(&["orders", "--upstream", "backend"]);
    let before = tree(sandbox.root());
    let mut after = tree(&sandbox.path("target/copy"));
    assert_eq!(
        after["Cargo.toml"],
        before["Cargo.toml"].replace(
            "\"backend-for-frontend\"]",
            "\"backend-for-frontend\", \"orders\"]"
        )
    );
    assert!(after["build/parameters.toml"].starts_with(&before["build/parameters.toml"]));
    let own = |path: &String| {
        path.starts_with("orders") || path.starts_with("build") || path == "Cargo.toml"
    };
    after.retain(|path, _| !own(path));
    let others = before.into_iter().filter(|(path, _)| !own(path));
    assert_eq!(after, others.collect());
}

#[test]
fn a_new_service_needs_no_other_edit() {
    for arguments in [
        &["orders"][..],
        &["orders", "--upstream", "backend", "--upstream", "bff"],
    ] {
        let sandbox = onboarded(arguments);
        let copy = sandbox.path("target/copy");
        for command in [&["generate", "--check"][..], &["lint"], &["params", "list"]] {
            let output = sandbox
                .command(command)
                .current_dir(&copy)
                .output()
                .unwrap();
            let ran = Ran::from(output);
            assert_eq!(ran.code, Some(0), "{command:?} {}", ran.stderr);
        }
        for (path, text) in tree(&copy) {
            assert!(!text.contains("<<"), "{path}: {text}");
        }
    }
}

#[test]
fn names_are_checked_before_anything_is_written() {
    let sandbox = with_cargo("exit 1");
    let before = tree(sandbox.root());
    let runs: [(&[&str], i32, &str); 5] = [
        (&["onboard", "backend"], 3, "the name \"backend\" is taken"),
        (&["new", "bff"], 3, "the name \"bff\" is taken"),
        (&["onboard", "build"], 3, "the name \"build\" is taken"),
        (&["onboard", "Orders"], 2, "is no service's name"),
        (
            &["onboard", "orders", "--upstream", "backed"],
            4,
            "did you mean `backend`?",
        ),
    ];
    for (arguments, code, words) in runs {
        sandbox.run(arguments).fails(code, &[words]);
    }
    is_as_before(&sandbox, &before);
}
