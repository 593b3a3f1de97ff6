//! What comes from outside is read or refused, whatever it is. `fuzz/` asks the
//! same for longer.

mod grammar;

use std::fs;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use xtask::delivery::codebuild::Buildspec;
use xtask::delivery::lint;
use xtask::oci::{Digest, Host, Location, Manifest, MediaType, RepositoryName, Tag, Target};
use xtask::registry::{Challenge, Layout, Repository as _, next_link, retry_after};
use xtask::workspace::Workspace;

use self::grammar::{is_digest, is_name, is_tag};

const DIGEST: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// `whole` with a few bytes replaced, and perhaps cut off.
fn damaged(whole: String) -> impl Strategy<Value = Vec<u8>> {
    let length = whole.len();
    let changes = vec((0..length, any::<u8>()), 0..4);
    (changes, 0..=length).prop_map(move |(changes, end)| {
        let mut bytes = whole.clone().into_bytes();
        for (place, byte) in changes {
            bytes[place] = byte;
        }
        // Half of the time it stays whole.
        if end % 2 == 1 {
            bytes.truncate(end);
        }
        bytes
    })
}

fn manifest_text() -> String {
    let blob = format!(r#"{{"mediaType":"x","digest":"{DIGEST}","size":3}}"#);
    let media_type = MediaType::OciManifest;
    format!(
        r#"{{"schemaVersion":2,"mediaType":"{media_type}","config":{blob},"layers":[{blob}],"annotations":{{"a":"b"}},"subject":{blob}}}"#
    )
}

fn index_text() -> String {
    let descriptor = format!(
        r#"{{"mediaType":"x","digest":"{DIGEST}","size":3,"annotations":{{"org.opencontainers.image.ref.name":"1.0"}}}}"#
    );
    let media_type = MediaType::OciIndex;
    format!(r#"{{"schemaVersion":2,"mediaType":"{media_type}","manifests":[{descriptor}]}}"#)
}

const METADATA: &str = r#"
[workspace]
members = ["."]
[workspace.metadata.delivery]
name = "delivery"
target = "x86_64-unknown-linux-gnu"
[package]
name = "backend"
version = "1.2.3"
[package.metadata.service]
alias = "back"
upstreams = []
port = 8080
context-path = "/backend"
production-tag = "immutable"
"#;

const BUILDSPEC: &str = r#"
version: 0.2
env: { shell: bash, variables: { A: "b" }, exported-variables: [IMAGE_DIGEST] }
phases:
  build:
    on-failure: ABORT
    commands:
      - IMAGE_DIGEST=$(cargo xtask staging-tag backend)
      - |
        set -e
        echo "$A"
artifacts: { files: ["**/*"], secondary-artifacts: { more: { files: a } } }
"#;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_text_is_a_name_or_is_refused(text in any::<String>()) {
        if let Ok(name) = text.parse::<RepositoryName>()
            && let Location::Registry { path, .. } = name.location()
        {
            prop_assert!(is_name(path), "{}", path);
        }
        prop_assert_eq!(text.parse::<Tag>().is_ok(), is_tag(&text));
        prop_assert_eq!(text.parse::<Target>().is_ok(), is_tag(&text) || is_digest(&text));
        let _ = text.parse::<Host>();
    }

    #[test]
    fn names_are_what_the_grammar_says(
        host in "[a-z]{1,8}(-[a-z]{1,4})?\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?",
        path in prop_oneof![
            "[a-z0-9]{1,8}((_|__|\\.|-{1,3})[a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,8}){0,3}",
            "[ab]([._-]{0,3}[ab1]){1,3}",
            "[a-cX0-2._/-]{0,8}",
            "[a-c]{120,130}/[a-c]{125,130}",
        ],
    ) {
        let name = format!("{host}/{path}").parse::<RepositoryName>();
        prop_assert_eq!(name.is_ok(), is_name(&path));
        if let Ok(name) = name {
            let host = host.parse().unwrap();
            prop_assert_eq!(name.location(), &Location::Registry { host, path });
        }
    }

    #[test]
    fn tags_and_digests_are_what_the_grammar_says(
        tag in prop_oneof!["[a-zA-Z0-9._-]{0,4}", "[a-z.:/ é]{1,3}", "[a-zA-Z0-9_.]{126,130}"],
        digest in prop_oneof![
            "sha256:[a-f0-9]{63,65}",
            "(sha512:|SHA256:|sha256)?[a-f0-9]{64}",
            "sha256:[a-f0-9]{63}[A-Gg]",
        ],
    ) {
        prop_assert_eq!(tag.parse::<Tag>().is_ok(), is_tag(&tag));
        prop_assert_eq!(tag.parse::<Target>().is_ok(), is_tag(&tag));
        let read = digest.parse::<Digest>();
        prop_assert_eq!(read.is_ok(), is_digest(&digest));
        if let Ok(read) = read {
            prop_assert_eq!(read.to_string(), digest);
        }
    }

    #[test]
    fn any_header_is_a_challenge_or_none(values in vec(any::<String>(), 0..3)) {
        Challenge::choose(values.iter().map(String::as_str));
    }

    #[test]
    fn a_challenge_survives_its_quoting(realm in "[ -~]{1,40}", service in "[ -~]{0,20}") {
        let quoted = |text: &str| text.replace('\\', "\\\\").replace('"', "\\\"");
        let value = format!("Bearer realm=\"{}\", service=\"{}\"", quoted(&realm), quoted(&service));
        let expected = Challenge::Bearer { realm, service: Some(service) };
        prop_assert_eq!(Challenge::choose([&*value]), Some(expected));
    }

    #[test]
    fn a_damaged_manifest_keeps_its_bytes_or_is_refused(
        bytes in prop_oneof![damaged(manifest_text()), damaged(index_text()), vec(any::<u8>(), 0..200)],
    ) {
        if let Ok(manifest) = Manifest::parse(bytes.clone(), None) {
            prop_assert_eq!(manifest.digest(), Digest::of(&bytes));
            prop_assert_eq!(manifest.bytes(), bytes);
        }
    }

    #[test]
    fn any_retry_after_is_a_wait_or_none(text in prop_oneof![
        any::<String>(),
        "[A-Z][a-z]{2}, [0-9]{2} [A-Z][a-z]{2} [0-9]{4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT",
    ]) {
        retry_after(&text, SystemTime::now());
    }

    #[test]
    fn a_retry_after_in_seconds_is_that_long(seconds in any::<u64>()) {
        let wait = retry_after(&seconds.to_string(), SystemTime::now());
        prop_assert_eq!(wait, Some(Duration::from_secs(seconds)));
    }

    #[test]
    fn a_damaged_layout_is_read_or_refused(
        index in damaged(index_text()),
        blob in prop_oneof![damaged(manifest_text()), damaged(index_text())],
    ) {
        let folder = tempfile::tempdir().unwrap();
        let digest = Digest::of(&blob);
        let blobs = folder.path().join("blobs/sha256");
        fs::create_dir_all(&blobs).unwrap();
        fs::write(blobs.join(digest.hex()), &blob).unwrap();
        let index = String::from_utf8_lossy(&index).replace(DIGEST, &digest.to_string());
        fs::write(folder.path().join("index.json"), index).unwrap();
        let layout = Layout::in_folder(folder.path());
        let is_manifest = Manifest::parse(blob.clone(), None).is_ok();
        let tag = "1.0".parse().unwrap();
        if layout.resolve(&tag).is_ok_and(|found| found == Some(digest)) {
            prop_assert_eq!(layout.tagged(&tag).is_ok(), is_manifest);
        }
        match layout.manifest(&digest) {
            Ok(manifest) => {
                let manifest = manifest.unwrap();
                prop_assert_eq!(manifest.bytes(), blob);
            }
            Err(_) => prop_assert!(!is_manifest),
        }
        let _ = layout.referrers(&DIGEST.parse().unwrap());
    }

    #[test]
    fn damaged_metadata_is_read_or_refused(bytes in damaged(METADATA.into())) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), bytes).unwrap();
        let _ = Workspace::containing(folder.path());
    }

    #[test]
    fn a_damaged_buildspec_is_read_or_refused(bytes in damaged(BUILDSPEC.into())) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("Cargo.toml"), METADATA).unwrap();
        let workspace = Workspace::containing(folder.path()).unwrap();
        let file = folder.path().join("buildspec.yml");
        fs::write(&file, bytes).unwrap();
        let _ = Buildspec::read(&file, true);
        let _ = lint(&workspace, std::slice::from_ref(&file));
    }

    #[test]
    fn any_link_is_a_next_page_or_none(values in vec(any::<String>(), 0..3)) {
        next_link(values.iter().map(String::as_str));
    }
}
