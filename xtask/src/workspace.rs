//! The services of this workspace, read from its manifests.
//!
//! `cargo metadata` would cost 25 ms and 21 MB a call; the few tables that
//! matter here are read directly, and a test asserts that Cargo agrees.

mod manifest;
mod service;
mod source;
mod target_directory;

use std::fmt;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::error::Kind;
pub use service::{Service, TagPolicy, parameter_endings, prefix_of};
pub use source::{Source, is_dirty};

/// Where an image runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Environment {
    /// Where images are tested.
    Staging,
    /// Where tested images are released.
    Production,
}

impl Environment {
    /// All of them, in the order in which an image comes to them.
    pub const ALL: [Self; 2] = [Self::Staging, Self::Production];

    /// The name of the parameter `name` where each environment has one of its own.
    pub fn parameter(self, name: &str) -> String {
        format!("{name}_{}", self.to_string().to_ascii_uppercase())
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Staging => "staging",
            Self::Production => "production",
        })
    }
}

/// A package of the workspace.
#[derive(Debug, Clone)]
pub struct Member {
    /// The package's name.
    pub package: String,
    /// Its folder, below the workspace's root.
    pub folder: PathBuf,
}

/// The workspace with all of its services.
#[derive(Debug)]
pub struct Workspace {
    /// The folder of the root manifest.
    pub root: PathBuf,
    /// Cargo's target directory.
    pub target_directory: PathBuf,
    /// The pipeline's name, and the first part of container names.
    pub name: String,
    /// What services are compiled for.
    pub target: String,
    /// Where the sources are kept, if the root manifest says so.
    pub repository_url: Option<String>,
    /// All packages, in the order of the workspace's members.
    pub members: Vec<Member>,
    /// The services in the order of the workspace's members.
    pub services: Vec<Service>,
}

impl Workspace {
    /// Reads the workspace that `folder` lies in.
    pub fn containing(folder: &Path) -> Result<Self> {
        let root = find_root(folder)?;
        let manifest = manifest::Root::read(&root)?;
        let (members, services) = manifest.members(&root)?;
        service::check(&services).with_context(|| "reading the metadata of the services")?;
        Ok(Self {
            target_directory: target_directory::resolve(folder, &root)?,
            name: manifest.delivery.name,
            target: manifest.delivery.target,
            repository_url: manifest.repository,
            members,
            services,
            root,
        })
    }

    /// The services of these names (package or alias) in the order given, each
    /// once; all of them where none is named.
    pub fn select(&self, names: &[String]) -> Result<Vec<&Service>> {
        if names.is_empty() {
            return Ok(self.services.iter().collect());
        }
        let mut selected: Vec<&Service> = Vec::new();
        for name in names {
            let service = self.service(name)?;
            if !selected
                .iter()
                .any(|other| other.package == service.package)
            {
                selected.push(service);
            }
        }
        Ok(selected)
    }

    /// The service of this package name or alias.
    pub fn service(&self, name: &str) -> Result<&Service> {
        let found = self.services.iter().find(|service| service.is_called(name));
        found.ok_or_else(|| self.unknown(name).into())
    }

    /// The services in levels: each calls only services of the levels before it.
    pub fn levels(&self) -> Vec<Vec<&Service>> {
        service::levels(&self.services)
    }

    /// The services with pages for an end-to-end test. Where the metadata does not
    /// say, they are those that call others and that no other one calls.
    pub fn with_pages(&self) -> Vec<&Service> {
        let is_called = |service: &Service| {
            let calls = |other: &Service| other.upstreams.contains(&service.package);
            self.services.iter().any(calls)
        };
        let at_the_front = |service: &Service| !service.upstreams.is_empty() && !is_called(service);
        let services = self.services.iter();
        services
            .filter(|service| service.pages.unwrap_or_else(|| at_the_front(service)))
            .collect()
    }

    /// Where the records of `service` in `environment` are kept.
    pub fn records(&self, service: &Service, environment: Environment) -> PathBuf {
        let folder = self.target_directory.join("delivery");
        folder.join(environment.to_string()).join(&service.package)
    }

    /// The folder that a command locks while it changes what production is given of
    /// `service`. The records' own is locked while one of them is written: who only
    /// describes an environment need not wait.
    pub fn turn(&self, service: &Service) -> PathBuf {
        self.target_directory.join("turns").join(&service.package)
    }

    /// The folder that a command locks while it adds a service.
    pub fn turn_to_onboard(&self) -> PathBuf {
        self.target_directory.join("onboarding")
    }

    /// Where `build` leaves the image of `service`.
    pub fn image(&self, service: &Service) -> PathBuf {
        self.target_directory.join("images").join(&service.package)
    }

    /// `{delivery.name}-{alias}-{environment}`, the container in the task definition.
    pub fn container_name(&self, service: &Service, environment: Environment) -> String {
        format!("{}-{}-{environment}", self.name, service.alias)
    }

    /// `{delivery.name}-{environment}`, the ECS cluster in `build/environment.yaml`. A
    /// service has its package's name there.
    pub fn cluster(&self, environment: Environment) -> String {
        format!("{}-{environment}", self.name)
    }

    fn unknown(&self, name: &str) -> crate::error::Fault {
        let names = self.services.iter().flat_map(Service::names);
        let nearest = names
            .map(|known| (strsim::damerau_levenshtein(known, name), known))
            .min();
        let fault = Kind::Configuration.because(format!("there is no service {name:?}"));
        let fault = match nearest {
            Some((distance, known)) if distance <= 1 + known.len() / 3 => {
                fault.hint(format!("did you mean `{known}`?"))
            }
            _ => fault,
        };
        fault.hint(service::hint_of_all(&self.services))
    }
}

/// The nearest folder upwards whose manifest has a `[workspace]`.
fn find_root(folder: &Path) -> Result<PathBuf> {
    for candidate in folder.ancestors() {
        if manifest::is_workspace_root(candidate)? {
            return Ok(candidate.to_owned());
        }
    }
    Err(Kind::Configuration
        .because(format!("{} lies in no Cargo workspace", folder.display()))
        .hint("change into the workspace's folder")
        .into())
}
