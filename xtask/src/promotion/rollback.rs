//! Going back: the production tag and `<tag>-previous` change places. Decided from what
//! was seen.

use super::PREVIOUS;
use super::place::Names;
use super::plan::{check_origin, without_keeping};
use crate::error::{Fault, Kind};
use crate::oci::{Digest, Manifest, Tag, Target, annotation};
use crate::workspace::TagPolicy;

/// What the caller wants of one service.
#[derive(Debug, Clone)]
pub struct RollbackWish {
    /// Whether the production tag may move.
    pub policy: TagPolicy,
    /// What production is to go back to; without it, what the last promotion displaced.
    pub to: Option<Target>,
    /// What an earlier rollback was to do.
    pub begun: Option<Begun>,
}

/// A rollback that was begun, and whose end nobody saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Begun {
    /// What production was to run after it.
    pub digest: Digest,
    /// What production ran before it.
    pub previous: Digest,
}

/// What the tags point at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tags {
    /// The production tag.
    pub current: Option<Digest>,
    /// `<tag>-previous`.
    pub kept: Option<Digest>,
    /// What is to be gone back to: a tag that is named, or the one that keeps.
    pub target: Option<Digest>,
}

/// What the registry showed.
#[derive(Debug, Clone, Default)]
pub struct RollbackObservation {
    /// What the tags point at.
    pub tags: Tags,
    /// The manifest that production goes back to; not asked for where it is there already.
    pub wanted: Option<Manifest>,
    /// The manifest that is to be kept; not asked for where it is.
    pub displaced: Option<Manifest>,
}

/// Where the tags are to go from where they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    /// What the production tag is to point at.
    pub(super) digest: Digest,
    /// What it pointed at before.
    pub(super) previous: Digest,
    pub(super) step: Step,
    /// Whether it is the rest of what was begun.
    finishes: bool,
}

/// What is to be done to the two tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// They change places.
    Swap,
    /// The production tag is there already; the other one has yet to keep the displaced image.
    Keep,
    /// Both are where they should be.
    Nothing,
}

impl RollbackWish {
    /// Where the tags are to go; `None` where there is nothing to go back from, or to.
    pub(super) fn way(&self, tags: &Tags) -> Option<Way> {
        if let Some(rest) = self.rest(tags) {
            return Some(rest);
        }
        let (previous, digest) = (tags.current?, tags.target?);
        let step = if digest == previous {
            Step::Nothing
        } else {
            Step::Swap
        };
        Some(Way {
            digest,
            previous,
            step,
            finishes: false,
        })
    }

    /// What is left of what was begun, unless something else is wanted now.
    fn rest(&self, tags: &Tags) -> Option<Way> {
        let begun = self.begun?;
        let Begun { digest, previous } = begun;
        let is_wanted = match &self.to {
            Some(to) => *to == Target::Digest(digest),
            None => true,
        };
        let step = begun.rest(tags.current?, tags.kept)?;
        is_wanted.then_some(Way {
            digest,
            previous,
            step,
            finishes: true,
        })
    }
}

impl Begun {
    /// What is left of it where the tags point at these; `None` where it had moved nothing
    /// yet, or the tags have moved on since. Going back once more would bring the image
    /// again that it was to take away.
    pub fn rest(&self, current: Digest, kept: Option<Digest>) -> Option<Step> {
        if current != self.digest {
            return None;
        }
        match kept {
            Some(kept) if kept == self.previous => Some(Step::Nothing),
            Some(kept) if kept != self.digest => None,
            _ => Some(Step::Keep),
        }
    }
}

/// What a rollback is going to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RollbackPlan {
    /// What production runs after it.
    pub digest: Digest,
    /// What production runs before it; `<tag>-previous` points there after it.
    pub previous: Digest,
    /// Whether it is the rest of what was begun.
    pub finishes: bool,
    /// The manifest that the production tag is yet to point at.
    pub(super) wanted: Option<Manifest>,
    /// The manifest that is yet to be kept.
    pub(super) displaced: Option<Manifest>,
    /// Where it is kept.
    pub(super) kept: Tag,
}

