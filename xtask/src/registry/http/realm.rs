//! Who may receive credentials.
//!
//! A registry names the server that hands out its tokens. Believing it would
//! let a malicious registry collect passwords (go-containerregistry #2193).

use anyhow::Result;
use ureq::http::Uri;

use crate::error::Kind;
use crate::oci::Host;
use crate::parameters::FILE;
use crate::parameters::account::TOKEN_REALM;

const DOCKER_HUB_REALM: &str = "auth.docker.io";

/// Checks that tokens for `registry` may be asked of `realm` at all: over HTTPS,
/// or on this machine where the registry is there too.
pub(super) fn check(realm: &str, registry: &Host) -> Result<Uri> {
    let uri = realm.parse::<Uri>().ok().filter(|uri| uri.host().is_some());
    let Some(uri) = uri else {
        return Err(Kind::Failed
            .because(format!(
                "{registry} names {realm:?} for its tokens, which is no URL"
            ))
            .into());
    };
    let plain = uri.scheme_str() != Some("https");
    if plain && !(registry.is_loopback() && host_of(&uri).is_some_and(|host| host.is_loopback())) {
        let fault = format!("{registry} wants its tokens asked of {realm}, which is not HTTPS");
        return Err(Kind::Denied.because(fault).into());
    }
    Ok(uri)
}

/// Checks that the account for `registry` may be sent to `realm`: its host is the
/// registry's, the registry's parent domain, Docker Hub's known one, or `allowed`, which
/// is asked where it is none of them.
pub(super) fn check_credentials(
    realm: &Uri,
    registry: &Host,
    allowed: impl FnOnce() -> Result<Option<Host>>,
) -> Result<()> {
    let host = realm.host().unwrap_or_default();
    let known = host.eq_ignore_ascii_case(registry.name())
        || parent_domain(registry.name()).is_some_and(|parent| host.eq_ignore_ascii_case(parent))
        || (registry.is_docker_hub() && host == DOCKER_HUB_REALM);
    if known || allowed()?.is_some_and(|allowed| host.eq_ignore_ascii_case(allowed.name())) {
        return Ok(());
    }
    Err(Kind::Denied
        .because(format!(
            "{registry} wants the account's password sent to {host}, which does not belong to it"
        ))
        .hint(format!(
            "where you trust {host}: export {TOKEN_REALM}={host}"
        ))
        .hint(format!(
            "for the pipeline: list {TOKEN_REALM} in {FILE}, then `cargo xtask generate` and \
             `cargo xtask params put {TOKEN_REALM}`"
        ))
        .into())
}

fn host_of(uri: &Uri) -> Option<Host> {
    uri.host()?.parse().ok()
}

/// `example.com` of `registry.example.com`; a single label is nobody's domain.
fn parent_domain(name: &str) -> Option<&str> {
    let is_address = name.starts_with('[')
        || name
            .split('.')
            .all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let (_, parent) = name.split_once('.')?;
    (!is_address && parent.contains('.')).then_some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trusted(realm: &str, registry: &str, allowed: Option<&str>) -> bool {
        let registry: Host = registry.parse().unwrap();
        let allowed: Option<Host> = allowed.map(|host| host.parse().unwrap());
        check(realm, &registry)
            .and_then(|uri| check_credentials(&uri, &registry, || Ok(allowed)))
            .is_ok()
    }

    #[test]
    fn credentials_go_where_they_belong() {
        for (realm, registry) in [
            ("https://registry.example.com/token", "registry.example.com"),
            ("https://example.com/token", "registry.example.com"),
            ("https://auth.docker.io/token", "docker.io"),
            ("http://127.0.0.1:6000/token", "127.0.0.1:5000"),
        ] {
            assert!(trusted(realm, registry, None), "{realm} for {registry}");
        }
        assert!(trusted(
            "https://auth.other.org/t",
            "registry.example.com",
            Some("auth.other.org")
        ));
    }

    #[test]
    fn credentials_go_nowhere_else() {
        for (realm, registry) in [
            ("https://evil.org/token", "registry.example.com"),
            (
                "https://registry.example.com@evil.org/token",
                "registry.example.com",
            ),
            (
                "https://registry.example.com.evil.org/",
                "registry.example.com",
            ),
            ("http://registry.example.com/token", "registry.example.com"),
            ("http://127.0.0.1:1/token", "registry.example.com"),
            ("https://com/token", "example.com"),
            ("https://0.0.1/token", "10.0.0.1:5000"),
            ("/token", "registry.example.com"),
            ("", "registry.example.com"),
        ] {
            assert!(!trusted(realm, registry, None), "{realm} for {registry}");
        }
    }
}
