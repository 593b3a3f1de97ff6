//! The rows and columns of the fault table, and what each cell must come to.

use std::time::Duration;

use xtask::error::Kind;
use xtask::oci::Digest;

use super::Behind;
use crate::support::scripted::{Answer, Fault, Matching};
use crate::support::stock::STOCK;

/// What a command is asked to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scenario {
    /// The production tag is new.
    New,
    /// It displaces another digest.
    Displaced,
    /// Nobody says which digest was tested.
    Untested,
    /// Production has a repository of its own, and the registry mounts blobs.
    Mounted,
    /// The same, and blobs have to be copied.
    Copied,
    /// The image is pushed to staging.
    Staged,
    /// Production goes back to what was kept.
    RolledBack,
}

/// A request of a promotion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    Challenge,
    Token,
    Look,
    LookAgain,
    LookAfter,
    LookStaging,
    GetNew,
    GetOld,
    PutPrevious,
    PutTag,
    PutDigest,
    Referrers,
    HeadBlob,
    GetBlob,
    Mount,
    BeginUpload,
    PutBlob,
}

impl Scenario {
    pub(super) const ALL: [Self; 7] = [
        Self::New,
        Self::Displaced,
        Self::Untested,
        Self::Mounted,
        Self::Copied,
        Self::Staged,
        Self::RolledBack,
    ];

    /// The requests that it is about.
    pub(super) fn steps(self) -> &'static [Step] {
        use Step::*;
        match self {
            Self::New => &[Challenge, Token, Look, GetNew, PutTag, LookAfter],
            Self::Displaced => &[GetOld, PutPrevious, LookAgain, PutTag, LookAfter],
            Self::Untested => &[LookStaging],
            Self::Mounted => &[Mount, PutDigest, Referrers],
            Self::Copied => &[GetBlob, BeginUpload, PutBlob],
            Self::Staged => &[HeadBlob, BeginUpload, PutBlob, PutTag],
            Self::RolledBack => &[GetOld, LookAgain, PutTag, LookAfter, PutPrevious],
        }
    }

    /// The repository and tag that the command moves.
    pub(super) fn target(self) -> (&'static str, &'static str) {
        match self {
            Self::Mounted | Self::Copied => ("released", "1.0.RELEASE"),
            Self::Staged => ("app", "1.0.SNAPSHOT"),
            _ => ("app", "1.0.RELEASE"),
        }
    }

    /// What that tag points at before.
    pub(super) fn before(self) -> Option<Digest> {
        matches!(self, Self::Displaced | Self::RolledBack).then_some(STOCK.old)
    }

    /// What the tag that keeps points at before.
    pub(super) fn kept(self) -> Option<Digest> {
        (self == Self::RolledBack).then_some(STOCK.new)
    }

    /// The requests of it that `step` stands for, and the number of the first of them.
    pub(super) fn requests(self, step: Step) -> (Matching, usize) {
        let (repository, tag) = self.target();
        let manifest = |what: &dyn std::fmt::Display| format!("/v2/{repository}/manifests/{what}");
        let look = || Matching::new("HEAD", manifest(&tag));
        let displaced = usize::from(self.before().is_some());
        match step {
            Step::Challenge => (look(), 1),
            Step::Look => (look(), 2),
            Step::LookAgain => (look(), 3),
            Step::LookAfter => (look(), 3 + displaced),
            Step::Token => (Matching::new("GET", "/token"), 1),
            // Without a token, and with one.
            Step::LookStaging => (Matching::new("HEAD", manifest(&"1.0.SNAPSHOT")), 2),
            Step::GetNew => (Matching::new("GET", manifest(&STOCK.new)), 1),
            Step::GetOld => (Matching::new("GET", manifest(&STOCK.old)), 1),
            Step::PutPrevious => (
                Matching::new("PUT", manifest(&format!("{tag}-previous"))),
                1,
            ),
            Step::PutTag => (Matching::new("PUT", manifest(&tag)), 1),
            Step::PutDigest => (Matching::new("PUT", manifest(&STOCK.new)), 1),
            Step::Referrers => (Matching::new("GET", format!("/referrers/{}", STOCK.new)), 1),
            Step::HeadBlob => (blob("HEAD", repository), 1),
            Step::GetBlob => (blob("GET", "app"), 1),
            Step::Mount | Step::BeginUpload => {
                let mut matching =
                    Matching::new("POST", format!("/v2/{repository}/blobs/uploads/"));
                matching.query = Some(if step == Step::Mount { "mount=" } else { "" });
                (matching, 1)
            }
            Step::PutBlob => (
                Matching {
                    query: Some("digest="),
                    ..Matching::new("PUT", "")
                },
                1,
            ),
        }
    }
}

