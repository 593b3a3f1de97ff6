//! What the environment says.

use service_kit::{BaseUrl, Environment, Listen, Misconfigured, Version};

/// Everything that can be configured.
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// What is running.
    pub version: Version,
    /// Where the backend is.
    pub backend: BaseUrl,
}

impl Config {
    /// Reads and checks all variables.
    pub fn from_env(environment: &Environment) -> Result<Self, Misconfigured> {
        Ok(Self {
            listen: Listen::from_env(environment)?,
            version: Version::from_env(env!("CARGO_PKG_VERSION"), environment)?,
            backend: environment.required(
                "SERVICE_DNS",
                "the backend's base URL, http://HOST or https://HOST:PORT",
            )?,
        })
    }
}
