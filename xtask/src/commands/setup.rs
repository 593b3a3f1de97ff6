use std::path::Path;

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use xshell::cmd;

use super::test::parts::{PARTS, Part};
use super::{Entry, Report};
use crate::error::Kind;
use crate::process::{self, CommandLine};

/// Install what the tests need, or list it
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Setup {
    /// Only say what is missing; fails where something is
    #[arg(long)]
    check: bool,
}

/// A part of the tests and whether it can run.
#[derive(Serialize)]
struct Object<'a> {
    part: &'a str,
    outcome: &'static str,
    missing: Vec<&'a str>,
}

impl Setup {
    pub(crate) fn run(self) -> Result<Report> {
        if !self.check {
            install()?;
        }
        Ok(Report::new(PARTS.iter().map(entry).collect()))
    }
}

fn entry(part: &Part) -> Entry {
    let missing = part.missing();
    let object = Object {
        part: part.name,
        outcome: if missing.is_empty() {
            "ready"
        } else {
            "failed"
        },
        missing: missing.clone(),
    };
    if missing.is_empty() {
        return Entry::new(format!("{}: ready", part.name), &object);
    }
    let fault = format!(
        "the tests of the part {} need {}",
        part.name,
        missing.join(", ")
    );
    Entry::failed(
        &object,
        Kind::Failed
            .because(fault)
            .hint(how_to_install(part.packages))
            .into(),
    )
}

/// Installs the packages of the parts that cannot run, where that is possible:
/// on Debian and its relatives, as root. Elsewhere it names the command.
pub(super) fn install() -> Result<()> {
    let lacking: Vec<_> = PARTS
        .iter()
        .filter(|part| !part.missing().is_empty())
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    let packages: Vec<&str> = lacking
        .iter()
        .flat_map(|part| part.packages)
        .copied()
        .collect();
    for part in &lacking {
        crate::console::note(format_args!(
            "the tests of the part {} need {}",
            part.name,
            part.missing().join(", ")
        ));
    }
    if process::find("apt-get").is_none() || !is_root()? {
        crate::console::note(format_args!("hint: {}", how_to_install(&packages)));
        return Ok(());
    }
    let here = Path::new(".");
    let quiet = |apt: duct::Expression| apt.env("DEBIAN_FRONTEND", "noninteractive");
    process::succeed(
        &CommandLine::new("apt-get").args(["update", "--quiet"]),
        here,
        quiet,
    )?;
    let line = CommandLine::new("apt-get")
        .args(["install", "--quiet", "--yes", "--no-install-recommends"])
        .args(packages);
    process::succeed(&line, here, quiet).context("installing what the tests need")
}

fn how_to_install(packages: &[&str]) -> String {
    if process::find("apt-get").is_some() {
        format!(
            "sudo apt-get install --no-install-recommends {}",
            packages.join(" ")
        )
    } else {
        format!(
            "install with your system's package manager what Debian calls {}",
            packages.join(", ")
        )
    }
}

fn is_root() -> Result<bool> {
    let shell = process::shell(Path::new("."))?;
    let user = process::ask(cmd!(shell, "id -u"))?;
    if user.is_empty() {
        bail!("`id -u` said nothing");
    }
    Ok(user == "0")
}
