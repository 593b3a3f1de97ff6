//! Unpacking an image, so that its service can run as a process.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::read::GzDecoder;
use serde::Deserialize;

use super::layer;
use crate::error::Kind;
use crate::files;
use crate::oci::{Content, Descriptor, Manifest};
use crate::registry::Repository;

/// What an image says of how its service is started.
#[derive(Debug, Deserialize)]
struct Configuration {
    config: Runtime,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime {
    #[serde(default)]
    env: Vec<String>,
    #[serde(default)]
    entrypoint: Vec<String>,
    #[serde(default)]
    cmd: Vec<String>,
}

/// An image on disk.
#[derive(Debug)]
pub struct Unpacked {
    /// The folder with the image's files.
    pub root: PathBuf,
    /// The program to start and its arguments.
    pub command: Vec<String>,
    /// The variables that the image sets.
    pub environment: Vec<(String, String)>,
}

/// Unpacks an image of `repository` into `folder`, which holds nothing else afterwards.
pub fn unpack(repository: &dyn Repository, manifest: &Manifest, folder: &Path) -> Result<Unpacked> {
    let Content::Image { blobs } = manifest.content() else {
        let fault = format!(
            "{} is an index of several platforms",
            repository.name().at(&manifest.digest())
        );
        return Err(Kind::Failed
            .because(fault)
            .hint("build the image here: `cargo xtask build`")
            .into());
    };
    files::remove_folder(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    let (configuration, layers) = blobs
        .split_first()
        .context("the manifest has no configuration")?;
    let configuration: Configuration =
        serde_json::from_reader(repository.open_blob(configuration, 0)?)
            .context("reading the image's configuration")?;
    for layer in layers {
        unpack_layer(repository, layer, folder)
            .with_context(|| format!("unpacking the layer {}", layer.digest))?;
    }
    let runtime = configuration.config;
    let variables = runtime.env.iter().filter_map(|pair| pair.split_once('='));
    Ok(Unpacked {
        root: folder.to_owned(),
        command: runtime.entrypoint.into_iter().chain(runtime.cmd).collect(),
        environment: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    })
}

fn unpack_layer(repository: &dyn Repository, blob: &Descriptor, folder: &Path) -> Result<()> {
    let reader = repository.open_blob(blob, 0)?;
    if blob.media_type.ends_with("+zstd") {
        return Err(Kind::Failed
            .because("it is compressed with zstd")
            .hint("run the image with `docker run`")
            .into());
    }
    let mut archive: tar::Archive<Box<dyn std::io::Read>> =
        if blob.media_type.contains(layer::GZIP_SUFFIX) {
            tar::Archive::new(Box::new(GzDecoder::new(reader)))
        } else {
            tar::Archive::new(Box::new(reader))
        };
    // Whoever starts the service owns its files: only root could give them away.
    archive.set_preserve_ownerships(false);
    Ok(archive.unpack(folder)?)
}
