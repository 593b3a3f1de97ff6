use std::io::{IsTerminal as _, Read as _};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::failed;
use crate::commands::{Context, Entry, Report};
use crate::error::{Fault, Kind};
use crate::parameters::{FILE, Needed, NewParameter, Origin, Value, Write};
use crate::process;

/// Store parameters in Parameter Store
///
/// The value comes from standard input; on a terminal it is asked for and not shown.
/// Secrets are stored encrypted. A parameter that exists with another value is not
/// overwritten unless --overwrite says so.
#[derive(Debug, clap::Args)]
pub(super) struct Put {
    /// The parameter's name
    #[arg(required_unless_present = "from_local", conflicts_with = "from_local")]
    name: Option<String>,
    /// Store every local value of build/parameters.toml; those that name this machine
    /// (oci: repositories, loopback URLs) serve no pipeline
    #[arg(long)]
    from_local: bool,
    /// Give parameters that exist a new version
    #[arg(long)]
    overwrite: bool,
    /// The key that encrypts secrets; without it, the account's default
    #[arg(long, value_name = "ID")]
    key: Option<String>,
}

/// A parameter that was stored.
#[derive(Serialize)]
struct Stored<'a> {
    name: &'a str,
    outcome: &'static str,
    version: i64,
}

impl Put {
    pub(super) fn run(self, context: &Context) -> Result<Report> {
        let parameters = match &self.name {
            Some(name) => vec![from_input(context, name)?],
            None => from_local(context)?,
        };
        let names: Vec<_> = parameters
            .iter()
            .map(|parameter| parameter.name.clone())
            .collect();
        let mut written = context.parameters.put(Write {
            parameters,
            overwrite: self.overwrite,
            key: self.key,
        })?;
        let entries = names.iter().map(|name| {
            let written = written.remove(name);
            entry(name, written.unwrap_or_else(|| Err(unanswered(name))))
        });
        Ok(Report::new(entries.collect()))
    }
}

fn entry(name: &str, written: Result<i64, Fault>) -> Entry {
    match written {
        Ok(version) => {
            let object = Stored {
                name,
                outcome: "stored",
                version,
            };
            Entry::new(format!("{name} stored, version {version}"), &object)
        }
        Err(fault) => failed(name, fault.into()),
    }
}

fn unanswered(name: &str) -> Fault {
    Kind::Failed
        .because(format!(
            "parameter-store does not say whether {name} was stored"
        ))
        .hint("cargo xtask --parameters ssm params list")
}

/// The parameter `name` with the value that the user gives. A name that nothing uses
/// is an error: whether it is a secret is known of listed ones alone.
fn from_input(context: &Context, name: &str) -> Result<NewParameter> {
    let mut known = context.parameters.needed().iter();
    let needed = known.find(|needed| needed.name == name).with_context(|| {
        Kind::Configuration
            .because(format!("there is no parameter {name:?}"))
            .hint(format!(
                "list it in {FILE}, or see `cargo xtask params list`"
            ))
    })?;
    let text = if std::io::stdin().is_terminal() {
        process::ask_without_echo(&format!("value of {name} (not shown):"))?
    } else {
        let mut text = String::new();
        let read = std::io::stdin().read_to_string(&mut text);
        read.context("reading standard input")?;
        text
    };
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    new_parameter(context, needed, text.to_owned(), Origin::Input)
}

fn from_local(context: &Context) -> Result<Vec<NewParameter>> {
    let catalogue = context.parameters.catalogue();
    let parameters = context.parameters.needed().iter().filter_map(|needed| {
        let local = catalogue.entry(&needed.name)?.local.clone()?;
        Some(new_parameter(context, needed, local, Origin::File))
    });
    let parameters: Vec<_> = parameters.collect::<Result<_>>()?;
    if parameters.is_empty() {
        return Err(Kind::Configuration
            .because(format!("{FILE} has no local values"))
            .hint("`cargo xtask params put NAME` stores one that you type")
            .into());
    }
    Ok(parameters)
}

/// The parameter, with a value that commands would take.
fn new_parameter(
    context: &Context,
    needed: &Needed,
    text: String,
    origin: Origin,
) -> Result<NewParameter> {
    let secret = context.parameters.catalogue().is_secret(&needed.name);
    let value = Value::new(text, origin, secret);
    value.check(&needed.name).map_err(|fault| match origin {
        Origin::Input => fault.hint(format!(
            "printf %s \"$VALUE\" | cargo xtask params put {}",
            needed.name
        )),
        _ => fault,
    })?;
    let check = |text: &str| needed.form.check(text);
    context.parameters.read(&needed.name, &value, check)?;
    Ok(NewParameter {
        name: needed.name.clone(),
        value: value.expose().to_owned(),
        secret,
    })
}
