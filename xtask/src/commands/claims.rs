//! Which tags the services claim. Two that claim the same one would displace each
//! other's images.

use super::Context;
use crate::error::{Fault, Kind};
use crate::oci::{Location, RepositoryName, Tag};
use crate::promotion::PREVIOUS;
use crate::workspace::{Environment, Service};

/// A tag that a service writes, and the parameter that says so.
pub(super) struct Claim {
    repository: RepositoryName,
    tag: Tag,
    parameter: String,
}

impl Claim {
    fn place(&self) -> (&Location, &Tag) {
        (self.repository.location(), &self.tag)
    }
}

/// Checks that the tags of `service` are its own: no other service of the workspace
/// claims them, also none that the command is not about.
///
/// # Errors
/// Where both parameters lead to one tag.
pub(super) fn check(context: &Context, service: &Service) -> Result<(), Fault> {
    Environment::ALL
        .into_iter()
        .try_for_each(|environment| check_tag(context, &service.tag_parameter(environment)))
}

/// Checks that the tag which the parameter of this name holds is claimed by nobody else.
///
/// # Errors
/// Where another parameter leads to the same tag.
pub(super) fn check_tag(context: &Context, parameter: &str) -> Result<(), Fault> {
    let claims = context.claims.get_or_init(|| {
        let services = context.workspace.services.iter();
        services
            .flat_map(|service| claims_of(context, service))
            .collect()
    });
    let is_own = |claim: &&Claim| claim.parameter == parameter;
    for own in claims.iter().filter(is_own) {
        let mut others = claims.iter().filter(|claim| !is_own(claim));
        if let Some(other) = others.find(|other| other.place() == own.place()) {
            return Err(fault(own, other));
        }
    }
    Ok(())
}

/// The claims of one service. A parameter that is missing or malformed claims
/// nothing: whoever needs it says so.
fn claims_of(context: &Context, service: &Service) -> Vec<Claim> {
    let mut claims = Vec::new();
    for environment in Environment::ALL {
        let parameters = &context.parameters;
        let image = parameters.peek_image(&context.workspace, service, environment);
        let Some((repository, tag)) = image else {
            continue;
        };
        let kept = match environment {
            Environment::Production => tag.with_suffix(PREVIOUS).ok(),
            Environment::Staging => None,
        };
        claims.extend([Some(tag), kept].into_iter().flatten().map(|tag| Claim {
            repository: repository.clone(),
            tag,
            parameter: service.tag_parameter(environment),
        }));
    }
    claims
}

fn fault(own: &Claim, other: &Claim) -> Fault {
    let reference = own.repository.tagged(&own.tag);
    let (own, other) = (&own.parameter, &other.parameter);
    Kind::Configuration
        .because(format!(
            "{own} and {other} both lead to {reference}: each would displace the other's image"
        ))
        .hint(format!(
            "give {own} a value of its own, or the service a repository of its own"
        ))
}
