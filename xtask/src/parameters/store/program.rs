//! The program with the AWS SDK: built at first use, since the SDK takes minutes to
//! compile and most runs of the tool never need it.

use std::ffi::{OsStr, OsString};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};

use crate::oci::Digest;
use crate::process::{self, CommandLine};
use crate::{console, files};

const PACKAGE: &str = "parameter-store";

/// The tool's own folder, of whichever workspace the tool takes care.
const TOOL: &str = env!("CARGO_MANIFEST_DIR");

/// What was built from what. Cargo would find out by itself, but asking it costs more
/// time than all the rest of `params list`.
#[derive(PartialEq, Eq, Serialize, Deserialize)]
struct Record {
    sources: Digest,
    executable: PathBuf,
}

/// The program's command line. It is built where it is missing or older than its
/// sources; neither build scripts nor the compiler see AWS's variables.
pub(super) fn find_or_build(target_directory: &Path) -> Result<CommandLine> {
    let path = target_directory.join("parameter-store.json");
    let sources = digest_of_sources()?;
    if let Some(record) = read(&path)
        && record.sources == sources
        && record.executable.is_file()
    {
        return Ok(CommandLine::new(record.executable));
    }
    let executable = build()?;
    let record = Record {
        sources,
        executable: executable.clone(),
    };
    files::write_whole(&path, &serde_json::to_vec(&record)?)?;
    Ok(CommandLine::new(executable))
}

/// A record that cannot be read is none: the program is built, and the record anew.
fn read(path: &Path) -> Option<Record> {
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

fn build() -> Result<PathBuf> {
    console::note(
        "building parameter-store: Parameter Store is asked through the AWS SDK, which is compiled \
         at first use and takes a few minutes once",
    );
    let line = CommandLine::cargo()
        .args(["build", "--locked", "--package", PACKAGE])
        .arg("--message-format=json-render-diagnostics");
    let messages = process::capture(&line, Path::new(TOOL), |cargo| {
        variables_of_aws().fold(cargo, |cargo, name| cargo.env_remove(name))
    })?;
    process::executable(&messages, PACKAGE).context("cargo named no binary of parameter-store")
}

fn variables_of_aws() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(b"AWS_"))
}

/// A digest of everything that the program is made of, and of nothing that only
/// the rest of the workspace is made of, but for the lock file.
fn digest_of_sources() -> Result<Digest> {
    let tool = Path::new(TOOL);
    let root = tool.parent().unwrap_or(tool);
    let mut paths = ["Cargo.lock", "Cargo.toml", "rust-toolchain.toml"]
        .map(|name| root.join(name))
        .to_vec();
    add_files(&tool.join(PACKAGE), &mut paths)?;
    paths.sort();
    let mut content = Vec::new();
    for path in paths {
        let bytes = fs::read(&path).with_context(|| format!("reading {}", path.display()))?;
        content.extend(path.as_os_str().as_encoded_bytes());
        content.extend(Digest::of(&bytes).to_string().into_bytes());
    }
    Ok(Digest::of(&content))
}

fn add_files(folder: &Path, paths: &mut Vec<PathBuf>) -> Result<()> {
    let reading = || format!("reading {}", folder.display());
    for entry in fs::read_dir(folder).with_context(reading)? {
        let path = entry.with_context(reading)?.path();
        if path.is_dir() {
            add_files(&path, paths)?;
        } else if [Some("rs"), Some("toml")].contains(&path.extension().and_then(OsStr::to_str)) {
            paths.push(path);
        }
    }
    Ok(())
}
