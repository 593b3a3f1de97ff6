//! CodeBuild's grammar of buildspecs, as `lint` checks it and `codebuild run` follows
//! it (AWS CodeBuild User Guide, "Build specification reference for CodeBuild").

use super::yaml::Node;

/// The one version with one shell for all commands.
pub(super) const VERSION: &str = "0.2";

/// The phases in their order.
pub(super) const PHASES: [&str; 4] = ["install", "pre_build", "build", "post_build"];

/// The mappings of `env` that give variables their values.
const VARIABLES: [&str; 3] = ["variables", "parameter-store", "secrets-manager"];

/// The list in `env` of the variables that later actions are told.
pub const EXPORTED: &str = "exported-variables";

/// What a phase may say of its failure, in words.
pub(super) const ON_FAILURE: &str =
    "ABORT, CONTINUE, RETRY, RETRY-COUNT, RETRY-REGEX or RETRY-COUNT-REGEX";

/// What follows where a phase fails.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum OnFailure {
    /// No other phase.
    Abort,
    /// The next phase.
    Continue,
    /// The whole build once more.
    Retry,
}

impl OnFailure {
    /// What a text means, if anything. Whatever stands behind `RETRY-` is a count, an
    /// expression that an error fits, or both.
    pub(super) fn of(text: &str) -> Option<Self> {
        let retries = |text: &str| {
            text.strip_prefix("RETRY-")
                .is_some_and(|how| !how.is_empty())
        };
        match text {
            "ABORT" => Some(Self::Abort),
            "CONTINUE" => Some(Self::Continue),
            "RETRY" => Some(Self::Retry),
            _ => retries(text).then_some(Self::Retry),
        }
    }
}

/// A key that CodeBuild knows.
#[derive(Clone, Copy)]
struct Key {
    name: &'static str,
    /// Whether it has its effect on this machine too, or needs none: nothing is
    /// restored from a cache.
    emulated: bool,
}

const fn emulated(name: &'static str) -> Key {
    Key {
        name,
        emulated: true,
    }
}

const fn in_aws(name: &'static str) -> Key {
    Key {
        name,
        emulated: false,
    }
}

const ROOT: [Key; 9] = [
    emulated("version"),
    in_aws("run-as"),
    emulated("env"),
    in_aws("proxy"),
    in_aws("batch"),
    emulated("phases"),
    in_aws("reports"),
    emulated("artifacts"),
    emulated("cache"),
];
const ENV: [Key; 6] = [
    emulated("shell"),
    emulated("variables"),
    emulated("parameter-store"),
    in_aws("secrets-manager"),
    emulated(EXPORTED),
    in_aws("git-credential-helper"),
];
const PHASE: [Key; 5] = [
    in_aws("run-as"),
    emulated("on-failure"),
    emulated("commands"),
    // Actions of GitHub, which stand where commands do.
    in_aws("steps"),
    emulated("finally"),
];
/// The first phase alone chooses runtimes.
const OF_INSTALL: Key = in_aws("runtime-versions");
const ARTIFACT: [Key; 7] = [
    emulated("files"),
    emulated("name"),
    emulated("discard-paths"),
    emulated("base-directory"),
    emulated("exclude-paths"),
    in_aws("enable-symlinks"),
    in_aws("s3-prefix"),
];
/// Where the artifacts stand that a build has besides its primary one, by their names.
pub(super) const SECONDARY: [&str; 2] = ["artifacts", "secondary-artifacts"];
/// The primary artifact alone has others below it.
const OF_PRIMARY: Key = emulated(SECONDARY[1]);
const CACHE: [Key; 4] = [
    emulated("action"),
    emulated("key"),
    emulated("fallback-keys"),
    emulated("paths"),
];

/// A mapping whose keys CodeBuild defines.
pub(super) struct Mapping<'a> {
    path: Vec<&'a str>,
    node: &'a Node,
    keys: Vec<Key>,
}

impl<'a> Mapping<'a> {
    /// The keys that CodeBuild does not know.
    pub(super) fn unknown(&self) -> impl Iterator<Item = &'a Node> {
        self.outside(|_| true)
    }

    /// The paths, e.g. `env.secrets-manager`, of the keys without an effect on this machine.
    pub(super) fn not_emulated(&self) -> impl Iterator<Item = String> {
        let keys = self.outside(|key| key.emulated).filter_map(Node::text);
        keys.map(|key| [&self.path[..], &[key]].concat().join("."))
    }

    /// The names of the keys that CodeBuild knows.
    pub(super) fn known(&self) -> Vec<&'static str> {
        self.keys.iter().map(|key| key.name).collect()
    }

    fn outside(&self, counts: impl Fn(&Key) -> bool) -> impl Iterator<Item = &'a Node> {
        let is_known = move |name: &str| {
            let mut keys = self.keys.iter();
            keys.any(|key| key.name == name && counts(key))
        };
        let keys = self.node.entries().map(|(key, _)| key);
        keys.filter(move |key| !key.text().is_some_and(&is_known))
    }
}

