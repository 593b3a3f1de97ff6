use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

use super::{Context, Entry, Report};
use crate::error::Kind;
use crate::oci::{Digest, RepositoryName, Tag};
use crate::parameters::{Needed, Value, needed};

/// List and check the parameters
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Params {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Where each parameter comes from
    List,
    /// Which parameters are missing or malformed
    Check,
}

/// A parameter and where it comes from.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    description: Option<&'a str>,
    secret: bool,
    source: Option<String>,
    value: Option<String>,
}

/// What the check of a parameter found.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    outcome: &'static str,
}

impl Params {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        match self.action {
            Action::List => Ok(list(context)),
            Action::Check => Ok(check(context)),
        }
    }
}

fn list(context: &Context) -> Report {
    let names = all_names(context);
    let entries = names
        .iter()
        .map(|name| match context.parameters.look_up(name) {
            Ok(value) => entry(context, name, value.as_ref()),
            Err(error) => Entry::failed(
                &Checked {
                    name,
                    outcome: "failed",
                },
                error,
            ),
        });
    Report::new(entries.collect())
}

fn entry(context: &Context, name: &str, value: Option<&Value>) -> Entry {
    let catalogue = context.parameters.catalogue();
    let listed = Listed {
        name,
        description: catalogue
            .entry(name)
            .map(|entry| entry.description.as_str()),
        secret: catalogue.is_secret(name),
        source: value.map(|value| value.origin().to_string()),
        value: value.map(Value::to_string),
    };
    let text = match value {
        Some(value) => format!("{name} = {value} ({})", value.origin()),
        None => format!("{name} (not set)"),
    };
    Entry::new(text, &listed)
}

fn check(context: &Context) -> Report {
    let entries = needed(&context.workspace).into_iter().map(|needed| {
        let name = &needed.name;
        match check_one(context, &needed) {
            Ok(()) => Entry::new(
                format!("{name} ok"),
                &Checked {
                    name,
                    outcome: "ok",
                },
            ),
            Err(error) => Entry::failed(
                &Checked {
                    name,
                    outcome: "failed",
                },
                error,
            ),
        }
    });
    Report::new(entries.collect())
}

/// Checks that the parameter is there, where it must be, and has its form.
fn check_one(context: &Context, needed: &Needed) -> Result<()> {
    use crate::parameters::Form;
    let parameters = &context.parameters;
    if needed.optional && parameters.find(&needed.name)?.is_none() {
        return Ok(());
    }
    match needed.form {
        Form::Text => parameters.require(&needed.name).map(drop),
        Form::Repository => parameters.parse::<RepositoryName>(&needed.name).map(drop),
        Form::Tag => parameters.parse::<Tag>(&needed.name).map(drop),
        Form::Digest => parameters.parse::<Digest>(&needed.name).map(drop),
        Form::Url => {
            let value = parameters.require(&needed.name)?;
            if value.expose().starts_with("http://") || value.expose().starts_with("https://") {
                return Ok(());
            }
            Err(Kind::Configuration
                .because(format!(
                    "the parameter {} is no URL with http:// or https://",
                    needed.name
                ))
                .into())
        }
    }
}

/// The names of the file, then those that only the metadata demands.
fn all_names(context: &Context) -> Vec<String> {
    let mut names: Vec<String> = context
        .parameters
        .catalogue()
        .names()
        .map(str::to_owned)
        .collect();
    for needed in needed(&context.workspace) {
        if !names.contains(&needed.name) {
            names.push(needed.name);
        }
    }
    names
}
