//! Parameters: one name, several sources.
//!
//! A variable of that name in the environment always wins. Below it stands what
//! `--parameters` names: the file `build/parameters.toml`, nothing, or AWS
//! Systems Manager Parameter Store.

pub mod account;
mod aws;
mod catalogue;
mod needed;
mod store;
mod value;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::Result;

use crate::console;
use crate::error::{Fault, Kind};
use crate::oci::{RepositoryName, Tag};
use crate::process;
use crate::workspace::{Environment, Service, Workspace};
pub use aws::{Secret, of_build, of_container};
pub use catalogue::{Catalogue, FILE, is_secret_by_name};
pub use needed::{Form, Needed, is_base_url, left_behind, needed, pages_parameter};
pub use parameter_store_protocol::{NewParameter, Write};
use store::Store;
pub use value::{Origin, Value};

/// Where parameters come from, as `--parameters` takes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum SourceChoice {
    /// `env` in CodeBuild, `local` elsewhere
    Auto,
    /// The environment, then build/parameters.toml
    Local,
    /// The environment alone
    Env,
    /// The environment, then AWS Systems Manager Parameter Store
    Ssm,
}

/// What stands below the environment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// build/parameters.toml
    Local,
    /// Nothing.
    Env,
    /// Parameter Store.
    Ssm,
}

impl SourceChoice {
    fn resolve(self) -> Source {
        match self {
            Self::Auto if in_codebuild() => Source::Env,
            Self::Auto | Self::Local => Source::Local,
            Self::Env => Source::Env,
            Self::Ssm => Source::Ssm,
        }
    }
}

/// Whether this is a build of AWS CodeBuild.
pub fn in_codebuild() -> bool {
    env::var_os("CODEBUILD_BUILD_ID").is_some_and(|id| !id.is_empty())
}

/// The parameters of one command.
pub struct Parameters {
    source: Source,
    catalogue: Catalogue,
    /// What the delivery uses, then what only the catalogue has.
    needed: Vec<Needed>,
    store: Store,
    /// What was used already, so that each origin is told once.
    told: Mutex<BTreeMap<String, Origin>>,
}

impl Parameters {
    /// The parameters of `workspace` from `choice`. Parameter Store is asked when the
    /// first value is, and gets `limit` to answer.
    pub fn open(choice: SourceChoice, workspace: &Workspace, limit: Duration) -> Result<Self> {
        let catalogue = Catalogue::read(&workspace.root)?;
        let needed = with_optional(workspace, &catalogue);
        process::hide(secrets(workspace, &catalogue, &needed));
        let names = needed.iter().map(|needed| needed.name.clone());
        let to_read = names.filter(|name| env::var_os(name).is_none());
        Ok(Self {
            store: Store::new(to_read.collect(), workspace.target_directory.clone(), limit),
            source: choice.resolve(),
            catalogue,
            needed,
            told: Mutex::default(),
        })
    }

    /// What every parameter is for.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// Every parameter of the workspace: what the delivery uses, then what only the
    /// catalogue has.
    pub fn needed(&self) -> &[Needed] {
        &self.needed
    }

    /// Whether `needed` must be there: what may be missing elsewhere may not be in
    /// Parameter Store, where AWS reads it.
    pub fn demands(&self, needed: &Needed) -> bool {
        !needed.optional || (needed.read_by_aws && self.source == Source::Ssm)
    }

    /// Writes parameters into Parameter Store, whatever the source is; gives the new
    /// version of each, or why it was not written.
    pub fn put(&self, write: Write) -> Result<BTreeMap<String, Result<i64, Fault>>> {
        self.store.put(write)
    }

    /// The value of `name`, or `None` where no source has it. An empty value is
    /// an error: it is what a failed command substitution leaves behind.
    pub fn find(&self, name: &str) -> Result<Option<Value>> {
        let Some(value) = self.look_up(name)? else {
            return Ok(None);
        };
        value
            .check(name)
            .map_err(|fault| fault.hint(self.line_to_change(name, value.origin())))?;
        self.tell(name, &value);
        Ok(Some(value))
    }