/// Decides what is to be done. Pure: the same names, wish and observation give the same plan.
pub fn plan_rollback(
    names: Names<'_>,
    wish: &RollbackWish,
    seen: RollbackObservation,
) -> Result<RollbackPlan, Fault> {
    let reference = names.reference();
    if wish.policy == TagPolicy::Immutable {
        return Err(Kind::Refused
            .because(format!("{reference} is immutable: it has no previous image and is not moved"))
            .hint("deploy the older image by its digest: write its task definition with repo@sha256:…"));
    }
    let kept = names.tag.with_suffix(PREVIOUS)?;
    if seen.tags.current.is_none() {
        return Err(not_there(&reference).hint(
            "point the tag at an image: `cargo xtask promote-to-production SERVICE --digest sha256:…`",
        ));
    }
    let way = wish.way(&seen.tags).ok_or_else(|| {
        let target = match &wish.to {
            Some(Target::Tag(tag)) => tag,
            _ => &kept,
        };
        Kind::NotFound
            .because(format!("there is no {}", names.production.tagged(target)))
            .hint("name what to go back to with --to DIGEST or --to TAG")
    })?;
    // What a named target asks for is done then, but a swap of two equal tags is not what
    // anybody means.
    if way.step == Step::Nothing && !way.finishes && wish.to.is_none() {
        return Err(Kind::NotFound
            .because(format!("{reference} and {reference}-{PREVIOUS} both point at {}: there is nothing to go back to", way.digest))
            .hint("an interrupted promotion or rollback leaves this; name what to go back to with --to DIGEST or --to TAG"));
    }
    let found = |manifest: Option<Manifest>, digest| {
        manifest.ok_or_else(|| not_there(&names.production.at(&digest)))
    };
    let wanted = match way.step {
        Step::Swap => Some(found(seen.wanted, way.digest)?),
        Step::Keep | Step::Nothing => None,
    };
    let displaced = match way.step {
        Step::Swap | Step::Keep => Some(
            found(seen.displaced, way.previous)
                .map_err(|fault| fault.hint(without_keeping(&way.digest, &way.previous)))?,
        ),
        Step::Nothing => None,
    };
    if let Some(wanted) = &wanted {
        check_origin(wanted, names.production)?;
    }
    Ok(RollbackPlan {
        digest: way.digest,
        previous: way.previous,
        finishes: way.finishes,
        wanted,
        displaced,
        kept,
    })
}

fn not_there(reference: &str) -> Fault {
    Kind::NotFound.because(format!("there is no image {reference}"))
}

impl RollbackPlan {
    /// The commit that the image was built from, where its manifest says so.
    pub fn commit(&self) -> Option<&str> {
        self.wanted.as_ref()?.annotation(annotation::REVISION)
    }

