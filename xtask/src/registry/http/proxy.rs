//! The proxy that the environment names, and the hosts that are reached without it.

use std::env;

use anyhow::Result;
use ureq::{Proxy, ProxyProtocol};

use crate::error::Kind;
use crate::oci::Host;

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
pub(super) fn check() -> Result<()> {
    let set = PROXY_VARIABLES
        .into_iter()
        .filter_map(|name| Some((name, env::var_os(name)?)));
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

/// Whether `NO_PROXY` lists `host`, as other programs read it: there may be spaces in
/// it, and a name stands for everything below it as well. The library knows neither.
pub(super) fn is_exempt(host: &Host) -> bool {
    let lists = ["NO_PROXY", "no_proxy"].map(|name| env::var(name).unwrap_or_default());
    let list = lists.iter().find(|list| !list.is_empty());
    let mut entries = list.iter().flat_map(|list| list.split([',', ' ']));
    entries.any(|entry| covers(&entry.to_ascii_lowercase(), host))
}

fn covers(entry: &str, host: &Host) -> bool {
    let name = entry.trim_start_matches('*').trim_start_matches('.');
    let is_below = |host: &str| {
        let rest = host.strip_suffix(name);
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    entry == "*" || is_below(host.name()) || is_below(&host.to_string())
}
