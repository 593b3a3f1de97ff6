//! Errors that decide the exit code and say what to type next.
//!
//! A [`Fault`] travels inside an [`anyhow::Error`], either as its root or as a
//! context around a cause. [`Fault::of`] finds it again; an error without one is
//! [`Kind::Failed`].

use std::fmt;
use std::io::{self, ErrorKind};

/// The classes of errors, with the exit codes and words of the contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A check, test, lint or build did not hold, an answer breaks the protocol,
    /// or the tool or this machine is at fault.
    Failed,
    /// The command line is wrong.
    Usage,
    /// A rule forbids it.
    Refused,
    /// A parameter or the metadata is missing or malformed, or a service is unknown.
    Configuration,
    /// There is no such image or tag.
    NotFound,
    /// The credentials were refused, or do not show what was asked for.
    Denied,
    /// No usable answer came within the time limit, or a quota is used up.
    Unavailable,
    /// Somebody else moved the tag meanwhile.
    Raced,
    /// The user or the system stopped the command.
    Interrupted,
}

impl Kind {
    /// The exit code of a command that ends with this kind of error.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
            Self::Configuration => 4,
            Self::NotFound => 5,
            Self::Denied => 6,
            Self::Unavailable => 7,
            Self::Raced => 8,
            Self::Interrupted => 130,
        }
    }

    /// The word that JSON output uses.
    pub fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Usage => "usage",
            Self::Refused => "refused",
            Self::Configuration => "configuration",
            Self::NotFound => "not-found",
            Self::Denied => "denied",
            Self::Unavailable => "unavailable",
            Self::Raced => "raced",
            Self::Interrupted => "interrupted",
        }
    }

    /// A fault of this kind. The message says what is wrong, in one sentence
    /// without a full stop.
    pub fn because(self, message: impl fmt::Display) -> Fault {
        Fault {
            kind: self,
            message: message.to_string(),
            hints: Vec::new(),
        }
    }
}

/// An error with a kind and with hints that name the next thing to type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    kind: Kind,
    message: String,
    hints: Vec<String>,
}

impl Fault {
    /// Adds a line that tells the user what to do next.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hints.push(hint.to_string());
        self
    }

    /// What the user does next, in the order in which it was added.
    pub fn hints(&self) -> &[String] {
        &self.hints
    }

    /// `error` with its causes in one message, for whoever needs to keep or repeat it.
    pub fn summary_of(error: &anyhow::Error) -> Self {
        Self {
            kind: Self::kind_of(error),
            message: format!("{error:#}"),
            hints: Self::hints_of(error),
        }
    }

    /// The fault that `error` carries, the outermost where there are several.
    pub fn of(error: &anyhow::Error) -> Option<&Self> {
        error.downcast_ref()
    }

    /// The kind of `error`: its fault's, else [`Kind::Failed`].
    pub fn kind_of(error: &anyhow::Error) -> Kind {
        Self::of(error).map_or(Kind::Failed, |fault| fault.kind)
    }

    /// The hints of `error`'s fault, in the order in which they were added; where there are
    /// none, what helps against what this machine says.
    pub fn hints_of(error: &anyhow::Error) -> Vec<String> {
        let of_fault = Self::of(error).map_or(&[][..], |fault| &fault.hints);
        if of_fault.is_empty() {
            let mut causes = error.chain().filter_map(|cause| cause.downcast_ref());
            let of_machine = causes.find_map(against).map(str::to_owned);
            return of_machine.into_iter().collect();
        }
        of_fault.to_vec()
    }
}

/// What helps where this machine does not read or write a file.
fn against(error: &io::Error) -> Option<&'static str> {
    Some(match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => {
            "make room on that disk, then type the command again"
        }
        ErrorKind::ReadOnlyFilesystem => {
            "that disk is mounted read only: mount it to be written, or name another folder, for example with CARGO_TARGET_DIR"
        }
        ErrorKind::PermissionDenied => {
            "give yourself the right to it (`ls -ld` says who has it), or name another folder, for example with CARGO_TARGET_DIR"
        }
        ErrorKind::NotADirectory | ErrorKind::AlreadyExists => {
            "a file stands where a folder is needed: remove it, or name a folder; an archive has to be unpacked first"
        }
        ErrorKind::IsADirectory => {
            "a folder stands where a file is needed: remove it, or name a file"
        }
        ErrorKind::FileTooLarge => "it is larger than it may be: remove from it what nobody needs",
        _ => return None,
    })
}

impl fmt::Display for Fault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context as _;

    #[test]
    fn a_fault_is_found_as_root_and_as_context() {
        let root = anyhow::Error::new(Kind::Refused.because("no").hint("type this"))
            .context("promoting backend");
        assert_eq!(Fault::kind_of(&root), Kind::Refused);
        assert_eq!(Fault::hints_of(&root), ["type this"]);

        let context = Err::<(), _>(io::Error::other("disk"))
            .context(Kind::Unavailable.because("no answer"))
            .unwrap_err();
        assert_eq!(Fault::kind_of(&context), Kind::Unavailable);
        assert_eq!(format!("{context:#}"), "no answer: disk");
    }

    #[test]
    fn what_this_machine_says_has_a_hint_where_nobody_gave_one() {
        let full = || anyhow::Error::from(io::Error::from(ErrorKind::StorageFull));
        let told = full().context("writing the record");
        assert!(Fault::hints_of(&told)[0].contains("make room"));
        assert!(Fault::summary_of(&told).hints()[0].contains("make room"));
        let own = full().context(Kind::Failed.because("no").hint("type this"));
        assert_eq!(Fault::hints_of(&own), ["type this"]);
        assert_eq!(Fault::hints_of(&io::Error::other("x").into()), [""; 0]);
    }

    #[test]
    fn an_error_without_a_fault_failed() {
        assert_eq!(Fault::kind_of(&anyhow::anyhow!("plain")), Kind::Failed);
    }
}
