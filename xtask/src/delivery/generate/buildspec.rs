//! The services' buildspecs. Their commands are those that a developer types
//! (AWS CodeBuild User Guide, "Build specification reference for CodeBuild").

use crate::delivery::template::fill;
use crate::parameters::pages_parameter;
use crate::workspace::{Environment, Service, Workspace};

const STAGING: &str = include_str!("buildspec/staging.yml");
const PRODUCTION: &str = include_str!("buildspec/production.yml");
const END_TO_END: &str = include_str!("buildspec/e2e.yml");

/// The account at the registry.
const ACCOUNT: [&str; 3] = ["DOCKER_USER", "DOCKER_PASSWORD", "DOCKER_REPO"];

/// The parameters that the build for `environment` reads.
pub(super) fn parameters(service: &Service, environment: Environment) -> Vec<String> {
    let account = ACCOUNT.map(str::to_owned);
    account
        .into_iter()
        .chain(of_service(service, environment))
        .collect()
}

/// Production also reads where staging is: a release copies from there, and is
/// refused where both have the same tag.
fn of_service(service: &Service, environment: Environment) -> Vec<String> {
    let mut names = vec![service.repository_parameter(Environment::Staging)];
    if environment == Environment::Production && service.production_repository {
        names.push(service.repository_parameter(Environment::Production));
    }
    names.push(service.tag_parameter(Environment::Staging));
    names.push(service.tag_parameter(Environment::Production));
    names
}

/// Builds the image and tags it for staging, or promotes it.
pub(super) fn of_environment(service: &Service, environment: Environment) -> String {
    let template = match environment {
        Environment::Staging => STAGING,
        Environment::Production => PRODUCTION,
    };
    let lines = of_service(service, environment)
        .iter()
        .map(|name| format!("    {name}: {name}\n"))
        .collect::<String>();
    fill(
        template,
        &[
            ("folder", &service.folder.display().to_string()),
            ("package", &service.package),
            ("parameters", &lines),
            (
                "production_tag",
                &service.tag_parameter(Environment::Production),
            ),
            ("tested_digest", &service.tested_digest_parameter()),
        ],
    )
}

/// Tests the pages of the deployed services in a browser.
pub(super) fn end_to_end(workspace: &Workspace, service: &Service) -> String {
    fill(
        END_TO_END,
        &[
            ("folder", &service.folder.display().to_string()),
            ("parameter", &pages_parameter(workspace, service)),
            ("context_path", &service.context_path),
        ],
    )
}
