//! What single commands of a buildspec do wrong.

use super::shell::{Script, Word};
use super::{Finding, Node};

/// The findings in one command.
pub(super) fn findings(command: &Node, text: &str, containers: &[String]) -> Vec<Finding> {
    let script = Script::of(text);
    let rules = [
        password_argument(command, &script),
        lost_status(command, &script),
        several_statements(command, &script),
        unknown_container(command, text, containers),
    ];
    rules.into_iter().flatten().collect()
}

/// What makes an image available to others.
const PUSHING: [&[&str]; 3] = [
    &["docker", "push"],
    &["docker", "image", "push"],
    &["docker", "manifest", "push"],
];

/// The same by this tool and by others.
const PUBLISHING: [&[&str]; 12] = [
    &["xtask", "staging-tag"],
    &["xtask", "push"],
    &["xtask", "promote-to-production"],
    &["xtask", "promote"],
    &["docker", "compose", "push"],
    &["docker-compose", "push"],
    &["podman", "push"],
    &["buildah", "push"],
    &["crane", "push"],
    &["crane", "copy"],
    &["crane", "cp"],
    &["crane", "tag"],
];

/// How skopeo names where an image is.
const PLACES: [&str; 6] = [
    "docker://",
    "docker-daemon:",
    "docker-archive:",
    "dir:",
    "oci:",
    "oci-archive:",
];

/// What signs in to a registry, with its password behind `-p` or `--password`.
const LOGINS: [&[&str]; 8] = [
    &["docker", "login"],
    &["podman", "login"],
    &["buildah", "login"],
    &["nerdctl", "login"],
    &["skopeo", "login"],
    &["oras", "login"],
    &["crane", "auth", "login"],
    &["helm", "registry", "login"],
];

/// What gets an image from a registry.
const PULLING: [&[&str]; 2] = [&["docker", "pull"], &["docker", "image", "pull"]];

/// What makes an image, or brings one from elsewhere.
const BUILDING: [&[&str]; 6] = [
    &["docker", "build"],
    &["docker", "image", "build"],
    &["docker", "buildx"],
    &["docker", "compose", "build"],
    &["docker-compose", "build"],
    &["docker", "load"],
];

/// Whether the command makes an image available to others.
pub(super) fn publishes(script: &Script) -> bool {
    let mut builds = behind_any(script, &BUILDING);
    let mut copies = script.behind(&["skopeo", "copy"]);
    pushes(script)
        || behind_any(script, &PUBLISHING).next().is_some()
        || builds.any(|arguments| arguments.iter().any(|word| word.text == "--push"))
        || copies.any(|arguments| {
            let is_place = |word: &&Word| PLACES.iter().any(|kind| word.text.starts_with(kind));
            let to = arguments.iter().rfind(is_place);
            to.is_some_and(|to| to.text.starts_with("docker://"))
        })
}

/// The variable that says how the build went so far.
const SUCCEEDING: &str = "CODEBUILD_BUILD_SUCCEEDING";

/// These tell somebody how the build went, and nothing depends on it.
const TELLING: [&str; 5] = ["echo", "printf", "logger", "aws", "curl"];

/// Whether what follows may depend on how the build went so far.
pub(super) fn asks(script: &Script) -> bool {
    let is_one = |command: &[Word], names: &[&str]| {
        let first = command.first();
        first.is_some_and(|first| names.contains(&first.text.as_str()))
    };
    // What is told to `grep` is asked.
    let mut commands = script.commands.iter();
    let searches = commands.any(|command| is_one(command, &["grep"]));
    script.commands.iter().any(|command| {
        let names = command.iter().any(|word| word.text.contains(SUCCEEDING));
        names && (searches || !is_one(command, &TELLING))
    })
}

/// Whether the command pushes an image that is there.
pub(super) fn pushes(script: &Script) -> bool {
    behind_any(script, &PUSHING).next().is_some()
}

