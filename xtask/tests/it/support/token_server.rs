//! A token server for `docker-registry`, as Docker Hub has one: small, but with
//! real signatures, which the registry checks.

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::output_of;
use super::registry::Registry;

/// The account that tokens are given to.
pub(crate) const USER: &str = "tester";
pub(crate) const PASSWORD: &str = "canary-token-password";

/// Gives tokens to [`USER`] with [`PASSWORD`].
pub(crate) struct TokenServer {
    port: u16,
    keys: Arc<TempDir>,
    asked: Arc<Mutex<Vec<String>>>,
}

impl TokenServer {
    /// Starts the server with a key of its own.
    pub(crate) fn start() -> Self {
        let keys = Arc::new(tempfile::tempdir().unwrap());
        output_of(Command::new("openssl").current_dir(keys.path()).args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-keyout",
            "key.pem",
            "-out",
            "certificate.pem",
            "-days",
            "2",
            "-subj",
            "/CN=tokens",
        ]));
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self {
            port: listener.local_addr().unwrap().port(),
            keys: Arc::clone(&keys),
            asked: Arc::default(),
        };
        let asked = Arc::clone(&server.asked);
        std::thread::spawn(move || {
            for connection in listener.incoming() {
                answer(connection.unwrap(), &keys, &asked);
            }
        });
        server
    }

    /// A registry that believes this server.
    pub(crate) fn registry(&self) -> Registry {
        Registry::start(&format!(
            "auth: {{ token: {{ realm: 'http://127.0.0.1:{}/token', service: test, issuer: tester, rootcertbundle: {} }} }}\n",
            self.port,
            self.keys.path().join("certificate.pem").display()
        ))
    }

    /// The scopes that were asked for.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

fn answer(mut connection: TcpStream, keys: &TempDir, asked: &Mutex<Vec<String>>) {
    let mut lines = BufReader::new(connection.try_clone().unwrap()).lines();
    let request = lines.next().unwrap().unwrap();
    let headers: Vec<String> = lines
        .map_while(Result::ok)
        .take_while(|line| !line.is_empty())
        .collect();
    let expected = format!(
        "Basic {}",
        BASE64_STANDARD.encode(format!("{USER}:{PASSWORD}"))
    );
    let known = headers.iter().any(|header| {
        let (name, value) = header.split_once(": ").unwrap_or_default();
        name.eq_ignore_ascii_case("authorization") && value == expected
    });
    let query = request.split(['?', ' ']).nth(2).unwrap_or_default();
    let scope = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("scope="))
        .unwrap_or_default();
    asked.lock().unwrap().push(scope.to_owned());
    let (status, body) = if known {
        ("200 OK", json!({ "token": token(keys, scope) }))
    } else {
        (
            "401 Unauthorized",
            json!({ "errors": [{ "code": "UNAUTHORIZED", "message": "wrong password" }] }),
        )
    };
    let body = body.to_string();
    let length = body.len();
    write!(
        connection,
        "HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
    )
    .unwrap();
}

/// A JSON Web Token (distribution, "Token Authentication Implementation"), signed by `openssl`.
fn token(keys: &TempDir, scope: &str) -> String {
    let certificate = fs::read_to_string(keys.path().join("certificate.pem")).unwrap();
    let certificate: String = certificate
        .lines()
        .filter(|line| !line.starts_with("---"))
        .collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap()
        .as_secs();
    let mut parts = scope.splitn(3, ':');
    let (kind, name, actions) = (parts.next(), parts.next(), parts.next().unwrap_or_default());
    let header = json!({ "typ": "JWT", "alg": "RS256", "x5c": [certificate] });
    let claims = json!({
        "iss": "tester", "sub": USER, "aud": "test", "exp": now + 300, "nbf": now - 10, "iat": now, "jti": "1",
        "access": [{ "type": kind, "name": name, "actions": actions.split(',').collect::<Vec<_>>() }],
    });
    let encode = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signed = format!("{}.{}", encode(&header), encode(&claims));
    let input = tempfile::NamedTempFile::new().unwrap();
    fs::write(input.path(), &signed).unwrap();
    let output = Command::new("openssl")
        .current_dir(keys.path())
        .args(["dgst", "-sha256", "-sign", "key.pem"])
        .arg(input.path())
        .output()
        .unwrap();
    assert!(output.status.success());
    format!("{signed}.{}", BASE64_URL_SAFE_NO_PAD.encode(output.stdout))
}
