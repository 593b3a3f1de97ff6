use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Context, Entry, Report, SERVICES_AT_ONCE, Services, Tagged, claims};
use crate::image;
use crate::oci::Target;
use crate::promotion::commit_tag;
use crate::registry::{Access, copy_image};
use crate::workspace::{Environment, Service};
use crate::{console, parallel};

/// Push the images that were built and point the staging tags at them
///
/// Points the staging tag and TAG-COMMIT (its first 12 digits) at the image and writes
/// imageDetail.json.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct StagingTag {
    #[command(flatten)]
    services: Services,
}

/// How a push ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Outcome {
    /// The tag points at the image now.
    Pushed,
    /// It did before.
    Unchanged,
}

/// What was pushed of one service.
#[derive(Debug, Serialize)]
pub(super) struct Pushed {
    service: String,
    outcome: Outcome,
    #[serde(flatten)]
    pub(super) image: Tagged,
}

impl StagingTag {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        let entries = parallel::map(&services, SERVICES_AT_ONCE, |service| {
            let pushed = staging_tag(context, service);
            Entry::of_service(&service.package, pushed, |pushed| {
                pushed.image.digest.to_string()
            })
        });
        Ok(Report::new(entries))
    }
}

/// Pushes the image of one service to staging.
pub(super) fn staging_tag(context: &Context, service: &Service) -> Result<Pushed> {
    let title = format!("staging-tag {}", service.package);
    console::step(&title, || push(context, service))
        .with_context(|| format!("tagging {} for staging", service.package))
}

fn push(context: &Context, service: &Service) -> Result<Pushed> {
    let workspace = &context.workspace;
    let (name, tag) = context.image(service, Environment::Staging)?;
    claims::check(context, service)?;
    let built = image::open_built(workspace, service)?;
    let manifest = &built.manifest;
    let digest = manifest.digest();
    let repository = context.registries.open(&name, Access::Push);
    let is_there = repository.resolve(&tag)? == Some(digest);
    let outcome = if is_there && repository.check_whole(manifest).is_ok() {
        Outcome::Unchanged
    } else {
        // A tag that would be too long is told before anything is moved.
        let of_commit = commit_tag(&tag, manifest)?;
        copy_image(&built.layout, &*repository, manifest)?;
        if let Some(tag) = of_commit {
            repository.put_manifest(&Target::Tag(tag), manifest)?;
        }
        repository.put_manifest(&Target::Tag(tag.clone()), manifest)?;
        Outcome::Pushed
    };
    let records = context.records(service, Environment::Staging);
    records.write_image_detail(&name, &digest)?;
    Ok(Pushed {
        service: service.package.clone(),
        outcome,
        image: Tagged {
            repository: name,
            tag,
            digest,
        },
    })
}