/// The layer of the new image, which alone is looked at.
fn blob(method: &'static str, repository: &str) -> Matching {
    Matching::new(method, format!("/v2/{repository}/blobs/{}", STOCK.layer))
}

impl Step {
    fn is_head(self) -> bool {
        use Step::*;
        matches!(
            self,
            Challenge | Look | LookAgain | LookAfter | LookStaging | HeadBlob
        )
    }

    fn is_get(self) -> bool {
        use Step::*;
        matches!(self, Token | GetNew | GetOld | GetBlob | Referrers)
    }

    fn is_manifest_put(self) -> bool {
        matches!(self, Self::PutPrevious | Self::PutTag | Self::PutDigest)
    }

    fn is_put(self) -> bool {
        self.is_manifest_put() || self == Self::PutBlob
    }
}

/// A row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Row {
    Closed,
    Reset,
    CutHeader,
    CutBody,
    ShortLength,
    Passing(u16),
    RetrySeconds(u16),
    RetryDate(u16),
    RetryPastLimit(u16),
    QuotaHeader,
    QuotaBody,
    Drip,
    Silence,
    EndlessHeader,
    OtherBytes,
    OtherDigest,
    Unauthorized,
    Forbidden,
    NotFound,
    AnswerLost,
    FailedAfterEffect,
    SomebodyMoves,
    Html,
    Empty,
    Malformed,
}

const HTML: &str = "<html>a proxy's page</html>";
const MALFORMED: &str = r#"{"schemaVersion" 2}"#;

impl Row {
    pub(super) const ALL: [Self; 34] = [
        Self::Closed,
        Self::Reset,
        Self::CutHeader,
        Self::CutBody,
        Self::ShortLength,
        Self::Passing(408),
        Self::Passing(429),
        Self::Passing(500),
        Self::Passing(502),
        Self::Passing(503),
        Self::Passing(504),
        Self::RetrySeconds(429),
        Self::RetrySeconds(503),
        Self::RetryDate(429),
        Self::RetryDate(503),
        Self::RetryPastLimit(429),
        Self::RetryPastLimit(503),
        Self::QuotaHeader,
        Self::QuotaBody,
        Self::Drip,
        Self::Silence,
        Self::EndlessHeader,
        Self::OtherBytes,
        Self::OtherDigest,
        Self::Unauthorized,
        Self::Forbidden,
        Self::NotFound,
        Self::AnswerLost,
        Self::FailedAfterEffect,
        Self::SomebodyMoves,
        Self::Html,
        Self::Empty,
        Self::Malformed,
        Self::Passing(501),
    ];

    pub(super) fn fault(self, scenario: Scenario) -> Fault {
        let status = Answer::status;
        Fault::Answer(match self {
            Self::Closed => return Fault::Close,
            Self::Reset => return Fault::Reset,
            Self::CutHeader => return Fault::CutHeader,
            Self::CutBody => return Fault::CutBody,
            Self::ShortLength => return Fault::ShortLength,
            Self::Drip => return Fault::Drip,
            Self::Silence => return Fault::Silence,
            Self::EndlessHeader => return Fault::EndlessHeader,
            Self::OtherBytes => return Fault::OtherBytes,
            Self::OtherDigest => return Fault::OtherDigest,
            Self::Unauthorized => return Fault::Unauthorized,
            Self::AnswerLost => return Fault::LostAnswer,
            Self::FailedAfterEffect => return Fault::AnswerAfterEffect(status(500)),
            Self::SomebodyMoves => return Fault::SomebodyMoves(scenario.target().1, STOCK.foreign),
            Self::RetryDate(code) => return Fault::RetryDate(code, Duration::from_secs(1)),
            Self::Passing(code) => status(code),
            Self::RetrySeconds(code) => status(code).header("retry-after", "1"),
            Self::RetryPastLimit(code) => status(code).header("retry-after", "3600"),
            Self::QuotaHeader => status(429).header("ratelimit-remaining", "0;w=21600"),
            Self::QuotaBody => Answer::error(
                429,
                "TOOMANYREQUESTS",
                "You have reached your pull rate limit.",
            ),
            Self::Forbidden => Answer::error(403, "DENIED", "requested access is denied"),
            Self::NotFound => Answer::error(404, "NAME_UNKNOWN", "not known here"),
            Self::Html => status(200).body("text/html", HTML),
            Self::Empty => status(200),
            Self::Malformed => status(200).body("application/json", MALFORMED),
        })
    }

