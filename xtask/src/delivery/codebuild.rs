//! CodeBuild's semantics on this machine: one shell for all commands, the rules of
//! the phases, artifacts (AWS CodeBuild User Guide, "Build specification reference
//! for CodeBuild" and "View build phase transitions").

mod artifacts;
mod expansion;
mod pattern;
mod script;
mod specification;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

pub use super::buildspec::{EXPORTED, is_variable};
use crate::files::FolderLock;
use crate::process::{self, CommandLine, Scratch};
pub use specification::{Buildspec, Source, Variable};

/// Where a build runs and what it knows.
#[derive(Debug)]
pub struct Build<'a> {
    /// The folder of the sources: where the first command starts.
    pub source: &'a Path,
    /// Cargo's target directory, which in CodeBuild is `target` below the sources.
    pub target: &'a Path,
    /// Where artifacts go; what an earlier build left there is removed.
    pub folder: &'a Path,
    /// The variables of the shell; of those with the same name the first counts.
    pub variables: Vec<(String, String)>,
    /// Whether what the commands print goes to standard error.
    pub quiet: bool,
}

/// What a phase came to.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Phase {
    /// Its name, e.g. `build`.
    pub phase: String,
    /// Whether all of its commands succeeded.
    pub succeeded: bool,
    /// How long it took.
    pub seconds: f64,
    /// The first command that failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub failed: Option<Failure>,
}

/// A command that failed.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Failure {
    /// The command.
    pub command: String,
    /// Where it is in the buildspec.
    pub line: usize,
    /// Its exit status.
    pub status: i32,
    /// Whether it ended the shell, which fails its phase with any status.
    pub ended_shell: bool,
}

/// What a build came to.
#[derive(Debug)]
pub struct Outcome {
    /// The phases that ran.
    pub phases: Vec<Phase>,
    /// The exported variables that have a value.
    pub exported: BTreeMap<String, String>,
    /// The artifacts, where the build came so far; an error where it succeeded, and
    /// they alone failed.
    pub artifacts: Result<Vec<PathBuf>>,
}

/// Runs a build. A command that fails is an outcome and no error, as are artifacts that
/// fail: what the phases came to is told all the same.
///
/// # Errors
/// The shell cannot be started, or what it left cannot be read.
pub fn run(buildspec: &Buildspec, build: &Build<'_>) -> Result<Outcome> {
    // Whoever ran another one now would take this one's artifacts away.
    let lock = FolderLock::exclusive(build.folder)?;
    lock.clear(build.folder)?;
    // Not below the target directory, which a build may clean.
    let own = Scratch::temporary("codebuild")?;
    let script = script::write(buildspec, own.path())?;
    let line = CommandLine::new(buildspec.shell.clone())
        .arg(&script.path)
        .without_cargo_variables();
    let ended = process::watch(&line, build.source, |shell| {
        let shell = shell.stdin_null();
        let shell = if build.quiet {
            shell.stdout_to_stderr()
        } else {
            shell
        };
        let variables = build.variables.iter();
        variables.fold(shell, |shell, (name, value)| shell.env(name, value))
    })?;
    // As a shell tells of a child that a signal ended.
    let signal = ended.status.signal().map(|signal| 128 + signal);
    let status = ended.status.code().or(signal).unwrap_or(1);
    let phases = script.phases(buildspec, status)?;
    let values = script.values()?;
    let succeeded = phases.iter().all(|phase| phase.succeeded);
    // Also a failed build leaves its artifacts, if it came to `build` at all.
    let came_to_build = phases.iter().any(|phase| phase.phase == "build");
    let collected = if came_to_build || succeeded {
        artifacts::collect(buildspec, build, &values)
    } else {
        Ok(Vec::new())
    };
    let is_exported = |name: &String| buildspec.exported.contains(name);
    Ok(Outcome {
        exported: values
            .into_iter()
            .filter(|(name, _)| is_exported(name))
            .collect(),
        artifacts: if succeeded {
            collected
        } else {
            Ok(collected.unwrap_or_default())
        },
        phases,
    })
}

fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}
