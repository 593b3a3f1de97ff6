//! Parameters: one name, several sources.
//!
//! A variable of that name in the environment always wins. Below it stands what
//! `--parameters` names: the file `build/parameters.toml`, nothing, or AWS
//! Systems Manager Parameter Store.

mod catalogue;
mod needed;
mod value;

use std::collections::BTreeMap;
use std::env;
use std::fmt;
use std::str::FromStr;
use std::sync::{Mutex, PoisonError};

use anyhow::{Context as _, Result};

use crate::console;
use crate::error::{Fault, Kind};
use crate::oci::{RepositoryName, Tag};
use crate::workspace::{Environment, Service, Workspace};
pub use catalogue::{Catalogue, FILE};
pub use needed::{Form, Needed, needed, service_dns};
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

/// Whether this is a build of AWS CodeBuild.
pub fn in_codebuild() -> bool {
    env::var_os("CODEBUILD_BUILD_ID").is_some_and(|id| !id.is_empty())
}

/// The parameters of one command.
pub struct Parameters {
    source: SourceChoice,
    catalogue: Catalogue,
    /// What was used already, so that each origin is told once.
    told: Mutex<BTreeMap<String, Origin>>,
}

impl Parameters {
    /// The parameters of `workspace` from `choice`.
    pub fn open(choice: SourceChoice, workspace: &Workspace) -> Result<Self> {
        let source = match choice {
            SourceChoice::Auto if in_codebuild() => SourceChoice::Env,
            SourceChoice::Auto => SourceChoice::Local,
            other => other,
        };
        if source == SourceChoice::Ssm {
            return Err(Kind::Configuration
                .because("Parameter Store cannot be read yet")
                .hint("export the parameters and use --parameters env")
                .into());
        }
        Ok(Self {
            source,
            catalogue: Catalogue::read(&workspace.root)?,
            told: Mutex::default(),
        })
    }

    /// What every parameter is for.
    pub fn catalogue(&self) -> &Catalogue {
        &self.catalogue
    }

    /// The value of `name`, or `None` where no source has it. An empty value is
    /// an error: it is what a failed command substitution leaves behind.
    pub fn find(&self, name: &str) -> Result<Option<Value>> {
        let Some(value) = self.look_up(name)? else {
            return Ok(None);
        };
        value
            .check(name)
            .map_err(|fault| fault.hint(self.line_to_add(name)))?;
        self.tell(name, &value);
        Ok(Some(value))
    }

    /// The value of `name`, which must be there.
    pub fn require(&self, name: &str) -> Result<Value> {
        self.find(name)?.ok_or_else(|| {
            let place = match self.source {
                SourceChoice::Env => "the environment",
                _ => "the environment or build/parameters.toml",
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
        let value = self.require(name)?;
        parse_value(name, &value)
    }

    /// Like [`Parameters::parse`], where the parameter may be missing.
    pub fn parse_if_set<T: FromStr<Err = Fault>>(&self, name: &str) -> Result<Option<T>> {
        let value = self.find(name)?;
        value.map(|value| parse_value(name, &value)).transpose()
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
        let local = match self.source {
            SourceChoice::Local => self
                .catalogue
                .entry(name)
                .and_then(|entry| entry.local.clone()),
            _ => None,
        };
        Ok(local.map(|text| self.value(name, text, Origin::File)))
    }

    fn value(&self, name: &str, text: String, origin: Origin) -> Value {
        Value::new(text, origin, self.catalogue.is_secret(name))
    }

    fn tell(&self, name: &str, value: &Value) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if told.insert(name.to_owned(), value.origin()) != Some(value.origin()) {
            console::note(format_args!("{name} = {value} ({})", value.origin()));
        }
    }

    fn line_to_add(&self, name: &str) -> String {
        match self.source {
            SourceChoice::Env => format!(
                "add `{name}: {name}` to the buildspec's env.parameter-store, or `export {name}=…`"
            ),
            _ => format!("add to {FILE}: [{name}] with `local = \"…\"`, or `export {name}=…`"),
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

fn parse_value<T: FromStr<Err = Fault>>(name: &str, value: &Value) -> Result<T> {
    let parsed = value.expose().parse::<T>();
    parsed.with_context(|| {
        Kind::Configuration.because(format!(
            "the parameter {name} ({}) is malformed",
            value.origin()
        ))
    })
}
