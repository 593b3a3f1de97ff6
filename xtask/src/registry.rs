//! Repositories: what a promotion reads from and writes to.
//!
//! One trait, two implementations: an OCI layout on disk and a registry over
//! HTTP. Moving a tag belongs to the trait, because reading and writing apart
//! could not lock.

mod copy;
mod http;
mod layout;
mod read_ahead;
mod referrers;
mod verified;
mod walk;

use std::fmt;
use std::io::{self, Read};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Result;

use crate::oci::{Descriptor, Digest, Location, Manifest, RepositoryName, Tag, Target};
use crate::parameters::Parameters;
pub use copy::copy_image;
pub use http::{Challenge, next_link, retry_after};
pub use layout::Layout;
pub use referrers::copy_referrers;
pub use verified::Verified;

/// A blob's content, which can be read from its beginning as often as it takes.
pub trait Content: Sync {
    /// A reader at the content's beginning.
    fn open(&self) -> Result<Box<dyn Read + Send + '_>>;
}

impl Content for &[u8] {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        Ok(Box::new(*self))
    }
}

/// What went wrong with a blob's content, on its way through [`Read`].
#[derive(Debug)]
struct BrokenContent(anyhow::Error);

impl fmt::Display for BrokenContent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

impl std::error::Error for BrokenContent {}

/// `error` as a reader may give it.
fn broken_content(error: anyhow::Error) -> io::Error {
    io::Error::other(BrokenContent(error))
}

/// The error of a reader. One that [`broken_content`] made keeps its kind.
fn content_error(error: io::Error) -> anyhow::Error {
    match error.downcast() {
        Ok(BrokenContent(error)) => error,
        Err(error) => error.into(),
    }
}

/// What became of a tag that was to be moved.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moved {
    /// It points at the wanted digest.
    Done,
    /// Somebody else was there: it points at this.
    Raced(Option<Digest>),
}

/// A tag's way from one manifest to another.
#[derive(Debug, Clone, Copy)]
pub struct Move<'a> {
    /// The tag.
    pub tag: &'a Tag,
    /// What it is to point at.
    pub to: &'a Manifest,
    /// What it points at now; `None` where it does not exist.
    pub from: Option<Digest>,
    /// What is to be kept of that; `None` where nothing can be.
    pub displaced: Option<Displaced<'a>>,
}

/// What a tag is moved away from, and the tag that keeps it: without one a
/// registry may clean an image up while it still runs.
#[derive(Debug, Clone, Copy)]
pub struct Displaced<'a> {
    /// The manifest.
    pub manifest: &'a Manifest,
    /// The tag that is to keep it.
    pub kept: &'a Tag,
    /// Which of the two tags is moved first where they cannot be moved together.
    pub first: First,
}

/// Which tag is moved first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum First {
    /// The one that keeps: nothing is ever without a tag.
    Kept,
    /// The one that moves: it goes where the other one points, and that must not
    /// be without a tag.
    Moved,
}

/// What was asked of a registry. All zero for a layout.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Traffic {
    /// Requests for manifests, blobs and referrers, retries included.
    pub requests: u32,
    /// Requests that only served authentication.
    pub auth_requests: u32,
    /// Bytes of the bodies that were sent and received.
    pub bytes: u64,
}

impl std::ops::Add for Traffic {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self {
            requests: self.requests + other.requests,
            auth_requests: self.auth_requests + other.auth_requests,
            bytes: self.bytes + other.bytes,
        }
    }
}

/// What a caller is going to do with a repository; decides what a token is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Read only.
    Pull,
    /// Read and write.
    Push,
}

/// Where images live.
pub trait Repository: Send + Sync {
    /// The repository's name, as its parameter writes it.
    fn name(&self) -> &RepositoryName;

    /// What `tag` points at; `None` where there is no such tag.
    fn resolve(&self, tag: &Tag) -> Result<Option<Digest>>;

    /// The manifest with this digest, verified; `None` where there is none.
    fn manifest(&self, digest: &Digest) -> Result<Option<Manifest>>;

    /// The manifest under `tag`; `None` where there is no such tag.
    fn tagged(&self, tag: &Tag) -> Result<Option<Manifest>> {
        let digest = self.resolve(tag)?;
        Ok(digest
            .map(|digest| self.manifest(&digest))
            .transpose()?
            .flatten())
    }

    /// Checks that everything that `manifest` refers to is there, and is what it was.
    /// A registry sees to that by itself when the manifest is put.
    ///
    /// # Errors
    /// Where a part is missing or broken; the error names it.
    fn check_whole(&self, _manifest: &Manifest) -> Result<()> {
        Ok(())
    }

    /// Stores `manifest` under `target`, whatever was there before.
    fn put_manifest(&self, target: &Target, manifest: &Manifest) -> Result<()>;

    /// Points a tag at another manifest and keeps the displaced one, provided that
    /// the tag points where the caller believes. A layout does both at once, under
    /// its lock. A registry has no conditional PUT: it is looked at before and
    /// afterwards, and between the last look and the PUT a move by somebody else
    /// stays unseen.
    fn move_tag(&self, wanted: Move<'_>) -> Result<Moved>;

    /// Whether the blob is there.
    fn has_blob(&self, blob: &Descriptor) -> Result<bool>;

    /// The blob's content from `offset` on.
    fn open_blob(&self, blob: &Descriptor, offset: u64) -> Result<Box<dyn Read + Send + '_>>;

    /// Stores a blob. Content that does not give its digest is refused.
    fn write_blob(&self, blob: &Descriptor, content: &dyn Content) -> Result<()>;

    /// Takes the blob over from `source` without moving its bytes; `false` where
    /// that is not possible.
    fn mount_blob(&self, _blob: &Descriptor, _source: &RepositoryName) -> Result<bool> {
        Ok(false)
    }

    /// The manifests whose subject is `subject` (signatures, SBOMs, attestations).
    fn referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>>;

    /// What was asked so far.
    fn traffic(&self) -> Traffic {
        Traffic::default()
    }
}

/// Opens the repositories of one command. They share its time limit, its
/// connections and its tokens.
pub struct Registries {
    client: Arc<http::Client>,
}

impl Registries {
    /// Repositories whose requests end within `limit` together, with the
    /// credentials that `parameters` and Docker's configuration give.
    pub fn new(parameters: Arc<Parameters>, limit: Duration) -> Self {
        Self {
            client: Arc::new(http::Client::new(parameters, limit)),
        }
    }

    /// Opens `name`. Nothing is asked of it yet.
    pub fn open(&self, name: &RepositoryName, access: Access) -> Box<dyn Repository> {
        match name.location() {
            Location::Layout(folder) => Box::new(Layout::new(name.clone(), folder.clone())),
            Location::Registry { host, path } => Box::new(http::HttpRepository::new(
                Arc::clone(&self.client),
                name.clone(),
                host.clone(),
                path.clone(),
                access,
            )),
        }
    }
}
