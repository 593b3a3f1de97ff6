//! `build/environment.yaml`: where the services run.

use crate::delivery::model::rule_priority;
use crate::delivery::template::{fill, logical_id};
use crate::image::AwsProcessor;
use crate::parameters::{Catalogue, Secret, of_container};
use crate::workspace::{Service, Workspace};

const TEMPLATE: &str = include_str!("environment/template.yaml");
const SUFFIXES: &str = include_str!("environment/suffixes.yaml");
const WITHOUT_TASKS: &str = include_str!("environment/without_tasks.yaml");
const IMAGE_PARAMETER: &str = include_str!("environment/image_parameter.yaml");
const INGRESS: &str = include_str!("environment/ingress.yaml");
const SERVICE: &str = include_str!("environment/service.yaml");
const SECRET: &str = include_str!("environment/secret.yaml");
const SECRET_ARN: &str = include_str!("environment/secret_arn.yaml");

/// The template's parameter with the image of `service`.
pub fn image_parameter(service: &Service) -> String {
    format!("{}Image", logical_id(&service.package))
}

/// What stands before the ARNs of the secrets in a role.
const SECRETS_STATEMENT: &str = "              - Effect: Allow
                Action: ssm:GetParameters
                Resource:
";

/// The template's text.
pub(super) fn environment(
    workspace: &Workspace,
    catalogue: &Catalogue,
    processor: AwsProcessor,
) -> String {
    let services = &workspace.services;
    let for_each = |template| {
        let of = |service: &Service| {
            let id = logical_id(&service.package);
            fill(template, &[("Service", &id), ("package", &service.package)])
        };
        services.iter().map(of).collect::<String>()
    };
    let described = services.iter().map(|service| {
        of_service(
            workspace,
            service,
            &of_container(workspace, catalogue, service),
            processor,
        )
    });
    let described: String = described.collect();
    // CloudFormation's linter complains of a mapping that nothing uses.
    let suffixes = if described.contains("[Parameters,") {
        SUFFIXES
    } else {
        ""
    };
    fill(
        TEMPLATE,
        &[
            ("name", &workspace.name),
            ("suffixes", suffixes),
            ("without_tasks", &for_each(WITHOUT_TASKS)),
            ("image_parameters", &for_each(IMAGE_PARAMETER)),
            ("ingress", &ingress(services)),
            ("services", &described),
        ],
    )
}

/// A rule per port, however many services listen on it.
fn ingress(services: &[Service]) -> String {
    let mut ports: Vec<u16> = services.iter().map(|service| service.port).collect();
    ports.sort_unstable();
    ports.dedup();
    let rule = |port: &u16| fill(INGRESS, &[("port", &port.to_string())]);
    ports.iter().map(rule).collect()
}

fn of_service(
    workspace: &Workspace,
    service: &Service,
    secrets: &[Secret],
    processor: AwsProcessor,
) -> String {
    fill(
        SERVICE,
        &[
            ("name", &workspace.name),
            ("package", &service.package),
            ("Service", &logical_id(&service.package)),
            ("alias", &service.alias),
            ("port", &service.port.to_string()),
            ("context_path", &service.context_path),
            ("priority", &rule_priority(&service.package).to_string()),
            ("architecture", processor.cpu_architecture),
            ("secrets", &secret_variables(secrets)),
            ("secrets_statement", &secrets_statement(secrets)),
        ],
    )
}

fn secret_variables(secrets: &[Secret]) -> String {
    if secrets.is_empty() {
        return String::new();
    }
    let variables = secrets.iter().map(|secret| {
        fill(
            SECRET,
            &[
                ("variable", &secret.variable),
                ("parameter", &secret.parameter),
            ],
        )
    });
    format!("          Secrets:\n{}", variables.collect::<String>())
}

fn secrets_statement(secrets: &[Secret]) -> String {
    if secrets.is_empty() {
        return String::new();
    }
    let arns = secrets
        .iter()
        .map(|secret| fill(SECRET_ARN, &[("parameter", &secret.parameter)]));
    format!("{SECRETS_STATEMENT}{}", arns.collect::<String>())
}
