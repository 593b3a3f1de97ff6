//! The metadata of `Cargo.toml`.
#![no_main]

use std::fs;

use libfuzzer_sys::fuzz_target;
use xtask::workspace::Workspace;

fuzz_target!(|bytes: &[u8]| {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Cargo.toml"), bytes).expect("a file");
    let _ = Workspace::containing(folder.path());
});
