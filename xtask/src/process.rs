//! Every process that the tool starts.
//!
//! `xshell` serves short questions (git), `duct` whatever has pipes, secrets on
//! standard input, or runs side by side.

mod command_line;
mod lines;
mod running;
mod scratch;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use duct::Expression;
use serde::Deserialize;
use xshell::Shell;

use self::running::Running;
use crate::console;
use crate::error::Kind;
pub use command_line::CommandLine;
pub use lines::Lines;
pub use running::{
    Background, end_on_interrupt, expect_interrupt, on_interrupt, yield_to_interrupt,
};
pub use scratch::Scratch;

/// Whether the terminal does not echo what is typed, which would outlive this process.
static ECHO_IS_OFF: AtomicBool = AtomicBool::new(false);

/// A shell for short commands, in `directory`.
pub fn shell(directory: &Path) -> Result<Shell> {
    let shell = Shell::new().context("starting a shell")?;
    shell.change_dir(directory);
    Ok(shell)
}

/// What a short command sees of the environment: nothing that could change its
/// answer (git's hooks set `GIT_DIR`), and no secret.
const SEEN_BY_SHORT_COMMANDS: [&str; 6] =
    ["PATH", "HOME", "USER", "TMPDIR", "LANG", "XDG_CONFIG_HOME"];

/// The variables that no child sees.
static HIDDEN: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());

/// The standard output of a short command.
///
/// # Errors
/// Where it cannot be started or fails; what it says goes to standard error.
pub fn ask(command: xshell::Cmd<'_>) -> xshell::Result<String> {
    let seen = SEEN_BY_SHORT_COMMANDS
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    command.quiet().env_clear().envs(seen).read()
}

/// From now on no child sees the variables of these names.
pub fn hide(names: impl IntoIterator<Item = String>) {
    hidden().extend(names);
}

fn hidden() -> MutexGuard<'static, BTreeSet<String>> {
    HIDDEN.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The name of the user who runs this, where the system knows it.
pub fn user() -> Option<String> {
    let shell = shell(Path::new(".")).ok()?;
    ask(xshell::cmd!(shell, "id -un").ignore_stderr()).ok()
}

/// Asks for a line on the terminal, which does not show what is typed.
///
/// # Errors
/// Where there is no terminal to ask on.
pub fn ask_without_echo(question: &str) -> Result<String> {
    echo(false)?;
    console::note(question);
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line);
    echo(true)?;
    read.context("reading from the terminal")?;
    Ok(line)
}

/// Lets the terminal echo again where it was told not to.
fn restore_echo() {
    if ECHO_IS_OFF.load(Ordering::SeqCst) {
        // There is nobody left to tell that the terminal stays dumb.
        let _ = echo(true);
    }
}

fn echo(on: bool) -> Result<()> {
    ECHO_IS_OFF.store(!on, Ordering::SeqCst);
    let setting = if on { "echo" } else { "-echo" };
    let line = CommandLine::new("stty").arg(setting);
    // Not one of the children that an interrupt ends: the interrupt starts it as well.
    let ran = line.expression(Path::new(".")).run();
    let output = ran.with_context(|| format!("starting `{line}`"))?;
    check(&line, &output)
}

/// Runs a command whose output is for the user: all of it goes to standard error.
pub fn succeed(
    line: &CommandLine,
    directory: &Path,
    prepare: impl FnOnce(Expression) -> Expression,
) -> Result<()> {
    console::note(format_args!("$ {line}"));
    let expression = prepare(line.expression(directory)).stdout_to_stderr();
    let output = wait(line, &expression)?;
    check(line, &output)
}

/// Runs a command whose outputs are the user's, and whose status is no error but
/// left for others to judge. It sees the secrets that it is given.
///
/// # Errors
/// Where it cannot be started.
pub fn watch(
    line: &CommandLine,
    directory: &Path,
    prepare: impl FnOnce(Expression) -> Expression,
) -> Result<Output> {
    console::detail(format_args!("$ {line}"));
    wait(line, &prepare(line.expression_with_secrets(directory)))
}

/// Runs a command and gives its standard output; standard error is the user's.
pub fn capture(
    line: &CommandLine,
    directory: &Path,
    prepare: impl FnOnce(Expression) -> Expression,
) -> Result<Vec<u8>> {
    console::detail(format_args!("$ {line}"));
    let expression = prepare(line.expression(directory)).stdout_capture();
    let output = wait(line, &expression)?;
    check(line, &output)?;
    Ok(output.stdout)
}

/// Runs a command with `input` on its standard input, keeps both its outputs and
/// ends it after `limit`. Neither the input nor the outputs are shown.
pub fn converse(line: &CommandLine, input: &[u8], limit: Duration) -> Result<Output> {
    console::detail(format_args!("$ {line}"));
    let expression = line
        .expression(Path::new("."))
        .stdin_bytes(input)
        .stdout_capture()
        .stderr_capture();
    let running = Running::start(line, &expression)?;
    match running.handle().wait_timeout(limit) {
        Ok(Some(output)) => Ok(output.clone()),
        Ok(None) => {
            // The error below says what matters, also where the child is gone already.
            let _ = running.handle().kill();
            Err(Kind::Unavailable
                .because(format!(
                    "{line} did not answer within {}",
                    console::seconds(limit)
                ))
                .into())
        }
        Err(error) => Err(error).context(format!("waiting for {line}")),
    }
}

/// The path of the binary `name` in Cargo's messages (The Cargo Book, "JSON messages").
pub fn executable(messages: &[u8], name: &str) -> Option<PathBuf> {
    #[derive(Deserialize)]
    struct Message {
        reason: String,
        executable: Option<PathBuf>,
        target: Option<Target>,
    }
    #[derive(Deserialize)]
    struct Target {
        name: String,
    }
    let lines = messages.split(|byte| *byte == b'\n');
    let artifacts = lines.filter_map(|line| serde_json::from_slice::<Message>(line).ok());
    artifacts
        .filter(|message| message.reason == "compiler-artifact")
        .filter(|message| {
            message
                .target
                .as_ref()
                .is_some_and(|target| target.name == name)
        })
        .find_map(|message| message.executable)
}

/// Where `program` is, looked up as a shell does.
pub fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path)
        .map(|folder| folder.join(program))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    path.metadata()
        .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

fn wait(line: &CommandLine, expression: &Expression) -> Result<Output> {
    let running = Running::start(line, expression)?;
    let output = running
        .handle()
        .wait()
        .with_context(|| format!("waiting for {line}"))?;
    // Whoever sees a child that the interrupt ended would tell of a failure.
    yield_to_interrupt();
    Ok(output.clone())
}

fn check(line: &CommandLine, output: &Output) -> Result<()> {
    if output.status.success() {
        Ok(())
    } else {
        Err(Kind::Failed
            .because(format!("`{line}` failed: {}", output.status))
            .into())
    }
}
