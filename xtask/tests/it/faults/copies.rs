//! Production in a registry of its own: everything goes along, nothing changes.

use std::time::{Duration, Instant};

use serde_json::{Value, json};
use tempfile::TempDir;
use xtask::oci::{Digest, Manifest};
use xtask::registry::{Layout, Repository as _};

use super::{STOCK, races, sandbox};
use crate::support::image::{Image, layout, write_index};
use crate::support::scripted::{Answer, Fault, Matching, Scripted, State, When};
use crate::support::{Ran, Sandbox};

const TAG: &str = "1.0.RELEASE";

/// Images for a registry.
pub(super) struct Stock {
    _folder: TempDir,
    pub(super) layout: Layout,
    pub(super) state: State,
}

impl Stock {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Self {
            layout: layout(folder.path()),
            _folder: folder,
            state: State::default(),
        }
    }

    pub(super) fn image(&mut self, content: &str) -> Manifest {
        let manifest = Image::new(content).write(&self.layout);
        self.take(&manifest);
        manifest
    }

    /// A signature, or whatever else has a subject.
    pub(super) fn referrer(&mut self, content: &str, subject: &Manifest) -> Manifest {
        let manifest = Image::new(content).write(&self.layout);
        let mut document: Value = serde_json::from_slice(manifest.bytes()).unwrap();
        document["subject"] = serde_json::to_value(subject.descriptor()).unwrap();
        let manifest = Manifest::parse(document.to_string().into_bytes(), None).unwrap();
        self.take(&manifest);
        manifest
    }

    pub(super) fn take(&mut self, manifest: &Manifest) {
        let digest = manifest.digest().into();
        self.layout.put_manifest(&digest, manifest).unwrap();
        self.state.take("app", &self.layout, manifest);
    }
}

/// Promotes `digest` from one registry into another.
pub(super) fn promote(source: &Scripted, target: &Scripted, digest: Digest, limit: &str) -> Ran {
    let mut sandbox = Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", source.repository("app"));
    sandbox.has_own_production(target.repository("released"));
    let digest = digest.to_string();
    sandbox.run([
        "--timeout",
        limit,
        "promote",
        "backend",
        "--digest",
        &digest,
    ])
}

/// Asserts that the production tag came last and no rule was broken.
pub(super) fn assert_released(source: &Scripted, target: &Scripted, digest: Digest) {
    for registry in [source, target] {
        assert_eq!(registry.with(|state| state.violations.clone()), [""; 0]);
    }
    assert_eq!(
        target.with(|state| state.tag("released", TAG)),
        Some(digest)
    );
    let asked = target.asked();
    let last = asked.iter().rfind(|line| line.starts_with("PUT")).unwrap();
    assert_eq!(*last, format!("PUT /v2/released/manifests/{TAG}"));
}

pub(super) fn empty(has_referrers: bool) -> Scripted {
    let mut state = State::default();
    state.has_referrers = has_referrers;
    Scripted::start(state)
}

#[test]
fn referrers_go_along_whatever_both_registries_know_of_them() {
    for (source_knows, target_knows) in [(true, true), (true, false), (false, true), (false, false)]
    {
        let mut stock = Stock::new();
        let image = stock.image("image");
        let sbom = stock.referrer("sbom", &image);
        let signature = stock.referrer("signature", &sbom);
        if !source_knows {
            for (subject, referrer) in [(&image, &sbom), (&sbom, &signature)] {
                let list = json!({ "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": [referrer.descriptor()] });
                let list = Manifest::parse(list.to_string().into_bytes(), None).unwrap();
                stock.take(&list);
                let tag = format!("sha256-{}", subject.digest().hex());
                stock.state.point("app", &tag, list.digest());
            }
        }
        stock.state.has_referrers = source_knows;
        let (source, target) = (Scripted::start(stock.state), empty(target_knows));
        let ran = promote(&source, &target, image.digest(), "60");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_released(&source, &target, image.digest());
        target.with(|state| {
            for manifest in [&sbom, &signature] {
                let kept = &state.repository("released").manifests[&manifest.digest()];
                assert_eq!(kept, manifest.bytes());
            }
            let tag = format!("sha256-{}", image.digest().hex());
            assert_eq!(state.tag("released", &tag).is_some(), !target_knows);
        });
    }
}

