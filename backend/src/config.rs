//! What the environment says.

use std::str::FromStr;

use service_kit::{Environment, Listen, Misconfigured, Version};

/// Everything that can be configured.
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// What is running.
    pub version: Version,
    /// Where the users are kept.
    pub database: DatabaseUrl,
    /// Whether an empty database is filled with the sample's users and groups.
    pub sample_data: bool,
}

impl Config {
    /// Reads and checks all variables.
    pub fn from_env(environment: &Environment) -> Result<Self, Misconfigured> {
        Ok(Self {
            listen: Listen::from_env(environment)?,
            version: Version::from_env(env!("CARGO_PKG_VERSION"), environment),
            database: environment.parsed_or(
                "DATABASE_URL",
                DatabaseUrl::in_memory(),
                "sqlite::memory:, sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE",
            )?,
            sample_data: environment.parsed_or("SAMPLE_DATA", false, "true or false")?,
        })
    }
}

/// The URL of a database of a kind that is supported. It may hold a password, so it cannot be printed.
#[derive(Clone)]
pub struct DatabaseUrl(String);

impl DatabaseUrl {
    /// A database that ends with the process.
    pub fn in_memory() -> Self {
        Self("sqlite::memory:".to_owned())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_sqlite(&self) -> bool {
        self.0.starts_with("sqlite:")
    }

    pub(crate) fn is_in_memory(&self) -> bool {
        self.is_sqlite() && (self.0.contains(":memory:") || self.0.contains("mode=memory"))
    }
}

impl FromStr for DatabaseUrl {
    type Err = UnsupportedDatabase;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let supported = ["sqlite:", "postgres://", "postgresql://"]
            .iter()
            .any(|scheme| url.starts_with(scheme));
        if supported {
            Ok(Self(url.to_owned()))
        } else {
            Err(UnsupportedDatabase)
        }
    }
}

/// The URL names a kind of database that is not supported.
#[derive(Debug)]
pub struct UnsupportedDatabase;
