use std::env;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::Result;
use clap::Subcommand;
use serde_json::json;

use super::{Context, Entry, Format, Report};
use crate::delivery::codebuild::{
    self, Build, Buildspec, EXPORTED, Outcome, Phase, Source, Variable, is_variable,
};
use crate::error::{Fault, Kind};
use crate::parameters::{Origin, Value};
use crate::workspace;
use crate::{console, process};

/// Buildspecs on this machine
#[derive(Debug, clap::Args)]
pub struct CodeBuild {
    #[command(subcommand)]
    action: Action,
}

#[derive(Debug, Subcommand)]
enum Action {
    /// Run a buildspec with CodeBuild's semantics
    ///
    /// One shell for all commands; artifacts go to target/codebuild/. Commands print
    /// where they always do, and see no secret of the delivery but those that the
    /// buildspec names.
    Run {
        /// The buildspec
        #[arg(value_name = "BUILDSPEC")]
        buildspec: PathBuf,
        /// A variable that takes precedence over the buildspec; may be given several times
        #[arg(long, value_name = "NAME=VALUE", value_parser = assignment)]
        env: Vec<(String, String)>,
        /// Leave out what is not emulated; what Secrets Manager has may then come from the environment
        #[arg(long)]
        lenient: bool,
    },
}

fn assignment(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if is_variable(name) => Ok((name.to_owned(), value.to_owned())),
        _ => Err("NAME=VALUE is expected, with a NAME of letters, digits and '_'".to_owned()),
    }
}

impl CodeBuild {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let Action::Run {
            buildspec,
            env,
            lenient,
        } = self.action;
        let (specification, ignored) = Buildspec::read(&buildspec, lenient)?;
        for key in &ignored {
            console::warn(format_args!("{key} is not emulated and left out"));
        }
        refuse_exported_secrets(context, &specification)?;
        let fetched = fetched(context, &specification, &env)?;
        let exposed = |(name, value): &(String, Value)| (name.clone(), value.expose().to_owned());
        let given_secrets = env
            .iter()
            .filter(|(name, _)| is_secret(context, &specification, name))
            .cloned();
        let secrets: Vec<_> = fetched
            .iter()
            .filter(|(_, value)| value.is_secret())
            .map(exposed)
            .chain(given_secrets)
            .collect();
        // Of a reserved name the buildspec gives no value.
        let mut variables = env;
        variables.extend(literal(&specification));
        variables.extend(fetched.iter().map(exposed));
        variables.extend(of_codebuild(context, &buildspec));
        let root = &context.workspace.root;
        let build = Build {
            source: root,
            target: &context.workspace.target_directory,
            folder: &context.workspace.target_directory.join("codebuild"),
            variables,
            quiet: context.format == Format::Json,
        };
        let mut outcome = codebuild::run(&specification, &build)?;
        let withheld = withhold_secrets(&mut outcome, &secrets);
        show(&outcome);
        Ok(report(outcome, withheld, &buildspec))
    }
}

