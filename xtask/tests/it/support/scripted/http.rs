//! HTTP/1.1 as far as a registry needs it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use super::fault::Ended;

/// A request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(super) version: String,
    pub(super) headers: Headers,
    pub(super) body: Vec<u8>,
}

impl Request {
    /// The next request's head, which stays unread, and its length; `None` at the
    /// connection's end.
    pub(crate) fn peek(stream: &TcpStream) -> Option<(Self, usize)> {
        let mut buffer = vec![0; 64 * 1024];
        let mut known = 0;
        loop {
            let count = stream.peek(&mut buffer).ok().filter(|count| *count > 0)?;
            if let Some(end) = end_of_head(&buffer[..count]) {
                return Some((Self::parse(&buffer[..end]), end));
            }
            assert!(count > known || known < buffer.len(), "an endless request");
            known = count;
            std::thread::yield_now();
        }
    }

    fn parse(head: &[u8]) -> Self {
        let (first, headers) = read_head(head);
        let mut words = first.split(' ');
        let mut word = || words.next().unwrap_or_default().to_owned();
        let (method, target, version) = (word(), word(), word());
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        Self {
            method,
            path: path.into(),
            query: query.into(),
            version,
            headers,
            body: Vec::new(),
        }
    }

    /// Takes the head off the connection and reads the body; whether it was whole.
    pub(super) fn read(&mut self, stream: &mut TcpStream, head: usize) -> bool {
        Self::skip_head(stream, head);
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
    pub(super) fn skip_head(stream: &mut TcpStream, head: usize) {
        stream.read_exact(&mut vec![0; head]).unwrap();
    }

    /// The same request without its authorisation.
    pub(super) fn anonymous(mut self) -> Self {
        self.headers.retain(|(name, _)| name != "authorization");
        self
    }

    /// The answer of the server at `host`, over a connection of its own.
    pub(super) fn forward(&self, host: &str) -> Answer {
        let mut connection = TcpStream::connect(host).unwrap();
        // An answer to HTTP/1.0 comes in one piece and ends with the connection.
        let line = self.line();
        let (method, target) = line.split_once(' ').unwrap();
        let head = format!(
            "{method} {target} HTTP/1.0\r\n{}\r\n",
            write_headers(&self.headers)
        );
        let request = [head.as_bytes(), &self.body].concat();
        connection.write_all(&request).unwrap();
        let mut answer = Vec::new();
        connection.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer)
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
    pub(crate) status: u16,
    headers: Headers,
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
        Self::status(status)
            .body("application/json", body.to_string())
            .header("docker-distribution-api-version", "registry/2.0")
    }

    fn parse(bytes: &[u8]) -> Self {
        let (head, body) = bytes.split_at(end_of_head(bytes).unwrap());
        let (first, mut headers) = read_head(head);
        let status = first.split(' ').nth(1).unwrap();
        let length = headers.extract_if(.., |(name, _)| name == "content-length");
        let length = length.last().unwrap().1.parse().unwrap();
        let mut body = body.to_vec();
        if body.is_empty() {
            // The answer to `HEAD` tells the length of a body that does not follow.
            body.resize(length, 0);
        }
        assert_eq!(body.len(), length, "{first}");
        Self {
            status: status.parse().unwrap(),
            headers,
            body,
        }
    }

    pub(super) fn bytes(&self, request: &Request) -> Vec<u8> {
        let text = format!(
            "HTTP/1.1 {} Status\r\n{}content-length: {}\r\n\r\n",
            self.status,
            write_headers(&self.headers),
            self.body.len()
        );
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

type Headers = Vec<(String, String)>;

/// Where a head ends, with the empty line after it.
pub(super) fn end_of_head(bytes: &[u8]) -> Option<usize> {
    let end = bytes.windows(4).position(|end| end == b"\r\n\r\n")?;
    Some(end + 4)
}

/// A head's first line and its headers, whose names are in lower case then.
fn read_head(head: &[u8]) -> (&str, Headers) {
    let mut lines = std::str::from_utf8(head).unwrap().trim_end().split("\r\n");
    let first = lines.next().unwrap();
    let headers = lines.map(|line| {
        let (name, value) = line.split_once(": ").unwrap_or((line, ""));
        (name.to_ascii_lowercase(), value.to_owned())
    });
    (first, headers.collect())
}

fn write_headers(headers: &Headers) -> String {
    let lines = headers.iter();
    lines
        .map(|(name, value)| format!("{name}: {value}\r\n"))
        .collect()
}
