//! Promotion: pointing the production tag at the digest that was tested. Rollback:
//! pointing it back.
//!
//! [`look()`] asks the registry what is, [`plan()`] decides what is to be done, and
//! [`Plan::apply`] does it; for a rollback [`look_back`], [`plan_rollback`] and
//! [`RollbackPlan::apply`]. The plans of all services are made before the first
//! change of any.

mod apply;
mod look;
mod place;
mod plan;
mod rollback;

pub use look::{look, look_back};
pub use place::{Names, Place, commit_tag};
pub use plan::{Change, Expectation, Observation, Plan, Wish, plan};
pub use rollback::{
    Begun, RollbackObservation, RollbackPlan, RollbackWish, Step, Tags, plan_rollback,
};

/// What the tag of the displaced image ends with.
pub const PREVIOUS: &str = "previous";

/// What the tests of the decisions share.
#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Names;
    use crate::oci::{Digest, Manifest, MediaType, annotation};

    pub(super) const TAG: &str = "1.0.RELEASE";

    pub(super) fn digest(content: &str) -> Digest {
        Digest::of(content.as_bytes())
    }

    /// The manifest of an image of that commit. Its digest is another one than
    /// [`digest`] of the content: no decision reads it.
    pub(super) fn manifest(content: &str, revision: &str) -> Manifest {
        let config = "application/vnd.oci.image.config.v1+json";
        let descriptor = json!({ "mediaType": config, "digest": digest(content), "size": 1 });
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": MediaType::OciManifest.name(),
            "config": descriptor,
            "layers": [],
            "annotations": { annotation::REVISION: revision },
        });
        Manifest::parse(manifest.to_string().into(), None).unwrap()
    }

    /// Calls `decide` with the names of a place in a registry.
    pub(super) fn names<T>(decide: impl FnOnce(Names<'_>) -> T) -> T {
        let (repository, tag) = ("app".parse().unwrap(), TAG.parse().unwrap());
        decide(Names {
            production: &repository,
            tag: &tag,
            staging: None,
        })
    }

    /// The same with these tags, where production has a repository of its own.
    pub(super) fn names_with_staging<T>(
        tag: &str,
        staging: &str,
        decide: impl FnOnce(Names<'_>) -> T,
    ) -> T {
        let [production, source] = ["released", "app"].map(|name| name.parse().unwrap());
        let [tag, staging] = [tag, staging].map(|tag| tag.parse().unwrap());
        decide(Names {
            production: &production,
            tag: &tag,
            staging: Some((&source, &staging)),
        })
    }
}
