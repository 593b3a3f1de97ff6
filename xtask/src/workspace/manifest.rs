//! What is read of `Cargo.toml` files. The tables of this project refuse
//! unknown keys, so that a typing error is no silent default.

use std::path::{Component, Path};

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::Member;
use super::service::{Metadata, Service};
use crate::error::Kind;
use crate::files;

/// The largest manifest that is read.
const MAX_BYTES: u64 = 1024 * 1024;

/// What the root manifest says.
pub(super) struct Root {
    pub(super) delivery: Delivery,
    pub(super) repository: Option<String>,
    version: Option<String>,
    members: Vec<String>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Delivery {
    pub(super) name: String,
    pub(super) target: String,
}

#[derive(Deserialize)]
struct RootDocument {
    workspace: WorkspaceTable,
}

#[derive(Deserialize)]
struct WorkspaceTable {
    #[serde(default)]
    members: Vec<String>,
    #[serde(default)]
    package: WorkspacePackage,
    metadata: Option<WorkspaceMetadata>,
}

#[derive(Default, Deserialize)]
struct WorkspacePackage {
    version: Option<String>,
    repository: Option<String>,
}

#[derive(Deserialize)]
struct WorkspaceMetadata {
    delivery: Option<Delivery>,
}

#[derive(Deserialize)]
struct MemberDocument {
    package: Package,
}

#[derive(Deserialize)]
struct Package {
    name: String,
    version: Option<Inheritable>,
    #[serde(default)]
    metadata: PackageMetadata,
}

#[derive(Default, Deserialize)]
struct PackageMetadata {
    service: Option<Metadata>,
}

/// A value, or `{ workspace = true }`.
#[derive(Deserialize)]
#[serde(untagged)]
enum Inheritable {
    Own(String),
    Inherited {
        #[expect(dead_code, reason = "Cargo accepts nothing but true here")]
        workspace: bool,
    },
}

pub(super) fn is_workspace_root(folder: &Path) -> Result<bool> {
    #[derive(Deserialize)]
    struct Probe {
        workspace: Option<toml::Table>,
    }
    let path = folder.join("Cargo.toml");
    Ok(path.is_file() && read::<Probe>(&path)?.workspace.is_some())
}

impl Root {
    pub(super) fn read(root: &Path) -> Result<Self> {
        let path = root.join("Cargo.toml");
        let workspace = read::<RootDocument>(&path)?.workspace;
        let delivery = workspace.metadata.and_then(|metadata| metadata.delivery);
        let delivery = delivery.ok_or_else(|| {
            Kind::Configuration
                .because(format!(
                    "{} has no [workspace.metadata.delivery]",
                    path.display()
                ))
                .hint("add the table with the keys `name` and `target`")
        })?;
        check_delivery(&delivery).with_context(|| malformed(&path))?;
        Ok(Self {
            delivery,
            repository: workspace.package.repository,
            version: workspace.package.version,
            members: workspace.members,
        })
    }

    /// All members, and those of them that are services.
    pub(super) fn members(&self, root: &Path) -> Result<(Vec<Member>, Vec<Service>)> {
        let (mut members, mut services) = (Vec::new(), Vec::new());
        for member in &self.members {
            let (member, service) = self.member(root, member)?;
            members.push(member);
            services.extend(service);
        }
        Ok((members, services))
    }

    fn member(&self, root: &Path, member: &str) -> Result<(Member, Option<Service>)> {
        if member.contains(['*', '?', '[']) {
            let fault = format!("the workspace's member {member:?} is a pattern");
            return Err(Kind::Configuration
                .because(fault)
                .hint("write each member's folder in Cargo.toml")
                .into());
        }
        let path = root.join(member).join("Cargo.toml");
        if !path.exists() {
            let fault = format!("the workspace's member {member:?} has no Cargo.toml");
            return Err(Kind::Configuration
                .because(fault)
                .hint(format!(
                    "take it out of `members` in Cargo.toml, or bring it back: git checkout -- {member}"
                ))
                .into());
        }
        let package = read::<MemberDocument>(&path)?.package;
        // Without `./`, and without a slash too many: what is generated names the folder.
        let is_named = |part: &Component<'_>| *part != Component::CurDir;
        let folder = Path::new(member).components().filter(is_named).collect();
        let member = Member {
            package: package.name.clone(),
            folder,
        };
        let Some(metadata) = package.metadata.service else {
            return Ok((member, None));
        };
        let version = match package.version {
            Some(Inheritable::Own(version)) => Some(version),
            Some(Inheritable::Inherited { .. }) => self.version.clone(),
            None => None,
        };
        let version = version.unwrap_or_else(|| "0.0.0".into());
        let service = Service::new(package.name, version, member.folder.clone(), metadata)
            .with_context(|| malformed(&path))?;
        Ok((member, Some(service)))
    }
}

fn check_delivery(delivery: &Delivery) -> Result<()> {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if delivery.name.is_empty() || !delivery.name.chars().all(word) {
        let fault = format!(
            "the key `name` is {:?}: letters, digits, '-' and '_' are allowed",
            delivery.name
        );
        return Err(Kind::Configuration.because(fault).into());
    }
    if !delivery.target.contains("-linux") {
        let fault = format!(
            "the key `target` is {:?}: an image needs a Linux target",
            delivery.target
        );
        return Err(Kind::Configuration.because(fault).into());
    }
    Ok(())
}

fn malformed(path: &Path) -> String {
    format!("{} is malformed", path.display())
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T> {
    let bytes = files::read(path, MAX_BYTES).with_context(|| {
        Kind::Configuration.because(format!("{} cannot be read", path.display()))
    })?;
    toml::from_slice(&bytes).with_context(|| Kind::Configuration.because(malformed(path)))
}
