//! `build/pipeline.yaml`: the pipeline with its projects and roles
//! (AWS CodePipeline User Guide, "CodePipeline pipeline structure reference").

mod approval;
mod project;

use crate::delivery::model::{self, Job, Step};
use crate::delivery::template::{fill, logical_id};
use crate::image::AwsProcessor;
use crate::parameters::Catalogue;
use crate::workspace::{Environment, Service, Workspace};

const TEMPLATE: &str = include_str!("pipeline/template.yaml");
const BUILD: &str = include_str!("pipeline/build.yaml");
const DEPLOY: &str = include_str!("pipeline/deploy.yaml");

/// How much of the pipeline's name is in the keys of its artifacts.
const ARTIFACT_PREFIX_LENGTH: usize = 20;

/// The template's text.
pub(super) fn pipeline(
    workspace: &Workspace,
    catalogue: &Catalogue,
    processor: AwsProcessor,
) -> String {
    let name = &workspace.name;
    let (staging, release) = (model::staging(workspace), model::release(workspace));
    let all = || staging.iter().chain(&release);
    fill(
        TEMPLATE,
        &[
            ("name", name),
            ("repository_default", &repository_default(workspace)),
            (
                "artifact_prefix",
                name.get(..ARTIFACT_PREFIX_LENGTH).unwrap_or(name),
            ),
            ("staging", &actions(workspace, &staging)),
            ("release", &actions(workspace, &release)),
            ("staging_projects", &project::arns(&staging)),
            (
                "staging_services",
                &service_arns(workspace, Environment::Staging),
            ),
            ("release_projects", &project::arns(&release)),
            (
                "release_services",
                &service_arns(workspace, Environment::Production),
            ),
            (
                "projects",
                &all()
                    .filter_map(model::Action::job)
                    .map(|job| project::of_job(workspace, catalogue, job, processor))
                    .collect::<String>(),
            ),
        ],
    )
}

fn actions(workspace: &Workspace, actions: &[model::Action<'_>]) -> String {
    actions
        .iter()
        .map(|action| match action.step {
            Step::Approve(part) => approval::approval(workspace, action.order, part),
            Step::Deploy(service, environment) => {
                deploy(workspace, action.order, service, environment)
            }
            Step::Run(job) => build(action.order, job),
        })
        .collect()
}

fn build(order: usize, job: Job<'_>) -> String {
    fill(
        BUILD,
        &[
            ("action", &job.action_name()),
            ("order", &order.to_string()),
            ("namespace", &job.namespace()),
            ("Project", &project::id(job)),
            ("variables", &variables(job)),
            ("artifact", &job.artifact()),
        ],
    )
}

/// A promotion takes the digest and the tag that were approved.
fn variables(job: Job<'_>) -> String {
    let Job::Promote(service) = job else {
        return String::new();
    };
    let tested = Job::Build(service).namespace();
    let digest = service.tested_digest_parameter();
    let tag = service.tag_parameter(Environment::Production);
    format!(
        r##"                EnvironmentVariables: >-
                  [{{"name":"{digest}","value":"#{{{tested}.IMAGE_DIGEST}}"}},
                  {{"name":"{tag}","value":"#{{{tested}.PRODUCTION_TAG}}"}}]
"##
    )
}

fn deploy(
    workspace: &Workspace,
    order: usize,
    service: &Service,
    environment: Environment,
) -> String {
    let made_by = match environment {
        Environment::Staging => Job::Build(service),
        Environment::Production => Job::Promote(service),
    };
    fill(
        DEPLOY,
        &[
            ("name", &workspace.name),
            ("package", &service.package),
            ("order", &order.to_string()),
            ("environment", &environment.to_string()),
            ("artifact", &made_by.artifact()),
        ],
    )
}

fn service_arns(workspace: &Workspace, environment: Environment) -> String {
    let arn = |service: &Service| {
        format!(
            "              - !Sub arn:${{AWS::Partition}}:ecs:${{AWS::Region}}:${{AWS::AccountId}}:service/{}-{environment}/{}\n",
            workspace.name, service.package
        )
    };
    workspace.services.iter().map(arn).collect()
}

/// The repository, where the workspace says that it is at GitHub.
fn repository_default(workspace: &Workspace) -> String {
    let url = workspace.repository_url.as_deref().unwrap_or_default();
    match url.strip_prefix("https://github.com/") {
        Some(path) => format!(
            "    Default: {}\n",
            path.trim_end_matches('/').trim_end_matches(".git")
        ),
        None => String::new(),
    }
}
