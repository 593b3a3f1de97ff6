//! The services' buildspecs. Their commands are those that a developer types
//! (AWS CodeBuild User Guide, "Build specification reference for CodeBuild").

use crate::delivery::template::fill;
use crate::parameters::{Catalogue, of_build, pages_parameter};
use crate::workspace::{Environment, Service, Workspace};

const STAGING: &str = include_str!("buildspec/staging.yml");
const PRODUCTION: &str = include_str!("buildspec/production.yml");
const END_TO_END: &str = include_str!("buildspec/e2e.yml");

/// Builds the image and tags it for staging, or promotes it.
pub(super) fn of_environment(
    catalogue: &Catalogue,
    service: &Service,
    environment: Environment,
) -> String {
    let template = match environment {
        Environment::Staging => STAGING,
        Environment::Production => PRODUCTION,
    };
    let lines = of_build(catalogue, service, environment)
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
