//! TLS of the services that a service calls.

use rustls::{ClientConfig, RootCertStore};

/// Whom a service behind `https` is believed to be: whoever the system's authorities
/// vouch for. An image brings a list of them; `SSL_CERT_FILE` names another one. For
/// a service without TLS the list is not read.
pub(crate) fn config(is_https: bool) -> ClientConfig {
    let mut authorities = RootCertStore::empty();
    if is_https {
        let found = rustls_native_certs::load_native_certs();
        for error in &found.errors {
            tracing::warn!(%error, "a list of certificate authorities is not readable");
        }
        // Lists of systems hold certificates that are not understood, and nobody needs.
        let (known, _) = authorities.add_parsable_certificates(found.certs);
        if known == 0 {
            tracing::warn!("no certificate authority is known; set SSL_CERT_FILE");
        }
    }
    ClientConfig::builder()
        .with_root_certificates(authorities)
        .with_no_client_auth()
}
