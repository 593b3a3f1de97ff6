//! What the tool and `parameter-store` say to each other: a [`Request`] on standard
//! input, an [`Answer`] on standard output, each one JSON document.
//!
//! What carries a value has no `Debug`, so that no value is printed by accident.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of these documents. Both sides are of one workspace; a binary that
/// was left over from another commit is recognised by it.
pub const VERSION: u32 = 1;

/// What the tool wants.
#[derive(Serialize, Deserialize)]
pub struct Request {
    /// [`VERSION`].
    pub version: u32,
    /// How long everything together may take, retries included.
    pub limit_in_milliseconds: u64,
    /// What is to be done.
    pub order: Order,
}

/// What is to be done.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Order {
    /// Read the parameters of these names, decrypted.
    Read(Vec<String>),
    /// Write parameters.
    Write(Write),
}

/// Parameters to write.
#[derive(Serialize, Deserialize)]
pub struct Write {
    /// The parameters, in the order in which they are written.
    pub parameters: Vec<NewParameter>,
    /// Whether parameters that exist get a new version.
    pub overwrite: bool,
    /// The key that secrets are encrypted with; none means the account's default.
    pub key: Option<String>,
}

/// A parameter to write.
#[derive(Serialize, Deserialize)]
pub struct NewParameter {
    /// Its name.
    pub name: String,
    /// Its value.
    pub value: String,
    /// Whether it is stored encrypted.
    pub secret: bool,
}

/// What became of the request.
#[derive(Serialize, Deserialize)]
pub struct Answer {
    /// [`VERSION`].
    pub version: u32,
    /// What became of the order.
    pub outcome: Outcome,
}

/// What became of the order.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// Every name that was asked for, with what was found.
    Read(BTreeMap<String, Reading>),
    /// Every name that was to be written, with what became of it.
    Written(BTreeMap<String, Writing>),
    /// Nothing could be done.
    Failed(Failure),
}

/// What was found under a name.
#[derive(Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reading {
    /// A parameter.
    Found(Stored),
    /// Nothing.
    Missing,
    /// This name could not be read, others could.
    Failed(Failure),
}

/// A parameter as it is stored.
#[derive(Clone, Serialize, Deserialize)]
pub struct Stored {
    /// Its value, decrypted.
    pub value: String,
    /// How often it was written.
    pub version: i64,
    /// Whether it is stored encrypted.
    pub encrypted: bool,
}

/// What became of a parameter that was to be written.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Writing {
    /// It has this version now.
    Stored(i64),
    /// It is not known to be stored; where no answer came, it may be all the same.
    Failed(Failure),
}

/// Why something was not done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    /// The class of the error.
    pub class: Class,
    /// What is wrong, in one sentence without a full stop.
    pub message: String,
    /// What to do next.
    pub hints: Vec<String>,
}

/// The classes of errors. The tool has an exit code for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// AWS refused the credentials, or what they may not do.
    Denied,
    /// No usable answer came within the time, or a quota is used up.
    Unavailable,
    /// Region, credentials, a name or a value are missing or malformed.
    Configuration,
    /// The parameter exists with another value and was not to be overwritten.
    Refused,
    /// An answer broke the protocol.
    Failed,
}
