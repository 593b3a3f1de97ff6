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
    /// Standard input, on its way into Parameter Store.
    Input,
    /// AWS Systems Manager Parameter Store.
    Store {
        /// How often it was written.
        version: i64,
        /// Whether it is stored encrypted.
        encrypted: bool,
    },
}

impl Origin {
    /// The version in Parameter Store.
    pub fn version(self) -> Option<i64> {
        match self {
            Self::Store { version, .. } => Some(version),
            _ => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => formatter.write_str("from the environment"),
            Self::File => formatter.write_str("from build/parameters.toml"),
            Self::Input => formatter.write_str("from standard input"),
            Self::Store { version, .. } => {
                write!(formatter, "from Parameter Store, version {version}")
            }
        }
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
    /// A value; `secret` keeps it out of every output, and so does an account in a URL.
    pub fn new(text: String, origin: Origin, secret: bool) -> Self {
        Self {
            secret: secret || has_account(&text),
            text,
            origin,
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

    /// Whether the value is kept out of every output.
    pub fn is_secret(&self) -> bool {
        self.secret
    }

    /// Refuses what no parameter may be: nothing, or control characters.
    pub fn check(&self, name: &str) -> Result<(), Fault> {
        let why = if self.text.trim().is_empty() {
            "is empty"
        } else if self.text.chars().any(char::is_control) {
            "has a control character"
        } else {
            return Ok(());
        };
        let fault = format!("the parameter {name} ({}) {why}", self.origin);
        Err(Kind::Configuration.because(fault))
    }
}

/// Whether a URL, or a repository's name, has a user and so most likely a password before
/// its host. An address of mail and `name@sha256:…` have none.
fn has_account(text: &str) -> bool {
    let (is_url, rest) = match text.split_once("://") {
        Some((_, rest)) => (true, rest),
        None => (false, text),
    };
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let has_path = authority.len() < rest.len();
    let user = authority.rsplit_once('@').map(|(user, _)| user);
    user.is_some_and(|user| is_url || has_path || user.contains(':'))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_before_a_host_is_found() {
        for (text, expected) in [
            ("https://me:secret@example.com/v1/", true),
            ("https://token@example.com", true),
            ("me:secret@example.com/app", true),
            ("me:s@cret@example.com/app", true),
            ("token@example.com/app", true),
            ("me:secret@example.com", true),
            ("me@example.com", false),
            ("nginx@sha256:00", false),
            ("team/app@sha256:00", false),
            ("https://example.com/@team", false),
            ("1.0.RELEASE", false),
        ] {
            assert_eq!(has_account(text), expected, "{text}");
        }
    }
}
