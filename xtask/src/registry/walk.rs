//! The manifests that an image consists of.

use std::collections::HashSet;

use anyhow::Result;

use crate::error::Kind;
use crate::oci::{Content, Descriptor, Digest, Manifest};

/// How many indexes may lie in each other: an index of indexes is all that anybody has.
const MAX_DEPTH: usize = 8;

/// Visits every manifest that `manifest` lists, directly or not, and then `manifest`:
/// each once, and whatever an index lists before the index. `get` gives a manifest
/// that is listed.
///
/// # Errors
/// Those of `get` and `visit`, and more than [`MAX_DEPTH`] indexes in each other.
pub(super) fn walk(
    manifest: &Manifest,
    get: impl Fn(&Descriptor) -> Result<Manifest>,
    visit: impl FnMut(&Manifest) -> Result<()>,
) -> Result<()> {
    let mut walk = Walk {
        get,
        visit,
        known: HashSet::new(),
    };
    walk.step(manifest, 0)
}

struct Walk<G, V> {
    get: G,
    visit: V,
    /// Several indexes may list the same manifest.
    known: HashSet<Digest>,
}

impl<G, V> Walk<G, V>
where
    G: Fn(&Descriptor) -> Result<Manifest>,
    V: FnMut(&Manifest) -> Result<()>,
{
    fn step(&mut self, manifest: &Manifest, depth: usize) -> Result<()> {
        if depth > MAX_DEPTH {
            let fault = format!(
                "{} lies in more than {MAX_DEPTH} indexes",
                manifest.digest()
            );
            return Err(Kind::Failed.because(fault).into());
        }
        if let Content::Index { manifests } = manifest.content() {
            for child in manifests {
                if self.known.insert(child.digest) {
                    let child = (self.get)(child)?;
                    self.step(&child, depth + 1)?;
                }
            }
        }
        (self.visit)(manifest)
    }
}
