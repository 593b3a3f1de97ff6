//! An image from one repository into another, with everything that belongs to it.

use std::collections::HashSet;
use std::io::Read;
use std::sync::LazyLock;
use std::thread::{self, Scope};

use anyhow::{Context as _, Result};

use super::read_ahead::read_ahead;
use super::{Content, Repository, Verified};
use crate::error::Kind;
use crate::oci::{Content as Refers, Descriptor, Digest, Manifest, Target};
use crate::parallel::{self, Gate};

/// How many blobs move at once, over all services. Each takes up to two of the
/// requests that one host is sent at once, for reading and for writing: with
/// more of them readers could take all places and wait for their writers.
const BLOBS_AT_ONCE: usize = 4;

/// How many indexes may lie in each other: an index of indexes is all that anybody has.
const MAX_DEPTH: usize = 8;

static MOVING: LazyLock<Gate> = LazyLock::new(|| Gate::new(BLOBS_AT_ONCE));

/// Makes everything that `manifest` refers to present in `target`: blobs first,
/// an index's manifests next, whose digests are returned. `manifest` itself is the
/// caller's to put, last.
pub fn copy_image(
    source: &dyn Repository,
    target: &dyn Repository,
    manifest: &Manifest,
) -> Result<Vec<Digest>> {
    let mut copying = Copying {
        source,
        target,
        done: Vec::new(),
        known: HashSet::new(),
    };
    copying.content(manifest, 0)?;
    Ok(copying.done)
}

/// A copy on its way.
struct Copying<'a> {
    source: &'a dyn Repository,
    target: &'a dyn Repository,
    /// The manifests that are there, in the order in which they were put.
    done: Vec<Digest>,
    /// The same: several indexes may list one.
    known: HashSet<Digest>,
}

impl Copying<'_> {
    fn content(&mut self, manifest: &Manifest, depth: usize) -> Result<()> {
        match manifest.content() {
            Refers::Image { blobs } => {
                // An image may have the same layer several times.
                let mut listed = HashSet::new();
                let blobs = blobs.iter().filter(|blob| !blob.is_foreign());
                let blobs: Vec<_> = blobs.filter(|blob| listed.insert(blob.digest)).collect();
                let results = parallel::map(&blobs, BLOBS_AT_ONCE, |blob| {
                    copy_blob(self.source, self.target, blob)
                });
                results.into_iter().collect()
            }
            Refers::Index { manifests } => manifests
                .iter()
                .try_for_each(|child| self.child(&child.digest, depth + 1)),
        }
    }

    fn child(&mut self, digest: &Digest, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            let what = self.source.name().at(digest);
            let fault = format!("{what} lies in more than {MAX_DEPTH} indexes");
            return Err(Kind::Failed.because(fault).into());
        }
        if self.known.contains(digest) {
            return Ok(());
        }
        let child = require_manifest(self.source, digest)?;
        self.content(&child, depth)?;
        self.target
            .put_manifest(&Target::Digest(child.digest()), &child)?;
        self.known.insert(*digest);
        self.done.push(*digest);
        Ok(())
    }
}

fn copy_blob(source: &dyn Repository, target: &dyn Repository, blob: &Descriptor) -> Result<()> {
    let _moving = MOVING.enter();
    if target.has_blob(blob)? || target.mount_blob(blob, source.name())? {
        return Ok(());
    }
    let written = thread::scope(|scope| {
        let content = Source {
            repository: source,
            blob,
            scope,
        };
        target.write_blob(blob, &content)
    });
    written.with_context(|| format!("copying the blob {} from {}", blob.digest, source.name()))
}

/// The manifest, which must be there: something refers to it.
pub(super) fn require_manifest(source: &dyn Repository, digest: &Digest) -> Result<Manifest> {
    source.manifest(digest)?.with_context(|| {
        Kind::NotFound.because(format!(
            "{} is missing, although the image refers to it",
            source.name().at(digest)
        ))
    })
}

/// A blob in the repository that it is copied from.
struct Source<'scope, 'env> {
    repository: &'scope dyn Repository,
    blob: &'scope Descriptor,
    /// The threads that read it while it is written.
    scope: &'scope Scope<'scope, 'env>,
}

impl Content for Source<'_, '_> {
    fn open(&self) -> Result<Box<dyn Read + Send + '_>> {
        let reader = self.repository.open_blob(self.blob, 0)?;
        let verified = Verified::new(reader, self.blob.clone());
        Ok(read_ahead(self.scope, verified))
    }
}
