//! The one shell of a build, as a script.
//!
//! Each command is a file that the shell reads in, so that variables, functions and
//! the current folder last from one to the next. The steps are numbered: a command
//! that ends the shell with `exit` fails its phase, whatever its status, and the next
//! step goes on. A shell that dies never says that it is over.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::specification::{Artifact, Buildspec, Command, PhaseSpecification};
use super::{Failure, Phase, read};
use crate::error::{Fault, Kind};
use crate::files;

/// What stands before the steps: `@log` is where the shell writes what happens. Commands
/// may set `IFS`, so that no word of it depends on that. A shell that is ending cannot
/// be kept from it a second time: one that it starts, and that knows all it knows, goes on.
const BEGIN: &str = r#"export CODEBUILD_BUILD_SUCCEEDING=1
__step=0 __stopped=0 __failed=0 __now=
__log() { echo "${EPOCHREALTIME:-$(date +%s)} $1" >> '@log'; }
__fail() {
  __failed=1
  CODEBUILD_BUILD_SUCCEEDING=0
  __log "$1 $__now $2"
}
__begin() { __failed=0; __log begin; }
__end() {
  __log end
  test "$__failed" = 0 || __stopped=$1
}
__exited() {
  __status=$?
  trap - EXIT
  set +e
  __fail ended "$__status"
  (
    trap __exited EXIT
@loop
    trap - EXIT
    __log over
  )
  exit $?
}
trap __exited EXIT
"#;

/// The script in its folder.
pub(super) struct Script {
    pub(super) path: PathBuf,
    folder: PathBuf,
}

