//! `index.json` of a layout, and the manifest that it points at.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use xtask::oci::{Digest, Tag};
use xtask::registry::{Layout, Repository as _};

/// One folder for all cases: making folders would take most of the time.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|bytes: &[u8]| {
    let folder = FOLDER.path();
    let tag: Tag = "1.0".parse().expect("a tag");
    let digest = Digest::of(b"");
    fs::write(folder.join("index.json"), bytes).expect("a file");
    let layout = Layout::in_folder(folder);
    let _ = layout.resolve(&tag);
    let _ = layout.tagged(&tag);
    let _ = layout.manifest(&digest);
    let _ = layout.referrers(&digest);
});
