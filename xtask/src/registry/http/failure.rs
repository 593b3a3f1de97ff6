//! What goes wrong with a request, and whether another try can help.

use std::fmt::Display;
use std::time::{Duration, SystemTime};

use rustls::CertificateError;
use ureq::http::{HeaderMap, StatusCode};
use ureq::{Proxy, Timeout};

use crate::error::{Fault, Kind};
use crate::oci::{Host, empty_where_null};

/// What Go's server, which Docker's registry is, and nginx answer to plain HTTP where they
/// speak TLS.
const TLS_IS_SPOKEN: [&str; 2] = [
    "Client sent an HTTP request to an HTTPS server",
    "The plain HTTP request was sent to HTTPS port",
];

/// How much of an unexpected answer an error quotes, in bytes.
const EXCERPT: usize = 200;

/// How much of a registry's own errors is told, in bytes: more, since ECR names the user,
/// the action and the resource where it refuses.
const TOLD: usize = 1000;

/// Why a request gave nothing usable.
pub(super) enum Failure {
    /// Another try may help.
    Again {
        /// What happened.
        why: String,
        /// How long the registry asks to wait.
        after: Option<Duration>,
    },
    /// It will not get better.
    Final(anyhow::Error),
}

impl Failure {
    pub(super) fn again(why: impl Display) -> Self {
        Self::Again {
            why: why.to_string(),
            after: None,
        }
    }

    /// The same, naming the host: tokens and redirects lead to others than the one in
    /// the repository's name, which everybody would look at first.
    pub(super) fn at(self, host: &Host) -> Self {
        self.with_context(&host.to_string(), &format!("asking {host}"))
    }

    /// The same, naming the proxy without the account in its URL. Where that does not
    /// answer nothing is wrong with the host, which everybody would look at first.
    pub(super) fn through(self, proxy: &Proxy) -> Self {
        let proxy = format!("through the proxy {}:{}", proxy.host(), proxy.port());
        self.with_context(&proxy, &proxy)
    }

    fn with_context(self, place: &str, context: &str) -> Self {
        match self {
            Self::Again { why, after } => Self::Again {
                why: format!("{place}: {why}"),
                after,
            },
            Self::Final(error) => Self::Final(error.context(context.to_owned())),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Final(error)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        Self::Final(fault.into())
    }
}

/// Sorts what the HTTP library reports: a broken connection and a time-out are
/// worth another try; a broken protocol or an untrusted certificate is not.
pub(super) fn of_transport(error: ureq::Error) -> Failure {
    let final_one = |kind: Kind, message: String| Failure::from(kind.because(message));
    match error {
        ureq::Error::Io(error) => of_io(&error),
        ureq::Error::Timeout(Timeout::Resolve | Timeout::Connect) => {
            Failure::again("no connection in time")
        }
        ureq::Error::Timeout(_) => Failure::again("no answer in time"),
        ureq::Error::ConnectionFailed => Failure::again("the connection failed"),
        ureq::Error::HostNotFound => unknown_host("it has no address"),
        ureq::Error::LargeResponseHeader(size, bound) => final_one(
            Kind::Failed,
            format!("the answer's header has {size} bytes, more than the bound of {bound}"),
        ),
        ureq::Error::Rustls(error) => untrusted(&error),
        ureq::Error::ConnectProxyFailed(why) => without_tunnel(&why),
        other => final_one(Kind::Failed, format!("the answer is no HTTP: {other}")),
    }
}

/// A certificate that is not trusted now will not be in a second, and a host that does
/// not speak TLS will not either.
fn untrusted(error: &rustls::Error) -> Failure {
    let hint = match error {
        rustls::Error::InvalidMessage(_) => {
            "the host does not speak TLS, and plain HTTP is spoken to this machine alone: serve the registry over HTTPS, or forward a port of this machine to it and name it 127.0.0.1:PORT"
        }
        rustls::Error::InvalidCertificate(CertificateError::Other(why))
            if why.to_string() == AUTHORITY_AS_HOST =>
        {
            "the host shows an authority's certificate as its own: make one with `openssl req -x509 -addext basicConstraints=critical,CA:FALSE …`"
        }
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the system's certificates are used; SSL_CERT_FILE names others"
        }
        _ => {
            "look at the host's certificate, `openssl s_client -connect HOST:PORT`, and at this machine's clock, `date`"
        }
    };
    let fault = Kind::Unavailable.because(format!("no trusted connection: {error}"));
    fault.hint(hint).into()
}

/// The library's word for what `openssl req -x509` makes by itself, and other clients take.
const AUTHORITY_AS_HOST: &str = "CaUsedAsEndEntity";

