//! Names of repositories, tags and digests.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::oci::{Digest, Host, RepositoryName, Tag, Target};

fuzz_target!(|text: &str| {
    if let Ok(name) = text.parse::<RepositoryName>() {
        let again: RepositoryName = name.to_string().parse().expect("a name reads back");
        assert_eq!(again.location(), name.location());
    }
    if let Ok(tag) = text.parse::<Tag>() {
        assert_eq!(tag.as_str(), text);
        let _ = tag.with_suffix("previous");
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string(), text);
    }
    let _ = text.parse::<Target>();
    let _ = text.parse::<Host>().map(|host| host.base_url());
});
