//! Where a registry's account comes from: the parameters, else Docker's
//! configuration file with its helpers, else there is none.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::env;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::error::{Fault, Kind};
use crate::files;
use crate::oci::Host;
use crate::parameters::{Parameters, account};
use crate::process::{self, CommandLine};

/// How long a credential helper may take. Helpers of clouds ask their servers.
const HELPER_LIMIT: Duration = Duration::from_secs(20);

/// The key of Docker Hub in Docker's configuration.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// What a header with a password begins with.
pub(super) const BASIC: &str = "Basic ";

/// An account. It has no `Debug`, so that it cannot get into a message.
#[derive(Clone)]
pub(super) struct Login {
    pub(super) user: String,
    pub(super) secret: Secret,
}

/// What proves the account.
#[derive(Clone)]
pub(super) enum Secret {
    Password(String),
    /// A refresh token for the token endpoint; some registries hand it out
    /// instead of taking a password.
    IdentityToken(String),
}

impl Login {
    /// The value of a Basic `Authorization` header; `None` for an identity token.
    pub(super) fn basic(&self) -> Option<String> {
        match &self.secret {
            Secret::Password(password) => Some(format!(
                "{BASIC}{}",
                BASE64_STANDARD.encode(format!("{}:{password}", self.user))
            )),
            Secret::IdentityToken(_) => None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerConfiguration {
    auths: Option<BTreeMap<String, Option<Auth>>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

impl DockerConfiguration {
    /// The accounts in the file. Docker takes `null` for one that says nothing.
    fn into_auths(self) -> BTreeMap<String, Auth> {
        let auths = self.auths.unwrap_or_default().into_iter();
        auths
            .map(|(host, auth)| (host, auth.unwrap_or_default()))
            .collect()
    }
}

/// What the file has of one account.
#[derive(Default, Deserialize)]
pub(super) struct Auth {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HelperAnswer {
    username: String,
    secret: String,
}

/// The accounts for one host.
pub(super) enum Accounts {
    /// One for all of its repositories.
    OfHost(Login),
    /// What Docker's configuration file has, which may tell repositories apart.
    InFile {
        host: Host,
        path: PathBuf,
        auths: BTreeMap<String, Auth>,
    },
    /// Nobody gives one.
    None,
    /// They could not be looked up.
    Unusable(Fault),
}

impl Accounts {
    /// The account for `repository`, or `None` where there is none.
    pub(super) fn of(&self, repository: &str) -> Result<Option<Login>> {
        match self {
            Self::OfHost(login) => Ok(Some(login.clone())),
            Self::InFile { host, path, auths } => from_auths(auths, host, repository)
                .with_context(|| format!("looking up {host} in {}", path.display())),
            Self::None => Ok(None),
            Self::Unusable(fault) => Err(fault.clone().into()),
        }
    }
}

/// The accounts for `host`. A helper has `limit` to answer, and no longer than helpers
/// need.
pub(super) fn find(host: &Host, parameters: &Parameters, limit: Duration) -> Result<Accounts> {
    if let Some(login) = from_parameters(host, parameters)? {
        return Ok(Accounts::OfHost(login));
    }
    let Some(path) = configuration_path() else {
        return Ok(Accounts::None);
    };
    let configuration = read_configuration(&path)?;
    let asked = from_helper(host, &configuration, limit.min(HELPER_LIMIT))
        .with_context(|| format!("looking up {host} in {}", path.display()))?;
    Ok(match asked {
        Some(login) => Accounts::OfHost(login),
        None => Accounts::InFile {
            host: host.clone(),
            path,
            auths: configuration.into_auths(),
        },
    })
}

fn from_parameters(host: &Host, parameters: &Parameters) -> Result<Option<Login>> {
    let Some(user) = parameters.find(account::USER)? else {
        return Ok(None);
    };
    let account_of = parameters.require(account::REGISTRY)?;
    if parameters.read(account::REGISTRY, &account_of, Host::of_registry)? != *host {
        return Ok(None);
    }
    let password = parameters.require(account::PASSWORD)?;
    Ok(Some(Login {
        user: user.expose().to_owned(),
        secret: Secret::Password(password.expose().to_owned()),
    }))
}

/// What to type for an account at `host`: Docker's own registry has another name there
/// than its API.
pub(super) fn how_to_sign_in(host: &Host) -> String {
    let (login, server) = if host.is_docker_hub() {
        ("docker login".to_owned(), DOCKER_HUB_KEY.to_owned())
    } else {
        (format!("docker login {host}"), host.to_string())
    };
    format!(
        "`{login}`, or set {}, {} and {}={server}",
        account::USER,
        account::PASSWORD,
        account::REGISTRY
    )
}

fn configuration_path() -> Option<PathBuf> {
    let folder = env::var_os("DOCKER_CONFIG").filter(|folder| !folder.is_empty());
    let folder = folder.map(PathBuf::from);
    Some(
        folder
            .or_else(|| Some(env::home_dir()?.join(".docker")))?
            .join("config.json"),
    )
}

fn read_configuration(path: &Path) -> Result<DockerConfiguration> {
    let fault = |what: &str| {
        Kind::Configuration
            .because(format!("{} {what}", path.display()))
            .hint("mend the file, or name another folder with DOCKER_CONFIG")
    };
    let text = match files::read_text(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(DockerConfiguration::default());
        }
        Err(error) => return Err(error).with_context(|| fault("cannot be read")),
    };
    // The cause could quote a secret of the file; its place is enough.
    serde_json::from_str(&text).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        fault(&format!("is no Docker configuration ({place})")).into()
    })
}

fn from_helper(
    host: &Host,
    configuration: &DockerConfiguration,
    limit: Duration,
) -> Result<Option<Login>> {
    let helpers = configuration.cred_helpers.iter().flatten();
    // Helpers are for hosts as a whole.
    let helper = closest(helpers, host, "").into_iter().next();
    // An empty name is Docker's word for the file itself.
    match helper.or(configuration.creds_store.as_ref()) {
        Some(helper) if !helper.is_empty() => ask_helper(helper, host, limit),
        _ => Ok(None),
    }
}

fn from_auths(
    auths: &BTreeMap<String, Auth>,
    host: &Host,
    repository: &str,
) -> Result<Option<Login>> {
    // One host may stand there under several names, and what a helper keeps without an account.
    closest(auths, host, repository)
        .into_iter()
        .find_map(|auth| from_auth(auth).transpose())
        .transpose()
}

/// What stands under keys that name `repository` on `host`, the closest first.
fn closest<'a, T>(
    entries: impl IntoIterator<Item = (&'a String, &'a T)>,
    host: &Host,
    repository: &str,
) -> Vec<&'a T> {
    let ranked = entries.into_iter();
    let ranked = ranked.filter_map(|(key, entry)| Some((closeness(key, host, repository)?, entry)));
    let mut ranked: Vec<_> = ranked.collect();
    ranked.sort_by_key(|(closeness, _)| Reverse(*closeness));
    ranked.into_iter().map(|(_, entry)| entry).collect()
}

