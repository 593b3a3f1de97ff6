//! Debian's `docker-registry`, a process per test.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use super::signer;

/// A registry on a free port of this machine, with a folder of its own.
pub(crate) struct Registry {
    process: Child,
    port: u16,
    folder: TempDir,
}

impl Registry {
    /// A registry that asks nobody who they are.
    pub(crate) fn open() -> Self {
        Self::start_in(tempfile::tempdir().unwrap(), "")
    }

    /// A registry for the user `tester` with this password.
    pub(crate) fn with_password(password: &str) -> Self {
        let output = Command::new("htpasswd")
            .args(["-Bbn", "tester", password])
            .output();
        let output = output.expect("htpasswd is missing: `cargo xtask setup` installs it");
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("htpasswd");
        fs::write(&path, output.stdout).unwrap();
        Self::start_in(
            folder,
            &format!(
                "auth: {{ htpasswd: {{ realm: test, path: {} }} }}\n",
                path.display()
            ),
        )
    }

    /// A registry for whoever has a token, which the server at `realm` gives.
    pub(crate) fn with_tokens(realm: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("certificate.pem");
        fs::write(&certificate, signer::certificate()).unwrap();
        Self::start_in(
            folder,
            &format!(
                "auth: {{ token: {{ realm: 'http://{realm}/token', service: {}, issuer: {}, rootcertbundle: {} }} }}\n",
                signer::SERVICE,
                signer::ISSUER,
                certificate.display()
            ),
        )
    }

    /// A registry with more in its configuration. It is up when it says where it listens.
    fn start_in(folder: TempDir, configuration: &str) -> Self {
        let path = folder.path().join("config.yml");
        let data = folder.path().join("data");
        let text = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {} }}, delete: {{ enabled: true }} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n{configuration}",
            data.display()
        );
        fs::write(&path, text).unwrap();
        let log = File::create(folder.path().join("access.log")).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            .stdout(log)
            .stderr(Stdio::piped())
            .spawn()
            .expect("docker-registry is missing: `cargo xtask setup` installs it");
        let mut messages = BufReader::new(process.stderr.take().unwrap()).lines();
        let mut seen = String::new();
        let port = loop {
            let line = messages
                .next()
                .unwrap_or_else(|| panic!("the registry did not start:\n{seen}"))
                .unwrap();
            if let Some((_, rest)) = line.split_once("listening on 127.0.0.1:") {
                let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
                break digits.parse().unwrap();
            }
            seen += &format!("{line}\n");
        };
        // Nobody may leave the pipe full.
        std::thread::spawn(move || messages.for_each(drop));
        Self {
            process,
            port,
            folder,
        }
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// A repository in it.
    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// What a tag points at, as the registry's own files have it.
    pub(crate) fn tag(&self, repository: &str, tag: &str) -> Option<String> {
        let path = format!(
            "data/docker/registry/v2/repositories/{repository}/_manifests/tags/{tag}/current/link"
        );
        let path = self.folder.path().join(path);
        // The registry empties the file before it writes it.
        let reads = std::iter::repeat_with(|| fs::read_to_string(&path).ok());
        reads
            .into_iter()
            .find(|text| text.as_deref() != Some(""))
            .flatten()
    }

    /// The requests that it has answered, as `METHOD /path`.
    pub(crate) fn requests(&self) -> Vec<String> {
        let log = fs::read_to_string(self.folder.path().join("access.log")).unwrap();
        let request = |line: &str| Some(line.split('"').nth(1)?.rsplit_once(' ')?.0.to_owned());
        log.lines().filter_map(request).collect()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // A process that is gone already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