/// Sorts what a proxy answers instead of connecting. The library passes its status on
/// as text alone, at the end; none where there was no answer.
fn without_tunnel(why: &str) -> Failure {
    let why = format!("no connection: {why}");
    let status = why.rsplit('/').next().map(str::parse::<StatusCode>);
    match status {
        Some(Ok(status)) if !is_passing(status) => Kind::Unavailable
            .because(why)
            .hint("check HTTPS_PROXY and the account in it, `export HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT`; NO_PROXY names hosts that are reached without it")
            .into(),
        _ => Failure::again(why),
    }
}

/// What the C libraries of Debian, Alpine and macOS say of a name that does not exist or
/// has no address. They have other words where nobody could be asked.
const NO_SUCH_HOST: [&str; 4] = [
    "Name or service not known",
    "No address associated with hostname",
    "Name does not resolve",
    "nodename nor servname provided",
];

/// A name with a typing error in it will not be known in a second either.
fn unknown_host(why: impl Display) -> Failure {
    Kind::Unavailable
        .because(format!("the host's name is not known: {why}"))
        .hint("check how the host is written, and this machine's names: `getent hosts HOST`")
        .into()
}

/// Sorts an error of reading or writing a body.
pub(super) fn of_io(error: &std::io::Error) -> Failure {
    use std::io::ErrorKind;
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    if let Some(error @ (rustls::Error::InvalidCertificate(_) | rustls::Error::InvalidMessage(_))) =
        inner
    {
        return untrusted(error);
    }
    match error.kind() {
        ErrorKind::UnexpectedEof => {
            Failure::again("the connection ended in the middle of the answer")
        }
        ErrorKind::TimedOut | ErrorKind::WouldBlock => Failure::again("no answer in time"),
        _ => {
            let why = error.to_string();
            if NO_SUCH_HOST.iter().any(|words| why.contains(words)) {
                unknown_host(why)
            } else {
                Failure::again(why)
            }
        }
    }
}

/// Whether another try may be answered better than with `status`.
pub(super) fn is_passing(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 429 | 500 | 502 | 503 | 504)
}

/// Whether `body` is the answer to plain HTTP of a server that speaks TLS.
pub(super) fn wants_tls(body: &[u8]) -> bool {
    let body = String::from_utf8_lossy(body);
    TLS_IS_SPOKEN.iter().any(|words| body.contains(words))
}

/// The failure that a passing status stands for.
pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, body: &[u8]) -> Failure {
    let after = headers.get("retry-after");
    let after = after.and_then(|value| retry_after(value.to_str().ok()?, SystemTime::now()));
    let why = format!("{status}{}", said(body));
    if status == StatusCode::TOO_MANY_REQUESTS && is_quota(headers, body) {
        return quota_used_up(&why, headers, after).into();
    }
    Failure::Again { why, after }
}

/// A quota does not come back within a command: it ends at once and says when.
fn quota_used_up(why: &str, headers: &HeaderMap, after: Option<Duration>) -> Fault {
    let reset = after.or_else(|| {
        let names = ["ratelimit-reset", "x-ratelimit-reset"];
        names
            .iter()
            .find_map(|name| reset_time(headers.get(*name)?.to_str().ok()?))
    });
    let fault = Kind::Unavailable.because(format!("the registry's quota is used up: {why}"));
    match reset {
        Some(wait) => {
            // A date is whole seconds; what is left until then is not.
            let whole = Duration::from_secs(wait.as_secs_f64().ceil() as u64);
            fault.hint(format!(
                "try again in {}",
                humantime::format_duration(whole)
            ))
        }
        None => {
            fault.hint("the registry does not say when it resets; Docker Hub counts over six hours")
        }
    }
}

fn is_quota(headers: &HeaderMap, body: &[u8]) -> bool {
    let remaining = headers
        .get("ratelimit-remaining")
        .and_then(|value| value.to_str().ok());
    let remaining = remaining.map(|value| value.split(';').next().unwrap_or_default().trim());
    let body = String::from_utf8_lossy(body).to_ascii_lowercase();
    remaining == Some("0") || body.contains("pull rate limit")
}

/// Seconds from now, or a time in seconds since 1970.
fn reset_time(value: &str) -> Option<Duration> {
    let seconds: u64 = value.split(';').next()?.trim().parse().ok()?;
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .ok()?
        .as_secs();
    Some(Duration::from_secs(if seconds > now / 2 {
        seconds.saturating_sub(now)
    } else {
        seconds
    }))
}

/// How long a `Retry-After` asks to wait, in seconds or as a date (RFC 9110,
/// section 10.2.3).
pub fn retry_after(value: &str, now: SystemTime) -> Option<Duration> {
    let value = value.trim();
    if let Ok(seconds) = value.parse() {
        return Some(Duration::from_secs(seconds));
    }
    let date = httpdate::parse_http_date(value).ok()?;
    Some(date.duration_since(now).unwrap_or_default())
}

