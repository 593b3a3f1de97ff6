//! Every fault for every request, once and always.

mod cells;

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use xtask::error::Kind;
use xtask::oci::Digest;
use xtask::parallel;

use self::cells::{Cell, Row, Scenario, Step};
use super::image::Image;
use super::scripted::{Scripted, State, When};
use super::signer;
use super::stock::{STOCK, sandbox};
use super::{Ran, Sandbox, tell};

const KEPT: &str = "1.0.RELEASE-previous";

/// How secrets begin: a password, a token, and one that is signed.
const SECRETS: [&str; 2] = ["canary", signer::BEGINNING];

/// The cells that run at once; nearly all of their time they wait.
const AT_ONCE: usize = 32;

/// The time limits of the commands that must end with it, in seconds: the first within
/// which one comes as far as its fault, which on a busy machine may be a later one.
const LIMITS: [u64; 3] = [3, 12, 48];

/// The time limit of those that must not, on however busy a machine.
const AMPLE: u64 = 60;

/// What starting and ending a process may take on a busy machine.
const SLACK: Duration = Duration::from_secs(10);

/// What gives the answers where nothing goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Behind {
    Script,
    /// Debian's `docker-registry`.
    Registry,
}

impl Behind {
    fn title(self) -> &'static str {
        match self {
            Self::Script => "matrix",
            Self::Registry => "matrix before a real registry",
        }
    }

    fn start(self, content: State) -> Scripted {
        match self {
            Self::Script => Scripted::start(content),
            Self::Registry => Scripted::before_registry(content),
        }
    }
}

/// A registry, and a workspace in which a scenario's command is about to run.
struct Stage {
    scenario: Scenario,
    server: Scripted,
    sandbox: Sandbox,
}

impl Stage {
    fn new(behind: Behind, scenario: Scenario) -> Self {
        let mut state = STOCK.state();
        state.mounts = scenario == Scenario::Mounted;
        state.has_referrers = state.mounts;
        if let Some(before) = scenario.before() {
            state.point("app", "1.0.RELEASE", before);
        }
        if let Some(kept) = scenario.kept() {
            state.point("app", KEPT, kept);
        }
        if scenario == Scenario::Staged {
            state.repositories.clear();
        } else {
            state.point("app", "1.0.SNAPSHOT", STOCK.new);
        }
        let server = behind.start(state);
        let mut sandbox = sandbox(&server);
        if scenario == Scenario::Staged {
            sandbox.has_built("backend", Image::new("new"));
        }
        if matches!(scenario, Scenario::Mounted | Scenario::Copied) {
            sandbox.has_own_production(server.repository("released"));
        }
        Self {
            scenario,
            server,
            sandbox,
        }
    }

    /// A registry in which the cell's fault waits for the command.
    fn of_cell(cell: Cell) -> Self {
        let stage = Self::new(cell.behind, cell.scenario);
        let (matching, number) = cell.scenario.requests(cell.step);
        let when = if cell.always {
            When::From(number)
        } else {
            When::Only(number)
        };
        let fault = cell.row.fault(cell.scenario);
        stage.server.script(matching, when, fault);
        stage
    }

    /// Runs the command with that time limit in seconds.
    fn run(&self, limit: u64) -> Ran {
        let (limit, digest) = (limit.to_string(), STOCK.new.to_string());
        let command: &[&str] = match self.scenario {
            Scenario::Staged => &["staging-tag", "backend"],
            Scenario::Untested => &["promote", "backend"],
            Scenario::RolledBack => &["rollback", "backend"],
            _ => &["promote", "backend", "--digest", &digest],
        };
        let options = ["--format", "json", "--timeout", &limit];
        self.sandbox.run(options.iter().chain(command))
    }

    fn tag(&self) -> Option<Digest> {
        let (repository, tag) = self.scenario.target();
        self.server.tag(repository, tag)
    }

    fn kept(&self) -> Option<Digest> {
        self.server.tag(self.scenario.target().0, KEPT)
    }

    fn violations(&self) -> Vec<String> {
        self.server.with(|state| state.violations.clone())
    }
}

/// A cell's command and what became of it.
struct Attempt {
    stage: Stage,
    limit: Duration,
    ran: Ran,
    took: Duration,
}

impl Attempt {
    fn of_cell(cell: Cell, limit: u64) -> Self {
        let stage = Stage::of_cell(cell);
        let since = Instant::now();
        let ran = stage.run(limit);
        Self {
            took: since.elapsed(),
            limit: Duration::from_secs(limit),
            ran,
            stage,
        }
    }

    fn met_the_fault(&self) -> bool {
        self.stage.server.was_met()
    }

    fn ended_in_time(&self) -> bool {
        self.took <= self.limit + SLACK
    }
}

