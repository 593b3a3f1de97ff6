//! The CodeBuild projects, each with a role and a log group of its own.

use super::{fill, logical_id};
use crate::delivery::model::{Action, Job};
use crate::image::AwsProcessor;
use crate::parameters::{Catalogue, of_build, pages_parameter};
use crate::workspace::{Environment, Workspace};

const PROJECT: &str = include_str!("project.yaml");
const PARAMETER: &str = include_str!("parameter.yaml");

/// The project of a job.
pub(super) fn of_job(
    workspace: &Workspace,
    catalogue: &Catalogue,
    job: Job<'_>,
    processor: AwsProcessor,
) -> String {
    let parameters = parameters(workspace, catalogue, job);
    let parameters = parameters
        .iter()
        .map(|name| fill(PARAMETER, &[("parameter", name)]));
    fill(
        PROJECT,
        &[
            ("name", &workspace.name),
            ("title", &title(job)),
            ("Project", &id(job)),
            ("buildspec", &job.buildspec()),
            ("parameters", &parameters.collect::<String>()),
            ("build_environment", processor.build_environment),
            ("build_image", processor.build_image),
        ],
    )
}

/// What the project is called in the template.
pub(super) fn id(job: Job<'_>) -> String {
    let role = match job {
        Job::Build(_) => "Build",
        Job::EndToEnd(_) => "EndToEnd",
        Job::Promote(_) => "Promotion",
    };
    logical_id(&job.service().package) + role
}

/// The ARNs of the projects of a stage, a line each.
pub(super) fn arns(actions: &[Action<'_>]) -> String {
    let jobs = actions.iter().filter_map(Action::job);
    jobs.map(|job| format!("              - !GetAtt {}.Arn\n", id(job)))
        .collect()
}

fn title(job: Job<'_>) -> String {
    let package = &job.service().package;
    match job {
        Job::Build(_) => format!("Builds {package} and tags it for staging"),
        Job::EndToEnd(_) => format!("Tests the pages of {package} in a browser"),
        Job::Promote(_) => format!("Promotes the tested image of {package} to production"),
    }
}

fn parameters(workspace: &Workspace, catalogue: &Catalogue, job: Job<'_>) -> Vec<String> {
    match job {
        Job::Build(service) => of_build(catalogue, service, Environment::Staging),
        Job::Promote(service) => of_build(catalogue, service, Environment::Production),
        Job::EndToEnd(service) => vec![pages_parameter(workspace, service)],
    }
}
