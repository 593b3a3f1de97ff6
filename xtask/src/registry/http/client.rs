//! One request, one answer.

use std::cell::RefCell;
use std::collections::HashMap;
use std::io::Read;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use ureq::http::{self, HeaderMap, Method, StatusCode};
use ureq::{Agent, Body, SendBody};

use super::agent::Agents;
use super::clock::Clock;
use super::failure::{self, Failure};
use super::location;
use super::refusal::Refusal;
use super::token::Authentication;
use crate::error::Kind;
use crate::oci::Host;
use crate::parallel::{Gate, Permit};
use crate::parameters::Parameters;
use crate::registry::{Content, content_error};

/// What marks an answer as a registry's own (distribution specification, "Legacy Docker
/// support HTTP headers").
const API_VERSION: &str = "docker-distribution-api-version";

/// How many requests go to one host at once.
pub(super) const REQUESTS_PER_HOST: usize = 8;

/// How long one try of a small request may take; the command's limit is longer,
/// so that a try that hangs does not use it up.
const TRY_LIMIT: Duration = Duration::from_secs(30);

/// How long a connection may take to be made.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How much of an unexpected answer's body is read.
const ERROR_BODY_BOUND: u64 = 64 * 1024;

/// What all repositories of a command share.
pub(in crate::registry) struct Client {
    pub(super) clock: Clock,
    pub(super) parameters: Arc<Parameters>,
    agents: Agents,
    hosts: Mutex<HashMap<Host, Arc<HostState>>>,
}

/// What is known of one host.
pub(super) struct HostState {
    pub(super) host: Host,
    pub(super) authentication: Authentication,
    /// Whether a `HEAD` of a manifest found it.
    pub(super) has_head: AtomicBool,
    gate: Gate,
}

/// A request that can be sent more than once.
#[derive(Clone)]
pub(super) struct Request<'a> {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Vec<(&'static str, String)>,
    pub(super) body: Payload<'a>,
    /// The answer's body is a blob: it may take as long as it moves.
    pub(super) answered_by_blob: bool,
}

/// The body of a request.
#[derive(Clone, Copy)]
pub(super) enum Payload<'a> {
    Empty,
    Bytes(&'a [u8]),
    /// A blob: its content and its length in bytes.
    Blob(&'a dyn Content, u64),
}

impl Request<'_> {
    pub(super) fn new(method: Method, url: String) -> Self {
        Self {
            method,
            url,
            headers: Vec::new(),
            body: Payload::Empty,
            answered_by_blob: false,
        }
    }
}

/// An answer whose body has not been read yet. While it lives, it counts as one
/// of the host's requests.
pub(super) struct Answer {
    /// What was asked, after all redirects.
    url: String,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    body: Body,
    /// When whoever reads the whole body gives up.
    end: Instant,
    _permit: Permit,
}

impl Answer {
    /// Whether the answer is marked as a registry's own.
    pub(super) fn is_marked(&self) -> bool {
        self.headers.contains_key(API_VERSION)
    }

    /// The absolute URL of a reference in the answer. One that is neither HTTPS nor on this
    /// machine is refused.
    pub(super) fn resolve(&self, reference: &str) -> Result<String> {
        location::resolve(&self.url, reference)
    }

    /// The absolute URL that `Location` names.
    pub(super) fn location(&self) -> Result<String, Failure> {
        match self.header("location") {
            Some(reference) if !reference.is_empty() => Ok(self.resolve(reference)?),
            _ => {
                let url = location::shown(&self.url);
                let fault = format!("{url} answered {} without a location", self.status);
                let hint = location::hint(&location::host(&self.url)?);
                Err(Kind::Failed.because(fault).hint(hint).into())
            }
        }
    }

    /// Reads what the registry says about it, and lets the next request go.
    pub(super) fn into_refusal(mut self) -> Refusal {
        Refusal {
            status: self.status,
            leads_to: self.header("location").map(str::to_owned),
            is_marked: self.is_marked(),
            body: self.read_error(),
        }
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    /// `failure` to make sense of the body, or its reason: that it was compressed on
    /// its way. Some registries only say so, and then nothing is wrong with it.
    pub(super) fn blame_encoding(&self, failure: Failure) -> Failure {
        match self.header("content-encoding") {
            Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => Kind::Failed
                .because(format!(
                    "the answer is encoded as {encoding:?}, although it was asked for as it is"
                ))
                .hint("let whatever stands in front of the registry pass its answers on unchanged")
                .into(),
            _ => failure,
        }
    }

    /// The body, which may have `bound` bytes at most.
    pub(super) fn read(&mut self, bound: usize) -> Result<Vec<u8>, Failure> {
        let mut bytes = Vec::new();
        self.until_end()
            .take(bound as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(|error| failure::of_io(&error))?;
        if bytes.len() > bound {
            return Err(Kind::Failed
                .because(format!("the answer has more than {bound} bytes, its bound"))
                .hint(format!(
                    "put less into the manifest where it is one; {}",
                    location::hint(&location::host(&self.url)?)
                ))
                .into());
        }
        Ok(bytes)
    }

    /// The beginning of an unexpected answer's body. That it cannot be read
    /// makes the answer no more unexpected.
    pub(super) fn read_error(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        let _ = self
            .until_end()
            .take(ERROR_BODY_BOUND)
            .read_to_end(&mut bytes);
        bytes
    }

    /// The body, as long as it does not come byte by byte for ever.
    fn until_end(&mut self) -> impl Read {
        struct Until<R>(R, Instant);
        impl<R: Read> Read for Until<R> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                if Instant::now() >= self.1 {
                    return Err(std::io::ErrorKind::TimedOut.into());
                }
                self.0.read(buffer)
            }
        }
        let reader = self.body.with_config().limit(u64::MAX).reader();
        Until(reader, self.end)
    }