#[test]
fn a_referrer_of_the_old_kind_goes_along() {
    let mut stock = Stock::new();
    let image = stock.image("image");
    let media_type = "application/vnd.oci.artifact.manifest.v1+json";
    let signature = stock.layout.store("application/jose+json", b"signature");
    let artifact = json!({ "mediaType": media_type, "artifactType": "application/vnd.cncf.notary.signature", "blobs": [signature.unwrap()], "subject": image.descriptor() });
    let artifact = Manifest::parse(artifact.to_string().into_bytes(), None).unwrap();
    stock.take(&artifact);
    stock.state.has_referrers = true;
    let (source, target) = (Scripted::start(stock.state), empty(true));
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
    target.with(|state| {
        let kept = &state.repository("released").manifests[&artifact.digest()];
        assert_eq!(kept, artifact.bytes());
    });
}

#[test]
fn referrers_that_are_hidden_are_told_with_what_hides_them() {
    for status in [401, 403] {
        let mut stock = Stock::new();
        let image = stock.image("image");
        let (source, target) = (Scripted::start(stock.state), empty(true));
        let list = Matching::new("GET", format!("/referrers/{}", image.digest()));
        let answer = Fault::Answer(Answer::status(status));
        source.script(list, When::From(1), answer);
        let ran = promote(&source, &target, image.digest(), "60");
        let status = status.to_string();
        ran.fails(6, &["the referrers API", &status, "hint: let the account"]);
    }
}

#[test]
fn cosigns_tags_go_along() {
    let mut stock = Stock::new();
    let image = stock.image("image");
    let tags = [".sig", ".att", ".sbom"].map(|suffix| {
        let attachment = stock.image(suffix);
        let tag = format!("sha256-{}{suffix}", image.digest().hex());
        stock.state.point("app", &tag, attachment.digest());
        (tag, attachment.digest())
    });
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
    for (tag, digest) in tags {
        assert_eq!(
            target.with(|state| state.tag("released", &tag)),
            Some(digest)
        );
    }
}

#[test]
fn all_platforms_and_what_signs_one_of_them_go_along() {
    let mut stock = Stock::new();
    let index = write_index(&stock.layout);
    stock.take(&index);
    let xtask::oci::References::Index { manifests } = index.references() else {
        panic!("an index");
    };
    let child = stock
        .layout
        .manifest(&manifests[1].digest)
        .unwrap()
        .unwrap();
    let signature = stock.referrer("signature", &child);
    stock.state.has_referrers = true;
    let (source, target) = (Scripted::start(stock.state), empty(true));
    let ran = promote(&source, &target, index.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, index.digest());
    target.with(|state| {
        let kept = &state.repository("released").manifests;
        assert_eq!(kept[&index.digest()], index.bytes());
        assert!(kept.contains_key(&signature.digest()));
    });
}

#[test]
fn a_blob_that_breaks_off_goes_on_where_it_stopped() {
    for always_whole in [false, true] {
        let mut stock = Stock::new();
        let image = stock.image(&"large ".repeat(100_000));
        stock.state.always_whole = always_whole;
        let (source, target) = (Scripted::start(stock.state), empty(false));
        let blobs = Matching::new("GET", layer(&image));
        source.script(blobs, When::Only(1), Fault::CutBody);
        let ran = promote(&source, &target, image.digest(), "60");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert_released(&source, &target, image.digest());
        let ranges = source.with(|state| state.ranges.clone());
        assert!(ranges.len() == 1 && ranges[0] != "bytes=0-", "{ranges:?}");
    }
}

#[test]
fn a_blob_that_comes_again_too_slowly_is_ended_by_the_time_limit() {
    let mut stock = Stock::new();
    let image = stock.image(&"large ".repeat(100_000));
    stock.state.always_whole = true;
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let blobs = || Matching::new("GET", layer(&image));
    source.script(blobs(), When::Only(1), Fault::CutBody);
    source.script(blobs(), When::From(2), Fault::DripBody);
    let since = Instant::now();
    promote(&source, &target, image.digest(), "3").fails(7, &["time limit"]);
    let took = since.elapsed();
    assert!(took < Duration::from_secs(20), "{took:?}");
}

