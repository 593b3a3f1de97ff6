use std::fs;
use std::path::{Path, PathBuf};

use anyhow::Result;
use serde::Serialize;

use super::{Context, Entry, Report};
use crate::delivery::{self, Finding};
use crate::error::Kind;

/// Find what breaks in AWS and no schema catches
///
/// In buildspecs and templates. cfn-lint finds wrong properties; this finds what is
/// right by the schema, and wrong when it runs.
#[derive(Debug, clap::Args)]
pub struct Lint {
    /// Buildspecs and templates; none means all of this workspace
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

#[derive(Serialize)]
struct Object<'a> {
    file: &'a Path,
    #[serde(flatten)]
    finding: &'a Finding,
}

impl Lint {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let root = &context.workspace.root;
        // Files that are given lie where the user is, those of the workspace below its root.
        let (files, paths) = if self.files.is_empty() {
            let files = of_workspace(context)?;
            let paths = files.iter().map(|file| root.join(file)).collect();
            (files, paths)
        } else {
            (self.files.clone(), self.files)
        };
        let (mut entries, mut count) = (Vec::new(), 0);
        let linted = delivery::lint(&context.workspace, &paths);
        for (file, linted) in files.iter().zip(linted) {
            match linted {
                Ok(findings) => {
                    count += findings.len();
                    entries.extend(findings.iter().map(|finding| entry(file, finding)));
                }
                Err(error) => {
                    let object = serde_json::json!({ "file": file });
                    entries.push(Entry::failed(&object, error));
                }
            }
        }
        let report = Report::new(entries);
        Ok(match count {
            0 => report,
            1 => report.failing(Kind::Failed.because("1 finding").into()),
            _ => report.failing(Kind::Failed.because(format!("{count} findings")).into()),
        })
    }
}

/// What `generate` writes and whatever lies beside it.
fn of_workspace(context: &Context) -> Result<Vec<PathBuf>> {
    let root = &context.workspace.root;
    let mut folders = vec![PathBuf::from("build")];
    for service in &context.workspace.services {
        folders
            .extend(["staging", "production"].map(|name| service.folder.join("build").join(name)));
    }
    let mut files = Vec::new();
    for folder in folders {
        let Ok(entries) = fs::read_dir(root.join(&folder)) else {
            continue;
        };
        for entry in entries {
            files.push(folder.join(entry?.file_name()));
        }
    }
    files.retain(|file| delivery::is_yaml(file));
    files.sort();
    Ok(files)
}

fn entry(file: &Path, finding: &Finding) -> Entry {
    let Finding {
        line,
        code,
        happens,
        mend,
    } = finding;
    let text = format!(
        "{}:{line}: {code}: {happens}; mend it: {mend}",
        file.display()
    );
    Entry::new(text, &Object { file, finding })
}
