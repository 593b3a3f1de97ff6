//! Engine `docker`: a Dockerfile decides what the image is.
//!
//! Its build context holds `rootfs/`, the files that the `oci` engine puts into
//! an image, and the files of the Dockerfile's own folder.

use std::fs::{self, File, Permissions};
use std::io::{Read, Seek as _, SeekFrom};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::root_file_system::{self, USER};
use super::write::Recipe;
use crate::error::Kind;
use crate::oci::Manifest;
use crate::process::{self, CommandLine, Scratch};
use crate::registry::Layout;
use crate::workspace::Workspace;

mod archive;

/// Builds the image and takes it into `layout`.
pub(super) fn build(
    layout: &Layout,
    recipe: &Recipe<'_>,
    binary: &Path,
    workspace: &Workspace,
) -> Result<Manifest> {
    let images = workspace.target_directory.join("images");
    let scratch = Scratch::new(images.join(format!(".{}.docker", recipe.service.package)))?;
    let dockerfile = dockerfile(workspace, recipe)?;
    let (context, id, saved) = (
        scratch.path().join("context"),
        scratch.path().join("id"),
        scratch.path().join("image.tar"),
    );
    prepare_context(&context, &dockerfile, binary)?;
    process::succeed(&build_line(recipe, &dockerfile, &id), &context, |docker| {
        // An attestation would make an index of the image.
        docker.env("BUILDX_NO_DEFAULT_ATTESTATIONS", "1")
    })
    .map_err(explain)?;
    let id = fs::read_to_string(&id).with_context(|| format!("reading {}", id.display()))?;
    let line = CommandLine::new("docker")
        .args(["save", "--output"])
        .arg(&saved)
        .arg(id.trim());
    process::succeed(&line, &context, |docker| docker)?;
    take_in(layout, recipe, &saved).with_context(|| format!("reading {}", saved.display()))
}

fn dockerfile(workspace: &Workspace, recipe: &Recipe<'_>) -> Result<PathBuf> {
    let own = workspace
        .root
        .join(&recipe.service.folder)
        .join("build/Dockerfile");
    let common = workspace.root.join("build/Dockerfile");
    let found = [own, common].into_iter().find(|path| path.is_file());
    found.with_context(|| {
        let fault = format!(
            "neither {}/build nor build has a Dockerfile",
            recipe.service.folder.display()
        );
        Kind::Configuration.because(fault)
    })
}

fn prepare_context(folder: &Path, dockerfile: &Path, binary: &Path) -> Result<()> {
    let preparing = || format!("preparing {}", folder.display());
    fs::create_dir(folder).with_context(preparing)?;
    copy_files(dockerfile.parent().unwrap_or(dockerfile), folder)?;
    for entry in root_file_system::entries(binary)? {
        let path = folder.join("rootfs").join(entry.path);
        fs::create_dir_all(path.parent().unwrap_or(folder)).with_context(preparing)?;
        fs::write(&path, &entry.content).with_context(preparing)?;
        fs::set_permissions(&path, Permissions::from_mode(entry.mode)).with_context(preparing)?;
    }
    Ok(())
}

/// Copies the files of `from`, not its folders: those are other things' (buildspecs).
fn copy_files(from: &Path, to: &Path) -> Result<()> {
    let copying = || format!("copying the files of {}", from.display());
    for entry in fs::read_dir(from).with_context(copying)? {
        let entry = entry.with_context(copying)?;
        if entry.path().is_file() {
            fs::copy(entry.path(), to.join(entry.file_name())).with_context(copying)?;
        }
    }
    Ok(())
}

fn build_line(recipe: &Recipe<'_>, dockerfile: &Path, id: &Path) -> CommandLine {
    let file = dockerfile.file_name().unwrap_or_default();
    let labels = recipe
        .labels()
        .iter()
        .flat_map(|(name, value)| ["--label".into(), format!("{name}={value}")]);
    let arguments = recipe
        .environment()
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"));
    let user = format!("USER_ID={USER}");
    let arguments = arguments
        .chain([user])
        .flat_map(|argument| ["--build-arg".into(), argument]);
    CommandLine::new("docker")
        .args(["build", "--file"])
        .arg(file)
        .arg("--iidfile")
        .arg(id)
        .args(labels)
        .args(arguments)
        .arg(".")
}

fn explain(error: anyhow::Error) -> anyhow::Error {
    let fault = Kind::Failed.because("the Docker engine did not build the image");
    error.context(
        fault.hint("`docker info` tells whether an engine answers; `--engine oci` needs none"),
    )
}

/// Takes the one image of a `docker save` archive. Layers that are compressed
/// already keep their bytes.
fn take_in(layout: &Layout, recipe: &Recipe<'_>, saved: &Path) -> Result<Manifest> {
    let archive = archive::Archive::open(saved)?;
    let image = archive.image()?;
    let layers = image.layers.iter().map(|name| archive.layer(name));
    recipe.write_manifest(layout, &archive.read(&image.config)?, layers)
}

/// A part of a file as a reader.
fn part(path: &Path, offset: u64, size: u64) -> Result<impl Read> {
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    Ok(file.take(size))
}
