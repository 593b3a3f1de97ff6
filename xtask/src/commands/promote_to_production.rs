use anyhow::{Context as _, Result};
use serde::Serialize;

use super::planned::{self, Outcome, Planned, Turn};
use super::{Context, Entry, Report, Services, claims};
use crate::console;
use crate::delivery::{Intention, PromotionRecord, Records};
use crate::error::{Fault, Kind};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::parameters::in_codebuild;
use crate::promotion::{Change, Expectation, PREVIOUS, Place, Plan, Step, Wish, look, plan};
use crate::registry::{Access, Repository, Traffic};
use crate::workspace::{Environment, Service};

/// Point the production tags at the tested digests
///
/// Nothing is rebuilt, and no layer is moved unless production has a repository of
/// its own: then what is missing there is mounted or copied. The digest is the one
/// of --digest, else of PREFIX_TESTED_DIGEST, else what the staging tag points at;
/// CodeBuild refuses without one of the first two. A displaced image stays under
/// TAG-previous, and imageDetail.json and promotion.json tell what was released.
///
/// All checks of all services come before the first change of any. A registry has no
/// conditional PUT: a move by somebody else between the last look at the tag and the
/// PUT stays unseen.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct PromoteToProduction {
    #[command(flatten)]
    services: Services,
    /// The digest that was tested; with one SERVICE
    #[arg(long, value_name = "DIGEST")]
    digest: Option<Digest>,
    /// What the production tag must point at now, also an image that is lost; with one SERVICE
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
pub(super) fn promote<'a>(context: &Context, orders: &[Order<'a>], dry_run: bool) -> Report {
    let service_of = |order: &Order<'a>| order.service;
    planned::carry_out(context, orders, service_of, dry_run, |order, turn| {
        Promotion::plan(context, turn, order)
    })
}

/// A service whose promotion can be done.
struct Promotion<'a> {
    service: &'a Service,
    candidate: Candidate,
    records: Records,
    plan: Plan,
    /// What an earlier command began, and this one finishes.
    begun: Option<Intention>,
}

/// The repositories and tags of one service.
struct Candidate {
    production: Box<dyn Repository>,
    tag: Tag,
    staging: Option<(Box<dyn Repository>, Tag)>,
}

/// What the result says of one service.
#[derive(Serialize)]
struct Object<'a> {
    service: &'a str,
    outcome: &'static str,
    repository: Option<&'a RepositoryName>,
    tag: Option<&'a Tag>,
    digest: Option<Digest>,
    previous: Option<Digest>,
    #[serde(flatten)]
    traffic: Traffic,
}

