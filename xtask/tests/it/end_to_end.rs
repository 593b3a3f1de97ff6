//! `e2e`: whose pages are tested. What stands for the browser tells what it was given.

use crate::support::{Sandbox, tiny};

/// The package that drives a browser; this one only says where it was sent.
const MANIFEST: &str = "[package]\nname = \"e2e\"\nversion = \"0.1.0\"\nedition = \"2024\"\n";
const MAIN: &str = r##"
fn main() {
    let arguments: Vec<_> = std::env::args().collect();
    let url = &arguments[2];
    let (_, rest) = url.split_once("127.0.0.1:").unwrap();
    let (_, path) = rest.split_once('/').unwrap();
    let last = arguments.last().unwrap();
    println!(r#"{{"step":"{path} {last}","outcome":"passed"}}"#);
}
"##;

/// The services `tiny` and, started after it, `late`; and what stands for the browser.
fn workspace(pages: [bool; 2]) -> Sandbox {
    let sandbox = tiny::workspace();
    let members = r#"members = ["tiny", "late", "e2e"]"#;
    sandbox.edit("Cargo.toml", r#"members = ["tiny"]"#, members);
    let manifest = sandbox.read("tiny/Cargo.toml");
    let late = manifest.replace("tiny", "late") + "upstreams = [\"tiny\"]\n";
    sandbox.write("late/Cargo.toml", format!("{late}pages = {}\n", pages[1]));
    sandbox.write(
        "late/src/main.rs",
        sandbox.read("tiny/src/main.rs").replace("tiny", "late"),
    );
    sandbox.write(
        "tiny/Cargo.toml",
        format!("{manifest}pages = {}\n", pages[0]),
    );
    sandbox.write("e2e/Cargo.toml", MANIFEST);
    sandbox.write("e2e/src/main.rs", MAIN);
    let package =
        |name, version| format!("\n[[package]]\nname = \"{name}\"\nversion = \"{version}\"\n");
    let lock = ["version = 4\n".to_owned()].into_iter().chain([
        package("e2e", "0.1.0"),
        package("late", "0.3.0"),
        package("tiny", "0.3.0"),
    ]);
    sandbox.write("Cargo.lock", lock.collect::<String>());
    sandbox
}

#[test]
fn the_metadata_says_whose_pages_are_tested() {
    let sandbox = workspace([true, false]);
    sandbox.ok(["build"]);
    let steps = sandbox.ok(["e2e"]).stdout;
    let evidence = sandbox.path("target/test-evidence").display().to_string();
    assert_eq!(
        steps,
        format!("tiny {evidence}: passed\ntiny --backend-down: passed\n")
    );
}

#[test]
fn without_one_service_with_pages_the_metadata_is_at_fault() {
    for (pages, words) in [
        ([false, false], "no service has pages"),
        ([true, true], "more than one service has pages: tiny, late"),
    ] {
        workspace(pages).run(["e2e"]).fails(
            4,
            &[
                words,
                "hint: set `pages = true`",
                "hint: cargo xtask e2e --url",
            ],
        );
    }
}
