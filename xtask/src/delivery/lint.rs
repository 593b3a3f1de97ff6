//! What breaks in AWS and no schema catches, in buildspecs and templates.

mod action;
mod buildspec;
mod command;
mod pipeline;
mod project;

use std::path::Path;

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::yaml::{self, Node};
use crate::error::Kind;
use crate::workspace::{Environment, Workspace};

/// Something that breaks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The line, from 1.
    pub line: usize,
    /// The rule's name.
    pub code: &'static str,
    /// What happens in AWS.
    pub happens: String,
    /// How to mend it.
    pub mend: String,
}

impl Finding {
    fn new(
        node: &Node,
        code: &'static str,
        happens: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            line: node.line,
            code,
            happens: happens.into(),
            mend: mend.into(),
        }
    }
}

/// The findings in a file, by line. A file with `phases` is a buildspec, one with
/// `Resources` a template.
///
/// # Errors
/// A file that cannot be read, is no YAML, or is neither.
pub fn lint(workspace: &Workspace, file: &Path) -> Result<Vec<Finding>> {
    let node = read(file)?;
    let mut findings = if node.get("phases").is_some() {
        buildspec::findings(&node, &containers(workspace))
    } else if node.get("Resources").is_some() {
        let mut findings = pipeline::findings(&node, &workspace.root);
        findings.extend(project::findings(&node));
        findings
    } else {
        let fault = format!(
            "{} is neither a buildspec nor a CloudFormation template",
            file.display()
        );
        return Err(Kind::Configuration
            .because(fault)
            .hint("a buildspec has `phases`, a template has `Resources`")
            .into());
    };
    findings.sort_by_key(|finding| finding.line);
    Ok(findings)
}

fn read(file: &Path) -> Result<Node> {
    let text = yaml::text_of(file).with_context(|| {
        Kind::Configuration.because(format!("{} cannot be read", file.display()))
    })?;
    yaml::read(&text)
        .with_context(|| Kind::Failed.because(format!("{} is no YAML", file.display())))
}

/// The containers that the task definitions of `build/environment.yaml` have.
fn containers(workspace: &Workspace) -> Vec<String> {
    let environments = [Environment::Staging, Environment::Production];
    let services = workspace.services.iter();
    services
        .flat_map(|service| {
            environments.map(|environment| workspace.container_name(service, environment))
        })
        .collect()
}
