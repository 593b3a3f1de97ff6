//! Changes to the production of several services: all of them are planned before the
//! first one is made.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::{Context as _, Result};

use super::service_locks::ServiceLocks;
use super::{Context, Entry, Report, SERVICES_AT_ONCE};
use crate::delivery::{Intention, Records};
use crate::error::Fault;
use crate::promotion::{Begun, Place};
use crate::registry::Access;
use crate::workspace::Service;
use crate::{console, parallel, process};

/// A change to one service's production for which all checks hold.
pub(super) trait Planned: Send + Sync {
    /// What is done to a service, as errors say it.
    const DOING: &'static str;

    /// The service whose production changes.
    fn service(&self) -> &Service;

    /// What an earlier command began, and this one finishes.
    fn begun(&self) -> Option<&Intention>;

    /// Whether there is nothing to change.
    fn is_unchanged(&self) -> bool;

    /// Where it is recorded.
    fn records(&self) -> &Records;

    /// The repositories and tags that are changed.
    fn place(&self) -> Place<'_>;

    /// What is to be recorded of it.
    fn intention(&self) -> Intention;

    /// What to type where it was made and not recorded, as a part of a sentence.
    fn again(&self) -> String;

    /// Moves the tags.
    fn apply(&self, place: &Place<'_>) -> Result<()>;

    /// Says that some services came through and others did not.
    fn fault_of_some(done: &[&str], missing: &[&str]) -> Fault;

    /// The line that tells people how it ended.
    fn told(&self, outcome: Outcome) -> String;

    /// What to type next where production has changed.
    fn hints(&self, _context: &Context) -> Vec<String> {
        Vec::new()
    }

    /// The result.
    fn entry(&self, outcome: Result<Outcome>) -> Entry;
}

/// A change that was made, and whether it could be recorded: it was made all the same.
struct Made {
    recorded: Result<()>,
}

/// How a change that did not fail ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It was made.
    Changed,
    /// There was nothing to change.
    Unchanged,
    /// It was not attempted: a dry run, or a check of another service does not hold.
    Planned,
}

impl Outcome {
    /// The word that results use; `changed` is the command's own for what it does.
    pub(super) fn word(self, changed: &'static str) -> &'static str {
        match self {
            Self::Changed => changed,
            Self::Unchanged => "unchanged",
            Self::Planned => "planned",
        }
    }
}

/// What changes are planned with: a dry run only looks, and nobody waits for it.
pub(super) struct Turn<'a> {
    /// What is going to be done with the repositories.
    pub(super) access: Access,
    /// Keeps others from changing meanwhile what is looked at.
    pub(super) locks: ServiceLocks<'a>,
}

impl<'a> Turn<'a> {
    fn take(context: &Context, services: impl Iterator<Item = &'a Service>, dry_run: bool) -> Self {
        if dry_run {
            return Self {
                access: Access::Pull,
                locks: ServiceLocks::default(),
            };
        }
        Self {
            access: Access::Push,
            locks: ServiceLocks::with(context, services),
        }
    }
}

/// Plans a change for each of `items`, which are about `service_of` them, side by side and,
/// where all plans hold and this is no dry run, makes them side by side. `plan` gives the
/// result of what failed.
pub(super) fn carry_out<'a, T: Sync, P: Planned>(
    context: &Context,
    items: &[T],
    service_of: impl Fn(&T) -> &'a Service,
    dry_run: bool,
    plan: impl Fn(&T, &Turn<'a>) -> Result<P, Entry> + Sync,
) -> Report {
    let turn = Turn::take(context, items.iter().map(service_of), dry_run);
    let plans = parallel::map(items, SERVICES_AT_ONCE, |item| plan(item, &turn));
    if dry_run || plans.iter().any(Result::is_err) {
        let entries = plans.into_iter().map(|plan| match plan {
            Ok(plan) => tell(context, &plan, Ok(ended(&plan, Outcome::Planned))),
            Err(failed) => failed,
        });
        return Report::new(entries.collect());
    }
    let plans: Vec<P> = plans.into_iter().flatten().collect();
    let progress = Arc::new(Progress::of(&plans));
    let interrupted = Arc::clone(&progress);
    process::on_interrupt(move || interrupted.tell::<P>());
    let entries = parallel::map(&plans, SERVICES_AT_ONCE, |plan| {
        make(context, plan, &progress)
    });
    let report = Report::new(entries);
    match progress.fault::<P>() {
        Some(fault) => report.failing(fault.into()),
        None => report,
    }
}

