//! Buildspecs and templates.
#![no_main]

use std::fs;
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use tempfile::TempDir;
use xtask::delivery::codebuild::Buildspec;
use xtask::delivery::lint;
use xtask::workspace::Workspace;

const MANIFEST: &str = r#"
[workspace]
members = ["."]
[workspace.metadata.delivery]
name = "delivery"
target = "x86_64-unknown-linux-gnu"
[package]
name = "backend"
[package.metadata.service]
port = 8080
context-path = "/backend"
"#;

static FOLDER: LazyLock<(TempDir, Workspace)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().expect("a folder");
    fs::write(folder.path().join("Cargo.toml"), MANIFEST).expect("a file");
    let workspace = Workspace::containing(folder.path()).expect("a workspace");
    (folder, workspace)
});

fuzz_target!(|bytes: &[u8]| {
    let (folder, workspace) = &*FOLDER;
    let file = folder.path().join("buildspec.yml");
    fs::write(&file, bytes).expect("a file");
    let _ = Buildspec::read(&file, true);
    let _ = lint(workspace, std::slice::from_ref(&file));
});
