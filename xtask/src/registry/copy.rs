//! An image from one repository into another, with everything that belongs to it.

use std::collections::HashSet;
use std::io::Read;
use std::sync::LazyLock;
use std::thread::{self, Scope};

use anyhow::{Context as _, Result};

use super::read_ahead::read_ahead;
use super::walk::walk;
use super::{Content, Repository, Verified};
use crate::error::Kind;
use crate::oci::{Descriptor, Digest, Manifest, References, Target};
use crate::parallel::{self, Gate};

/// How many blobs move at once, over all services. Each takes up to two of the
/// requests that one host is sent at once, for reading and for writing: with
/// more of them readers could take all places and wait for their writers.
const BLOBS_AT_ONCE: usize = 4;

static MOVING: LazyLock<Gate> = LazyLock::new(|| Gate::new(BLOBS_AT_ONCE));

/// Makes everything that `manifest` refers to present in `target`: blobs first,
/// an index's manifests next, whose digests are returned. `manifest` itself is the
/// caller's to put, last.
pub fn copy_image(
    source: &dyn Repository,
    target: &dyn Repository,
    manifest: &Manifest,
) -> Result<Vec<Digest>> {
    let mut listed = Vec::new();
    walk(
        manifest,
        |child| require_manifest(source, &child.digest),
        |part| {
            copy_blobs(source, target, part)?;
            if part.digest() != manifest.digest() {
                target.put_manifest(&Target::Digest(part.digest()), part)?;
                listed.push(part.digest());
            }
            Ok(())
        },
    )?;
    Ok(listed)
}

fn copy_blobs(source: &dyn Repository, target: &dyn Repository, manifest: &Manifest) -> Result<()> {
    let References::Image { blobs } = manifest.references() else {
        return Ok(());
    };
    // An image may have the same layer several times.
    let mut listed = HashSet::new();
    let blobs = blobs.iter().filter(|blob| !blob.is_foreign());
    let blobs: Vec<_> = blobs.filter(|blob| listed.insert(blob.digest)).collect();
    let results = parallel::map(&blobs, BLOBS_AT_ONCE, |blob| {
        copy_blob(source, target, blob)
    });
    results.into_iter().collect()
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
        Kind::NotFound
            .because(format!(
                "{} is missing, although the image refers to it",
                source.name().at(digest)
            ))
            .hint("push the image again, with all its platforms: `cargo xtask staging-tag`")
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
