//! A proxy in front of a real registry that breaks connections.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use super::scripted::{Matching, Request, When};

/// How long a dripping answer waits between two bytes.
const DRIP: Duration = Duration::from_millis(250);

/// How a connection breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Break {
    /// It ends before the request reaches the registry.
    BeforeRequest,
    /// The same with a reset.
    Reset,
    /// The registry answers, and nothing of it comes back.
    AnswerLost,
    /// Half of the answer comes back.
    AnswerCut,
    /// The answer comes back one byte after the other, slowly.
    Drip,
    /// The connection stays, and nothing comes.
    Silence,
}

impl Break {
    pub(crate) const ALL: [Self; 6] = [
        Self::BeforeRequest,
        Self::Reset,
        Self::AnswerLost,
        Self::AnswerCut,
        Self::Drip,
        Self::Silence,
    ];
}

/// What is broken, and when.
struct Script {
    matching: Matching,
    when: When,
    how: Break,
    seen: AtomicUsize,
}

/// Starts a proxy for `registry`; gives its host. It ends with the process.
pub(crate) fn proxy(registry: &str, matching: Matching, when: When, how: Break) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = format!("127.0.0.1:{}", listener.local_addr().unwrap().port());
    let script = Script {
        matching,
        when,
        how,
        seen: AtomicUsize::new(0),
    };
    let registry = registry.to_owned();
    thread::spawn(move || {
        thread::scope(|scope| {
            for client in listener.incoming() {
                let (script, registry) = (&script, &registry);
                scope.spawn(move || {
                    let client = client.unwrap();
                    // Either side may end the connection at any time.
                    let _ = serve(&client, registry, script);
                    let _ = client.shutdown(Shutdown::Write);
                });
            }
        });
    });
    host
}

fn serve(mut client: &TcpStream, registry: &str, script: &Script) -> std::io::Result<()> {
    while let Some((mut request, head)) = Request::peek(client) {
        let matches = script.matching.holds(&request);
        let number = matches.then(|| script.seen.fetch_add(1, Ordering::Relaxed) + 1);
        let due = number.is_some_and(|number| script.when.includes(number));
        let how = due.then_some(script.how);
        if how == Some(Break::Reset) {
            // Closing a socket with unread bytes resets the connection.
            return Ok(());
        }
        if !request.read(&mut client.try_clone()?, head) || how == Some(Break::BeforeRequest) {
            return Ok(());
        }
        if how == Some(Break::Silence) {
            return wait_for_end(client);
        }
        let answer = ask(registry, &request)?;
        match how {
            None => client.write_all(&answer)?,
            Some(Break::AnswerCut) => return client.write_all(&answer[..answer.len() / 2]),
            Some(Break::Drip) => {
                for byte in answer {
                    client.write_all(&[byte])?;
                    thread::sleep(DRIP);
                }
            }
            Some(_) => return Ok(()),
        }
    }
    Ok(())
}

fn wait_for_end(mut client: &TcpStream) -> std::io::Result<()> {
    while client.read(&mut [0; 64])? > 0 {}
    Ok(())
}

/// The registry's whole answer, over a connection of its own.
fn ask(registry: &str, request: &Request) -> std::io::Result<Vec<u8>> {
    let mut connection = TcpStream::connect(registry)?;
    connection.write_all(&request.raw())?;
    let mut answer = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        if is_whole(&answer, request.method == "HEAD") {
            return Ok(answer);
        }
        match connection.read(&mut buffer)? {
            0 => return Ok(answer),
            count => answer.extend(&buffer[..count]),
        }
    }
}

fn is_whole(answer: &[u8], without_body: bool) -> bool {
    let Some(end) = answer.windows(4).position(|end| end == b"\r\n\r\n") else {
        return false;
    };
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "));
    let body = length.map_or(0, |length| length.trim().parse().unwrap());
    without_body || answer.len() >= end + 4 + body
}
