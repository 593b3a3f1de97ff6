//! The children that run now, so that an interrupt ends them too.

use std::ffi::OsStr;
use std::io::PipeReader;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use duct::unix::HandleExt as _;
use duct::{Expression, Handle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::CommandLine;
use crate::console;
use crate::error::Kind;

/// How long a child may take to end when it is asked to.
const GRACE: Duration = Duration::from_secs(5);

static RUNNING: Mutex<Vec<Arc<Handle>>> = Mutex::new(Vec::new());

/// Whether an interrupt is how the command is meant to end.
static EXPECTED: AtomicBool = AtomicBool::new(false);

/// What is undone before an interrupt ends this process.
static UNDO: Mutex<Vec<Box<dyn FnOnce() + Send>>> = Mutex::new(Vec::new());

/// Does this before an interrupt ends this process, after its children have ended.
pub fn on_interrupt(undo: impl FnOnce() + Send + 'static) {
    UNDO.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(Box::new(undo));
}

/// Whether an interrupt is ending this process.
static ENDING: AtomicBool = AtomicBool::new(false);

/// From now on SIGINT, SIGTERM and SIGHUP end the children and then this
/// process, with the exit code of an interrupt.
///
/// Ending at once is safe at any instant: whatever is written is written whole
/// or not at all.
pub fn end_on_interrupt() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            end();
        }
    });
    Ok(())
}

/// From now on an interrupt is how the command ends, and no error.
pub fn expect_interrupt() {
    EXPECTED.store(true, Ordering::Relaxed);
}

/// Waits for ever where an interrupt is ending this process: what came of children
/// that were ended for it is no result.
pub fn yield_to_interrupt() {
    if ENDING.load(Ordering::Relaxed) {
        await_the_end();
    }
}

fn await_the_end() -> ! {
    loop {
        std::thread::park();
    }
}

fn end() -> ! {
    ENDING.store(true, Ordering::Relaxed);
    super::restore_echo();
    let children: Vec<_> = running().clone();
    for child in &children {
        // A child that has just ended by itself is what was wanted.
        let _ = child.send_signal(SIGTERM);
    }
    for child in &children {
        end_within_grace(child);
    }
    let undo = std::mem::take(&mut *UNDO.lock().unwrap_or_else(PoisonError::into_inner));
    undo.into_iter().for_each(|undo| undo());
    if EXPECTED.load(Ordering::Relaxed) {
        std::process::exit(0);
    }
    console::error(&Kind::Interrupted.because("interrupted").into());
    std::process::exit(Kind::Interrupted.exit_code().into())
}

fn end_within_grace(child: &Handle) {
    if !matches!(child.wait_timeout(GRACE), Ok(Some(_))) {
        // Nothing more can be done about a child that survives this.
        let _ = child.kill();
    }
}

/// A child that runs while other things are done.
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

    /// Starts `line` in `directory` and gives a reader of both its outputs. Ctrl-C at
    /// a terminal does not reach it but by this process: told to end twice, a service
    /// would not let its running requests end.
    pub fn piped(
        line: &CommandLine,
        directory: &Path,
        prepare: impl FnOnce(Expression) -> Expression,
    ) -> Result<(Self, PipeReader)> {
        console::detail(format_args!("$ {line}"));
        let (reader, writer) = std::io::pipe().context("making a pipe")?;
        let expression = prepare(line.expression(directory))
            .stdin_null()
            .stderr_to_stdout()
            .stdout_file(writer)
            .before_spawn(|child| {
                child.process_group(0);
                Ok(())
            });
        // The expression holds this side of the pipe, and the reader sees its end once it is gone.
        let running = Running::start(line, &expression)?;
        drop(expression);
        Ok((Self(running), reader))
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        // One process per child: no expression here is a pipeline.
        self.0.handle.pids().first().copied().unwrap_or_default()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        !matches!(self.0.handle.try_wait(), Ok(None))
    }

    /// Waits until it ends by itself. Where an interrupt ends it, this does not
    /// return: this process ends next, and must not take the end for a failure.
    pub fn wait(&self) {
        // What cannot be waited for has ended.
        let _ = self.0.handle.wait();
        yield_to_interrupt();
    }

    /// Asks it to end and waits until it has. Dropping it does the same.
    pub fn stop(&self) {
        // What has ended by itself need not be told to.
        let _ = self.0.handle.send_signal(SIGTERM);
        end_within_grace(&self.0.handle);
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A child that an interrupt would end.
pub(super) struct Running {
    pub(super) handle: Arc<Handle>,
}

impl Running {
    pub(super) fn start(line: &CommandLine, expression: &Expression) -> Result<Self> {
        // Held while the child starts: an interrupt meanwhile would not know of it.
        let mut children = running();
        if ENDING.load(Ordering::Relaxed) {
            drop(children);
            await_the_end();
        }
        let handle = expression
            .start()
            .map_err(|error| not_started(line, error))?;
        let handle = Arc::new(handle);
        children.push(Arc::clone(&handle));
        Ok(Self { handle })
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        running().retain(|other| !Arc::ptr_eq(other, &self.handle));
    }
}

fn running() -> MutexGuard<'static, Vec<Arc<Handle>>> {
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
