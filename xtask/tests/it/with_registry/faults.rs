//! Connections to a real registry that break.

use std::time::{Duration, Instant};

use xtask::parallel;

use crate::support::breaking::{Break, proxy};
use crate::support::image::Image;
use crate::support::registry::Registry;
use crate::support::scripted::{Matching, When};
use crate::support::{Sandbox, tell};

/// The time limit of the commands that must end with it, in seconds.
const LIMIT: u64 = 2;

/// The time limit of those that must not, on however busy a machine.
const AMPLE: u64 = 60;

/// What starting and ending processes may take on a busy machine.
const SLACK: Duration = Duration::from_secs(10);

/// A request of a promotion that displaces an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Look,
    GetNew,
    GetOld,
    PutPrevious,
    LookAgain,
    PutTag,
    LookAfter,
    HeadBlob,
    BeginUpload,
    PutBlob,
    PutStaging,
}

impl Step {
    const ALL: [Self; 11] = [
        Self::Look,
        Self::GetNew,
        Self::GetOld,
        Self::PutPrevious,
        Self::LookAgain,
        Self::PutTag,
        Self::LookAfter,
        Self::HeadBlob,
        Self::BeginUpload,
        Self::PutBlob,
        Self::PutStaging,
    ];

    /// Whether it belongs to a push to staging.
    fn is_of_push(self) -> bool {
        matches!(
            self,
            Self::HeadBlob | Self::BeginUpload | Self::PutBlob | Self::PutStaging
        )
    }

    /// Whether an answer that got lost is found by another request.
    fn is_settled(self) -> bool {
        matches!(
            self,
            Self::PutPrevious | Self::PutTag | Self::PutBlob | Self::PutStaging
        )
    }

    fn requests(self, old: &str, new: &str) -> (Matching, usize) {
        let digest = |digest: &str| Matching::new("GET", format!("/manifests/{digest}"));
        let tag = |method, tag: &str| Matching::new(method, format!("/manifests/{tag}"));
        match self {
            Self::Look => (tag("HEAD", "1.0.RELEASE"), 1),
            Self::LookAgain => (tag("HEAD", "1.0.RELEASE"), 2),
            Self::LookAfter => (tag("HEAD", "1.0.RELEASE"), 3),
            Self::GetNew => (digest(new), 1),
            Self::GetOld => (digest(old), 1),
            Self::PutPrevious => (tag("PUT", "1.0.RELEASE-previous"), 1),
            Self::PutTag => (tag("PUT", "1.0.RELEASE"), 1),
            Self::PutStaging => (tag("PUT", "1.0.SNAPSHOT"), 1),
            Self::HeadBlob => (Matching::new("HEAD", ""), 2),
            Self::BeginUpload => (Matching::new("POST", "/blobs/uploads/"), 1),
            Self::PutBlob => {
                let mut put = Matching::new("PUT", "");
                put.query = Some("digest=");
                (put, 1)
            }
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Cell {
    number: usize,
    step: Step,
    how: Break,
    always: bool,
}

impl Cell {
    fn all() -> Vec<Self> {
        let mut cells = Vec::new();
        for step in Step::ALL {
            for how in Break::ALL {
                for always in [false, true] {
                    let number = cells.len();
                    cells.push(Self {
                        number,
                        step,
                        how,
                        always,
                    });
                }
            }
        }
        cells
    }

    fn code(self) -> i32 {
        let lost = matches!(self.how, Break::AnswerLost | Break::AnswerCut);
        let slow = matches!(self.how, Break::Drip | Break::Silence);
        let fails = slow || (self.always && !(lost && self.step.is_settled()));
        if fails { 7 } else { 0 }
    }
}

/// What is not as it should be in a cell.
fn judge(registry: &Registry, cell: Cell) -> Vec<String> {
    let repository = format!("cell-{}", cell.number);
    let mut sandbox =
        Sandbox::new().with("BACKEND_IMAGE_REPO_NAME", registry.repository(&repository));
    let stage = |content| {
        sandbox
            .has_built("backend", Image::new(content))
            .to_string()
    };
    let (old, new) = (stage("old"), stage("new"));
    let (watched, before) = if cell.step.is_of_push() {
        ("1.0.SNAPSHOT", None)
    } else {
        stage("old");
        sandbox.ok(["staging-tag", "backend"]);
        sandbox.ok(["promote", "backend", "--digest", &old]);
        stage("new");
        sandbox.ok(["staging-tag", "backend"]);
        ("1.0.RELEASE", Some(old.clone()))
    };
    let (matching, first) = cell.step.requests(&old, &new);
    let when = if cell.always {
        When::From(first)
    } else {
        When::Only(first)
    };
    let host = proxy(&registry.host(), matching, when, cell.how);
    sandbox.set("BACKEND_IMAGE_REPO_NAME", format!("{host}/{repository}"));
    let ends = cell.code() == 7;
    let limit = if ends { LIMIT } else { AMPLE }.to_string();
    let since = Instant::now();
    let ran = if cell.step.is_of_push() {
        sandbox.run(["--timeout", &limit, "staging-tag", "backend"])
    } else {
        sandbox.run(["--timeout", &limit, "promote", "backend", "--digest", &new])
    };
    let took = since.elapsed();
    let after = registry.tag(&repository, watched);
    let mut wrong = Vec::new();
    if ran.code != Some(cell.code()) {
        wrong.push(format!(
            "exit code {:?}, not {}\n{}",
            ran.code,
            cell.code(),
            ran.stderr
        ));
    }
    if after.as_ref() != Some(&new) && (ran.code == Some(0) || after != before) {
        wrong.push(format!("the tag points at {after:?}"));
    }
    if ends && took > Duration::from_secs(LIMIT) + SLACK {
        wrong.push(format!("it took {took:?}"));
    }
    // Without the fault the same command finishes the work.
    sandbox.set("BACKEND_IMAGE_REPO_NAME", registry.repository(&repository));
    if cell.step.is_of_push() {
        sandbox.ok(["staging-tag", "backend"]);
    } else {
        sandbox.ok(["promote", "backend", "--digest", &new]);
    }
    if registry.tag(&repository, watched) != Some(new) {
        wrong.push("the next run did not finish".into());
    }
    wrong
}

#[test]
fn a_connection_that_breaks_leaves_the_old_or_the_new_image() {
    let registry = Registry::open();
    let cells = Cell::all();
    let judged = parallel::map(&cells, 16, |cell| judge(&registry, *cell));
    tell(format_args!(
        "matrix before a real registry: {} cells",
        cells.len()
    ));
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
