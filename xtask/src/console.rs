//! Standard error: what the user is told while a command works.
//!
//! Like a logger it is one per process. On a terminal running steps are drawn
//! as bars, elsewhere every step is a plain line; results never come this way.

use std::fmt::Display;
use std::io::{IsTerminal as _, Write as _};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

use crate::error::Fault;

static VERBOSE: AtomicBool = AtomicBool::new(false);
static BARS: LazyLock<MultiProgress> = LazyLock::new(MultiProgress::new);

/// Switches [`detail`] lines on or off.
pub fn set_verbose(verbose: bool) {
    VERBOSE.store(verbose, Ordering::Relaxed);
}

/// Whether [`detail`] lines are shown.
pub fn is_verbose() -> bool {
    VERBOSE.load(Ordering::Relaxed)
}

/// A line for everybody.
pub fn note(text: impl Display) {
    // Where nobody reads standard error any more, there is nobody to tell.
    BARS.suspend(|| drop(writeln!(std::io::stderr(), "{text}")));
}

/// A line for `--verbose`.
pub fn detail(text: impl Display) {
    if is_verbose() {
        note(text);
    }
}

/// A line that somebody should read, although the command goes on.
pub fn warn(text: impl Display) {
    note(format_args!("warning: {text}"));
}

/// A line that says what to type next.
pub fn hint(text: impl Display) {
    note(format_args!("hint: {text}"));
}

/// An error with the chain of its causes, then its hints.
pub fn error(error: &anyhow::Error) {
    note(format_args!("error: {error}"));
    for cause in error.chain().skip(1) {
        note(format_args!("  because: {cause}"));
    }
    Fault::hints_of(error).iter().for_each(hint);
}

/// Does `work` as a step that the user sees begin and end, with its time.
pub fn step<T>(title: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    let bar = draw(title);
    let start = Instant::now();
    let result = work();
    if let Some(bar) = bar {
        bar.finish_and_clear();
    }
    let mark = if result.is_ok() { "done" } else { "FAILED" };
    note(format_args!(
        "{mark:>6}  {title} ({})",
        seconds(start.elapsed())
    ));
    result
}

/// A duration as people read it, in seconds with two decimals.
pub fn seconds(duration: Duration) -> String {
    format!("{:.2} s", duration.as_secs_f64())
}

fn draw(title: &str) -> Option<ProgressBar> {
    if !std::io::stderr().is_terminal() {
        return None;
    }
    let bar = BARS.add(ProgressBar::new_spinner());
    if let Ok(style) = ProgressStyle::with_template("{spinner}  {msg} {elapsed}") {
        bar.set_style(style);
    }
    bar.set_message(title.to_owned());
    bar.enable_steady_tick(Duration::from_millis(100));
    Some(bar)
}
