//! Connections: what is trusted, and which proxy they go through.

use std::sync::{Arc, OnceLock};

use anyhow::Result;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Proxy, ProxyProtocol};

use super::client::REQUESTS_PER_HOST;
use crate::error::Kind;

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// What keeps the connections of a command. Each is made when the first request needs it.
#[derive(Default)]
pub(super) struct Agents {
    /// To this machine, where no proxy leads.
    plain: OnceLock<Agent>,
    encrypted: OnceLock<Agent>,
}

impl Agents {
    /// The agent for `url`.
    ///
    /// # Errors
    /// Where the variables name no usable proxy, or nothing is to be trusted.
    pub(super) fn for_url(&self, url: &str) -> Result<&Agent> {
        if url.starts_with("http://") {
            return Ok(self
                .plain
                .get_or_init(|| configuration().proxy(None).build().into()));
        }
        if let Some(agent) = self.encrypted.get() {
            return Ok(agent);
        }
        let agent = encrypted_agent()?;
        Ok(self.encrypted.get_or_init(|| agent))
    }
}

fn configuration() -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections_per_host(REQUESTS_PER_HOST)
        .user_agent(USER_AGENT)
        // Without a word on it a proxy may compress, and nothing would give its digest.
        .accept_encoding("identity")
}

/// The variables that the HTTP library takes a proxy from.
const PROXY_VARIABLES: [&str; 6] = [
    "ALL_PROXY",
    "all_proxy",
    "HTTPS_PROXY",
    "https_proxy",
    "HTTP_PROXY",
    "http_proxy",
];

/// The library passes over a proxy that it does not understand. The request would go
/// around it then, with the credentials.
fn check_proxies() -> Result<()> {
    let set = PROXY_VARIABLES
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    for (name, value) in set.filter(|(_, value)| !value.is_empty()) {
        let proxy = value.to_str().and_then(|value| Proxy::new(value).ok());
        let known = [ProxyProtocol::Http, ProxyProtocol::Https];
        if !proxy.is_some_and(|proxy| known.contains(&proxy.protocol())) {
            let fault = format!("the variable {name} names no HTTP proxy");
            let hint = format!("`export {name}=http://HOST:PORT`, or `unset {name}`");
            return Err(Kind::Configuration.because(fault).hint(hint).into());
        }
    }
    Ok(())
}

/// An agent that trusts what the system trusts. Reading the certificates takes
/// longer than a promotion on loopback, so it waits until somebody needs them.
fn encrypted_agent() -> Result<Agent> {
    check_proxies()?;
    let found = rustls_native_certs::load_native_certs();
    if let (Some(error), Some(_)) = (found.errors.first(), std::env::var_os("SSL_CERT_FILE")) {
        let fault = format!("the certificates that SSL_CERT_FILE names: {error}");
        return Err(Kind::Configuration.because(fault).into());
    }
    if found.certs.is_empty() {
        let fault = Kind::Failed.because("the system has no certificates to trust");
        return Err(fault.hint("install them (Debian: apt-get install ca-certificates), or name them with SSL_CERT_FILE").into());
    }
    let certificates = found
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate).to_owned());
    let certificates: Vec<_> = certificates.collect();
    let tls = TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&certificates))
        .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .build();
    Ok(configuration().tls_config(tls).build().into())
}