/// The mappings of a buildspec whose keys CodeBuild defines, those that are there.
pub(super) fn mappings(buildspec: &Node) -> Vec<Mapping<'_>> {
    let mut places = vec![
        (vec![], ROOT.to_vec()),
        (vec!["env"], ENV.to_vec()),
        (vec!["phases"], PHASES.map(emulated).to_vec()),
        (vec!["artifacts"], [&ARTIFACT[..], &[OF_PRIMARY]].concat()),
        (vec!["cache"], CACHE.to_vec()),
    ];
    places.extend(PHASES.map(|phase| {
        let mut keys = PHASE.to_vec();
        keys.extend((phase == "install").then_some(OF_INSTALL));
        (vec!["phases", phase], keys)
    }));
    let names = buildspec.entries_at(&SECONDARY);
    places.extend(
        names
            .filter_map(|(name, _)| name.text())
            .map(|name| ([&SECONDARY[..], &[name]].concat(), ARTIFACT.to_vec())),
    );
    let mapping = |(path, keys): (Vec<_>, _)| {
        let node = buildspec.at(&path)?;
        Some(Mapping { path, node, keys })
    };
    places.into_iter().filter_map(mapping).collect()
}

/// The commands of a phase, then those that run in any case.
pub(super) fn commands<'a>(buildspec: &'a Node, phase: &str) -> impl Iterator<Item = &'a Node> {
    let of = |kind| buildspec.items_at(&["phases", phase, kind]);
    of("commands").iter().chain(of("finally"))
}

/// The commands of all phases.
pub(super) fn all_commands(buildspec: &Node) -> impl Iterator<Item = &Node> {
    PHASES.iter().flat_map(|phase| commands(buildspec, phase))
}

/// The commands that are no text, which end a build before its first command:
/// `- echo a: b` is a mapping.
pub(super) fn commands_without_text(buildspec: &Node) -> impl Iterator<Item = &Node> {
    all_commands(buildspec).filter(|command| command.text().is_none())
}

/// What phases say of their failure: the phase, the text, and what it means, if anything.
pub(super) fn on_failure(
    buildspec: &Node,
) -> impl Iterator<Item = (&'static str, &Node, Option<OnFailure>)> {
    PHASES.into_iter().filter_map(|phase| {
        let node = buildspec.at(&["phases", phase, "on-failure"])?;
        Some((phase, node, node.text().and_then(OnFailure::of)))
    })
}

/// What stands in `env` for the name of a variable and is none, with the key above it.
pub(super) fn misnamed(buildspec: &Node) -> impl Iterator<Item = (&'static str, &Node)> {
    let given = VARIABLES.into_iter().flat_map(|kind| {
        let entries = buildspec.entries_at(&["env", kind]);
        entries.map(move |(name, _)| (kind, name))
    });
    let exported = buildspec.items_at(&["env", EXPORTED]);
    let all = given.chain(exported.iter().map(|name| (EXPORTED, name)));
    all.filter(|(_, name)| !name.text().is_some_and(is_variable))
}

/// The variables of `env` whose value is a list or a mapping, by their names and the key
/// above them.
pub(super) fn without_text(buildspec: &Node) -> impl Iterator<Item = (&'static str, &Node)> {
    let given = VARIABLES.into_iter().flat_map(|kind| {
        let entries = buildspec.entries_at(&["env", kind]);
        entries.map(move |(name, value)| (kind, name, value))
    });
    given
        .filter(|(_, _, value)| value.text().is_none())
        .map(|(kind, name, _)| (kind, name))
}

/// Whether a shell takes it for the name of a variable.
pub fn is_variable(name: &str) -> bool {
    is_identifier(name) && !name.starts_with(|c: char| c.is_ascii_digit())
}

fn is_identifier(name: &str) -> bool {
    let belongs = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !name.is_empty() && name.chars().all(belongs)
}

/// What stands for the identifier of a secondary artifact and is none.
pub(super) fn misnamed_artifacts(buildspec: &Node) -> impl Iterator<Item = &Node> {
    let names = buildspec.entries_at(&SECONDARY).map(|(name, _)| name);
    names.filter(|name| !name.text().is_some_and(is_identifier))
}

/// The variables of `env` whose names CodeBuild keeps for itself.
pub(super) fn reserved_names(buildspec: &Node) -> impl Iterator<Item = &Node> {
    let all = VARIABLES
        .iter()
        .flat_map(|kind| buildspec.entries_at(&["env", kind]));
    let names = all.map(|(name, _)| name);
    names.filter(|name| name.text().is_some_and(is_reserved))
}

/// Names of this form that builds are meant to give a value (AWS CodeBuild User Guide,
/// "Docker sample").
const FREE: [&str; 2] = ["AWS_ACCOUNT_ID", "AWS_DEFAULT_REGION"];

/// Whether CodeBuild keeps the name of a variable for itself.
pub(super) fn is_reserved(name: &str) -> bool {
    let is_of_codebuild = name.starts_with("CODEBUILD_") || name.starts_with("AWS_");
    is_of_codebuild && !FREE.contains(&name)
}
