//! Going back: the production tag and `<tag>-previous` change places.

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::PREVIOUS;
use super::apply::{move_tag, raced};
use super::plan::check_origin;
use crate::error::Kind;
use crate::oci::{Digest, Manifest, Tag, Target, annotation};
use crate::registry::{Displaced, First, Move, Repository};
use crate::workspace::TagPolicy;

/// What a rollback is going to do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RollbackPlan {
    /// What production runs after it.
    pub digest: Digest,
    /// What production runs before it; `<tag>-previous` points there after it.
    pub previous: Digest,
    #[serde(skip)]
    step: Step,
    /// Where the displaced image is kept.
    #[serde(skip)]
    kept: Tag,
}

/// What is to be done to the two tags.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    /// They change places.
    Swap {
        wanted: Manifest,
        displaced: Manifest,
    },
    /// The production tag is there already; the other one has yet to keep this.
    Keep { displaced: Manifest },
    /// Both are where they should be.
    Nothing,
}

/// Looks at what a killed rollback from `previous` to `digest` left to do; `None`
/// where it had moved nothing yet, or where the tags have moved on since. Changes nothing.
pub fn plan_rest(
    repository: &dyn Repository,
    tag: &Tag,
    digest: Digest,
    previous: Digest,
) -> Result<Option<RollbackPlan>> {
    let kept = tag.with_suffix(PREVIOUS)?;
    if repository.resolve(tag)? != Some(digest) {
        return Ok(None);
    }
    let step = match repository.resolve(&kept)? {
        Some(found) if found == previous => Step::Nothing,
        Some(found) if found == digest => Step::Keep {
            displaced: repository
                .manifest(&previous)?
                .with_context(|| not_there(&repository.name().at(&previous)))?,
        },
        _ => return Ok(None),
    };
    Ok(Some(RollbackPlan {
        digest,
        previous,
        step,
        kept,
    }))
}

/// Looks at both tags and decides. Changes nothing. Without `to`, production goes back
/// to what the last promotion displaced.
pub fn plan_rollback(
    repository: &dyn Repository,
    tag: &Tag,
    policy: TagPolicy,
    to: Option<&Target>,
) -> Result<RollbackPlan> {
    if policy == TagPolicy::Immutable {
        return Err(Kind::Refused
            .because(format!("{} is immutable: it has no previous image and is not moved", repository.name().tagged(tag)))
            .hint("deploy the older image by its digest: write its task definition with repo@sha256:…")
            .into());
    }
    let kept = tag.with_suffix(PREVIOUS)?;
    let reference = repository.name().tagged(tag);
    let current = repository
        .resolve(tag)?
        .with_context(|| {
            not_there(&reference).hint(
                "point the tag at an image: `cargo xtask promote-to-production SERVICE --digest sha256:…`",
            )
        })?;
    let digest = target(repository, tag, to)?;
    if digest == current {
        // Between the two looks somebody else may have let the tags change places.
        return match repository.resolve(tag)? {
            found if found == Some(current) => unchanged(&reference, digest, to.is_some(), kept),
            found => Err(raced(repository, tag, found, current).into()),
        };
    }
    let wanted = repository
        .manifest(&digest)?
        .with_context(|| not_there(&repository.name().at(&digest)))?;
    let displaced = repository
        .manifest(&current)?
        .with_context(|| not_there(&repository.name().at(&current)))?;
    repository.check_whole(&wanted)?;
    check_origin(&wanted, repository.name())?;
    Ok(RollbackPlan {
        digest,
        previous: current,
        step: Step::Swap { wanted, displaced },
        kept,
    })
}

fn target(repository: &dyn Repository, tag: &Tag, to: Option<&Target>) -> Result<Digest> {
    let tag = match to {
        Some(Target::Digest(digest)) => return Ok(*digest),
        Some(Target::Tag(tag)) => tag.clone(),
        None => tag.with_suffix(PREVIOUS)?,
    };
    repository.resolve(&tag)?.with_context(|| {
        Kind::NotFound
            .because(format!("there is no {}", repository.name().tagged(&tag)))
            .hint("name what to go back to with --to DIGEST or --to TAG")
    })
}

/// The tag points there already: what a named target asks for is done, but a
/// swap of two equal tags is not what anybody means.
fn unchanged(reference: &str, digest: Digest, named: bool, kept: Tag) -> Result<RollbackPlan> {
    if named {
        return Ok(RollbackPlan {
            digest,
            previous: digest,
            step: Step::Nothing,
            kept,
        });
    }
    Err(Kind::NotFound
        .because(format!("{reference} and {reference}-{PREVIOUS} both point at {digest}: there is nothing to go back to"))
        .hint("an interrupted promotion or rollback leaves this; name what to go back to with --to DIGEST or --to TAG")
        .into())
}

fn not_there(reference: &str) -> crate::error::Fault {
    Kind::NotFound.because(format!("there is no image {reference}"))
}

impl RollbackPlan {
    /// The commit that the image was built from, where its manifest says so.
    pub fn commit(&self) -> Option<&str> {
        match &self.step {
            Step::Swap { wanted, .. } => wanted.annotation(annotation::REVISION),
            Step::Keep { .. } | Step::Nothing => None,
        }
    }

    /// Whether the tags are there already.
    pub fn is_done(&self) -> bool {
        self.step == Step::Nothing
    }

    /// Lets the tags change places. Where that takes two steps the production tag
    /// is first: whatever happens then, production is back.
    pub fn apply(&self, repository: &dyn Repository, tag: &Tag) -> Result<()> {
        let (wanted, displaced) = match &self.step {
            Step::Swap { wanted, displaced } => (wanted, displaced),
            Step::Keep { displaced } => {
                let kept = Target::Tag(self.kept.clone());
                return repository.put_manifest(&kept, displaced);
            }
            Step::Nothing => return Ok(()),
        };
        let displaced = Displaced {
            manifest: displaced,
            kept: &self.kept,
            first: First::Moved,
        };
        let wanted = Move {
            tag,
            to: wanted,
            from: Some(displaced),
        };
        move_tag(repository, wanted)
    }
}
