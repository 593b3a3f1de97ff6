//! Images for tests that do not care what is in them.

use std::path::Path;

use serde_json::json;
use xtask::files::FolderLock;
use xtask::oci::{Digest, Manifest, MediaType, annotation};
use xtask::registry::{Layout, Repository as _};

use super::Sandbox;

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
        let layer = layout
            .store(
                "application/vnd.oci.image.layer.v1.tar",
                &tar_of(self.content),
            )
            .unwrap();
        let configuration = json!({
            "architecture": "amd64",
            "os": "linux",
            "config": {},
            "rootfs": { "type": "layers", "diff_ids": [layer.digest] },
        });
        let configuration = serde_json::to_vec(&configuration).unwrap();
        let configuration = layout
            .store("application/vnd.oci.image.config.v1+json", &configuration)
            .unwrap();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": self.media_type.name(),
            "config": configuration,
            "layers": [layer],
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

impl Sandbox {
    /// Leaves `image` where `build` leaves the image of `service`.
    pub(crate) fn has_built(&self, service: &str, image: Image<'_>) -> Digest {
        let layout = layout(&self.path(&format!("target/images/{service}")));
        let lock: FolderLock = layout.own().unwrap();
        let manifest = image.write(&layout);
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
