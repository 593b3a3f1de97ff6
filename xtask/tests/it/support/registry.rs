//! Debian's `docker-registry`, a process per test.

mod files;

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;
use xtask::oci::Digest;

use self::files::Files;
use super::scripted::Shelf;
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
        let mut htpasswd = Command::new("htpasswd")
            .args(["-Bin", "tester"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("htpasswd is missing: `cargo xtask setup` installs it");
        let mut input = htpasswd.stdin.take().unwrap();
        input.write_all(password.as_bytes()).unwrap();
        drop(input);
        let output = htpasswd.wait_with_output().unwrap();
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

    /// A registry for whoever has a token, which the server at `realm` gives, and
    /// what it has from the beginning.
    pub(crate) fn with_tokens(realm: &str, content: &BTreeMap<String, Shelf>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let certificate = folder.path().join("certificate.pem");
        fs::write(&certificate, signer::certificate()).unwrap();
        let files = Files::in_folder(folder.path());
        for (repository, shelf) in content {
            files.fill(repository, shelf);
        }
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
        let text = format!(
            "version: 0.1\nlog: {{ level: info }}\nstorage: {{ filesystem: {{ rootdirectory: {} }}, delete: {{ enabled: true }} }}\nhttp: {{ addr: '127.0.0.1:0' }}\n{configuration}",
            folder.path().join(files::STORAGE).display()
        );
        fs::write(&path, text).unwrap();
        let log = File::create(folder.path().join("access.log")).unwrap();
        let mut process = Command::new("docker-registry")
            .arg("serve")
            .arg(&path)
            // Most live for a few requests, and took half their time to collect garbage.
            .envs([("GOGC", "off"), ("GOMEMLIMIT", "64MiB")])
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
        self.files().tag(repository, tag)
    }

    /// Lets a tag point at a manifest, while nobody asks for it.
    pub(crate) fn point(&self, repository: &str, tag: &str, digest: Digest) {
        self.files().point(repository, tag, digest);
    }

    fn files(&self) -> Files {
        Files::in_folder(self.folder.path())
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
