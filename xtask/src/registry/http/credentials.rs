//! Where a registry's account comes from: the parameters, else Docker's
//! configuration file with its helpers, else there is none.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::Deserialize;

use crate::error::Kind;
use crate::oci::Host;
use crate::parameters::Parameters;
use crate::process::{self, CommandLine};

/// How long a credential helper may take. Helpers of clouds ask their servers.
const HELPER_LIMIT: Duration = Duration::from_secs(20);

/// The key of Docker Hub in Docker's configuration.
const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

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
                "Basic {}",
                BASE64_STANDARD.encode(format!("{}:{password}", self.user))
            )),
            Secret::IdentityToken(_) => None,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct DockerConfiguration {
    auths: Option<BTreeMap<String, Auth>>,
    cred_helpers: Option<BTreeMap<String, String>>,
    creds_store: Option<String>,
}

#[derive(Default, Deserialize)]
struct Auth {
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

/// The account for `host`, or `None` where nobody gives one. A helper has `limit`
/// to answer, and no longer than helpers need.
pub(super) fn find(host: &Host, parameters: &Parameters, limit: Duration) -> Result<Option<Login>> {
    if let Some(login) = from_parameters(host, parameters)? {
        return Ok(Some(login));
    }
    let Some(path) = configuration_path() else {
        return Ok(None);
    };
    let configuration = read_configuration(&path)?;
    from_configuration(host, &configuration, limit.min(HELPER_LIMIT))
        .with_context(|| format!("looking up {host} in {}", path.display()))
}

fn from_parameters(host: &Host, parameters: &Parameters) -> Result<Option<Login>> {
    let Some(user) = parameters.find("DOCKER_USER")? else {
        return Ok(None);
    };
    let account_of = parameters.require("DOCKER_REPO")?;
    if parameters.read("DOCKER_REPO", &account_of, Host::of_registry)? != *host {
        return Ok(None);
    }
    let password = parameters.require("DOCKER_PASSWORD")?;
    Ok(Some(Login {
        user: user.expose().to_owned(),
        secret: Secret::Password(password.expose().to_owned()),
    }))
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
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return Ok(DockerConfiguration::default());
        }
        Err(error) => return Err(error).with_context(|| fault("cannot be read")),
    };
    // The cause could quote a secret of the file; its place is enough.
    serde_json::from_slice(&bytes).map_err(|error| {
        let place = format!("line {}, column {}", error.line(), error.column());
        fault(&format!("is no Docker configuration ({place})")).into()
    })
}

fn from_configuration(
    host: &Host,
    configuration: &DockerConfiguration,
    helper_limit: Duration,
) -> Result<Option<Login>> {
    let own = |key: &str| Host::of_registry(key).is_ok_and(|named| named == *host);
    let helpers_of_hosts = configuration.cred_helpers.iter().flatten();
    let helper = helpers_of_hosts
        .filter(|(key, _)| own(key))
        .map(|(_, helper)| helper)
        .next();
    // An empty name is Docker's word for the file itself.
    let helper = helper.or(configuration.creds_store.as_ref());
    if let Some(helper) = helper.filter(|helper| !helper.is_empty()) {
        let asked = ask_helper(helper, host, helper_limit)?;
        if asked.is_some() {
            return Ok(asked);
        }
    }
    let auths = configuration.auths.iter().flatten();
    // One host may stand there under several names, and what a helper keeps without an account.
    auths
        .filter(|(key, _)| own(key))
        .find_map(|(_, auth)| from_auth(auth).transpose())
        .transpose()
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
    let malformed = || Kind::Configuration.because("its `auth` is no base64 of user:password");
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
