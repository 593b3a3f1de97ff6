//! Where another service is.

use std::num::NonZeroU16;
use std::str::FromStr;

use axum::http::Uri;
use axum::http::uri::{Authority, Scheme};

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
        let authority = parts.authority.filter(is_host_and_port);
        match (scheme, authority, parts.path_and_query) {
            (Some(scheme), Some(authority), Some(path)) if path == "/" => {
                Ok(Self { scheme, authority })
            }
            _ => Err(NotABaseUrl),
        }
    }
}

/// A client leaves out what else an authority can hold: it sends no name and password, and goes to the scheme's port
/// where the one that is given is impossible.
fn is_host_and_port(authority: &Authority) -> bool {
    match authority.as_str().strip_prefix(authority.host()) {
        Some("") => true,
        Some(rest) => rest
            .strip_prefix(':')
            .is_some_and(|port| port.parse::<NonZeroU16>().is_ok()),
        None => false,
    }
}

/// It has no scheme, no host, an impossible port, a user or a path.
#[derive(Debug)]
pub struct NotABaseUrl;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_with_or_without_a_port_is_kept() {
        for url in [
            "http://backend",
            "http://backend/",
            "https://backend.example:8443",
            "http://127.0.0.1:1",
            "http://[::1]",
            "http://[::1]:65535",
        ] {
            let base = url.parse::<BaseUrl>().unwrap();
            let joined = base.join("/path?query").unwrap().to_string();
            assert_eq!(joined, format!("{}/path?query", url.trim_end_matches('/')));
            assert_eq!(base.is_https(), url.starts_with("https"), "{url}");
        }
    }

    #[test]
    fn what_a_client_would_leave_out_is_refused() {
        for url in [
            "backend",
            "backend:8080",
            "http://",
            "ftp://backend",
            "http://backend/path",
            "http://backend?query",
            "http://a b",
            "http://backend:",
            "http://backend:0",
            "http://backend:65536",
            "http://backend:99999",
            "http://backend:http",
            "http://[::1]:99999",
            "http://user@backend",
            "http://user:password@backend:8080",
            "http://backend@backend",
            "http://backend:80@backend",
        ] {
            assert!(url.parse::<BaseUrl>().is_err(), "{url}");
        }
    }
}
