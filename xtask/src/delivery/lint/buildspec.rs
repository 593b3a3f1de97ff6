//! The rules of buildspecs (AWS CodeBuild User Guide, "Build specification
//! reference for CodeBuild").

use super::shell::Script;
use super::{Finding, Node, command};
use crate::delivery::buildspec::{
    self, EXPORTED, ON_FAILURE, VERSION, all_commands, commands, commands_without_text,
};
use crate::parameters::is_secret_by_name;

/// The findings in a buildspec.
pub(super) fn findings(buildspec: &Node, containers: &[String]) -> Vec<Finding> {
    let mut findings = unknown_keys(buildspec);
    findings.extend(version(buildspec));
    findings.extend(runtimes(buildspec));
    findings.extend(on_failure(buildspec));
    findings.extend(reserved_names(buildspec));
    findings.extend(misnamed(buildspec));
    findings.extend(without_text(buildspec));
    findings.extend(misnamed_artifacts(buildspec));
    findings.extend(plain_secrets(buildspec));
    findings.extend(exported_secrets(buildspec));
    findings.extend(unguarded_push(buildspec));
    findings.extend(promoted_tag(buildspec));
    findings.extend(cached_target(buildspec));
    findings.extend(commands_without_text(buildspec).map(command::no_text));
    let texts = all_commands(buildspec).filter_map(|node| Some((node, node.text()?)));
    findings.extend(texts.flat_map(|(node, text)| command::findings(node, text, containers)));
    findings
}

fn unknown_keys(buildspec: &Node) -> Vec<Finding> {
    let mappings = buildspec::mappings(buildspec);
    let of = |mapping: &buildspec::Mapping<'_>| {
        let known = mapping.known().join(", ");
        let finding = |key: &Node| {
            let name = key.text().unwrap_or_default();
            Finding::new(
                key,
                "unknown-key",
                format!("the key {name:?} is ignored, or ends the build before its first command"),
                format!("one of {known} is meant"),
            )
        };
        mapping.unknown().map(finding).collect::<Vec<_>>()
    };
    mappings.iter().flat_map(of).collect()
}

fn version(buildspec: &Node) -> Option<Finding> {
    let version = buildspec.get("version");
    (version.and_then(Node::text) != Some(VERSION)).then(|| {
        Finding::new(
            version.unwrap_or(buildspec),
            "version",
            "in version 0.1 every command has a shell of its own; another version, or none, ends the build",
            format!("version: {VERSION}"),
        )
    })
}

fn runtimes(buildspec: &Node) -> Option<Finding> {
    let runtimes = buildspec.entries_at(&["phases", "install", "runtime-versions"]);
    let (docker, _) = runtimes
        .into_iter()
        .find(|(name, _)| name.text() == Some("docker"))?;
    Some(Finding::new(
        docker,
        "docker-runtime",
        "the build fails in its install phase: today's images know no runtime `docker`, they have Docker already",
        "remove the line; a build that talks to a Docker daemon needs privileged mode instead",
    ))
}

fn on_failure(buildspec: &Node) -> Vec<Finding> {
    let rules = buildspec::on_failure(buildspec).filter(|(_, _, meaning)| meaning.is_none());
    rules
        .map(|(phase, rule, _)| {
            Finding::new(
                rule,
                "on-failure",
                format!("the build ends before its first command: on-failure of {phase} has no such value"),
                format!("one of {ON_FAILURE} is meant"),
            )
        })
        .collect()
}

/// The variables of `env` with what they are read from.
fn variables<'a>(buildspec: &'a Node, kind: &'a str) -> impl Iterator<Item = (&'a Node, &'a Node)> {
    buildspec.entries_at(&["env", kind])
}

fn reserved_names(buildspec: &Node) -> Vec<Finding> {
    buildspec::reserved_names(buildspec)
        .map(|name| {
            Finding::new(
                name,
                "reserved-name",
                "CodeBuild keeps names that begin with CODEBUILD_ or AWS_ for itself",
                "choose another name",
            )
        })
        .collect()
}

fn misnamed(buildspec: &Node) -> Vec<Finding> {
    buildspec::misnamed(buildspec)
        .map(|(_, name)| {
            Finding::new(
                name,
                "variable-name",
                "no command can read the variable: for a shell this is no name of one",
                "a name has letters, digits and '_', and does not begin with a digit",
            )
        })
        .collect()
}

fn without_text(buildspec: &Node) -> Vec<Finding> {
    buildspec::without_text(buildspec)
        .map(|(_, name)| {
            Finding::new(
                name,
                "variable-value",
                "the variable has no value, or the build ends before its first command: a list or mapping is no text",
                "put the value in quotes",
            )
        })
        .collect()
}

fn misnamed_artifacts(buildspec: &Node) -> Vec<Finding> {
    buildspec::misnamed_artifacts(buildspec)
        .map(|name| {
            Finding::new(
                name,
                "artifact-name",
                "the artifact is never uploaded: no project can have one of this name",
                "a name has letters, digits and '_'",
            )
        })
        .collect()
}

