use anyhow::{Context as _, Result};
use serde::Serialize;

use super::alone::Alone;
use super::{Context, Entry, Report, SERVICES_AT_ONCE, Services, claims};
use crate::delivery::{Intention, PromotionRecord, Records};
use crate::error::Kind;
use crate::oci::{Digest, RepositoryName, Tag};
use crate::parameters::in_codebuild;
use crate::promotion::{Change, Expectation, Outcome, Place, Plan, Wish, look, plan};
use crate::registry::{Access, Repository, Traffic};
use crate::workspace::{Environment, Service};
use crate::{console, parallel};

/// Point the production tags at the tested digests
///
/// Nothing is rebuilt and no layer is moved. The digest is the one of --digest,
/// else of <PREFIX>_TESTED_DIGEST, else what the staging tag points at. All checks
/// of all services come before the first change of any. A registry has no
/// conditional PUT: a move by somebody else between the last look at the tag and
/// the PUT stays unseen.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct PromoteToProduction {
    #[command(flatten)]
    services: Services,
    /// The digest that was tested; with one SERVICE
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// What the production tag must point at now; with one SERVICE
    #[arg(long, value_name = "DIGEST|absent")]
    expect: Option<Expectation>,
    /// Check everything, change nothing
    #[arg(long)]
    dry_run: bool,
}

impl PromoteToProduction {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let services = context.workspace.select(&self.services.names)?;
        if self.digest.is_some() {
            context.only_service(&self.services.names, "--digest")?;
        }
        if self.expect.is_some() {
            context.only_service(&self.services.names, "--expect")?;
        }
        let orders: Vec<_> = services
            .into_iter()
            .map(|service| Order {
                service,
                digest: self
                    .digest
                    .map(|digest| (digest, "as the command line says")),
                expect: self.expect,
            })
            .collect();
        Ok(promote(context, &orders, self.dry_run))
    }
}

/// What is asked for one service.
pub(super) struct Order<'a> {
    pub(super) service: &'a Service,
    /// The digest that was tested, where the caller knows it, and how.
    pub(super) digest: Option<(Digest, &'static str)>,
    pub(super) expect: Option<Expectation>,
}

/// Promotes services side by side: the plans of all of them come first. They are made once
/// no other command changes any more what they look at.
pub(super) fn promote(context: &Context, orders: &[Order<'_>], dry_run: bool) -> Report {
    let (access, alone) = if dry_run {
        (Access::Pull, Alone::default())
    } else {
        let services = orders.iter().map(|order| order.service);
        (Access::Push, Alone::with(context, services))
    };
    let attempts = parallel::map(orders, SERVICES_AT_ONCE, |order| {
        Attempt::plan(context, &alone, order, access)
    });
    let ready: Vec<_> = attempts.iter().filter_map(Attempt::ready).collect();
    let applied = if !dry_run && ready.len() == attempts.len() {
        parallel::map(&ready, SERVICES_AT_ONCE, |ready| ready.apply(context))
    } else {
        Vec::new()
    };
    tell_apart(&ready, &applied);
    let mut applied = applied.into_iter();
    let entries = attempts.into_iter();
    Report::new(
        entries
            .map(|attempt| attempt.into_entry(applied.next()))
            .collect(),
    )
}

/// Where some services were promoted and others were not, says which.
fn tell_apart(ready: &[Ready<'_>], applied: &[Result<Applied>]) {
    let names = ready.iter().map(|one| one.service.package.as_str());
    if let Some((done, missing)) = super::tell_apart(names, applied) {
        console::warn(format_args!(
            "promoted: {}; not promoted: {}; the same command finishes the work",
            done.join(", "),
            missing.join(", ")
        ));
    }
}

/// A service on its way to production.
struct Attempt<'a> {
    service: &'a Service,
    /// An error where the parameters do not say where its images live.
    place: Result<Planned>,
}

/// Where a service is to be promoted, and what is to be done there.
struct Planned {
    candidate: Candidate,
    plan: Result<Plan>,
}

/// A service whose promotion can be done.
struct Ready<'a> {
    service: &'a Service,
    candidate: &'a Candidate,
    plan: &'a Plan,
}

