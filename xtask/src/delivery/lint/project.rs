//! The rules of CodeBuild projects.

use super::{Finding, Node, of_buildspec};
use crate::delivery::yaml;

/// The managed images, also those that are no longer updated: builds can still use them
/// (AWS CodeBuild User Guide, "Docker images provided by CodeBuild" and "Deprecated
/// CodeBuild images").
const IMAGES: [(&str, &[&str]); 6] = [
    (
        "standard",
        &["1.0", "2.0", "3.0", "4.0", "5.0", "6.0", "7.0", "8.0"],
    ),
    (
        "amazonlinux-x86_64-standard",
        &["4.0", "5.0", "6.0", "corretto8", "corretto11"],
    ),
    (
        "amazonlinux2-x86_64-standard",
        &["1.0", "2.0", "3.0", "4.0", "5.0", "corretto8", "corretto11"],
    ),
    ("amazonlinux-aarch64-standard", &["2.0", "3.0"]),
    ("amazonlinux2-aarch64-standard", &["1.0", "2.0", "3.0"]),
    (
        "windows-base",
        &["2019-1.0", "2019-2.0", "2019-3.0", "2022-1.0"],
    ),
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

/// A buildspec that stands in the template.
pub(super) struct Inline {
    pub(super) text: String,
    /// Of each line of the text, the line of the template.
    lines: Vec<usize>,
}

impl Inline {
    /// The project's buildspec, where it is no path.
    pub(super) fn of(project: &Node) -> Option<Self> {
        let node = project.at(&["Source", "BuildSpec"])?;
        let mut inline = Self {
            text: String::new(),
            lines: Vec::new(),
        };
        match joined(node) {
            Some([delimiter, parts]) => inline.join(delimiter.text()?, parts.items()),
            None => {
                let node = node.substituted().unwrap_or(node);
                inline.push(node, node.text()?);
            }
        }
        inline.text.contains('\n').then_some(inline)
    }

    fn join(&mut self, delimiter: &str, parts: &[Node]) {
        for (index, part) in parts.iter().enumerate() {
            if index > 0 {
                self.push(part, delimiter);
            }
            let text = part.substituted().unwrap_or(part).text();
            // Whatever else it is has a value of one line.
            self.push(part, text.unwrap_or("value"));
        }
    }

    fn push(&mut self, node: &Node, text: &str) {
        for (index, line) in text.split_inclusive('\n').enumerate() {
            if self.text.is_empty() || self.text.ends_with('\n') {
                // Between quotes the lines are not those of the file.
                let below = if node.literal { index } else { 0 };
                self.lines.push(node.line + below);
            }
            self.text += line;
        }
    }

    /// The line of the template for a line of the text, both from 1.
    fn line(&self, line: usize) -> usize {
        let line = self.lines.get(line.saturating_sub(1));
        line.or(self.lines.last()).copied().unwrap_or(1)
    }
}

/// What `Join` makes a text of: what stands between the parts, and the parts.
fn joined(node: &Node) -> Option<&[Node; 2]> {
    let arguments = match node.tag.as_deref() {
        Some("Join") => node,
        _ => node.get("Fn::Join")?,
    };
    arguments.items().try_into().ok()
}

fn inline_buildspec(project: &Node, containers: &[String]) -> Vec<Finding> {
    let Some(inline) = Inline::of(project) else {
        return Vec::new();
    };
    match yaml::read(&inline.text) {
        Ok(document) => {
            let mut findings = of_buildspec(&document, containers);
            for finding in &mut findings {
                finding.line = inline.line(finding.line);
            }
            findings
        }
        Err(error) => vec![Finding {
            line: inline.line(1),
            code: "malformed-buildspec",
            happens: format!("every build fails: the buildspec is no YAML ({error})"),
            mend: "mend the text, or move it to a file and give its path".to_owned(),
        }],
    }
}

/// Families of images whose names are not listed above: of functions, and of whole
/// machines. They are believed.
const OTHER_FAMILIES: [&str; 3] = ["lambda-standard:", "codebuild/macos-", "codebuild/ami/"];

fn unknown_image(project: &Node) -> Option<Finding> {
    let image = project.at(&["Environment", "Image"])?;
    let name = image.text().filter(|_| image.tag.is_none())?;
    let name_of_aws = name.strip_prefix("aws/codebuild/")?;
    let (family, tag) = name_of_aws.split_once(':').unwrap_or((name_of_aws, ""));
    let is_believed = OTHER_FAMILIES.iter().any(|family| name.contains(family));
    // A version may follow, as in `4.0-1.0.0`.
    let is_tag = |known: &&str| {
        let version = tag.strip_prefix(known);
        version.is_some_and(|version| version.is_empty() || version.starts_with('-'))
    };
    let is_image = |(known, tags): &(&str, &[&str])| *known == family && tags.iter().any(is_tag);
    (!IMAGES.iter().any(is_image) && !is_believed).then(|| {
        Finding::new(
            image,
            "unknown-image",
            format!("every build fails while it is provisioned: there is no image {name:?}"),
            "Image: aws/codebuild/standard:8.0",
        )
    })
}
