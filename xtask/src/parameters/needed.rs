//! Which parameters the services of a workspace need, by their metadata.

use ureq::http::Uri;

use super::{Catalogue, account, aws};
use crate::error::{Fault, Kind};
use crate::oci::{Digest, Host, RepositoryName, Tag};
use crate::workspace::{Environment, Service, Workspace, parameter_endings};

/// The form of a parameter's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Any text.
    Text,
    /// A repository's name.
    Repository,
    /// A tag.
    Tag,
    /// A digest.
    Digest,
    /// The base URL of a service: a scheme and a host, to put whole paths behind.
    ServiceUrl,
    /// The URL of a database, of a kind that services speak to.
    DatabaseUrl,
    /// A registry, as `docker login` takes it.
    Registry,
}

impl Form {
    /// Whether `text` has this form; the error says what is wrong with it.
    pub fn check(self, text: &str) -> Result<(), Fault> {
        match self {
            Self::Text => Ok(()),
            Self::Repository => text.parse::<RepositoryName>().map(drop),
            Self::Tag => text.parse::<Tag>().map(drop),
            Self::Digest => text.parse::<Digest>().map(drop),
            Self::ServiceUrl if is_service_url(text) => Ok(()),
            Self::ServiceUrl => {
                let fault = format!(
                    "{text:?} is no URL of http:// or https:// and a host, without an account and without a path"
                );
                Err(Kind::Configuration.because(fault))
            }
            Self::DatabaseUrl if is_database_url(text) => Ok(()),
            Self::DatabaseUrl => {
                let fault = format!(
                    "{text:?} is no URL of a database that a service speaks to: postgres://… or sqlite:…"
                );
                Err(Kind::Configuration.because(fault))
            }
            Self::Registry => Host::of_registry(text).map(drop),
        }
    }
}

/// Whether paths can be put behind `text`: it has a scheme and a host, and neither a
/// query nor a fragment.
pub fn is_base_url(text: &str) -> bool {
    let Ok(url) = text.parse::<Uri>() else {
        return false;
    };
    let has_host = url.host().is_some_and(|host| !host.is_empty());
    let over_http = matches!(url.scheme_str(), Some("http" | "https"));
    // The parser drops a fragment without a word.
    over_http && has_host && has_usable_port(&url) && !text.contains(['?', '#'])
}

/// Whether the port is one where the URL has a colon for it; the parser lets any digits be.
fn has_usable_port(url: &Uri) -> bool {
    let authority = url.authority().map_or("", |authority| authority.as_str());
    let (_, after_account) = authority.rsplit_once('@').unwrap_or(("", authority));
    let port = after_account.strip_prefix(url.host().unwrap_or_default());
    port == Some("") || url.port_u16().is_some_and(|port| port > 0)
}

/// Whether the services take `text` for where another one is: they put whole paths behind
/// it, and refuse to start where it has one already.
fn is_service_url(text: &str) -> bool {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let authority = rest.strip_suffix('/').unwrap_or(rest);
    is_base_url(text) && !authority.contains(['/', '@'])
}

/// Whether services speak to this kind of database. What stands behind the scheme the
/// service reads itself: it may still refuse to start, as with options that it does not know.
fn is_database_url(text: &str) -> bool {
    let schemes = ["postgres://", "postgresql://", "sqlite:"];
    let mut rests = schemes
        .iter()
        .filter_map(|scheme| text.strip_prefix(scheme));
    rests.any(|rest| !rest.is_empty())
}

/// A parameter that the delivery uses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Needed {
    /// Its name.
    pub name: String,
    /// The form of its value.
    pub form: Form,
    /// Whether it may be missing.
    pub optional: bool,
    /// Whether AWS itself reads it, so that Parameter Store must have it, although the
    /// tool may do without.
    pub read_by_aws: bool,
}

impl Needed {
    fn new(name: impl Into<String>, form: Form) -> Self {
        Self {
            name: name.into(),
            form,
            optional: false,
            read_by_aws: false,
        }
    }

    pub(super) fn optional(name: impl Into<String>, form: Form) -> Self {
        Self {
            optional: true,
            ..Self::new(name, form)
        }
    }
}

/// The names in the catalogue that would be of a service's delivery, if there were such a
/// service: what a removed one leaves behind. All others may be what a service itself reads.
pub fn left_behind<'a>(workspace: &Workspace, catalogue: &'a Catalogue) -> Vec<&'a str> {
    let needed = needed(workspace, catalogue);
    let is_left = |name: &&str| {
        parameter_endings().any(|ending| name.ends_with(&ending))
            && needed.iter().all(|needed| needed.name != **name)
    };
    catalogue.names().filter(is_left).collect()
}

/// Every parameter that the delivery of `workspace` uses.
pub fn needed(workspace: &Workspace, catalogue: &Catalogue) -> Vec<Needed> {
    let account = account::parameters(catalogue);
    let account = account.map(|(name, form)| Needed::optional(name, form));
    let services = workspace.services.iter();
    let services = services.flat_map(|service| of_service(service, catalogue));
    let mut all: Vec<Needed> = account.chain(services).collect();
    for upstream in upstreams(workspace) {
        for environment in Environment::ALL {
            let name = environment.parameter(&upstream.address_parameter());
            all.push(Needed::new(name, Form::ServiceUrl));
        }
    }
    let alone = workspace.with_pages().into_iter();
    for service in alone.filter(|service| service.upstreams.is_empty()) {
        all.push(Needed::new(
            pages_parameter(workspace, service),
            Form::ServiceUrl,
        ));
    }
    let read_by_aws = aws::all(workspace, catalogue);
    for needed in &mut all {
        needed.read_by_aws = read_by_aws.contains(&needed.name);
    }
    all
}

/// The parameter with what stands before the paths of the pages of `service` in
/// staging. One load balancer serves all: it is where the first of its upstreams is.
pub fn pages_parameter(workspace: &Workspace, service: &Service) -> String {
    let mut services = workspace.services.iter();
    let upstream = services.find(|other| service.upstreams.contains(&other.package));
    Environment::Staging.parameter(&upstream.unwrap_or(service).address_parameter())
}

fn of_service(service: &Service, catalogue: &Catalogue) -> Vec<Needed> {
    let mut all = vec![Needed::new(
        service.repository_parameter(Environment::Staging),
        Form::Repository,
    )];
    if service.production_repository {
        all.push(Needed::new(
            service.repository_parameter(Environment::Production),
            Form::Repository,
        ));
    }
    for environment in Environment::ALL {
        all.push(Needed::new(service.tag_parameter(environment), Form::Tag));
    }
    all.push(Needed::optional(
        service.tested_digest_parameter(),
        Form::Digest,
    ));
    if aws::has_database(catalogue, service) {
        for environment in Environment::ALL {
            let name = environment.parameter(&service.database_parameter());
            all.push(Needed::optional(name, Form::DatabaseUrl));
        }
    }
    all
}

fn upstreams(workspace: &Workspace) -> Vec<&Service> {
    let named = |service: &&Service| {
        workspace
            .services
            .iter()
            .any(|other| other.upstreams.contains(&service.package))
    };
    workspace.services.iter().filter(named).collect()
}
