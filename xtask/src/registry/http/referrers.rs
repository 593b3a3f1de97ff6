//! The list of a manifest's referrers, page by page.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result};
use ureq::http::Method;

use super::HttpRepository;
use super::client::{Answer, Request};
use super::failure::{self, Failure};
use super::link::next_link;
use super::refusal::Refusal;
use crate::error::{Fault, Kind};
use crate::oci::{Descriptor, Digest, MAX_MANIFEST_BYTES, MediaType, References, Target};
use crate::registry::{Repository as _, referrers};

/// How many pages a list may have, and how many referrers in all. A registry
/// that says more is broken, or means harm.
const PAGES: usize = 100;
const REFERRERS: usize = 10_000;

/// How many bytes all pages may have together.
const BYTES: usize = 4 * MAX_MANIFEST_BYTES;

/// What was listed so far.
#[derive(Default)]
struct Listing {
    found: Vec<Descriptor>,
    bytes: usize,
    seen: BTreeSet<String>,
}

/// One answer.
struct Page {
    referrers: Vec<Descriptor>,
    bytes: usize,
    next: Option<String>,
}

impl HttpRepository {
    /// The referrers API, else the tag that stands in for it where a registry
    /// does not have it (distribution specification, "Listing Referrers").
    pub(super) fn list_referrers(&self, subject: &Digest) -> Result<Vec<Descriptor>> {
        let what = format!("asking for the referrers of {}", self.name().at(subject));
        let first = self.url("referrers", subject);
        let page = self.session.persist(&what, || {
            let answer = self.ask_for_page(&first)?;
            match answer.status.as_u16() {
                200 => self.read_page(&first, answer),
                401 | 403 => Err(self.hidden(&answer.into_refusal()).into()),
                _ => {
                    drop(answer);
                    self.tagged_referrers(subject)
                }
            }
        })?;
        let mut listing = Listing::default();
        let mut next = listing.take(first, page).context(what.clone())?;
        while let Some(url) = next {
            let page = self.session.persist(&what, || {
                let answer = self.ask_for_page(&url)?;
                self.read_page(&url, answer)
            })?;
            next = listing.take(url, page).context(what.clone())?;
        }
        Ok(listing.found)
    }

    fn ask_for_page(&self, url: &str) -> Result<Answer, Failure> {
        let mut request = Request::new(Method::GET, url.to_owned());
        request
            .headers
            .push(("accept", MediaType::OciIndex.name().into()));
        self.session.exchange(&request)
    }

    /// An answer that is anything but a whole index would let signatures get
    /// lost without a word.
    fn read_page(&self, url: &str, mut answer: Answer) -> Result<Page, Failure> {
        if answer.status.as_u16() != 200 {
            return Err(self.session.unexpected(&answer.into_refusal()));
        }
        if let Some(filters) = answer.header("oci-filters-applied") {
            let fault = format!("{url} left out what no {filters:?} was asked for");
            return Err(Kind::Failed.because(fault).into());
        }
        let links = answer.headers.get_all("link").iter();
        let next = next_link(links.filter_map(|value| value.to_str().ok()))
            .map(|reference| answer.resolve(reference))
            .transpose()?;
        let body = answer.read(MAX_MANIFEST_BYTES)?;
        self.session.count_bytes(body.len());
        let (bytes, excerpt) = (body.len(), failure::excerpt(&body));
        let index = self.parse_manifest(body, Some(MediaType::OciIndex.name()));
        let index = index.map_err(|failure| answer.blame_encoding(failure))?;
        match index.references() {
            References::Index { manifests } => Ok(Page {
                referrers: manifests.clone(),
                bytes,
                next,
            }),
            References::Image { .. } => Err(Kind::Unavailable
                .because(format!("the answer is no list of referrers: {excerpt}"))
                .into()),
        }
    }

    /// Whoever was shown the image should see what refers to it: something else than the
    /// account's rights to the repository is in the way.
    fn hidden(&self, refusal: &Refusal) -> Fault {
        let account = self.session.account();
        Kind::Denied
            .because(format!(
                "the referrers API, which lists signatures and attestations, answers {}{} ({account}), although the image itself is shown",
                refusal.status,
                refusal.said()
            ))
            .hint("let the account list referrers, and let proxies pass /v2/…/referrers/ on; a registry without that API answers 404")
    }

    fn tagged_referrers(&self, subject: &Digest) -> Result<Page, Failure> {
        let index = self.get(&Target::Tag(referrers::tag(subject)?))?;
        Ok(Page {
            referrers: referrers::listed(index.as_ref()),
            bytes: 0,
            next: None,
        })
    }
}

impl Listing {
    /// Adds the page of `url`, and gives the next one's URL.
    fn take(&mut self, url: String, page: Page) -> Result<Option<String>, Fault> {
        self.found.extend(page.referrers);
        self.bytes += page.bytes;
        self.seen.insert(url);
        let Some(next) = page.next else {
            return Ok(None);
        };
        if self.seen.contains(&next) {
            let fault = format!("the list of referrers leads in a circle: {next} was read already");
            return Err(Kind::Failed.because(fault));
        }
        if self.seen.len() >= PAGES || self.found.len() > REFERRERS || self.bytes > BYTES {
            let fault = format!(
                "the list of referrers is endless: {} of them on {} pages, and {next} has more",
                self.found.len(),
                self.seen.len()
            );
            return Err(Kind::Failed.because(fault));
        }
        Ok(Some(next))
    }
}
