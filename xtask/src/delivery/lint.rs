//! What breaks in AWS and no schema catches, in buildspecs and templates.

mod action;
mod buildspec;
mod command;
mod pipeline;
mod project;
mod shell;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use serde::Serialize;

use super::yaml::{self, Document, Node};
use crate::error::{Fault, Kind};
use crate::parallel;
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

/// Whether a file is one for `lint`, by its name.
pub fn is_yaml(file: &Path) -> bool {
    file.extension()
        .is_some_and(|kind| kind == "yml" || kind == "yaml")
}

/// The findings in each of the files, by line. A file with `phases` or `batch` is a
/// buildspec, one with `Resources` a template.
///
/// # Errors
/// For each file that cannot be read, is no YAML, or is neither.
pub fn lint(workspace: &Workspace, files: &[PathBuf]) -> Vec<Result<Vec<Finding>>> {
    let linter = Linter {
        root: &workspace.root,
        containers: containers(workspace),
        documents: Mutex::default(),
    };
    let at_once = std::thread::available_parallelism().map_or(1, usize::from);
    parallel::map(files, at_once, |file| linter.findings(file))
}

/// What the rules know besides the file that they look at.
struct Linter<'a> {
    /// Where the buildspecs of projects are looked up.
    root: &'a Path,
    /// The containers of the task definitions.
    containers: Vec<String>,
    /// What was read: a pipeline names the same buildspecs many times.
    documents: Mutex<BTreeMap<PathBuf, Arc<Document>>>,
}

impl Linter<'_> {
    fn findings(&self, file: &Path) -> Result<Vec<Finding>> {
        let document = self.document(file)?;
        let root = &document.root;
        // One with `batch` alone names the buildspecs of its builds.
        let is_buildspec = ["phases", "batch"]
            .iter()
            .any(|key| root.get(key).is_some());
        let mut findings = if is_buildspec {
            of_buildspec(&document, &self.containers)
        } else if root.get("Resources").is_some() {
            self.of_template(&document)
        } else {
            return Err(neither(file).into());
        };
        findings.extend(next_document(&document));
        findings.sort_by_key(|finding| finding.line);
        Ok(findings)
    }

    fn of_template(&self, document: &Document) -> Vec<Finding> {
        let mut findings = repeated_keys(document);
        findings.extend(aliases(document));
        findings.extend(pipeline::findings(&document.root, self));
        findings.extend(project::findings(&document.root, &self.containers));
        findings
    }

    /// The file, which is read once.
    fn document(&self, file: &Path) -> Result<Arc<Document>> {
        if let Some(document) = self.documents().get(file) {
            return Ok(Arc::clone(document));
        }
        // A check that did not hold, as if it were a finding.
        let document = Arc::new(yaml::read_file(file, Kind::Failed)?);
        self.documents()
            .insert(file.to_owned(), Arc::clone(&document));
        Ok(document)
    }

    fn documents(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Document>>> {
        self.documents
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn of_buildspec(document: &Document, containers: &[String]) -> Vec<Finding> {
    let mut findings = repeated_keys(document);
    findings.extend(buildspec::findings(&document.root, containers));
    findings
}

fn neither(file: &Path) -> Fault {
    let fault = format!(
        "{} is neither a buildspec nor a CloudFormation template",
        file.display()
    );
    Kind::Configuration
        .because(fault)
        .hint("a buildspec has `phases` or `batch`, a template has `Resources`")
}

fn next_document(document: &Document) -> Option<Finding> {
    document.next.map(|line| Finding {
        line,
        code: "next-document",
        happens: "the file is refused, or what stands from here on is never looked at".to_owned(),
        mend: "put each document into a file of its own, or remove the line `---`".to_owned(),
    })
}

fn repeated_keys(document: &Document) -> Vec<Finding> {
    let finding = |key: &Node| {
        let name = key.text().unwrap_or_default();
        Finding::new(
            key,
            "repeated-key",
            format!("the file is refused, or one of the values of {name:?} is lost without a word"),
            "remove one of the two",
        )
    };
    document.repeated.iter().map(finding).collect()
}

/// Buildspecs may have them, templates not (AWS CloudFormation User Guide,
/// "Choosing a template format").
fn aliases(document: &Document) -> impl Iterator<Item = Finding> {
    document.aliases.iter().map(|line| Finding {
        line: *line,
        code: "alias",
        happens: "the stack fails: CloudFormation knows no YAML aliases".to_owned(),
        mend: "write the value out, or put it into Mappings or Parameters".to_owned(),
    })
}

/// The containers that the task definitions of `build/environment.yaml` have.
fn containers(workspace: &Workspace) -> Vec<String> {
    let services = workspace.services.iter();
    services
        .flat_map(|service| {
            Environment::ALL.map(|environment| workspace.container_name(service, environment))
        })
        .collect()
}
