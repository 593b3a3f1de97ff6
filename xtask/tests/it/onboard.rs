//! `onboard`: a new service, or everything as it was.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{Ran, Sandbox, output_of, wait_for_line};

/// A workspace in which Cargo is this script.
fn with_cargo(script: &str) -> Sandbox {
    let mut sandbox = Sandbox::new();
    sandbox.ok(["generate"]);
    let cargo = sandbox.script("target/cargo", script);
    sandbox.set("CARGO", cargo);
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
            "test $1 != test || echo changed > Cargo.lock; test $1 != build",
            "FAILED  image",
        ),
    ] {
        for lock in [Some("version = 4\n"), None] {
            let sandbox = with_cargo(script);
            lock.inspect(|lock| sandbox.write("Cargo.lock", lock));
            let before = tree(sandbox.root());
            let ran = sandbox.run(["onboard", "orders", "--upstream", "backend"]);
            let checked = ["done  generate --check (", "done  lint ("];
            ran.fails(1, &[checked[0], checked[1], step]);
            ran.fails(1, &["everything was put back as it was"]);
            is_as_before(&sandbox, &before);
        }
    }
}

#[test]
fn what_cannot_be_put_back_is_named() {
    let sandbox = with_cargo("rm Cargo.toml && mkdir Cargo.toml; exit 1");
    let before = tree(sandbox.root());
    let ran = sandbox.run(["onboard", "orders"]);
    let manifest = sandbox.path("Cargo.toml");
    let all_else = format!("all but {} was put back as it was", manifest.display());
    ran.fails(1, &[&all_else, "hint: `git status --short`"]);
    assert!(!ran.stderr.contains("everything was put back"));
    fs::remove_dir(&manifest).unwrap();
    sandbox.write("Cargo.toml", &before["Cargo.toml"]);
    is_as_before(&sandbox, &before);
}

