//! What refers to an image: signatures, SBOMs, attestations.

use std::collections::{BTreeSet, HashSet};

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Repository;
use super::copy::{copy_image, require_manifest};
use crate::oci::{Descriptor, Digest, Manifest, MediaType, References, Tag, Target};

/// What cosign puts behind the tag of the scheme, instead of a subject into the manifest.
const ATTACHMENTS: [&str; 3] = [".sig", ".att", ".sbom"];

/// The tag that lists a manifest's referrers where a registry has no API for it
/// (distribution specification, "Referrers Tag Schema").
pub(super) fn tag(subject: &Digest) -> Result<Tag> {
    Ok(format!("sha256-{}", subject.hex()).parse()?)
}

/// The referrers that an answer of the API, or the manifest under [`tag`], lists.
pub(super) fn listed(index: Option<&Manifest>) -> Vec<Descriptor> {
    match index.map(Manifest::references) {
        Some(References::Index { manifests }) => manifests.clone(),
        _ => Vec::new(),
    }
}

/// Copies what refers to `subjects`, and to what refers to those.
pub fn copy_referrers(
    source: &dyn Repository,
    target: &dyn Repository,
    mut subjects: Vec<Digest>,
) -> Result<()> {
    let mut seen: HashSet<_> = subjects.iter().copied().collect();
    while let Some(subject) = subjects.pop() {
        let referrers = source.referrers(&subject)?;
        for referrer in &referrers {
            copy_manifest(source, target, &referrer.digest, referrer.digest.into())?;
        }
        list(target, &subject, &referrers)?;
        copy_attachments(source, target, &subject)?;
        let digests = referrers.iter().map(|referrer| referrer.digest);
        subjects.extend(digests.filter(|digest| seen.insert(*digest)));
    }
    Ok(())
}

fn copy_manifest(
    source: &dyn Repository,
    target: &dyn Repository,
    digest: &Digest,
    place: Target,
) -> Result<()> {
    let manifest = require_manifest(source, digest)?;
    copy_image(source, target, &manifest)?;
    target.put_manifest(&place, &manifest)
}

/// Sees to it that `target` lists the referrers. A registry without the API
/// leaves that to its clients (distribution specification, "Pushing Manifests
/// with Subject").
fn list(target: &dyn Repository, subject: &Digest, referrers: &[Descriptor]) -> Result<()> {
    if referrers.is_empty() {
        return Ok(());
    }
    let mut manifests = target.referrers(subject)?;
    let known: BTreeSet<_> = manifests.iter().map(|known| known.digest).collect();
    let missing = referrers.iter().filter(|one| !known.contains(&one.digest));
    let missing: Vec<_> = missing.cloned().collect();
    if missing.is_empty() {
        return Ok(());
    }
    manifests.extend(missing);
    let media_type = MediaType::OciIndex.name();
    let index = json!({ "schemaVersion": 2, "mediaType": media_type, "manifests": manifests });
    let index = Manifest::parse(index.to_string().into_bytes(), None)
        .context("making the list of referrers")?;
    target.put_manifest(&Target::Tag(tag(subject)?), &index)
}

fn copy_attachments(
    source: &dyn Repository,
    target: &dyn Repository,
    subject: &Digest,
) -> Result<()> {
    for suffix in ATTACHMENTS {
        let tag: Tag = format!("{}{suffix}", tag(subject)?).parse()?;
        if let Some(digest) = source.resolve(&tag)? {
            copy_manifest(source, target, &digest, Target::Tag(tag))?;
        }
    }
    Ok(())
}
