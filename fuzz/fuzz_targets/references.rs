//! Names of repositories, tags and digests, compared with their grammar.
#![no_main]

#[path = "../../xtask/tests/it/properties/grammar.rs"]
mod grammar;

use libfuzzer_sys::fuzz_target;
use xtask::oci::{Digest, Host, Location, RepositoryName, Tag, Target};

fuzz_target!(|text: &str| {
    let (is_tag, is_digest) = (grammar::is_tag(text), grammar::is_digest(text));
    assert_eq!(text.parse::<Tag>().is_ok(), is_tag);
    assert_eq!(text.parse::<Digest>().is_ok(), is_digest);
    assert_eq!(text.parse::<Target>().is_ok(), is_tag || is_digest);
    let name = text.parse::<RepositoryName>();
    match name.as_ref().map(RepositoryName::location) {
        Ok(Location::Registry { host, path }) => {
            assert!(grammar::is_name(path));
            // `library/` is Docker Hub's, and not written.
            let written = path.strip_prefix("library/").unwrap_or(path);
            let before = text.strip_suffix(written).expect("it ends with the path");
            assert!(host.is_docker_hub() || before.ends_with('/'));
        }
        Ok(Location::Layout(folder)) => {
            assert_eq!(text.strip_prefix("oci:"), folder.to_str());
        }
        // A first part with a dot is a host, and `library/` may come in front.
        Err(_) => {
            let is_path = grammar::is_name(text) && !text.contains('.');
            assert!(!is_path || text.len() + "library/".len() > 255);
        }
    }
    let _ = text.parse::<Host>().map(|host| host.base_url());
});
