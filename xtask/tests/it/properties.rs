//! What comes from outside is read or refused, whatever it is. `fuzz/` asks the
//! same for longer.

use std::fs;
use std::time::{Duration, SystemTime};

use proptest::collection::vec;
use proptest::prelude::*;
use xtask::delivery::codebuild::Buildspec;
use xtask::delivery::lint;
use xtask::oci::{Digest, Host, Manifest, MediaType, RepositoryName, Tag, Target};
use xtask::registry::{Challenge, Layout, Repository as _, next_link, retry_after};
use xtask::workspace::Workspace;

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
        if let Ok(name) = text.parse::<RepositoryName>() {
            let again: RepositoryName = name.to_string().parse().unwrap();
            prop_assert_eq!(again.location(), name.location());
        }
        if let Ok(tag) = text.parse::<Tag>() {
            prop_assert_eq!(tag.to_string(), &*text);
        }
        if let Ok(digest) = text.parse::<Digest>() {
            prop_assert_eq!(digest.to_string(), &*text);
        }
        if let Ok(target) = text.parse::<Target>() {
            prop_assert_eq!(target.to_string(), &*text);
        }
        let _ = text.parse::<Host>();
    }

    #[test]
    fn names_by_the_grammar_read_back(
        host in "[a-z]{1,8}(-[a-z]{1,4})?\\.[a-z]{2,3}(:[1-9][0-9]{0,3})?",
        path in "[a-z0-9]{1,8}((_|__|\\.|-{1,3})[a-z0-9]{1,4}){0,2}(/[a-z0-9]{1,8}){0,3}",
        tag in "[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}",
    ) {
        let name = format!("{host}/{path}");
        prop_assert_eq!(name.parse::<RepositoryName>().unwrap().to_string(), name);
        prop_assert_eq!(tag.parse::<Tag>().unwrap().to_string(), tag);
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
    fn a_damaged_layout_is_read_or_refused(bytes in damaged(index_text())) {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("index.json"), bytes).unwrap();
        let layout = Layout::in_folder(folder.path());
        let _ = layout.resolve(&"1.0".parse().unwrap());
        let _ = layout.manifest(&DIGEST.parse().unwrap());
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
