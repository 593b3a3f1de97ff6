mod put;

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

use self::put::Put;
use super::{Context, Entry, Report, claims};
use crate::console;
use crate::parameters::{FILE, Needed, Origin, Value, left_behind};

/// List, check and store the parameters
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
    Put(Put),
}

/// A parameter and where it comes from.
#[derive(Serialize)]
struct Listed<'a> {
    name: &'a str,
    description: Option<&'a str>,
    secret: bool,
    source: Option<String>,
    version: Option<i64>,
    value: Option<String>,
}

/// What the check of a parameter found.
#[derive(Serialize)]
struct Checked<'a> {
    name: &'a str,
    outcome: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    warning: Option<String>,
}

impl Params {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let needed = context.parameters.needed().iter();
        match self.action {
            Action::List => Ok(Report::new(
                needed.map(|needed| list(context, &needed.name)).collect(),
            )),
            Action::Check => Ok(Report::new(
                needed.map(|needed| check(context, needed)).collect(),
            )),
            Action::Put(put) => put.run(context),
        }
    }
}

fn list(context: &Context, name: &str) -> Entry {
    match context.parameters.look_up(name) {
        Ok(value) => listed(context, name, value.as_ref()),
        Err(error) => failed(name, error),
    }
}

fn listed(context: &Context, name: &str, value: Option<&Value>) -> Entry {
    let catalogue = context.parameters.catalogue();
    let object = Listed {
        name,
        description: catalogue
            .entry(name)
            .map(|entry| entry.description.as_str()),
        secret: value.map_or_else(|| catalogue.is_secret(name), Value::is_secret),
        source: value.map(|value| value.origin().to_string()),
        version: value.and_then(|value| value.origin().version()),
        value: value.map(Value::to_string),
    };
    let text = match value {
        Some(value) => format!("{name} = {value} ({})", value.origin()),
        None => format!("{name} (not set)"),
    };
    Entry::new(text, &object)
}

fn check(context: &Context, needed: &Needed) -> Entry {
    let name = needed.name.as_str();
    let checked = |outcome, warning| Checked {
        name,
        outcome,
        warning,
    };
    match find_well_formed(context, needed) {
        Ok(value) => {
            let warning = warning_about(context, name, value.as_ref());
            warning.iter().for_each(console::warn);
            let (said, outcome) = match value {
                Some(_) => ("ok", "ok"),
                None => ("not set", "not-set"),
            };
            Entry::new(format!("{name} {said}"), &checked(outcome, warning))
        }
        Err(error) => failed(name, error),
    }
}

fn failed(name: &str, error: anyhow::Error) -> Entry {
    let object = Checked {
        name,
        outcome: "failed",
        warning: None,
    };
    Entry::failed(&object, error).with_text(format!("{name} failed"))
}

/// The value, which is there where it must be, and has its form.
fn find_well_formed(context: &Context, needed: &Needed) -> Result<Option<Value>> {
    let parameters = &context.parameters;
    let name = needed.name.as_str();
    let value = if parameters.demands(needed) {
        parameters.require(name)?
    } else {
        let Some(value) = parameters.find(name)? else {
            return Ok(None);
        };
        value
    };
    parameters.read(name, &value, |text| needed.form.check(text))?;
    claims::check_tag(context, name)?;
    Ok(Some(value))
}

/// What is no error. A secret that Parameter Store keeps as plain text shows itself to
/// whoever may list the parameters.
fn warning_about(context: &Context, name: &str, value: Option<&Value>) -> Option<String> {
    let catalogue = context.parameters.catalogue();
    if left_behind(&context.workspace, catalogue).contains(&name) {
        return Some(format!(
            "no service needs {name}: take it out of {FILE}, and out of Parameter Store with \
             `aws ssm delete-parameter --name {name}`"
        ));
    }
    let plain = matches!(
        value?.origin(),
        Origin::Store {
            encrypted: false,
            ..
        }
    );
    (plain && catalogue.is_secret(name)).then(|| {
        format!(
            "{name} is a secret and stored as plain String: delete it with \
             `aws ssm delete-parameter --name {name}`, then `cargo xtask params put {name}`"
        )
    })
}
