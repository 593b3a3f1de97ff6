//! Names of repositories, tags and references.

use std::fmt;
use std::net::IpAddr;
use std::path::{Component, Path, PathBuf};
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::Digest;
use crate::error::{Fault, Kind};

/// What is wrong with a name such as `user:password@host/app`.
const WITH_ACCOUNT: &str = "it is written without an account";

const LAYOUT_SCHEME: &str = "oci:";
const DOCKER_HUB: &str = "docker.io";
const DOCKER_HUB_API: &str = "registry-1.docker.io";

/// Where a service's images live, as its parameter writes it. Names are equal where they are
/// written alike: a record does not say which folder a relative path starts at.
#[derive(Debug, Clone, Eq)]
pub struct RepositoryName {
    written: String,
    location: Location,
}

/// What a repository's name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// An OCI image layout in this folder.
    Layout(PathBuf),
    /// The repository `path` in the registry at `host`.
    Registry {
        /// The host that answers the distribution API.
        host: Host,
        /// The repository's name in that registry, e.g. `library/nginx`.
        path: String,
    },
}

impl RepositoryName {
    /// The layout in `folder`, whatever its path has in it.
    pub fn layout(folder: &Path) -> Self {
        Self {
            written: format!("{LAYOUT_SCHEME}{}", folder.display()),
            location: Location::Layout(folder.to_owned()),
        }
    }

    /// What the name stands for.
    pub fn location(&self) -> &Location {
        &self.location
    }

    /// The same repository with a layout's relative path put below `folder`.
    #[must_use]
    pub fn below(mut self, folder: &Path) -> Self {
        if let Location::Layout(path) = &mut self.location {
            *path = normalized(&folder.join(&path));
        }
        self
    }

    /// Whether the images live on this machine's disk.
    pub fn is_layout(&self) -> bool {
        matches!(self.location, Location::Layout(_))
    }

    /// `repository:tag`.
    pub fn tagged(&self, tag: &Tag) -> String {
        format!("{self}:{tag}")
    }

    /// `repository@digest`.
    pub fn at(&self, digest: &Digest) -> String {
        format!("{self}@{digest}")
    }
}

/// The path without `.` and `..`, so that one folder has one name.
fn normalized(path: &Path) -> PathBuf {
    let mut normalized = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::ParentDir => drop(normalized.pop()),
            other => normalized.push(other),
        }
    }
    normalized
}

impl PartialEq for RepositoryName {
    fn eq(&self, other: &Self) -> bool {
        self.written == other.written
    }
}

impl fmt::Display for RepositoryName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.written)
    }
}

impl Serialize for RepositoryName {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RepositoryName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parsed(deserializer)
    }
}

impl FromStr for RepositoryName {
    type Err = Fault;

    /// Reads a name as Docker does: a first part with `.` or `:`, or `localhost`,
    /// is a host; anything else lives on Docker Hub.
    fn from_str(text: &str) -> Result<Self, Fault> {
        let location = match text.strip_prefix(LAYOUT_SCHEME) {
            Some(path) => parse_layout(path),
            None => parse_registry(text),
        }
        .map_err(|why| {
            let fault = Kind::Configuration.because(format!("{text:?} is not a repository: {why}"));
            match why {
                WITH_ACCOUNT => fault.hint(
                    "write it without an account: DOCKER_USER and DOCKER_PASSWORD are for that",
                ),
                _ => fault,
            }
        })?;
        Ok(Self {
            written: text.to_owned(),
            location,
        })
    }
}

fn parse_layout(path: &str) -> Result<Location, &'static str> {
    match path {
        "" => Err("oci: needs the folder of the layout"),
        _ if path.contains([':', '@']) => {
            Err("a layout's folder is written without a tag or digest")
        }
        _ if path.chars().any(char::is_control) => Err("it has a control character"),
        _ => Ok(Location::Layout(path.into())),
    }
}

