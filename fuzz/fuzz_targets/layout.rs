//! `index.json` of a layout, which is the first line, and the manifest that it points
//! at, which is the rest: `DIGEST` in the first line is the digest of the rest.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use xtask::oci::{Digest, Manifest, Tag};
use xtask::registry::{Layout, Repository as _};

/// One folder for all cases: making folders would take most of the time.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    fs::create_dir_all(folder.path().join("blobs/sha256")).expect("a folder");
    folder
});

fuzz_target!(|bytes: &[u8]| {
    let folder = FOLDER.path();
    let tag: Tag = "1.0".parse().expect("a tag");
    let end = bytes.iter().position(|byte| *byte == b'\n');
    let (index, blob) = bytes.split_at(end.unwrap_or(bytes.len()));
    let blob = blob.get(1..).unwrap_or_default();
    let digest = Digest::of(blob);
    let index = match str::from_utf8(index) {
        Ok(text) => text.replace("DIGEST", &digest.to_string()).into_bytes(),
        Err(_) => index.to_vec(),
    };
    let file = folder.join("blobs/sha256").join(digest.hex());
    fs::write(folder.join("index.json"), index).expect("a file");
    fs::write(&file, blob).expect("a file");

    let layout = Layout::in_folder(folder);
    let is_manifest = Manifest::parse(blob.to_vec(), None).is_ok();
    let resolved = layout.resolve(&tag);
    if resolved.is_ok_and(|found| found == Some(digest)) {
        assert_eq!(layout.tagged(&tag).is_ok(), is_manifest);
    }
    let manifest = layout.manifest(&digest);
    assert_eq!(manifest.is_ok(), is_manifest);
    if let Ok(manifest) = manifest {
        let manifest = manifest.expect("the blob is there");
        assert_eq!(manifest.bytes(), blob);
        let _ = layout.check_whole(&manifest);
    }
    // What the manifests of the corpus refer to.
    let _ = layout.referrers(&Digest::of(b""));
    fs::remove_file(file).expect("the file is there");
});
