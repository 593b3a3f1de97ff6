use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Context, Entry, Report, SERVICES_AT_ONCE, Services, Tagged};
use crate::delivery::{PromotionRecord, Records};
use crate::oci::{Digest, Target};
use crate::promotion::plan_rollback;
use crate::registry::Access;
use crate::workspace::{Environment, Service};
use crate::{console, parallel};

/// Put production's previous image back
///
/// The production tag and <tag>-previous change places, and the records are
/// rewritten. No running task changes by that: the command that deploys is named.
#[derive(Debug, clap::Args)]
pub struct Rollback {
    #[command(flatten)]
    services: Services,
    /// What to go back to instead of the previous image; with one SERVICE
    #[arg(long, value_name = "DIGEST|TAG")]
    to: Option<Target>,
    /// Check everything, change nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    RolledBack,
    Unchanged,
    Planned,
}

#[derive(Debug, Serialize)]
struct RolledBack {
    service: String,
    outcome: Outcome,
    #[serde(flatten)]
    image: Tagged,
    previous: Digest,
}

impl Rollback {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        if self.to.is_some() {
            context.only_service(&self.services.names, "--to")?;
        }
        let entries = parallel::map(&services, SERVICES_AT_ONCE, |service| {
            let result = self.roll_back(context, service);
            let result = result.with_context(|| format!("rolling back {}", service.package));
            Entry::of_service(&service.package, result, |done| {
                done.image.digest.to_string()
            })
        });
        Ok(Report::new(entries))
    }

    fn roll_back(&self, context: &Context, service: &Service) -> Result<RolledBack> {
        let (name, tag) =
            context
                .parameters
                .image(&context.workspace, service, Environment::Production)?;
        let access = if self.dry_run {
            Access::Pull
        } else {
            Access::Push
        };
        let repository = context.registries.open(&name, access);
        let plan = plan_rollback(&*repository, &tag, service.production_tag, &self.to)?;
        let reference = name.tagged(&tag);
        let outcome = if plan.is_done() {
            console::note(format_args!(
                "{reference} points at {} already",
                plan.digest
            ));
            Outcome::Unchanged
        } else if self.dry_run {
            console::note(format_args!(
                "{reference} would move from {} to {}",
                plan.previous, plan.digest
            ));
            Outcome::Planned
        } else {
            plan.apply(&*repository, &tag)?;
            console::note(format_args!(
                "{reference} moved from {} to {}",
                plan.previous, plan.digest
            ));
            Outcome::RolledBack
        };
        if !self.dry_run {
            let records = Records::new(context.workspace.records(service, Environment::Production));
            records.write_image_detail(&name, &plan.digest)?;
            let mut record = PromotionRecord::now(&service.package, &name, &tag, plan.digest);
            record.previous = (plan.digest != plan.previous).then_some(plan.previous);
            record.commit = plan.commit().map(str::to_owned);
            records.write_promotion(record)?;
            name_the_deployment(context, service);
        }
        Ok(RolledBack {
            service: service.package.clone(),
            outcome,
            image: Tagged {
                repository: name.to_string(),
                tag: tag.to_string(),
                digest: plan.digest,
            },
            previous: plan.previous,
        })
    }
}

/// Says how the image gets into the running tasks.
fn name_the_deployment(context: &Context, service: &Service) {
    let definitions = Context::command("imagedefinitions", service);
    let container = context
        .workspace
        .container_name(service, Environment::Production);
    console::note(format_args!(
        "hint: no running task has changed. Write the image definitions with `{definitions} --environment production --by-digest`, then deploy them: \
         register the task definition of {container} with that image and `aws ecs update-service --cluster CLUSTER --service {container} --task-definition REVISION`"
    ));
}