fn parse_registry(text: &str) -> Result<Location, &'static str> {
    if text.contains("://") {
        return Err("it is written without a scheme");
    }
    match text.split_once('@') {
        Some((before, rest)) if rest.contains('/') && !before.contains('/') => {
            return Err(WITH_ACCOUNT);
        }
        Some(_) => return Err("it is written without a digest"),
        None => {}
    }
    let (host, path) = match text.split_once('/') {
        Some((first, rest)) if is_host(first) => (Host::from_str(first)?, rest.to_owned()),
        Some(_) => (Host(DOCKER_HUB_API.into()), text.to_owned()),
        None => (Host(DOCKER_HUB_API.into()), format!("library/{text}")),
    };
    if path.contains(':') {
        return Err("it is written without a tag; the tag is a parameter of its own");
    }
    let path = match (host.is_docker_hub(), path.contains('/')) {
        (true, false) => format!("library/{path}"),
        _ => path,
    };
    check_path(&path)?;
    Ok(Location::Registry { host, path })
}

fn is_host(first: &str) -> bool {
    first.contains(['.', ':']) || first == "localhost"
}

/// The distribution specification's grammar: parts of lower-case letters and
/// digits, joined by `.`, `_`, `__` or hyphens, separated by `/`.
fn check_path(path: &str) -> Result<(), &'static str> {
    if path.len() > 255 {
        return Err("it is longer than 255 characters");
    }
    if path.split('/').all(is_path_part) {
        Ok(())
    } else {
        Err("each part is lower-case letters and digits, joined by '.', '_', '__' or '-'")
    }
}

fn is_path_part(part: &str) -> bool {
    let alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separator = |s: &str| matches!(s, "" | "." | "_" | "__") || s.bytes().all(|b| b == b'-');
    part.starts_with(alphanumeric)
        && part.ends_with(alphanumeric)
        && part.split(alphanumeric).all(separator)
}

/// A registry's host, with a port where one is written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host(String);

impl Host {
    /// The host without its port; an IPv6 address keeps its brackets.
    pub fn name(&self) -> &str {
        match self.0.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
            _ => &self.0,
        }
    }

    /// Whether the host is this machine: the only one that is spoken to in plain HTTP.
    pub fn is_loopback(&self) -> bool {
        let name = self.name();
        let address = name.trim_start_matches('[').trim_end_matches(']');
        name == "localhost" || address.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether the host is Docker Hub.
    pub fn is_docker_hub(&self) -> bool {
        self.0 == DOCKER_HUB_API
    }

    /// The base of the host's URLs, without a slash at the end.
    pub fn base_url(&self) -> String {
        let scheme = if self.is_loopback() { "http" } else { "https" };
        format!("{scheme}://{self}")
    }
}

impl fmt::Display for Host {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Host {
    /// The host in what `docker login` takes: a host, or a URL with a path behind it.
    pub fn of_registry(server: &str) -> Result<Self, Fault> {
        let server = server
            .trim_start_matches("https://")
            .trim_start_matches("http://");
        let host = server.split('/').next().unwrap_or_default();
        host.parse().map_err(|why| {
            Kind::Configuration.because(format!("{host:?} names no registry: {why}"))
        })
    }
}

impl FromStr for Host {
    type Err = &'static str;

    /// Reads `host` or `host:port`; the other names of Docker Hub become its API's.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.to_ascii_lowercase();
        if [DOCKER_HUB, "index.docker.io"].contains(&text.as_str()) {
            return Ok(Self(DOCKER_HUB_API.into()));
        }
        let host = Self(text);
        let port = host.0[host.name().len()..].trim_start_matches(':');
        if host.name().len() < host.0.len() && !port.parse::<u16>().is_ok_and(|port| port > 0) {
            return Err("its host's port is no port");
        }
        if is_host_name(host.name()) || is_ip_literal(host.name()) {
            Ok(host)
        } else {
            Err("its host is no host name")
        }
    }
}

fn is_host_name(name: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && !label.starts_with('-')
            && !label.ends_with('-')
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-')
    };
    name.len() <= 253 && name.split('.').all(label)
}

fn is_ip_literal(name: &str) -> bool {
    name.strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
        .is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
}

/// A tag: up to 128 letters, digits, `_`, `.` and `-`, not beginning with the last two.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag with `-suffix` behind it; an error where it becomes too long.
    pub fn with_suffix(&self, suffix: &str) -> Result<Self, Fault> {
        format!("{self}-{suffix}").parse().map_err(|_| {
            let fault = format!("the tag {self} leaves no room for -{suffix} in 128 characters");
            Kind::Configuration
                .because(fault)
                .hint("shorten the tag in its parameter")
        })
    }

    /// The tag as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        super::parsed(deserializer)
    }
}

