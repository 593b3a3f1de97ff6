use anyhow::{Context as _, Result};
use serde::Serialize;

use super::alone::Alone;
use super::planned::{self, Planned};
use super::{Context, Entry, Report, Services, Tagged, claims};
use crate::console;
use crate::delivery::{Intention, PromotionRecord, Records};
use crate::oci::{Digest, Tag, Target};
use crate::promotion::{RollbackPlan, plan_rest, plan_rollback};
use crate::registry::{Access, Repository};
use crate::workspace::{Environment, Service};

/// Put production's previous image back
///
/// The production tag and TAG-previous change places, and the records are
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
    tag: Tag,
    repository: Box<dyn Repository>,
    records: Records,
    plan: RollbackPlan,
    /// What an earlier rollback was to record, which this one finishes.
    begun: Option<PromotionRecord>,
}

impl Rollback {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        if self.to.is_some() {
            context.only_service(&self.services.names, "--to")?;
        }
        let (access, alone) = if self.dry_run {
            (Access::Pull, Alone::default())
        } else {
            (Access::Push, Alone::with(context, services.iter().copied()))
        };
        let report = planned::carry_out(context, &services, self.dry_run, |service| {
            self.prepare(context, &alone, service, access)
                .with_context(|| format!("planning the rollback of {}", service.package))
                .map_err(|error| Entry::of_failure(&service.package, error))
        });
        Ok(report)
    }

    fn prepare<'a>(
        &self,
        context: &Context,
        alone: &Alone<'_>,
        service: &'a Service,
        access: Access,
    ) -> Result<Prepared<'a>> {
        alone.check(service)?;
        if self.to.is_none() {
            alone.check_unchanged(service)?;
        }
        let (name, tag) =
            context
                .parameters
                .image(&context.workspace, service, Environment::Production)?;
        claims::check(context, service)?;
        let repository = context.registries.open(&name, access);
        let records = Records::new(context.workspace.records(service, Environment::Production));
        let (plan, record) = match self.rest(&records, &*repository, &tag)? {
            Some((plan, record)) => (plan, Some(record)),
            None => {
                let policy = service.production_tag;
                let to = self.to.as_ref();
                (plan_rollback(&*repository, &tag, policy, to)?, None)
            }
        };
        Ok(Prepared {
            service,
            tag,
            repository,
            records,
            plan,
            begun: record,
        })
    }

    /// What is left to do of a rollback that was killed, and its record. Going back
    /// once more would bring the image again that it was to take away.
    fn rest(
        &self,
        records: &Records,
        repository: &dyn Repository,
        tag: &Tag,
    ) -> Result<Option<(RollbackPlan, PromotionRecord)>> {
        let Some(Intention::Rollback(record)) = records.unfinished() else {
            return Ok(None);
        };
        let is_this =
            record.repository == *repository.name() && record.tag == *tag && self.to.is_none();
        let Some(previous) = record.previous.filter(|_| is_this) else {
            return Ok(None);
        };
        let plan = plan_rest(repository, tag, record.digest, previous)?;
        Ok(plan.map(|plan| (plan, record)))
    }
}

impl Planned for Prepared<'_> {
    type Done = Outcome;

    fn service(&self) -> &Service {
        self.service
    }

    fn apply(&self, context: &Context) -> Result<Outcome> {
        let outcome = self
            .go_back()
            .with_context(|| format!("rolling back {}", self.service.package))?;
        name_the_deployment(context, self.service);
        Ok(outcome)
    }

    /// The same command again would bring those that went back to where they were.
    fn warn(done: &[&str], missing: &[&str]) {
        console::warn(format_args!(
            "rolled back: {}; not rolled back: {}; `cargo xtask rollback {}` finishes the work",
            done.join(", "),
            missing.join(", "),
            missing.join(" ")
        ));
    }

    fn into_entry(self, applied: Option<Result<Outcome>>) -> Entry {
        let outcome = match applied {
            Some(applied) => applied,
            None if self.is_unchanged() => Ok(Outcome::Unchanged),
            None => Ok(Outcome::Planned),
        };
        let result = outcome.map(|outcome| self.result(outcome));
        Entry::of_service(&self.service.package, result, |done| {
            done.image.digest.to_string()
        })
    }
}

impl Prepared<'_> {
    fn go_back(&self) -> Result<Outcome> {
        let record = self.record();
        if self.is_unchanged() {
            self.records.confirm_promotion(record)?;
            return Ok(Outcome::Unchanged);
        }
        let (repository, tag) = (&*self.repository, &self.tag);
        let intention = Intention::Rollback(record.clone());
        planned::intending(&self.records, &intention, (repository, tag), || {
            self.plan.apply(repository, tag)
        })?;
        self.records.write_promotion(&record).with_context(|| {
            format!(
                "{} points at {} now, but that is not recorded; `{}` records it",
                self.reference(),
                self.plan.digest,
                Context::command("rollback", self.service)
            )
        })?;
        Ok(Outcome::RolledBack)
    }

    /// Whether there was nothing to do, and nothing was begun either.
    fn is_unchanged(&self) -> bool {
        self.plan.is_done() && self.begun.is_none()
    }

    fn record(&self) -> PromotionRecord {
        if let Some(begun) = &self.begun {
            return begun.clone();
        }
        let package = &self.service.package;
        let mut record =
            PromotionRecord::now(package, self.repository.name(), &self.tag, self.plan.digest);
        record.previous = (!self.plan.is_done()).then_some(self.plan.previous);
        record.commit = self.plan.commit().map(str::to_owned);
        record
    }

    /// Says how it ended, and gives what the result says.
    fn result(&self, outcome: Outcome) -> RolledBack {
        let reference = self.reference();
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
                repository: self.repository.name().clone(),
                tag: self.tag.clone(),
                digest,
            },
            previous,
        }
    }

    fn reference(&self) -> String {
        self.repository.name().tagged(&self.tag)
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