/// Whether the command makes an image.
pub(super) fn builds(script: &Script) -> bool {
    behind_any(script, &BUILDING).next().is_some()
}

/// Whether the command gets an image by a tag, which may point at another one by now.
pub(super) fn pulls_by_tag(script: &Script) -> bool {
    behind_any(script, &PULLING).any(|arguments| {
        let mut words = arguments.iter();
        !words.any(|word| word.text.contains('@'))
    })
}

fn behind_any<'a>(
    script: &'a Script,
    programs: &'a [&'a [&'a str]],
) -> impl Iterator<Item = &'a [Word]> {
    programs.iter().flat_map(|words| script.behind(words))
}

/// The finding of a command that is no text.
pub(super) fn no_text(command: &Node) -> Finding {
    Finding::new(
        command,
        "no-command",
        "the build ends before its first command: this item is no text, as with a colon and a space in it",
        "put the command in quotes, or behind `- |` on a line of its own",
    )
}

fn password_argument(command: &Node, script: &Script) -> Option<Finding> {
    let logins = behind_any(script, &LOGINS);
    let mut words = logins.flatten().map(|word| word.text.as_str());
    let is_password = |word: &str| {
        word == "-p"
            || word == "--password"
            || word.starts_with("--password=")
            || (word.starts_with("-p") && !word.starts_with("--"))
    };
    words.any(is_password).then(|| {
        Finding::new(
            command,
            "password-argument",
            "the password is in the list of processes, where every command of the build can read it",
            "give it on standard input: printf %s \"$DOCKER_PASSWORD\" | docker login --username \"$DOCKER_USER\" --password-stdin",
        )
    })
}

/// `export X=$(…)` has the status of `export`.
fn lost_status(command: &Node, script: &Script) -> Option<Finding> {
    let exports = |words: &Vec<Word>| {
        let first = words.first().map_or("", |word| &word.text);
        ["export", "declare", "readonly", "local"].contains(&first)
            && words
                .iter()
                .any(|word| word.substitutes && word.text.contains('='))
    };
    script.commands.iter().any(exports).then(|| {
        Finding::new(
            command,
            "lost-status",
            "the build goes on with an empty value where the command in the substitution fails: `export` itself succeeds",
            "assign first, `X=$(…)`, then `export X` as a command of its own",
        )
    })
}

fn several_statements(command: &Node, script: &Script) -> Option<Finding> {
    let (_, before) = script.statements.split_last()?;
    (before.contains(&true) && !stops_at_failure(script)).then(|| {
        Finding::new(
            command,
            "lost-status",
            "the build goes on where a command fails: of several in an item only the last one's status counts",
            "make each command an item of its own, join them with `&&`, or begin the item with `set -e`",
        )
    })
}

/// Whether the shell is told to end with the first command that fails.
fn stops_at_failure(script: &Script) -> bool {
    script.commands.iter().any(|command| {
        let mut words = command.iter().map(|word| word.text.as_str());
        let is_short = |word: &str| word.starts_with('-') && word.contains('e');
        words.next() == Some("set") && words.any(|word| is_short(word) || word == "errexit")
    })
}

fn unknown_container(command: &Node, text: &str, containers: &[String]) -> Option<Finding> {
    let text = text.replace("\\\"", "\"");
    if !text.contains("imageUri") {
        return None;
    }
    let mut names = text.split("\"name\":").skip(1).filter_map(|rest| {
        let quoted = rest.trim_start().strip_prefix('"')?;
        quoted.split('"').next()
    });
    let is_literal = |name: &str| !name.contains(['$', '%']);
    let name = names.find(|name| is_literal(name) && !containers.iter().any(|one| one == name))?;
    Some(Finding::new(
        command,
        "unknown-container",
        format!("the deployment fails: no task definition has a container {name:?}"),
        format!(
            "name one of {}, or let `cargo xtask imagedefinitions` write the file",
            containers.join(", ")
        ),
    ))
}
