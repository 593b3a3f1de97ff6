use anyhow::{Context as _, Result};
use serde::Serialize;

use super::planned::{self, Outcome, Planned, Turn};
use super::{Context, Entry, Report, Services, Tagged, claims};
use crate::delivery::{Intention, PromotionRecord, Records};
use crate::error::{Fault, Kind};
use crate::oci::{Digest, Tag, Target};
use crate::promotion::{PREVIOUS, Place, RollbackPlan, RollbackWish, look_back, plan_rollback};
use crate::registry::Repository;
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

/// What the result says of one service.
#[derive(Debug, Serialize)]
struct RolledBack {
    service: String,
    outcome: &'static str,
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
    /// What an earlier command began, and this one finishes.
    begun: Option<Intention>,
}

impl Rollback {
    pub(crate) fn run<'a>(self, context: &'a Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        if self.to.is_some() {
            context.only_service(&self.services.names, "--to")?;
        }
        let prepare = |service: &&'a Service, turn: &Turn<'_>| {
            self.prepare(context, turn, service)
                .with_context(|| format!("planning the rollback of {}", service.package))
                .map_err(|error| Entry::of_failure(&service.package, error))
        };
        let service_of = |service: &&'a Service| *service;
        let report = planned::carry_out(context, &services, service_of, self.dry_run, prepare);
        Ok(report)
    }

    fn prepare<'a>(
        &self,
        context: &Context,
        turn: &Turn<'_>,
        service: &'a Service,
    ) -> Result<Prepared<'a>> {
        turn.locks.check(service)?;
        if self.to.is_none() {
            turn.locks.check_unchanged(service)?;
        }
        let (name, tag) = context.image(service, Environment::Production)?;
        claims::check(context, service)?;
        let repository = context.registries.open(&name, turn.access);
        let records = context.records(service, Environment::Production);
        let begun = records.unfinished(&name, &tag);
        let wish = RollbackWish {
            policy: service.production_tag,
            to: self.to.clone(),
            begun: begun.as_ref().and_then(planned::rollback_of),
        };
        let place = place(&*repository, &tag);
        let seen = look_back(&place, &wish)?;
        let plan = plan_rollback(place.names(), &wish, seen)?;
        Ok(Prepared {
            service,
            begun: begun.filter(|begun| {
                let is_there = plan.is_done() && begun.record().digest == plan.digest;
                plan.finishes || is_there
            }),
            tag,
            repository,
            records,
            plan,
        })
    }
}

/// A rollback leaves staging alone.
fn place<'a>(production: &'a dyn Repository, tag: &'a Tag) -> Place<'a> {
    Place {
        production,
        tag,
        staging: None,
    }
}

impl Planned for Prepared<'_> {
    const DOING: &'static str = "rolling back";

    fn service(&self) -> &Service {
        self.service
    }

    fn begun(&self) -> Option<&Intention> {
        self.begun.as_ref()
    }

    /// What was begun is changed by whoever finishes it.
    fn is_unchanged(&self) -> bool {
        self.plan.is_done() && !self.plan.finishes
    }

    fn records(&self) -> &Records {
        &self.records
    }

    fn place(&self) -> Place<'_> {
        place(&*self.repository, &self.tag)
    }

    fn intention(&self) -> Intention {
        Intention::Rollback(self.record())
    }

    /// Of several services the others would move again.
    fn again(&self) -> String {
        format!("`{}`", Context::command("rollback", self.service))
    }

    fn apply(&self, place: &Place<'_>) -> Result<()> {
        self.plan.apply(place)
    }

    /// The same command again would bring those that went back to where they were.
    fn fault_of_some(done: &[&str], missing: &[&str]) -> Fault {
        let names = missing.join(" ");
        let (done, missing) = (done.join(", "), missing.join(", "));
        Kind::Failed
            .because(format!("rolled back: {done}; not rolled back: {missing}"))
            .hint(format!(
                "`cargo xtask rollback {names}` finishes the work; the others would move again"
            ))
    }

    fn told(&self, outcome: Outcome) -> String {
        let reference = self.reference();
        let RollbackPlan {
            digest, previous, ..
        } = &self.plan;
        match outcome {
            Outcome::Unchanged => format!("{reference} points at {digest} already"),
            Outcome::Planned if self.plan.finishes => {
                format!("{reference} points at {digest} already; that would be recorded")
            }
            Outcome::Planned => format!("{reference} would move from {previous} to {digest}"),
            Outcome::Changed if self.plan.is_done() => {
                format!("{reference} points at {digest} already; nothing else was moved")
            }
            Outcome::Changed if self.plan.finishes => format!(
                "{reference} points at {digest} already; {reference}-{PREVIOUS} keeps {previous} now, nothing else was moved"
            ),
            Outcome::Changed => format!("{reference} moved from {previous} to {digest}"),
        }
    }

    /// How the image gets into the running tasks. Who meant another rollback than the one
    /// that was begun still wants to go back.
    fn hints(&self, context: &Context) -> Vec<String> {
        let workspace = &context.workspace;
        let definitions = Context::command("imagedefinitions", self.service);
        let container = workspace.container_name(self.service, Environment::Production);
        let cluster = workspace.cluster(Environment::Production);
        let package = &self.service.package;
        let again = self.plan.finishes.then(|| {
            let rollback = Context::command("rollback", self.service);
            let previous = self.plan.previous;
            format!("where production is to run {previous} again: `{rollback} --to {previous}`")
        });
        let deployment = [
            "no running task has changed: write the image definitions, and deploy them".into(),
            format!("`{definitions} --environment production --by-digest`"),
            format!("register a revision of the task definition with that image for {container}"),
            format!(
                "`aws ecs update-service --cluster {cluster} --service {package} --task-definition REVISION`"
            ),
        ];
        again.into_iter().chain(deployment).collect()
    }

    fn entry(&self, outcome: Result<Outcome>) -> Entry {
        let service = self.service.package.clone();
        let result = outcome.map(|outcome| RolledBack {
            service: service.clone(),
            outcome: outcome.word("rolled-back"),
            image: Tagged {
                repository: self.repository.name().clone(),
                tag: self.tag.clone(),
                digest: self.plan.digest,
            },
            previous: self.plan.previous,
        });
        Entry::of_service(&service, result, |done| done.image.digest.to_string())
    }
}

impl Prepared<'_> {
    fn record(&self) -> PromotionRecord {
        if let Some(begun) = &self.begun {
            return begun.record().clone();
        }
        let package = &self.service.package;
        let mut record =
            PromotionRecord::now(package, self.repository.name(), &self.tag, self.plan.digest);
        record.previous = (!self.plan.is_done()).then_some(self.plan.previous);
        record.commit = self.plan.commit().map(str::to_owned);
        record
    }

    fn reference(&self) -> String {
        self.repository.name().tagged(&self.tag)
    }
}
