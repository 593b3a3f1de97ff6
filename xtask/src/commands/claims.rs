//! Which tags the services claim. Two that claim the same one would displace each
//! other's images.

use super::Context;
use crate::error::{Fault, Kind};
use crate::oci::{Location, RepositoryName, Tag};
use crate::promotion::PREVIOUS;
use crate::workspace::{Environment, Service};

/// A tag that a service writes, and the parameter that says so.
struct Claim {
    repository: RepositoryName,
    tag: Tag,
    parameter: String,
}

impl Claim {
    fn place(&self) -> (&Location, &Tag) {
        (self.repository.location(), &self.tag)
    }
}

/// What is wrong with the tags of each of `services`: those of its own, and those
/// that another one before it claims as well.
pub(super) fn clashes(context: &Context, services: &[&Service]) -> Vec<Option<Fault>> {
    let mut earlier: Vec<Claim> = Vec::new();
    let mut clashes = Vec::new();
    for service in services {
        let mut clash = None;
        for claim in claims(context, service) {
            let other = earlier.iter().find(|other| other.place() == claim.place());
            clash = clash.or_else(|| other.map(|other| fault(other, &claim)));
            earlier.push(claim);
        }
        clashes.push(clash);
    }
    clashes
}

/// The claims of one service. A parameter that is missing or malformed claims
/// nothing: whoever needs it says so.
fn claims(context: &Context, service: &Service) -> Vec<Claim> {
    let mut claims = Vec::new();
    for environment in [Environment::Staging, Environment::Production] {
        let Ok((repository, tag)) =
            context
                .parameters
                .image(&context.workspace, service, environment)
        else {
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

fn fault(one: &Claim, other: &Claim) -> Fault {
    let reference = one.repository.tagged(&one.tag);
    let (one, other) = (&one.parameter, &other.parameter);
    Kind::Configuration
        .because(format!(
            "{one} and {other} both lead to {reference}: each would displace the other's image"
        ))
        .hint(format!(
            "give {other} a value of its own, or the service a repository of its own"
        ))
}
