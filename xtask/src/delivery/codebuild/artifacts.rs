//! The files that a build leaves.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Build;
use super::pattern::fits;
use super::specification::{Artifact, Buildspec};
use crate::error::Kind;

/// Copies the files of all artifacts to a folder each, and gives their new paths.
///
/// # Errors
/// An artifact that no file belongs to, as in CodeBuild.
pub(super) fn collect(buildspec: &Buildspec, build: &Build<'_>) -> Result<Vec<PathBuf>> {
    let mut copies = Vec::new();
    for artifact in &buildspec.artifacts {
        let base = base(artifact, build);
        let files = files(artifact, &base)?;
        if files.is_empty() {
            let fault = format!("no file fits the artifact {}", artifact.name);
            let hint = format!(
                "{} is looked for in {}",
                artifact.files.join(", "),
                base.display()
            );
            return Err(Kind::Failed.because(fault).hint(hint).into());
        }
        for file in files {
            copies.push(copy(
                artifact,
                &base,
                &file,
                &build.folder.join(&artifact.name),
            )?);
        }
    }
    Ok(copies)
}

/// Where the files of an artifact are: what Cargo leaves may lie elsewhere on this machine.
fn base(artifact: &Artifact, build: &Build<'_>) -> PathBuf {
    let path = Path::new(&artifact.base);
    let path = path.strip_prefix(".").unwrap_or(path);
    match path.strip_prefix("target") {
        Ok(rest) => build.target.join(rest),
        Err(_) => build.source.join(path),
    }
}

fn files(artifact: &Artifact, base: &Path) -> Result<Vec<String>> {
    let mut all = Vec::new();
    list(base, "", &mut all)?;
    let fits_any =
        |patterns: &[String], path: &str| patterns.iter().any(|pattern| fits(pattern, path));
    all.retain(|path| fits_any(&artifact.files, path) && !fits_any(&artifact.excluded, path));
    all.sort();
    Ok(all)
}

/// All files below a folder, relative to it. What is no UTF-8 fits no pattern.
fn list(folder: &Path, prefix: &str, found: &mut Vec<String>) -> Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    let reading = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let Some(name) = entry.file_name().to_str().map(str::to_owned) else {
            continue;
        };
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            list(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.push(path);
        }
    }
    Ok(())
}

fn copy(artifact: &Artifact, base: &Path, file: &str, folder: &Path) -> Result<PathBuf> {
    let name = Path::new(file);
    let target = match name.file_name() {
        Some(name) if artifact.flat => folder.join(name),
        _ => folder.join(name),
    };
    let copying = || format!("copying {file} to {}", target.display());
    fs::create_dir_all(target.parent().unwrap_or(folder)).with_context(copying)?;
    fs::copy(base.join(file), &target).with_context(copying)?;
    Ok(target)
}
