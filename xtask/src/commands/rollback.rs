use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Context, Entry, Report, SERVICES_AT_ONCE, Services, Tagged, claims};
use crate::delivery::{PromotionRecord, Records};
use crate::oci::{Digest, RepositoryName, Tag, Target};
use crate::promotion::{RollbackPlan, plan_rollback};
use crate::registry::{Access, Repository};
use crate::workspace::{Environment, Service};
use crate::{console, parallel};

/// Put production's previous image back
///
/// The production tag and <tag>-previous change places, and the records are
/// rewritten. No running task changes by that: the command that deploys is named.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
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

/// How a rollback ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// The tag points at the older image now.
    RolledBack,
    /// It did before.
    Unchanged,
    /// Nothing was done: a dry run, or another service failed.
    Planned,
}

/// What the result says of one service.
#[derive(Debug, Serialize)]
struct RolledBack {
    service: String,
    outcome: Outcome,
    #[serde(flatten)]
    image: Tagged,
    previous: Digest,
}

/// A service whose rollback can be done.
struct Prepared<'a> {
    service: &'a Service,
    name: RepositoryName,
    tag: Tag,
    repository: Box<dyn Repository>,
    plan: RollbackPlan,
}

impl Rollback {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        if self.to.is_some() {
            context.only_service(&self.services.names, "--to")?;
        }
        let prepared = parallel::map(&services, SERVICES_AT_ONCE, |service| {
            self.prepare(context, service)
                .with_context(|| format!("planning the rollback of {}", service.package))
        });
        // All checks of all services come before the first change of any.
        let go = !self.dry_run && prepared.iter().all(Result::is_ok);
        let finish = |prepared: Prepared<'_>| {
            if go {
                prepared.apply(context)
            } else {
                Ok(prepared.leave())
            }
        };
        let results = prepared
            .into_iter()
            .map(|prepared| prepared.and_then(finish));
        let entries = services.iter().zip(results).map(|(service, result)| {
            Entry::of_service(&service.package, result, |done| {
                done.image.digest.to_string()
            })
        });
        Ok(Report::new(entries.collect()))
    }

    fn prepare<'a>(&self, context: &Context, service: &'a Service) -> Result<Prepared<'a>> {
        let (name, tag) =
            context
                .parameters
                .image(&context.workspace, service, Environment::Production)?;
        claims::check(context, service)?;
        let access = if self.dry_run {
            Access::Pull
        } else {
            Access::Push
        };
        let repository = context.registries.open(&name, access);
        let plan = plan_rollback(&*repository, &tag, service.production_tag, &self.to)?;
        Ok(Prepared {
            service,
            name,
            tag,
            repository,
            plan,
        })
    }
}

impl Prepared<'_> {
    fn apply(self, context: &Context) -> Result<RolledBack> {
        let rolling_back = || format!("rolling back {}", self.service.package);
        self.plan
            .apply(&*self.repository, &self.tag)
            .with_context(rolling_back)?;
        self.write_records(context).with_context(rolling_back)?;
        name_the_deployment(context, self.service);
        let done = self.plan.is_done();
        Ok(self.into_result(if done {
            Outcome::Unchanged
        } else {
            Outcome::RolledBack
        }))
    }

    fn leave(self) -> RolledBack {
        let done = self.plan.is_done();
        self.into_result(if done {
            Outcome::Unchanged
        } else {
            Outcome::Planned
        })
    }

    fn write_records(&self, context: &Context) -> Result<()> {
        let records = Records::new(
            context
                .workspace
                .records(self.service, Environment::Production),
        );
        records.write_image_detail(&self.name, &self.plan.digest)?;
        let mut record = PromotionRecord::now(
            &self.service.package,
            &self.name,
            &self.tag,
            self.plan.digest,
        );
        record.previous = (!self.plan.is_done()).then_some(self.plan.previous);
        record.commit = self.plan.commit().map(str::to_owned);
        records.write_promotion(record)
    }

    fn into_result(self, outcome: Outcome) -> RolledBack {
        let reference = self.name.tagged(&self.tag);
        let (digest, previous) = (self.plan.digest, self.plan.previous);
        match outcome {
            Outcome::RolledBack => console::note(format_args!(
                "{reference} moved from {previous} to {digest}"
            )),
            Outcome::Unchanged => {
                console::note(format_args!("{reference} points at {digest} already"))
            }
            Outcome::Planned => console::note(format_args!(
                "{reference} would move from {previous} to {digest}"
            )),
        }
        RolledBack {
            service: self.service.package.clone(),
            outcome,
            image: Tagged {
                repository: self.name.to_string(),
                tag: self.tag.to_string(),
                digest,
            },
            previous,
        }
    }
}

/// Says how the image gets into the running tasks.
fn name_the_deployment(context: &Context, service: &Service) {
    let definitions = Context::command("imagedefinitions", service);
    let workspace = &context.workspace;
    let container = workspace.container_name(service, Environment::Production);
    let cluster = workspace.cluster(Environment::Production);
    let package = &service.package;
    console::note(format_args!(
        "hint: no running task has changed. Write the image definitions with `{definitions} --environment production --by-digest`, then deploy them: \
         register a revision of the task definition with that image for the container {container}, \
         and `aws ecs update-service --cluster {cluster} --service {package} --task-definition REVISION`"
    ));
}
