//! What the environment says.

use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};
use service_kit::{Environment, Listen, Misconfigured, Version};

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

/// Where a service is, without a path: the contract has the whole path.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: Authority,
}

impl BaseUrl {
    /// Whether what is there speaks TLS.
    pub(crate) fn is_https(&self) -> bool {
        self.scheme == Scheme::HTTPS
    }

    /// The URL of a path and query there.
    pub(crate) fn join(&self, path: &str) -> Result<Uri, axum::http::Error> {
        Uri::builder()
            .scheme(self.scheme.clone())
            .authority(self.authority.clone())
            .path_and_query(path)
            .build()
    }
}

impl FromStr for BaseUrl {
    type Err = NotABaseUrl;

    fn from_str(url: &str) -> Result<Self, Self::Err> {
        let parts = url.parse::<Uri>().map_err(|_| NotABaseUrl)?.into_parts();
        let scheme = parts
            .scheme
            .filter(|scheme| *scheme == Scheme::HTTP || *scheme == Scheme::HTTPS);
        match (scheme, parts.authority, parts.path_and_query) {
            (Some(scheme), Some(authority), Some(path)) if path == "/" => {
                Ok(Self { scheme, authority })
            }
            _ => Err(NotABaseUrl),
        }
    }
}

/// It has no scheme, no host, or a path.
#[derive(Debug)]
pub struct NotABaseUrl;