/// How closely a key of Docker's configuration names `repository` on `host`; `None` where
/// it names another one. Keys are hosts, hosts with the beginning of a repository's name
/// (containers-auth.json, "FORMAT"), and URLs of the API, as Docker once wrote them.
fn closeness(key: &str, host: &Host, repository: &str) -> Option<Closeness> {
    if Host::of_registry(key).ok()? != *host {
        return None;
    }
    if key == DOCKER_HUB_KEY {
        return Some(Closeness::Host);
    }
    if key.contains("://") {
        return Some(Closeness::Url);
    }
    let path = key
        .split_once('/')
        .map_or("", |(_, path)| path.trim_end_matches('/'));
    if path.is_empty() {
        return Some(Closeness::Host);
    }
    let rest = repository.strip_prefix(path)?;
    (rest.is_empty() || rest.starts_with('/')).then_some(Closeness::Path(path.len()))
}

/// From far to close.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Closeness {
    /// A URL of the host.
    Url,
    /// The host itself.
    Host,
    /// So much of the repository's name.
    Path(usize),
}

fn from_auth(auth: &Auth) -> Result<Option<Login>> {
    let pair = match (&auth.auth, &auth.username, &auth.password) {
        (Some(encoded), ..) if !encoded.is_empty() => Some(decode_pair(encoded)?),
        (_, Some(user), Some(password)) => Some((user.clone(), password.clone())),
        _ => None,
    };
    let token = auth.identitytoken.clone().filter(|token| !token.is_empty());
    Ok(match (pair, token) {
        (pair, Some(token)) => Some(Login {
            user: pair.map_or_else(String::new, |(user, _)| user),
            secret: Secret::IdentityToken(token),
        }),
        (Some((user, password)), None) => Some(Login {
            user,
            secret: Secret::Password(password),
        }),
        (None, None) => None,
    })
}