/// Makes a change, tells how it ended and gives the result.
fn make<P: Planned>(context: &Context, plan: &P, progress: &Progress) -> Entry {
    let package = &plan.service().package;
    if let Some(begun) = plan.begun() {
        console::note(format_args!("{package}: finishing {begun}"));
    }
    let made = change_and_record(plan).with_context(|| format!("{} {package}", P::DOING));
    let is_made = made.is_ok();
    // What was done and not recorded is a failure all the same.
    let recorded = made.and_then(|made| made.recorded);
    let outcome = recorded.map(|()| ended(plan, Outcome::Changed));
    // Held while it is told: the lines about a service stay together.
    let mut services = progress.services();
    let entry = tell(context, plan, outcome);
    if is_made {
        entry.keep_for_interrupt();
        services.insert(package.clone(), true);
    }
    entry
}

/// Makes a change and records it; one that is not needed may still have to be recorded.
fn change_and_record(plan: &impl Planned) -> Result<Made> {
    let (records, intention) = (plan.records(), plan.intention());
    let recorded = if plan.is_unchanged() {
        match plan.begun() {
            Some(begun) => records.write_promotion(begun.record()),
            None => records.confirm_promotion(intention.record().clone()),
        }
    } else {
        let place = plan.place();
        intending(records, &intention, &place, || plan.apply(&place))?;
        records.write_promotion(intention.record())
    };
    let recorded = recorded.with_context(|| {
        let record = intention.record();
        let reference = record.repository.tagged(&record.tag);
        format!(
            "{reference} points at {} now, but that is not recorded; {} records it",
            record.digest,
            plan.again()
        )
    });
    Ok(Made { recorded })
}

/// Which services have come through, by package.
struct Progress(Mutex<BTreeMap<String, bool>>);

impl Progress {
    fn of(plans: &[impl Planned]) -> Self {
        let packages = plans.iter().map(|plan| plan.service().package.clone());
        Self(Mutex::new(
            packages.map(|package| (package, false)).collect(),
        ))
    }

    /// Where some services came through and others did not, says which.
    fn fault<P: Planned>(&self) -> Option<Fault> {
        let services = self.services();
        let names = |through: bool| -> Vec<_> {
            let services = services
                .iter()
                .filter(|(_, is_through)| **is_through == through);
            services.map(|(package, _)| package.as_str()).collect()
        };
        let (done, missing) = (names(true), names(false));
        (!done.is_empty() && !missing.is_empty()).then(|| P::fault_of_some(&done, &missing))
    }

    /// Says after an interrupt where the services are.
    fn tell<P: Planned>(&self) {
        if let Some(fault) = self.fault::<P>() {
            console::error(&fault.into());
        } else if self.services().values().any(|is_through| !is_through) {
            console::hint("what had begun may have moved the tag: the same command finishes it");
        }
    }

    fn services(&self) -> MutexGuard<'_, BTreeMap<String, bool>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// `outcome`, unless there was nothing to do.
fn ended(plan: &impl Planned, outcome: Outcome) -> Outcome {
    if plan.is_unchanged() {
        Outcome::Unchanged
    } else {
        outcome
    }
}

/// Tells how a change ended, then what to type next, and gives the result.
fn tell(context: &Context, plan: &impl Planned, outcome: Result<Outcome>) -> Entry {
    if let Ok(outcome) = outcome {
        console::note(plan.told(outcome));
        if outcome == Outcome::Changed {
            plan.hints(context).iter().for_each(console::hint);
        }
    }
    plan.entry(outcome)
}

/// Makes a change to a production tag, and records before what it is to be: where records
/// cannot be written nothing moves.
///
/// Where the change failed and the tag points where it did before, there is nothing to
/// finish. The intention is withdrawn: kept, it would take what others do later for its
/// own. Where the tag cannot be looked at, or points anywhere else, it stays: a registry
/// may show late what it has taken.
fn intending(
    records: &Records,
    intention: &Intention,
    place: &Place<'_>,
    change: impl FnOnce() -> Result<()>,
) -> Result<()> {
    records.intend(intention)?;
    change().inspect_err(|_| {
        let found = place.production.resolve(place.tag);
        if found.is_ok_and(|found| found == intention.record().previous) {
            // One that cannot be removed is one that a killed command leaves: the next one copes.
            let _ = records.withdraw();
        }
    })
}

/// The rollback that was begun, where it was one.
pub(super) fn rollback_of(begun: &Intention) -> Option<Begun> {
    match begun {
        Intention::Rollback(record) => Some(Begun {
            digest: record.digest,
            previous: record.previous?,
        }),
        Intention::Promotion(_) => None,
    }
}
