use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Context, Entry, Report, SERVICES_AT_ONCE, Services};
use crate::image::{self, Engine, Outcome};
use crate::oci::Digest;
use crate::workspace::Service;
use crate::{console, parallel};

/// Compile services and make their images
///
/// Each image is an OCI layout in target/images/SERVICE/. The same commit gives
/// the same digest.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Build {
    #[command(flatten)]
    services: Services,
    /// What makes the image
    #[arg(long, value_enum, default_value_t = Engine::Oci)]
    engine: Engine,
}

/// What was built of one service.
#[derive(Debug, Serialize)]
pub(super) struct Built {
    service: String,
    outcome: Outcome,
    pub(super) digest: Digest,
}

impl Build {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        let entries = parallel::map(&services, SERVICES_AT_ONCE, |service| {
            let built = build(context, service, self.engine);
            Entry::of_service(&service.package, built, |built| built.digest.to_string())
        });
        Ok(Report::new(entries))
    }
}

/// Builds the image of one service.
pub(super) fn build(context: &Context, service: &Service, engine: Engine) -> Result<Built> {
    let title = format!("build {}", service.package);
    let (digest, outcome) =
        console::step(&title, || image::build(&context.workspace, service, engine))
            .with_context(|| format!("building the image of {}", service.package))?;
    Ok(Built {
        service: service.package.clone(),
        outcome,
        digest,
    })
}
