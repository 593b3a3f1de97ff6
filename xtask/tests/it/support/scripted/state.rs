//! What a registry knows, and what it answers where nothing goes wrong.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::json;
use xtask::oci::{Digest, Manifest, MediaType, References};
use xtask::registry::{Layout, Repository as _};

use super::http::{Answer, Request};
use super::rules::{self, Endpoint, Reference};
use crate::support::signer;

/// One repository.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shelf {
    pub(crate) manifests: HashMap<Digest, Vec<u8>>,
    pub(crate) tags: BTreeMap<String, Digest>,
    pub(crate) blobs: HashMap<Digest, Vec<u8>>,
}

/// Everything.
#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) repositories: BTreeMap<String, Shelf>,
    /// `user:password` where tokens are wanted.
    pub(crate) account: Option<String>,
    /// Whether the tokens are signed, for a real registry that believes them.
    pub(crate) signs: bool,
    /// What requests without a token are answered with, but for [`Endpoint::Base`],
    /// instead of a challenge.
    pub(crate) hides: Option<u16>,
    /// Whether each repository has a realm of its own.
    pub(crate) has_realms: bool,
    pub(crate) mounts: bool,
    pub(crate) has_referrers: bool,
    /// How many referrers one answer lists, where it does not list all.
    pub(crate) referrers_per_page: Option<usize>,
    /// What was asked so far.
    pub(crate) asked: Vec<String>,
    /// The `Range` headers of all requests.
    pub(crate) ranges: Vec<String>,
    /// Whether ranges are not supported.
    pub(crate) always_whole: bool,
    /// The `Authorization` headers of all requests.
    pub(crate) authorizations: Vec<String>,
    /// The rules that requests broke.
    pub(crate) violations: Vec<String>,
    pub(crate) host: String,
    tokens: HashMap<String, String>,
    uploads: usize,
}

impl State {
    pub(crate) fn repository(&mut self, name: &str) -> &mut Shelf {
        self.repositories.entry(name.into()).or_default()
    }

    /// Takes an image of a layout over.
    pub(crate) fn take(&mut self, name: &str, layout: &Layout, manifest: &Manifest) -> Digest {
        match manifest.references() {
            References::Image { blobs } => {
                for blob in blobs {
                    let mut bytes = Vec::new();
                    layout
                        .open_blob(blob, 0)
                        .unwrap()
                        .read_to_end(&mut bytes)
                        .unwrap();
                    self.repository(name).blobs.insert(blob.digest, bytes);
                }
            }
            References::Index { manifests } => {
                for child in manifests {
                    let child = layout.manifest(&child.digest).unwrap().unwrap();
                    self.take(name, layout, &child);
                }
            }
        }
        let digest = manifest.digest();
        self.repository(name)
            .manifests
            .insert(digest, manifest.bytes().into());
        digest
    }

    pub(crate) fn point(&mut self, name: &str, tag: &str, digest: Digest) {
        self.repository(name).tags.insert(tag.into(), digest);
    }

    pub(crate) fn tag(&self, name: &str, tag: &str) -> Option<Digest> {
        self.repositories.get(name)?.tags.get(tag).copied()
    }