fn decode_pair(encoded: &str) -> Result<(String, String)> {
    let malformed = || {
        Kind::Configuration
            .because("its `auth` is no base64 of user:password")
            .hint("mend the file, or let `docker login` write it anew")
    };
    let bytes = BASE64_STANDARD.decode(encoded).map_err(|_| malformed())?;
    let text = String::from_utf8(bytes).map_err(|_| malformed())?;
    let (user, password) = text.split_once(':').ok_or_else(malformed)?;
    // Docker itself pads the password with zeros.
    Ok((user.to_owned(), password.trim_matches('\0').to_owned()))
}

/// Asks `docker-credential-{helper}` (docker-credential-helpers, "get"), which has
/// `limit` to answer.
fn ask_helper(helper: &str, host: &Host, limit: Duration) -> Result<Option<Login>> {
    let program = format!("docker-credential-{helper}");
    let line = CommandLine::new(&program).arg("get");
    let server = if host.is_docker_hub() {
        DOCKER_HUB_KEY.to_owned()
    } else {
        host.to_string()
    };
    if process::find(&program).is_none() {
        return Err(Kind::Configuration
            .because(format!("{program} is not installed"))
            .hint("install it, or remove credsStore and credHelpers from the file and type `docker login`")
            .into());
    }
    let output = process::converse(&line, server.as_bytes(), limit)?;
    if output.status.success() {
        return parse_answer(&line, &output.stdout).map(Some);
    }
    let said = String::from_utf8_lossy(&output.stdout);
    if said.contains("credentials not found") {
        return Ok(None);
    }
    let fault = format!("`{line}` failed for {host}: {}", said.trim());
    Err(Kind::Denied
        .because(fault)
        .hint(format!("try it by hand: echo {server} | {line}"))
        .into())
}

fn parse_answer(line: &CommandLine, bytes: &[u8]) -> Result<Login> {
    // The answer holds the secret and is not quoted.
    let answer: HelperAnswer = serde_json::from_slice(bytes).map_err(|_| {
        Kind::Failed.because(format!(
            "`{line}` answered no JSON with Username and Secret"
        ))
    })?;
    Ok(match answer.username.as_str() {
        "<token>" => Login {
            user: String::new(),
            secret: Secret::IdentityToken(answer.secret),
        },
        _ => Login {
            user: answer.username,
            secret: Secret::Password(answer.secret),
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_to_type_is_where_the_account_is_looked_for() {
        for (host, login, server) in [
            (
                "docker.io",
                "`docker login`",
                "DOCKER_REPO=https://index.docker.io/v1/",
            ),
            ("ghcr.io", "`docker login ghcr.io`", "DOCKER_REPO=ghcr.io"),
        ] {
            let host: Host = host.parse().unwrap();
            let typed = how_to_sign_in(&host);
            assert!(typed.contains(login) && typed.ends_with(server), "{typed}");
            let (_, server) = server.split_once('=').unwrap();
            assert!(Host::of_registry(server).is_ok_and(|named| named == host));
        }
    }
}
