//! A parameter's value.

use std::fmt;

use crate::error::{Fault, Kind};

/// Where a value came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A variable of the environment.
    Environment,
    /// `build/parameters.toml`.
    File,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Environment => "from the environment",
            Self::File => "from build/parameters.toml",
        })
    }
}

/// A value that does not show itself where it is secret.
#[derive(Clone)]
pub struct Value {
    text: String,
    origin: Origin,
    secret: bool,
}

impl Value {
    /// A value; `secret` keeps it out of every output.
    pub fn new(text: String, origin: Origin, secret: bool) -> Self {
        Self {
            text,
            origin,
            secret,
        }
    }

    /// The value itself, also of a secret.
    pub fn expose(&self) -> &str {
        &self.text
    }

    /// Where the value came from.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// Refuses what no parameter may be: nothing, or control characters.
    pub(super) fn check(&self, name: &str) -> Result<(), Fault> {
        let why = if self.text.trim().is_empty() {
            "is empty"
        } else if self.text.chars().any(char::is_control) {
            "has a control character"
        } else {
            return Ok(());
        };
        Err(Kind::Configuration.because(format!("the parameter {name} ({}) {why}", self.origin)))
    }
}

impl fmt::Display for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.secret { "********" } else { &self.text })
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, formatter)
    }
}
