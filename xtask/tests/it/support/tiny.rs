//! A workspace with one service that needs nothing but the standard library.

use std::process::Command;

use super::{Sandbox, output_of};

const ROOT_MANIFEST: &str = r#"
[workspace]
resolver = "3"
members = ["tiny"]

[workspace.metadata.delivery]
name = "sample"
target = "x86_64-unknown-linux-gnu"

[profile.image]
inherits = "release"
strip = "symbols"
"#;

const MANIFEST: &str = r#"
[package]
name = "tiny"
version = "0.3.0"
edition = "2024"

[package.metadata.service]
port = 8080
context-path = "/tiny"
"#;

const PARAMETERS: &str = r#"
TINY_IMAGE_REPO_NAME = { description = "repository", local = "oci:registry/tiny" }
TINY_IMAGE_TAG_STAGING = { description = "tag", local = "1.0.SNAPSHOT" }
TINY_IMAGE_TAG_PRODUCTION = { description = "tag", local = "1.0.RELEASE" }
"#;

const MAIN: &str = r##"
use std::io::{Read, Write};

fn main() {
    let port = std::env::var("PORT").unwrap();
    let host = std::env::var("HOST").unwrap_or("0.0.0.0".into());
    let listener = std::net::TcpListener::bind(format!("{host}:{port}")).unwrap();
    let address = listener.local_addr().unwrap();
    println!(r#"{{"message":"listening","address":"{address}"}}"#);
    for connection in listener.incoming() {
        let mut connection = connection.unwrap();
        let mut request = [0; 1024];
        let length = connection.read(&mut request).unwrap();
        let found = request[..length].starts_with(b"GET /tiny/health/live ");
        let status = if found { "200 OK" } else { "404 Not Found" };
        write!(connection, "HTTP/1.1 {status}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
    }
}
"##;

const DOCKERFILE: &str = include_str!("../../../../build/Dockerfile");

/// The workspace, with a commit of a known time.
pub(crate) fn workspace() -> Sandbox {
    let sandbox = Sandbox::empty();
    sandbox.write("Cargo.toml", ROOT_MANIFEST);
    sandbox.write(
        "Cargo.lock",
        "version = 4\n\n[[package]]\nname = \"tiny\"\nversion = \"0.3.0\"\n",
    );
    sandbox.write("tiny/Cargo.toml", MANIFEST);
    sandbox.write("tiny/src/main.rs", MAIN);
    sandbox.write("build/parameters.toml", PARAMETERS);
    sandbox.write("build/Dockerfile", DOCKERFILE);
    sandbox.write(".gitignore", "/target/\n/home/\n");
    git(&sandbox, &["init", "--quiet"]);
    commit_all(&sandbox);
    sandbox.with_toolchain()
}

/// Commits whatever the workspace has.
pub(crate) fn commit_all(sandbox: &Sandbox) {
    git(sandbox, &["add", "."]);
    git(sandbox, &["commit", "--quiet", "--message", "Everything"]);
}

/// The commit of the workspace.
pub(crate) fn commit(sandbox: &Sandbox) -> String {
    git(sandbox, &["rev-parse", "HEAD"]).trim().to_owned()
}

fn git(sandbox: &Sandbox, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.arg("-C")
        .arg(sandbox.root())
        .args([
            "-c",
            "user.name=tester",
            "-c",
            "user.email=tester@example.com",
        ])
        .args(arguments);
    for name in ["GIT_AUTHOR_DATE", "GIT_COMMITTER_DATE"] {
        git.env(name, "2001-02-03T04:05:06Z");
    }
    output_of(&mut git)
}
