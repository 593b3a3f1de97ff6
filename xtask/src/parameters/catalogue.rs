//! `build/parameters.toml`: what every parameter is for, and its local value.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::error::Kind;
use crate::files;

/// The file's path below the workspace's root.
pub const FILE: &str = "build/parameters.toml";

/// How the names of secrets end.
const SECRET_ENDINGS: [&str; 5] = ["PASSWORD", "SECRET", "TOKEN", "PRIVATE_KEY", "CREDENTIALS"];

/// Whether a parameter or variable of that name is a secret by its name alone.
pub fn is_secret_by_name(name: &str) -> bool {
    // `_STAGING` or `_PRODUCTION` stands behind it.
    name.contains("DATABASE_URL") || SECRET_ENDINGS.iter().any(|ending| name.ends_with(ending))
}

/// What the file says of one parameter.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// What the parameter is for.
    pub description: String,
    /// Whether its value is kept out of every output.
    #[serde(default)]
    pub secret: bool,
    /// Its value on a developer's machine.
    pub local: Option<String>,
}

/// All parameters, by name.
#[derive(Debug, Clone)]
pub struct Catalogue(BTreeMap<String, Entry>);

impl Catalogue {
    /// Reads the file of the workspace at `root`.
    pub fn read(root: &Path) -> Result<Self> {
        let path = root.join(FILE);
        let text = files::read_text(&path).with_context(|| {
            Kind::Configuration
                .because(format!("{} cannot be read", path.display()))
                .hint(format!("`git checkout -- {FILE}` brings it back"))
        })?;
        let entries = files::parse_toml(&text).with_context(|| {
            Kind::Configuration
                .because(format!("{} is malformed", path.display()))
                .hint("mend that line; where two branches met, keep the tables of both and take git's markers out")
        })?;
        Ok(Self(entries))
    }

    /// What the file says of `name`.
    pub fn entry(&self, name: &str) -> Option<&Entry> {
        self.0.get(name)
    }

    /// The names in the file, sorted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Whether the value of `name` is kept out of every output: where the file says
    /// so, and where such names end like secrets.
    pub fn is_secret(&self, name: &str) -> bool {
        is_secret_by_name(name) || self.entry(name).is_some_and(|entry| entry.secret)
    }
}
