//! What single commands of a buildspec do wrong.

use super::{Finding, Node};

/// The findings in one command.
pub(super) fn findings(command: &Node, text: &str, containers: &[String]) -> Vec<Finding> {
    let rules = [
        password_argument(command, text),
        lost_status(command, text),
        several_lines(command, text),
        unknown_container(command, text, containers),
    ];
    rules.into_iter().flatten().collect()
}

/// Whether the command makes an image available to others.
pub(super) fn publishes(text: &str) -> bool {
    let of_this_tool = ["staging-tag", "push", "promote-to-production", "promote"];
    has_words(text, &["docker", "push"])
        || of_this_tool
            .iter()
            .any(|command| has_words(text, &["xtask", command]))
}

/// Whether these words stand next to each other.
pub(super) fn has_words(text: &str, words: &[&str]) -> bool {
    let has = |part: &str| {
        // A substitution begins with a command as well.
        let all = part.split(|c: char| c.is_whitespace() || c == '(' || c == '`');
        let all: Vec<_> = all.filter(|word| !word.is_empty()).collect();
        all.windows(words.len()).any(|window| window == words)
    };
    parts(text).any(has)
}

/// The single commands of a text for the shell, roughly: quotes are not seen.
fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(['\n', ';', '&', '|'])
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

fn password_argument(command: &Node, text: &str) -> Option<Finding> {
    let text = text.replace("\\\n", " ");
    let logins = parts(&text).filter_map(|part| part.split_once("docker login"));
    let mut words = logins.flat_map(|(_, arguments)| arguments.split_whitespace());
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
            "printf %s \"$DOCKER_PASSWORD\" | docker login --username \"$DOCKER_USER\" --password-stdin",
        )
    })
}

/// `export X=$(…)` has the status of `export`.
fn lost_status(command: &Node, text: &str) -> Option<Finding> {
    let exports = |part: &str| {
        let (word, rest) = part.trim_start().split_once(' ').unwrap_or_default();
        ["export", "declare", "readonly", "local"].contains(&word)
            && ["=$(", "=\"$(", "=`", "=\"`"]
                .iter()
                .any(|substitution| rest.contains(substitution))
    };
    parts(text).any(exports).then(|| {
        Finding::new(
            command,
            "lost-status",
            "the build goes on with an empty value where the command in the substitution fails: `export` itself succeeds",
            "assign first, `X=$(…)`, then `export X` as a command of its own",
        )
    })
}

fn several_lines(command: &Node, text: &str) -> Option<Finding> {
    let commands = text.lines().filter(|line| {
        let line = line.trim();
        !line.is_empty() && !line.starts_with('#')
    });
    // The lines of a here-document are no commands.
    let is_continued = ["&& \\", "\\\n", "<<"]
        .iter()
        .any(|word| text.contains(word));
    // An `if` or a loop is one command, however many lines it has.
    let compound = ["if ", "for ", "while ", "until ", "case "]
        .iter()
        .any(|word| text.trim_start().starts_with(word));
    (commands.count() > 1 && !stops_at_failure(text) && !is_continued && !compound).then(|| {
        Finding::new(
            command,
            "lost-status",
            "the build goes on where a line fails: of an item with several lines only the last one's status counts",
            "make each line an item of its own, or begin the item with `set -e`",
        )
    })
}

/// Whether the shell is told to end with the first command that fails.
fn stops_at_failure(text: &str) -> bool {
    parts(text).any(|part| {
        let mut words = part.split_whitespace();
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
