//! What a new service may be called: a name goes into Rust, Cargo, parameters and AWS.

use std::path::Path;

use anyhow::Result;

use crate::delivery::{model, template};
use crate::error::{Fault, Kind};
use crate::files;
use crate::workspace::{Service, Workspace, prefix_of};

/// Words of Rust, which are no crate's name (The Rust Reference, "Keywords"); crates
/// that Rust brings; and what Cargo refuses (`cargo new`).
const TAKEN_BY_RUST: &str = "\
    abstract alloc as async await become box break build const continue core crate deps do dyn \
    else enum examples extern false final fn for gen if impl in incremental let loop macro match \
    mod move mut override priv proc-macro pub ref return self static std struct super target \
    test tests trait true try type typeof unsafe unsized use virtual where while yield";

/// What the configuration of every service has. One that calls the new service has a
/// field of its name beside them.
const TAKEN_BY_CONFIGURATION: [&str; 2] = ["listen", "version"];

/// Checks the name before anything is written.
///
/// # Errors
/// A name that is malformed or taken, and a Cargo.lock that cannot be read.
pub(super) fn check(workspace: &Workspace, package: &str) -> Result<()> {
    is_well_formed(package)?;
    let taken = |by: String| {
        let fault = format!("the name {package:?} is taken: {by}");
        Err(Kind::Refused
            .because(fault)
            .hint("choose another name")
            .into())
    };
    if TAKEN_BY_RUST.split(' ').any(|word| word == package) {
        return taken("Rust or Cargo has it".to_owned());
    }
    if TAKEN_BY_CONFIGURATION.contains(&package) {
        return taken("the configuration of every service has it".to_owned());
    }
    if let Some(beginning) = model::reserved_beginning(package) {
        return taken(format!(
            "its parameters would begin with {beginning}, which AWS keeps for itself"
        ));
    }
    let mut members = workspace.members.iter();
    if members.any(|other| other.package == package) {
        return taken("a package of this workspace has it".to_owned());
    }
    let services = workspace.services.iter();
    if let Some(other) = services.clone().find(|other| clashes(other, package)) {
        return taken(format!(
            "the service {} goes by it, or something of it would be called the same",
            other.package
        ));
    }
    if is_dependency(&workspace.root, package)? {
        return taken(
            "a dependency in Cargo.lock has it, and Cargo could not tell them apart".to_owned(),
        );
    }
    if workspace.root.join(package).exists() {
        return taken("a folder or file of this workspace has it".to_owned());
    }
    Ok(())
}

fn is_well_formed(package: &str) -> Result<(), Fault> {
    let letters = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let well_formed = package.starts_with(|c: char| c.is_ascii_lowercase())
        && package.chars().all(letters)
        && !package.ends_with('-')
        && !package.contains("--");
    if !well_formed {
        let fault = format!("the name {package:?} is no service's name");
        return Err(Kind::Usage
            .because(fault)
            .hint("a name has small letters, digits and single '-', and begins with a letter"));
    }
    if package.len() > model::NAME_LENGTH {
        let fault = format!(
            "the name {package:?} has {} characters, and may have {}",
            package.len(),
            model::NAME_LENGTH
        );
        return Err(Kind::Usage
            .because(fault)
            .hint("what AWS calls after a service would pass its limits; choose a shorter name"));
    }
    Ok(())
}

/// Whether a service is called so, or its parameters, its resources in the
/// templates or its paths would be.
fn clashes(service: &Service, package: &str) -> bool {
    service.is_called(package)
        || service.prefix() == prefix_of(package)
        || template::logical_id(&service.package) == template::logical_id(package)
        || service.context_path.strip_prefix('/') == Some(package)
}

/// Whether Cargo.lock has a package whose crate would be called the same: both
/// parameters and crates have no hyphens.
fn is_dependency(root: &Path, package: &str) -> Result<bool> {
    // Without that file there are no dependencies to know of.
    let lock = files::read_text_if_there(&root.join("Cargo.lock"))?.unwrap_or_default();
    let names = lock.lines().filter_map(|line| {
        let name = line.strip_prefix("name = \"")?;
        name.strip_suffix('"')
    });
    let mut names = names.map(prefix_of);
    Ok(names.any(|name| name == prefix_of(package)))
}
