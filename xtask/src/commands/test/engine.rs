//! A Docker engine for the tests: the one that answers, else one of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::console;
use crate::error::Kind;
use crate::files::FolderLock;
use crate::process::{self, Background, CommandLine, Scratch};

/// How long an engine may take to answer after its start.
const START_LIMIT: Duration = Duration::from_secs(60);

/// An engine that answers.
pub(super) struct Engine {
    address: String,
    own: Option<Own>,
}

/// An engine that was started here, with everything that it writes. It ends first, and
/// its lock last.
struct Own {
    process: Background,
    sockets: Scratch,
    data: Scratch,
    #[expect(dead_code, reason = "dropping it is what lets the next engine in")]
    lock: FolderLock,
}

impl Engine {
    /// The engine that answers, or a new one, which needs root. Its data lie below the
    /// target directory, as all else that can be made again.
    pub(super) fn start(target: &Path) -> Result<Self> {
        let known =
            std::env::var("DOCKER_HOST").unwrap_or_else(|_| "unix:///var/run/docker.sock".into());
        if answers(&known) {
            return Ok(Self {
                address: known,
                own: None,
            });
        }
        console::note("no Docker engine answers; starting one for the tests");
        let own = Own::start(&target.join("test-engine"))?;
        let engine = Self {
            address: own.address(),
            own: Some(own),
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
                let log = self
                    .own
                    .as_ref()
                    .map(|own| own.last_words())
                    .unwrap_or_default();
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
    fn start(folder: &Path) -> Result<Self> {
        let lock = FolderLock::exclusive(folder)?;
        let data = Scratch::new(folder.join("data"))?;
        let sockets = Scratch::new(runtime_folder())?;
        let line = CommandLine::new("dockerd")
            .args(["--host", &address(&sockets), "--storage-driver", "overlay2"])
            .arg("--data-root")
            .arg(data.path().join("docker"))
            .arg("--exec-root")
            .arg(sockets.path().join("exec"))
            .arg("--pidfile")
            .arg(sockets.path().join("pid"));
        let process = Background::start(&line, &log(&data))?;
        Ok(Self {
            process,
            sockets,
            data,
            lock,
        })
    }

    fn address(&self) -> String {
        address(&self.sockets)
    }

    fn last_words(&self) -> String {
        let log = fs::read_to_string(log(&self.data)).unwrap_or_default();
        let lines: Vec<_> = log.lines().collect();
        lines[lines.len().saturating_sub(10)..].join("\n")
    }
}

/// Where the engine's sockets lie. The path of a socket has 107 bytes at most, and a
/// workspace's own may be longer; this folder is short, and writable for nobody else.
fn runtime_folder() -> PathBuf {
    let folder = std::env::var_os("XDG_RUNTIME_DIR").filter(|folder| !folder.is_empty());
    let folder = folder.unwrap_or_else(|| "/run".into());
    Path::new(&folder).join(format!("xtask-engine-{}", std::process::id()))
}

fn address(sockets: &Scratch) -> String {
    format!("unix://{}", sockets.path().join("docker.sock").display())
}

fn log(data: &Scratch) -> PathBuf {
    data.path().join("log")
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
