use anyhow::Result;
use serde::Serialize;

use super::test::{PARAMETER_STORE, services};
use super::{Context, Entry, Report, Test};
use crate::console;
use crate::process::{self, CommandLine};

/// Run what continuous integration runs
///
/// Generated files, format, lints, documentation, fuzz targets, the rules of the
/// architecture, and every test.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Ci {
    #[command(flatten)]
    test: Test,
}

#[derive(Serialize)]
struct Object<'a> {
    check: &'a str,
    outcome: &'static str,
}

impl Ci {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let mut entries: Vec<_> = checks(context)
            .into_iter()
            .map(|(name, line)| check(context, name, &line))
            .collect();
        match self.test.entries(context) {
            Ok(tests) => entries.extend(tests),
            // What the checks have found is told all the same.
            Err(error) => entries.push(failed("tests", error)),
        }
        Ok(Report::new(entries))
    }
}

/// The checks, quickest first. Lints and documentation take the tool, the services
/// and the program with the AWS SDK apart, as the tests do: together their features
/// would unify, and everything compile twice.
fn checks(context: &Context) -> Vec<(&'static str, CommandLine)> {
    let on = |arguments: &[&str], packages: &[&str]| {
        CommandLine::cargo()
            .args(arguments)
            .args(packages.iter().flat_map(|package| ["--package", package]))
    };
    let clippy = |packages: &[&str]| {
        on(&["clippy", "--locked", "--all-targets"], packages).args(["--", "--deny", "warnings"])
    };
    // A link that leads nowhere is found in private items as well.
    let doc = |packages: &[&str]| {
        let deny = r#"build.rustdocflags=["--deny","warnings"]"#;
        let line = ["doc", "--locked", "--no-deps", "--document-private-items"];
        on(&line, packages).args(["--config", deny])
    };
    // A workspace of its own, which would break unseen where the tool changes.
    let fuzz = |arguments: &[&str]| {
        let line = CommandLine::cargo().args(arguments);
        line.args(["--manifest-path", "fuzz/Cargo.toml"])
    };
    vec![
        ("generated files", xtask(&["generate", "--check"])),
        ("lints of the delivery", xtask(&["lint"])),
        (
            "format",
            CommandLine::cargo().args(["fmt", "--all", "--check"]),
        ),
        ("format of the fuzz targets", fuzz(&["fmt", "--check"])),
        ("lints of the tool", clippy(&["xtask"])),
        ("lints of the services", clippy(&services(context))),
        ("lints of parameter-store", clippy(&PARAMETER_STORE)),
        ("documentation of the tool", doc(&["xtask"])),
        ("documentation of the services", doc(&services(context))),
        ("documentation of parameter-store", doc(&PARAMETER_STORE)),
        ("fuzz targets", fuzz(&["check", "--locked"])),
        (
            "architecture",
            CommandLine::cargo().args(["test", "--locked", "--package", "xtask", "architecture::"]),
        ),
    ]
}

/// A command of this very tool.
fn xtask(arguments: &[&str]) -> CommandLine {
    let line =
        CommandLine::cargo().args(["run", "--locked", "--quiet", "--package", "xtask", "--"]);
    line.args(arguments)
}

fn check(context: &Context, name: &str, line: &CommandLine) -> Entry {
    let run = console::step(name, || {
        process::succeed(line, &context.workspace.root, |cargo| cargo)
    });
    match run {
        Ok(()) => Entry::new(
            format!("{name}: passed"),
            &Object {
                check: name,
                outcome: "passed",
            },
        ),
        Err(error) => failed(name, error),
    }
}

fn failed(check: &str, error: anyhow::Error) -> Entry {
    let object = Object {
        check,
        outcome: "failed",
    };
    Entry::failed(&object, error)
}
