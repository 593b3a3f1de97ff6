//! What AWS itself reads in Parameter Store: CodeBuild for a build, ECS for a container.
//!
//! The generated files name what these functions give, and nothing else.

use std::collections::BTreeSet;

use super::needed::pages_parameter;
use super::{Catalogue, account};
use crate::workspace::{Environment, Service, Workspace};

/// A variable of a container, and the parameter with its value.
pub struct Secret {
    /// The variable.
    pub variable: String,
    /// The parameter, of which each environment has its own.
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
        parameter: service.database_parameter(),
    });
    let upstreams = workspace
        .services
        .iter()
        .filter(|other| service.upstreams.contains(&other.package))
        .map(|upstream| Secret {
            variable: upstream.address_parameter(),
            parameter: upstream.address_parameter(),
        });
    database.into_iter().chain(upstreams).collect()
}

/// Whether `service` has a database: the catalogue has a URL of one.
pub(super) fn has_database(catalogue: &Catalogue, service: &Service) -> bool {
    let name = service.database_parameter();
    let has_url =
        |environment: Environment| catalogue.entry(&environment.parameter(&name)).is_some();
    Environment::ALL.into_iter().any(has_url)
}

/// All of these parameters. Without one of them a build or a task does not start, although
/// the tool itself may do without.
pub(super) fn all(workspace: &Workspace, catalogue: &Catalogue) -> BTreeSet<String> {
    let pages = workspace.with_pages().into_iter();
    let mut all: BTreeSet<_> = pages
        .map(|service| pages_parameter(workspace, service))
        .collect();
    for service in &workspace.services {
        for environment in Environment::ALL {
            all.extend(of_build(catalogue, service, environment));
            let secrets = of_container(workspace, catalogue, service).into_iter();
            all.extend(secrets.map(|secret| environment.parameter(&secret.parameter)));
        }
    }
    all
}
