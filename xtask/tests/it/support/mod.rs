//! What the tests share: workspaces of their own, images, and servers.

pub(crate) mod image;
pub(crate) mod kills;
pub(crate) mod many;
pub(crate) mod matrix;
pub(crate) mod parameter_store;
pub(crate) mod proxy;
pub(crate) mod registry;
pub(crate) mod scripted;
pub(crate) mod signer;
pub(crate) mod stock;
pub(crate) mod tiny;

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output};

use serde_json::Value;
use tempfile::TempDir;

/// The services of a sandbox, in the order of its members.
pub(crate) const SERVICES: [&str; 2] = ["backend", "backend-for-frontend"];

const ROOT_MANIFEST: &str = r#"
[workspace]
resolver = "3"
members = ["backend", "backend-for-frontend"]

[workspace.metadata.delivery]
name = "mynavi-sample-continuous-delivery"
target = "x86_64-unknown-linux-gnu"

[profile.image]
inherits = "release"
"#;

const BACKEND_MANIFEST: &str = r#"
[package]
name = "backend"
version = "1.2.3"
edition = "2024"

[package.metadata.service]
port = 8080
context-path = "/backend"
"#;

const FRONTEND_MANIFEST: &str = r#"
[package]
name = "backend-for-frontend"
version = "1.2.3"
edition = "2024"

[package.metadata.service]
alias = "bff"
upstreams = ["backend"]
port = 8080
context-path = "/backend-for-frontend"
"#;

/// The article's buildspec of `backend` for production, as printed.
pub(crate) const ARTICLE: &str = include_str!("article.yml");

const PARAMETERS: &str = include_str!("../../../../build/parameters.toml");

/// A workspace in a temporary folder, in which the tool runs with an
/// environment of its own.
pub(crate) struct Sandbox {
    folder: TempDir,
    variables: Vec<(String, String)>,
}

impl Sandbox {
    /// A workspace with two services, and nothing built.
    pub(crate) fn new() -> Self {
        let sandbox = Self::empty();
        sandbox.write("Cargo.toml", ROOT_MANIFEST);
        sandbox.write("backend/Cargo.toml", BACKEND_MANIFEST);
        sandbox.write("backend-for-frontend/Cargo.toml", FRONTEND_MANIFEST);
        sandbox.write("build/parameters.toml", PARAMETERS);
        sandbox
    }

    /// This workspace, with what is not committed yet, and with Cargo. Its place and its
    /// target directory are always the same, so that what was compiled once is there.
    pub(crate) fn of_this_workspace(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let place = root.join("target/sandboxes");
        // A test that was killed leaves it.
        let _ = fs::remove_dir_all(place.join(name));
        fs::create_dir_all(&place).unwrap();
        let mut folder = tempfile::Builder::new();
        let sandbox = Self {
            folder: folder
                .prefix(name)
                .rand_bytes(0)
                .tempdir_in(&place)
                .unwrap(),
            variables: Vec::new(),
        };
        let mut list = Command::new("git");
        list.args(["ls-files", "--cached", "--others", "--exclude-standard"]);
        for file in output_of(list.current_dir(root)).lines() {
            // Who removed a file may not have committed that.
            if let Ok(content) = fs::read(root.join(file)) {
                sandbox.write(file, content);
            }
        }
        let target = place.join("target").display().to_string();
        sandbox
            .with_toolchain()
            .with("CARGO_TARGET_DIR", target)
            .with("CARGO_NET_OFFLINE", "true")
    }

