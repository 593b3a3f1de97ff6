//! A service and the rules of its metadata.

use std::path::PathBuf;

use anyhow::Result;
use serde::Deserialize;

use super::Environment;
use crate::error::{Fault, Kind};

/// How the names of a service's parameters go on behind their first part.
const REPOSITORY: &str = "IMAGE_REPO_NAME";
const TAG: &str = "IMAGE_TAG";
const TESTED_DIGEST: &str = "TESTED_DIGEST";
const DATABASE: &str = "DATABASE_URL";
const ADDRESS: &str = "SERVICE_DNS";

/// Whether a promotion may move an existing production tag.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TagPolicy {
    /// The tag follows the releases.
    #[default]
    Moving,
    /// The tag is set once; a release raises the version in it.
    Immutable,
}

/// `[package.metadata.service]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct Metadata {
    alias: Option<String>,
    #[serde(default)]
    upstreams: Vec<String>,
    port: u16,
    context_path: String,
    #[serde(default)]
    production_tag: TagPolicy,
    #[serde(default)]
    production_repository: bool,
    pages: Option<bool>,
}

/// A workspace member that is built into an image.
#[derive(Debug, Clone)]
pub struct Service {
    /// The package's name.
    pub package: String,
    /// The short name, in container names and on the command line.
    pub alias: String,
    /// The package's version.
    pub version: String,
    /// The package's folder, below the workspace's root.
    pub folder: PathBuf,
    /// The packages of the services that it calls.
    pub upstreams: Vec<String>,
    /// The port that it listens on in its container.
    pub port: u16,
    /// Where its paths begin, e.g. `/backend`.
    pub context_path: String,
    /// Whether a promotion may move the production tag.
    pub production_tag: TagPolicy,
    /// Whether production has a repository of its own.
    pub production_repository: bool,
    /// Whether it has pages for an end-to-end test, where the metadata says.
    pub pages: Option<bool>,
}

impl Service {
    pub(super) fn new(
        package: String,
        version: String,
        folder: PathBuf,
        metadata: Metadata,
    ) -> Result<Self> {
        let path = metadata.context_path;
        if !is_context_path(&path) {
            let fault = format!(
                "the key `context-path` is {path:?}: it is a slash and letters, digits, '-', '_' and '.', and so on, \
                 without a slash at the end"
            );
            return Err(Kind::Configuration.because(fault).into());
        }
        if metadata.port == 0 {
            return Err(Kind::Configuration.because("the key `port` is 0").into());
        }
        let alias = metadata.alias.unwrap_or_else(|| package.clone());
        if alias.is_empty()
            || !alias
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_')
        {
            let fault =
                format!("the key `alias` is {alias:?}: letters, digits, '-' and '_' are allowed");
            return Err(Kind::Configuration.because(fault).into());
        }
        Ok(Self {
            alias,
            package,
            version,
            folder,
            upstreams: metadata.upstreams,
            port: metadata.port,
            context_path: path,
            production_tag: metadata.production_tag,
            production_repository: metadata.production_repository,
            pages: metadata.pages,
        })
    }

    /// The first part of the service's parameters, e.g. `BACKEND_FOR_FRONTEND`.
    pub fn prefix(&self) -> String {
        prefix_of(&self.package)
    }

    /// The parameter with the repository for `environment`.
    pub fn repository_parameter(&self, environment: Environment) -> String {
        match environment {
            Environment::Production if self.production_repository => {
                environment.parameter(&self.parameter(REPOSITORY))
            }
            _ => self.parameter(REPOSITORY),
        }
    }

    /// The parameter with the tag for `environment`.
    pub fn tag_parameter(&self, environment: Environment) -> String {
        environment.parameter(&self.parameter(TAG))
    }

    /// The parameter with the digest that was approved.
    pub fn tested_digest_parameter(&self) -> String {
        self.parameter(TESTED_DIGEST)
    }

    /// The parameter with the database's URL, where the service has one. Each environment
    /// has its own.
    pub fn database_parameter(&self) -> String {
        self.parameter(DATABASE)
    }

    /// The variable and the parameter with the service's base URL; the first service of
    /// the project, `backend`, has it without a prefix. Each environment has its own.
    pub fn address_parameter(&self) -> String {
        if self.package == "backend" {
            ADDRESS.to_owned()
        } else {
            self.parameter(ADDRESS)
        }
    }

    fn parameter(&self, what: &str) -> String {
        format!("{}_{what}", self.prefix())
    }

