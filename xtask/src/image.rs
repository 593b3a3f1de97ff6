//! Making a service's image.
//!
//! Engine `oci` compiles the service and writes an image around the binary: a
//! function of commit, toolchain, target, C compiler and libc. Engine `docker`
//! lets a Dockerfile add to the same files. Both leave an OCI layout.

mod changeset;
mod compile;
mod docker;
mod elf;
mod layer;
mod platform;
mod root_file_system;
mod unpack;
mod write;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use crate::error::Kind;
use crate::files::FolderLock;
use crate::oci::{Digest, Manifest, Tag};
use crate::registry::{Layout, Repository as _};
use crate::workspace::{Service, Source, Workspace};
pub(crate) use platform::AwsProcessor;
pub use unpack::{Unpacked, unpack};

/// What makes the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// This tool: the binary in an otherwise empty image
    Oci,
    /// `docker build` with the service's Dockerfile, or build/Dockerfile
    Docker,
}

/// How a build ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// The image is new.
    Built,
    /// The same image was there before.
    Unchanged,
}

/// The tag of the one image in a service's layout.
fn tag() -> Result<Tag> {
    Ok("built".parse()?)
}

/// The layout in which the image of `service` lies after a build.
fn layout(workspace: &Workspace, service: &Service) -> Layout {
    Layout::in_folder(&workspace.image(service))
}

/// The image of a service as the last build left it. While this lives no build replaces it.
pub struct Built {
    /// Where it lies.
    pub layout: Layout,
    /// What it consists of.
    pub manifest: Manifest,
    #[expect(dead_code, reason = "dropping it is what lets the next build in")]
    kept: FolderLock,
}

/// Opens the image that was built last of `service`. The lock comes first: a build
/// removes every blob of the image before, also of one that was looked up already.
///
/// # Errors
/// Where there is none; the error names the command that makes it.
pub fn open_built(workspace: &Workspace, service: &Service) -> Result<Built> {
    let folder = workspace.image(service);
    let not_built = || {
        let (package, folder) = (&service.package, folder.display());
        Kind::NotFound
            .because(format!("there is no image of {package} in {folder}"))
            .hint(format!("cargo xtask build {package}"))
    };
    if !folder.is_dir() {
        return Err(not_built().into());
    }
    let layout = layout(workspace, service);
    let kept = layout.keep()?;
    let manifest = layout.tagged(&tag()?)?.with_context(not_built)?;
    Ok(Built {
        layout,
        manifest,
        kept,
    })
}

/// Compiles `service` and makes its image in its layout.
pub fn build(
    workspace: &Workspace,
    service: &Service,
    engine: Engine,
) -> Result<(Digest, Outcome)> {
    let (binary, source) = compile::compile(workspace, service)?;
    let platform = platform::Platform::of(workspace)?;
    elf::check_static(&binary, &platform)?;
    let recipe = write::Recipe::new(workspace, service, &source, platform);
    let layout = layout(workspace, service);
    let lock = layout.own()?;
    let before = layout.resolve(&tag()?).ok().flatten();
    let manifest = match engine {
        Engine::Oci => from_binary(&layout, &recipe, &binary)?,
        Engine::Docker => docker::build(&layout, &recipe, &binary, workspace)?,
    };
    check_still_the_source(&source, workspace, service)?;
    layout.replace_all(&lock, &tag()?, &manifest)?;
    let outcome = if before == Some(manifest.digest()) {
        Outcome::Unchanged
    } else {
        Outcome::Built
    };
    Ok((manifest.digest(), outcome))
}

/// Refuses what would claim a commit that is not what went into it: everything in the
/// image was read since the sources were. One of a tree with changes claims none.
fn check_still_the_source(source: &Source, workspace: &Workspace, service: &Service) -> Result<()> {
    if source.dirty {
        return Ok(());
    }
    let now = Source::of(&workspace.root)?;
    if now == *source {
        return Ok(());
    }
    let (was, is) = (source.revision(), now.revision());
    let fault = format!(
        "the sources changed while the image was made, from {was} to {is}: it was thrown away"
    );
    Err(Kind::Failed
        .because(fault)
        .hint("`git status` shows what has changed")
        .hint(format!("cargo xtask build {}", service.package))
        .into())
}

fn from_binary(layout: &Layout, recipe: &write::Recipe<'_>, binary: &Path) -> Result<Manifest> {
    let tree = root_file_system::entries(binary)?;
    let (layer, diff_id) = layer::pack(&tree, recipe.time()).context("packing the layer")?;
    recipe.write(layout, layer, diff_id)
}
