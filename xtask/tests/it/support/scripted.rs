//! A registry that does what a test tells it to: it keeps state as a registry
//! does, judges every request by the distribution specification, and answers
//! chosen requests in all the ways in which networks and servers fail.

mod http;
mod rules;
mod state;

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime};

pub(crate) use self::http::{Answer, Request};
pub(crate) use self::state::State;
use xtask::oci::Digest;

/// How long a dripping answer waits between two bytes.
const DRIP: Duration = Duration::from_millis(250);

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

    pub(crate) fn holds(&self, request: &Request) -> bool {
        request.method == self.method
            && request.path.ends_with(&self.path)
            && self.query.is_none_or(|part| {
                request.query.contains(part) && request.query.is_empty() == part.is_empty()
            })
    }
}

/// What goes wrong.
#[derive(Debug, Clone)]
pub(crate) enum Fault {
    /// The connection ends before the request was looked at.
    Close,
    /// The same, with a reset.
    Reset,
    /// The connection ends in the middle of the answer's header.
    CutHeader,
    /// The connection ends in the middle of the answer's body.
    CutBody,
    /// The header promises fewer bytes than come.
    ShortLength,
    /// This answer instead of the registry's; the request has no effect.
    Answer(Answer),
    /// The same with `Retry-After`, as a date so far from now.
    RetryDate(u16, Duration),
    /// The effect, but this answer.
    AnswerAfterEffect(Answer),
    /// One byte after the other, slowly.
    Drip,
    /// Nothing at all.
    Silence,
    /// The effect, but no answer.
    LostAnswer,
    /// Other bytes than those with the digest.
    OtherBytes,
    /// The effect, but another digest in the answer.
    OtherDigest,
    /// Somebody else moves the production tag just before.
    SomebodyMoves(&'static str, Digest),
    /// Somebody else changes what is there, just before.
    Meanwhile(fn(&mut State)),
    /// The token is not known any more.
    Unauthorized,
    /// An answer without an end.
    EndlessHeader,
    /// Nothing but answers that another one is to follow.
    EndlessContinue,
    /// The same answer, in other bytes, after which the connection ends.
    Rewritten(fn(&[u8]) -> Vec<u8>),
    /// This answer before the body was read, after which the connection ends.
    Early(Answer),
}

/// Which of the matching requests meet the fault, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum When {
    Only(usize),
    From(usize),
}

impl When {
    pub(crate) fn includes(self, number: usize) -> bool {
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
}

#[derive(Default)]
struct Shared {
    state: State,
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
    pub(crate) fn start(mut state: State) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        state.host = format!("127.0.0.1:{port}");
        let shared = Arc::new(Mutex::new(Shared {
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
        });
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
            request.read_head(&mut stream, head);
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
            None => shared
                .lock()
                .unwrap()
                .state
                .answer(&request)
                .send(&mut stream, &request),
            Some(fault) => meet(&mut stream, &request, shared, fault),
        };
        if ended.is_err() {
            let _ = stream.shutdown(Shutdown::Both);
            return;
        }
    }
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
            let due = script.when.includes(script.seen);
            found = found.or_else(|| due.then(|| script.fault.clone()));
        }
    }
    (found, shared.latency)
}

/// An answer after which the connection cannot be used any more.
struct Ended;

impl From<std::io::Error> for Ended {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

fn meet(
    stream: &mut TcpStream,
    request: &Request,
    shared: &Mutex<Shared>,
    fault: Fault,
) -> Result<(), Ended> {
    let effect = || shared.lock().unwrap().state.answer(request);
    match fault {
        Fault::Close | Fault::Reset => Err(Ended),
        Fault::Answer(answer) => answer.send(stream, request),
        Fault::RetryDate(status, wait) => {
            let date = httpdate::fmt_http_date(SystemTime::now() + wait);
            Answer::status(status)
                .header("retry-after", &date)
                .send(stream, request)
        }
        Fault::AnswerAfterEffect(answer) => {
            effect();
            answer.send(stream, request)
        }
        Fault::LostAnswer => {
            effect();
            Err(Ended)
        }
        Fault::SomebodyMoves(tag, digest) => {
            shared.lock().unwrap().state.point("app", tag, digest);
            effect().send(stream, request)
        }
        Fault::Meanwhile(change) => {
            change(&mut shared.lock().unwrap().state);
            effect().send(stream, request)
        }
        Fault::Unauthorized => shared
            .lock()
            .unwrap()
            .state
            .challenge()
            .send(stream, request),
        Fault::OtherBytes => {
            let mut answer = effect();
            // Still a manifest: only its digest tells.
            answer.body.push(b' ');
            answer.send(stream, request)
        }
        Fault::OtherDigest => {
            let other = Digest::of(b"something else").to_string();
            effect()
                .header("docker-content-digest", &other)
                .send(stream, request)
        }
        broken => {
            let bytes = effect().bytes(request);
            send_broken(stream, &bytes, &broken)
        }
    }
}

/// Answers that never become whole.
fn send_broken(stream: &mut TcpStream, bytes: &[u8], fault: &Fault) -> Result<(), Ended> {
    let head = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
    match fault {
        Fault::CutHeader => stream.write_all(&bytes[..head / 2])?,
        Fault::CutBody => stream.write_all(&bytes[..head + (bytes.len() - head) / 2])?,
        Fault::ShortLength => {
            let text = String::from_utf8(bytes[..head].to_vec()).unwrap();
            let short = (bytes.len() - head) / 2;
            let whole = format!("content-length: {}\r\n", bytes.len() - head);
            let text = text.replace(&whole, &format!("content-length: {short}\r\n"));
            stream.write_all(text.as_bytes())?;
            stream.write_all(&bytes[head..])?;
        }
        Fault::Drip => {
            for byte in bytes {
                stream.write_all(&[*byte])?;
                std::thread::sleep(DRIP);
            }
        }
        Fault::EndlessContinue => loop {
            stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        },
        Fault::Rewritten(write) => stream.write_all(&write(bytes))?,
        Fault::EndlessHeader => loop {
            stream.write_all(b"HTTP/1.1 200 OK\r\nx-more: and more\r\n")?;
            stream.write_all(&b"x-more: and more\r\n".repeat(64))?;
        },
        // Until the client has had enough.
        _ => while stream.read(&mut [0; 64]).is_ok_and(|count| count > 0) {},
    }
    Err(Ended)
}
