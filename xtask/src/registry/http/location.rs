//! URLs that a registry names: in `Location` and in `Link`.

use anyhow::Result;
use ureq::http::Uri;

use crate::error::Kind;
use crate::oci::Host;

/// The absolute URL that `reference`, in the answer of `base`, stands for
/// (RFC 3986, section 5.2). One that is neither HTTPS nor on this machine is refused.
pub(super) fn resolve(base: &str, reference: &str) -> Result<String> {
    let url = absolute(base, reference).and_then(|url| {
        let uri: Uri = url.parse().ok()?;
        let host = host_of(&uri)?;
        Some((url, uri, host))
    });
    let Some((url, uri, host)) = url else {
        let (base, reference) = (shown(base), shown(reference));
        let fault = format!("{base} leads to {reference:?}, which is no URL");
        return Err(Kind::Failed.because(fault).into());
    };
    if uri.scheme_str() != Some("https") && !host.is_loopback() {
        let (base, url) = (shown(base), shown(&url));
        let fault = format!("{base} leads to {url}, which is not HTTPS");
        return Err(Kind::Failed
            .because(fault)
            .hint("a registry behind a proxy must know its own URL: let the proxy send `X-Forwarded-Proto: https`, or configure the URL in the registry")
            .into());
    }
    Ok(url)
}

/// A URL as messages show it. The query may be what lets whoever has it read a blob, as
/// where a registry leads to its storage.
pub(super) fn shown(url: &str) -> &str {
    url.split_once('?').map_or(url, |(url, _)| url)
}

/// The host of a URL.
pub(super) fn host(url: &str) -> Result<Host> {
    let host = url.parse().ok().and_then(|uri| host_of(&uri));
    host.ok_or_else(|| anyhow::anyhow!("{:?} names no host", shown(url)))
}

/// What to type to see what answers on `host`.
pub(super) fn hint(host: &Host) -> String {
    format!(
        "`curl -i {}/v2/` shows what answers: a registry says 200 or 401",
        host.base_url()
    )
}

/// Whether two URLs have the same scheme, host and port.
pub(super) fn is_same_origin(one: &str, other: &str) -> bool {
    match (origin(one), origin(other)) {
        (Some(one), Some(other)) => one == other,
        _ => false,
    }
}

fn origin(url: &str) -> Option<(String, String, u16)> {
    let uri: Uri = url.parse().ok()?;
    let scheme = uri.scheme_str()?.to_ascii_lowercase();
    let usual = if scheme == "https" { 443 } else { 80 };
    let authority = uri.authority()?;
    // Before an `@` anything can stand that looks like a host.
    let plain = !authority.as_str().contains('@');
    let host = authority.host().to_ascii_lowercase();
    plain.then(|| (scheme, host, authority.port_u16().unwrap_or(usual)))
}

fn host_of(uri: &Uri) -> Option<Host> {
    uri.authority()?.as_str().parse().ok()
}

fn absolute(base: &str, reference: &str) -> Option<String> {
    let (reference, _) = reference.split_once('#').unwrap_or((reference, ""));
    if let Some(scheme) = scheme(reference) {
        let rest = &reference[scheme.len()..];
        let known = ["https", "http"]
            .iter()
            .find(|known| scheme.eq_ignore_ascii_case(known));
        return known.map(|known| format!("{known}{rest}"));
    }
    let (base, _) = base.split_once('?').unwrap_or((base, ""));
    let scheme_end = base.find("://")? + 1;
    let origin_end = base[scheme_end + 2..]
        .find('/')
        .map_or(base.len(), |end| scheme_end + 2 + end);
    let (origin, path) = base.split_at(origin_end);
    Some(if reference.starts_with("//") {
        format!("{}{reference}", &base[..scheme_end])
    } else if reference.starts_with('/') {
        format!("{origin}{}", without_dots(reference))
    } else if reference.is_empty() || reference.starts_with('?') {
        format!("{base}{reference}")
    } else {
        let folder = path.rfind('/').map_or("/", |end| &path[..=end]);
        format!("{origin}{}", without_dots(&format!("{folder}{reference}")))
    })
}

/// What stands before the colon, where it can be a scheme.
fn scheme(reference: &str) -> Option<&str> {
    let (scheme, _) = reference.split_once(':')?;
    let letters = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
    let fits = scheme.starts_with(|c: char| c.is_ascii_alphabetic()) && scheme.chars().all(letters);
    fits.then_some(scheme)
}

/// The path without its `.` and `..` parts; a query stays as it is.
fn without_dots(path: &str) -> String {
    let end = path.find('?').unwrap_or(path.len());
    let (path, query) = path.split_at(end);
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let is_folder = path.ends_with("/.") || path.ends_with("/..");
    let end = if is_folder && !parts.is_empty() {
        "/"
    } else {
        ""
    };
    format!("/{}{end}{query}", parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const BASE: &str = "https://registry.example:5000/v2/app/blobs/uploads/?a=b";

    #[test]
    fn references_are_read_as_the_standard_has_it() {
        for (reference, url) in [
            ("https://other.example/x?y=z", "https://other.example/x?y=z"),
            ("HTTPS://other.example/x#part", "https://other.example/x"),
            ("http://127.0.0.1:1/x", "http://127.0.0.1:1/x"),
            ("//other.example/x", "https://other.example/x"),
            (
                "/v2/x?y=/../z",
                "https://registry.example:5000/v2/x?y=/../z",
            ),
            (
                "7?s=a:b",
                "https://registry.example:5000/v2/app/blobs/uploads/7?s=a:b",
            ),
            (
                "../uploads/./7",
                "https://registry.example:5000/v2/app/blobs/uploads/7",
            ),
            ("/../../x/..", "https://registry.example:5000/"),
            (
                "?n=1",
                "https://registry.example:5000/v2/app/blobs/uploads/?n=1",
            ),
            ("", "https://registry.example:5000/v2/app/blobs/uploads/"),
        ] {
            assert_eq!(resolve(BASE, reference).unwrap(), url, "{reference:?}");
        }
        assert_eq!(
            resolve("http://[::1]:5000", "7").unwrap(),
            "http://[::1]:5000/7"
        );
    }

    #[test]
    fn what_leads_elsewhere_than_to_https_is_refused() {
        for reference in [
            "http://other.example/x",
            "ftp://other.example/x",
            "javascript:1",
            "https://",
            "https:",
            "https:///x",
            "https://registry.example@other.example/x",
            "https://other.example/\u{e9} \n",
            "//",
        ] {
            assert!(resolve(BASE, reference).is_err(), "{reference:?}");
        }
    }

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (one, other, same) in [
            ("https://a.example", "https://A.EXAMPLE:443/x", true),
            ("http://[::1]:80", "http://[::1]/x", true),
            ("https://a.example", "http://a.example", false),
            ("https://a.example", "https://a.example:444/", false),
            (
                "https://a.example",
                "https://a.example.evil.example/",
                false,
            ),
            (
                "https://a.example",
                "https://a.example@evil.example/",
                false,
            ),
            ("https://a.example", "/x", false),
        ] {
            assert_eq!(is_same_origin(one, other), same, "{one} {other}");
        }
    }
}
