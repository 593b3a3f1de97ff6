//! `index.json` of a layout.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use xtask::registry::{Layout, Repository as _};

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("index.json"), bytes).expect("a file");
    let layout = Layout::in_folder(folder.path()).expect("a layout");
    let digest = xtask::oci::Digest::of(b"");
    let _ = layout.resolve(&"1.0".parse().expect("a tag"));
    let _ = layout.manifest(&digest);
    let _ = layout.referrers(&digest);
});
