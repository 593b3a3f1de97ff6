//! Cargo's target directory, found as Cargo finds it.

use std::env;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::error::Kind;
use crate::files;

#[derive(Default, Deserialize)]
struct Configuration {
    #[serde(default)]
    build: Build,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Build {
    target_dir: Option<PathBuf>,
}

/// `CARGO_TARGET_DIR`, else the `build.target-dir` of Cargo's configuration
/// nearest to `folder`, else `target` in the workspace
/// (The Cargo Book, "Configuration", `build.target-dir`).
pub(super) fn resolve(folder: &Path, root: &Path) -> Result<PathBuf> {
    let from_environment = ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"]
        .into_iter()
        .filter_map(env::var_os)
        .find(|value| !value.is_empty());
    if let Some(value) = from_environment {
        return Ok(folder.join(value));
    }
    for candidate in configuration_folders(folder) {
        if let Some(path) = read(&candidate)? {
            // Relative to the folder that holds the `.cargo` folder.
            return Ok(candidate.parent().unwrap_or(&candidate).join(path));
        }
    }
    Ok(root.join("target"))
}

fn configuration_folders(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let upwards: Vec<_> = folder
        .ancestors()
        .map(|parent| parent.join(".cargo"))
        .collect();
    upwards.into_iter().chain(home)
}

fn read(folder: &Path) -> Result<Option<PathBuf>> {
    for name in ["config", "config.toml"] {
        let path = folder.join(name);
        // Cargo looks in the same way, and passes over folders that it may not look into.
        if !path.exists() {
            continue;
        }
        let text = files::read_text(&path).with_context(|| {
            Kind::Configuration.because(format!("{} cannot be read", path.display()))
        })?;
        let configuration: Configuration = files::parse_toml(&text).with_context(|| {
            Kind::Configuration.because(format!("{} is malformed", path.display()))
        })?;
        return Ok(configuration.build.target_dir);
    }
    Ok(None)
}