impl Candidate {
    fn open(context: &Context, service: &Service, access: Access) -> Result<Self> {
        let (name, tag) = context.image(service, Environment::Production)?;
        let staging = if service.production_repository {
            let (name, tag) = context.image(service, Environment::Staging)?;
            Some((context.registries.open(&name, Access::Pull), tag))
        } else {
            None
        };
        Ok(Self {
            production: context.registries.open(&name, access),
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

    fn reference(&self) -> String {
        self.production.name().tagged(&self.tag)
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

impl<'a> Object<'a> {
    /// What is said where nothing came of it. There is no candidate where the
    /// parameters do not say where the service's images live.
    fn failed(service: &'a Service, candidate: Option<&'a Candidate>) -> Self {
        Self {
            service: &service.package,
            outcome: "failed",
            repository: candidate.map(|candidate| candidate.production.name()),
            tag: candidate.map(|candidate| &candidate.tag),
            digest: None,
            previous: None,
            traffic: candidate.map(Candidate::traffic).unwrap_or_default(),
        }
    }
}

impl<'a> Promotion<'a> {
    fn plan(context: &Context, turn: &Turn<'_>, order: &Order<'a>) -> Result<Self, Entry> {
        let service = order.service;
        let failed = |candidate: Option<&Candidate>, error: anyhow::Error| {
            let error = error.context(format!("planning the promotion of {}", service.package));
            Entry::failed(&Object::failed(service, candidate), error)
        };
        let candidate =
            Candidate::open(context, service, turn.access).map_err(|error| failed(None, error))?;
        let records = context.records(service, Environment::Production);
        let made = make_plan(context, turn, order, &candidate).and_then(|plan| {
            let begun = find_begun(service, &candidate, &records, &plan)?;
            Ok((plan, begun))
        });
        let (plan, begun) = made.map_err(|error| failed(Some(&candidate), error))?;
        Ok(Self {
            begun,
            service,
            candidate,
            records,
            plan,
        })
    }

    fn record(&self) -> PromotionRecord {
        let Candidate {
            production, tag, ..
        } = &self.candidate;
        let package = &self.service.package;
        let mut record = PromotionRecord::now(package, production.name(), tag, self.plan.digest);
        record.previous = self.plan.previous();
        record.commit = self.plan.commit().map(str::to_owned);
        record
    }
}

impl Planned for Promotion<'_> {
    const DOING: &'static str = "promoting";

    fn service(&self) -> &Service {
        self.service
    }

    fn begun(&self) -> Option<&Intention> {
        self.begun.as_ref()
    }

    fn is_unchanged(&self) -> bool {
        self.plan.change == Change::Nothing
    }

    fn records(&self) -> &Records {
        &self.records
    }

    fn place(&self) -> Place<'_> {
        self.candidate.place()
    }

    fn intention(&self) -> Intention {
        Intention::Promotion(self.record())
    }

    fn again(&self) -> String {
        "the same command".into()
    }

    fn apply(&self, place: &Place<'_>) -> Result<()> {
        self.plan.apply(place)
    }

    fn fault_of_some(done: &[&str], missing: &[&str]) -> Fault {
        let (done, missing) = (done.join(", "), missing.join(", "));
        Kind::Failed
            .because(format!("promoted: {done}; not promoted: {missing}"))
            .hint("the same command finishes the work")
    }

    fn told(&self, outcome: Outcome) -> String {
        let reference = self.candidate.reference();
        let digest = self.plan.digest;
        match (outcome, self.plan.previous()) {
            (Outcome::Unchanged, _) => format!("{reference} points at {digest} already"),
            (Outcome::Planned, None) => {
                format!("{reference} would be created, pointing at {digest}")
            }
            (Outcome::Planned, Some(old)) => {
                format!("{reference} would move from {old} to {digest}")
            }
            (Outcome::Changed, None) => format!("{reference} was created, pointing at {digest}"),
            (Outcome::Changed, Some(old)) if !self.plan.keeps() => format!(
                "{reference} moved from {old} to {digest}; the old one is lost, nothing is kept"
            ),
            (Outcome::Changed, Some(old)) => format!(
                "{reference} moved from {old} to {digest}; {reference}-previous keeps the old one"
            ),
        }
    }

    fn entry(&self, outcome: Result<Outcome>) -> Entry {
        let object = Object {
            digest: Some(self.plan.digest),
            previous: self.plan.previous(),
            ..Object::failed(self.service, Some(&self.candidate))
        };
        match outcome {
            Ok(outcome) => {
                let outcome = outcome.word("promoted");
                Entry::new(self.plan.digest.to_string(), &Object { outcome, ..object })
            }
            Err(error) => Entry::failed(&object, error),
        }
    }
}

fn make_plan(
    context: &Context,
    turn: &Turn<'_>,
    order: &Order<'_>,
    candidate: &Candidate,
) -> Result<Plan> {
    turn.locks.check(order.service)?;
    claims::check(context, order.service)?;
    let place = candidate.place();
    let wish = Wish {
        digest: tested_digest(context, order, &place)?,
        policy: order.service.production_tag,
        expect: order.expect,
    };
    let seen = look(&place, &wish)?;
    Ok(plan(place.names(), &wish, seen)?)
}

/// What was begun and is finished by recording that the tag points at the image.
///
/// A rollback to it that has yet to keep what it took away is no promotion's to finish:
/// recorded as done, that would have no tag any more.
fn find_begun(
    service: &Service,
    candidate: &Candidate,
    records: &Records,
    plan: &Plan,
) -> Result<Option<Intention>> {
    let Candidate {
        production, tag, ..
    } = candidate;
    let unfinished = records.unfinished(production.name(), tag);
    let is_there = plan.change == Change::Nothing;
    let Some(begun) = unfinished.filter(|begun| is_there && begun.record().digest == plan.digest)
    else {
        return Ok(None);
    };
    let Some(rollback) = planned::rollback_of(&begun) else {
        return Ok(Some(begun));
    };
    let kept = production.resolve(&tag.with_suffix(PREVIOUS)?)?;
    match rollback.rest(plan.digest, kept) {
        Some(Step::Keep) => Err(Kind::Refused
            .because(format!(
                "{begun} is not finished: {}-{PREVIOUS} does not keep {} yet",
                candidate.reference(),
                rollback.previous
            ))
            .hint(format!(
                "`{}` finishes it",
                Context::command("rollback", service)
            ))
            .into()),
        Some(_) => Ok(Some(begun)),
        None => Ok(None),
    }
}

/// The digest that was tested; a note says how it is known.
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
