//! The files that a build leaves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use super::Build;
use super::pattern::fits;
use super::specification::{Artifact, Buildspec};
use crate::error::{Fault, Kind};
use crate::files;

/// Copies the files of all artifacts to a folder each, and gives their new paths: all of
/// them or none.
///
/// # Errors
/// An artifact that no file belongs to, as in CodeBuild, or something that is no file.
pub(super) fn collect(
    buildspec: &Buildspec,
    build: &Build<'_>,
    values: &BTreeMap<String, String>,
) -> Result<Vec<PathBuf>> {
    let value = |name: &str| values.get(name).cloned();
    // All are found before the first is copied: no artifact has another one's copies.
    let mut copies = Vec::new();
    for artifact in &buildspec.artifacts {
        copies.extend(find(&artifact.expanded(value), build)?);
    }
    // No artifact has this name: it would be refused.
    let partial = build.folder.join(".partial");
    let copied = copies
        .iter()
        .try_for_each(|copy| copy.write_below(&partial))
        .and_then(|()| move_all(&partial, build.folder));
    let removed = files::remove_folder(&partial);
    copied.and(removed)?;
    let paths = copies.iter().map(|copy| build.folder.join(&copy.target));
    Ok(paths.collect())
}

/// A file that is to be copied.
struct Copy {
    source: PathBuf,
    /// Below the folder of all artifacts.
    target: PathBuf,
}

impl Copy {
    fn write_below(&self, folder: &Path) -> Result<()> {
        let target = folder.join(&self.target);
        let parent = target.parent().unwrap_or(folder);
        fs::create_dir_all(parent)
            .and_then(|()| fs::copy(&self.source, &target))
            .map(drop)
            .with_context(|| {
                format!(
                    "copying {} to the artifacts as {}",
                    self.source.display(),
                    self.target.display()
                )
            })
    }
}

/// Moves what is in a folder, where there is one, into another.
fn move_all(from: &Path, to: &Path) -> Result<()> {
    if !from.exists() {
        return Ok(());
    }
    let moving = || format!("moving the artifacts to {}", to.display());
    for entry in fs::read_dir(from).with_context(moving)? {
        let entry = entry.with_context(moving)?;
        fs::rename(entry.path(), to.join(entry.file_name())).with_context(moving)?;
    }
    Ok(())
}

/// The files of an artifact.
fn find(artifact: &Artifact, build: &Build<'_>) -> Result<Vec<Copy>> {
    // Files of several folders, or without theirs, may have the same name: the last of
    // them takes it.
    let mut copies = BTreeMap::new();
    let bases = bases(artifact, build)?;
    for base in &bases {
        for file in matching(artifact, base)? {
            let source = base.join(&file);
            check(artifact, &file, &source)?;
            let path = Path::new(&file);
            let name = path.file_name().filter(|_| artifact.flat);
            let target = Path::new(&artifact.name).join(name.map_or(path, Path::new));
            copies.insert(target, source);
        }
    }
    if copies.is_empty() {
        let fault = format!("no file fits the artifact {}", artifact.name);
        let bases: Vec<_> = bases
            .iter()
            .map(|base| base.display().to_string())
            .collect();
        let hint = if bases.is_empty() {
            format!("base-directory: {} fits no folder", artifact.base)
        } else {
            let files = artifact.files.join(", ");
            format!("{files} is looked for in {}", bases.join(", "))
        };
        return Err(Kind::Failed.because(fault).hint(hint).into());
    }
    let copies = copies.into_iter();
    Ok(copies
        .map(|(target, source)| Copy { source, target })
        .collect())
}

/// Only files can be copied; to open a pipe would take for ever.
fn check(artifact: &Artifact, file: &str, path: &Path) -> Result<(), Fault> {
    if path.is_file() {
        return Ok(());
    }
    let what = match fs::read_link(path) {
        Ok(to) if path.exists() => format!("a symbolic link to {}, which is no file", to.display()),
        Ok(to) => format!("a broken symbolic link to {}", to.display()),
        Err(_) => "no file".to_owned(),
    };
    let fault = format!(
        "{} of the artifact {} is {what}",
        path.display(),
        artifact.name
    );
    Err(Kind::Failed.because(fault).hint(format!(
        "let a command mend or remove it, or leave it out: exclude-paths: [{file:?}]"
    )))
}

/// The folders that the files of an artifact are in: what Cargo leaves may lie elsewhere on
/// this machine, and the name of a folder may be a pattern.
fn bases(artifact: &Artifact, build: &Build<'_>) -> Result<Vec<PathBuf>> {
    let path = Path::new(&artifact.base);
    let path = path.strip_prefix(build.source).unwrap_or(path);
    let path = path.strip_prefix(".").unwrap_or(path);
    let (start, rest) = match path.strip_prefix("target") {
        Ok(rest) => (build.target, rest),
        Err(_) => (build.source, path),
    };
    let mut folders = vec![start.to_owned()];
    for part in rest {
        match part.to_str().filter(|part| part.contains(['*', '?'])) {
            Some(pattern) => {
                let fitting = folders.iter().map(|folder| fitting(folder, pattern));
                folders = fitting.collect::<Result<Vec<_>>>()?.concat();
            }
            None => folders.iter_mut().for_each(|folder| folder.push(part)),
        }
    }
    Ok(folders)
}

/// The folders in a folder whose names fit, sorted.
fn fitting(folder: &Path, pattern: &str) -> Result<Vec<PathBuf>> {
    let mut fitting = Vec::new();
    if folder.is_dir() {
        let reading = || format!("reading {}", folder.display());
        for entry in fs::read_dir(folder).with_context(reading)? {
            let entry = entry.with_context(reading)?;
            let fits = entry
                .file_name()
                .to_str()
                .is_some_and(|name| fits(pattern, name));
            fitting.extend(Some(entry.path()).filter(|path| fits && path.is_dir()));
        }
    }
    fitting.sort();
    Ok(fitting)
}

/// The paths below `base` that fit an artifact.
fn matching(artifact: &Artifact, base: &Path) -> Result<Vec<String>> {
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
