//! A backend behind TLS, which `openssl s_server` is.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::running::{Running, service};

/// A backend behind TLS without users, as files in `folder`, with the query in their names. Its certificate is for localhost.
fn backend_with_certificate(folder: &Path) -> (Running, u16) {
    let api = folder.join("backend/api/v1");
    fs::create_dir_all(&api).unwrap();
    fs::write(api.join("users?limit=1000&after=-1"), "[]").unwrap();
    let openssl = |arguments: &str| {
        let mut command = Command::new("openssl");
        command
            .args(arguments.split(' '))
            .current_dir(folder)
            .stderr(Stdio::null());
        command
    };
    let request = "req -x509 -newkey rsa:2048 -nodes -keyout key -out certificate -subj /CN=test \
                   -addext subjectAltName=DNS:localhost -addext basicConstraints=critical,CA:FALSE";
    assert!(openssl(request).status().unwrap().success());
    let mut server = Running::start(&mut openssl(
        "s_server -WWW -accept 127.0.0.1:0 -cert certificate -key key",
    ));
    let port = server.find(|line| {
        let address = line.strip_prefix("ACCEPT ")?;
        Some(address.rsplit_once(':')?.1.parse().unwrap())
    });
    (server, port)
}

/// The page of users, from the service in front of a backend behind TLS.
fn users_over_tls(port: u16, authorities: &Path) -> String {
    let mut bff = service(&format!("https://localhost:{port}"));
    let mut bff = Running::start(bff.env("SSL_CERT_FILE", authorities));
    let mut stream = TcpStream::connect(bff.address()).unwrap();
    stream
        .write_all(b"GET /backend-for-frontend/getUsers HTTP/1.0\r\nhost: x\r\n\r\n")
        .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_backend_behind_tls_is_called_where_its_certificate_is_trusted() {
    let folder = tempfile::tempdir().unwrap();
    let (_backend, port) = backend_with_certificate(folder.path());
    let page = users_over_tls(port, &folder.path().join("certificate"));
    assert!(page.starts_with("HTTP/1.0 200"), "{page}");

    fs::write(folder.path().join("none"), "").unwrap();
    let page = users_over_tls(port, &folder.path().join("none"));
    assert!(page.starts_with("HTTP/1.0 502"), "{page}");
}