/// Writes the script and its commands to `folder`.
pub(super) fn write(buildspec: &Buildspec, folder: &Path) -> Result<Script> {
    let mut steps = Vec::new();
    for (phase, specification) in buildspec.phases.iter().enumerate() {
        steps.push(r#"test "$__stopped" = 1 || __begin"#.to_owned());
        for (index, command) in commands(specification) {
            let path = folder.join(format!("{phase}-{index}.sh"));
            files::write_whole(&path, command.text.as_bytes())?;
            let always = index >= specification.commands.len();
            steps.push(step(phase, index, always, &path));
        }
        let stops = u8::from(specification.stops_build);
        steps.push(format!(r#"test "$__stopped" = 1 || __end {stops}"#));
    }
    let script = Script {
        path: folder.join("build.sh"),
        folder: folder.to_owned(),
    };
    let mut names: BTreeSet<_> = buildspec.exported.iter().cloned().collect();
    names.extend(buildspec.artifacts.iter().flat_map(Artifact::variables));
    steps.extend(names.iter().map(|name| script.keep(name)));
    files::write_whole(&script.path, script.text(&steps).as_bytes())?;
    Ok(script)
}

/// The commands of a phase, then those that run in any case, numbered.
fn commands(phase: &PhaseSpecification) -> impl Iterator<Item = (usize, &Command)> {
    phase.commands.iter().chain(&phase.finally).enumerate()
}

/// A command: not where the phase has failed already, unless it runs in any case.
fn step(phase: usize, index: usize, always: bool, path: &Path) -> String {
    let condition = if always {
        r#""$__stopped" = 0"#
    } else {
        r#""$__stopped$__failed" = 00"#
    };
    let path = quoted(path);
    format!(
        "if test {condition}; then __now='{phase} {index}'; __log \"at $__now\"; . {path}; __status=$?; test \"$__status\" = 0 || __fail failed \"$__status\"; fi"
    )
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display().to_string().replace('\'', r"'\''"))
}

impl Script {
    fn text(&self, steps: &[String]) -> String {
        let mut cases = String::new();
        for (number, step) in steps.iter().enumerate() {
            // Writing to a string cannot fail.
            let _ = writeln!(cases, "    {number}) {step} ;;");
        }
        let loops = format!(
            "while test \"$__step\" -lt {}; do\n  __current=$__step; __step=$((__step + 1))\n  case $__current in\n{cases}  esac\ndone",
            steps.len()
        );
        let log = self.log().display().to_string().replace('\'', r"'\''");
        let begin = BEGIN.replace("@loop", &loops).replace("@log", &log);
        format!("{begin}{loops}\ntrap - EXIT\n__log over\n")
    }

    fn keep(&self, name: &str) -> String {
        let path = quoted(&self.folder.join("values").join(name));
        let folder = quoted(&self.folder.join("values"));
        format!("mkdir -p {folder}; printenv {name} > {path} || rm -f {path}")
    }

    fn log(&self) -> PathBuf {
        self.folder.join("log")
    }

    /// What the phases came to. Where the shell died, which ended with `status`, the
    /// command that it was at ended it.
    pub(super) fn phases(&self, buildspec: &Buildspec, status: i32) -> Result<Vec<Phase>> {
        let mut names = buildspec.phases.iter();
        let mut phases: Vec<Phase> = Vec::new();
        let (mut began, mut at, mut over) = (0.0, None, false);
        let log = read(&self.log()).context(lost())?;
        for line in log.lines() {
            let words: Vec<_> = line.split(' ').collect();
            let time = seconds(words.first().copied())?;
            match (words.get(1).copied(), phases.last_mut()) {
                (Some("begin"), _) => {
                    began = time;
                    let name = names.next().context("a phase began that is not there")?;
                    phases.push(begun(name));
                }
                (Some("at"), Some(_)) => at = failure(buildspec, &words[2..], Some(status), true),
                (Some("end"), Some(phase)) => phase.seconds = time - began,
                (Some("over"), _) => over = true,
                (Some(how @ ("failed" | "ended")), Some(phase)) => {
                    phase.succeeded = false;
                    let failed = failure(buildspec, &words[2..], None, how == "ended");
                    phase.failed = phase.failed.take().or(failed);
                }
                _ => {}
            }
        }
        if let (false, Some(phase)) = (over, phases.last_mut()) {
            phase.succeeded = false;
            phase.failed = phase.failed.take().or(at);
        }
        if phases.is_empty() && !buildspec.phases.is_empty() {
            return Err(lost().into());
        }
        Ok(phases)
    }

    /// The variables that have a value, of those that are exported or say where artifacts are.
    pub(super) fn values(&self) -> Result<BTreeMap<String, String>> {
        let folder = self.folder.join("values");
        let Ok(entries) = std::fs::read_dir(&folder) else {
            return Ok(BTreeMap::new());
        };
        let values = entries.map(|entry| {
            let entry = entry?;
            let value = read(&entry.path())?;
            let name = entry.file_name().to_string_lossy().into_owned();
            Ok((name, value.strip_suffix('\n').unwrap_or(&value).to_owned()))
        });
        values.collect()
    }
}

/// A build that says nothing of its phases is no success.
fn lost() -> Fault {
    Kind::Failed
        .because("the build took away what it has written down of its phases")
        .hint("let no command remove other programs' files from the folder of temporary files")
}

fn begun(phase: &PhaseSpecification) -> Phase {
    Phase {
        phase: phase.name.to_owned(),
        succeeded: true,
        seconds: 0.0,
        failed: None,
    }
}

/// A time as the shell writes it; bash uses the decimal point of the language.
fn seconds(word: Option<&str>) -> Result<f64> {
    let word = word.unwrap_or_default().replace(',', ".");
    word.parse()
        .with_context(|| format!("the shell's time {word:?} is no number"))
}

/// The command of `PHASE INDEX STATUS`, or of `PHASE INDEX` with a status that is known.
fn failure(
    buildspec: &Buildspec,
    words: &[&str],
    status: Option<i32>,
    ended_shell: bool,
) -> Option<Failure> {
    let number = |index: usize| words.get(index)?.parse::<usize>().ok();
    let phase = buildspec.phases.get(number(0)?)?;
    let (_, command) = commands(phase).nth(number(1)?)?;
    Some(Failure {
        command: command.text.trim_end().to_owned(),
        line: command.line,
        status: match status {
            Some(status) => status,
            None => words.get(2)?.parse().ok()?,
        },
        ended_shell,
    })
}
