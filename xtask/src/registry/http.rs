//! A repository in a registry, over the OCI distribution API 1.1.

mod agent;
mod blob;
mod challenge;
mod client;
mod clock;
mod credentials;
mod failure;
mod link;
mod location;
mod proxy;
mod realm;
mod referrers;
mod refusal;
mod session;
mod token;

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Result;
use ureq::http::{Method, StatusCode};

use self::client::{Answer, HostState, Payload, Request};
use self::failure::Failure;
use self::refusal::Refusal;
use self::session::Session;
use super::{Access, Content, Displaced, First, Move, Moved, Repository, Traffic};
use crate::error::Kind;
use crate::oci::{
    Descriptor, Digest, Host, Location, MAX_MANIFEST_BYTES, Manifest, MediaType,
    ParseManifestError, RepositoryName, Tag, Target,
};

pub use self::challenge::Challenge;
pub(super) use self::client::Client;
pub use self::failure::retry_after;
pub use self::link::next_link;

/// The header with a manifest's digest.
const CONTENT_DIGEST: &str = "docker-content-digest";

/// How long a registry may show what was there before a PUT: what is read may come
/// from a cache or a replica.
const LATE: Duration = Duration::from_secs(5);

/// A repository that is reached over HTTP.
pub(super) struct HttpRepository {
    name: RepositoryName,
    host: Host,
    path: String,
    client: Arc<Client>,
    state: Arc<HostState>,
    session: Session,
}

impl HttpRepository {
    pub(super) fn new(
        client: Arc<Client>,
        name: RepositoryName,
        host: Host,
        path: String,
        access: Access,
    ) -> Self {
        let actions = match access {
            Access::Pull => "pull",
            Access::Push => "pull,push",
        };
        let state = client.host(&host);
        let scope = format!("repository:{path}:{actions}");
        Self {
            session: Session::new(Arc::clone(&client), Arc::clone(&state), scope),
            name,
            host,
            path,
            client,
            state,
        }
    }

    fn url(&self, kind: &str, what: impl std::fmt::Display) -> String {
        format!("{}/v2/{}/{kind}/{what}", self.session.base_url(), self.path)
    }

    /// The manifest, as messages name it.
    fn named(&self, target: &Target) -> String {
        match target {
            Target::Tag(tag) => self.name.tagged(tag),
            Target::Digest(digest) => self.name.at(digest),
        }
    }

    /// One try of `HEAD`: the digest under `tag`.
    fn head(&self, target: &Target) -> Result<Option<Digest>, Failure> {
        let mut request = Request::new(Method::HEAD, self.url("manifests", target));
        request.headers.push(accept());
        let answer = self.session.exchange(&request)?;
        match answer.status.as_u16() {
            200 => {
                self.state.has_head.store(true, Ordering::Relaxed);
                let digest = answer.header(CONTENT_DIGEST);
                match digest.and_then(|digest| digest.parse().ok()) {
                    Some(digest) => Ok(Some(digest)),
                    None => self.digest_by_get(target, answer),
                }
            }
            404 if self.has_head(&answer) => Ok(None),
            // Not every registry has HEAD.
            400 | 404 | 405 | 406 | 501 => self.digest_by_get(target, answer),
            _ => Err(self.session.unexpected(&answer.into_refusal())),
        }
    }

    /// Whether `HEAD` reaches the registry: it marked the answer, or found something before.
    /// What stands in front of it may know `GET` alone, and a tag that seems to be absent
    /// would be overwritten without being kept.
    fn has_head(&self, answer: &Answer) -> bool {
        answer.is_marked() || self.state.has_head.load(Ordering::Relaxed)
    }

    fn digest_by_get(&self, target: &Target, unusable: Answer) -> Result<Option<Digest>, Failure> {
        drop(unusable);
        Ok(self.get(target)?.map(|manifest| manifest.digest()))
    }

    /// One try of `GET`: the manifest, verified where `target` is a digest.
    fn get(&self, target: &Target) -> Result<Option<Manifest>, Failure> {
        Ok(self.get_or_refusal(target)?.ok())
    }

    /// The same, with the answer where there is none.
    fn get_or_refusal(&self, target: &Target) -> Result<Result<Manifest, Refusal>, Failure> {
        let mut request = Request::new(Method::GET, self.url("manifests", target));
        request.headers.push(accept());
        let mut answer = self.session.exchange(&request)?;
        match answer.status {
            StatusCode::OK => {}
            StatusCode::NOT_FOUND => return Ok(Err(answer.into_refusal())),
            _ => return Err(self.session.unexpected(&answer.into_refusal())),
        }
        let media_type = answer.header("content-type").map(str::to_owned);
        let bytes = answer.read(MAX_MANIFEST_BYTES)?;
        self.session.count_bytes(bytes.len());
        let manifest = self.parse_manifest(bytes, media_type.as_deref());
        let manifest = manifest.map_err(|failure| answer.blame_encoding(failure))?;
        match target {
            Target::Digest(wanted) if *wanted != manifest.digest() => {
                let fault = format!(
                    "asked for {wanted}, the registry gave bytes with the digest {}",
                    manifest.digest()
                );
                Err(Kind::Failed.because(fault).into())
            }
            _ => Ok(Ok(manifest)),
        }
    }

