//! The rules of the code, as `ARCHITECTURE.md` states them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::support::output_of;

/// The layers, bottom first. Modules of one layer may know each other; nothing
/// knows a layer above its own.
const LAYERS: [&[&str]; 7] = [
    &["error", "console", "files", "parallel", "process"],
    &["oci", "workspace", "parameters"],
    &["registry"],
    &["image"],
    &["promotion", "delivery"],
    &["commands"],
    &["cli"],
];

/// What would make the tool slow to compile, or is for others.
const FORBIDDEN: [&str; 7] = [
    "tokio",
    "hyper",
    "reqwest",
    "aws-config",
    "aws-sdk-ssm",
    "aws-lc-sys",
    "openssl-sys",
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .unwrap()
        .to_owned()
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                rust_files(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|layer| layer.contains(&module))
}

/// The modules of this crate that a source text names.
fn modules_named(text: &str) -> BTreeSet<&str> {
    let named = text.split("crate::").skip(1);
    let mut modules: BTreeSet<_> = named
        .map(|rest| {
            rest.split(|c: char| !c.is_alphanumeric() && c != '_')
                .next()
                .unwrap()
        })
        .collect();
    // `use crate::{a, b::c};`
    for group in text.split("use crate::{").skip(1) {
        let group = group.split("};").next().unwrap();
        let names = group
            .split(',')
            .map(|name| name.trim().split("::").next().unwrap());
        modules.extend(names.filter(|name| !name.is_empty()));
    }
    modules.remove("");
    modules
}

#[test]
fn nothing_imports_upwards() {
    let source = root().join("xtask/src");
    for path in rust_files(&source) {
        let relative = path.strip_prefix(&source).unwrap();
        let module = relative
            .components()
            .next()
            .unwrap()
            .as_os_str()
            .to_str()
            .unwrap()
            .trim_end_matches(".rs");
        if ["main", "lib"].contains(&module) {
            continue;
        }
        let own = layer_of(module).unwrap_or_else(|| {
            panic!("{module} has no layer: add it to this test and to ARCHITECTURE.md")
        });
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            !text.contains("super::super"),
            "{} names a module by `super::super`, which this test cannot place: name it by `crate::`",
            relative.display()
        );
        // Directly below the root it is another name of it.
        let is_top_level = path.parent() == Some(&source);
        let by_super = LAYERS
            .iter()
            .flat_map(|layer| layer.iter())
            .find(|module| is_top_level && text.contains(&format!("super::{module}::")));
        assert!(
            by_super.is_none(),
            "{} names {by_super:?} by `super::`",
            relative.display()
        );
        for named in modules_named(&text) {
            let layer = layer_of(named)
                .unwrap_or_else(|| panic!("{}: {named} has no layer", relative.display()));
            assert!(
                layer <= own,
                "{} imports {named}, which is above it",
                relative.display()
            );
        }
    }
}

/// The packages that Cargo would compile for `package`.
fn dependencies_of(package: &str) -> BTreeSet<String> {
    let tree = output_of(Command::new(env!("CARGO")).current_dir(root()).args([
        "tree",
        "--locked",
        "--package",
        package,
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--format",
        "{p}",
    ]));
    tree.lines()
        .map(|line| line.split(' ').next().unwrap().to_owned())
        .collect()
}

#[test]
fn the_tool_compiles_nothing_slow() {
    let names = dependencies_of("xtask");
    assert!(
        names.contains("ureq"),
        "the tree is read wrongly: {names:?}"
    );
    for forbidden in FORBIDDEN {
        assert!(!names.contains(forbidden), "xtask depends on {forbidden}");
    }
}

#[test]
fn the_aws_sdk_is_compiled_where_it_is_asked_for_and_nowhere_else() {
    let metadata = metadata();
    let name_of = |id: &Value| {
        let packages = metadata["packages"].as_array().unwrap();
        let package = packages.iter().find(|package| package["id"] == *id);
        package.unwrap()["name"].as_str().unwrap().to_owned()
    };
    let by_default: BTreeSet<_> = metadata["workspace_default_members"]
        .as_array()
        .unwrap()
        .iter()
        .map(name_of)
        .collect();
    for package in metadata["packages"].as_array().unwrap() {
        let package = package["name"].as_str().unwrap();
        let dependencies = dependencies_of(package);
        let has_sdk = dependencies.iter().any(|name| name.starts_with("aws-"));
        assert_eq!(has_sdk, package == "parameter-store", "{package}");
        // The browser's driver is as much for those who ask for it as the SDK.
        let on_request = has_sdk || package == "e2e";
        assert_eq!(!on_request, by_default.contains(package), "{package}");
    }
    let dependencies = dependencies_of("parameter-store");
    for slow in ["aws-lc-sys", "openssl-sys"] {
        assert!(
            !dependencies.contains(slow),
            "parameter-store depends on {slow}"
        );
    }
}

/// What Cargo says of the workspace's own packages.
fn metadata() -> Value {
    let metadata = output_of(Command::new(env!("CARGO")).current_dir(root()).args([
        "metadata",
        "--locked",
        "--no-deps",
        "--format-version",
        "1",
    ]));
    serde_json::from_str(&metadata).unwrap()
}

#[test]
fn cargo_agrees_with_what_the_tool_reads() {
    let metadata = metadata();
    let workspace = xtask::workspace::Workspace::containing(&root().join("backend")).unwrap();
    assert_eq!(metadata["workspace_root"].as_str(), workspace.root.to_str());
    assert_eq!(
        metadata["target_directory"].as_str(),
        workspace.target_directory.to_str()
    );
    let packages = metadata["packages"].as_array().unwrap();
    let name = |package: &Value| package["name"].as_str().unwrap().to_owned();
    let known: BTreeSet<_> = packages.iter().map(name).collect();
    let members = workspace.members.iter();
    assert_eq!(
        known,
        members.map(|member| member.package.clone()).collect()
    );
    let services: BTreeSet<_> = packages
        .iter()
        .filter(|package| package["metadata"]["service"].is_object())
        .map(name)
        .collect();
    assert_eq!(
        services,
        workspace
            .services
            .iter()
            .map(|service| service.package.clone())
            .collect()
    );
    for service in &workspace.services {
        let package = packages
            .iter()
            .find(|package| name(package) == service.package)
            .unwrap();
        assert_eq!(package["version"].as_str(), Some(&*service.version));
    }
}

#[test]
fn every_parameter_of_the_delivery_has_a_description() {
    let workspace = xtask::workspace::Workspace::containing(&root()).unwrap();
    let catalogue = xtask::parameters::Catalogue::read(&root()).unwrap();
    for needed in xtask::parameters::needed(&workspace, &catalogue) {
        assert!(
            catalogue.entry(&needed.name).is_some(),
            "{} is missing in build/parameters.toml",
            needed.name
        );
    }
}
