//! Doing what was planned.

use anyhow::Result;

use super::plan::{Change, Names, Plan};
use crate::error::{Fault, Kind};
use crate::oci::{Digest, Manifest, RepositoryName, Tag, Target, annotation};
use crate::registry::{Displaced, First, Move, Moved, Repository, copy_image, copy_referrers};
use crate::workspace::is_dirty;

/// Where a promotion takes place.
pub struct Place<'a> {
    /// The repository of production.
    pub production: &'a dyn Repository,
    /// The production tag.
    pub tag: &'a Tag,
    /// The repository of staging, where production has one of its own, and the
    /// staging tag.
    pub staging: Option<(&'a dyn Repository, &'a Tag)>,
}

impl<'a> Place<'a> {
    /// Where the tested image is.
    pub fn source(&self) -> &'a dyn Repository {
        self.staging
            .map_or(self.production, |(repository, _)| repository)
    }

    /// What a decision needs to know of it.
    pub fn names(&self) -> Names<'a> {
        Names {
            production: self.production.name(),
            tag: self.tag,
            staging: self
                .staging
                .map(|(repository, tag)| (repository.name(), tag)),
        }
    }
}

impl Plan {
    /// The digest that the plan displaces.
    pub fn previous(&self) -> Option<Digest> {
        match self.change {
            Change::Displace { previous } => Some(previous),
            Change::Nothing | Change::Create => None,
        }
    }

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

/// `<tag>-<the commit's first 12 digits>`, where the image names its commit.
pub fn commit_tag(tag: &Tag, manifest: &Manifest) -> Result<Option<Tag>, Fault> {
    let revision = manifest
        .annotation(annotation::REVISION)
        .unwrap_or_default();
    let commit = revision.get(..12).unwrap_or_default();
    if commit.is_empty() || !commit.bytes().all(|b| b.is_ascii_hexdigit()) {
        return Ok(None);
    }
    let dirty = if is_dirty(revision) { "-dirty" } else { "" };
    tag.with_suffix(&format!("{commit}{dirty}")).map(Some)
}

pub(super) fn move_tag(repository: &dyn Repository, wanted: Move<'_>) -> Result<()> {
    match repository.move_tag(wanted)? {
        Moved::Done => Ok(()),
        Moved::Raced(found) => {
            Err(raced(repository.name(), wanted.tag, found, wanted.to.digest()).into())
        }
    }
}

/// Somebody else moved the tag, which should point at `wanted`.
pub(super) fn raced(
    repository: &RepositoryName,
    tag: &Tag,
    found: Option<Digest>,
    wanted: Digest,
) -> Fault {
    let reference = repository.tagged(tag);
    let found = found.map_or_else(|| "nothing".to_owned(), |digest| digest.to_string());
    Kind::Raced
        .because(format!(
            "somebody else moved {reference}: it points at {found}, not at {wanted}"
        ))
        .hint("look at what was released meanwhile, then type the command again")
}
