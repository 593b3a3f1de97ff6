//! All the ways in which networks and servers fail.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::{Arc, Barrier, Mutex};
use std::time::{Duration, SystemTime};

use xtask::oci::Digest;

use super::http::{Answer, Request, end_of_head};
use super::{Shared, State, answer};

/// How long a dripping answer waits between two bytes.
const DRIP: Duration = Duration::from_millis(250);

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
    /// The same of the body alone.
    DripBody,
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
    /// The request waits for the test, which meets it here once it has come, and once
    /// more to let it go on.
    Held(Arc<Barrier>),
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

/// An answer after which the connection cannot be used any more.
pub(super) struct Ended;

impl From<std::io::Error> for Ended {
    fn from(_: std::io::Error) -> Self {
        Self
    }
}

/// Answers a request as the fault wants it.
pub(super) fn meet(
    stream: &mut TcpStream,
    request: &Request,
    shared: &Mutex<Shared>,
    fault: Fault,
) -> Result<(), Ended> {
    let effect = || answer(shared, request);
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
            shared.lock().unwrap().point("app", tag, digest);
            effect().send(stream, request)
        }
        Fault::Meanwhile(change) => {
            change(&mut shared.lock().unwrap().state);
            effect().send(stream, request)
        }
        Fault::Held(barrier) => {
            barrier.wait();
            barrier.wait();
            effect().send(stream, request)
        }
        Fault::Unauthorized => answer(shared, &request.clone().anonymous()).send(stream, request),
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

fn drip(stream: &mut TcpStream, bytes: &[u8]) -> std::io::Result<()> {
    bytes.iter().try_for_each(|byte| {
        stream.write_all(&[*byte])?;
        std::thread::sleep(DRIP);
        Ok(())
    })
}

/// Answers that never become whole.
fn send_broken(stream: &mut TcpStream, bytes: &[u8], fault: &Fault) -> Result<(), Ended> {
    let head = end_of_head(bytes).unwrap();
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
        Fault::Drip => drip(stream, bytes)?,
        Fault::DripBody => {
            stream.write_all(&bytes[..head])?;
            drip(stream, &bytes[head..])?;
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
