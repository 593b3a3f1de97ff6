//! Manifests and indexes.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::oci::{Digest, Manifest};

fuzz_target!(|bytes: &[u8]| {
    if let Ok(manifest) = Manifest::parse(bytes.to_vec(), None) {
        assert_eq!(manifest.bytes(), bytes);
        assert_eq!(manifest.digest(), Digest::of(bytes));
    }
});
