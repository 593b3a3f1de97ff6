//! The rules of CodeBuild projects.

use super::{Finding, Node, of_buildspec};
use crate::delivery::yaml;

/// The managed images (AWS CodeBuild User Guide, "Docker images provided by CodeBuild").
const IMAGES: [&str; 15] = [
    "aws/codebuild/standard:5.0",
    "aws/codebuild/standard:6.0",
    "aws/codebuild/standard:7.0",
    "aws/codebuild/standard:8.0",
    "aws/codebuild/amazonlinux-x86_64-standard:4.0",
    "aws/codebuild/amazonlinux-x86_64-standard:5.0",
    "aws/codebuild/amazonlinux-x86_64-standard:6.0",
    "aws/codebuild/amazonlinux2-x86_64-standard:4.0",
    "aws/codebuild/amazonlinux2-x86_64-standard:5.0",
    "aws/codebuild/amazonlinux2-aarch64-standard:2.0",
    "aws/codebuild/amazonlinux2-aarch64-standard:3.0",
    "aws/codebuild/amazonlinux-aarch64-standard:2.0",
    "aws/codebuild/amazonlinux-aarch64-standard:3.0",
    "aws/codebuild/windows-base:2019-3.0",
    "aws/codebuild/windows-base:2022-1.0",
];

/// The findings in the projects of a template.
pub(super) fn findings(template: &Node, containers: &[String]) -> Vec<Finding> {
    let projects = super::pipeline::resources(template, "AWS::CodeBuild::Project");
    projects
        .flat_map(|project| {
            let mut findings = inline_buildspec(project, containers);
            findings.extend(unknown_image(project));
            findings
        })
        .collect()
}

/// The text of the project's buildspec, where it is no path.
pub(super) fn inline(project: &Node) -> Option<&Node> {
    let buildspec = project.at(&["Source", "BuildSpec"])?;
    buildspec.text()?.contains('\n').then_some(buildspec)
}

fn inline_buildspec(project: &Node, containers: &[String]) -> Vec<Finding> {
    let Some(node) = inline(project) else {
        return Vec::new();
    };
    match yaml::read(node.text().unwrap_or_default()) {
        Ok(document) => {
            let mut findings = of_buildspec(&document, containers);
            for finding in &mut findings {
                // The text's line is its first one, after `BuildSpec: |`.
                finding.line += node.line - 1;
            }
            findings
        }
        Err(error) => vec![Finding::new(
            node,
            "malformed-buildspec",
            format!("every build fails: the buildspec is no YAML ({error})"),
            "mend the text, or move it to a file and give its path",
        )],
    }
}

/// Families of images whose names are not listed above: of functions, and of whole
/// machines. They are believed.
const OTHER_FAMILIES: [&str; 3] = ["lambda-standard:", "codebuild/macos-", "codebuild/ami/"];

fn unknown_image(project: &Node) -> Option<Finding> {
    let image = project.at(&["Environment", "Image"])?;
    let name = image.text().filter(|_| image.tag.is_none())?;
    let is_believed = OTHER_FAMILIES.iter().any(|family| name.contains(family));
    (name.starts_with("aws/codebuild/") && !IMAGES.contains(&name) && !is_believed).then(|| {
        Finding::new(
            image,
            "unknown-image",
            format!("every build fails while it is provisioned: there is no image {name:?}"),
            "Image: aws/codebuild/standard:8.0",
        )
    })
}
