//! Connections: what is trusted, and whether they go through the proxy.

use std::sync::{Arc, OnceLock};

use anyhow::Result;
use ureq::Agent;
use ureq::config::ConfigBuilder;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::typestate::AgentScope;

use super::client::REQUESTS_PER_HOST;
use super::proxy;
use crate::error::Kind;
use crate::oci::Host;

const USER_AGENT: &str = concat!(env!("CARGO_PKG_NAME"), "/", env!("CARGO_PKG_VERSION"));

/// What keeps the connections of a command. Each is made when the first request needs it.
#[derive(Default)]
pub(super) struct Agents {
    /// To this machine, where no proxy leads.
    plain: OnceLock<Agent>,
    encrypted: OnceLock<Agent>,
    /// To the hosts that are reached without the proxy.
    encrypted_without_proxy: OnceLock<Agent>,
}

impl Agents {
    /// The agent for `url`, which is on `host`.
    ///
    /// # Errors
    /// Where the variables name no usable proxy, or nothing is to be trusted.
    pub(super) fn for_url(&self, host: &Host, url: &str) -> Result<&Agent> {
        if url.starts_with("http://") {
            return made_once(&self.plain, || {
                Ok(configuration().proxy(None).build().into())
            });
        }
        if proxy::is_exempt(host) {
            return made_once(&self.encrypted_without_proxy, || {
                encrypted(configuration().proxy(None))
            });
        }
        made_once(&self.encrypted, || {
            proxy::check()?;
            encrypted(configuration())
        })
    }
}

fn made_once(agent: &OnceLock<Agent>, make: impl FnOnce() -> Result<Agent>) -> Result<&Agent> {
    if let Some(agent) = agent.get() {
        return Ok(agent);
    }
    let made = make()?;
    Ok(agent.get_or_init(|| made))
}

fn configuration() -> ConfigBuilder<AgentScope> {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .max_idle_connections_per_host(REQUESTS_PER_HOST)
        .user_agent(USER_AGENT)
        // Without a word on it a proxy may compress, and nothing would give its digest.
        .accept_encoding("identity")
}

/// An agent that trusts what the system trusts. Reading the certificates takes
/// longer than a promotion on loopback, so it waits until somebody needs them.
fn encrypted(configuration: ConfigBuilder<AgentScope>) -> Result<Agent> {
    let found = rustls_native_certs::load_native_certs();
    if let (Some(error), Some(_)) = (found.errors.first(), std::env::var_os("SSL_CERT_FILE")) {
        let fault = format!("the certificates that SSL_CERT_FILE names: {error}");
        let hint = "`export SSL_CERT_FILE=FILE`, or `unset SSL_CERT_FILE`";
        return Err(Kind::Configuration.because(fault).hint(hint).into());
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
    Ok(configuration.tls_config(tls).build().into())
}
