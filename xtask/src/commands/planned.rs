//! Changes to the production of several services: all of them are planned before the
//! first one is made.

use anyhow::Result;

use super::service_locks::ServiceLocks;
use super::{Context, Entry, Report, SERVICES_AT_ONCE};
use crate::delivery::{Intention, Records};
use crate::promotion::Place;
use crate::registry::Access;
use crate::workspace::Service;
use crate::{console, parallel};

/// A change to one service's production for which all checks hold.
pub(super) trait Planned: Send + Sync {
    /// The service whose production changes.
    fn service(&self) -> &Service;

    /// What an earlier command began, and this one finishes.
    fn begun(&self) -> Option<&Intention>;

    /// Whether there is nothing to change.
    fn is_unchanged(&self) -> bool;

    /// Makes the change and records it; one that is not needed may still have to be recorded.
    fn apply(&self) -> Result<Applied>;

    /// Warns that some services came through and others did not.
    fn warn(done: &[&str], missing: &[&str]);

    /// The line that tells people how it ended.
    fn told(&self, outcome: Outcome) -> String;

    /// What to type next where production has changed.
    fn hints(&self, _context: &Context) -> Vec<String> {
        Vec::new()
    }

    /// The result.
    fn into_entry(self, outcome: Result<Outcome>) -> Entry;
}

/// A change that was made, and whether it could be recorded: it was made all the same.
pub(super) struct Applied {
    pub(super) recorded: Result<()>,
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
        let entries = plans.into_iter().map(|plan| {
            plan.map_or_else(
                |failed| failed,
                |plan| {
                    let outcome = ended(&plan, Outcome::Planned);
                    tell(context, plan, Ok(outcome))
                },
            )
        });
        return Report::new(entries.collect());
    }
    let plans: Vec<P> = plans.into_iter().flatten().collect();
    let applied = parallel::map(&plans, SERVICES_AT_ONCE, |plan| {
        if let Some(begun) = plan.begun() {
            console::note(format_args!(
                "{}: finishing {begun}",
                plan.service().package
            ));
        }
        plan.apply()
    });
    tell_apart(&plans, &applied);
    let entries = plans.into_iter().zip(applied).map(|(plan, applied)| {
        // What was done and not recorded is a failure all the same.
        let recorded = applied.and_then(|applied| applied.recorded);
        let outcome = recorded.map(|()| ended(&plan, Outcome::Changed));
        tell(context, plan, outcome)
    });
    Report::new(entries.collect())
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
fn tell<P: Planned>(context: &Context, plan: P, outcome: Result<Outcome>) -> Entry {
    if let Ok(outcome) = outcome {
        console::note(plan.told(outcome));
        if outcome == Outcome::Changed {
            plan.hints(context).iter().for_each(console::hint);
        }
    }
    plan.into_entry(outcome)
}

/// Where some services came through and others did not, says which.
fn tell_apart<P: Planned>(plans: &[P], applied: &[Result<Applied>]) {
    let names = |came_through: bool| -> Vec<_> {
        let pairs = plans.iter().zip(applied);
        let pairs = pairs.filter(|(_, applied)| applied.is_ok() == came_through);
        let names = pairs.map(|(plan, _)| plan.service().package.as_str());
        names.collect()
    };
    let (done, missing) = (names(true), names(false));
    if !done.is_empty() && !missing.is_empty() {
        P::warn(&done, &missing);
    }
}

/// Makes a change to a production tag, and records before what it is to be: where records
/// cannot be written nothing moves.
///
/// Where the change failed and the tag points where it did before, there is nothing to
/// finish. The intention is withdrawn: kept, it would take what others do later for its
/// own. Where the tag cannot be looked at, or points anywhere else, it stays: a registry
/// may show late what it has taken.
pub(super) fn intending<T>(
    records: &Records,
    intention: &Intention,
    place: &Place<'_>,
    change: impl FnOnce() -> Result<T>,
) -> Result<T> {
    records.intend(intention)?;
    change().inspect_err(|_| {
        let found = place.production.resolve(place.tag);
        if found.is_ok_and(|found| found == intention.record().previous) {
            // One that cannot be removed is one that a killed command leaves: the next one copes.
            let _ = records.withdraw();
        }
    })
}