/// The repositories and tags of one service.
struct Candidate {
    name: RepositoryName,
    tag: Tag,
    production: Box<dyn Repository>,
    staging: Option<(Box<dyn Repository>, Tag)>,
}

/// A promotion that was done, and whether it could be recorded.
struct Applied {
    outcome: Outcome,
    recorded: Result<()>,
}

/// What the result says of one service.
#[derive(Serialize)]
struct Object<'a> {
    service: &'a str,
    outcome: Outcome,
    repository: Option<&'a RepositoryName>,
    tag: Option<&'a Tag>,
    digest: Option<Digest>,
    previous: Option<Digest>,
    #[serde(flatten)]
    traffic: Traffic,
}

impl Candidate {
    fn open(context: &Context, service: &Service, access: Access) -> Result<Self> {
        let (name, tag) =
            context
                .parameters
                .image(&context.workspace, service, Environment::Production)?;
        let staging = if service.production_repository {
            let (name, tag) =
                context
                    .parameters
                    .image(&context.workspace, service, Environment::Staging)?;
            Some((context.registries.open(&name, Access::Pull), tag))
        } else {
            None
        };
        Ok(Self {
            production: context.registries.open(&name, access),
            name,
            tag,
            staging,
        })
    }

    fn place(&self) -> Place<'_> {
        Place {
            production: &*self.production,
            tag: &self.tag,
            staging: self
                .staging
                .as_ref()
                .map(|(repository, tag)| (&**repository, tag)),
        }
    }

    /// What was asked of both repositories.
    fn traffic(&self) -> Traffic {
        let staging = self
            .staging
            .as_ref()
            .map(|(repository, _)| repository.traffic());
        self.production.traffic() + staging.unwrap_or_default()
    }
}

impl<'a> Attempt<'a> {
    fn plan(context: &Context, alone: &Alone<'_>, order: &Order<'a>, access: Access) -> Self {
        let service = order.service;
        let planning = || format!("planning the promotion of {}", service.package);
        let candidate = Candidate::open(context, service, access).with_context(planning);
        let place = candidate.map(|candidate| Planned {
            plan: make_plan(context, alone, order, &candidate).with_context(planning),
            candidate,
        });
        Self { service, place }
    }

    fn ready(&self) -> Option<Ready<'_>> {
        let place = self.place.as_ref().ok()?;
        Some(Ready {
            service: self.service,
            candidate: &place.candidate,
            plan: place.plan.as_ref().ok()?,
        })
    }

    /// The result; `applied` is what came of it where all plans held.
    fn into_entry(self, applied: Option<Result<Applied>>) -> Entry {
        let mut object = Object::of(self.service);
        let Planned { candidate, plan } = match self.place {
            Ok(place) => place,
            Err(error) => return Entry::failed(&object, error),
        };
        object.repository = Some(&candidate.name);
        object.tag = Some(&candidate.tag);
        object.traffic = candidate.traffic();
        let plan = match plan {
            Ok(plan) => plan,
            Err(error) => return Entry::failed(&object, error),
        };
        object.digest = Some(plan.digest);
        object.previous = plan.previous();
        let outcome = match applied {
            Some(applied) => applied.and_then(Applied::into_outcome),
            None if plan.change == Change::Nothing => Ok(Outcome::Unchanged),
            None => Ok(Outcome::Planned),
        };
        match outcome {
            Ok(outcome) => {
                object.outcome = outcome;
                show(&candidate, &plan, outcome);
                Entry::new(plan.digest.to_string(), &object)
            }
            Err(error) => Entry::failed(&object, error),
        }
    }
}

impl<'a> Object<'a> {
    /// What is said where nothing came of it.
    fn of(service: &'a Service) -> Self {
        Self {
            service: &service.package,
            outcome: Outcome::Failed,
            repository: None,
            tag: None,
            digest: None,
            previous: None,
            traffic: Traffic::default(),
        }
    }
}

impl Applied {
    /// What was done and not recorded is a failure.
    fn into_outcome(self) -> Result<Outcome> {
        self.recorded.map(|()| self.outcome)
    }
}

