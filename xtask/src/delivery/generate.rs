//! The files that follow from the metadata: buildspecs, templates, the picture.
//!
//! Composing them is pure: the same metadata gives the same text.

mod buildspec;
mod environment;
mod foundation;
mod picture;
mod pipeline;

use std::path::PathBuf;

use crate::delivery::model::{self, Job};
use crate::delivery::template::MARK;
use crate::error::Fault;
use crate::files;
use crate::image::AwsProcessor;
use crate::parameters::Catalogue;
use crate::workspace::{Environment, Service, Workspace};
pub use environment::image_parameter;

/// A file that follows from the metadata.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Generated {
    /// Its path below the workspace's root.
    pub path: PathBuf,
    /// Its content.
    pub text: String,
}

/// All files of `workspace`, services first.
///
/// # Errors
/// More services or actions than AWS lets one pipeline have, and a target whose
/// processor AWS does not have.
pub fn generate(workspace: &Workspace, catalogue: &Catalogue) -> Result<Vec<Generated>, Fault> {
    model::check(workspace)?;
    let processor = AwsProcessor::of(workspace)?;
    let with_pages = workspace.with_pages();
    let is_page = |service: &Service| {
        with_pages
            .iter()
            .any(|page| page.package == service.package)
    };
    let mut files = Vec::new();
    for service in &workspace.services {
        files.extend(buildspecs(workspace, catalogue, service, is_page(service)));
    }
    let build = |name: &str, text| Generated {
        path: PathBuf::from("build").join(name),
        text,
    };
    files.extend([
        build("foundation.yaml", foundation::foundation(workspace)),
        build(
            "environment.yaml",
            environment::environment(workspace, catalogue, processor),
        ),
        build(
            "pipeline.yaml",
            pipeline::pipeline(workspace, catalogue, processor),
        ),
        build("pipeline.md", picture::picture(workspace, catalogue)),
    ]);
    Ok(files)
}

/// The buildspecs of `workspace` that were generated once and are no more: a service's
/// that is none now, or whose pages are not tested any longer.
pub fn orphans(workspace: &Workspace, generated: &[Generated]) -> Vec<PathBuf> {
    let members = workspace.members.iter();
    let places = members.flat_map(|member| model::BUILDSPECS.map(|file| member.folder.join(file)));
    let is_orphan = |path: &PathBuf| {
        let text = files::read_text(&workspace.root.join(path));
        text.is_ok_and(|text| text.contains(MARK))
            && generated.iter().all(|file| file.path != *path)
    };
    places.filter(is_orphan).collect()
}

fn buildspecs(
    workspace: &Workspace,
    catalogue: &Catalogue,
    service: &Service,
    has_pages: bool,
) -> Vec<Generated> {
    let file = |job: Job<'_>, text| Generated {
        path: job.buildspec().into(),
        text,
    };
    let of = |environment| buildspec::of_environment(catalogue, service, environment);
    let end_to_end = has_pages.then(|| {
        file(
            Job::EndToEnd(service),
            buildspec::end_to_end(workspace, service),
        )
    });
    let build = file(Job::Build(service), of(Environment::Staging));
    let promotion = file(Job::Promote(service), of(Environment::Production));
    [Some(build), end_to_end, Some(promotion)]
        .into_iter()
        .flatten()
        .collect()
}