impl FromStr for Tag {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let valid = matches!(text.len(), 1..=128)
            && text.bytes().next().is_some_and(word)
            && text.bytes().all(|b| word(b) || b == b'.' || b == b'-');
        if valid {
            Ok(Self(text.to_owned()))
        } else {
            Err(Kind::Configuration.because(format!(
                "{text:?} is not a tag: expected 1 to 128 letters, digits, '_', '.' or '-', not beginning with '.' or '-'"
            )))
        }
    }
}

/// What names a manifest within a repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// Whatever the tag points at.
    Tag(Tag),
    /// This very manifest.
    Digest(Digest),
}

impl fmt::Display for Target {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(formatter),
            Self::Digest(digest) => digest.fmt(formatter),
        }
    }
}

impl FromStr for Target {
    type Err = Fault;

    fn from_str(text: &str) -> Result<Self, Fault> {
        if text.contains(':') {
            text.parse().map(Self::Digest)
        } else {
            text.parse().map(Self::Tag)
        }
    }
}

impl From<&Tag> for Target {
    fn from(tag: &Tag) -> Self {
        Self::Tag(tag.clone())
    }
}

impl From<Digest> for Target {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn location(text: &str) -> (String, String) {
        match text.parse::<RepositoryName>().unwrap().location {
            Location::Registry { host, path } => (host.to_string(), path),
            Location::Layout(path) => ("layout".into(), path.display().to_string()),
        }
    }

    #[test]
    fn names_are_read_as_docker_reads_them() {
        for (text, host, path) in [
            ("nginx", "registry-1.docker.io", "library/nginx"),
            ("docker.io/nginx", "registry-1.docker.io", "library/nginx"),
            ("index.docker.io/a/b", "registry-1.docker.io", "a/b"),
            (
                "debugroom/mynavi-sample-backend",
                "registry-1.docker.io",
                "debugroom/mynavi-sample-backend",
            ),
            ("localhost/app", "localhost", "app"),
            ("localhost:5000/a/b__c", "localhost:5000", "a/b__c"),
            ("[::1]:5000/app", "[::1]:5000", "app"),
            (
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com/app",
                "123456789012.dkr.ecr.eu-west-1.amazonaws.com",
                "app",
            ),
            ("oci:registry/backend", "layout", "registry/backend"),
        ] {
            assert_eq!(location(text), (host.into(), path.into()), "{text}");
        }
    }

    #[test]
    fn malformed_names_are_refused() {
        for text in [
            "",
            "/",
            "a//b",
            "App",
            "a/b:tag",
            "a@sha256:00",
            "https://host/a",
            "host:0/a",
            "host:99999/a",
            "host.:1/a",
            "a..b/c/d",
            "-a/b",
            "a_/b",
            "oci:",
            "oci:x:tag",
            "a b",
            "localhost/",
            "é/a",
            "a\n",
        ] {
            assert!(text.parse::<RepositoryName>().is_err(), "{text:?}");
        }
    }

    #[test]
    fn only_this_machine_is_spoken_to_in_plain_http() {
        for (host, url) in [
            ("127.0.0.1:5000", "http://127.0.0.1:5000"),
            ("localhost", "http://localhost"),
            ("[::1]:80", "http://[::1]:80"),
            ("localhost.example.com", "https://localhost.example.com"),
            ("10.0.0.1:5000", "https://10.0.0.1:5000"),
        ] {
            assert_eq!(host.parse::<Host>().unwrap().base_url(), url);
        }
    }

    #[test]
    fn tags_follow_the_grammar() {
        for tag in ["1.0.RELEASE", "_x", &"a".repeat(128)] {
            assert!(tag.parse::<Tag>().is_ok(), "{tag}");
        }
        for tag in ["", ".x", "-x", "a b", "a:b", "ä", &"a".repeat(129)] {
            assert!(tag.parse::<Tag>().is_err(), "{tag}");
        }
    }
}
