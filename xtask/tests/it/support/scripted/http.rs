//! HTTP/1.1 as far as a registry needs it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::fault::Ended;

/// A request.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(super) version: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
    head: Vec<u8>,
}

impl Request {
    /// The next request's head, which stays unread, and its length; `None` at the
    /// connection's end.
    pub(crate) fn peek(stream: &TcpStream) -> Option<(Self, usize)> {
        let mut buffer = vec![0; 64 * 1024];
        let mut known = 0;
        loop {
            let count = stream.peek(&mut buffer).ok().filter(|count| *count > 0)?;
            let end = buffer[..count]
                .windows(4)
                .position(|end| end == b"\r\n\r\n");
            if let Some(end) = end {
                let head = std::str::from_utf8(&buffer[..end]).unwrap();
                return Some((Self::parse(head), end + 4));
            }
            assert!(count > known || known < buffer.len(), "an endless request");
            known = count;
            std::thread::yield_now();
        }
    }

    fn parse(head: &str) -> Self {
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap().split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, target, version) = (word(), word(), word());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let headers = lines.map(|line| line.split_once(": ").unwrap_or((line, "")));
        Self {
            method,
            path: path.into(),
            query: query.into(),
            version,
            headers: headers
                .map(|(name, value)| (name.to_ascii_lowercase(), value.into()))
                .collect(),
            body: Vec::new(),
            head: Vec::new(),
        }
    }

    /// Takes the head off the connection and reads the body; whether it was whole.
    pub(crate) fn read(&mut self, stream: &mut TcpStream, head: usize) -> bool {
        self.read_head(stream, head);
        if self.header("expect") == Some("100-continue")
            && stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").is_err()
        {
            return false;
        }
        let length = self
            .header("content-length")
            .map(|length| length.parse().unwrap());
        self.body = vec![0; length.unwrap_or(0)];
        stream.read_exact(&mut self.body).is_ok()
    }

    /// Takes the head alone off the connection.
    pub(super) fn read_head(&mut self, stream: &mut TcpStream, head: usize) {
        self.head = vec![0; head];
        stream.read_exact(&mut self.head).unwrap();
    }

    /// The request as it came.
    pub(crate) fn raw(&self) -> Vec<u8> {
        [self.head.as_slice(), &self.body].concat()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(other, _)| other == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The first value of a key in the query, as it was sent.
    pub(super) fn parameter(&self, key: &str) -> Option<&str> {
        self.parameters(key).next()
    }

    /// All values of a key.
    pub(super) fn parameters(&self, key: &str) -> impl Iterator<Item = &str> {
        let pairs = self.query.split('&');
        pairs.filter_map(move |pair| pair.strip_prefix(key)?.strip_prefix('='))
    }

    pub(super) fn line(&self) -> String {
        let joint = if self.query.is_empty() { "" } else { "?" };
        format!("{} {}{joint}{}", self.method, self.path, self.query)
    }
}

/// An answer.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(super) status: u16,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// A header, in the place of one of that name.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.retain(|(other, _)| other != name);
        self.headers.push((name.into(), value.into()));
        self
    }

    pub(crate) fn body(mut self, media_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", media_type)
    }

    /// An error as the distribution specification writes it.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let body = serde_json::json!({ "errors": [{ "code": code, "message": message }] });
        Self::status(status).body("application/json", body.to_string())
    }

    pub(super) fn bytes(&self, request: &Request) -> Vec<u8> {
        let mut text = format!("HTTP/1.1 {} Status\r\n", self.status);
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!("content-length: {}\r\n\r\n", self.body.len());
        let mut bytes = text.into_bytes();
        if request.method != "HEAD" {
            bytes.extend(&self.body);
        }
        bytes
    }

    pub(super) fn send(&self, stream: &mut TcpStream, request: &Request) -> Result<(), Ended> {
        Ok(stream.write_all(&self.bytes(request))?)
    }
}