/// The variables that CodeBuild sets (AWS CodeBuild User Guide, "Environment
/// variables in build environments").
fn of_codebuild(context: &Context, buildspec: &Path) -> Vec<(String, String)> {
    let root = &context.workspace.root;
    let time = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    let id = format!("{}:{}", context.workspace.name, time.as_nanos());
    let region = env::var("AWS_REGION").unwrap_or_else(|_| "us-east-1".to_owned());
    let mut variables = vec![
        (
            "CODEBUILD_BUILD_ARN",
            format!("arn:aws:codebuild:{region}:000000000000:build/{id}"),
        ),
        ("CODEBUILD_BUILD_ID", id),
        ("CODEBUILD_BUILD_NUMBER", "1".to_owned()),
        (
            "CODEBUILD_INITIATOR",
            process::user().unwrap_or_else(|| "unknown".to_owned()),
        ),
        ("CODEBUILD_SRC_DIR", root.display().to_string()),
        ("CODEBUILD_START_TIME", time.as_millis().to_string()),
        ("AWS_DEFAULT_REGION", region.clone()),
        ("AWS_REGION", region),
    ];
    match workspace::Source::of(root) {
        Ok(source) => variables.push(("CODEBUILD_RESOLVED_SOURCE_VERSION", source.commit)),
        Err(error) => console::warn(format_args!(
            "{} runs without CODEBUILD_RESOLVED_SOURCE_VERSION: {error:#}",
            buildspec.display()
        )),
    }
    let variables = variables.into_iter();
    variables
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// What to do about an exported secret.
const WITHOUT_SECRETS: &str =
    "take it out of env.exported-variables; an action that needs it reads it from Parameter Store";

/// What is exported is shown here, in the console, and to every later action.
fn refuse_exported_secrets(context: &Context, buildspec: &Buildspec) -> Result<(), Fault> {
    let mut exported = buildspec.exported.iter();
    match exported.find(|name| is_secret(context, buildspec, name)) {
        Some(name) => Err(Kind::Refused
            .because(format!(
                "the buildspec exports {name}, a secret, which everybody would see"
            ))
            .hint(WITHOUT_SECRETS)),
        None => Ok(()),
    }
}

/// Whether a variable of the build holds a secret, wherever its value comes from.
fn is_secret(context: &Context, buildspec: &Buildspec, variable: &str) -> bool {
    let is_secret = |name: &str| context.parameters.catalogue().is_secret(name);
    let variables = buildspec.variables.iter();
    let mut named = variables.filter(|Variable { name, .. }| name == variable);
    is_secret(variable)
        || named.any(|Variable { source, .. }| match source {
            Source::Value(_) => false,
            Source::Parameter(parameter) => is_secret(parameter),
            Source::SecretsManager => true,
        })
}

/// The variables whose values stand in the buildspec itself.
fn literal(buildspec: &Buildspec) -> impl Iterator<Item = (String, String)> {
    let variables = buildspec.variables.iter();
    variables.filter_map(|Variable { name, source }| match source {
        Source::Value(value) => Some((name.clone(), value.clone())),
        Source::Parameter(_) | Source::SecretsManager => None,
    })
}

/// The variables whose values lie elsewhere, without those that are given at the start.
/// Who leaves Secrets Manager out may give its values in the environment.
fn fetched(
    context: &Context,
    buildspec: &Buildspec,
    given: &[(String, String)],
) -> Result<Vec<(String, Value)>> {
    let mut fetched = Vec::new();
    for Variable { name, source } in &buildspec.variables {
        if given.iter().any(|(given, _)| given == name) {
            continue;
        }
        let value = match source {
            Source::Value(_) => None,
            Source::Parameter(parameter) => parameter_value(context, name, parameter)?,
            Source::SecretsManager => env::var(name)
                .ok()
                .map(|text| Value::new(text, Origin::Environment, true)),
        };
        fetched.extend(value.map(|value| (name.clone(), value)));
    }
    Ok(fetched)
}

/// Takes exported variables away into which a command has put a secret, and says
/// which: they would be shown as the others are.
fn withhold_secrets(outcome: &mut Outcome, secrets: &[(String, String)]) -> Option<Fault> {
    // Nothing is in everything.
    let secrets = secrets.iter().filter(|(_, secret)| !secret.is_empty());
    let mut withheld = Vec::new();
    outcome.exported.retain(|name, text| {
        let secret = secrets.clone().find(|(_, secret)| text.contains(secret));
        withheld.extend(secret.map(|(secret, _)| format!("{name} holds the value of {secret}")));
        secret.is_none()
    });
    (!withheld.is_empty()).then(|| {
        let fault = format!(
            "the buildspec exports a secret, which everybody would see: {}",
            withheld.join(", ")
        );
        Kind::Refused.because(fault).hint(WITHOUT_SECRETS)
    })
}

/// The value of the parameter that a variable is read from. One that is known to have
/// none on this machine stays unset; any other that is missing fails the build before
/// its first command.
fn parameter_value(context: &Context, variable: &str, name: &str) -> Result<Option<Value>> {
    let known = context.parameters.catalogue().entry(name);
    match context.parameters.find(name)? {
        Some(value) => Ok(Some(value)),
        None if known.is_some_and(|entry| entry.local.is_none()) => {
            console::note(format_args!(
                "{name} has no value on this machine: it stays unset"
            ));
            Ok(None)
        }
        None => context.parameters.require(name).map(Some).map_err(|error| {
            let hint = format!("`--env {variable}=…` gives the variable its value");
            Fault::summary_of(&error).hint(hint).into()
        }),
    }
}

fn show(outcome: &Outcome) {
    for phase in &outcome.phases {
        let mark = if phase.succeeded { "done" } else { "FAILED" };
        console::note(format_args!(
            "{mark:>6}  {} ({:.2} s)",
            phase.phase, phase.seconds
        ));
    }
    if outcome.artifacts.is_err() {
        console::note("FAILED  artifacts");
    }
    for (name, value) in &outcome.exported {
        console::note(format_args!("exported {name}={value}"));
    }
    for file in outcome.artifacts.iter().flatten() {
        console::note(format_args!("artifact {}", file.display()));
    }
}

/// An object per phase; what a build leaves stands in the last one's. Artifacts that
/// fail, and exported variables that are withheld, are objects of their own, after them.
fn report(outcome: Outcome, withheld: Option<Fault>, buildspec: &Path) -> Report {
    let last = outcome.phases.len().saturating_sub(1);
    let (artifacts, failed) = match outcome.artifacts {
        Ok(artifacts) => (artifacts, None),
        Err(error) => (Vec::new(), Some(error)),
    };
    let entry = |(index, phase): (usize, &Phase)| {
        let left = (index == last)
            .then(|| json!({ "exported": outcome.exported, "artifacts": artifacts }));
        let mut object = json!(phase);
        if let (Some(object), Some(left)) = (
            object.as_object_mut(),
            left.as_ref().and_then(|left| left.as_object()),
        ) {
            object.extend(left.clone());
        }
        match fault(phase, buildspec) {
            Some(fault) => Entry::failed(&object, fault.into()),
            None => Entry::silent(&object),
        }
    };
    let phases = outcome.phases.iter().enumerate().map(entry);
    let after = |part, error| Entry::failed(&json!({ "phase": part, "succeeded": false }), error);
    let failed = failed.map(|error| after("artifacts", error));
    let withheld = withheld.map(|fault| after(EXPORTED, fault.into()));
    Report::new(phases.chain(failed).chain(withheld).collect())
}

fn fault(phase: &Phase, buildspec: &Path) -> Option<Fault> {
    if phase.succeeded {
        return None;
    }
    let Some(failed) = &phase.failed else {
        let fault = format!("the shell ended in the phase {}", phase.phase);
        return Some(Kind::Failed.because(fault));
    };
    let did = if failed.ended_shell {
        "ended the shell"
    } else {
        "failed"
    };
    Some(Kind::Failed.because(format!(
        "{}:{}: `{}` {did} in the phase {} with status {}",
        buildspec.display(),
        failed.line,
        failed.command,
        phase.phase,
        failed.status
    )))
}
