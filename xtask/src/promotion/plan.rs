//! What is to be done, decided from what was seen.

use std::fmt;
use std::str::FromStr;

use super::PREVIOUS;
use super::place::{Names, commit_tag};
use crate::error::{Fault, Kind};
use crate::oci::{Digest, Manifest, References, RepositoryName, Tag, annotation};
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

impl Wish {
    /// What becomes of a production tag that points at `current`.
    pub(super) fn change(&self, current: Option<Digest>) -> Change {
        match current {
            Some(current) if current == self.digest => Change::Nothing,
            Some(previous) => Change::Displace { previous },
            None => Change::Create,
        }
    }
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
    /// The manifest that the tag points at, where another one may displace it; a fault
    /// where it is broken.
    pub displaced: Result<Option<Manifest>, Fault>,
}

/// What is to become of the production tag.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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

/// What a promotion is going to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The digest that production is to run.
    pub digest: Digest,
    /// What becomes of the tag.
    pub change: Change,
    /// The manifest's bytes; `None` where nothing is to do.
    pub(super) manifest: Option<Manifest>,
    /// The manifest that is displaced, and the tag that keeps it.
    pub(super) displaced: Option<(Manifest, Tag)>,
}

impl Plan {
    /// The digest that the plan displaces.
    pub fn previous(&self) -> Option<Digest> {
        match self.change {
            Change::Displace { previous } => Some(previous),
            Change::Nothing | Change::Create => None,
        }
    }

    /// Whether an image is displaced and kept.
    pub fn keeps(&self) -> bool {
        self.displaced.is_some()
    }

    /// The commit that the image was built from, where its manifest says so.
    pub fn commit(&self) -> Option<&str> {
        self.manifest.as_ref()?.annotation(annotation::REVISION)
    }
}

/// Decides what is to be done. Pure: the same names, wish and observation give the same plan.
pub fn plan(names: Names<'_>, wish: &Wish, seen: Observation) -> Result<Plan, Fault> {
    let reference = names.reference();
    let kept = match wish.policy {
        // The next promotion keeps the displaced image under this name: it must fit from the start.
        TagPolicy::Moving => Some(names.tag.with_suffix(PREVIOUS)?),
        TagPolicy::Immutable => None,
    };
    let mut plan = Plan {
        digest: wish.digest,
        change: wish.change(seen.current),
        manifest: None,
        displaced: None,
    };
    // Also with an expectation that no longer holds: a repeated command is done.
    if plan.change == Change::Nothing {
        return Ok(plan);
    }
    if let Some(expectation) = wish.expect {
        check_expectation(expectation, seen.current, &reference)?;
    }
    let manifest = seen.manifest.ok_or_else(|| {
        Kind::NotFound
            .because(format!(
                "there is no image {}",
                names.source().at(&wish.digest)
            ))
            .hint(
                "check the digest; `cargo xtask staging-tag` pushes the image that was built last",
            )
    })?;
    check_runs(&manifest, &wish.digest)?;
    check_origin(&manifest, names.production)?;
    if let Some((_, staging_tag)) = names.staging {
        // The commit's tag goes along with the image: it must fit before that is moved.
        commit_tag(staging_tag, &manifest)?;
    }
    if let Change::Displace { previous } = plan.change {
        let Some(kept) = kept else {
            return Err(Kind::Refused
                .because(format!(
                    "{reference} is immutable and points at {previous}; it is not moved to {}",
                    wish.digest
                ))
                .hint("raise the version in the production tag's parameter"));
        };
        let lost = || {
            Kind::NotFound.because(format!(
                "{reference} points at {previous}, which is not there"
            ))
        };
        match seen.displaced.and_then(|found| found.ok_or_else(lost)) {
            Ok(displaced) => plan.displaced = Some((displaced, kept)),
            // Whoever names it knows what is lost.
            Err(_) if wish.expect == Some(Expectation::Digest(previous)) => {}
            Err(why) => return Err(why.hint(without_keeping(&wish.digest, &previous))),
        }
    }
    plan.manifest = Some(manifest);
    Ok(plan)
}