impl Ready<'_> {
    /// Moves the tag and records it. What is intended is recorded first: where records
    /// cannot be written, nothing is moved.
    fn apply(&self, context: &Context) -> Result<Applied> {
        let Self {
            service,
            candidate,
            plan,
        } = self;
        let promoting = || format!("promoting {}", service.package);
        let records = Records::new(context.workspace.records(service, Environment::Production));
        let record = self.record();
        if plan.change != Change::Nothing {
            let intention = Intention::Promotion(record.clone());
            records.intend(&intention).with_context(promoting)?;
        }
        let outcome = plan.apply(&candidate.place()).with_context(promoting)?;
        let recorded = match plan.change {
            Change::Nothing => records.confirm_promotion(record),
            _ => records.write_promotion(&record),
        };
        let recorded = recorded.with_context(|| {
            let reference = candidate.name.tagged(&candidate.tag);
            format!("{reference} points at {} now, but that is not recorded; the same command records it", plan.digest)
        });
        Ok(Applied { outcome, recorded })
    }

    fn record(&self) -> PromotionRecord {
        let Self {
            service,
            candidate,
            plan,
        } = self;
        let mut record = PromotionRecord::now(
            &service.package,
            &candidate.name,
            &candidate.tag,
            plan.digest,
        );
        record.previous = plan.previous();
        record.commit = plan.commit().map(str::to_owned);
        record
    }
}

fn make_plan(
    context: &Context,
    alone: &Alone<'_>,
    order: &Order<'_>,
    candidate: &Candidate,
) -> Result<Plan> {
    alone.check(order.service)?;
    claims::check(context, order.service)?;
    let place = candidate.place();
    let wish = Wish {
        digest: tested_digest(context, order, &place)?,
        policy: order.service.production_tag,
        expect: order.expect,
    };
    let seen = look(&place, &wish)?;
    Ok(plan(&place, &wish, seen)?)
}

/// The digest that was tested, and a word on how it is known.
fn tested_digest(context: &Context, order: &Order<'_>, place: &Place<'_>) -> Result<Digest> {
    let service = order.service;
    let parameter = service.tested_digest_parameter();
    if let Some((digest, known)) = order.digest {
        console::note(format_args!(
            "{}: promoting {digest}, {known}",
            service.package
        ));
        return Ok(digest);
    }
    if let Some(digest) = context.parameters.parse_if_set(&parameter)? {
        console::note(format_args!(
            "{}: promoting {digest}, as {parameter} says",
            service.package
        ));
        return Ok(digest);
    }
    if in_codebuild() {
        return Err(Kind::Configuration
            .because(format!("{parameter} is missing: in CodeBuild nothing is released that nobody approved"))
            .hint(format!("let the release action set {parameter} to the digest that the staging action exported"))
            .into());
    }
    digest_in_staging(context, service, place)
}

fn digest_in_staging(context: &Context, service: &Service, place: &Place<'_>) -> Result<Digest> {
    let tag: Tag = context
        .parameters
        .parse(&service.tag_parameter(Environment::Staging))?;
    let source = place.source();
    let reference = source.name().tagged(&tag);
    let digest = source.resolve(&tag)?.with_context(|| {
        Kind::NotFound
            .because(format!("there is no image {reference}"))
            .hint(Context::command("staging-tag", service))
    })?;
    console::warn(format_args!(
        "{}: promoting {digest}, because {reference} points at it; nobody says that it was tested",
        service.package
    ));
    Ok(digest)
}

fn show(candidate: &Candidate, plan: &Plan, outcome: Outcome) {
    let reference = candidate.name.tagged(&candidate.tag);
    let digest = plan.digest;
    match (outcome, plan.previous()) {
        (Outcome::Unchanged, _) => {
            console::note(format_args!("{reference} points at {digest} already"))
        }
        (Outcome::Planned, None) => console::note(format_args!(
            "{reference} would be created, pointing at {digest}"
        )),
        (Outcome::Planned, Some(old)) => console::note(format_args!(
            "{reference} would move from {old} to {digest}"
        )),
        (_, None) => console::note(format_args!(
            "{reference} was created, pointing at {digest}"
        )),
        (_, Some(old)) => console::note(format_args!(
            "{reference} moved from {old} to {digest}; {reference}-previous keeps the old one"
        )),
    }
}