    /// The body as a stream of any length.
    pub(super) fn into_reader(self) -> impl Read + Send {
        /// Reads the body and keeps the permit until the end.
        struct Stream<R>(
            R,
            #[expect(dead_code, reason = "held until the body is read")] Permit,
        );
        impl<R: Read> Read for Stream<R> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                self.0.read(buffer)
            }
        }
        Stream(
            self.body.into_with_config().limit(u64::MAX).reader(),
            self._permit,
        )
    }
}

impl Client {
    pub(in crate::registry) fn new(parameters: Arc<Parameters>, limit: Duration) -> Self {
        Self {
            clock: Clock::new(limit),
            parameters,
            agents: Agents::default(),
            hosts: Mutex::default(),
        }
    }

    pub(super) fn host(&self, host: &Host) -> Arc<HostState> {
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        let state = hosts.entry(host.clone()).or_insert_with(|| {
            Arc::new(HostState {
                host: host.clone(),
                authentication: Authentication::default(),
                has_head: AtomicBool::new(false),
                gate: Gate::new(REQUESTS_PER_HOST),
            })
        });
        Arc::clone(state)
    }

    /// Sends `request` once and gives whatever is answered; `leaving` is called
    /// where it really is sent.
    pub(super) fn send(
        &self,
        state: &HostState,
        request: &Request<'_>,
        authorization: Option<&str>,
        leaving: impl FnOnce(),
    ) -> Result<Answer, Failure> {
        let permit = state.gate.enter();
        let remaining = self.clock.remaining();
        if remaining.is_zero() {
            return Err(Failure::again("the time limit is over"));
        }
        let agent = self.agents.for_url(&state.host, &request.url)?;
        let mut builder = http::Request::builder()
            .method(&request.method)
            .uri(&request.url);
        for (name, value) in &request.headers {
            builder = builder.header(*name, value);
        }
        if let Some(authorization) = authorization {
            builder = builder.header(http::header::AUTHORIZATION, authorization);
        }
        let response = match &request.body {
            Payload::Blob(content, length) => {
                let source = content.open()?;
                leaving();
                self.upload(agent, builder, source, *length, remaining)
            }
            small => {
                leaving();
                let limits = if request.answered_by_blob {
                    Limits::download(remaining)
                } else {
                    Limits::small(remaining)
                };
                match small {
                    Payload::Bytes(bytes) => run(agent, builder, *bytes, limits),
                    _ => run(agent, builder, (), limits),
                }
            }
        }?;
        let (head, body) = response.into_parts();
        Ok(Answer {
            url: request.url.clone(),
            status: head.status,
            headers: head.headers,
            body,
            end: Instant::now() + self.clock.remaining().min(TRY_LIMIT),
            _permit: permit,
        })
    }

    fn upload(
        &self,
        agent: &Agent,
        builder: http::request::Builder,
        source: Box<dyn Read + Send + '_>,
        length: u64,
        remaining: Duration,
    ) -> Result<http::Response<Body>, Failure> {
        let fault = RefCell::new(None);
        let mut reader = Upload {
            source,
            clock: &self.clock,
            since: Instant::now(),
            fault: &fault,
        };
        let builder = builder.header(http::header::CONTENT_LENGTH, length);
        let result = run(
            agent,
            builder,
            SendBody::from_reader(&mut reader),
            Limits::upload(remaining),
        );
        match fault.take() {
            Some(error) => Err(Failure::Final(
                content_error(error).context("reading the blob's content"),
            )),
            None => result,
        }
    }
}

/// How long the parts of one try may take.
struct Limits {
    total: Option<Duration>,
    step: Duration,
}

impl Limits {
    fn small(remaining: Duration) -> Self {
        Self {
            total: Some(remaining.min(TRY_LIMIT)),
            step: remaining,
        }
    }

    /// A blob may take long on its way out, but no single write, and its answer
    /// neither, longer than what is left.
    fn upload(remaining: Duration) -> Self {
        Self {
            total: None,
            step: remaining,
        }
    }

    /// On its way in it may take long as well, but where nothing comes for a while
    /// it goes on over another connection.
    fn download(remaining: Duration) -> Self {
        Self {
            total: None,
            step: remaining.min(TRY_LIMIT),
        }
    }
}

fn run(
    agent: &Agent,
    builder: http::request::Builder,
    body: impl ureq::AsSendBody,
    limits: Limits,
) -> Result<http::Response<Body>, Failure> {
    let request = builder.body(body).context("building the request")?;
    let request = agent
        .configure_request(request)
        .timeout_global(limits.total)
        .timeout_connect(Some(limits.step.min(CONNECT_LIMIT)))
        .timeout_recv_response(Some(limits.step))
        .timeout_per_read(Some(limits.step))
        .timeout_per_write(Some(limits.step))
        .build();
    agent.run(request).map_err(|error| {
        let failure = failure::of_transport(error);
        match agent.config().proxy() {
            Some(proxy) => failure.through(proxy),
            None => failure,
        }
    })
}

/// A blob on its way out: lets the clock stand still while it moves, and keeps
/// an error of the source apart from one of the connection.
struct Upload<'a> {
    source: Box<dyn Read + Send + 'a>,
    clock: &'a Clock,
    since: Instant,
    fault: &'a RefCell<Option<std::io::Error>>,
}

impl Read for Upload<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.clock.remaining().is_zero() {
            return Err(std::io::ErrorKind::TimedOut.into());
        }
        match self.source.read(buffer) {
            Ok(count) => {
                self.clock.moved(self.since, count as u64);
                self.since = Instant::now();
                Ok(count)
            }
            Err(error) => {
                let kind = error.kind();
                self.fault.replace(Some(error));
                Err(kind.into())
            }
        }
    }
}
