//! What a request must look like (distribution specification 1.1, "Endpoints";
//! the grammar of names and tags is in "Pulling manifests").

use xtask::oci::{Digest, MediaType, Tag};

use super::http::Request;

/// What a request asks for.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Endpoint<'a> {
    Token,
    /// Where a registry says whether it wants an account ("Determining Support").
    Base,
    Manifest(&'a str, Reference),
    Blob(&'a str, Digest),
    BeginUpload(&'a str),
    Upload(&'a str, &'a str),
    Referrers(&'a str, Digest),
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Reference {
    Tag(String),
    Digest(Digest),
}

/// Reads a path; an error says which rule it breaks.
pub(super) fn endpoint(path: &str) -> Result<Endpoint<'_>, String> {
    if path == "/token" {
        return Ok(Endpoint::Token);
    }
    let rest = path.strip_prefix("/v2/").ok_or("no path below /v2/")?;
    if rest.is_empty() {
        return Ok(Endpoint::Base);
    }
    let parts: Vec<_> = rest.rsplitn(3, '/').collect();
    let digest = |text: &str| text.parse::<Digest>().map_err(|error| error.to_string());
    let found = match *parts.as_slice() {
        ["", "uploads", name] => {
            Endpoint::BeginUpload(name.strip_suffix("/blobs").ok_or("no blobs")?)
        }
        [id, "uploads", name] => {
            Endpoint::Upload(name.strip_suffix("/blobs").ok_or("no blobs")?, id)
        }
        [last, "manifests", name] if last.contains(':') => {
            Endpoint::Manifest(name, Reference::Digest(digest(last)?))
        }
        [last, "manifests", name] => {
            last.parse::<Tag>().map_err(|error| error.to_string())?;
            Endpoint::Manifest(name, Reference::Tag(last.into()))
        }
        [last, "blobs", name] => Endpoint::Blob(name, digest(last)?),
        [last, "referrers", name] => Endpoint::Referrers(name, digest(last)?),
        _ => return Err(format!("no endpoint {path:?}")),
    };
    match found {
        Endpoint::Manifest(name, _)
        | Endpoint::Blob(name, _)
        | Endpoint::BeginUpload(name)
        | Endpoint::Upload(name, _)
        | Endpoint::Referrers(name, _) => check_name(name)?,
        Endpoint::Token | Endpoint::Base => {}
    }
    Ok(found)
}

fn check_name(name: &str) -> Result<(), String> {
    let separators = |c: char| matches!(c, '.' | '_' | '-');
    let holds = name.split('/').all(|part| {
        !part.is_empty()
            && !part.starts_with(separators)
            && !part.ends_with(separators)
            && part
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || separators(c))
    });
    holds
        .then_some(())
        .ok_or_else(|| format!("no name {name:?}"))
}

/// Checks method, headers and body of a request to `endpoint`.
pub(super) fn check(request: &Request, endpoint: &Endpoint<'_>, host: &str) -> Result<(), String> {
    let demand = |holds: bool, rule: &str| {
        holds
            .then_some(())
            .ok_or_else(|| format!("{}: {rule}: {request:?}", request.line()))
    };
    let header = |name| request.header(name).unwrap_or_default();
    demand(request.version == "HTTP/1.1", "HTTP/1.1")?;
    demand(
        header("host").eq_ignore_ascii_case(host),
        "its host is the registry",
    )?;
    demand(
        header("accept-encoding") == "identity",
        "bytes that give their digest",
    )?;
    demand(
        header("user-agent").starts_with("xtask/"),
        "it says who asks",
    )?;
    demand(
        request
            .headers
            .iter()
            .filter(|(name, _)| name == "authorization")
            .count()
            <= 1,
        "one authorization at most",
    )?;
    let reading = matches!(request.method.as_str(), "GET" | "HEAD");
    demand(
        !reading || request.body.is_empty(),
        "no body in what only reads",
    )?;
    match endpoint {
        Endpoint::Token => {
            demand(request.method == "GET", "GET")?;
            demand(request.parameter("service").is_some(), "a service")?;
            let scope = request.parameter("scope").unwrap_or_default();
            demand(
                scope.replace("%3A", ":").starts_with("repository:"),
                "a scope",
            )
        }
        Endpoint::Base => demand(request.method == "GET", "GET"),
        Endpoint::Manifest(..) if reading => demand(
            MediaType::ALL
                .iter()
                .all(|media_type| header("accept").contains(media_type.name())),
            "it accepts every manifest",
        ),
        Endpoint::Manifest(_, reference) => {
            demand(request.method == "PUT", "GET, HEAD or PUT")?;
            let document: serde_json::Value =
                serde_json::from_slice(&request.body).map_err(|error| error.to_string())?;
            demand(
                document["mediaType"] == header("content-type"),
                "the manifest's media type",
            )?;
            let matches = match reference {
                Reference::Digest(digest) => *digest == Digest::of(&request.body),
                Reference::Tag(_) => true,
            };
            demand(matches, "the digest of the bytes")
        }
        Endpoint::Blob(..) => demand(reading, "GET or HEAD"),
        Endpoint::BeginUpload(_) => {
            demand(request.method == "POST", "POST")?;
            demand(header("content-length") == "0", "no body")?;
            let whole = request.query.is_empty()
                || (request
                    .parameter("mount")
                    .is_some_and(|digest| digest.parse::<Digest>().is_ok())
                    && request
                        .parameter("from")
                        .is_some_and(|from| check_name(from).is_ok()));
            demand(whole, "mount and from")
        }
        Endpoint::Upload(..) => {
            demand(request.method == "PUT", "PUT")?;
            demand(
                header("content-type") == "application/octet-stream",
                "a blob's media type",
            )?;
            let digest = request.parameter("digest").unwrap_or_default();
            demand(
                digest == Digest::of(&request.body).to_string(),
                "the digest of the bytes",
            )
        }
        Endpoint::Referrers(..) => {
            demand(request.method == "GET", "GET")?;
            demand(
                header("accept") == MediaType::OciIndex.name(),
                "it accepts an index",
            )?;
            demand(
                request.parameter("artifactType").is_none(),
                "nothing is left out",
            )
        }
    }
}
