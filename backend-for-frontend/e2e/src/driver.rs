//! chromedriver, which starts and drives the browsers.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader, Lines};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdout, Command};

/// What chromedriver writes before the port that it chose.
const STARTED: &str = "started successfully on port ";

/// How often it is started before that is given up.
const TRIES: usize = 5;

/// A chromedriver that listens.
pub(crate) struct Driver {
    process: Child,
    port: u16,
    /// Everything that chromedriver and its browsers write goes here, and away with it.
    folder: TempDir,
    /// Held until the end: chromedriver ends where nobody can read what it writes.
    _output: Lines<BufReader<ChildStdout>>,
}

impl Driver {
    /// Starts chromedriver on a port that is free. It wants the same one for IPv4 and IPv6, and ends where the one
    /// that it was given for the first is taken in the second.
    pub(crate) async fn start() -> Result<Self> {
        for _ in 0..TRIES {
            if let Some(driver) = Self::try_start().await? {
                return Ok(driver);
            }
        }
        bail!("chromedriver ended {TRIES} times before it listened")
    }

    async fn try_start() -> Result<Option<Self>> {
        let folder = tempfile::tempdir().context("making a folder for the browser")?;
        let mut process = Command::new("chromedriver")
            .arg("--port=0")
            .env("TMPDIR", folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            // An interrupt of the terminal is for this program, which then stops chromedriver in order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .context("starting chromedriver; the Debian package chromium-driver has it")?;
        let output = process
            .stdout
            .take()
            .context("chromedriver has no output")?;
        let mut output = BufReader::new(output).lines();
        Ok(port_in(&mut output).await?.map(|port| Self {
            process,
            port,
            folder,
            _output: output,
        }))
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// A folder for the profile of one browser.
    pub(crate) fn profile(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    /// Ends the browsers and chromedriver. A signal would leave the browsers behind.
    pub(crate) async fn stop(&mut self) -> Result<()> {
        let stopping = "stopping chromedriver";
        let mut stream = TcpStream::connect(("127.0.0.1", self.port))
            .await
            .context(stopping)?;
        let request = "GET /shutdown HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n";
        stream
            .write_all(request.as_bytes())
            .await
            .context(stopping)?;
        // It may end before it has answered in full.
        let _ = stream.read_to_end(&mut Vec::new()).await;
        self.process.wait().await.context(stopping)?;
        Ok(())
    }
}

/// The port that chromedriver says it listens on, unless it ends before.
async fn port_in(output: &mut Lines<BufReader<ChildStdout>>) -> Result<Option<u16>> {
    while let Some(line) = output
        .next_line()
        .await
        .context("reading what chromedriver says")?
    {
        if let Some((_, rest)) = line.split_once(STARTED) {
            let port = rest.trim_end_matches('.').parse();
            return port
                .map(Some)
                .with_context(|| format!("chromedriver said {line:?}"));
        }
    }
    Ok(None)
}