#[test]
fn a_second_one_waits_and_takes_what_is_there_by_then() {
    let sandbox = with_cargo(
        "test $3 = orders && echo started > target/started && read go < target/go; exit 1",
    );
    for pipe in ["target/started", "target/go"] {
        output_of(Command::new("mkfifo").arg(sandbox.path(pipe)));
    }
    let before = tree(sandbox.root());
    let onboard = |name: &str| {
        let mut command = sandbox.command(["onboard", name]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().unwrap()
    };
    let first = onboard("orders");
    assert_eq!(sandbox.read("target/started"), "started\n");
    let mut second = onboard("payments");
    wait_for_line(&mut second, "waiting for another command");
    assert!(!sandbox.path("payments").exists());
    sandbox.write("target/go", "go\n");
    for (child, name) in [(first, "orders"), (second, "payments")] {
        let ran = Ran::from(child.wait_with_output().unwrap());
        ran.fails(
            1,
            &[&format!("onboarding {name}"), "everything was put back"],
        );
    }
    is_as_before(&sandbox, &before);
}

#[test]
fn what_others_write_meanwhile_stays() {
    // Cargo stands for the other one: also where its step fails, and where it formats.
    let script = |others: &str| {
        format!(
            "test $1 = fmt && echo '// formatted' >> orders/src/main.rs && exit\n{others}\nexit 1"
        )
    };
    let others = "echo '# a note' >> build/parameters.toml
        mkdir orders/docs && echo mine > orders/docs/notes.md
        echo '// mine' >> orders/src/lib.rs
        rm build/pipeline.md
        echo 'version = 4' > Cargo.lock";
    let sandbox = with_cargo(&script(others));
    let before = tree(sandbox.root());
    let ran = sandbox.run(["onboard", "orders"]);
    let place = |path: &str| sandbox.path(path).display().to_string();
    for (path, why) in [
        ("build/parameters.toml", "stays as it is"),
        ("orders/src/lib.rs", "stays as it is"),
        ("build/pipeline.md", "stays as it is"),
        ("orders", "stays: somebody else has put something into it"),
    ] {
        ran.fails(1, &[&format!("warning: {} {why}", place(path))]);
    }
    ran.fails(1, &["hint: `git status --short` and `git diff`"]);
    let after = tree(sandbox.root());
    let left = after.keys().filter(|path| path.starts_with("orders"));
    let left: Vec<_> = left.map(String::as_str).collect();
    let files = ["orders/docs/notes.md", "orders/src/lib.rs"];
    assert_eq!(
        left,
        ["orders", "orders/docs", files[0], "orders/src", files[1]]
    );
    assert_eq!(after[files[0]], "mine\n");
    assert!(after[files[1]].ends_with("// mine\n"));
    assert!(after["build/parameters.toml"].ends_with("# a note\n"));
    for path in [
        "Cargo.toml",
        "build/pipeline.yaml",
        "build/environment.yaml",
    ] {
        assert_eq!(after[path], before[path]);
    }
    assert!(!after.contains_key("build/pipeline.md") && !after.contains_key("Cargo.lock"));
}

#[test]
fn what_cannot_be_written_puts_everything_back() {
    let break_and_onboard = |prepare: &dyn Fn(&Sandbox), code: i32, words: &str| {
        let sandbox = with_cargo("exit 1");
        prepare(&sandbox);
        let before = tree(sandbox.root());
        let ran = sandbox.run(["onboard", "orders", "--upstream", "backend"]);
        ran.fails(code, &[words, "everything was put back as it was"]);
        is_as_before(&sandbox, &before);
    };
    // The crate is there by then, the generated files are not.
    let no_file = |sandbox: &Sandbox| {
        fs::remove_file(sandbox.path("build/pipeline.md")).unwrap();
        fs::create_dir(sandbox.path("build/pipeline.md")).unwrap();
    };
    break_and_onboard(&no_file, 1, "pipeline.md");
    let too_many = |sandbox: &Sandbox| {
        let names: Vec<_> = (3..=20).map(|number| format!("service-{number}")).collect();
        for name in &names {
            let manifest = sandbox.read("backend/Cargo.toml");
            sandbox.write(
                &format!("{name}/Cargo.toml"),
                manifest.replace("backend", name),
            );
        }
        let members = format!("\"backend-for-frontend\", \"{}\"", names.join("\", \""));
        sandbox.edit("Cargo.toml", "\"backend-for-frontend\"", &members);
    };
    break_and_onboard(&too_many, 4, "21 services are too many");
}

#[test]
fn an_interrupt_puts_everything_back() {
    for step in ["fmt", "test", "build"] {
        let sandbox = with_cargo(&format!(
            "test $1 = {step} || exit 0\necho started > target/started; exec sleep 600"
        ));
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
fn a_new_service_passes_its_tests_and_becomes_an_image() {
    let sandbox = Sandbox::of_this_workspace("onboarded")
        // In the place of a commit.
        .with("CODEBUILD_RESOLVED_SOURCE_VERSION", "0".repeat(40))
        .with("SOURCE_DATE_EPOCH", "1000000000");
    let ran = sandbox.run(["onboard", "orders", "--upstream", "backend"]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let environment = sandbox.command([""; 0]);
    let variables = environment.get_envs();
    let mut clippy = Command::new("cargo");
    clippy
        .args([
            "clippy",
            "--package",
            "orders",
            "--all-targets",
            "--",
            "--deny",
            "warnings",
        ])
        .envs(variables.filter_map(|(name, value)| Some((name, value?))));
    output_of(clippy.current_dir(sandbox.root()));
    for command in [
        &["generate", "--check"][..],
        &["lint"],
        &["params", "check"],
        &["staging-tag", "orders"],
        &["promote", "orders"],
    ] {
        sandbox.ok(command);
    }
}

#[test]
fn a_service_may_be_called_as_its_modules_are() {
    let sandbox = onboarded(&["app"]);
    for file in ["src/main.rs", "tests/it.rs"] {
        let text = sandbox.read(&format!("target/copy/app/{file}"));
        // The module would hide the crate from the lines below.
        assert!(!text.contains("use app::app;"), "{file}: {text}");
    }
}

#[test]
fn a_service_may_call_one_that_was_added() {
    let sandbox = onboarded(&["orders", "--upstream", "backend"]);
    let copy = sandbox.path("target/copy");
    let mut command = sandbox.command(["onboard", "payments", "--upstream", "orders"]);
    let script =
        "#!/bin/sh\ntest $1 = fmt && cp -r payments build/parameters.toml target\nexit 1\n";
    sandbox.write("target/cargo", script);
    fs::create_dir(copy.join("target")).unwrap();
    Ran::from(command.current_dir(&copy).output().unwrap())
        .fails(1, &["`cargo fmt --package payments` failed"]);
    let config = sandbox.read("target/copy/target/payments/src/config.rs");
    assert!(config.contains("\"ORDERS_SERVICE_DNS\""), "{config}");
    let parameters = sandbox.read("target/copy/target/parameters.toml");
    for name in [
        "[ORDERS_SERVICE_DNS_STAGING]",
        "[ORDERS_SERVICE_DNS_PRODUCTION]",
    ] {
        assert!(parameters.contains(name), "{parameters}");
    }
}

#[test]
fn names_are_checked_before_anything_is_written() {
    let sandbox = with_cargo("exit 1");
    let package = |name| format!("[[package]]\nname = \"{name}\"\nversion = \"1.0.0\"\n");
    sandbox.write(
        "Cargo.lock",
        format!(
            "version = 4\n\n{}{}",
            package("tower"),
            package("serde_json")
        ),
    );
    let old = sandbox.read("backend/Cargo.toml");
    sandbox.write(
        "old/Cargo.toml",
        old.replace("\"backend\"", "\"back_end\"")
            .replace("/backend", "/front"),
    );
    sandbox.edit("Cargo.toml", "[\"backend\"", "[\"old\", \"backend\"");
    let before = tree(sandbox.root());
    let long = "a".repeat(41);
    let taken = [
        "backend",
        "bff",
        "build",
        "back-end",
        "front",
        "old",
        "tower",
        "serde-json",
        "listen",
        "version",
    ];
    let by_rust = ["test", "core", "std", "async", "proc-macro", "target"];
    let by_aws = ["aws-bridge", "awsome", "ssm-reader", "codebuild"];
    for name in taken.into_iter().chain(by_rust).chain(by_aws) {
        let words = format!("the name {name:?} is taken");
        sandbox
            .run(["onboard", name])
            .fails(3, &[&words, "hint: choose another name"]);
    }
    for name in ["Orders", "../x", "a b", "-x", "1x", "x-", "a--b", "", &long] {
        let ran = sandbox.run(["new", "--", name]);
        ran.fails(2, &["hint: "]);
    }
    sandbox
        .run(["onboard", "orders", "--upstream", "backed"])
        .fails(4, &["did you mean `backend`?"]);
    is_as_before(&sandbox, &before);
}
