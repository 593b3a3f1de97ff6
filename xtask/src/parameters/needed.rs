//! Which parameters the services of a workspace need, by their metadata.

use ureq::http::Uri;

use crate::error::{Fault, Kind};
use crate::oci::{Digest, RepositoryName, Tag};
use crate::workspace::{Environment, Service, Workspace};

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
    /// A URL with its scheme.
    Url,
}

impl Form {
    /// Whether `text` has this form; the error says what is wrong with it.
    pub fn check(self, text: &str) -> Result<(), Fault> {
        match self {
            Self::Text => Ok(()),
            Self::Repository => text.parse::<RepositoryName>().map(drop),
            Self::Tag => text.parse::<Tag>().map(drop),
            Self::Digest => text.parse::<Digest>().map(drop),
            Self::Url if is_base_url(text) => Ok(()),
            Self::Url => {
                let fault = format!("{text:?} is no URL with http:// or https:// and a host");
                Err(Kind::Configuration.because(fault))
            }
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
    over_http && has_host && !text.contains(['?', '#'])
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
    /// Whether the buildspecs name it: CodeBuild starts no build where Parameter
    /// Store lacks it, although the tool itself would do without.
    pub in_buildspecs: bool,
}

impl Needed {
    fn new(name: impl Into<String>, form: Form) -> Self {
        Self {
            name: name.into(),
            form,
            optional: false,
            in_buildspecs: false,
        }
    }

    pub(super) fn optional(name: impl Into<String>, form: Form) -> Self {
        Self {
            optional: true,
            ..Self::new(name, form)
        }
    }
}

/// Every parameter that the delivery of `workspace` uses.
pub fn needed(workspace: &Workspace) -> Vec<Needed> {
    let account = ["DOCKER_USER", "DOCKER_PASSWORD", "DOCKER_REPO"];
    let account = account.into_iter().map(|name| Needed {
        in_buildspecs: true,
        ..Needed::optional(name, Form::Text)
    });
    let services = workspace.services.iter().flat_map(of_service);
    let mut all: Vec<Needed> = account.chain(services).collect();
    for upstream in upstreams(workspace) {
        for environment in [Environment::Staging, Environment::Production] {
            all.push(Needed::new(
                service_dns_parameter(upstream, environment),
                Form::Url,
            ));
        }
    }
    let alone = workspace.with_pages().into_iter();
    for service in alone.filter(|service| service.upstreams.is_empty()) {
        all.push(Needed::new(pages_parameter(workspace, service), Form::Url));
    }
    all
}

/// The parameter with what stands before the paths of the pages of `service` in
/// staging. One load balancer serves all: it is where the first of its upstreams is.
pub fn pages_parameter(workspace: &Workspace, service: &Service) -> String {
    let mut services = workspace.services.iter();
    let upstream = services.find(|other| service.upstreams.contains(&other.package));
    service_dns_parameter(upstream.unwrap_or(service), Environment::Staging)
}

/// The variable with the base URL of `upstream`; the first service of the
/// project, `backend`, has it without a prefix.
pub fn service_dns(upstream: &Service) -> String {
    if upstream.package == "backend" {
        "SERVICE_DNS".to_owned()
    } else {
        format!("{}_SERVICE_DNS", upstream.prefix())
    }
}

/// The parameter with its value in `environment`.
pub fn service_dns_parameter(upstream: &Service, environment: Environment) -> String {
    let environment = environment.to_string().to_ascii_uppercase();
    format!("{}_{environment}", service_dns(upstream))
}

fn of_service(service: &Service) -> Vec<Needed> {
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
    for environment in [Environment::Staging, Environment::Production] {
        all.push(Needed::new(service.tag_parameter(environment), Form::Tag));
    }
    all.push(Needed::optional(
        service.tested_digest_parameter(),
        Form::Digest,
    ));
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