    /// Whether the tags are there already.
    pub fn is_done(&self) -> bool {
        self.wanted.is_none() && self.displaced.is_none()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::promotion::tests::{TAG, digest, manifest, names};

    fn wish(to: Option<&str>, begun: Option<[&str; 2]>) -> RollbackWish {
        RollbackWish {
            policy: TagPolicy::Moving,
            to: to.map(|content| Target::Digest(digest(content))),
            begun: begun.map(|[previous, now]| Begun {
                digest: digest(now),
                previous: digest(previous),
            }),
        }
    }

    fn tags([current, kept]: [&str; 2], to: Option<&str>) -> Tags {
        let found = |content: &str| (!content.is_empty()).then(|| digest(content));
        Tags {
            current: found(current),
            kept: found(kept),
            target: to.map(digest).or(found(kept)),
        }
    }

    #[test]
    fn where_the_tags_go_follows_from_where_they_are() {
        use Step::*;
        let back = Some(["a", "b"]);
        for (found, to, begun, expected) in [
            // Nothing was begun.
            (["a", "b"], None, None, Some(("a", "b", Swap, false))),
            (["a", "a"], None, None, Some(("a", "a", Nothing, false))),
            (["a", ""], None, None, None),
            (["", "b"], None, None, None),
            (["a", "b"], Some("c"), None, Some(("a", "c", Swap, false))),
            (["a", ""], Some("c"), None, Some(("a", "c", Swap, false))),
            (
                ["a", "b"],
                Some("a"),
                None,
                Some(("a", "a", Nothing, false)),
            ),
            // What was begun had moved nothing, half of it, everything.
            (["a", "b"], None, back, Some(("a", "b", Swap, false))),
            (["b", "b"], None, back, Some(("a", "b", Keep, true))),
            (["b", ""], None, back, Some(("a", "b", Keep, true))),
            (["b", "a"], None, back, Some(("a", "b", Nothing, true))),
            // It is asked for by name, or something else is.
            (["b", "b"], Some("b"), back, Some(("a", "b", Keep, true))),
            (["b", "a"], Some("b"), back, Some(("a", "b", Nothing, true))),
            (["b", "a"], Some("a"), back, Some(("b", "a", Swap, false))),
            (["b", "b"], Some("c"), back, Some(("b", "c", Swap, false))),
            // The tags have moved on.
            (["b", "c"], None, back, Some(("b", "c", Swap, false))),
            (["c", "b"], None, back, Some(("c", "b", Swap, false))),
            (["c", "a"], None, back, Some(("c", "a", Swap, false))),
        ] {
            let way = wish(to, begun).way(&tags(found, to));
            let expected = expected.map(|(previous, now, step, finishes)| Way {
                digest: digest(now),
                previous: digest(previous),
                step,
                finishes,
            });
            assert_eq!(way, expected, "{found:?}, to {to:?}, begun {begun:?}");
        }
    }

    fn planned(
        wish: &RollbackWish,
        found: [&str; 2],
        manifests: [Option<Manifest>; 2],
    ) -> Result<RollbackPlan, Fault> {
        let [wanted, displaced] = manifests;
        let seen = RollbackObservation {
            tags: tags(found, None),
            wanted,
            displaced,
        };
        names(|names| plan_rollback(names, wish, seen))
    }

    #[test]
    fn a_plan_has_what_is_yet_to_be_put() {
        let all = || [Some(manifest("b", "")), Some(manifest("a", ""))];
        let swap = planned(&wish(None, None), ["a", "b"], all()).unwrap();
        assert!(!swap.is_done() && !swap.finishes);
        assert_eq!((swap.digest, swap.previous), (digest("b"), digest("a")));
        assert_eq!(swap.kept.to_string(), format!("{TAG}-previous"));
        let begun = wish(None, Some(["a", "b"]));
        let keep = planned(&begun, ["b", "b"], all()).unwrap();
        assert!(!keep.is_done() && keep.finishes && keep.wanted.is_none());
        let done = planned(&begun, ["b", "a"], all()).unwrap();
        assert!(done.is_done() && done.finishes);
    }

    #[test]
    fn what_cannot_be_done_is_told_with_what_to_type() {
        let [good, dirty] = ["", "0123-dirty"].map(|revision| Some(manifest("b", revision)));
        let old = || Some(manifest("a", ""));
        let plain = wish(None, None);
        let immutable = RollbackWish {
            policy: TagPolicy::Immutable,
            ..plain.clone()
        };
        for (wish, found, manifests, kind, words) in [
            (
                &immutable,
                ["", ""],
                [None, None],
                Kind::Refused,
                "immutable",
            ),
            (&plain, ["", "b"], [None, None], Kind::NotFound, TAG),
            (&plain, ["a", ""], [None, None], Kind::NotFound, "-previous"),
            (
                &plain,
                ["a", "a"],
                [None, None],
                Kind::NotFound,
                "both point at",
            ),
            (
                &plain,
                ["a", "b"],
                [None, old()],
                Kind::NotFound,
                &digest("b").to_string(),
            ),
            (
                &plain,
                ["a", "b"],
                [good, None],
                Kind::NotFound,
                &digest("a").to_string(),
            ),
            (
                &plain,
                ["a", "b"],
                [dirty, old()],
                Kind::Refused,
                "uncommitted",
            ),
        ] {
            let error = anyhow::Error::new(planned(wish, found, manifests).unwrap_err());
            assert_eq!(Fault::kind_of(&error), kind, "{error}");
            assert!(error.to_string().contains(words), "{error}");
        }
    }
}
