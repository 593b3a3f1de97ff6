//! The rules of CodeBuild projects.

use super::{Finding, Node};

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
pub(super) fn findings(template: &Node) -> Vec<Finding> {
    let projects = super::pipeline::resources(template, "AWS::CodeBuild::Project");
    projects.filter_map(unknown_image).collect()
}

fn unknown_image(project: &Node) -> Option<Finding> {
    let image = project.at(&["Environment", "Image"])?;
    let name = image.text().filter(|_| image.tag.is_none())?;
    (name.starts_with("aws/codebuild/") && !IMAGES.contains(&name)).then(|| {
        Finding::new(
            image,
            "unknown-image",
            format!("every build fails while it is provisioned: there is no image {name:?}"),
            "Image: aws/codebuild/standard:8.0",
        )
    })
}
