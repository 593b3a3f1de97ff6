//! Changes to the production of several services: all of them are planned before the
//! first one is made.

use anyhow::Result;

use super::{Context, Entry, Report, SERVICES_AT_ONCE};
use crate::delivery::{Intention, Records};
use crate::oci::Tag;
use crate::parallel;
use crate::registry::Repository;
use crate::workspace::Service;

/// A change to one service's production for which all checks hold.
pub(super) trait Planned: Send + Sync {
    /// What comes of it.
    type Done: Send;

    /// The service whose production changes.
    fn service(&self) -> &Service;

    /// Makes the change.
    fn apply(&self, context: &Context) -> Result<Self::Done>;

    /// Warns that some services came through and others did not.
    fn warn(done: &[&str], missing: &[&str]);

    /// The result. `done` is what came of the change; `None` where it was not attempted,
    /// in a dry run or because a check of another service does not hold.
    fn into_entry(self, done: Option<Result<Self::Done>>) -> Entry;
}

/// Plans a change for each of `items` side by side and, where all plans hold and this
/// is no dry run, makes them side by side. `plan` gives the result of what failed.
pub(super) fn carry_out<T: Sync, P: Planned>(
    context: &Context,
    items: &[T],
    dry_run: bool,
    plan: impl Fn(&T) -> Result<P, Entry> + Sync,
) -> Report {
    let plans = parallel::map(items, SERVICES_AT_ONCE, plan);
    if dry_run || plans.iter().any(Result::is_err) {
        let entries = plans.into_iter().map(|plan| match plan {
            Ok(plan) => plan.into_entry(None),
            Err(failed) => failed,
        });
        return Report::new(entries.collect());
    }
    let plans: Vec<P> = plans.into_iter().flatten().collect();
    let done = parallel::map(&plans, SERVICES_AT_ONCE, |plan| plan.apply(context));
    tell_apart(&plans, &done);
    let pairs = plans.into_iter().zip(done);
    let entries = pairs.map(|(plan, done)| plan.into_entry(Some(done)));
    Report::new(entries.collect())
}

/// Where some services came through and others did not, says which.
fn tell_apart<P: Planned>(plans: &[P], done: &[Result<P::Done>]) {
    let names = |came_through: bool| -> Vec<_> {
        let pairs = plans.iter().zip(done);
        let pairs = pairs.filter(|(_, done)| done.is_ok() == came_through);
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
    (repository, tag): (&dyn Repository, &Tag),
    change: impl FnOnce() -> Result<T>,
) -> Result<T> {
    records.intend(intention)?;
    change().inspect_err(|_| {
        let found = repository.resolve(tag);
        if found.is_ok_and(|found| found == intention.record().previous) {
            // One that cannot be removed is one that a killed command leaves: the next one copes.
            let _ = records.withdraw();
        }
    })
}
