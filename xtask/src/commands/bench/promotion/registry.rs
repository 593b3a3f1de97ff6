//! Debian's `docker-registry`.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

use crate::error::Kind;
use crate::process::{self, Background, CommandLine, Lines};

/// A registry on a free port of this machine. It ends when dropped.
pub(super) struct Registry {
    pub(super) port: u16,
    #[expect(dead_code, reason = "dropping it is what ends the process")]
    process: Background,
}

impl Registry {
    /// Starts a registry with its files in `folder`, and waits until it listens.
    pub(super) fn start(folder: &Path) -> Result<Self> {
        if process::find("docker-registry").is_none() {
            return Err(Kind::Failed
                .because("docker-registry is missing")
                .hint("sudo apt-get install --no-install-recommends docker-registry")
                .into());
        }
        fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let file = folder.join("registry.yml");
        let data = serde_json::to_string(&folder.join("data"))?;
        let configuration = format!(
            "version: 0.1\nlog: {{ level: info, accesslog: {{ disabled: true }} }}\nstorage: {{ filesystem: {{ rootdirectory: {data} }} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n"
        );
        fs::write(&file, configuration).with_context(|| format!("writing {}", file.display()))?;
        let line = CommandLine::new("docker-registry").arg("serve").arg(&file);
        let (process, output) = Background::piped(&line, folder, |registry| registry)?;
        let mut registry = Self { port: 0, process };
        let mut lines = Lines::of(output);
        registry.port = lines
            .find_map(|line| port(&line))
            .with_context(|| Kind::Failed.because("docker-registry ended before it listened"))?;
        std::thread::spawn(move || lines.drain());
        Ok(registry)
    }
}

/// The port in the line that says where it listens.
fn port(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
    let end = rest
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(rest.len());
    rest[..end].parse().ok()
}
