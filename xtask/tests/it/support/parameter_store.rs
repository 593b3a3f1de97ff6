//! Parameter Store for tests: moto's server, and an endpoint that answers what it is
//! told to, for what moto does not refuse.

use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::{Ran, Sandbox, output_of, python_tool};

/// moto's server on a free port, with nothing in it.
pub(crate) struct Moto {
    process: Child,
    address: String,
}

impl Moto {
    /// Starts the server. It is up when it says where it listens.
    pub(crate) fn start() -> Self {
        Self::start_with(&[])
    }

    /// A server that speaks TLS alone, with a new certificate and its key in `folder`.
    pub(crate) fn with_certificate(folder: &Path) -> Self {
        let (key, certificate) = (folder.join("key.pem"), folder.join("certificate.pem"));
        output_of(
            Command::new("openssl")
                .args([
                    "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                ])
                .args([
                    "-subj",
                    "/CN=store",
                    "-addext",
                    "subjectAltName=IP:127.0.0.1",
                ])
                .args(["-addext", "basicConstraints=critical,CA:FALSE"])
                .args([OsStr::new("-keyout"), key.as_os_str()])
                .args([OsStr::new("-out"), certificate.as_os_str()]),
        );
        let certificate = certificate.to_str().unwrap();
        Self::start_with(&["--ssl", "-c", certificate, "-k", key.to_str().unwrap()])
    }

    fn start_with(arguments: &[&str]) -> Self {
        let mut process = python_tool("moto_server")
            .args(["--port", "0"])
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("moto_server is missing: `cargo xtask setup` installs it");
        let mut messages = BufReader::new(process.stderr.take().unwrap()).lines();
        let address = messages
            .by_ref()
            .find_map(|line| Some(line.unwrap().split_once("Running on ")?.1.to_owned()))
            .expect("moto_server did not start");
        // Nobody may leave the pipe full.
        std::thread::spawn(move || messages.for_each(drop));
        Self { process, address }
    }

    /// Its URL.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // A process that is gone already is what is wanted.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A call that an [`Endpoint`] got.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// `GetParameters` or `PutParameter`; of a request to another service, its
    /// method and path.
    pub(crate) action: String,
    pub(crate) body: Value,
}

impl Call {
    /// The names that the call is about.
    pub(crate) fn names(&self) -> Vec<&str> {
        match &self.body["Names"] {
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            _ => self.body["Name"].as_str().into_iter().collect(),
        }
    }

    /// The answer that has a plain parameter under each name.
    pub(crate) fn all_found(&self, value: &str) -> Reply {
        let names = self.names();
        let parameters = names
            .iter()
            .map(|name| json!({ "Name": name, "Type": "String", "Value": value, "Version": 1 }));
        let parameters: Vec<_> = parameters.collect();
        Reply::Json(
            200,
            json!({ "Parameters": parameters, "InvalidParameters": [] }),
        )
    }
}

/// What an [`Endpoint`] answers.
pub(crate) enum Reply {
    Json(u16, Value),
    Text(u16, &'static str),
    /// The connection ends in the middle of the answer.
    Cut,
    /// The connection stays, and nothing comes.
    Silence,
}

/// An error as AWS words it.
pub(crate) fn refusal(status: u16, code: &str, message: &str) -> Reply {
    Reply::Json(status, json!({ "__type": code, "message": message }))
}

/// A server that answers calls as a test tells it.
pub(crate) struct Endpoint {
    address: String,
    calls: Arc<Mutex<Vec<Call>>>,
}

impl Endpoint {
    /// Answers each call with what `answer` gives for it and for how many came before.
    pub(crate) fn start(answer: impl Fn(usize, &Call) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let endpoint = Self {
            address: format!("http://{}", listener.local_addr().unwrap()),
            calls: Arc::default(),
        };
        let calls = Arc::clone(&endpoint.calls);
        std::thread::spawn(move || {
            let mut silent = Vec::new();
            for connection in listener.incoming() {
                let mut connection = connection.unwrap();
                let call = receive(&connection);
                let before = calls.lock().unwrap().len();
                calls.lock().unwrap().push(call.clone());
                match answer(before, &call) {
                    Reply::Silence => silent.push(connection),
                    reply => send(&mut connection, &reply),
                }
            }
        });
        endpoint
    }

    /// Its URL.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The calls that it got.
    pub(crate) fn calls(&self) -> Vec<Call> {
        self.calls.lock().unwrap().clone()
    }
}

fn receive(connection: &TcpStream) -> Call {
    let mut lines = BufReader::new(connection);
    let first = line_of(&mut lines);
    let (mut length, mut action) = (0, first.rsplit_once(' ').unwrap_or_default().0.to_owned());
    loop {
        let line = line_of(&mut lines);
        let Some((name, value)) = line.split_once(": ") else {
            break;
        };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.parse().unwrap(),
            "x-amz-target" => action = value.rsplit('.').next().unwrap().to_owned(),
            _ => {}
        }
    }
    let mut body = vec![0; length];
    lines.read_exact(&mut body).unwrap();
    let body = serde_json::from_slice(&body).unwrap_or_default();
    Call { action, body }
}

fn line_of(lines: &mut BufReader<&TcpStream>) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line.trim_end().to_owned()
}

/// The peer may be gone already, where it had to end within a time.
fn send(connection: &mut TcpStream, reply: &Reply) {
    let (status, body) = match reply {
        Reply::Json(status, body) => (*status, body.to_string()),
        Reply::Text(status, body) => (*status, (*body).to_owned()),
        Reply::Cut => {
            let _ = connection.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{\"Par");
            return;
        }
        Reply::Silence => return,
    };
    let length = body.len();
    let _ = write!(
        connection,
        "HTTP/1.1 {status} Status\r\ncontent-type: application/x-amz-json-1.1\r\n\
         content-length: {length}\r\nconnection: close\r\n\
         x-aws-ec2-metadata-token-ttl-seconds: 60\r\n\r\n{body}"
    );
}

impl Sandbox {
    /// The same with an account at the Parameter Store at `address`.
    pub(crate) fn with_parameter_store(mut self, address: &str) -> Self {
        for (name, value) in [
            ("AWS_ENDPOINT_URL_SSM", address),
            ("AWS_REGION", "ap-northeast-1"),
            ("AWS_ACCESS_KEY_ID", "tester"),
            ("AWS_SECRET_ACCESS_KEY", "secret of the tester"),
            // No test may find credentials of the machine that it runs on.
            ("AWS_EC2_METADATA_DISABLED", "true"),
        ] {
            self.set(name, value);
        }
        self.with_toolchain()
    }

    /// Runs a command with `input` on its standard input.
    pub(crate) fn run_with_input(&self, arguments: &[&str], input: &str) -> Ran {
        let mut child = self
            .command(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // A command that needs no input may end without reading it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        Ran::from(child.wait_with_output().unwrap())
    }
}