    /// What a request asks for, or the answer where it breaks a rule.
    pub(super) fn check<'a>(&mut self, request: &'a Request) -> Result<Endpoint<'a>, Answer> {
        self.authorizations
            .extend(request.header("authorization").map(Into::into));
        let checked = rules::endpoint(&request.path).and_then(|endpoint| {
            rules::check(request, &endpoint, &self.host)?;
            Ok(endpoint)
        });
        checked.map_err(|rule| self.violation(rule))
    }

    /// The answer of a registry where nothing goes wrong.
    pub(super) fn answer(&mut self, endpoint: Endpoint<'_>, request: &Request) -> Answer {
        if endpoint == Endpoint::Token {
            return self.token(request);
        }
        if !self.is_authorized(request) {
            return match self.hides {
                Some(status) if endpoint != Endpoint::Base => Answer::status(status),
                _ => self.challenge(request),
            };
        }
        match endpoint {
            Endpoint::Token => Answer::status(500),
            Endpoint::Base => Answer::status(200),
            Endpoint::Manifest(name, reference) if request.method == "PUT" => {
                self.put_manifest(name, &reference, &request.body)
            }
            Endpoint::Manifest(name, reference) => self.manifest(name, &reference),
            Endpoint::Blob(name, digest) => self.blob(name, digest, request.header("range")),
            Endpoint::BeginUpload(name) => self.begin_upload(name, request),
            Endpoint::Upload(name, _) => {
                let digest = Digest::of(&request.body);
                self.repository(name)
                    .blobs
                    .insert(digest, request.body.clone());
                Answer::status(201).header("docker-content-digest", &digest.to_string())
            }
            Endpoint::Referrers(name, subject) => self.referrers(name, subject, request),
        }
    }

    fn violation(&mut self, rule: String) -> Answer {
        let answer = Answer::error(400, "VIOLATION", &rule);
        self.violations.push(rule);
        answer
    }

    fn challenge(&self, request: &Request) -> Answer {
        let realm = match (self.has_realms, repository_of(request)) {
            (true, name) => format!("token?of={name}"),
            _ => "token".into(),
        };
        let challenge = format!(
            "Bearer realm=\"http://{}/{realm}\",service=\"scripted\"",
            self.host
        );
        Answer::error(401, "UNAUTHORIZED", "authentication required")
            .header("www-authenticate", &challenge)
    }

    fn token(&mut self, request: &Request) -> Answer {
        let expected = self
            .account
            .as_ref()
            .map(|pair| format!("Basic {}", BASE64_STANDARD.encode(pair)));
        if request.header("authorization") != expected.as_deref() {
            return Answer::error(401, "UNAUTHORIZED", "wrong password");
        }
        let of_realm = |name| format!("repository:{name}:");
        let realm = request.parameter("of").map(of_realm);
        if realm.is_some_and(|realm| !request.query.contains(&realm)) {
            return Answer::error(403, "DENIED", "no such repository here");
        }
        let token = if self.signs {
            signer::token(request.parameters("scope"))
        } else {
            format!("canary-token-{}", self.tokens.len())
        };
        self.tokens
            .insert(token.clone(), request.query.replace("%3A", ":"));
        Answer::status(200).body("application/json", json!({ "token": token }).to_string())
    }

    /// Lets a token be good for nothing any more.
    pub(crate) fn expire(&mut self, token: &str) {
        self.tokens.get_mut(token).unwrap().clear();
    }

    /// Whether the request's token is for its repository, and for writing where it writes.
    fn is_authorized(&self, request: &Request) -> bool {
        if self.account.is_none() {
            return true;
        }
        let token = request
            .header("authorization")
            .and_then(|value| value.strip_prefix("Bearer "));
        let Some(scope) = token.and_then(|token| self.tokens.get(token)) else {
            return false;
        };
        let name = repository_of(request);
        let reading = matches!(request.method.as_str(), "GET" | "HEAD");
        let wanted = if reading { "pull" } else { "pull,push" };
        scope.contains(&format!("repository:{name}:{wanted}"))
    }

    fn manifest(&mut self, name: &str, reference: &Reference) -> Answer {
        let repository = self.repository(name);
        let digest = match reference {
            Reference::Digest(digest) => Some(*digest),
            Reference::Tag(tag) => repository.tags.get(tag).copied(),
        };
        let found = digest.and_then(|digest| Some((digest, repository.manifests.get(&digest)?)));
        match found {
            Some((digest, bytes)) => Answer::status(200)
                .body(media_type(bytes).name(), bytes.clone())
                .header("docker-content-digest", &digest.to_string()),
            None => Answer::error(404, "MANIFEST_UNKNOWN", "manifest unknown"),
        }
    }

    fn put_manifest(&mut self, name: &str, reference: &Reference, bytes: &[u8]) -> Answer {
        let manifest = Manifest::parse(bytes.into(), None).unwrap();
        if let Some(missing) = self.missing(name, &manifest) {
            return self.violation(format!(
                "{missing} must be there before {reference:?} of {name}"
            ));
        }
        let has_referrers = self.has_referrers;
        let repository = self.repository(name);
        let digest = manifest.digest();
        repository.manifests.insert(digest, bytes.into());
        if let Reference::Tag(tag) = reference {
            repository.tags.insert(tag.clone(), digest);
        }
        let answer = Answer::status(201).header("docker-content-digest", &digest.to_string());
        match manifest.subject() {
            Some(subject) if has_referrers => answer.header("oci-subject", &subject.to_string()),
            _ => answer,
        }
    }

    fn missing(&mut self, name: &str, manifest: &Manifest) -> Option<Digest> {
        let repository = self.repository(name);
        match manifest.references() {
            References::Image { blobs } => blobs
                .iter()
                .map(|blob| blob.digest)
                .find(|digest| !repository.blobs.contains_key(digest)),
            References::Index { manifests } => manifests
                .iter()
                .map(|child| child.digest)
                .find(|digest| !repository.manifests.contains_key(digest)),
        }
    }

    fn blob(&mut self, name: &str, digest: Digest, range: Option<&str>) -> Answer {
        self.ranges.extend(range.map(Into::into));
        let range = range.filter(|_| !self.always_whole);
        let Some(bytes) = self.repository(name).blobs.get(&digest) else {
            return Answer::error(404, "BLOB_UNKNOWN", "blob unknown");
        };
        let media_type = "application/octet-stream";
        let Some(range) = range else {
            return Answer::status(200).body(media_type, bytes.clone());
        };
        let start = range
            .strip_prefix("bytes=")
            .and_then(|range| range.strip_suffix('-'));
        match start.and_then(|start| bytes.get(start.parse().ok()?..)) {
            Some(rest) => Answer::status(206).body(media_type, rest),
            None => {
                let rule = format!("no range {range:?} of a blob with {} bytes", bytes.len());
                self.violation(rule)
            }
        }
    }

    fn begin_upload(&mut self, name: &str, request: &Request) -> Answer {
        if let (true, Some(digest), Some(from)) = (
            self.mounts,
            request.parameter("mount"),
            request.parameter("from"),
        ) {
            let digest: Digest = digest.parse().unwrap();
            if let Some(bytes) = self.repository(from).blobs.get(&digest).cloned() {
                self.repository(name).blobs.insert(digest, bytes);
                return Answer::status(201);
            }
        }
        self.uploads += 1;
        let location = format!("/v2/{name}/blobs/uploads/{}", self.uploads);
        Answer::status(202).header("location", &location)
    }

    fn referrers(&mut self, name: &str, subject: Digest, request: &Request) -> Answer {
        if !self.has_referrers {
            return Answer::error(404, "UNSUPPORTED", "no such endpoint");
        }
        let manifests = self.repository(name).manifests.values();
        let mut found: Vec<_> = manifests
            .filter_map(|bytes| Manifest::parse(bytes.clone(), None).ok())
            .filter(|manifest| manifest.subject() == Some(subject))
            .map(|manifest| manifest.descriptor())
            .collect();
        found.sort_by_key(|descriptor| descriptor.digest);
        let start = request.parameter("start").unwrap_or("0");
        let start: usize = start.parse().unwrap();
        let end = self
            .referrers_per_page
            .map_or(found.len(), |count| found.len().min(start + count));
        let index = json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.name(), "manifests": found[start..end] });
        let answer = Answer::status(200).body(MediaType::OciIndex.name(), index.to_string());
        if end == found.len() {
            return answer;
        }
        answer.header(
            "link",
            &format!("<{}?start={end}>; rel=\"next\"", request.path),
        )
    }
}

fn media_type(bytes: &[u8]) -> MediaType {
    Manifest::parse(bytes.into(), None).unwrap().media_type()
}

/// The repository that a request is about.
fn repository_of(request: &Request) -> &str {
    let path = request.path.trim_start_matches("/v2/");
    let ends = ["/manifests/", "/blobs/", "/referrers/"].map(|kind| path.find(kind));
    let end = ends.into_iter().flatten().min();
    &path[..end.unwrap_or(path.len())]
}