    /// Whether it can befall the request at all, and is more than its natural answer.
    pub(super) fn befalls(self, step: Step) -> bool {
        use Step::*;
        match self {
            Self::CutBody => step.is_get(),
            Self::ShortLength => step.is_get(),
            Self::QuotaBody => !step.is_head(),
            Self::OtherBytes => matches!(step, GetNew | GetOld | GetBlob),
            Self::OtherDigest => step.is_put() || matches!(step, LookAgain | LookAfter),
            Self::AnswerLost | Self::FailedAfterEffect => {
                step.is_put() || matches!(step, BeginUpload | Mount)
            }
            Self::SomebodyMoves => matches!(step, GetOld | PutPrevious | LookAgain | LookAfter),
            Self::Unauthorized => step != Challenge,
            Self::NotFound => !matches!(step, Challenge | Look | Referrers),
            Self::Html | Self::Empty => {
                (step.is_get() && step != GetBlob) || (step.is_head() && step != HeadBlob)
            }
            Self::Malformed => step.is_get() && step != GetBlob,
            // Registries without HEAD and without a referrers API say so like this.
            Self::Passing(501) => !matches!(step, Referrers),
            _ => true,
        }
    }
}

/// What a cell must come to.
#[derive(Debug)]
pub(super) struct Outcome {
    /// `None` for success.
    pub(super) kind: Option<Kind>,
    /// Whether only the time limit ends it.
    pub(super) is_endless: bool,
    /// What the message must say.
    pub(super) words: Vec<String>,
    /// What the tag may point at.
    pub(super) tag: Vec<Option<Digest>>,
    /// How many requests more than without the fault.
    pub(super) more: Option<usize>,
}

/// A cell of the table: a row for a request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cell {
    pub(super) behind: Behind,
    pub(super) scenario: Scenario,
    pub(super) step: Step,
    pub(super) row: Row,
    pub(super) always: bool,
}

impl Cell {
    pub(super) fn all(behind: Behind) -> Vec<Self> {
        let mut cells = Vec::new();
        for scenario in Scenario::ALL {
            for &step in scenario.steps() {
                for row in Row::ALL.into_iter().filter(|row| row.befalls(step)) {
                    cells.extend([false, true].map(|always| Self {
                        behind,
                        scenario,
                        step,
                        row,
                        always,
                    }));
                }
            }
        }
        cells
    }

    pub(super) fn outcome(self) -> Outcome {
        let (kind, words) = match self.kind() {
            None => (None, Vec::new()),
            Some(kind) => (Some(kind), self.words(kind)),
        };
        Outcome {
            tag: self.tag(kind),
            more: kind.is_none().then(|| self.more()).flatten(),
            is_endless: kind == Some(Kind::Unavailable) && !self.is_given_up(),
            kind,
            words,
        }
    }

    fn kind(self) -> Option<Kind> {
        use Row::*;
        let Self {
            step, row, always, ..
        } = self;
        let in_the_end = |kind| always.then_some(kind);
        match row {
            RetryPastLimit(_) | QuotaHeader | QuotaBody | Drip | Silence => Some(Kind::Unavailable),
            EndlessHeader => Some(Kind::Failed),
            // Whatever else goes wrong with a mount costs a copy.
            _ if step == Step::Mount => None,
            // Debian's registry has no referrers API: it answers 404 before it looks at
            // a token, and nobody needs more of that answer than its header.
            CutBody | ShortLength | Unauthorized
                if step == Step::Referrers && self.behind == Behind::Registry =>
            {
                None
            }
            CutHeader | AnswerLost | FailedAfterEffect if step.is_put() => None,
            Closed | Reset | CutHeader | CutBody | ShortLength | RetrySeconds(_) | RetryDate(_)
            | AnswerLost | FailedAfterEffect => in_the_end(Kind::Unavailable),
            Passing(501) if step.is_head() && step != Step::HeadBlob => None,
            Passing(501) => Some(Kind::Failed),
            Passing(_) => in_the_end(Kind::Unavailable),
            OtherBytes => Some(Kind::Failed),
            OtherDigest if step.is_head() => Some(Kind::Raced),
            OtherDigest => Some(Kind::Failed),
            Unauthorized if step == Step::Token => Some(Kind::Denied),
            Unauthorized => in_the_end(Kind::Denied),
            // Whoever sent no account asks for the challenge, and tries with one.
            Forbidden if step == Step::Challenge => in_the_end(Kind::Denied),
            Forbidden => Some(Kind::Denied),
            NotFound => match step {
                // There was nothing before either: the registry may only be late.
                Step::LookAfter if self.scenario.before().is_none() => {
                    in_the_end(Kind::Unavailable)
                }
                Step::LookAgain | Step::LookAfter => Some(Kind::Raced),
                Step::HeadBlob => None,
                // The upload may only have got lost.
                Step::PutBlob => in_the_end(Kind::NotFound),
                _ => Some(Kind::NotFound),
            },
            SomebodyMoves => Some(Kind::Raced),
            Html | Empty | Malformed if step.is_head() => None,
            Empty => in_the_end(Kind::Unavailable),
            Html | Malformed => Some(Kind::Unavailable),
        }
    }

