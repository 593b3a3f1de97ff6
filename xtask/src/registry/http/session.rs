//! A conversation with one repository: authentication, redirects and retries
//! around single requests.

use std::fmt::Display;
use std::hash::{BuildHasher as _, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::Result;
use ureq::http::header::LOCATION;

use super::client::{Answer, Client, HostState, Payload, Request};
use super::failure::{self, Failure};
use super::location;
use super::refusal::Refusal;
use crate::console;
use crate::error::Kind;
use crate::registry::Traffic;

/// How often a redirect is followed.
const REDIRECTS: u32 = 5;

/// The first wait before another try; each further one is twice as long.
const FIRST_WAIT: Duration = Duration::from_millis(200);

/// The longest wait that the registry did not ask for.
const LONGEST_WAIT: Duration = Duration::from_secs(10);

/// Sends the requests of one repository and counts them.
pub(super) struct Session {
    client: Arc<Client>,
    state: Arc<HostState>,
    scope: String,
    requests: AtomicU32,
    auth_requests: AtomicU32,
    bytes: AtomicU64,
}

impl Session {
    /// A conversation with `state`'s host; `scope` is what its tokens allow
    /// (distribution specification, "Token Scope").
    pub(super) fn new(client: Arc<Client>, state: Arc<HostState>, scope: String) -> Self {
        Self {
            client,
            state,
            scope,
            requests: AtomicU32::new(0),
            auth_requests: AtomicU32::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// The base of the host's URLs.
    pub(super) fn base_url(&self) -> String {
        self.state.host.base_url()
    }

    pub(super) fn traffic(&self) -> Traffic {
        Traffic {
            requests: self.requests.load(Ordering::Relaxed),
            auth_requests: self.auth_requests.load(Ordering::Relaxed),
            bytes: self.bytes.load(Ordering::Relaxed),
        }
    }

    /// Counts what another session did for this repository.
    pub(super) fn add_traffic(&self, traffic: Traffic) {
        self.requests.fetch_add(traffic.requests, Ordering::Relaxed);
        self.count_auth(traffic.auth_requests);
        self.bytes.fetch_add(traffic.bytes, Ordering::Relaxed);
    }

    pub(super) fn count_bytes(&self, bytes: usize) {
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Does `step` until it succeeds, fails for good, or the command's time
    /// limit would be over before the next try. `what` names it in messages.
    pub(super) fn persist<T>(
        &self,
        what: &dyn Display,
        mut step: impl FnMut() -> Result<T, Failure>,
    ) -> Result<T> {
        let _running = self.client.clock.run();
        let mut backoff = FIRST_WAIT;
        let mut before = None;
        loop {
            let (why, after) = match step() {
                Ok(value) => return Ok(value),
                Err(Failure::Final(error)) => return Err(error.context(what.to_string())),
                Err(Failure::Again { why, after }) => (why, after),
            };
            // A registry that asks for no wait at all would be asked without end.
            let wait = after.map_or_else(|| jittered(backoff), |after| after.max(FIRST_WAIT));
            if wait >= self.client.clock.remaining() {
                let asked = after.map(|_| format!("it asks to wait {}", console::seconds(wait)));
                // The last try may only have had too little time left to fail like the others.
                let before = before
                    .filter(|before| *before != why)
                    .map(|before| format!("before that, {before}"));
                let whys: Vec<_> = [Some(why), asked, before].into_iter().flatten().collect();
                return Err(self.out_of_time(what, &whys.join("; ")));
            }
            self.wait(what, &why, wait);
            before = Some(why);
            backoff = (backoff * 2).min(LONGEST_WAIT);
        }
    }

    fn out_of_time(&self, what: &dyn Display, why: &str) -> anyhow::Error {
        let limit = self.client.clock.limit().as_secs();
        Kind::Unavailable
            .because(format!(
                "{what}: no usable answer within the time limit of {limit} s: {why}"
            ))
            .hint("try again later, or allow more time with --timeout SECONDS")
            .into()
    }

    fn wait(&self, what: &dyn Display, why: &str, wait: Duration) {
        let clock = &self.client.clock;
        let (remaining, limit) = (clock.remaining(), clock.limit().as_secs());
        console::note(format_args!(
            "{what}: {why}; trying again in {} ({} s of {limit} s left)",
            console::seconds(wait),
            remaining.as_secs(),
        ));
        std::thread::sleep(wait);
    }

    /// Sends `request`, with whatever authorisation the session's host wants, and follows
    /// where the answer leads. A passing status is a failure; every other one is the
    /// caller's to judge.
    pub(super) fn exchange(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let answer = self.send_where_named(request)?;
        if let Payload::Bytes(bytes) = request.body {
            self.count_bytes(bytes.len());
        }
        self.judge(self.follow(request, answer)?)
    }

    /// Turns a passing status into a failure.
    fn judge(&self, mut answer: Answer) -> Result<Answer, Failure> {
        if !failure::is_passing(answer.status) {
            return Ok(answer);
        }
        let body = answer.read_error();
        Err(failure::of_status(answer.status, &answer.headers, &body))
    }

    fn authorized(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let authentication = &self.state.authentication;
        let mut renewed = false;
        loop {
            let _probe = authentication.probe();
            let asking = || self.count_auth(1);
            let header = self.client.authorize(&self.state, &self.scope, asking)?;
            let answer = self.send(&self.state, request, header.as_deref())?;
            match answer.status.as_u16() {
                401 if renewed => return Ok(answer),
                401 if authentication.challenged(&answer, &self.scope, header.as_deref()) => {}
                403 | 404
                    if header.is_none() && self.client.could_sign_in(&self.state, &self.scope) =>
                {
                    // It counts as one of the host's requests as long as it lives.
                    drop(answer);
                    let asking = || self.count_auth(1);
                    self.client
                        .seek_challenge(&self.state, &self.scope, asking)?;
                }
                401 => return Ok(answer),
                _ => {
                    authentication.answered();
                    return Ok(answer);
                }
            }
            // It was no answer yet: the request is sent again, and counts then.
            self.requests.fetch_sub(1, Ordering::Relaxed);
            self.count_auth(1);
            renewed = header.is_some();
        }
    }

    /// Sends a request and counts it as it leaves.
    fn send(
        &self,
        host: &HostState,
        request: &Request<'_>,
        authorization: Option<&str>,
    ) -> Result<Answer, Failure> {
        let answer = self.client.send(host, request, authorization, || {
            self.requests.fetch_add(1, Ordering::Relaxed);
        });
        answer.map_err(|failure| {
            if host.host == self.state.host {
                failure
            } else {
                failure.at(&host.host)
            }
        })
    }

    fn count_auth(&self, requests: u32) {
        self.auth_requests.fetch_add(requests, Ordering::Relaxed);
    }

    /// Follows redirects, also of what is sent, where they keep the method.
    fn follow(&self, request: &Request<'_>, mut answer: Answer) -> Result<Answer, Failure> {
        let mut next = request.clone();
        for _ in 0..REDIRECTS {
            if !leads_on(request, &answer) {
                return Ok(answer);
            }
            next.url = answer.location()?;
            drop(answer);
            answer = self.send_where_named(&next)?;
        }
        if leads_on(request, &answer) {
            let fault = format!(
                "{} redirects more than {REDIRECTS} times",
                location::shown(&request.url)
            );
            return Err(Kind::Failed.because(fault).into());
        }
        Ok(answer)
    }

    /// Sends a request to the URL that the registry named. The authorisation goes along to
    /// the same host only (storage behind a registry takes none, and nobody else may see it).
    fn send_where_named(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        if location::is_same_origin(&self.state.host.base_url(), &request.url) {
            self.authorized(request)
        } else {
            self.send_elsewhere(request)
        }
    }

    /// Sends a request to another host, without authorisation. Where that refuses it, the
    /// account is not the reason, and the registry's name neither.
    fn send_elsewhere(&self, request: &Request<'_>) -> Result<Answer, Failure> {
        let host = self.client.host(&location::host(&request.url)?);
        let mut answer = self.send(&host, request, None)?;
        let (registry, host, status) = (&self.state.host, &host.host, answer.status);
        if !matches!(status.as_u16(), 401 | 403) {
            return Ok(answer);
        }
        let said = failure::said(&answer.read_error());
        Err(Kind::Denied
            .because(format!(
                "{registry} leads to {host}, which answers {status}{said}"
            ))
            .hint(format!(
                "no account goes to {host}: see whether a proxy or a firewall stands before it"
            ))
            .into())
    }

    /// The failure that a refusal is where the caller has no use for it.
    pub(super) fn unexpected(&self, refusal: &Refusal) -> Failure {
        refusal.fault(&self.state.host, &self.account()).into()
    }

    /// The account that is used, as messages name it.
    pub(super) fn account(&self) -> String {
        self.client.account(&self.state, &self.scope)
    }
}

/// Whether `answer` leads to where `request` is to be sent next. What is sent goes along
/// only where the method stays the same (RFC 9110, section 15.4).
fn leads_on(request: &Request<'_>, answer: &Answer) -> bool {
    let keeps_method = match request.body {
        Payload::Empty => answer.status.is_redirection(),
        Payload::Bytes(_) | Payload::Blob(..) => matches!(answer.status.as_u16(), 307 | 308),
    };
    keeps_method && answer.headers.contains_key(LOCATION)
}

/// Between half of `wait` and all of it, so that clients that failed together
/// do not come back together.
fn jittered(wait: Duration) -> Duration {
    // The standard library's hasher is seeded at random.
    let random = RandomState::new().hash_one(0_u8);
    wait.mul_f64(0.5 + (random as f64 / u64::MAX as f64) / 2.0)
}
