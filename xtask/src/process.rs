//! Every process that the tool starts.
//!
//! `xshell` serves short questions (git), `duct` whatever has pipes, secrets on
//! standard input, or runs side by side. Children that work for long are known
//! here, so that an interrupt ends them too.

use std::ffi::{OsStr, OsString};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use duct::{Expression, Handle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use xshell::Shell;

use crate::console;
use crate::error::Kind;

/// The children that run now.
static RUNNING: Mutex<Vec<Arc<Handle>>> = Mutex::new(Vec::new());

/// Whether an interrupt is about to end this process.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);

/// What is undone before an interrupt ends this process.
static UNDO: Mutex<Vec<Box<dyn FnOnce() + Send>>> = Mutex::new(Vec::new());

/// Does this before an interrupt ends this process, after its children have ended.
pub fn on_interrupt(undo: impl FnOnce() + Send + 'static) {
    let mut all = UNDO.lock().unwrap_or_else(PoisonError::into_inner);
    all.push(Box::new(undo));
}

/// From now on SIGINT, SIGTERM and SIGHUP end the children and then this
/// process, with the exit code of an interrupt.
///
/// Ending at once is safe at any instant: whatever is written is written whole
/// or not at all.
pub fn end_on_interrupt() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            INTERRUPTED.store(true, Ordering::SeqCst);
            for child in running().iter() {
                // A child that has just ended by itself is what was wanted.
                let _ = child.kill();
            }
            let mut undo = UNDO.lock().unwrap_or_else(PoisonError::into_inner);
            undo.drain(..).for_each(|undo| undo());
            console::error(&Kind::Interrupted.because("interrupted").into());
            std::process::exit(Kind::Interrupted.exit_code().into());
        }
    });
    Ok(())
}

/// A shell for short commands, in `directory`.
pub fn shell(directory: &Path) -> Result<Shell> {
    let shell = Shell::new().context("starting a shell")?;
    shell.change_dir(directory);
    Ok(shell)
}

/// The name of the user who runs this, where the system knows it.
pub fn user() -> Option<String> {
    let shell = shell(Path::new(".")).ok()?;
    xshell::cmd!(shell, "id -un")
        .quiet()
        .ignore_stderr()
        .read()
        .ok()
}

/// A command line: a program with its arguments.
#[derive(Debug, Clone)]
pub struct CommandLine {
    program: OsString,
    arguments: Vec<OsString>,
}

impl CommandLine {
    /// `program` without arguments.
    pub fn new(program: impl Into<OsString>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
        }
    }

    /// Cargo, as the toolchain that runs this tool has it. Start it with
    /// [`without_cargo_variables`], else it builds half the world anew.
    pub fn cargo() -> Self {
        Self::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl Into<OsString>) -> Self {
        self.arguments.push(argument.into());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// The process in `duct`'s terms. A status other than zero is no error there:
    /// [`succeed`] and [`capture`] report it with the command line.
    pub fn expression(&self, directory: &Path) -> Expression {
        duct::cmd(&self.program, &self.arguments)
            .dir(directory)
            .unchecked()
    }
}

impl std::fmt::Display for CommandLine {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let program = Path::new(&self.program);
        let program = program.file_name().unwrap_or(program.as_os_str());
        write!(formatter, "{}", program.to_string_lossy())?;
        for argument in &self.arguments {
            let argument = argument.to_string_lossy();
            if argument.contains(char::is_whitespace) || argument.is_empty() {
                write!(formatter, " '{argument}'")?;
            } else {
                write!(formatter, " {argument}")?;
            }
        }
        Ok(())
    }
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
/// left for others to judge.
pub fn watch(
    line: &CommandLine,
    directory: &Path,
    prepare: impl FnOnce(Expression) -> Expression,
) -> Result<Output> {
    console::detail(format_args!("$ {line}"));
    wait(line, &prepare(line.expression(directory)))
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
    match running.handle.wait_timeout(limit) {
        Ok(Some(output)) => Ok(output.clone()),
        Ok(None) => {
            // The error below says what matters, also where the child is gone already.
            let _ = running.handle.kill();
            Err(Kind::Unavailable
                .because(format!(
                    "{line} did not answer within {} seconds",
                    limit.as_secs()
                ))
                .into())
        }
        Err(error) => Err(error).context(format!("waiting for {line}")),
    }
}

/// Takes away what `cargo run` leaks to this tool. A nested Cargo that sees it
/// takes every crate that asks for these variables for changed.
pub fn without_cargo_variables(expression: Expression) -> Expression {
    std::env::vars_os()
        .map(|(name, _)| name)
        .filter(|name| is_leaked(&name.to_string_lossy()))
        .fold(expression, |expression, name| expression.env_remove(name))
}

fn is_leaked(name: &str) -> bool {
    let prefixes = ["CARGO_MANIFEST_", "CARGO_PKG_", "CARGO_BIN_", "CARGO_CFG_"];
    let names = [
        "CARGO",
        "CARGO_CRATE_NAME",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "LD_LIBRARY_PATH",
        "DYLD_FALLBACK_LIBRARY_PATH",
        "OUT_DIR",
        "RUST_RECURSION_COUNT",
    ];
    names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
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

/// A child that runs while other things are done, and is ended with this process.
pub struct Background(Running);

impl Background {
    /// Starts `line` with both its outputs in the file `log`.
    pub fn start(line: &CommandLine, log: &Path) -> Result<Self> {
        console::note(format_args!("$ {line}"));
        let expression = line
            .expression(Path::new("."))
            .stdin_null()
            .stderr_to_stdout()
            .stdout_path(log);
        Running::start(line, &expression).map(Self)
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        !matches!(self.0.handle.try_wait(), Ok(None))
    }

    /// Asks it to end and waits until it has.
    pub fn stop(&self) {
        for id in self.0.handle.pids() {
            let Ok(shell) = Shell::new() else { continue };
            let id = id.to_string();
            // What has ended by itself need not be told to.
            let _ = xshell::cmd!(shell, "kill -TERM {id}")
                .quiet()
                .ignore_status()
                .run();
        }
        let _ = self.0.handle.wait();
    }
}

fn wait(line: &CommandLine, expression: &Expression) -> Result<Output> {
    let running = Running::start(line, expression)?;
    let output = running
        .handle
        .wait()
        .with_context(|| format!("waiting for {line}"))?;
    // Whoever sees a child that the interrupt ended would tell of a failure.
    while INTERRUPTED.load(Ordering::SeqCst) {
        std::thread::park();
    }
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

/// A child that an interrupt would end.
struct Running {
    handle: Arc<Handle>,
}

impl Running {
    fn start(line: &CommandLine, expression: &Expression) -> Result<Self> {
        let handle = expression
            .start()
            .map_err(|error| not_started(line, error))?;
        let handle = Arc::new(handle);
        running().push(Arc::clone(&handle));
        Ok(Self { handle })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        running().retain(|other| !Arc::ptr_eq(other, &self.handle));
    }
}

fn running() -> std::sync::MutexGuard<'static, Vec<Arc<Handle>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_started(line: &CommandLine, error: std::io::Error) -> anyhow::Error {
    let program = Path::new(&line.program)
        .file_name()
        .unwrap_or(OsStr::new("?"));
    let fault = Kind::Failed.because(format!(
        "{} could not be started",
        program.to_string_lossy()
    ));
    anyhow::Error::new(error).context(fault)
}
