//! What AWS itself reads in Parameter Store: CodeBuild for a build, ECS for a container.
//!
//! The generated files name what these functions give, and nothing else.

use std::collections::BTreeSet;

use super::needed::{pages_parameter, service_dns};
use super::{Catalogue, account};
use crate::workspace::{Environment, Service, Workspace};

/// A variable of a container, and the parameter with its value.
pub struct Secret {
    /// The variable.
    pub variable: String,
    /// The parameter's name without its end, which is the environment's.
    pub parameter: String,
}

/// The parameters that the build of `service` for `environment` reads. Production also
/// reads where staging is: a release copies from there, and is refused where both have
/// the same tag.
pub fn of_build(catalogue: &Catalogue, service: &Service, environment: Environment) -> Vec<String> {
    let account = account::parameters(catalogue);
    let mut names: Vec<_> = account.map(|(name, _)| name.to_owned()).collect();
    names.push(service.repository_parameter(Environment::Staging));
    if environment == Environment::Production && service.production_repository {
        names.push(service.repository_parameter(Environment::Production));
    }
    names.push(service.tag_parameter(Environment::Staging));
    names.push(service.tag_parameter(Environment::Production));
    names
}

/// What the container of `service` gets from Parameter Store: the database's URL, where it
/// has a database, and where its upstreams are.
pub fn of_container(
    workspace: &Workspace,
    catalogue: &Catalogue,
    service: &Service,
) -> Vec<Secret> {
    let database = has_database(catalogue, service).then(|| Secret {
        variable: "DATABASE_URL".to_owned(),
        parameter: format!("{}_DATABASE_URL", service.prefix()),
    });
    let upstreams = workspace
        .services
        .iter()
        .filter(|other| service.upstreams.contains(&other.package))
        .map(|upstream| Secret {
            variable: service_dns(upstream),
            parameter: service_dns(upstream),
        });
    database.into_iter().chain(upstreams).collect()
}

/// Whether `service` has a database: the catalogue has a URL of one.
pub(super) fn has_database(catalogue: &Catalogue, service: &Service) -> bool {
    let has_url = |environment| {
        let name = service.database_parameter(environment);
        catalogue.entry(&name).is_some()
    };
    [Environment::Staging, Environment::Production]
        .into_iter()
        .any(has_url)
}

/// All of these parameters. Without one of them a build or a task does not start, although
/// the tool itself may do without.
pub(super) fn all(workspace: &Workspace, catalogue: &Catalogue) -> BTreeSet<String> {
    let pages = workspace.with_pages().into_iter();
    let mut all: BTreeSet<_> = pages
        .map(|service| pages_parameter(workspace, service))
        .collect();
    for service in &workspace.services {
        for environment in [Environment::Staging, Environment::Production] {
            all.extend(of_build(catalogue, service, environment));
            let secrets = of_container(workspace, catalogue, service).into_iter();
            all.extend(secrets.map(|secret| secret.in_environment(environment)));
        }
    }
    all
}

impl Secret {
    /// The parameter's whole name.
    fn in_environment(&self, environment: Environment) -> String {
        let environment = environment.to_string().to_ascii_uppercase();
        format!("{}_{environment}", self.parameter)
    }
}
