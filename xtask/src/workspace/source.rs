//! The commit that an image is built from.

use std::env;
use std::path::Path;
use std::time::{Duration, SystemTime};

use anyhow::{Context as _, Result};
use xshell::cmd;

use crate::error::Kind;
use crate::process;

/// What identifies the sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// The full commit id.
    pub commit: String,
    /// Whether the tree differs from the commit.
    pub dirty: bool,
    /// The time of the commit.
    pub time: SystemTime,
}

impl Source {
    /// Reads the commit from git, or, where git does not track the workspace (a source
    /// archive), from `CODEBUILD_RESOLVED_SOURCE_VERSION` and `SOURCE_DATE_EPOCH`.
    pub fn of(root: &Path) -> Result<Self> {
        if is_tracked(root).context("asking git for the sources")? {
            from_git(root).context("asking git for the commit")
        } else {
            from_environment()
        }
    }

    /// The commit as the image names it, with `-dirty` behind it where the tree
    /// has changes that nobody could build again.
    pub fn revision(&self) -> String {
        if self.dirty {
            format!("{}{DIRTY}", self.commit)
        } else {
            self.commit.clone()
        }
    }

    /// The commit's time, RFC 3339 in UTC.
    pub fn created(&self) -> String {
        humantime::format_rfc3339_seconds(self.time).to_string()
    }
}

/// What a revision ends with where the tree had uncommitted changes.
const DIRTY: &str = "-dirty";

/// Whether an image's revision says that its tree had uncommitted changes.
pub fn is_dirty(revision: &str) -> bool {
    revision.ends_with(DIRTY)
}

/// Whether git tracks the workspace: it may lie in a repository of something else, whose
/// commits say nothing of it.
fn is_tracked(root: &Path) -> Result<bool> {
    if !root.ancestors().any(|folder| folder.join(".git").exists()) {
        return Ok(false);
    }
    let shell = process::shell(root)?;
    let tracked =
        process::ask(cmd!(shell, "git ls-files -- Cargo.toml")).map_err(unknown_commit)?;
    Ok(!tracked.is_empty())
}

fn from_git(root: &Path) -> Result<Source> {
    let shell = process::shell(root)?;
    // Whoever lets git show signatures would get them before the commit.
    let log = cmd!(shell, "git log -1 --no-show-signature --format=%H:%ct");
    let head = process::ask(log).map_err(unknown_commit)?;
    let (commit, seconds) = head
        .trim()
        .split_once(':')
        .context("git answered something else")?;
    let status = process::ask(cmd!(
        shell,
        "git status --porcelain --untracked-files=normal --ignore-submodules=none"
    ))?;
    Ok(Source {
        commit: commit.to_owned(),
        dirty: !status.is_empty(),
        time: parse_time(seconds)?,
    })
}

/// Git has said why, on standard error.
fn unknown_commit(error: xshell::Error) -> anyhow::Error {
    let fault = if process::find("git").is_none() {
        let fault = Kind::Failed.because("git is not installed");
        fault.hint("install git: an image names the commit that it was built from")
    } else {
        let fault = Kind::Configuration.because("git names no commit");
        fault.hint("see git's message above; where there is no commit yet, commit the sources: an image names its commit")
    };
    anyhow::Error::new(error).context(fault)
}

/// What to do where git names no commit of the sources.
const ELSEWHERE: &str = "commit the sources to git, build from a clone, or set CODEBUILD_RESOLVED_SOURCE_VERSION to the commit and SOURCE_DATE_EPOCH to its time in seconds";

fn from_environment() -> Result<Source> {
    let read = |name: &str| {
        env::var(name)
            .ok()
            .filter(|value| !value.is_empty())
            .ok_or_else(|| {
                Kind::Configuration
                    .because(format!(
                        "git does not track the sources here, and {name} is not set"
                    ))
                    .hint(ELSEWHERE)
            })
    };
    let commit = read("CODEBUILD_RESOLVED_SOURCE_VERSION")?;
    if commit.len() != 40 || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        let fault = format!(
            "CODEBUILD_RESOLVED_SOURCE_VERSION is {commit:?}, no commit id of 40 hexadecimal digits"
        );
        return Err(Kind::Configuration.because(fault).hint(ELSEWHERE).into());
    }
    let seconds = read("SOURCE_DATE_EPOCH")?;
    let time = parse_time(&seconds).with_context(|| {
        Kind::Configuration
            .because("SOURCE_DATE_EPOCH is no number of seconds")
            .hint(ELSEWHERE)
    })?;
    Ok(Source {
        commit,
        dirty: false,
        time,
    })
}

fn parse_time(seconds: &str) -> Result<SystemTime> {
    let seconds = Duration::from_secs(seconds.trim().parse()?);
    SystemTime::UNIX_EPOCH
        .checked_add(seconds)
        // RFC 3339 ends with the year 9999.
        .filter(|_| seconds.as_secs() < 253_402_300_800)
        .context("the time is out of range")
}
