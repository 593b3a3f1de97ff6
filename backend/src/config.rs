//! What the environment says.

use std::str::FromStr;

use service_kit::{Environment, Listen, Misconfigured, Version};
use sqlx::postgres::PgConnectOptions;

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
            version: Version::from_env(env!("CARGO_PKG_VERSION"), environment)?,
            database: environment.parsed_or(
                "DATABASE_URL",
                DatabaseUrl::SqliteInMemory,
                "sqlite::memory:, sqlite:FILE or postgres://USER:PASSWORD@HOST/DATABASE",
            )?,
            sample_data: environment.parsed_or("SAMPLE_DATA", false, "true or false")?,
        })
    }
}

/// Which database, and how to reach it. It may hold a password, so it cannot be printed.
#[derive(Clone)]
pub enum DatabaseUrl {
    /// One that ends with the process.
    SqliteInMemory,
    /// A file, as a URI of SQLite's own: `file:` and a path.
    SqliteFile(String),
    /// PostgreSQL, for more than one instance of the service.
    Postgres(Box<PgConnectOptions>),
}

impl FromStr for DatabaseUrl {
    type Err = UnsupportedDatabase;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        match url.split_once(':').ok_or(UnsupportedDatabase)? {
            ("sqlite", ":memory:") => Ok(Self::SqliteInMemory),
            ("sqlite", path) if !path.is_empty() => Ok(Self::SqliteFile(format!("file:{path}"))),
            ("postgres" | "postgresql", _) if has_known_options(url) => url
                .parse()
                .map(|options| Self::Postgres(Box::new(options)))
                .map_err(|_| UnsupportedDatabase),
            _ => Err(UnsupportedDatabase),
        }
    }
}

/// What may stand behind the question mark of a PostgreSQL URL, as its driver reads it.
const POSTGRES_OPTIONS: [&str; 18] = [
    "application_name",
    "dbname",
    "host",
    "hostaddr",
    "options",
    "password",
    "port",
    "ssl-ca",
    "ssl-cert",
    "ssl-key",
    "ssl-mode",
    "ssl-root-cert",
    "sslcert",
    "sslkey",
    "sslmode",
    "sslrootcert",
    "statement-cache-capacity",
    "user",
];

/// The driver would log any other one with its value, which may be a mistyped password.
fn has_known_options(url: &str) -> bool {
    let (_, options) = url.split_once('?').unwrap_or_default();
    let options = options.split('#').next().unwrap_or_default();
    let mut names = options.split('&').filter(|option| !option.is_empty());
    names.all(|option| {
        let name = option.split('=').next().unwrap_or_default();
        POSTGRES_OPTIONS.contains(&name) || name.starts_with("options[")
    })
}

/// The URL is malformed, or names a kind of database that is not supported.
#[derive(Debug)]
pub struct UnsupportedDatabase;
