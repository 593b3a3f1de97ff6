//! What is to be done, decided from what was seen.

use std::fmt;
use std::str::FromStr;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::PREVIOUS;
use super::apply::{Place, commit_tag};
use crate::error::{Fault, Kind};
use crate::oci::{Digest, Manifest, RepositoryName, Tag, annotation};
use crate::workspace::{TagPolicy, is_dirty};

/// What the caller wants of one service.
#[derive(Debug, Clone)]
pub struct Wish {
    /// The digest that production is to run.
    pub digest: Digest,
    /// Whether the production tag may move.
    pub policy: TagPolicy,
    /// What the caller believes the tag to point at.
    pub expect: Option<Expectation>,
}

/// `--expect`: what the production tag points at, or that there is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expectation {
    /// The tag does not exist.
    Absent,
    /// It points at this.
    Digest(Digest),
}

impl Expectation {
    fn holds(self, current: Option<Digest>) -> bool {
        match self {
            Self::Absent => current.is_none(),
            Self::Digest(digest) => current == Some(digest),
        }
    }
}

impl fmt::Display for Expectation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => formatter.write_str("absent"),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

impl FromStr for Expectation {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if text == "absent" {
            Ok(Self::Absent)
        } else {
            text.parse().map(Self::Digest)
        }
    }
}

/// What the registry showed.
#[derive(Debug, Clone)]
pub struct Observation {
    /// What the production tag points at.
    pub current: Option<Digest>,
    /// The wanted manifest; not asked for where the tag points at it already.
    pub manifest: Option<Manifest>,
    /// The manifest that the tag points at, where another one may displace it.
    pub displaced: Option<Manifest>,
}

/// What is to become of the production tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "change")]
pub enum Change {
    /// Nothing: it points at the digest already.
    Nothing,
    /// It is new.
    Create,
    /// It displaces a digest, which is kept under the tag's `-previous`.
    Displace {
        /// The digest that it points at now.
        previous: Digest,
    },
}

/// What a promotion is going to do. It can be printed, compared and serialised.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// The digest that production is to run.
    pub digest: Digest,
    /// What becomes of the tag.
    #[serde(flatten)]
    pub change: Change,
    /// The manifest's bytes; `None` where nothing is to do.
    #[serde(skip)]
    pub(super) manifest: Option<Manifest>,
    /// The manifest that is displaced, and the tag that keeps it.
    #[serde(skip)]
    pub(super) displaced: Option<(Manifest, Tag)>,
}

impl Plan {
    /// The commit that the image was built from, where its manifest says so.
    pub fn commit(&self) -> Option<&str> {
        self.manifest.as_ref()?.annotation(annotation::REVISION)
    }
}

/// Asks what [`plan`] needs to know: one request where nothing is to do, one more for the
/// wanted manifest, and one for the manifest that it may displace.
pub fn look(place: &Place<'_>, wish: &Wish) -> Result<Observation> {
    let current = place.production.resolve(place.tag)?;
    if current == Some(wish.digest) {
        return Ok(Observation {
            current,
            manifest: None,
            displaced: None,
        });
    }
    let source = place.source();
    let manifest = source.manifest(&wish.digest)?.with_context(|| {
        Kind::NotFound
            .because(format!(
                "there is no image {}",
                source.name().at(&wish.digest)
            ))
            .hint(
                "check the digest; `cargo xtask staging-tag` pushes the image that was built last",
            )
    })?;
    source.check_whole(&manifest)?;
    let displaced = match wish.policy {
        TagPolicy::Moving => current.map(|current| look_at_displaced(place, current)),
        TagPolicy::Immutable => None,
    };
    Ok(Observation {
        current,
        manifest: Some(manifest),
        displaced: displaced.transpose()?,
    })
}

fn look_at_displaced(place: &Place<'_>, current: Digest) -> Result<Manifest> {
    place.production.manifest(&current)?.with_context(|| {
        Kind::NotFound.because(format!(
            "{} points at {current}, which is not there",
            place.production.name().tagged(place.tag)
        ))
    })
}

/// Decides what is to be done. Pure: the same wish and observation give the same plan.
pub fn plan(place: &Place<'_>, wish: &Wish, seen: Observation) -> Result<Plan, Fault> {
    let reference = place.production.name().tagged(place.tag);
    let kept = match wish.policy {
        // The next promotion keeps the displaced image under this name: it must fit from the start.
        TagPolicy::Moving => Some(place.tag.with_suffix(PREVIOUS)?),
        TagPolicy::Immutable => None,
    };
    let change = match seen.current {
        // Also with an expectation that no longer holds: a repeated command is done.
        Some(current) if current == wish.digest => Change::Nothing,
        Some(previous) => Change::Displace { previous },
        None => Change::Create,
    };
    if let (Some(expectation), false) = (wish.expect, change == Change::Nothing) {
        check_expectation(expectation, seen.current, &reference)?;
    }
    if let (Change::Displace { previous }, TagPolicy::Immutable) = (change, wish.policy) {
        return Err(Kind::Refused
            .because(format!(
                "{reference} is immutable and points at {previous}; it is not moved to {}",
                wish.digest
            ))
            .hint("raise the version in the production tag's parameter"));
    }
    if let Some(manifest) = &seen.manifest {
        check_origin(manifest, place.production.name())?;
        if let Some((_, staging_tag)) = place.staging {
            // The commit's tag goes along with the image: it must fit before that is moved.
            commit_tag(staging_tag, manifest)?;
        }
    }
    Ok(Plan {
        digest: wish.digest,
        change,
        manifest: seen.manifest,
        displaced: seen.displaced.zip(kept),
    })
}

fn check_expectation(
    expectation: Expectation,
    current: Option<Digest>,
    reference: &str,
) -> Result<(), Fault> {
    if expectation.holds(current) {
        return Ok(());
    }
    let found = current.map_or_else(
        || "does not exist".to_owned(),
        |digest| format!("points at {digest}"),
    );
    Err(Kind::Raced
        .because(format!("{reference} {found}, expected {expectation}"))
        .hint("look at what was released meanwhile, then promote again with the digest above behind --expect"))
}

/// An image from a tree with uncommitted changes cannot be built again from its
/// commit: it does not leave this machine for production.
pub(super) fn check_origin(manifest: &Manifest, production: &RepositoryName) -> Result<(), Fault> {
    let revision = manifest
        .annotation(annotation::REVISION)
        .unwrap_or_default();
    if is_dirty(revision) && !production.is_layout() {
        return Err(Kind::Refused
            .because(format!(
                "the image was built from uncommitted changes ({revision})"
            ))
            .hint("commit, then `cargo xtask build`, `cargo xtask staging-tag` and test again"));
    }
    Ok(())
}
