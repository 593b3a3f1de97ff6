//! The files in which `docker-registry` keeps what it has.

use std::fs;
use std::path::{Path, PathBuf};

use xtask::oci::Digest;

use crate::support::scripted::Shelf;

/// Where they are in a registry's folder.
pub(super) const STORAGE: &str = "data";

/// The files of one registry.
pub(super) struct Files(PathBuf);

impl Files {
    pub(super) fn in_folder(folder: &Path) -> Self {
        Self(folder.join(STORAGE).join("docker/registry/v2"))
    }

    /// What a tag points at.
    pub(super) fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        let path = self.link(repository, &format!("_manifests/tags/{tag}/current"));
        // The registry empties the file before it writes it.
        let mut reads = std::iter::repeat_with(|| fs::read_to_string(&path).ok());
        reads.find(|text| text.as_deref() != Some("")).flatten()
    }

    /// Lets a tag point at a manifest.
    pub(super) fn point(&self, repository: &str, tag: &str, digest: Digest) {
        let place = format!("_manifests/tags/{tag}/current");
        write(
            &self.link(repository, &place),
            digest.to_string().as_bytes(),
        );
    }

    /// Fills a repository.
    pub(super) fn fill(&self, repository: &str, shelf: &Shelf) {
        let has = |kind: &str, digest: &Digest, bytes: &[u8]| {
            let hex = digest.hex();
            let data = format!("blobs/sha256/{}/{hex}/data", &hex[..2]);
            write(&self.0.join(data), bytes);
            let link = self.link(repository, &format!("{kind}/sha256/{hex}"));
            write(&link, digest.to_string().as_bytes());
        };
        for (digest, bytes) in &shelf.blobs {
            has("_layers", digest, bytes);
        }
        for (digest, bytes) in &shelf.manifests {
            has("_manifests/revisions", digest, bytes);
        }
        for (tag, digest) in &shelf.tags {
            self.point(repository, tag, *digest);
        }
    }

    fn link(&self, repository: &str, place: &str) -> PathBuf {
        self.0
            .join(format!("repositories/{repository}/{place}/link"))
    }
}

fn write(path: &Path, bytes: &[u8]) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, bytes).unwrap();
}
