//! The rules of buildspecs (AWS CodeBuild User Guide, "Build specification
//! reference for CodeBuild").

use super::{Finding, Node, command};
use crate::parameters::is_secret_by_name;

const PHASES: [&str; 4] = ["install", "pre_build", "build", "post_build"];
const ROOT_KEYS: [&str; 9] = [
    "version",
    "run-as",
    "env",
    "proxy",
    "batch",
    "phases",
    "reports",
    "artifacts",
    "cache",
];
const ENV_KEYS: [&str; 6] = [
    "shell",
    "variables",
    "parameter-store",
    "secrets-manager",
    "exported-variables",
    "git-credential-helper",
];
const PHASE_KEYS: [&str; 4] = ["run-as", "on-failure", "commands", "finally"];
/// The first phase alone chooses runtimes.
const INSTALL_KEYS: [&str; 5] = [
    "run-as",
    "on-failure",
    "runtime-versions",
    "commands",
    "finally",
];
const ARTIFACTS_KEYS: [&str; 8] = [
    "files",
    "name",
    "discard-paths",
    "base-directory",
    "exclude-paths",
    "enable-symlinks",
    "s3-prefix",
    "secondary-artifacts",
];
const CACHE_KEYS: [&str; 3] = ["key", "fallback-keys", "paths"];

/// The findings in a buildspec.
pub(super) fn findings(buildspec: &Node, containers: &[String]) -> Vec<Finding> {
    let mut findings = unknown_keys(buildspec);
    findings.extend(version(buildspec));
    findings.extend(runtimes(buildspec));
    findings.extend(reserved_names(buildspec));
    findings.extend(plain_secrets(buildspec));
    findings.extend(exported_secrets(buildspec));
    findings.extend(unguarded_push(buildspec));
    findings.extend(promoted_tag(buildspec));
    findings.extend(cached_target(buildspec));
    findings.extend(all_commands(buildspec).flat_map(|node| command::findings(node, containers)));
    findings
}

/// The commands of a phase, then those that run in any case.
fn commands<'a>(buildspec: &'a Node, phase: &str) -> impl Iterator<Item = &'a Node> {
    let of = |kind| buildspec.items_at(&["phases", phase, kind]);
    of("commands").iter().chain(of("finally"))
}

fn all_commands(buildspec: &Node) -> impl Iterator<Item = &Node> {
    PHASES.iter().flat_map(|phase| commands(buildspec, phase))
}

fn unknown_keys(buildspec: &Node) -> Vec<Finding> {
    let mut findings = unknown_in(buildspec, &ROOT_KEYS);
    let within = |key, known: &[&str]| {
        let node = buildspec.get(key);
        node.map(|node| unknown_in(node, known)).unwrap_or_default()
    };
    findings.extend(within("env", &ENV_KEYS));
    findings.extend(within("phases", &PHASES));
    findings.extend(within("artifacts", &ARTIFACTS_KEYS));
    findings.extend(within("cache", &CACHE_KEYS));
    for (name, phase) in buildspec.entries_at(&["phases"]) {
        let known = match name.text() {
            Some("install") => &INSTALL_KEYS[..],
            _ => &PHASE_KEYS,
        };
        findings.extend(unknown_in(phase, known));
    }
    for (_, artifact) in buildspec.entries_at(&["artifacts", "secondary-artifacts"]) {
        findings.extend(unknown_in(artifact, &ARTIFACTS_KEYS));
    }
    findings
}

fn unknown_in(node: &Node, known: &[&str]) -> Vec<Finding> {
    let unknown = node
        .entries()
        .map(|(key, _)| key)
        .filter(|key| !key.text().is_some_and(|key| known.contains(&key)));
    unknown
        .map(|key| {
            let name = key.text().unwrap_or_default();
            Finding::new(
                key,
                "unknown-key",
                format!("the key {name:?} is ignored, or ends the build before its first command"),
                format!("one of {} is meant", known.join(", ")),
            )
        })
        .collect()
}

fn version(buildspec: &Node) -> Option<Finding> {
    let version = buildspec.get("version");
    (version.and_then(Node::text) != Some("0.2")).then(|| {
        Finding::new(
            version.unwrap_or(buildspec),
            "version",
            "in version 0.1 every command has a shell of its own; another version, or none, ends the build",
            "version: 0.2",
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

/// The variables of `env` with what they are read from.
fn variables<'a>(buildspec: &'a Node, kind: &'a str) -> impl Iterator<Item = (&'a Node, &'a Node)> {
    buildspec.entries_at(&["env", kind])
}

fn reserved_names(buildspec: &Node) -> Vec<Finding> {
    let kinds = ["variables", "parameter-store", "secrets-manager"];
    let names = kinds
        .iter()
        .flat_map(|kind| variables(buildspec, kind))
        .map(|(name, _)| name);
    let reserved = names.filter(|name| {
        let name = name.text().unwrap_or_default();
        name.starts_with("CODEBUILD_") || name.starts_with("AWS_")
    });
    reserved
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

fn plain_secrets(buildspec: &Node) -> Vec<Finding> {
    let secrets = variables(buildspec, "variables")
        .filter(|(name, _)| is_secret_by_name(name.text().unwrap_or_default()));
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

fn exported_secrets(buildspec: &Node) -> Vec<Finding> {
    let exported = buildspec.items_at(&["env", "exported-variables"]);
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
    let mut unguarded = commands(buildspec, "post_build").take_while(|command| {
        let text = command.text().unwrap_or_default();
        !text.contains("CODEBUILD_BUILD_SUCCEEDING")
    });
    let push = unguarded.find(|command| command.text().is_some_and(command::publishes))?;
    Some(Finding::new(
        push,
        "unguarded-push",
        "post_build runs also after a failed build: the tag moves to an image that was not built, or not tested",
        "push in `build`, where the first failure stops everything; or set `on-failure: ABORT` there",
    ))
}

/// An image that was not built here is pulled by a tag and pushed under another one.
fn promoted_tag(buildspec: &Node) -> Option<Finding> {
    let has = |words: &[&str]| {
        all_commands(buildspec)
            .filter_map(Node::text)
            .any(|text| command::has_words(text, words))
    };
    if has(&["docker", "build"]) || has(&["docker", "buildx"]) || !has(&["docker", "push"]) {
        return None;
    }
    let by_tag = |text: &str| text.trim_start().starts_with("docker pull ") && !text.contains('@');
    let pull = all_commands(buildspec).find(|node| node.text().is_some_and(by_tag))?;
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
