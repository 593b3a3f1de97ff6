//! Unpacking an image, so that its service can run as a process.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use flate2::read::MultiGzDecoder;
use serde::Deserialize;

use super::{changeset, layer};
use crate::console;
use crate::error::Kind;
use crate::files::{self, FolderLock};
use crate::oci::{Descriptor, Manifest, References};
use crate::registry::{Repository, Verified};

/// What an image says of how its service is started.
#[derive(Debug, Deserialize)]
struct Configuration {
    config: Runtime,
}

/// Docker writes `null` for what is not there.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Runtime {
    env: Option<Vec<String>>,
    entrypoint: Option<Vec<String>>,
    cmd: Option<Vec<String>>,
}

/// An image on disk, which stays there as long as this is held.
#[derive(Debug)]
pub struct Unpacked {
    /// The folder with the image's files.
    pub root: PathBuf,
    /// The program to start and its arguments.
    pub command: Vec<String>,
    /// The variables that the image sets.
    pub environment: Vec<(String, String)>,
    #[expect(
        dead_code,
        reason = "holding it is what keeps the image from being removed"
    )]
    in_use: FolderLock,
}

/// The bound of a configuration, in bytes.
const CONFIGURATION_BOUND: u64 = 4 * 1024 * 1024;

/// Unpacks an image of `repository` below `folder`, where each image has a folder
/// of its own: what runs from it is not disturbed by the next one. Images there that
/// nothing runs from make room for a new one.
///
/// # Errors
/// Where a part is missing or not what its digest says, or the image is an index.
pub fn unpack(repository: &dyn Repository, manifest: &Manifest, folder: &Path) -> Result<Unpacked> {
    let References::Image { blobs } = manifest.references() else {
        let fault = format!(
            "{} is an index of several platforms",
            repository.name().at(&manifest.digest())
        );
        return Err(Kind::Failed
            .because(fault)
            .hint("build the image here: `cargo xtask build`")
            .into());
    };
    let (configuration, layers) = blobs
        .split_first()
        .context("the manifest has no configuration")?;
    let image = folder.join(manifest.digest().hex());
    let root = image.join("files");
    let _lock = FolderLock::exclusive(folder)?;
    let is_new = !root.is_dir();
    if is_new {
        let partial = folder.join(".partial");
        files::remove_folder(&partial)?;
        fs::create_dir_all(&partial).with_context(|| format!("creating {}", partial.display()))?;
        for layer in layers {
            unpack_layer(repository, layer, &partial)
                .with_context(|| format!("unpacking the layer {}", layer.digest))?;
        }
        fs::create_dir_all(&image)
            .and_then(|()| fs::rename(&partial, &root))
            .with_context(|| format!("creating {}", root.display()))?;
    }
    let in_use = FolderLock::shared(&image)?;
    if is_new && let Err(error) = remove_unused(folder) {
        // What is left over takes nothing but room.
        console::warn(format_args!("an old image stays: {error:#}"));
    }
    let runtime = read_configuration(repository, configuration)?.config;
    let arguments = [runtime.entrypoint, runtime.cmd];
    let variables = runtime.env.iter().flatten();
    let variables = variables.filter_map(|pair| pair.split_once('='));
    Ok(Unpacked {
        root,
        command: arguments.into_iter().flatten().flatten().collect(),
        environment: variables
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        in_use,
    })
}

/// Removes the images in `folder`, which is locked, that nobody uses. Each goes out of the way
/// first: one that an interrupt left half removed would be run as it is.
fn remove_unused(folder: &Path) -> Result<()> {
    let removed = folder.join(".removed");
    files::remove_folder(&removed)?;
    let reading = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let image = entry.with_context(reading)?.path();
        if image.is_dir() && FolderLock::if_free(&image)?.is_some() {
            fs::rename(&image, &removed)
                .with_context(|| format!("moving {} away", image.display()))?;
            files::remove_folder(&removed)?;
        }
    }
    Ok(())
}

fn read_configuration(repository: &dyn Repository, blob: &Descriptor) -> Result<Configuration> {
    let reader = Verified::new(repository.open_blob(blob, 0)?, blob.clone());
    serde_json::from_reader(reader.take(CONFIGURATION_BOUND))
        .context("reading the image's configuration")
}

fn unpack_layer(repository: &dyn Repository, blob: &Descriptor, folder: &Path) -> Result<()> {
    if blob.media_type.ends_with("+zstd") {
        return Err(Kind::Failed
            .because("it is compressed with zstd")
            .hint("run the image with `docker run`")
            .into());
    }
    let mut reader = Verified::new(repository.open_blob(blob, 0)?, blob.clone());
    if blob.media_type.contains(layer::GZIP_SUFFIX) {
        changeset::apply(MultiGzDecoder::new(&mut reader), folder)?;
    } else {
        changeset::apply(&mut reader, folder)?;
    }
    // What follows the archive counts for the digest as well.
    io::copy(&mut reader, &mut io::sink())?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_docker_writes_as_null_is_not_there() {
        let json = r#"{"config":{"Env":null,"Cmd":null,"Entrypoint":["/service"]}}"#;
        let runtime = serde_json::from_str::<Configuration>(json).unwrap().config;
        assert!(runtime.env.is_none() && runtime.cmd.is_none());
        assert_eq!(runtime.entrypoint.unwrap(), ["/service"]);
    }
}