fn plain_secrets(buildspec: &Node) -> Vec<Finding> {
    let secrets = variables(buildspec, "variables").filter(|(name, value)| {
        let (name, value) = (name.text(), value.text());
        names_secret(name.unwrap_or_default()) && !is_elsewhere(value.unwrap_or_default())
    });
    secrets
        .map(|(name, _)| {
            Finding::new(
                name,
                "plain-secret",
                "everybody who may see the project or the repository reads the secret",
                "move the value to Parameter Store, and the line to `parameter-store`",
            )
        })
        .collect()
}

/// How secrets are called besides.
const SECRET_NAMES: [&str; 4] = ["PASS", "API_KEY", "SECRET_KEY", "SECRET_ACCESS_KEY"];

/// In whatever case it is written.
fn names_secret(name: &str) -> bool {
    let name = name.to_ascii_uppercase();
    let ends = |end: &&str| {
        let before = name.strip_suffix(end);
        before.is_some_and(|before| before.is_empty() || before.ends_with('_'))
    };
    // What is built into a page in a browser is no secret.
    let is_public = name.contains("PUBLIC")
        || ["REACT_APP_", "VITE_"]
            .iter()
            .any(|begin| name.starts_with(begin));
    is_secret_by_name(&name) || (!is_public && SECRET_NAMES.iter().any(ends))
}

/// Whether a value is no secret itself: it says where one is, or nothing at all.
fn is_elsewhere(value: &str) -> bool {
    let is_path = |value: &str| {
        let belongs = |c: char| c.is_ascii_alphanumeric() || "/_-.".contains(c);
        value.starts_with('/') && value.chars().all(belongs)
    };
    let begins = ["arn:", "{{resolve:"];
    ["", "~", "true", "false"].contains(&value)
        || begins.iter().any(|begin| value.starts_with(begin))
        || is_path(value)
}

fn exported_secrets(buildspec: &Node) -> Vec<Finding> {
    let exported = buildspec.items_at(&["env", EXPORTED]);
    let secret = exported.iter().filter(|name| {
        name.text()
            .is_some_and(|name| holds_secret(buildspec, name))
    });
    secret
        .map(|name| {
            Finding::new(
                name,
                "exported-secret",
                "the secret is shown in the console and in the pipeline's execution history",
                "do not export it; the action that needs it reads it from Parameter Store",
            )
        })
        .collect()
}

/// By its own name, or by that of the parameter that it is read from.
fn holds_secret(buildspec: &Node, name: &str) -> bool {
    let from_manager = variables(buildspec, "secrets-manager");
    let from_store = variables(buildspec, "parameter-store");
    is_secret_by_name(name)
        || from_manager
            .into_iter()
            .any(|(variable, _)| variable.text() == Some(name))
        || from_store.into_iter().any(|(variable, parameter)| {
            variable.text() == Some(name) && parameter.text().is_some_and(is_secret_by_name)
        })
}

/// `post_build` runs also where `build` failed, unless that ends the build or the
/// command asks how it went.
fn unguarded_push(buildspec: &Node) -> Option<Finding> {
    if buildspec.text_at(&["phases", "build", "on-failure"]) == Some("ABORT") {
        return None;
    }
    let scripts = commands(buildspec, "post_build")
        .filter_map(|command| Some((command, Script::of(command.text()?))));
    let mut unguarded = scripts.take_while(|(_, script)| !command::asks(script));
    let (push, _) = unguarded.find(|(_, script)| command::publishes(script))?;
    Some(Finding::new(
        push,
        "unguarded-push",
        "post_build runs also after a failed build: the tag moves to an image that was not built, or not tested",
        "push in `build`, where the first failure stops everything; or set `on-failure: ABORT` there",
    ))
}

/// An image that was not built here is pulled by a tag and pushed under another one.
fn promoted_tag(buildspec: &Node) -> Option<Finding> {
    let find = |judge: fn(&Script) -> bool| {
        let mut commands = all_commands(buildspec);
        commands.find(|node| node.text().is_some_and(|text| judge(&Script::of(text))))
    };
    if find(command::builds).is_some() {
        return None;
    }
    find(command::pushes)?;
    let pull = find(command::pulls_by_tag)?;
    Some(Finding::new(
        pull,
        "mutable-tag",
        "whatever the tag points at by now is released, which need not be what was tested and approved",
        "promote the digest that staging exported: `cargo xtask promote-to-production SERVICE` with <PREFIX>_TESTED_DIGEST",
    ))
}

fn cached_target(buildspec: &Node) -> Option<Finding> {
    let is_target = |path: &str| {
        path.trim_start_matches("./")
            .split('/')
            .any(|part| part == "target")
    };
    let paths = buildspec.items_at(&["cache", "paths"]);
    let path = paths
        .iter()
        .find(|path| path.text().is_some_and(is_target))?;
    Some(Finding::new(
        path,
        "cached-target",
        "stale code runs where the sources' times are older than the cached build, and old records come back",
        "cache /root/.cargo/registry/**/* alone",
    ))
}
