use std::path::Path;

use anyhow::Result;
use serde::Serialize;
use similar::TextDiff;

use super::{Context, Entry, Report};
use crate::delivery::{self, Generated};
use crate::error::Kind;
use crate::parameters::{Catalogue, FILE, left_behind};
use crate::workspace::Workspace;
use crate::{console, files};

/// Write buildspecs, templates and the pipeline's picture from the metadata
///
/// The files are committed, so that a change of the metadata shows what it changes
/// in AWS. They are made for a registry with an account of its own, such as Docker
/// Hub; build/README.md says what ECR takes.
#[derive(Debug, clap::Args)]
pub struct Generate {
    /// Write nothing; fail with a diff where a file is stale
    #[arg(long)]
    check: bool,
    /// Write nothing; show what would change
    #[arg(long, conflicts_with = "check")]
    dry_run: bool,
}

#[derive(Debug, Serialize)]
struct Object<'a> {
    file: &'a Path,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    diff: Option<&'a str>,
}

impl Generate {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        self.apply_all(&context.workspace, context.parameters.catalogue())
    }

    fn apply_all(&self, workspace: &Workspace, catalogue: &Catalogue) -> Result<Report> {
        let generated = delivery::generate(workspace, catalogue)?;
        let entries = generated
            .iter()
            .map(|file| self.apply(&workspace.root, file));
        let report = Report::new(entries.collect::<Result<_>>()?);
        warn_of_what_is_left(workspace, catalogue, &generated);
        Ok(report)
    }

    fn apply(&self, root: &Path, file: &Generated) -> Result<Entry> {
        let path = root.join(&file.path);
        let found = files::read_text_if_there(&path)?;
        if found.as_deref() == Some(&file.text) {
            return Ok(entry(file, "unchanged", None));
        }
        if !self.check && !self.dry_run {
            files::write_output(&path, file.text.as_bytes())?;
            return Ok(entry(file, "written", None));
        }
        let diff = diff(&found.unwrap_or_default(), file);
        console::note(&diff);
        Ok(if self.check {
            stale(file, &diff)
        } else {
            entry(file, "planned", Some(&diff))
        })
    }
}

/// Checks that the files of `workspace` on disk are what its metadata gives there.
pub(super) fn check(workspace: &Workspace) -> Result<()> {
    let check = Generate {
        check: true,
        dry_run: false,
    };
    let catalogue = Catalogue::read(&workspace.root)?;
    check.apply_all(workspace, &catalogue)?.into_result()
}

/// What is in the sources of a service that is none any more; somebody may have a use for it.
fn warn_of_what_is_left(workspace: &Workspace, catalogue: &Catalogue, generated: &[Generated]) {
    for file in delivery::orphans(workspace, generated) {
        let file = file.display();
        console::warn(format_args!(
            "{file} is of no service any more: git rm {file}"
        ));
    }
    let parameters = left_behind(workspace, catalogue);
    if !parameters.is_empty() {
        console::warn(format_args!(
            "{FILE} has what no service needs: take {} out",
            parameters.join(", ")
        ));
    }
}

fn diff(found: &str, file: &Generated) -> String {
    let path = file.path.display().to_string();
    TextDiff::from_lines(found, &file.text)
        .unified_diff()
        .header(&format!("a/{path}"), &format!("b/{path}"))
        .to_string()
}

fn entry(file: &Generated, outcome: &'static str, diff: Option<&str>) -> Entry {
    let object = Object {
        file: &file.path,
        outcome,
        diff,
    };
    Entry::new(format!("{}: {outcome}", file.path.display()), &object)
}

fn stale(file: &Generated, diff: &str) -> Entry {
    let object = Object {
        file: &file.path,
        outcome: "stale",
        diff: Some(diff),
    };
    let fault = Kind::Failed
        .because(format!(
            "{} is not what the metadata gives",
            file.path.display()
        ))
        .hint("cargo xtask generate");
    Entry::failed(&object, fault.into())
}