#[test]
fn a_blob_that_is_shorter_than_the_manifest_says_is_told() {
    for always_whole in [false, true] {
        let mut stock = Stock::new();
        let image = stock.image(&"large ".repeat(100_000));
        stock.state.always_whole = always_whole;
        let xtask::oci::References::Image { blobs } = image.references() else {
            panic!("an image");
        };
        let shelf = stock.state.repository("app");
        shelf.blobs.get_mut(&blobs[1].digest).unwrap().pop();
        let (source, target) = (Scripted::start(stock.state), empty(false));
        if !always_whole {
            let past = Fault::Answer(Answer::status(416));
            source.script(Matching::new("GET", layer(&image)), When::From(2), past);
        }
        let ran = promote(&source, &target, image.digest(), "60");
        let size = blobs[1].size;
        let words = format!("it ended after {} of {size} bytes", size - 1);
        ran.fails(7, &[&words, "hint: the blob is not whole"]);
        assert!(!ran.stderr.contains("time limit"), "{}", ran.stderr);
    }
}

/// The layer's path.
pub(super) fn layer(image: &Manifest) -> String {
    let xtask::oci::References::Image { blobs } = image.references() else {
        panic!("an image");
    };
    format!("/blobs/{}", blobs[1].digest)
}

#[test]
fn a_tag_that_comes_to_be_while_blobs_are_copied_is_a_race() {
    fn somebody_releases(state: &mut State) {
        let others = state.repository("app").clone();
        let released = state.repository("released");
        released.manifests.extend(others.manifests);
        released.tags.insert(TAG.into(), STOCK.foreign);
    }
    let mut stock = Stock::new();
    let image = stock.image("image");
    let (source, mut state) = (Scripted::start(stock.state), STOCK.state());
    state.account = None;
    let target = Scripted::start(state);
    let upload = Matching::new("POST", "/v2/released/blobs/uploads/");
    target.script(upload, When::Only(1), Fault::Meanwhile(somebody_releases));
    let ran = promote(&source, &target, image.digest(), "60");
    ran.fails(8, &[&STOCK.foreign.to_string(), "somebody else"]);
    assert_eq!(
        target.with(|state| state.tag("released", TAG)),
        Some(STOCK.foreign)
    );
}

#[test]
fn a_copy_that_was_interrupted_sends_no_blob_twice() {
    let mut stock = Stock::new();
    let image = stock.image("image");
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let put = Matching::new("PUT", "/v2/released/manifests/1.0.RELEASE");
    let get = Matching::new("GET", layer(&image));
    source.script(get, When::Only(1), Fault::Silence);
    promote(&source, &target, image.digest(), "3").fails(7, &["time limit"]);
    let sent = || target.with(|state| state.repository("released").blobs.len());
    assert_eq!(sent(), 1, "the configuration is there");
    target.script(put, When::Only(1), Fault::Silence);
    promote(&source, &target, image.digest(), "3").fails(7, &["time limit"]);
    assert_eq!(sent(), 2);
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
    let uploads = target.asked();
    let uploads = uploads
        .iter()
        .filter(|line| line.starts_with("PUT") && line.contains("digest="));
    assert_eq!(uploads.count(), 2);
}

#[test]
fn a_mount_that_fails_again_and_again_costs_a_copy() {
    let mut state = STOCK.state();
    state.mounts = true;
    let registry = Scripted::start(state);
    let mount = Matching {
        query: Some("mount="),
        ..Matching::new("POST", "/v2/released/blobs/uploads/")
    };
    let broken = Fault::Answer(Answer::status(500));
    registry.script(mount, When::From(1), broken);
    let mut sandbox = sandbox(&registry);
    sandbox.has_own_production(registry.repository("released"));
    let ran = races::promote(&sandbox, STOCK.new, &[]);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    let mounts = registry.asked();
    let mounts = mounts.iter().filter(|line| line.contains("mount="));
    // Of the configuration and of the layer.
    assert_eq!(mounts.count(), 6);
}

#[test]
fn a_blob_that_is_not_what_it_should_be_is_not_stored() {
    let mut stock = Stock::new();
    let image = stock.image("image");
    let (source, target) = (Scripted::start(stock.state), empty(false));
    let get = Matching::new("GET", layer(&image));
    source.script(get, When::From(1), Fault::OtherBytes);
    promote(&source, &target, image.digest(), "60").fails(1, &["the blob sha256:"]);
    assert_eq!(target.with(|state| state.tag("released", TAG)), None);
    assert!(target.with(|state| state.repository("released").manifests.is_empty()));
}