    /// The names that the service goes by.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        [self.package.as_str(), self.alias.as_str()].into_iter()
    }

    /// Whether `name` is one of them.
    pub fn is_called(&self, name: &str) -> bool {
        self.names().any(|own| own == name)
    }
}

/// How the names of the parameters end that a service may have.
pub fn parameter_endings() -> impl Iterator<Item = String> {
    let [staging, production] = Environment::ALL
        .map(|environment| [TAG, DATABASE, ADDRESS].map(|name| environment.parameter(name)));
    let others = [
        REPOSITORY.to_owned(),
        Environment::Production.parameter(REPOSITORY),
        TESTED_DIGEST.to_owned(),
    ];
    staging.into_iter().chain(production).chain(others)
}

/// The first part of the parameters of a service whose package has this name.
pub fn prefix_of(package: &str) -> String {
    package.to_ascii_uppercase().replace('-', "_")
}

/// Whether requests can be told apart by `path`: a load balancer's rule takes it as
/// it is, and a router matches it.
fn is_context_path(path: &str) -> bool {
    let is_segment = |segment: &str| {
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
        segment.chars().all(is_plain) && segment.chars().any(|c| c != '.')
    };
    let segments = path.strip_prefix('/').unwrap_or_default();
    segments.split('/').all(is_segment)
}

/// Whether a request to one of the paths may be one to the other as well.
fn overlap(one: &str, other: &str) -> bool {
    let is_below = |path: &str, base: &str| {
        let rest = path.strip_prefix(base);
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    is_below(one, other) || is_below(other, one)
}

/// Checks what no service can see alone: names and paths that clash, upstreams that
/// are unknown or run in a circle.
pub(super) fn check(services: &[Service]) -> Result<(), Fault> {
    for (index, service) in services.iter().enumerate() {
        let mut earlier = services[..index].iter();
        earlier.try_for_each(|other| check_pair(other, service))?;
        check_upstreams(service, services)?;
    }
    let placed = names(levels(services).concat());
    let mut circling = names(services);
    circling.retain(|package| !placed.contains(package));
    if !circling.is_empty() {
        let fault = format!(
            "the `upstreams` of these services lead into a circle: {}",
            circling.join(", ")
        );
        return Err(Kind::Configuration
            .because(fault)
            .hint("take one of them out of the `upstreams` of another"));
    }
    Ok(())
}

fn check_pair(one: &Service, other: &Service) -> Result<(), Fault> {
    if one.names().any(|name| other.is_called(name)) || one.prefix() == other.prefix() {
        let fault = format!(
            "{} and {} share a name, an alias or a parameter prefix",
            one.package, other.package
        );
        return Err(Kind::Configuration
            .because(fault)
            .hint("rename one of the packages, or give it another `alias`"));
    }
    if overlap(&one.context_path, &other.context_path) {
        let fault = format!(
            "the `context-path` of {} is {:?} and that of {} is {:?}: a load balancer cannot tell their requests apart",
            one.package, one.context_path, other.package, other.context_path
        );
        return Err(Kind::Configuration
            .because(fault)
            .hint("give one of them another `context-path`"));
    }
    Ok(())
}

fn check_upstreams(service: &Service, services: &[Service]) -> Result<(), Fault> {
    let mut upstreams = service.upstreams.iter();
    let unknown =
        upstreams.find(|upstream| !services.iter().any(|other| other.package == **upstream));
    match unknown {
        Some(upstream) => {
            let fault = format!(
                "the key `upstreams` of {} names {upstream:?}, which is no service's package",
                service.package
            );
            Err(Kind::Configuration
                .because(fault)
                .hint(hint_of_all(services)))
        }
        None => Ok(()),
    }
}

/// The hint for whoever named a service that is not there.
pub(super) fn hint_of_all(services: &[Service]) -> String {
    format!("the services are: {}", names(services).join(", "))
}

fn names<'a>(services: impl IntoIterator<Item = &'a Service>) -> Vec<&'a str> {
    let names = services.into_iter();
    names.map(|service| service.package.as_str()).collect()
}

/// Services by dependency level, upstreams first. Services of a circle are in none.
pub(super) fn levels(services: &[Service]) -> Vec<Vec<&Service>> {
    let mut levels: Vec<Vec<&Service>> = Vec::new();
    loop {
        let placed = |package: &String| {
            levels
                .iter()
                .flatten()
                .any(|service| service.package == *package)
        };
        let next: Vec<_> = services
            .iter()
            .filter(|service| !placed(&service.package) && service.upstreams.iter().all(placed))
            .collect();
        if next.is_empty() {
            return levels;
        }
        levels.push(next);
    }
}
