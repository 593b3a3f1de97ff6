//! What it means that a registry does not do what it is asked for, and what can be done.

use ureq::http::StatusCode;

use super::credentials::how_to_sign_in;
use super::failure;
use super::location;
use crate::error::{Fault, Kind};
use crate::oci::Host;

/// How registries speak of a tag that may not be moved: of Amazon's, Harbor's and GitHub's
/// it is immutable or exists, Artifactory's must not be overwritten, Nexus does not allow
/// updating assets, and Azure's says that the operation is disallowed.
const FIXED: [&str; 5] = [
    "immutab",
    "exists",
    "overwr",
    "not allow updating",
    "disallowed",
];

/// How they speak of storage that is used up, with whatever status.
const FULL: [&str; 2] = ["quota", "exceed the configured upper limit"];

/// What is left of an answer that nobody has a use for.
pub(super) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
    /// Where a redirect leads.
    pub(super) leads_to: Option<String>,
    /// Whether it has the header that marks a registry's answers.
    pub(super) is_marked: bool,
}

impl Refusal {
    /// What it says, ready to be put behind something else.
    pub(super) fn said(&self) -> String {
        failure::said(&self.body)
    }

    /// Whether the registry forbids to move a tag that is there.
    pub(super) fn is_of_fixed_tag(&self) -> bool {
        self.status == StatusCode::LOCKED || self.speaks_of(&FIXED)
    }

    /// Whether it knows nothing any more of an upload that it began a moment ago
    /// (distribution specification, "Error Codes").
    pub(super) fn is_of_lost_upload(&self) -> bool {
        matches!(self.status.as_u16(), 404 | 416) || self.speaks_of(&["blob_upload_"])
    }

    /// Whether a registry answered, and nothing else of that name.
    pub(super) fn is_of_registry(&self) -> bool {
        self.is_marked || failure::are_errors(&self.body)
    }

    fn speaks_of(&self, words: &[&str]) -> bool {
        let body = String::from_utf8_lossy(&self.body).to_ascii_lowercase();
        words.iter().any(|word| body.contains(word))
    }

    /// The fault that `host` thereby tells whoever is asked as `account`.
    pub(super) fn fault(&self, host: &Host, account: &str) -> Fault {
        let (status, said) = (self.status, self.said());
        let answered = Kind::Failed.because(format!("the registry answered {status}{said}"));
        match status.as_u16() {
            402 | 507 => full(&format!("{status}{said}")),
            403 | 409 | 412 if self.speaks_of(&FULL) => full(&format!("{status}{said}")),
            401 | 403 => Kind::Denied
                .because(format!("{status}{said} ({account}): it does not exist, or the account may not see or change it"))
                .hint(format!("check the repository's name and the account's rights; {}", how_to_sign_in(host))),
            404 if self.is_of_registry() => Kind::NotFound
                .because(format!("{status}{said} ({account}): it does not exist, or the account may not see it"))
                .hint("check the repository's name; some registries want it created first"),
            404 => Kind::NotFound
                .because(format!("{status}{said} ({account}): it does not exist, or no registry answers there"))
                .hint(format!("check the host in the repository's name; {}", location::hint(host))),
            300..=399 => {
                let leads = self.leads_to.as_deref().unwrap_or("nowhere");
                Kind::Failed
                    .because(format!("the registry answered {status}, which leads to {leads}{said}"))
                    .hint("name the host that answers itself; what is sent is sent again only where 307 or 308 leads")
            }
            400 if failure::wants_tls(&self.body) => {
                answered.hint(format!("plain HTTP is spoken to this machine: serve {host} without TLS, or name it by another host name than localhost or an address of the loopback"))
            }
            405 => answered.hint("the registry may be read-only, or a cache of another one: name the one that images are pushed to"),
            409 | 412 | 423 => answered.hint("a rule of the registry may lock the tag or the repository: unlock it there, or raise the version in the tag's parameter"),
            413 => answered.hint(format!("whoever keeps {host}, or a proxy in front of it, must allow larger bodies (nginx: client_max_body_size)")),
            _ => answered.hint(format!("ask whoever keeps {host} why; {}", location::hint(host))),
        }
    }
}

fn full(answer: &str) -> Fault {
    Kind::Unavailable
        .because(format!("the registry's quota is used up: {answer}"))
        .hint("delete images that nobody needs, or ask whoever keeps the registry for more")
}