/// What is not as it should be in a cell.
fn judge(cell: Cell, usual: &HashMap<String, usize>) -> Vec<String> {
    let expected = cell.outcome();
    let limits: &[u64] = if expected.is_endless {
        &LIMITS
    } else {
        &[AMPLE]
    };
    let attempts = limits.iter().map(|limit| Attempt::of_cell(cell, *limit));
    let Some(attempt) = attempts.into_iter().find(Attempt::met_the_fault) else {
        return vec!["the fault was not met".into()];
    };
    let Attempt { stage, ran, .. } = &attempt;
    let Stage {
        server, sandbox, ..
    } = stage;
    let mut wrong = Vec::new();
    let mut demand = |holds: bool, what: String| {
        if !holds {
            wrong.push(what);
        }
    };
    let code = expected.kind.map_or(0, |kind| i32::from(kind.exit_code()));
    demand(
        ran.code == Some(code),
        format!("exit code {:?}, not {code}", ran.code),
    );
    let objects: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
    let object = &objects[0];
    let said = object["error"]["message"].as_str().unwrap_or_default();
    if let Some(kind) = expected.kind {
        demand(
            object["error"]["kind"] == kind.word(),
            format!("kind {}", object["error"]["kind"]),
        );
    }
    for word in &expected.words {
        demand(said.contains(word), format!("no {word:?} in {said:?}"));
    }
    let found = stage.tag();
    demand(
        expected.tag.contains(&found),
        format!("the tag points at {found:?}"),
    );
    let kept = stage.kept();
    demand(
        [cell.scenario.kept(), cell.scenario.before()].contains(&kept),
        format!("-previous is {kept:?}"),
    );
    let told = format!("{ran:?}");
    demand(
        !SECRETS.iter().any(|secret| told.contains(secret)),
        "a secret is told".into(),
    );
    demand(
        !expected.is_endless || attempt.ended_in_time(),
        format!("it took {:?}", attempt.took),
    );
    let asked = server.asked().len();
    // Of the others no object says how much was asked.
    if !matches!(cell.scenario, Scenario::Staged | Scenario::RolledBack) {
        let counted = object["requests"].as_u64().unwrap_or(0)
            + object["auth_requests"].as_u64().unwrap_or(0);
        // A request that the time limit meets on its way out may never be seen, and
        // neither may one that is given up because there is nothing right to send.
        let unseen = match (cell.row, cell.step) {
            _ if expected.kind == Some(Kind::Unavailable) => 2,
            (Row::OtherBytes, Step::GetBlob) => 1,
            _ => 0,
        };
        let seen = asked as u64;
        demand(
            (seen..=seen + unseen).contains(&counted),
            format!("{counted} requests counted, {asked} seen"),
        );
    }
    if let Some(more) = expected.more {
        let usual = usual[&format!("{:?}", cell.scenario)];
        demand(
            asked == usual + more,
            format!(
                "{asked} requests, not {usual} + {more}: {:#?}",
                server.asked()
            ),
        );
    }
    wrong.extend(judge_records(sandbox, code == 0));
    if code != 0 {
        wrong.extend(judge_next(cell, stage));
    }
    wrong.extend(stage.violations());
    if !wrong.is_empty() {
        wrong.push(ran.stderr.clone());
    }
    wrong
}

/// Without the fault the same command finishes the work, and what it displaces is kept.
fn judge_next(cell: Cell, stage: &Stage) -> Vec<String> {
    stage.server.heal();
    let ran = stage.run(AMPLE);
    let mut wrong = judge_records(&stage.sandbox, true);
    if ran.code != Some(0) {
        wrong.push(ran.stderr);
    }
    let displaced = match cell.row {
        Row::SomebodyMoves => Some(STOCK.foreign),
        _ => cell.scenario.before(),
    };
    let found = (stage.tag(), stage.kept());
    if found != (Some(STOCK.new), displaced) {
        wrong.push(format!("the tag and -previous point at {found:?}"));
    }
    for fault in &mut wrong {
        fault.insert_str(0, "the next run: ");
    }
    wrong
}

/// Records are whole after a success, and there are none after a failure. What was
/// intended may be recorded then, for the next run, and no longer once it is done.
fn judge_records(sandbox: &Sandbox, succeeded: bool) -> Vec<String> {
    let mut wrong = Vec::new();
    let files = files_below(&sandbox.path("target/delivery"));
    for file in &files {
        let text = fs::read_to_string(file).unwrap();
        if serde_json::from_str::<Value>(&text).is_err() || !text.contains(&STOCK.new.to_string()) {
            wrong.push(format!("{}: {text:?}", file.display()));
        }
    }
    let (intended, done): (Vec<_>, Vec<_>) = files
        .iter()
        .partition(|file| file.ends_with("intention.json"));
    if done.is_empty() == succeeded || (succeeded && !intended.is_empty()) {
        wrong.push(format!("the records are {files:?}"));
    }
    wrong
}

/// All files below a folder, which need not be there. A lock holds nothing.
fn files_below(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(folder) else {
        return Vec::new();
    };
    let paths = entries.map(|entry| entry.unwrap().path());
    paths
        .flat_map(|path| {
            if path.is_dir() {
                files_below(&path)
            } else {
                vec![path]
            }
        })
        .filter(|path| !path.ends_with(".lock"))
        .collect()
}

/// Asserts that every cell comes to what the table says.
pub(crate) fn check(behind: Behind) {
    let usual: HashMap<_, _> = Scenario::ALL
        .into_iter()
        .map(|scenario| {
            let stage = Stage::new(behind, scenario);
            let ran = stage.run(AMPLE);
            assert_eq!(ran.code, Some(0), "{scenario:?}: {}", ran.stderr);
            assert_eq!(stage.violations(), [""; 0]);
            (format!("{scenario:?}"), stage.server.asked().len())
        })
        .collect();
    let cells = Cell::all(behind);
    let judged = parallel::map(&cells, AT_ONCE, |cell| judge(*cell, &usual));
    tell(format_args!("{}: {} cells", behind.title(), cells.len()));
    let wrong: Vec<_> = cells
        .iter()
        .zip(judged)
        .filter(|(_, wrong)| !wrong.is_empty())
        .collect();
    for (cell, wrong) in &wrong {
        println!("{cell:?}\n    {}", wrong.join("\n    "));
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cells are not as specified",
        wrong.len(),
        cells.len()
    );
}
