//! What `docker save` writes: an old format with a folder per layer, and since
//! Docker 25 an OCI layout. Both have a `manifest.json` that names the parts.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde::Deserialize;

use super::part;
use crate::image::layer::{self, Layer};

/// How many symbolic links lead to a layer at most; the old format has one.
const MAX_LINKS: u32 = 4;

/// An archive and where its entries are.
pub(super) struct Archive {
    path: PathBuf,
    entries: HashMap<PathBuf, Entry>,
}

enum Entry {
    File {
        offset: u64,
        size: u64,
    },
    /// The old format links to a layer that it has already.
    Link(PathBuf),
}

/// One image of `manifest.json`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Image {
    pub(super) config: String,
    pub(super) layers: Vec<String>,
}

impl Archive {
    pub(super) fn open(path: &Path) -> Result<Self> {
        let mut archive = tar::Archive::new(File::open(path)?);
        let mut entries = HashMap::new();
        for entry in archive.entries_with_seek()? {
            let entry = entry?;
            let name = entry.path()?.into_owned();
            if let Some(target) = entry.link_name()? {
                let folder = name.parent().unwrap_or(Path::new("")).to_owned();
                entries.insert(name, Entry::Link(resolve(&folder, &target)));
            } else {
                let (offset, size) = (entry.raw_file_position(), entry.size());
                entries.insert(name, Entry::File { offset, size });
            }
        }
        Ok(Self {
            path: path.to_owned(),
            entries,
        })
    }

    /// The archive's one image.
    pub(super) fn image(&self) -> Result<Image> {
        let images: Vec<Image> = serde_json::from_slice(&self.read("manifest.json")?)
            .context("reading manifest.json")?;
        match <[Image; 1]>::try_from(images) {
            Ok([image]) => Ok(image),
            Err(images) => bail!("manifest.json names {} images, not one", images.len()),
        }
    }

    /// The bytes of an entry.
    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>> {
        let (offset, size) = self.find(Path::new(name))?;
        let mut bytes = Vec::new();
        part(&self.path, offset, size)?.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// A layer, compressed where it is not so yet.
    pub(super) fn layer(&self, name: &str) -> Result<Layer> {
        let bytes = self.read(name)?;
        match layer::compressed_media_type(&bytes) {
            Some(media_type) => Ok(Layer { bytes, media_type }),
            None => Ok(layer::compress(&*bytes)?.0),
        }
    }

    fn find(&self, name: &Path) -> Result<(u64, u64)> {
        let mut name = name;
        for _ in 0..MAX_LINKS {
            match self.entries.get(name) {
                Some(Entry::File { offset, size }) => return Ok((*offset, *size)),
                Some(Entry::Link(target)) => name = target,
                None => bail!("there is no entry {}", name.display()),
            }
        }
        bail!("the links of {} lead nowhere", name.display())
    }
}

/// The path that a link in `folder` names.
fn resolve(folder: &Path, target: &Path) -> PathBuf {
    let mut path = folder.to_owned();
    for part in target.components() {
        match part {
            std::path::Component::ParentDir => drop(path.pop()),
            std::path::Component::Normal(part) => path.push(part),
            _ => {}
        }
    }
    path
}