    /// The value of `name`, which must be there.
    pub fn require(&self, name: &str) -> Result<Value> {
        self.find(name)?.ok_or_else(|| {
            let place = match self.source {
                Source::Env => "the environment",
                Source::Ssm => "the environment or Parameter Store",
                Source::Local => "the environment or build/parameters.toml",
            };
            Kind::Configuration
                .because(format!(
                    "the parameter {name} is missing: it is not in {place}"
                ))
                .hint(self.line_to_add(name))
                .into()
        })
    }

    /// The value of `name` as one of the types of [`crate::oci`].
    pub fn parse<T: FromStr<Err = Fault>>(&self, name: &str) -> Result<T> {
        self.read(name, &self.require(name)?, str::parse)
    }

    /// Like [`Parameters::parse`], where the parameter may be missing.
    pub fn parse_if_set<T: FromStr<Err = Fault>>(&self, name: &str) -> Result<Option<T>> {
        let value = self.find(name)?;
        value
            .map(|value| self.read(name, &value, str::parse))
            .transpose()
    }

    /// The value of `name` as `parse` reads it. What `parse` finds wrong quotes the
    /// value, so that it is kept back where the value is secret.
    pub fn read<T>(
        &self,
        name: &str,
        value: &Value,
        parse: impl FnOnce(&str) -> Result<T, Fault>,
    ) -> Result<T> {
        parse(value.expose()).map_err(|why| {
            let origin = value.origin();
            let malformed = |detail| {
                Kind::Configuration
                    .because(format!(
                        "the parameter {name} ({origin}) is malformed{detail}"
                    ))
                    .hint(self.line_to_change(name, origin))
            };
            // What to do quotes nothing, unlike what is wrong.
            let hinted = |fault: Fault| {
                why.hints()
                    .iter()
                    .fold(fault, |fault, hint| fault.hint(hint))
            };
            if value.is_secret() {
                hinted(malformed("; it is a secret, and not quoted")).into()
            } else {
                let fault = hinted(malformed(""));
                anyhow::Error::new(why).context(fault)
            }
        })
    }

    /// Where the images of `service` for `environment` live, and the tag there.
    /// A layout's relative path starts at the target directory.
    pub fn image(
        &self,
        workspace: &Workspace,
        service: &Service,
        environment: Environment,
    ) -> Result<(RepositoryName, Tag)> {
        let repository: RepositoryName = self.parse(&service.repository_parameter(environment))?;
        let tag = self.parse(&service.tag_parameter(environment))?;
        Ok((repository.below(&workspace.target_directory), tag))
    }

    /// Like [`Parameters::image`], for whoever only compares: nothing is told, and what
    /// is missing or malformed is `None`.
    pub fn peek_image(
        &self,
        workspace: &Workspace,
        service: &Service,
        environment: Environment,
    ) -> Option<(RepositoryName, Tag)> {
        let text = |name: &str| Some(self.look_up(name).ok()??.expose().to_owned());
        let repository = text(&service.repository_parameter(environment))?;
        let repository = repository.parse::<RepositoryName>().ok()?;
        let tag = text(&service.tag_parameter(environment))?.parse().ok()?;
        Some((repository.below(&workspace.target_directory), tag))
    }

    /// Like [`Parameters::find`], without a check and without telling about it.
    pub fn look_up(&self, name: &str) -> Result<Option<Value>> {
        match env::var(name) {
            Ok(text) => return Ok(Some(self.value(name, text, Origin::Environment))),
            Err(env::VarError::NotPresent) => {}
            Err(env::VarError::NotUnicode(_)) => {
                return Err(Kind::Configuration
                    .because(format!("the variable {name} is not UTF-8"))
                    .into());
            }
        }
        match self.source {
            Source::Local => {
                let entry = self.catalogue.entry(name);
                let local = entry.and_then(|entry| entry.local.clone());
                Ok(local.map(|text| self.value(name, text, Origin::File)))
            }
            Source::Ssm => {
                let stored = self.store.get(name)?;
                Ok(stored.map(|stored| {
                    let origin = Origin::Store {
                        version: stored.version,
                        encrypted: stored.encrypted,
                    };
                    self.value(name, stored.value, origin)
                }))
            }
            Source::Env => Ok(None),
        }
    }

