//! Compiling a service so that the result depends on nothing of this machine.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use duct::Expression;

use crate::error::Kind;
use crate::process::{self, CommandLine};
use crate::workspace::{Service, Source, Workspace};

/// The profile in the root manifest.
const PROFILE: &str = "image";

/// Cargo compiles one service at a time: several would only wait for each
/// other, and compiling them together would unify their features.
static COMPILING: Mutex<()> = Mutex::new(());

/// The variables that a compilation sees: where things are, how the network is
/// reached, what a terminal shows. Whatever could change the binary is not here.
const PASSED_ON: [&str; 23] = [
    "PATH",
    "HOME",
    "USER",
    "TMPDIR",
    "TERM",
    "LANG",
    "CARGO_HOME",
    "RUSTUP_HOME",
    "RUSTUP_TOOLCHAIN",
    "RUSTUP_AUTO_INSTALL",
    "RUSTUP_DIST_SERVER",
    "ALL_PROXY",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "all_proxy",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "CARGO_BUILD_JOBS",
    "MAKEFLAGS",
];

/// How long Cargo may take to tell what it makes of the manifests.
const METADATA_LIMIT: Duration = Duration::from_secs(60);

/// Families of such variables.
const PASSED_ON_PREFIXES: [&str; 4] = ["CARGO_NET_", "CARGO_HTTP_", "CARGO_REGISTR", "CARGO_TERM_"];

/// Compiles `service` for the workspace's target, linked statically, and gives the
/// path of its binary and what the sources were when its turn came.
pub(super) fn compile(workspace: &Workspace, service: &Service) -> Result<(PathBuf, Source)> {
    let _one_at_a_time = COMPILING.lock().unwrap_or_else(PoisonError::into_inner);
    let source = Source::of(&workspace.root)?;
    let line = CommandLine::cargo()
        .args([
            "build",
            "--locked",
            "--profile",
            PROFILE,
            "--message-format",
            "json-render-diagnostics",
        ])
        .args([
            "--target",
            &workspace.target,
            "--package",
            &service.package,
            "--bin",
            &service.package,
        ])
        .arg("--target-dir")
        .arg(&workspace.target_directory);
    let messages = process::capture(&line, &workspace.root, |cargo| {
        in_clean_environment(cargo, workspace)
    })
    .map_err(|error| explain(error, workspace))?;
    let binary = process::executable(&messages, &service.package).with_context(|| {
        format!(
            "cargo named no binary of {}; the package needs one of its own name",
            service.package
        )
    })?;
    Ok((binary, source))
}

fn in_clean_environment(cargo: Expression, workspace: &Workspace) -> Expression {
    let passed_on = env::vars_os().filter(|(name, _)| is_passed_on(&name.to_string_lossy()));
    let mut environment: Vec<(OsString, OsString)> = passed_on.collect();
    let prefixes = remapped_prefixes(workspace);
    let rust_flags = prefixes
        .iter()
        .map(|(from, to)| format!("--remap-path-prefix={from}={to}"));
    let rust_flags: Vec<_> = ["-Ctarget-feature=+crt-static".to_owned()]
        .into_iter()
        .chain(rust_flags)
        .collect();
    let c_flags: Vec<_> = prefixes
        .iter()
        .map(|(from, to)| shell_quoted(&format!("-ffile-prefix-map={from}={to}")))
        .collect();
    environment.push((
        "CARGO_ENCODED_RUSTFLAGS".into(),
        rust_flags.join("\x1f").into(),
    ));
    environment.push(("CFLAGS".into(), c_flags.join(" ").into()));
    environment.push(("CC_SHELL_ESCAPED_FLAGS".into(), "1".into()));
    environment.push(("RUSTC_WRAPPER".into(), OsString::new()));
    environment.push(("CARGO_INCREMENTAL".into(), "0".into()));
    cargo.full_env(environment)
}

/// A word as a shell reads it back, whatever is in it.
fn shell_quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn is_passed_on(name: &str) -> bool {
    PASSED_ON.contains(&name)
        || PASSED_ON_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
}

/// The folders of this machine that paths in the binary would begin with. The
/// last one that matches wins, so the more general come first.
fn remapped_prefixes(workspace: &Workspace) -> Vec<(String, &'static str)> {
    let home = env::var_os("CARGO_HOME").map(PathBuf::from);
    let home = home.or_else(|| Some(env::home_dir()?.join(".cargo")));
    let folder = |path: &Path| path.display().to_string();
    let mut prefixes = vec![(folder(&workspace.root), "/workspace")];
    prefixes.push((folder(&workspace.target_directory), "/target"));
    prefixes.extend(home.map(|home| (folder(&home), "/cargo")));
    prefixes
}

/// Says what the workspace or this host lacks.
fn explain(error: anyhow::Error, workspace: &Workspace) -> anyhow::Error {
    let target = &workspace.target;
    let fault = Kind::Failed.because(format!("compiling for {target} failed"));
    let hint = match has_standard_library(target) {
        None => "this needs cargo and rustc in the PATH: install Rust with rustup".to_owned(),
        Some(false) => format!("this toolchain has no standard library for the target: rustup target add {target}"),
        Some(true) if lock_file_is_stale(workspace) => "Cargo.lock does not have what the manifests name: `cargo update --workspace`, then commit Cargo.lock".to_owned(),
        Some(true) => "see the compiler's messages above; where only the linker fails, this host has no C compiler for the target: build on Linux or in CodeBuild".to_owned(),
    };
    error.context(fault.hint(hint))
}

/// Whether Cargo would have to change Cargo.lock, which an image's compilation may not.
fn lock_file_is_stale(workspace: &Workspace) -> bool {
    let line = CommandLine::cargo()
        .args(["metadata", "--locked", "--offline", "--format-version", "1"])
        .arg("--manifest-path")
        .arg(workspace.root.join("Cargo.toml"));
    let asked = process::converse(&line, &[], METADATA_LIMIT);
    asked.is_ok_and(|output| {
        // Cargo has one status for all that fails.
        !output.status.success() && String::from_utf8_lossy(&output.stderr).contains("--locked")
    })
}

/// Whether the toolchain can compile for the target; `None` where there is no toolchain.
fn has_standard_library(target: &str) -> Option<bool> {
    let line = CommandLine::new("rustc").args(["--print", "target-libdir", "--target", target]);
    let folder = process::capture(&line, Path::new("."), |rustc| rustc.stderr_null()).ok()?;
    Some(Path::new(String::from_utf8_lossy(&folder).trim()).is_dir())
}
