pub(super) mod parts;
mod python;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Serialize;
use xshell::cmd;

use self::parts::{PARTS, Part};
use super::{Context, Entry, Report};
use crate::console;
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
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        if !self.check {
            install(context, &PARTS.each_ref())?;
        }
        let tools = tools(context);
        let entries = PARTS.iter().map(|part| entry(part, &tools));
        Ok(Report::new(entries.collect()))
    }
}

fn entry(part: &Part, tools: &Path) -> Entry {
    let missing = part.missing(tools);
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
            .hint("cargo xtask setup")
            .hint(how_to_install(part.packages))
            .into(),
    )
}

/// Where the programs from PyPI are installed, which disturbs nothing else.
pub(super) fn tools(context: &Context) -> PathBuf {
    context.workspace.target_directory.join("python")
}

/// Installs what those of the parts need that cannot run: programs from PyPI wherever Python
/// is, Debian's packages where that is possible.
pub(super) fn install(context: &Context, parts: &[&Part]) -> Result<()> {
    let tools = tools(context);
    let mut packages = BTreeSet::new();
    for part in parts {
        let missing = part.missing(&tools);
        if !missing.is_empty() {
            let (name, missing) = (part.name, missing.join(", "));
            console::note(format_args!("the tests of the part {name} need {missing}"));
            packages.extend(part.packages);
        }
    }
    if !packages.is_empty() {
        install_packages(&Vec::from_iter(packages))?;
    }
    let lacking = parts.iter().flat_map(|part| part.tools);
    for tool in lacking.filter(|tool| !tool.is_installed(&tools)) {
        // The parts that need it say by name that they cannot run; others can.
        if let Err(error) = tool.install(&tools) {
            console::error(&error);
        }
    }
    Ok(())
}

/// On Debian and its relatives, as root. Elsewhere it names the command.
fn install_packages(packages: &[&str]) -> Result<()> {
    if process::find("apt-get").is_none() || !is_root()? {
        console::hint(how_to_install(packages));
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