/// The distribution specification's "Error Codes".
#[derive(serde::Deserialize)]
struct Errors {
    errors: Vec<Error>,
}

#[derive(serde::Deserialize)]
struct Error {
    #[serde(default, deserialize_with = "empty_where_null")]
    code: String,
    #[serde(default, deserialize_with = "empty_where_null")]
    message: String,
}

/// Whether `body` is what a registry says of an error.
pub(super) fn are_errors(body: &[u8]) -> bool {
    serde_json::from_slice::<Errors>(body).is_ok()
}

/// What the body says, ready to be put behind a status: the distribution
/// specification's error codes, else its first bytes. Either is bounded: a registry may
/// answer whatever it likes.
pub(super) fn said(body: &[u8]) -> String {
    match serde_json::from_slice::<Errors>(body) {
        Ok(document) => {
            let told = document.errors.iter().map(|error| {
                format!(
                    ": {} {}",
                    on_one_line(&error.code),
                    on_one_line(&error.message)
                )
            });
            let mut told: String = told.collect();
            told.truncate(told.floor_char_boundary(TOLD));
            told
        }
        Err(_) if body.is_empty() => String::new(),
        Err(_) => format!(": {}", excerpt(body)),
    }
}

/// The first bytes of `body`, on one line.
pub(super) fn excerpt(body: &[u8]) -> String {
    let start = &body[..body.len().min(EXCERPT)];
    on_one_line(&String::from_utf8_lossy(start))
}

/// `text` without characters that would end the line or steer a terminal.
fn on_one_line(text: &str) -> String {
    text.chars().fold(String::new(), |mut line, c| {
        if c.is_control() {
            line.extend(c.escape_debug());
        } else {
            line.push(c);
        }
        line
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs
            .iter()
            .map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap()))
            .collect()
    }

    #[test]
    fn retry_after_is_seconds_or_a_date() {
        let now = SystemTime::UNIX_EPOCH + Duration::from_secs(784_111_777);
        for (value, seconds) in [
            ("7", Some(7)),
            (" 0 ", Some(0)),
            ("Sun, 06 Nov 1994 08:49:47 GMT", Some(10)),
            ("Sun, 06 Nov 1994 08:49:00 GMT", Some(0)),
            ("soon", None),
            ("-1", None),
            ("99999999999999999999999", None),
        ] {
            let wait = retry_after(value, now);
            assert_eq!(wait, seconds.map(Duration::from_secs), "{value}");
        }
    }

    /// Names are looked up as the machine is configured: no name is unknown everywhere.
    #[test]
    fn an_unknown_name_is_final_and_one_that_nobody_could_be_asked_for_is_not() {
        for (words, is_final) in [
            ("Name or service not known", true),
            ("Name does not resolve", true),
            ("Temporary failure in name resolution", false),
            ("Try again", false),
        ] {
            let error = format!("failed to lookup address information: {words}");
            let failure = of_io(&std::io::Error::other(error));
            assert_eq!(matches!(failure, Failure::Final(_)), is_final, "{words}");
        }
    }

    #[test]
    fn a_used_up_quota_is_final() {
        let status = StatusCode::TOO_MANY_REQUESTS;
        let quota = of_status(
            status,
            &headers(&[("ratelimit-remaining", "0;w=21600")]),
            b"",
        );
        assert!(matches!(quota, Failure::Final(_)));
        let quota = of_status(
            status,
            &HeaderMap::new(),
            b"You have reached your pull rate limit.",
        );
        assert!(matches!(quota, Failure::Final(_)));
        let busy = of_status(
            status,
            &headers(&[("ratelimit-remaining", "9")]),
            b"slow down",
        );
        assert!(matches!(busy, Failure::Again { .. }));
    }

    #[test]
    fn when_a_quota_comes_back_is_told_in_seconds() {
        let date = httpdate::fmt_http_date(SystemTime::now() + Duration::from_secs(3600));
        let headers = headers(&[("ratelimit-remaining", "0"), ("retry-after", &date)]);
        let quota = of_status(StatusCode::TOO_MANY_REQUESTS, &headers, b"");
        let Failure::Final(error) = quota else {
            panic!("a used up quota is final");
        };
        let hints = Fault::hints_of(&error).join("\n");
        assert!(
            hints.contains("try again in ") && !hints.contains("ms"),
            "{hints}"
        );
    }

    #[test]
    fn an_error_body_is_told_in_one_line() {
        let body = br#"{"errors":[{"code":"TAG_INVALID","message":"no\nway"}]}"#;
        assert_eq!(said(body), r": TAG_INVALID no\nway");
        assert_eq!(said(b"<a href='x'>\n\x1b[2J"), r": <a href='x'>\n\u{1b}[2J");
        assert_eq!(excerpt(&[b'x'; 300]).len(), 200);
    }
}
