use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Context, Entry, Report, Services};
use crate::delivery::{Records, image_definitions};
use crate::error::Kind;
use crate::files;
use crate::oci::{Digest, RepositoryName};
use crate::workspace::{Environment, Service};

/// Write imagedefinitions.json for the ECS deploy action
///
/// From parameters and records, without network. --by-digest names the image that
/// imageDetail.json records instead of the tag.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct ImageDefinitions {
    #[command(flatten)]
    services: Services,
    /// Where the containers run
    #[arg(long, value_enum, value_name = "ENV")]
    environment: Environment,
    /// Name the image by its digest, so that no later move of the tag changes it
    #[arg(long)]
    by_digest: bool,
    /// The file to write; with one SERVICE
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

/// A file that was written.
#[derive(Debug, Serialize)]
pub(super) struct Written {
    service: String,
    outcome: &'static str,
    /// Its path as text: JSON has no other.
    pub(super) file: String,
    container: String,
    image: String,
}

impl ImageDefinitions {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        if self.output.is_some() {
            context.only_service(&self.services.names, "--output")?;
        }
        let entries = services.into_iter().map(|service| {
            let written = write(
                context,
                service,
                self.environment,
                self.by_digest,
                self.output.clone(),
            );
            Entry::of_service(&service.package, written, |written| written.file.clone())
        });
        Ok(Report::new(entries.collect()))
    }
}

/// Writes the file of one service, to `output` or among its records.
pub(super) fn write(
    context: &Context,
    service: &Service,
    environment: Environment,
    by_digest: bool,
    output: Option<PathBuf>,
) -> Result<Written> {
    let writing = || format!("writing the image definitions of {}", service.package);
    let (name, tag) = context.image(service, environment).with_context(writing)?;
    let records = context.records(service, environment);
    let image = if by_digest {
        name.at(&recorded_digest(&records, &name, service, environment).with_context(writing)?)
    } else {
        name.tagged(&tag)
    };
    let container = context.workspace.container_name(service, environment);
    let bytes = image_definitions(&container, &image)?;
    let file = match output {
        Some(file) => files::write_output(&file, &bytes).map(|()| file),
        None => files::write_whole(&records.image_definitions(), &bytes)
            .map(|()| records.image_definitions()),
    };
    let file = file.with_context(writing)?;
    Ok(Written {
        service: service.package.clone(),
        outcome: "written",
        file: file.display().to_string(),
        container,
        image,
    })
}

/// The digest that the environment was last given. A record of another repository
/// is an old one and not believed.
pub(super) fn recorded_digest(
    records: &Records,
    name: &RepositoryName,
    service: &Service,
    environment: Environment,
) -> Result<Digest> {
    let path = records.image_detail();
    let no_record = |message: String| {
        let command = match environment {
            Environment::Staging => "staging-tag",
            Environment::Production => "promote-to-production",
        };
        Kind::NotFound
            .because(message)
            .hint(Context::command(command, service))
    };
    let image = records
        .read_image_uri()?
        .ok_or_else(|| no_record(format!("there is no {}", path.display())))?;
    let digest = image
        .strip_prefix(&format!("{name}@"))
        .and_then(|digest| digest.parse().ok());
    let fault = || {
        no_record(format!(
            "{} names {image:?}, which is no digest in {name}",
            path.display()
        ))
    };
    Ok(digest.ok_or_else(fault)?)
}
