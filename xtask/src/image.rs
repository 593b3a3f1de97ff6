//! Making a service's image.
//!
//! Engine `oci` compiles the service and writes an image around the binary: a
//! function of commit, toolchain, target, C compiler and libc. Engine `docker`
//! lets a Dockerfile add to the same files. Both leave an OCI layout.

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

use crate::oci::{Digest, Tag};
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
pub fn tag() -> Result<Tag> {
    Ok("built".parse()?)
}

/// The layout in which the image of `service` lies after a build.
pub fn layout(workspace: &Workspace, service: &Service) -> Layout {
    Layout::in_folder(&workspace.image(service))
}

/// Compiles `service` and makes its image in its layout.
pub fn build(
    workspace: &Workspace,
    service: &Service,
    engine: Engine,
) -> Result<(Digest, Outcome)> {
    let source = Source::of(&workspace.root)?;
    let binary = compile::compile(workspace, service)?;
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
    layout.replace_all(&lock, &tag()?, &manifest)?;
    let outcome = if before == Some(manifest.digest()) {
        Outcome::Unchanged
    } else {
        Outcome::Built
    };
    Ok((manifest.digest(), outcome))
}

fn from_binary(
    layout: &Layout,
    recipe: &write::Recipe<'_>,
    binary: &Path,
) -> Result<crate::oci::Manifest> {
    let tree = root_file_system::entries(binary)?;
    let (layer, diff_id) = layer::pack(&tree, recipe.time()).context("packing the layer")?;
    recipe.write(layout, layer, diff_id)
}