    /// Whether no better answer is waited for, however much time there is.
    fn is_given_up(self) -> bool {
        use Row::*;
        match self.row {
            RetryPastLimit(_) | QuotaHeader | QuotaBody | Html | Malformed => true,
            ShortLength => self.step == Step::GetBlob,
            _ => false,
        }
    }

    fn words(self, kind: Kind) -> Vec<String> {
        let repository = match self.step {
            Step::GetBlob | Step::Referrers => "app",
            _ => self.scenario.target().0,
        };
        let reference = format!("/{repository}");
        let digests = |one: Digest, other: Digest| vec![one.to_string(), other.to_string()];
        match (kind, self.row) {
            (_, Row::RetryPastLimit(_)) => vec!["asks to wait".into()],
            (_, Row::QuotaHeader | Row::QuotaBody) => vec!["quota".into()],
            (_, Row::Html) => vec![HTML.into()],
            // A malformed answer of the token server may have the token in it.
            (_, Row::Malformed) if self.step == Step::Token => vec!["usable token".into()],
            (_, Row::Malformed) => vec![MALFORMED.into()],
            (_, Row::EndlessHeader) => vec!["header".into()],
            (_, Row::OtherBytes) => match self.step {
                Step::GetNew => vec![STOCK.new.to_string(), "gave bytes with the digest".into()],
                Step::GetOld => vec![STOCK.old.to_string(), "gave bytes with the digest".into()],
                _ => vec![STOCK.layer.to_string()],
            },
            (Kind::Raced, Row::SomebodyMoves) => digests(STOCK.foreign, STOCK.new),
            (Kind::Raced, _) => vec!["somebody else".into(), STOCK.new.to_string()],
            (Kind::Denied, _) => vec![reference, "tester".into()],
            (Kind::NotFound, _) => vec![reference],
            (Kind::Unavailable, Row::Empty) => Vec::new(),
            (Kind::Unavailable, Row::ShortLength) if self.step == Step::GetBlob => {
                vec!["it ended after".into()]
            }
            (Kind::Unavailable, _) => vec!["within the time limit of".into()],
            _ => vec![reference],
        }
    }

    fn tag(self, kind: Option<Kind>) -> Vec<Option<Digest>> {
        let (before, new) = (self.scenario.before(), Some(STOCK.new));
        match (kind, self.step) {
            (None, _) => vec![new],
            _ if self.row == Row::SomebodyMoves => vec![Some(STOCK.foreign)],
            (_, Step::LookAfter) => vec![new],
            // A rollback moves the production tag first.
            (_, Step::PutPrevious) if self.scenario == Scenario::RolledBack => vec![new],
            (_, Step::PutTag) if matches!(self.row, Row::OtherDigest) => vec![new],
            // The answer got lost, whatever became of the request.
            (_, Step::PutTag) => match self.row {
                Row::CutHeader | Row::Drip | Row::Silence | Row::EndlessHeader => vec![before, new],
                _ => vec![before],
            },
            _ => vec![before],
        }
    }

    fn more(self) -> Option<usize> {
        use Row::*;
        let Self {
            step, row, always, ..
        } = self;
        let is_plain = step.is_manifest_put()
            || matches!(step, Step::GetNew | Step::GetOld)
            || (step.is_head() && !matches!(step, Step::HeadBlob | Step::Challenge));
        if always || !is_plain {
            return None;
        }
        match row {
            Closed | Reset | CutBody | ShortLength | RetrySeconds(_) | RetryDate(_)
            | Passing(_)
                if !step.is_manifest_put() =>
            {
                Some(1)
            }
            CutHeader if !step.is_manifest_put() => Some(1),
            // A HEAD settles what became of it before it is sent again.
            Closed | Reset | RetrySeconds(_) | RetryDate(_) | Passing(_) => Some(2),
            CutHeader | AnswerLost | FailedAfterEffect => Some(1),
            // The same request with a new token.
            Unauthorized => Some(2),
            _ => None,
        }
    }
}
