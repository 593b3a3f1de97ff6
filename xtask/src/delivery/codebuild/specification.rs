//! A buildspec as far as it is emulated here.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::Result;

use super::expansion::expand;
use crate::delivery::buildspec::{
    self, EXPORTED, ON_FAILURE, OnFailure, PHASES, SECONDARY, VERSION,
};
use crate::delivery::yaml::{self, Document, Node};
use crate::error::{Fault, Kind};

/// A buildspec.
#[derive(Debug)]
pub struct Buildspec {
    pub(super) shell: String,
    /// The variables of `env`, in their order.
    pub variables: Vec<Variable>,
    /// The names of the variables that later actions are told.
    pub exported: Vec<String>,
    pub(super) phases: Vec<PhaseSpecification>,
    pub(super) artifacts: Vec<Artifact>,
}

/// A variable of `env`.
#[derive(Debug)]
pub struct Variable {
    /// Its name in the shell.
    pub name: String,
    /// Where its value comes from.
    pub source: Source,
}

/// Where a variable's value comes from.
#[derive(Debug)]
pub enum Source {
    /// The buildspec itself, literally.
    Value(String),
    /// The parameter of this name.
    Parameter(String),
    /// AWS Secrets Manager, which is not asked from here.
    SecretsManager,
}

#[derive(Debug)]
pub(super) struct PhaseSpecification {
    pub(super) name: &'static str,
    pub(super) commands: Vec<Command>,
    pub(super) finally: Vec<Command>,
    /// Whether no phase follows where this one fails.
    pub(super) stops_build: bool,
}

#[derive(Debug)]
pub(super) struct Command {
    pub(super) text: String,
    pub(super) line: usize,
}

#[derive(Debug)]
pub(super) struct Artifact {
    /// The folder that its files go to.
    pub(super) name: String,
    pub(super) base: String,
    pub(super) files: Vec<String>,
    pub(super) excluded: Vec<String>,
    pub(super) flat: bool,
}

impl Artifact {
    /// The names of the variables that say where its files are.
    pub(super) fn variables(&self) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        // What is expanded matters to nobody.
        let _ = self.expanded(|name| {
            names.insert(name.to_owned());
            None
        });
        names
    }

    /// The artifact with the values of these variables.
    pub(super) fn expanded(&self, mut value: impl FnMut(&str) -> Option<String>) -> Self {
        let mut expand = |text: &String| expand(text, &mut value);
        Self {
            name: self.name.clone(),
            base: expand(&self.base),
            files: self.files.iter().map(&mut expand).collect(),
            excluded: self.excluded.iter().map(&mut expand).collect(),
            flat: self.flat,
        }
    }
}

impl Buildspec {
    /// Reads a buildspec. With `lenient`, keys that are not emulated are left out
    /// and returned instead.
    ///
    /// # Errors
    /// A file that cannot be read, and keys that are not emulated.
    pub fn read(path: &Path, lenient: bool) -> Result<(Self, Vec<String>)> {
        // Like whatever else keeps a buildspec from being run.
        let document = yaml::read_file(path, Kind::Configuration)?;
        let node = &document.root;
        check_version(node, path)?;
        check(&document, path)?;
        let ignored = not_emulated(node);
        if !ignored.is_empty() && !lenient {
            let fault = format!("not emulated here: {}", ignored.join(", "));
            return Err(Kind::Configuration
                .because(fault)
                .hint("--lenient runs the buildspec without them")
                .into());
        }
        Ok((Self::of(node)?, ignored))
    }

    fn of(node: &Node) -> Result<Self> {
        let shell = node.text_at(&["env", "shell"]).unwrap_or("sh");
        if !["bash", "sh", "/bin/sh"].contains(&shell) {
            let fault = format!("the shell {shell:?} is neither bash nor sh");
            return Err(Kind::Configuration
                .because(fault)
                .hint("env: {shell: bash}")
                .into());
        }
        let exported = node.items_at(&["env", EXPORTED]);
        let phases = PHASES.into_iter().filter_map(|name| {
            let phase = node.at(&["phases", name])?;
            Some(PhaseSpecification::of(name, phase))
        });
        Ok(Self {
            shell: shell.to_owned(),
            variables: variables(node)
                .into_iter()
                .filter(|variable| !buildspec::is_reserved(&variable.name))
                .collect(),
            exported: texts(exported),
            phases: phases.collect(),
            artifacts: artifacts(node),
        })
    }
}

impl PhaseSpecification {
    /// A failed `build` is followed by `post_build`, a failed phase before it by none.
    fn of(name: &'static str, phase: &Node) -> Self {
        let stops_build = match phase.text_at(&["on-failure"]).and_then(OnFailure::of) {
            Some(OnFailure::Continue) => false,
            Some(OnFailure::Abort) => true,
            Some(OnFailure::Retry) | None => name != "build",
        };
        Self {
            name,
            commands: commands(phase.items_at(&["commands"])),
            finally: commands(phase.items_at(&["finally"])),
            stops_build,
        }
    }
}