    /// Reads a manifest from an answer. JSON that ends too early was cut off on its
    /// way; anything else that is no manifest will be none the next time either.
    fn parse_manifest(
        &self,
        bytes: Vec<u8>,
        media_type: Option<&str>,
    ) -> Result<Manifest, Failure> {
        let excerpt = failure::excerpt(&bytes);
        Manifest::parse(bytes, media_type).map_err(|error| match error {
            ParseManifestError::Json(error) if error.is_eof() => {
                Failure::again(format_args!("the manifest is cut off: {excerpt:?}"))
            }
            error => Kind::Unavailable
                .because(format!("the answer is no manifest: {error}: {excerpt}"))
                .hint(format!(
                    "what is promoted are images and indexes in the formats of OCI and Docker (schema 2); {}",
                    location::hint(&self.host)
                ))
                .into(),
        })
    }

    /// One try of `PUT`.
    fn put(&self, target: &Target, manifest: &Manifest) -> Result<(), PutFailure> {
        let mut request = Request::new(Method::PUT, self.url("manifests", target));
        request
            .headers
            .push(("content-type", manifest.media_type().to_string()));
        request.body = Payload::Bytes(manifest.bytes());
        let answer = self.session.exchange(&request)?;
        if !answer.status.is_success() {
            return Err(PutFailure::Refused(answer.into_refusal()));
        }
        match answer.header(CONTENT_DIGEST) {
            Some(digest) if manifest.digest().is_denied_by(digest) => {
                let fault = format!(
                    "{} was sent, the registry says that it stored {digest:?}",
                    manifest.digest()
                );
                Err(Failure::from(Kind::Failed.because(fault)).into())
            }
            _ => Ok(()),
        }
    }

    /// Puts `manifest` under `target`. A try that failed is settled by a `HEAD`
    /// before the next one, and so is a refusal: the answer may only have got lost,
    /// and the target may have moved while this waited.
    fn put_persistently(
        &self,
        target: &Target,
        manifest: &Manifest,
        displacing: Displacing,
    ) -> Result<Moved> {
        let what = format!("putting {}", self.named(target));
        let wanted = manifest.digest();
        let mut is_first = true;
        self.session.persist(&what, || {
            if !std::mem::take(&mut is_first) {
                let found = self.head(target)?;
                if found == Some(wanted) {
                    return Ok(Moved::Done);
                }
                if !displacing.allows(found) {
                    return Ok(Moved::Raced(found));
                }
            }
            match self.put(target, manifest) {
                Ok(()) => Ok(Moved::Done),
                Err(PutFailure::Refused(refusal)) => self.settle_refusal(target, wanted, &refusal),
                Err(PutFailure::Other(failure)) => Err(failure),
            }
        })
    }

    fn settle_refusal(
        &self,
        target: &Target,
        wanted: Digest,
        refusal: &Refusal,
    ) -> Result<Moved, Failure> {
        let found = if refusal.status == StatusCode::UNAUTHORIZED {
            None
        } else {
            self.head(target)?
        };
        match found {
            Some(found) if found == wanted => Ok(Moved::Done),
            Some(found) if refusal.is_of_fixed_tag() => Err(Kind::Refused
                .because(format!(
                    "the tag is immutable and points at {found}: {}{}",
                    refusal.status,
                    refusal.said()
                ))
                .hint("raise the version in the tag's parameter, or deploy by digest")
                .hint("where tags are meant to move: the registry's rules and the account's rights must let them be overwritten")
                .into()),
            _ => Err(self.session.unexpected(refusal)),
        }
    }
}

/// What a manifest may be put in the place of.
#[derive(Clone, Copy)]
enum Displacing {
    /// Whatever is there.
    Anything,
    /// This, or nothing where it is `None`: whatever else is there, but for what is put
    /// itself, comes from somebody else.
    Only(Option<Digest>),
}

impl Displacing {
    fn allows(self, found: Option<Digest>) -> bool {
        match self {
            Self::Anything => true,
            Self::Only(expected) => found == expected,
        }
    }
}

/// Why a PUT did not succeed.
enum PutFailure {
    /// The registry does not take it.
    Refused(Refusal),
    /// Anything else.
    Other(Failure),
}

impl From<Failure> for PutFailure {
    fn from(failure: Failure) -> Self {
        Self::Other(failure)
    }
}

fn accept() -> (&'static str, String) {
    ("accept", MediaType::ALL.map(MediaType::name).join(", "))
}

impl Repository for HttpRepository {
    fn name(&self) -> &RepositoryName {
        &self.name
    }

    fn resolve(&self, tag: &Tag) -> Result<Option<Digest>> {
        let target = tag.into();
        let what = format!("looking at {}", self.name.tagged(tag));
        self.session.persist(&what, || self.head(&target))
    }

    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>> {
        let target = (*digest).into();
        let what = format!("getting {}", self.name.at(digest));
        self.session
            .persist(&what, || match self.get_or_refusal(&target)? {
                Ok(manifest) => Ok(Some(manifest)),
                Err(refusal) if refusal.is_of_registry() => Ok(None),
                Err(refusal) => Err(self.session.unexpected(&refusal)),
            })
    }

