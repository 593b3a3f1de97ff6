use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Result;
use clap::{Subcommand, ValueEnum};
use comfy_table::{ContentArrangement, Table, presets};
use serde::Serialize;

use super::promote_to_production::{Order, promote};
use super::report::all;
use super::{Context, Entry, Report, SERVICES_AT_ONCE, build, image_definitions, staging_tag};
use crate::image::Engine;
use crate::oci::Digest;
use crate::parameters::in_codebuild;
use crate::workspace::{Environment, Service, Source};
use crate::{console, parallel};

/// The delivery pipeline
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Pipeline {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run the whole pipeline on this machine
    ///
    /// Builds all services, tags them for staging, promotes the very digests to
    /// production and writes the image definitions of both environments.
    #[command(verbatim_doc_comment)]
    Run {
        /// Accepted and without effect: on this machine nobody is asked for approval
        #[arg(long)]
        yes: bool,
        /// The first stage to run; the ones before it were run earlier
        #[arg(long, value_enum, default_value_t = Stage::Source)]
        from: Stage,
    },
}

/// The stages, as the pipeline on AWS has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum Stage {
    /// The commit that is delivered
    Source,
    /// Build and tag for staging
    Staging,
    /// Promote to production
    Release,
}

/// What a stage did with one service.
#[derive(Debug, Clone, Serialize)]
struct Delivered {
    service: String,
    tag: String,
    digest: Digest,
    files: Vec<String>,
}

/// What a stage did.
#[derive(Debug, Serialize)]
struct StageObject {
    stage: Stage,
    outcome: &'static str,
    seconds: f64,
    services: Vec<Delivered>,
}

impl Pipeline {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        // The approval is between people; on this machine whoever starts the run gives it.
        let Action::Run { yes: _, from } = self.action;
        let mut entries = Vec::new();
        let mut delivered = Vec::new();
        for stage in [Stage::Source, Stage::Staging, Stage::Release] {
            if stage < from {
                continue;
            }
            let start = Instant::now();
            let result = match stage {
                Stage::Source => source(context),
                Stage::Staging => staging(context),
                Stage::Release => release(context),
            };
            let (entry, services) = report_stage(stage, start.elapsed(), result);
            let failed = services.is_none();
            entries.push(entry);
            delivered.extend(services.unwrap_or_default());
            if failed {
                break;
            }
        }
        show_table(&delivered);
        Ok(Report::new(entries))
    }
}

fn report_stage(
    stage: Stage,
    elapsed: Duration,
    result: Result<Done>,
) -> (Entry, Option<Vec<Delivered>>) {
    let name = format!("{stage:?}").to_lowercase();
    let object = |outcome, services| StageObject {
        stage,
        outcome,
        seconds: elapsed.as_secs_f64(),
        services,
    };
    match result {
        Ok(done) => {
            let text = format!("{name}: {} ({})", done.summary, console::seconds(elapsed));
            (
                Entry::new(text, &object("done", done.services.clone())),
                Some(done.services),
            )
        }
        Err(error) => {
            let error = error.context(format!("the stage {name} failed"));
            (Entry::failed(&object("failed", Vec::new()), error), None)
        }
    }
}

/// A stage's result.
struct Done {
    summary: String,
    services: Vec<Delivered>,
}

fn source(context: &Context) -> Result<Done> {
    let source = Source::of(&context.workspace.root)?;
    if source.dirty {
        console::warn(
            "the tree has uncommitted changes: the images say so and are not released to a registry",
        );
    }
    Ok(Done {
        summary: source.revision(),
        services: Vec::new(),
    })
}

/// Upstreams first; the services of a level side by side.
fn staging(context: &Context) -> Result<Done> {
    let mut services = Vec::new();
    for level in context.workspace.levels() {
        let delivered = parallel::map(&level, SERVICES_AT_ONCE, |service| stage(context, service));
        services.extend(all(delivered)?);
    }
    Ok(Done {
        summary: format!("{} services built and tagged", services.len()),
        services,
    })
}

fn stage(context: &Context, service: &Service) -> Result<Delivered> {
    build::build(context, service, Engine::Oci)?;
    let pushed = staging_tag::staging_tag(context, service)?;
    let definitions = image_definitions::write(context, service, Environment::Staging, true, None)?;
    let records = context.records(service, Environment::Staging);
    let detail = records.image_detail().display().to_string();
    Ok(Delivered {
        service: service.package.clone(),
        tag: pushed.image.tag.to_string(),
        digest: pushed.image.digest,
        files: vec![definitions.file, detail],
    })
}

/// Promotes the digests that staging was last given, whatever its tags point at by now.
/// In CodeBuild a digest is only promoted where somebody says that it was tested.
fn release(context: &Context) -> Result<Done> {
    let services: Vec<_> = context.workspace.services.iter().collect();
    let orders = services.iter().map(|service| {
        let digest = match in_codebuild() {
            true => None,
            false => Some(recorded_digest(context, service, Environment::Staging)?),
        };
        Ok(Order {
            service,
            digest: digest.map(|digest| (digest, "which staging was given")),
            expect: None,
        })
    });
    let orders = all(orders)?;
    console::step("promote-to-production", || {
        promote(context, &orders, false).into_result()
    })?;
    let services = all(orders.iter().map(|order| released(context, order)))?;
    Ok(Done {
        summary: format!("{} services promoted", services.len()),
        services,
    })
}

fn recorded_digest(
    context: &Context,
    service: &Service,
    environment: Environment,
) -> Result<Digest> {
    let (name, _) = context.image(service, environment)?;
    let records = context.records(service, environment);
    image_definitions::recorded_digest(&records, &name, service, environment)
}

fn released(context: &Context, order: &Order<'_>) -> Result<Delivered> {
    let (service, environment) = (order.service, Environment::Production);
    let definitions = image_definitions::write(context, service, environment, true, None)?;
    let (_, tag) = context.image(service, environment)?;
    let records = context.records(service, environment);
    let others = [records.image_detail(), records.promotion()];
    let others = others.map(|file| file.display().to_string());
    Ok(Delivered {
        service: service.package.clone(),
        tag: tag.to_string(),
        digest: recorded_digest(context, service, environment)?,
        files: [definitions.file].into_iter().chain(others).collect(),
    })
}

/// The table is for people and goes where people read; scripts have the lines or JSON.
fn show_table(delivered: &[Delivered]) {
    if delivered.is_empty() {
        return;
    }
    let mut table = Table::new();
    table
        .load_style(presets::UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["service", "tag", "digest", "files"]);
    for service in delivered {
        let digest = format!("{:.19}…", service.digest.to_string());
        table.add_row([
            &service.service,
            &service.tag,
            &digest,
            &list(&service.files),
        ]);
    }
    console::note(table);
}

/// The files of one folder: the folder, relative to the current one where it lies
/// below it, and the names in it.
fn list(files: &[String]) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    let folder = files
        .first()
        .and_then(|file| Path::new(file).parent())
        .unwrap_or(Path::new(""));
    let folder = folder.strip_prefix(&current).unwrap_or(folder).display();
    let names = files.iter().filter_map(|file| Path::new(file).file_name());
    names.fold(format!("{folder}/"), |list, name| {
        format!("{list}\n  {}", name.to_string_lossy())
    })
}
