//! Images for tests that do not care what is in them.

use std::path::Path;

use serde_json::json;
use xtask::files::FolderLock;
use xtask::oci::{Digest, Manifest, MediaType, annotation};
use xtask::registry::{Layout, Repository as _};

use super::Sandbox;

/// What gzip writes first (RFC 1952).
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

const REVISION: &str = "0123456789abcdef0123456789abcdef01234567";

/// An image's properties that tests vary.
#[derive(Clone, Copy)]
pub(crate) struct Image<'a> {
    /// What makes it differ from others.
    pub(crate) content: &'a str,
    pub(crate) revision: &'a str,
    pub(crate) media_type: MediaType,
}

impl<'a> Image<'a> {
    pub(crate) fn new(content: &'a str) -> Self {
        Self {
            content,
            revision: REVISION,
            media_type: MediaType::OciManifest,
        }
    }

    /// Writes the image into a layout and gives its manifest.
    pub(crate) fn write(&self, layout: &Layout) -> Manifest {
        self.write_with(layout, &[&tar_of(self.content)])
    }

    /// The same of these layers: tars, or what gzip makes of them.
    pub(crate) fn write_with(&self, layout: &Layout, layers: &[&[u8]]) -> Manifest {
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| {
                let compression = match layer.starts_with(&GZIP_MAGIC) {
                    true => "+gzip",
                    false => "",
                };
                let media_type = format!("application/vnd.oci.image.layer.v1.tar{compression}");
                layout.store(&media_type, layer).unwrap()
            })
            .collect();
        let digests: Vec<_> = layers.iter().map(|layer| layer.digest).collect();
        let configuration = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": digests },
        });
        let configuration = serde_json::to_vec(&configuration).unwrap();
        let configuration = layout
            .store("application/vnd.oci.image.config.v1+json", &configuration)
            .unwrap();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.media_type.name(),
            "config": configuration,
            "layers": layers,
            "annotations": { annotation::REVISION: self.revision },
        });
        Manifest::parse(serde_json::to_vec(&manifest).unwrap(), None).unwrap()
    }
}

/// A tar with one file.
pub(crate) fn tar_of(content: &str) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_ustar();
    header.set_size(content.len() as u64);
    header.set_mode(0o644);
    tar.append_data(&mut header, "content", content.as_bytes())
        .unwrap();
    tar.into_inner().unwrap()
}

/// A tar with these paths: folders where they end with a slash, links where they say
/// `name -> target`, else files with their own path in them.
pub(crate) fn tar_of_paths(paths: &[&str]) -> Vec<u8> {
    let mut tar = tar::Builder::new(Vec::new());
    for path in paths {
        let mut header = tar::Header::new_ustar();
        header.set_mode(if path.ends_with('/') { 0o755 } else { 0o644 });
        header.set_size(0);
        if let Some((name, target)) = path.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            tar.append_link(&mut header, name, target).unwrap();
        } else if path.ends_with('/') {
            header.set_entry_type(tar::EntryType::Directory);
            tar.append_data(&mut header, path, &[][..]).unwrap();
        } else {
            header.set_size(path.len() as u64);
            tar.append_data(&mut header, path, path.as_bytes()).unwrap();
        }
    }
    tar.into_inner().unwrap()
}

impl Sandbox {
    /// Leaves `image` where `build` leaves the image of `service`.
    pub(crate) fn has_built(&self, service: &str, image: Image<'_>) -> Digest {
        self.has_built_of(service, image, &[&tar_of(image.content)])
    }

    /// The same of these layers.
    pub(crate) fn has_built_of(&self, service: &str, image: Image<'_>, layers: &[&[u8]]) -> Digest {
        let layout = layout(&self.path(&format!("target/images/{service}")));
        let lock: FolderLock = layout.own().unwrap();
        let manifest = image.write_with(&layout, layers);
        layout
            .replace_all(&lock, &"built".parse().unwrap(), &manifest)
            .unwrap();
        manifest.digest()
    }

    /// Builds and tags images of that content for both services.
    pub(crate) fn has_staged(&self, content: &str) -> Digest {
        let digest = self.has_built("backend", Image::new(content));
        self.has_built("backend-for-frontend", Image::new(content));
        self.ok(["staging-tag"]);
        digest
    }
}

impl Sandbox {
    /// Gives production of backend a repository of its own.
    pub(crate) fn has_own_production(&mut self, repository: String) {
        self.edit(
            "backend/Cargo.toml",
            "port = 8080",
            "port = 8080\nproduction-repository = true",
        );
        self.set("BACKEND_IMAGE_REPO_NAME_PRODUCTION", repository);
    }
}

/// A two-platform index of two images, and everything in it.
pub(crate) fn write_index(layout: &Layout) -> Manifest {
    let images = ["amd64", "arm64"].map(|architecture| {
        let manifest = Image::new(architecture).write(layout);
        layout
            .put_manifest(&manifest.digest().into(), &manifest)
            .unwrap();
        let mut descriptor = serde_json::to_value(manifest.descriptor()).unwrap();
        descriptor["platform"] = json!({ "os": "linux", "architecture": architecture });
        descriptor
    });
    // The white space must survive: bytes are never encoded again.
    let index =
        json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.name(), "manifests": images });
    Manifest::parse(serde_json::to_vec_pretty(&index).unwrap(), None).unwrap()
}

/// The layout in `folder`.
pub(crate) fn layout(folder: &Path) -> Layout {
    Layout::in_folder(folder)
}
