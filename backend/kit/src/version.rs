//! What is running.

use serde::Serialize;

use crate::{Environment, Misconfigured};

/// Answer of a service's `/version`.
#[derive(Clone, Debug, Serialize)]
pub struct Version {
    /// The package's version.
    pub version: &'static str,
    /// The commit that the image was built from; `unknown` outside an image.
    pub commit: String,
}

impl Version {
    /// Reads `SOURCE_COMMIT`, which the image sets.
    pub fn from_env(
        version: &'static str,
        environment: &Environment,
    ) -> Result<Self, Misconfigured> {
        let unknown = "unknown".to_owned();
        let commit = environment.parsed_or("SOURCE_COMMIT", unknown, "the id of a commit")?;
        Ok(Self { version, commit })
    }
}
