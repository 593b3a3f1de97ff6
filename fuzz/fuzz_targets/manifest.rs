//! Manifests and indexes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::oci::{Digest, Manifest, MediaType};

fuzz_target!(|bytes: &[u8]| {
    for declared in [None, Some(MediaType::OciIndex.name())] {
        if let Ok(manifest) = Manifest::parse(bytes.to_vec(), declared) {
            assert_eq!(manifest.bytes(), bytes);
            assert_eq!(manifest.digest(), Digest::of(bytes));
            assert_eq!(manifest.descriptor().size, bytes.len() as u64);
        }
    }
});
