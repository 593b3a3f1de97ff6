//! A Docker engine for the tests: the one that answers, else one of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};

use crate::console;
use crate::error::Kind;
use crate::files;
use crate::process::{self, Background, CommandLine};

/// How long an engine may take to answer after its start.
const START_LIMIT: Duration = Duration::from_secs(60);

/// An engine that answers.
pub(super) struct Engine {
    address: String,
    own: Option<Own>,
}

/// An engine that was started here, with everything that it writes in one folder.
struct Own {
    folder: PathBuf,
    process: Background,
}

impl Engine {
    /// The engine that answers, or a new one, which needs root.
    pub(super) fn start() -> Result<Self> {
        let known =
            std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
        if answers(&known) {
            return Ok(Self {
                address: known,
                own: None,
            });
        }
        console::note("no Docker engine answers; starting one for the tests");
        let folder = std::env::temp_dir().join(format!("xtask-engine-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let address = format!("unix://{}", folder.join("docker.sock").display());
        let process = Background::start(&command(&folder, &address), &folder.join("log"))?;
        let engine = Self {
            own: Some(Own { folder, process }),
            address,
        };
        engine.wait_until_it_answers()?;
        Ok(engine)
    }

    /// What clients of the engine are given as `DOCKER_HOST`.
    pub(super) fn address(&self) -> &str {
        &self.address
    }

    fn wait_until_it_answers(&self) -> Result<()> {
        let start = Instant::now();
        while !answers(&self.address) {
            let ended = self.own.as_ref().is_some_and(|own| own.process.has_ended());
            if ended || start.elapsed() > START_LIMIT {
                let log = self.own.as_ref().map(|own| own.log()).unwrap_or_default();
                let fault =
                    Kind::Failed.because(format!("the Docker engine did not start:\n{log}"));
                return Err(fault
                    .hint("it needs root; `--skip docker` leaves its tests out")
                    .into());
            }
            std::thread::sleep(Duration::from_millis(100));
        }
        Ok(())
    }
}

impl Own {
    fn log(&self) -> String {
        let log = fs::read_to_string(self.folder.join("log")).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.process.stop();
        if let Err(error) = files::remove_folder(&self.folder) {
            console::warn(format_args!(
                "the engine's folder {} is left: {error:#}",
                self.folder.display()
            ));
        }
    }
}

fn command(folder: &Path, address: &str) -> CommandLine {
    let path = |name: &str| folder.join(name);
    CommandLine::new("dockerd")
        .args(["--host", address, "--storage-driver", "overlay2"])
        .args([
            std::ffi::OsStr::new("--data-root"),
            path("data").as_os_str(),
        ])
        .args([
            std::ffi::OsStr::new("--exec-root"),
            path("exec").as_os_str(),
        ])
        .args([std::ffi::OsStr::new("--pidfile"), path("pid").as_os_str()])
}

fn answers(address: &str) -> bool {
    let line = CommandLine::new("docker").args([
        "--host",
        address,
        "version",
        "--format",
        "{{.Server.Version}}",
    ]);
    process::converse(&line, b"", Duration::from_secs(10))
        .is_ok_and(|output| output.status.success())
}