    /// An empty folder.
    pub(crate) fn empty() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// The same with a variable in the environment of every command.
    pub(crate) fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.set(name, value);
        self
    }

    /// The same with Cargo, which is the caller's, wherever its home is.
    pub(crate) fn with_toolchain(mut self) -> Self {
        for name in ["CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"] {
            if let Ok(value) = std::env::var(name) {
                self.set(name, value);
            }
        }
        let home = std::env::home_dir().unwrap();
        self.set_default("CARGO_HOME", home.join(".cargo").display().to_string());
        self.set_default("RUSTUP_HOME", home.join(".rustup").display().to_string());
        self
    }

    /// Sets a variable for the commands that follow.
    pub(crate) fn set(&mut self, name: impl Into<String>, value: impl Into<String>) {
        let name = name.into();
        self.variables.retain(|(other, _)| *other != name);
        self.variables.push((name, value.into()));
    }

    /// Sets a variable that is not set yet.
    pub(crate) fn set_default(&mut self, name: &str, value: impl Into<String>) {
        if self.variables.iter().all(|(other, _)| other != name) {
            self.set(name, value);
        }
    }

    /// The workspace's root.
    pub(crate) fn root(&self) -> &Path {
        self.folder.path()
    }

    /// A path below the root.
    pub(crate) fn path(&self, path: &str) -> PathBuf {
        self.root().join(path)
    }

    /// Writes a file below the root.
    pub(crate) fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.path(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Writes a shell script that can be started, and gives its path.
    pub(crate) fn script(&self, path: &str, script: &str) -> String {
        self.write(path, format!("#!/bin/sh\n{script}\n"));
        let path = self.path(path);
        fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
        path.display().to_string()
    }

    /// The same, found before other programs of its name by the commands that follow.
    pub(crate) fn program(&mut self, path: &str, script: &str) {
        let script = self.script(path, script);
        let (folder, _) = script.rsplit_once('/').unwrap();
        let others = std::env::var("PATH").unwrap();
        self.set("PATH", format!("{folder}:{others}"));
    }

    /// Replaces text in a file that has it.
    pub(crate) fn edit(&self, path: &str, from: &str, to: &str) {
        let text = self.read(path);
        assert!(text.contains(from), "{path} has no {from:?}");
        self.write(path, text.replace(from, to));
    }

    /// The text of a file below the root.
    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.path(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// A record of what an environment was last given.
    pub(crate) fn record(&self, environment: &str, service: &str, file: &str) -> String {
        self.read(&format!("target/delivery/{environment}/{service}/{file}"))
    }

    /// The command `cargo xtask …`, ready to be started.
    pub(crate) fn command<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
        command
            .args(arguments)
            .current_dir(self.root())
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap())
            .env("HOME", self.root().join("home"))
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `cargo xtask …`.
    pub(crate) fn run<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        Ran::from(self.command(arguments).output().unwrap())
    }

    /// Runs `cargo xtask …` where a shell has done `first`: what a process hands down.
    pub(crate) fn run_after(&self, first: &str, arguments: &[&str]) -> Ran {
        let tool = self.command(arguments);
        let variables = tool
            .get_envs()
            .filter_map(|(name, value)| Some((name, value?)));
        let mut shell = Command::new("bash");
        shell
            .args(["-c", &format!("{first}; exec \"$0\" \"$@\"")])
            .arg(tool.get_program())
            .args(tool.get_args())
            .current_dir(self.root())
            .env_clear()
            .envs(variables);
        Ran::from(shell.output().unwrap())
    }

    /// Runs a command that must succeed.
    pub(crate) fn ok<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Ran {
        let ran = self.run(arguments);
        assert_eq!(ran.code, Some(0), "{}", ran.stderr);
        ran
    }

    /// Runs a command with JSON output that must end with `code`; gives the one
    /// object of its result.
    pub(crate) fn one(&self, code: i32, arguments: &[&str]) -> Value {
        let mut objects = self.json(code, arguments);
        assert_eq!(objects.len(), 1, "{objects:?}");
        objects.remove(0)
    }

    /// Runs a command with JSON output that must end with `code`; gives its objects.
    pub(crate) fn json(&self, code: i32, arguments: &[&str]) -> Vec<Value> {
        let ran = self.run(arguments.iter().copied().chain(["--format", "json"]));
        assert_eq!(ran.code, Some(code), "{}\n{}", ran.stdout, ran.stderr);
        serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout))
    }
}

/// What a command printed and how it ended.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl From<Output> for Ran {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ran {
    /// Asserts how the command ended and that standard error says each of `words`.
    pub(crate) fn fails(&self, code: i32, words: &[&str]) {
        assert_eq!(self.code, Some(code), "{}", self.stderr);
        for word in words {
            assert!(
                self.stderr.contains(word),
                "no {word:?} in:\n{}",
                self.stderr
            );
        }
        assert!(self.stderr.contains("error: "), "{}", self.stderr);
    }

    /// Standard output without the line's end.
    pub(crate) fn line(&self) -> &str {
        self.stdout.trim_end()
    }
}

/// A line for whoever runs the tests, also where they pass: what a test prints by
/// the usual macros is shown of failed ones alone.
pub(crate) fn tell(line: impl std::fmt::Display) {
    // Where nobody reads standard error, there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "{line}");
}

/// Reads a command's standard error until a line has `word`.
pub(crate) fn wait_for_line(child: &mut Child, word: &str) {
    let mut lines = BufReader::new(child.stderr.as_mut().unwrap()).lines();
    assert!(
        lines.any(|line| line.unwrap().contains(word)),
        "the command never said {word:?}"
    );
}

/// A program from PyPI, where `cargo xtask setup` has put it.
pub(crate) fn python_tool(program: &str) -> Command {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    let path = target.join("python/bin").join(program);
    assert!(
        path.exists(),
        "{program} is missing: `cargo xtask setup` installs it"
    );
    Command::new(path)
}

/// The Python that a program from PyPI runs in, with all that it depends on.
pub(crate) fn python_of(program: &str) -> Command {
    let link = python_tool(program);
    let program = fs::read_link(link.get_program()).unwrap();
    Command::new(program.with_file_name("python3"))
}

/// The standard output of a program that must succeed.
pub(crate) fn output_of(command: &mut Command) -> String {
    let output = command
        .output()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?}\n{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

/// The layout of a service of this very project, which `cargo xtask test` has built.
pub(crate) fn built_image(service: &str) -> PathBuf {
    let images = std::env::var_os("XTASK_TEST_IMAGES")
        .expect("run the tests with `cargo xtask test`: it builds the images that this one needs");
    Path::new(&images).join(service)
}
