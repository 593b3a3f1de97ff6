//! What a command found or did: the one way to standard output.

use std::collections::HashSet;
use std::io::{ErrorKind, Write as _};
use std::process::ExitCode;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};
use serde::Serialize;
use serde_json::json;

use super::Format;
use crate::console;
use crate::error::{Fault, Kind};

/// Whether the results of this process are on standard output.
static PRINTED: AtomicBool = AtomicBool::new(false);

/// The results that an interrupt cannot take back.
static KEPT: Mutex<Vec<Entry>> = Mutex::new(Vec::new());

/// What is said of one service (parameter, finding, file, stage).
#[derive(Debug)]
pub struct Entry {
    text: Option<String>,
    object: String,
    error: Option<anyhow::Error>,
}

impl Entry {
    /// A result: a line of text, and the object that JSON output shows.
    pub fn new(text: impl Into<String>, object: &impl Serialize) -> Self {
        Self {
            text: Some(text.into()),
            object: to_json(object),
            error: None,
        }
    }

    /// A result that JSON output alone shows.
    pub fn silent(object: &impl Serialize) -> Self {
        Self {
            text: None,
            object: to_json(object),
            error: None,
        }
    }

    /// An error: the object gets a key `error` with its kind and message.
    pub fn failed(object: &impl Serialize, error: anyhow::Error) -> Self {
        let error_object = ErrorObject {
            kind: Fault::kind_of(&error).word(),
            message: format!("{error:#}"),
        };
        let object = to_json(&Failed {
            object,
            error: error_object,
        });
        Self {
            text: None,
            object,
            error: Some(error),
        }
    }

    /// Lets the results have it also where an interrupt ends the command.
    pub(super) fn keep_for_interrupt(&self) {
        kept().push(Self {
            text: self.text.clone(),
            object: self.object.clone(),
            error: None,
        });
    }

    /// The same with a line of text: for results of which each has one, failed or not.
    #[must_use]
    pub fn with_text(mut self, text: impl Into<String>) -> Self {
        self.text = Some(text.into());
        self
    }

    /// The entry of a service's result, or of its failure.
    pub fn of_service<T: Serialize>(
        service: &str,
        result: Result<T>,
        text: impl FnOnce(&T) -> String,
    ) -> Self {
        match result {
            Ok(value) => Self::new(text(&value), &value),
            Err(error) => Self::of_failure(service, error),
        }
    }

    /// The entry of a service of which nothing else is known than that it failed.
    pub fn of_failure(service: &str, error: anyhow::Error) -> Self {
        Self::failed(&json!({ "service": service, "outcome": "failed" }), error)
    }
}

fn kept() -> MutexGuard<'static, Vec<Entry>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// An object with its error.
#[derive(Serialize)]
struct Failed<'a, T> {
    #[serde(flatten)]
    object: &'a T,
    error: ErrorObject,
}

#[derive(Serialize)]
struct ErrorObject {
    kind: &'static str,
    message: String,
}

/// The results of a command, in output order.
#[derive(Debug)]
pub struct Report {
    entries: Vec<Entry>,
    verdict: Option<anyhow::Error>,
}

impl Report {
    /// A report of these entries.
    pub fn new(entries: Vec<Entry>) -> Self {
        Self {
            entries,
            verdict: None,
        }
    }

    /// The same, as the report of a command that failed with these results: the
    /// error is told once, and is no result of its own.
    #[must_use]
    pub fn failing(mut self, error: anyhow::Error) -> Self {
        self.verdict = Some(error);
        self
    }

    /// The report of a command that failed as a whole.
    pub fn of_error(error: anyhow::Error) -> Self {
        let object = json!({ "service": null, "outcome": "failed" });
        Self::new(vec![Entry::failed(&object, error)])
    }

    /// The report of a command that an interrupt ends: what was done stays done.
    pub fn of_interrupt() -> Self {
        let mut entries = std::mem::take(&mut *kept());
        let interrupted = Kind::Interrupted.because("interrupted").into();
        entries.extend(Self::of_error(interrupted).entries);
        Self::new(entries)
    }

    /// The first error, where there is one; the others are told.
    pub fn into_result(self) -> Result<()> {
        let of_entries = self.entries.into_iter().filter_map(|entry| entry.error);
        all(of_entries.chain(self.verdict).map(Err::<(), _>)).map(drop)
    }

    fn errors(&self) -> impl Iterator<Item = &anyhow::Error> {
        let of_entries = self.entries.iter().filter_map(|entry| entry.error.as_ref());
        of_entries.chain(&self.verdict)
    }

    /// Prints results to standard output and errors to standard error, where one that
    /// many results share is told once; gives the exit code of the first error.
    pub fn print(&self, format: Format) -> ExitCode {
        let printed = self.print_results(format);
        let errors = || self.errors().chain(printed.as_ref().err());
        let mut told = HashSet::new();
        errors()
            .filter(|error| told.insert(format!("{error:#}")))
            .for_each(console::error);
        let kind = errors().next().map(Fault::kind_of);
        kind.map_or(ExitCode::SUCCESS, |kind| ExitCode::from(kind.exit_code()))
    }

    /// Prints results to standard output, where none are there yet: a command may print
    /// them before it ends, and an interrupt may come just then. A usage error prints
    /// no JSON.
    ///
    /// # Errors
    /// Where standard output cannot be written; that nobody reads it any more is none.
    pub fn print_results(&self, format: Format) -> Result<()> {
        if PRINTED.swap(true, Ordering::Relaxed) {
            return Ok(());
        }
        match std::io::stdout().write_all(self.results(format).as_bytes()) {
            Err(error) if error.kind() != ErrorKind::BrokenPipe => {
                Err(error).with_context(|| {
                    Kind::Failed
                        .because("the results cannot be written to standard output; what the command did is done")
                        .hint("see it with --dry-run, where the command has it, or type the command again: it finds what is done")
                })
            }
            _ => Ok(()),
        }
    }

    fn results(&self, format: Format) -> String {
        let usage = self.errors().next().map(Fault::kind_of) == Some(Kind::Usage);
        match format {
            Format::Json if usage => String::new(),
            Format::Json => {
                let objects: Vec<_> = self
                    .entries
                    .iter()
                    .map(|entry| entry.object.as_str())
                    .collect();
                format!("[{}]\n", objects.join(","))
            }
            Format::Text => {
                let lines = self.entries.iter().filter_map(|entry| entry.text.as_ref());
                lines.map(|text| format!("{text}\n")).collect()
            }
        }
    }
}

/// The values, where every result is one; else the first error, once the others are told.
pub(super) fn all<T>(results: impl IntoIterator<Item = Result<T>>) -> Result<Vec<T>> {
    let mut values = Vec::new();
    let mut errors = Vec::new();
    for result in results {
        match result {
            Ok(value) => values.push(value),
            Err(error) => errors.push(error),
        }
    }
    let mut errors = errors.into_iter();
    let first = errors.next();
    errors.for_each(|error| console::error(&error));
    first.map_or(Ok(values), Err)
}

/// The objects of results are plain structs, which always have a JSON form.
fn to_json(object: &impl Serialize) -> String {
    serde_json::to_string(object)
        .unwrap_or_else(|error| json!({ "unprintable": error.to_string() }).to_string())
}
