//! A new service: its crate, and what the workspace says of it.

mod changes;
mod name;
mod service;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use toml_edit::DocumentMut;

use super::generate;
use crate::files;
use crate::parameters::{Catalogue, FILE};
use crate::workspace::{Environment, Service, Workspace};
use changes::Changes;

/// A service that was added, unless it is dropped before it is kept.
pub struct Onboarded {
    changes: Changes,
    /// The workspace with the service.
    pub workspace: Workspace,
    /// The files that were made or changed, below the workspace's root.
    pub files: Vec<PathBuf>,
}

impl Onboarded {
    /// Lets a program that `work` starts write these files, below the workspace's root.
    ///
    /// # Errors
    /// Where `work` fails, or a file cannot be read.
    pub fn lend<T>(&self, files: &[PathBuf], work: impl FnOnce() -> Result<T>) -> Result<T> {
        let root = &self.workspace.root;
        let paths: Vec<_> = files.iter().map(|file| root.join(file)).collect();
        self.changes.lend(&paths, work)
    }

    /// Leaves the service in the workspace.
    pub fn keep(self) {
        self.changes.keep();
    }
}

/// Adds the service `package`, which calls `upstreams`, to the workspace.
///
/// # Errors
/// A name that is malformed or taken, and files that cannot be written.
pub fn onboard(workspace: &Workspace, package: &str, upstreams: &[&Service]) -> Result<Onboarded> {
    name::check(workspace, package)?;
    let root = &workspace.root;
    let changes = Changes::begin();
    let mut files = service::files(package, upstreams);
    files.push((
        "Cargo.toml".into(),
        with_member(&root.join("Cargo.toml"), package)?,
    ));
    let mut written = write(&changes, root, files)?;
    let workspace = Workspace::containing(root)?;
    let parameters = with_parameters(root, workspace.service(package)?, upstreams)?;
    written.extend(write(&changes, root, [(FILE.into(), parameters)])?);
    let generated = generate(&workspace, &Catalogue::read(root)?)?;
    let generated = generated.into_iter().map(|file| (file.path, file.text));
    written.extend(write(&changes, root, generated)?);
    Ok(Onboarded {
        files: written,
        changes,
        workspace,
    })
}

/// Writes those of the files that are not so already, and gives their paths.
fn write(
    changes: &Changes,
    root: &Path,
    files: impl IntoIterator<Item = (PathBuf, String)>,
) -> Result<Vec<PathBuf>> {
    let mut written = Vec::new();
    for (path, text) in files {
        let place = root.join(&path);
        if files::read_text(&place).is_ok_and(|found| found == text) {
            continue;
        }
        changes.write(&place, &text)?;
        written.push(path);
    }
    Ok(written)
}

/// The root manifest with one more member; all else in it stays as it is written.
fn with_member(manifest: &Path, package: &str) -> Result<String> {
    let reading = || format!("reading {}", manifest.display());
    let text = files::read_text(manifest).with_context(reading)?;
    let mut document: DocumentMut = text.parse().with_context(reading)?;
    for key in ["members", "default-members"] {
        let list = document
            .get_mut("workspace")
            .and_then(|workspace| workspace.get_mut(key));
        if let Some(members) = list.and_then(|list| list.as_array_mut()) {
            members.push(package);
        }
    }
    Ok(document.to_string())
}

fn with_parameters(root: &Path, service: &Service, upstreams: &[&Service]) -> Result<String> {
    let path = root.join(FILE);
    let text = files::read_text(&path).with_context(|| format!("reading {}", path.display()))?;
    let catalogue = Catalogue::read(root)?;
    let package = &service.package;
    let mut entries = vec![
        (
            service.repository_parameter(Environment::Staging),
            format!("Where the images of {package} live"),
            Some(format!("oci:registry/{package}")),
        ),
        (
            service.tag_parameter(Environment::Staging),
            "The tag of the image that runs in staging".to_owned(),
            Some("1.0.SNAPSHOT".to_owned()),
        ),
        (
            service.tag_parameter(Environment::Production),
            "The tag of the image that runs in production".to_owned(),
            Some("1.0.RELEASE".to_owned()),
        ),
        (
            service.tested_digest_parameter(),
            "The digest that was approved; the pipeline sets it".to_owned(),
            None,
        ),
    ];
    for upstream in upstreams {
        for environment in Environment::ALL {
            let name = environment.parameter(&upstream.address_parameter());
            let description = format!(
                "The base URL of {} in {environment}, with its scheme",
                upstream.package
            );
            entries.push((
                name,
                description,
                Some(format!("http://127.0.0.1:{}", upstream.port)),
            ));
        }
    }
    let new = entries
        .iter()
        .filter(|(name, ..)| catalogue.entry(name).is_none());
    let lines = new.map(|(name, description, local)| {
        let local = local.as_ref().map(|local| format!("local = {local:?}\n"));
        format!(
            "\n[{name}]\ndescription = {description:?}\n{}",
            local.unwrap_or_default()
        )
    });
    Ok(text + &lines.collect::<String>())
}