/// What to type where the displaced image is lost, and can be kept no longer.
pub(super) fn without_keeping(digest: &Digest, previous: &Digest) -> String {
    format!(
        "to release without keeping what is lost: `cargo xtask promote-to-production SERVICE --digest {digest} --expect {previous}`"
    )
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

/// What the configuration of an image is called: by OCI, by Docker, and by Docker at first.
const CONFIGS: [&str; 3] = [
    "application/vnd.oci.image.config.v1+json",
    "application/vnd.docker.container.image.v1+json",
    "application/octet-stream",
];

/// Charts, signatures and attestations have manifests too: a digest that was mistaken for
/// an image's ends here, and not when ECS cannot start it. Layers of images are archives.
fn check_runs(manifest: &Manifest, digest: &Digest) -> Result<(), Fault> {
    let why = match manifest.references() {
        References::Index { manifests } if manifests.is_empty() => {
            Some("its index is empty".to_owned())
        }
        References::Index { .. } => None,
        References::Image { blobs } => match blobs.split_first() {
            None => Some("it has no configuration".to_owned()),
            Some((config, _)) if !CONFIGS.contains(&&*config.media_type) => {
                Some(format!("its configuration is {}", config.media_type))
            }
            Some((_, layers)) => layers
                .iter()
                .find(|layer| !layer.media_type.contains(".tar"))
                .map(|layer| format!("it has a layer of {}", layer.media_type)),
        },
    };
    why.map_or(Ok(()), |why| {
        Err(Kind::Refused
            .because(format!("{digest} is no image that can run: {why}"))
            .hint("pass the digest of the image itself, as `cargo xtask staging-tag` prints it"))
    })
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::oci::MediaType;
    use crate::promotion::tests::{TAG, digest, manifest, names, names_with_staging};

    fn wish() -> Wish {
        Wish {
            digest: digest("new"),
            policy: TagPolicy::Moving,
            expect: None,
        }
    }

    fn expecting(expect: Expectation) -> Wish {
        Wish {
            expect: Some(expect),
            ..wish()
        }
    }

    fn immutable() -> Wish {
        Wish {
            policy: TagPolicy::Immutable,
            ..wish()
        }
    }

    /// What is seen where the tag points at the image of that content.
    fn seen(current: Option<&str>) -> Observation {
        Observation {
            current: current.map(digest),
            manifest: Some(manifest("new", "")),
            displaced: Ok(current.map(|content| manifest(content, ""))),
        }
    }

    #[test]
    fn what_becomes_of_the_tag_follows_from_what_it_points_at() {
        let displace = Change::Displace {
            previous: digest("old"),
        };
        for (wish, current, change) in [
            (wish(), None, Change::Create),
            (wish(), Some("new"), Change::Nothing),
            (wish(), Some("old"), displace),
            (immutable(), None, Change::Create),
            (immutable(), Some("new"), Change::Nothing),
            (expecting(Expectation::Absent), None, Change::Create),
            // What was expected no longer holds, but what was wanted does.
            (expecting(Expectation::Absent), Some("new"), Change::Nothing),
            (
                expecting(Expectation::Digest(digest("old"))),
                Some("old"),
                displace,
            ),
        ] {
            let plan = names(|names| plan(names, &wish, seen(current))).unwrap();
            assert_eq!(plan.change, change, "{wish:?}, {current:?}");
            assert_eq!(plan.manifest.is_some(), change != Change::Nothing);
            assert_eq!(plan.displaced.is_some(), change == displace);
        }
    }

    #[test]
    fn what_is_lost_is_displaced_by_whoever_names_it() {
        let named = expecting(Expectation::Digest(digest("old")));
        for displaced in [Ok(None), Err(Kind::Failed.because("broken"))] {
            let seen = Observation {
                displaced,
                ..seen(Some("old"))
            };
            let plan = names(|names| plan(names, &named, seen)).unwrap();
            assert!(plan.manifest.is_some() && !plan.keeps());
        }
    }

    #[test]
    fn what_cannot_be_done_is_told_with_what_to_type() {
        let missing = Observation {
            manifest: None,
            ..seen(None)
        };
        let lost = Observation {
            displaced: Ok(None),
            ..seen(Some("old"))
        };
        let broken = Observation {
            displaced: Err(Kind::Failed.because("broken")),
            ..seen(Some("old"))
        };
        let dirty = Observation {
            manifest: Some(manifest("new", "0123-dirty")),
            ..seen(None)
        };
        let absent = expecting(Expectation::Absent);
        let other = expecting(Expectation::Digest(digest("other")));
        for (wish, seen, kind, words) in [
            (wish(), missing, Kind::NotFound, digest("new").to_string()),
            (wish(), broken, Kind::Failed, "broken".into()),
            (wish(), lost, Kind::NotFound, digest("old").to_string()),
            (wish(), dirty, Kind::Refused, "uncommitted".into()),
            (
                immutable(),
                seen(Some("old")),
                Kind::Refused,
                "immutable".into(),
            ),
            (
                absent,
                seen(Some("old")),
                Kind::Raced,
                digest("old").to_string(),
            ),
            (
                other.clone(),
                seen(Some("old")),
                Kind::Raced,
                digest("other").to_string(),
            ),
            (other, seen(None), Kind::Raced, "does not exist".into()),
        ] {
            let fault = names(|names| plan(names, &wish, seen)).unwrap_err();
            assert!(fault.to_string().contains(&words), "{fault}");
            assert_eq!(Fault::kind_of(&fault.into()), kind);
        }
    }

    #[test]
    fn the_tags_that_come_along_must_fit() {
        let revision = "0123456789abcdef";
        for (tag, staging, fits) in [
            (TAG, "1.0.SNAPSHOT", true),
            (&"x".repeat(119), "1.0.SNAPSHOT", true),
            (&"x".repeat(120), "1.0.SNAPSHOT", false),
            (TAG, &"x".repeat(116), false),
        ] {
            let seen = Observation {
                manifest: Some(manifest("new", revision)),
                ..seen(None)
            };
            let planned = names_with_staging(tag, staging, |names| plan(names, &wish(), seen));
            assert_eq!(planned.is_ok(), fits, "{tag} {staging}");
        }
    }

    #[test]
    fn what_is_no_image_is_not_released() {
        let of = |media_type: &str| json!({ "mediaType": media_type, "digest": digest("part"), "size": 1 });
        let image = |config: &str, layers: &[&str]| {
            let layers: Vec<_> = layers.iter().copied().map(of).collect();
            json!({ "mediaType": MediaType::OciManifest.name(), "config": of(config), "layers": layers })
        };
        let index = |manifests: &[serde_json::Value]| json!({ "mediaType": MediaType::OciIndex.name(), "manifests": manifests });
        let [oci, docker, _] = CONFIGS;
        for (manifest, why) in [
            (
                image(oci, &["application/vnd.oci.image.layer.v1.tar+zstd"]),
                None,
            ),
            (
                image(
                    docker,
                    &["application/vnd.docker.image.rootfs.diff.tar.gzip"],
                ),
                None,
            ),
            (index(&[of(MediaType::OciManifest.name())]), None),
            (index(&[]), Some("empty")),
            (
                image("application/vnd.cncf.helm.config.v1+json", &[]),
                Some("helm"),
            ),
            (
                image(oci, &["application/vnd.dev.cosign.simplesigning.v1+json"]),
                Some("cosign"),
            ),
        ] {
            let mut manifest = manifest;
            manifest["schemaVersion"] = 2.into();
            let manifest = Manifest::parse(manifest.to_string().into(), None).unwrap();
            let seen = Observation {
                manifest: Some(manifest),
                ..seen(None)
            };
            match (names(|names| plan(names, &wish(), seen)), why) {
                (Ok(_), None) => {}
                (Err(fault), Some(why)) => {
                    assert!(fault.to_string().contains(why), "{fault}");
                    assert_eq!(Fault::kind_of(&fault.into()), Kind::Refused);
                }
                (found, why) => panic!("{found:?}, expected {why:?}"),
            }
        }
    }
}
