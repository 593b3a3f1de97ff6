//! Asking the registry what a decision needs to know. Changes nothing.

use anyhow::Result;

use super::PREVIOUS;
use super::place::{Place, raced};
use super::plan::{Change, Observation, Wish};
use super::rollback::{RollbackObservation, RollbackWish, Step, Tags};
use crate::error::{Fault, Kind};
use crate::oci::Target;
use crate::workspace::TagPolicy;

/// Looks before a promotion: one request where nothing is to do, one more for the
/// wanted manifest, and one for the manifest that it may displace.
pub fn look(place: &Place<'_>, wish: &Wish) -> Result<Observation> {
    let mut seen = Observation {
        current: place.production.resolve(place.tag)?,
        manifest: None,
        displaced: Ok(None),
    };
    let change = wish.change(seen.current);
    if change == Change::Nothing {
        return Ok(seen);
    }
    let source = place.source();
    seen.manifest = source.manifest(&wish.digest)?;
    if let Some(manifest) = &seen.manifest {
        source.check_whole(manifest)?;
    }
    if let (Change::Displace { previous }, TagPolicy::Moving) = (change, wish.policy) {
        seen.displaced = match place.production.manifest(&previous) {
            Err(error) if matches!(Fault::kind_of(&error), Kind::Failed | Kind::NotFound) => {
                Err(Fault::summary_of(&error))
            }
            found => Ok(found?),
        };
    }
    Ok(seen)
}

/// Looks before a rollback: at both tags and at what they are to point at. Where the tag
/// may not move, nothing needs to be known.
pub fn look_back(place: &Place<'_>, wish: &RollbackWish) -> Result<RollbackObservation> {
    let mut seen = RollbackObservation::default();
    if wish.policy == TagPolicy::Immutable {
        return Ok(seen);
    }
    seen.tags = look_at_tags(place, wish)?;
    let Some(way) = wish.way(&seen.tags) else {
        return Ok(seen);
    };
    let repository = place.production;
    if way.step == Step::Swap {
        seen.wanted = repository.manifest(&way.digest)?;
    }
    if way.step != Step::Nothing {
        seen.displaced = repository.manifest(&way.previous)?;
    }
    if let Some(wanted) = &seen.wanted {
        repository.check_whole(wanted)?;
    }
    Ok(seen)
}

fn look_at_tags(place: &Place<'_>, wish: &RollbackWish) -> Result<Tags> {
    let repository = place.production;
    let current = repository.resolve(place.tag)?;
    let kept = repository.resolve(&place.tag.with_suffix(PREVIOUS)?)?;
    let target = match &wish.to {
        Some(Target::Digest(digest)) => Some(*digest),
        Some(Target::Tag(tag)) => repository.resolve(tag)?,
        None => kept,
    };
    if let (Some(digest), true) = (current, current == target) {
        // Between the looks somebody else may have let the tags change places.
        let found = repository.resolve(place.tag)?;
        if found != current {
            return Err(raced(repository.name(), place.tag, found, digest).into());
        }
    }
    Ok(Tags {
        current,
        kept,
        target,
    })
}
