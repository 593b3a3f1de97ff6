//! Where a promotion or a rollback takes place.

use crate::error::{Fault, Kind};
use crate::oci::{Digest, Manifest, RepositoryName, Tag, annotation};
use crate::registry::Repository;
use crate::workspace::is_dirty;

/// Where a promotion or a rollback takes place, by name.
#[derive(Debug, Clone, Copy)]
pub struct Names<'a> {
    /// The repository of production.
    pub production: &'a RepositoryName,
    /// The production tag.
    pub tag: &'a Tag,
    /// The repository of staging, where production has one of its own, and the
    /// staging tag.
    pub staging: Option<(&'a RepositoryName, &'a Tag)>,
}

impl<'a> Names<'a> {
    /// Where the tested image is.
    pub(super) fn source(&self) -> &'a RepositoryName {
        self.staging.map_or(self.production, |(name, _)| name)
    }

    /// The production tag in its repository.
    pub(super) fn reference(&self) -> String {
        self.production.tagged(self.tag)
    }
}

/// Where a promotion or a rollback takes place.
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