    fn value(&self, name: &str, text: String, origin: Origin) -> Value {
        let encrypted = matches!(
            origin,
            Origin::Store {
                encrypted: true,
                ..
            }
        );
        Value::new(text, origin, encrypted || self.catalogue.is_secret(name))
    }

    fn tell(&self, name: &str, value: &Value) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(name.to_owned(), value.origin()) != Some(value.origin()) {
            console::note(format_args!("{name} = {value} ({})", value.origin()));
        }
    }

    /// What to type where a value is wrong; one of the environment hides all others.
    fn line_to_change(&self, name: &str, origin: Origin) -> String {
        match (origin, self.source) {
            (Origin::Environment, Source::Env) => self.line_to_add(name),
            (Origin::Environment, _) if is_of_a_shell(name) => {
                format!("`export {name}=…`, or `unset {name}`")
            }
            (Origin::Environment, _) => {
                format!("{}, or `env -u {name} cargo xtask …`", how_to_set(name))
            }
            (Origin::File, _) => {
                format!(
                    "change in {FILE}: [{}] with `local = \"…\"`",
                    toml_key(name)
                )
            }
            (Origin::Input, _) => how_to_put(name),
            (Origin::Store { .. }, _) => format!("{} --overwrite", how_to_put(name)),
        }
    }

    fn line_to_add(&self, name: &str) -> String {
        let (set, key) = (how_to_set(name), toml_key(name));
        match self.source {
            Source::Env => {
                format!("add `{name}: {name}` to the buildspec's env.parameter-store, or {set}")
            }
            Source::Ssm => how_to_put(name),
            // The file is committed.
            Source::Local if self.catalogue.is_secret(name) => set,
            Source::Local if self.catalogue.entry(name).is_some() => {
                format!("set `local = \"…\"` in {FILE} under [{key}], or {set}")
            }
            Source::Local => format!("add to {FILE}: [{key}] with `local = \"…\"`, or {set}"),
        }
    }
}

impl fmt::Debug for Parameters {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Parameters")
            .field("source", &self.source)
            .finish_non_exhaustive()
    }
}

/// What sets a variable of the environment. A shell has none with a slash in its name, as
/// Parameter Store's names may have; a process may have it.
fn how_to_set(name: &str) -> String {
    if is_of_a_shell(name) {
        format!("`export {name}=…`")
    } else {
        format!("`env {name}=… cargo xtask …`")
    }
}

fn is_of_a_shell(name: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    name.chars().all(word) && !name.starts_with(|c: char| c.is_ascii_digit())
}

/// The name as a key of TOML.
fn toml_key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    if name.chars().all(is_bare) {
        name.to_owned()
    } else {
        format!("{name:?}")
    }
}

/// The command that sets `name` in Parameter Store.
fn how_to_put(name: &str) -> String {
    format!("cargo xtask params put {name}")
}

/// The secrets of the delivery: its secret parameters, whatever secret the environment
/// has for one of its services, and every password and database URL there. No child
/// needs them: what goes to a registry goes from here.
///
/// Other secrets of the environment are not the delivery's to hide: Cargo, credential
/// helpers and services sign in with `CARGO_REGISTRY_TOKEN`, `AWS_SESSION_TOKEN`,
/// `DATABASE_URL` and the like.
fn secrets(workspace: &Workspace, catalogue: &Catalogue, needed: &[Needed]) -> Vec<String> {
    let parameters = needed.iter().map(|needed| needed.name.clone());
    let variables = env::vars_os().filter_map(|(name, _)| name.into_string().ok());
    let of_delivery = variables.filter(|name| {
        let mut services = workspace.services.iter();
        name.ends_with("_PASSWORD")
            || name.contains("_DATABASE_URL")
            || services.any(|service| name.starts_with(&format!("{}_", service.prefix())))
    });
    parameters
        .chain(of_delivery)
        .filter(|name| catalogue.is_secret(name))
        .collect()
}

/// What the delivery uses, then what only `catalogue` has: a service may use that, the
/// delivery does not.
fn with_optional(workspace: &Workspace, catalogue: &Catalogue) -> Vec<Needed> {
    let mut needed = needed(workspace, catalogue);
    for name in catalogue.names() {
        if needed.iter().all(|needed| needed.name != name) {
            needed.push(Needed::optional(name, Form::Text));
        }
    }
    needed
}