fn check_version(node: &Node, path: &Path) -> Result<(), Fault> {
    let file = path.display();
    let version = node.text_at(&["version"]);
    if version == Some(VERSION) {
        return Ok(());
    }
    if version.is_none() && node.get("Resources").is_some() {
        return Err(Kind::Configuration
            .because(format!("{file} is a template and no buildspec"))
            .hint(format!(
                "run a buildspec that it names; `cargo xtask lint {file}` checks the template"
            )));
    }
    let fault = match version {
        Some(version) => format!("{file}: the buildspec's version is {version:?}"),
        None => format!("{file}: the buildspec has no version"),
    };
    Err(Kind::Configuration
        .because(fault)
        .hint(format!("version: {VERSION}")))
}

/// Refuses what keeps a build from its first command, and names that the shell would pass over.
fn check(document: &Document, path: &Path) -> Result<(), Fault> {
    let root = &document.root;
    let fault = |node: &Node, what: &str| {
        Kind::Configuration.because(format!("{}:{}: {what}", path.display(), node.line))
    };
    let quoted = |node: &Node| format!("{:?}", node.text().unwrap_or_default());
    if let Some(key) = document.repeated.first() {
        let what = format!("the key {} is there twice", quoted(key));
        return Err(fault(key, &what).hint("remove one of the two"));
    }
    if let Some(item) = buildspec::commands_without_text(root).next() {
        return Err(fault(item, "the command is no text")
            .hint("put it in quotes: with a colon and a space in it, it is a mapping"));
    }
    if let Some((key, name)) = buildspec::misnamed(root).next() {
        let what = format!("env.{key}: {} is no name of a variable", quoted(name));
        return Err(fault(name, &what)
            .hint("a name has letters, digits and '_', and does not begin with a digit"));
    }
    if let Some((key, name)) = buildspec::without_text(root).next() {
        let what = format!("env.{key}: the value of {} is no text", quoted(name));
        return Err(fault(name, &what).hint("put the value in quotes"));
    }
    if let Some(name) = buildspec::misnamed_artifacts(root).next() {
        let what = format!("no secondary artifact can be called {}", quoted(name));
        return Err(fault(name, &what).hint("a name has letters, digits and '_'"));
    }
    let mut names = root.entries_at(&SECONDARY).map(|(name, _)| name);
    let beside_primary = primary(root).and(names.find(|name| name.text() == Some(PRIMARY)));
    if let Some(name) = beside_primary {
        let what = format!("the secondary artifact {PRIMARY} would lie where the primary one does");
        return Err(fault(name, &what).hint("give it another name"));
    }
    let mut rules = buildspec::on_failure(root);
    if let Some((phase, rule, _)) = rules.find(|(_, _, meaning)| meaning.is_none()) {
        let what = format!("phases.{phase}.on-failure has no meaning: {}", quoted(rule));
        return Err(fault(rule, &what).hint(format!("it is {ON_FAILURE}")));
    }
    Ok(())
}

/// What a build here would leave out, in words.
fn not_emulated(node: &Node) -> Vec<String> {
    let mappings = buildspec::mappings(node);
    let mut ignored: Vec<_> = mappings
        .iter()
        .flat_map(buildspec::Mapping::not_emulated)
        .collect();
    let rules = buildspec::on_failure(node);
    let retries = rules.filter(|(_, _, meaning)| *meaning == Some(OnFailure::Retry));
    ignored.extend(retries.map(|(phase, rule, _)| {
        let rule = rule.text().unwrap_or_default();
        format!("phases.{phase}.on-failure: {rule}")
    }));
    let reserved = buildspec::reserved_names(node).filter_map(Node::text);
    ignored.extend(
        reserved.map(|name| format!("the variable {name}, a name that CodeBuild keeps for itself")),
    );
    ignored
}

fn variables(node: &Node) -> Vec<Variable> {
    let of = |kind, source: fn(String) -> Source| {
        let entries = node.entries_at(&["env", kind]);
        entries.filter_map(move |(name, value)| {
            Some(Variable {
                name: name.text()?.to_owned(),
                source: source(value.text()?.to_owned()),
            })
        })
    };
    let values = of("variables", Source::Value);
    values
        .chain(of("parameter-store", Source::Parameter))
        .chain(of("secrets-manager", |_| Source::SecretsManager))
        .collect()
}

fn commands(items: &[Node]) -> Vec<Command> {
    let commands = items.iter().filter_map(|item| {
        Some(Command {
            text: item.text()?.to_owned(),
            line: item.line,
        })
    });
    commands.collect()
}

fn texts(items: &[Node]) -> Vec<String> {
    items
        .iter()
        .filter_map(Node::text)
        .map(str::to_owned)
        .collect()
}

/// The folder of the primary artifact, which has no name of its own.
const PRIMARY: &str = "artifacts";

fn primary(node: &Node) -> Option<&Node> {
    node.get("artifacts")
        .filter(|artifacts| artifacts.get("files").is_some())
}

/// The primary artifact, then the secondary ones.
fn artifacts(node: &Node) -> Vec<Artifact> {
    let of = |name: &str, node: &Node| Artifact {
        name: name.to_owned(),
        base: node.text_at(&["base-directory"]).unwrap_or(".").to_owned(),
        files: texts(node.items_at(&["files"])),
        excluded: texts(node.items_at(&["exclude-paths"])),
        flat: matches!(node.text_at(&["discard-paths"]), Some("yes" | "true")),
    };
    let secondary = node.entries_at(&SECONDARY);
    let secondary = secondary.filter_map(|(name, node)| Some(of(name.text()?, node)));
    let primary = primary(node).map(|node| of(PRIMARY, node));
    primary.into_iter().chain(secondary).collect()
}
