//! A registry that does what a test tells it to: it keeps state as a registry
//! does, judges every request by the distribution specification, and answers
//! chosen requests in all the ways in which networks and servers fail. A real
//! registry can stand behind it: then that keeps the state.

mod fault;
mod http;
mod rules;
mod state;

use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use xtask::oci::Digest;

pub(crate) use self::fault::Fault;
pub(crate) use self::http::Answer;
use self::http::Request;
use self::rules::Endpoint;
pub(crate) use self::state::{Shelf, State};
use super::registry::Registry;

/// Requests of one kind.
#[derive(Debug, Clone)]
pub(crate) struct Matching {
    pub(crate) method: &'static str,
    /// What the path ends with.
    pub(crate) path: String,
    /// What the query contains, nothing where there must be none; `None` for any.
    pub(crate) query: Option<&'static str>,
}

impl Matching {
    pub(crate) fn new(method: &'static str, path: impl Into<String>) -> Self {
        Self {
            method,
            path: path.into(),
            query: None,
        }
    }

    fn holds(&self, request: &Request) -> bool {
        request.method == self.method
            && request.path.ends_with(&self.path)
            && self.query.is_none_or(|part| {
                request.query.contains(part) && request.query.is_empty() == part.is_empty()
            })
    }
}

/// Which of the matching requests meet the fault, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Only(usize),
    From(usize),
}

impl When {
    fn includes(self, number: usize) -> bool {
        match self {
            Self::Only(only) => number == only,
            Self::From(first) => number >= first,
        }
    }
}

struct Script {
    matching: Matching,
    when: When,
    fault: Fault,
    seen: usize,
    met: bool,
}

#[derive(Default)]
struct Shared {
    state: State,
    /// What has the content instead of the state.
    registry: Option<Registry>,
    scripts: Vec<Script>,
    latency: Duration,
    now_at_once: usize,
    most_at_once: usize,
}

/// The server. It ends with the process.
pub(crate) struct Scripted {
    port: u16,
    shared: Arc<Mutex<Shared>>,
}

impl Scripted {
    /// A registry with that content.
    pub(crate) fn start(state: State) -> Self {
        Self::start_as(state, |_| None)
    }

    /// A real registry with that content, and with this in front of it, which gives
    /// the tokens and lets requests meet their faults.
    pub(crate) fn before_registry(state: State) -> Self {
        Self::start_as(state, |state| {
            state.signs = true;
            let content = std::mem::take(&mut state.repositories);
            Some(Registry::with_tokens(&state.host, &content))
        })
    }

    fn start_as(mut state: State, behind: impl Fn(&mut State) -> Option<Registry>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        state.host = format!("127.0.0.1:{port}");
        let shared = Arc::new(Mutex::new(Shared {
            registry: behind(&mut state),
            state,
            ..Shared::default()
        }));
        let server = Self {
            port,
            shared: Arc::clone(&shared),
        };
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let shared = Arc::clone(&shared);
                std::thread::spawn(move || serve(stream.unwrap(), &shared));
            }
        });
        server
    }

    pub(crate) fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    pub(crate) fn repository(&self, name: &str) -> String {
        format!("{}/{name}", self.host())
    }

    /// Lets requests meet a fault.
    pub(crate) fn script(&self, matching: Matching, when: When, fault: Fault) {
        self.lock().scripts.push(Script {
            matching,
            when,
            fault,
            seen: 0,
            met: false,
        });
    }

    /// Whether every fault was met.
    pub(crate) fn was_met(&self) -> bool {
        self.lock().scripts.iter().all(|script| script.met)
    }

    /// Lets no request meet a fault any more.
    pub(crate) fn heal(&self) {
        self.lock().scripts.clear();
    }

    /// Lets every request take that long.
    pub(crate) fn delay(&self, latency: Duration) {
        self.lock().latency = latency;
    }

    /// Looks at the content, or changes it.
    pub(crate) fn with<T>(&self, look: impl FnOnce(&mut State) -> T) -> T {
        look(&mut self.lock().state)
    }

    /// What a tag points at, whatever has the content.
    pub(crate) fn tag(&self, repository: &str, tag: &str) -> Option<Digest> {
        self.lock().tag(repository, tag)
    }

    /// What was asked so far, as `METHOD path?query`.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.with(|state| state.asked.clone())
    }

    /// How many requests there were at once, at most.
    pub(crate) fn most_at_once(&self) -> usize {
        self.lock().most_at_once
    }

    fn lock(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap()
    }
}

impl Drop for Scripted {
    fn drop(&mut self) {
        // The threads that serve stay, and the registry ends without them.
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        shared.registry = None;
    }
}

impl Shared {
    /// The answer where nothing goes wrong.
    fn answer(&mut self, request: &Request) -> Answer {
        let endpoint = match self.state.check(request) {
            Ok(endpoint) => endpoint,
            Err(answer) => return answer,
        };
        match &self.registry {
            Some(registry) if endpoint != Endpoint::Token => {
                let mut request = request.clone();
                if matches!(endpoint, Endpoint::BeginUpload(_)) && !self.state.mounts {
                    // What a registry does not know, it passes over.
                    request.query.clear();
                }
                request.forward(&registry.host())
            }
            _ => self.state.answer(endpoint, request),
        }
    }

    fn tag(&self, repository: &str, tag: &str) -> Option<Digest> {
        match &self.registry {
            Some(registry) => Some(registry.tag(repository, tag)?.parse().unwrap()),
            None => self.state.tag(repository, tag),
        }
    }

    fn point(&mut self, repository: &str, tag: &str, digest: Digest) {
        match &self.registry {
            Some(registry) => registry.point(repository, tag, digest),
            None => self.state.point(repository, tag, digest),
        }
    }
}

/// Serves one connection until it ends.
fn serve(mut stream: TcpStream, shared: &Mutex<Shared>) {
    stream.set_nodelay(true).unwrap();
    while let Some((mut request, head)) = Request::peek(&stream) {
        let (fault, latency) = note(shared, &request);
        let counted = Counted(shared);
        if matches!(fault, Some(Fault::Reset)) {
            // Closing a socket with unread bytes resets the connection.
            return;
        }
        if let Some(Fault::Early(answer)) = &fault {
            Request::skip_head(&mut stream, head);
            let _ = answer.send(&mut stream, &request);
            return;
        }
        if !request.read(&mut stream, head) {
            return;
        }
        std::thread::sleep(latency);
        // Whoever has the answer may ask again.
        drop(counted);
        let ended = match fault {
            None => answer(shared, &request).send(&mut stream, &request),
            Some(fault) => fault::meet(&mut stream, &request, shared, fault),
        };
        if ended.is_err() {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
}

/// The answer where nothing goes wrong.
fn answer(shared: &Mutex<Shared>, request: &Request) -> Answer {
    shared.lock().unwrap().answer(request)
}

/// A request that waits for its answer.
struct Counted<'a>(&'a Mutex<Shared>);

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.lock().unwrap().now_at_once -= 1;
    }
}

/// Counts a request and finds the fault that it meets.
fn note(shared: &Mutex<Shared>, request: &Request) -> (Option<Fault>, Duration) {
    let mut shared = shared.lock().unwrap();
    shared.state.asked.push(request.line());
    shared.now_at_once += 1;
    shared.most_at_once = shared.most_at_once.max(shared.now_at_once);
    let mut found = None;
    for script in &mut shared.scripts {
        if script.matching.holds(request) {
            script.seen += 1;
            if found.is_none() && script.when.includes(script.seen) {
                script.met = true;
                found = Some(script.fault.clone());
            }
        }
    }
    (found, shared.latency)
}
