//! Lists of referrers that come in pages.

use std::collections::BTreeSet;

use serde_json::json;
use xtask::oci::{Digest, Manifest, MediaType};

use super::copies::{Stock, assert_released, empty, promote};
use super::{PASSWORD, USER};
use crate::support::Sandbox;
use crate::support::scripted::{Answer, Fault, Matching, Scripted, When};

/// A registry with an image and that many signatures of it.
fn signed(count: usize) -> (Scripted, Manifest, BTreeSet<Digest>) {
    let mut stock = Stock::new();
    let image = stock.image("image");
    let signatures = (0..count)
        .map(|number| {
            stock
                .referrer(&format!("signature {number}"), &image)
                .digest()
        })
        .collect();
    stock.state.has_referrers = true;
    (Scripted::start(stock.state), image, signatures)
}

fn list_of(image: &Manifest) -> Matching {
    Matching::new("GET", format!("/v2/app/referrers/{}", image.digest()))
}

fn kept(target: &Scripted) -> BTreeSet<Digest> {
    target.with(|state| {
        let manifests = &state.repository("released").manifests;
        manifests.keys().copied().collect()
    })
}

fn page(link: &str) -> Answer {
    let index =
        json!({ "schemaVersion": 2, "mediaType": MediaType::OciIndex.name(), "manifests": [] });
    Answer::status(200)
        .body(MediaType::OciIndex.name(), index.to_string())
        .header("link", link)
}

#[test]
fn every_page_of_the_list_is_read() {
    let (source, image, signatures) = signed(7);
    source.with(|state| state.referrers_per_page = Some(3));
    // A page that fails is asked for again, and the others are not.
    let second = Matching {
        query: Some("start=3"),
        ..list_of(&image)
    };
    source.script(second, When::Only(1), Fault::CutBody);
    let target = empty(true);
    let ran = promote(&source, &target, image.digest(), "60");
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_released(&source, &target, image.digest());
    assert!(kept(&target).is_superset(&signatures));
    let path = format!("GET /v2/app/referrers/{}", image.digest());
    let asked = source.asked();
    let pages: Vec<_> = asked
        .iter()
        .filter_map(|line| line.strip_prefix(&path))
        .collect();
    assert_eq!(pages, ["", "?start=3", "?start=3", "?start=6"]);
}

#[test]
fn a_list_without_an_end_is_an_error() {
    for (link, words) in [
        (None, "leads in a circle"),
        (Some("<?page=2>; rel=next"), "leads in a circle"),
        (Some("<?page=3>; rel=next"), "is endless"),
        (
            Some("<http://registry.example/>; rel=next"),
            "which is not HTTPS",
        ),
        (
            Some("<gopher://registry.example/>; rel=next"),
            "which is no URL",
        ),
    ] {
        let (source, image, _) = signed(1);
        let own = format!("</v2/app/referrers/{}>; rel=next", image.digest());
        if words == "is endless" {
            for number in 1..=200 {
                let link = format!("<?page={number}>; rel=next");
                source.script(
                    list_of(&image),
                    When::Only(number),
                    Fault::Answer(page(&link)),
                );
            }
        } else {
            let link = page(link.unwrap_or(&own));
            source.script(list_of(&image), When::From(1), Fault::Answer(link));
        }
        let target = empty(true);
        let ran = promote(&source, &target, image.digest(), "60");
        ran.fails(1, &[words, "asking for the referrers of"]);
        assert_eq!(
            target.with(|state| state.tag("released", "1.0.RELEASE")),
            None
        );
    }
}

#[test]
fn a_page_on_another_host_is_read_without_the_account() {
    let (source, image, _) = signed(1);
    let (other, ..) = signed(0);
    let url = format!(
        "http://{}/v2/app/referrers/{}",
        other.host(),
        image.digest()
    );
    let link = page(&format!("<{url}>; rel=\"next\""));
    source.script(list_of(&image), When::From(1), Fault::Answer(link));
    source.with(|state| state.account = Some(format!("{USER}:{PASSWORD}")));
    let target = empty(true);
    let mut sandbox = Sandbox::new()
        .with("BACKEND_IMAGE_REPO_NAME", source.repository("app"))
        .with("DOCKER_USER", USER)
        .with("DOCKER_PASSWORD", PASSWORD)
        .with("DOCKER_REPO", source.host());
    sandbox.has_own_production(target.repository("released"));
    let digest = image.digest().to_string();
    sandbox.ok(["promote", "backend", "--digest", &digest]);
    assert_released(&source, &target, image.digest());
    assert_eq!(other.asked().len(), 1);
    assert_eq!(other.with(|state| state.authorizations.clone()), [""; 0]);
}

#[test]
fn what_is_no_whole_list_lets_no_signature_get_lost() {
    let (_, image, _) = signed(0);
    for (answer, code, word) in [
        (
            Answer::status(200).body(image.media_type().name(), image.bytes()),
            7,
            "no list of referrers",
        ),
        (Answer::status(200).body("text/html", "<html>"), 7, "<html>"),
        (
            page("").header("oci-filters-applied", "artifactType"),
            1,
            "artifactType",
        ),
    ] {
        let (source, image, _) = signed(1);
        source.script(list_of(&image), When::From(1), Fault::Answer(answer));
        let target = empty(true);
        promote(&source, &target, image.digest(), "60").fails(code, &[word]);
        assert_eq!(
            target.with(|state| state.tag("released", "1.0.RELEASE")),
            None
        );
    }
}

#[test]
fn a_list_is_taken_for_what_it_is_whatever_its_content_type() {
    for media_type in ["application/json", MediaType::DockerList.name()] {
        let (source, image, signatures) = signed(2);
        let descriptors: Vec<_> = signatures
            .iter()
            .map(|digest| json!({ "mediaType": MediaType::OciManifest.name(), "digest": digest, "size": 1 }))
            .collect();
        let index = json!({ "schemaVersion": 2, "manifests": descriptors });
        let answer = Answer::status(200).body(media_type, index.to_string());
        source.script(list_of(&image), When::From(1), Fault::Answer(answer));
        let target = empty(true);
        let ran = promote(&source, &target, image.digest(), "60");
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        assert!(kept(&target).is_superset(&signatures));
    }
}
