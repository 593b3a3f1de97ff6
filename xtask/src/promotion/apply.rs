//! Doing what was planned.

use anyhow::Result;

use super::place::{Place, commit_tag, raced};
use super::plan::Plan;
use super::rollback::RollbackPlan;
use crate::oci::{Manifest, Tag, Target};
use crate::registry::{Displaced, First, Move, Moved, Repository, copy_image, copy_referrers};

impl Plan {
    /// Points the production tag at the digest. Killed at any instant it leaves
    /// the old or the new digest there, and the next promotion finishes.
    pub fn apply(&self, place: &Place<'_>) -> Result<()> {
        let Some(manifest) = &self.manifest else {
            return Ok(());
        };
        if let Some((staging, staging_tag)) = place.staging {
            bring_over(staging, staging_tag, place.production, manifest)?;
            self.look_again(place)?;
        }
        let displaced = self.displaced.as_ref().map(|(manifest, kept)| Displaced {
            manifest,
            kept,
            first: First::Kept,
        });
        let wanted = Move {
            tag: place.tag,
            to: manifest,
            from: self.previous(),
            displaced,
        };
        move_tag(place.production, wanted)
    }

    /// Bringing an image over may take long. Where the tag has moved or come to be
    /// since then, nothing of whoever did that must be overwritten: neither the tag
    /// nor what they kept.
    fn look_again(&self, place: &Place<'_>) -> Result<()> {
        let found = place.production.resolve(place.tag)?;
        if found == self.previous() || found == Some(self.digest) {
            return Ok(());
        }
        Err(raced(place.production.name(), place.tag, found, self.digest).into())
    }
}

impl RollbackPlan {
    /// Lets the tags change places. Where that takes two steps the production tag
    /// is first: whatever happens then, production is back.
    pub fn apply(&self, place: &Place<'_>) -> Result<()> {
        let Some(displaced) = &self.displaced else {
            return Ok(());
        };
        let Some(wanted) = &self.wanted else {
            let kept = Target::Tag(self.kept.clone());
            return place.production.put_manifest(&kept, displaced);
        };
        let displaced = Displaced {
            manifest: displaced,
            kept: &self.kept,
            first: First::Moved,
        };
        let wanted = Move {
            tag: place.tag,
            to: wanted,
            from: Some(self.previous),
            displaced: Some(displaced),
        };
        move_tag(place.production, wanted)
    }
}

/// Brings an image and all that belongs to it into production's own repository.
/// The production tag is not touched yet.
fn bring_over(
    staging: &dyn Repository,
    staging_tag: &Tag,
    production: &dyn Repository,
    manifest: &Manifest,
) -> Result<()> {
    let mut subjects = copy_image(staging, production, manifest)?;
    production.put_manifest(&Target::Digest(manifest.digest()), manifest)?;
    subjects.push(manifest.digest());
    copy_referrers(staging, production, subjects)?;
    if let Some(tag) = commit_tag(staging_tag, manifest)? {
        production.put_manifest(&Target::Tag(tag), manifest)?;
    }
    Ok(())
}

fn move_tag(repository: &dyn Repository, wanted: Move<'_>) -> Result<()> {
    match repository.move_tag(wanted)? {
        Moved::Done => Ok(()),
        Moved::Raced(found) => {
            Err(raced(repository.name(), wanted.tag, found, wanted.to.digest()).into())
        }
    }
}
