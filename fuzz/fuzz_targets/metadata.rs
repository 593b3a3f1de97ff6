//! The metadata of `Cargo.toml`.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use xtask::workspace::Workspace;

/// One folder for all cases: making folders would take most of the time.
static FOLDER: LazyLock<TempDir> = LazyLock::new(|| tempfile::tempdir().expect("a folder"));

fuzz_target!(|bytes: &[u8]| {
    let folder = FOLDER.path();
    fs::write(folder.join("Cargo.toml"), bytes).expect("a file");
    if let Ok(workspace) = Workspace::containing(folder) {
        let levels: usize = workspace.levels().iter().map(Vec::len).sum();
        assert_eq!(levels, workspace.services.len());
        for service in &workspace.services {
            assert!(workspace.service(&service.alias).is_ok());
        }
    }
});
