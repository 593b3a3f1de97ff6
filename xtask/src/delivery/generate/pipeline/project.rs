//! The CodeBuild projects, each with a role and a log group of its own.

use super::{fill, logical_id};
use crate::delivery::generate::buildspec;
use crate::delivery::model::{Action, Step};
use crate::image::AwsProcessor;
use crate::parameters::pages_parameter;
use crate::workspace::{Environment, Workspace};

const PROJECT: &str = include_str!("project.yaml");
const PARAMETER: &str = include_str!("parameter.yaml");

/// The project of a step, where CodeBuild does it.
pub(super) fn of_step(
    workspace: &Workspace,
    step: Step<'_>,
    processor: AwsProcessor,
) -> Option<String> {
    let parameters: String = parameters(workspace, step)?
        .iter()
        .map(|name| fill(PARAMETER, &[("parameter", name)]))
        .collect();
    Some(fill(
        PROJECT,
        &[
            ("name", &workspace.name),
            ("title", &title(step)),
            ("Project", &id(step)),
            ("buildspec", &step.buildspec()?),
            ("parameters", &parameters),
            ("build_environment", processor.build_environment),
            ("build_image", processor.build_image),
        ],
    ))
}

/// What the project is called in the template.
pub(super) fn id(step: Step<'_>) -> String {
    let role = match step {
        Step::Build(_) => "Build",
        Step::EndToEnd(_) => "EndToEnd",
        Step::Promote(_) => "Promotion",
        Step::Deploy(..) | Step::Approve(_) => "",
    };
    let package = step.service().map(|service| logical_id(&service.package));
    package.unwrap_or_default() + role
}

/// The ARNs of the projects of a stage, a line each.
pub(super) fn arns(actions: &[Action<'_>]) -> String {
    actions
        .iter()
        .filter(|action| action.step.buildspec().is_some())
        .map(|action| format!("              - !GetAtt {}.Arn\n", id(action.step)))
        .collect()
}

fn title(step: Step<'_>) -> String {
    let package = step.service().map_or("", |service| &service.package);
    match step {
        Step::Build(_) => format!("Builds {package} and tags it for staging"),
        Step::EndToEnd(_) => format!("Tests the pages of {package} in a browser"),
        Step::Promote(_) => format!("Promotes the tested image of {package} to production"),
        Step::Deploy(..) | Step::Approve(_) => String::new(),
    }
}

fn parameters(workspace: &Workspace, step: Step<'_>) -> Option<Vec<String>> {
    match step {
        Step::Build(service) => Some(buildspec::parameters(service, Environment::Staging)),
        Step::Promote(service) => Some(buildspec::parameters(service, Environment::Production)),
        Step::EndToEnd(service) => Some(vec![pages_parameter(workspace, service)]),
        Step::Deploy(..) | Step::Approve(_) => None,
    }
}