    fn put_manifest(&self, target: &Target, manifest: &Manifest) -> Result<()> {
        self.put_persistently(target, manifest, Displacing::Anything)
            .map(drop)
    }

    fn move_tag(&self, wanted: Move<'_>) -> Result<Moved> {
        let Some(displaced) = wanted.displaced else {
            return self.put_and_look(wanted);
        };
        match displaced.first {
            First::Kept => {
                self.put_manifest(&displaced.kept.into(), displaced.manifest)?;
                self.put_and_look(wanted)
            }
            First::Moved => match self.put_where_believed(wanted)? {
                Moved::Done => self.keep_afterwards(wanted, displaced),
                raced => Ok(raced),
            },
        }
    }

    fn has_blob(&self, blob: &Descriptor) -> Result<bool> {
        self.head_blob(blob)
    }

    fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(blob::Download::open(self, blob, offset)?))
    }

    fn write_blob(&self, blob: &Descriptor, content: &dyn Content) -> Result<()> {
        self.upload(blob, content)
    }

    fn mount_blob(&self, blob: &Descriptor, source: &RepositoryName) -> Result<bool> {
        match source.location() {
            Location::Registry { host, path } if *host == self.host => self.mount(blob, path),
            _ => Ok(false),
        }
    }

    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        self.list_referrers(subject)
    }

    fn traffic(&self) -> Traffic {
        self.session.traffic()
    }
}

impl HttpRepository {
    fn put_and_look(&self, wanted: Move<'_>) -> Result<Moved> {
        match self.put_where_believed(wanted)? {
            Moved::Done => self.look_after_or_be_late(wanted.tag, wanted.to.digest(), wanted.from),
            raced => Ok(raced),
        }
    }

    /// Puts the wanted manifest under its tag where that points to what the caller believes.
    fn put_where_believed(&self, wanted: Move<'_>) -> Result<Moved> {
        let only = Displacing::Only(wanted.from);
        let put = || self.put_persistently(&wanted.tag.into(), wanted.to, only);
        if wanted.from.is_none() {
            // The caller has just seen that there is no such tag.
            return put();
        }
        match self.resolve(wanted.tag)? {
            // Another promotion of the same image, or what is left of a killed one.
            Some(found) if found == wanted.to.digest() => Ok(Moved::Done),
            found if found == wanted.from => put(),
            other => Ok(Moved::Raced(other)),
        }
    }

    /// Looks at a tag that was put, until it shows something else than what was there
    /// before, or is late. Then somebody else put that back, or the registry still does
    /// not show the new one: nobody can tell.
    fn look_after(&self, tag: &Tag, to: Digest, from: Option<Digest>) -> Result<Moved> {
        let target = tag.into();
        let what = format!("looking at {}", self.name.tagged(tag));
        let since = Instant::now();
        self.session.persist(&what, || match self.head(&target)? {
            Some(found) if found == to => Ok(Moved::Done),
            found if found == from && since.elapsed() < LATE => Err(Failure::again(late(to, from))),
            found => Ok(Moved::Raced(found)),
        })
    }

    /// Where the registry is late nobody else is blamed: the tag may well have moved.
    fn look_after_or_be_late(&self, tag: &Tag, to: Digest, from: Option<Digest>) -> Result<Moved> {
        match self.look_after(tag, to, from)? {
            Moved::Raced(found) if found == from => Err(Kind::Unavailable
                .because(format!("{}: {}", self.name.tagged(tag), late(to, from)))
                .hint("type the command again in a while: where the tag has moved, nothing is left to do")
                .into()),
            moved => Ok(moved),
        }
    }

    /// Keeps the displaced manifest once the tag has moved. Whoever moved the tag
    /// on meanwhile has kept what was there, under the tag that this overwrites:
    /// it is put back.
    fn keep_afterwards(&self, wanted: Move<'_>, displaced: Displaced<'_>) -> Result<Moved> {
        let (to, from) = (wanted.to.digest(), displaced.manifest.digest());
        let shown = self.resolve(wanted.tag)?;
        if shown != Some(to) && shown != Some(from) {
            return Ok(Moved::Raced(shown));
        }
        let kept = displaced.kept.into();
        self.put_manifest(&kept, displaced.manifest)?;
        if shown == Some(from) {
            // The tag may have left the displaced manifest, which stays kept then.
            return self.look_after_or_be_late(wanted.tag, to, shown);
        }
        let moved = self.look_after(wanted.tag, to, Some(from))?;
        if moved != Moved::Done {
            self.put_manifest(&kept, wanted.to)?;
        }
        Ok(moved)
    }
}

/// What a registry shows that is late, or nobody knows.
fn late(to: Digest, from: Option<Digest>) -> String {
    let shown = from.map_or_else(|| "no such tag".to_owned(), |digest| digest.to_string());
    format!("the registry took {to} and still shows {shown}")
}
