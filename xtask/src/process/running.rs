//! The children that run now, so that an interrupt ends them too.

use std::io::PipeReader;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use duct::unix::HandleExt as _;
use duct::{Expression, Handle};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

use super::CommandLine;
use crate::console;
use crate::error::Kind;

/// How long children may take to end when they are asked to, all of them together. A
/// service lets its running requests end first, for 20 s (`service_kit::serve`).
const GRACE: Duration = Duration::from_secs(25);

static RUNNING: Mutex<Vec<Arc<Child>>> = Mutex::new(Vec::new());

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
/// process, with the exit code of an interrupt. Another SIGINT does not wait for
/// children that take their time: whoever types Ctrl-C again has waited enough.
///
/// Ending at once is safe at any instant: whatever is written is written whole
/// or not at all.
pub fn end_on_interrupt() -> Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).context("listening for signals")?;
    std::thread::spawn(move || {
        let mut signals = signals.forever();
        if signals.next().is_some() {
            std::thread::spawn(|| end());
        }
        // A second SIGTERM says nothing: `timeout` sends one to the process and one to its group.
        if signals.any(|signal| signal == SIGINT) {
            let children = running().clone();
            children
                .iter()
                .for_each(|child| child.kill("was not waited for"));
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
    end_all(&children);
    let undo = std::mem::take(&mut *UNDO.lock().unwrap_or_else(PoisonError::into_inner));
    undo.into_iter().for_each(|undo| undo());
    if EXPECTED.load(Ordering::Relaxed) {
        std::process::exit(0);
    }
    console::error(&Kind::Interrupted.because("interrupted").into());
    std::process::exit(Kind::Interrupted.exit_code().into())
}

/// Asks the children to end, and kills those that have not within [`GRACE`].
fn end_all(children: &[Arc<Child>]) {
    for child in children {
        // A child that has just ended by itself is what was wanted.
        let _ = child.handle.send_signal(SIGTERM);
    }
    let deadline = Instant::now() + GRACE;
    let limit = GRACE.as_secs();
    for child in children {
        if !matches!(child.handle.wait_deadline(deadline), Ok(Some(_))) {
            child.kill(&format!("did not end within {limit} s"));
        }
    }
}

/// A child, and what messages call it.
struct Child {
    handle: Handle,
    name: String,
}

impl Child {
    fn has_ended(&self) -> bool {
        !matches!(self.handle.try_wait(), Ok(None))
    }

    /// Ends it at once, and says so: what it was at is lost.
    fn kill(&self, why: &str) {
        if !self.has_ended() {
            console::warn(format_args!("{} {why}: it was killed", self.name));
            // Nothing more can be done about a child that survives this.
            let _ = self.handle.kill();
        }
    }
}

/// Ctrl-C at a terminal does not reach such a child but by this process: told to end
/// twice, a service would not let its running requests end.
fn in_a_group_of_its_own(child: &mut Command) -> std::io::Result<()> {
    child.process_group(0);
    Ok(())
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
            .stdout_path(log)
            .before_spawn(in_a_group_of_its_own);
        Running::start(line, &expression).map(Self)
    }

    /// Starts `line` in `directory` and gives a reader of both its outputs.
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
            .before_spawn(in_a_group_of_its_own);
        // The expression holds this side of the pipe, and the reader sees its end once it is gone.
        let running = Running::start(line, &expression)?;
        drop(expression);
        Ok((Self(running), reader))
    }

    /// The id of the process.
    pub fn id(&self) -> u32 {
        // One process per child: no expression here is a pipeline.
        self.0.handle().pids().first().copied().unwrap_or_default()
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&self) -> bool {
        self.0.0.has_ended()
    }

    /// Waits until it ends by itself. Where an interrupt ends it, this does not
    /// return: this process ends next, and must not take the end for a failure.
    pub fn wait(&self) {
        // What cannot be waited for has ended.
        let _ = self.0.handle().wait();
        yield_to_interrupt();
    }

    /// Asks it to end and waits until it has. Dropping it does the same.
    pub fn stop(&self) {
        Self::stop_all([self]);
    }

    /// The same with several, which are asked at once: none waits for another.
    pub fn stop_all<'a>(children: impl IntoIterator<Item = &'a Self>) {
        let children = children.into_iter().map(|child| Arc::clone(&child.0.0));
        end_all(&Vec::from_iter(children));
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A child that an interrupt would end.
pub(super) struct Running(Arc<Child>);

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
        let name = line.name();
        let child = Arc::new(Child { handle, name });
        children.push(Arc::clone(&child));
        Ok(Self(child))
    }

    pub(super) fn handle(&self) -> &Handle {
        &self.0.handle
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        running().retain(|other| !Arc::ptr_eq(other, &self.0));
    }
}

fn running() -> MutexGuard<'static, Vec<Arc<Child>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

fn not_started(line: &CommandLine, error: std::io::Error) -> anyhow::Error {
    let fault = Kind::Failed.because(format!("{} could not be started", line.name()));
    anyhow::Error::new(error).context(fault)
}
