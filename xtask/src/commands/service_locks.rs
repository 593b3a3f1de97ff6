//! Commands that change what production is given of the same service wait for each other.

use std::collections::BTreeMap;
use std::time::Instant;

use anyhow::Result;

use super::Context;
use crate::error::{Fault, Kind};
use crate::files::FolderLock;
use crate::workspace::{Environment, Service};

/// Keeps other commands of this workspace from changing what production was given of
/// some services, by package, until it is dropped. A command that only looks takes none.
#[derive(Default)]
pub(super) struct ServiceLocks<'a>(BTreeMap<&'a str, Taken>);

/// A service whose turn it is.
struct Taken {
    /// An error where there could be no lock.
    lock: Result<FolderLock>,
    /// Whether another command gave production something meanwhile.
    has_changed: bool,
}

impl<'a> ServiceLocks<'a> {
    /// Waits for the commands that change one of `services`, no longer than the command's
    /// time limit. Those are taken in one order,
    /// whatever that of the arguments: no two commands wait for each other.
    pub(super) fn with(context: &Context, services: impl IntoIterator<Item = &'a Service>) -> Self {
        let seen = services.into_iter().map(|service| {
            let records = context.records(service, Environment::Production);
            let before = records.read_promotion().ok();
            (&*service.package, (service, records, before))
        });
        let end = Instant::now().checked_add(context.limit);
        let in_order: BTreeMap<_, _> = seen.collect();
        let taken = in_order
            .into_iter()
            .map(|(package, (service, records, before))| {
                let lock = FolderLock::exclusive_until(&context.workspace.turn(service), end);
                let has_changed = records.read_promotion().ok() != before;
                (package, Taken { lock, has_changed })
            });
        Self(taken.collect())
    }

    /// Checks that nobody else is at work on `service`.
    ///
    /// # Errors
    /// Where that could not be made sure of.
    pub(super) fn check(&self, service: &Service) -> Result<(), Fault> {
        match self.taken(service).map(|taken| &taken.lock) {
            Some(Err(error)) => Err(Fault::summary_of(error)),
            _ => Ok(()),
        }
    }

    /// Checks that production runs of `service` what it ran when the command was typed:
    /// what is meant in relation to that is not meant of another image.
    ///
    /// # Errors
    /// Where another command has given it something while this one waited.
    pub(super) fn check_unchanged(&self, service: &Service) -> Result<(), Fault> {
        match self.taken(service) {
            Some(taken) if taken.has_changed => Err(Kind::Raced
                .because("another command changed what production runs while this one waited")
                .hint("look at what was released meanwhile, then type the command again")),
            _ => Ok(()),
        }
    }

    fn taken(&self, service: &Service) -> Option<&Taken> {
        self.0.get(service.package.as_str())
    }
}
