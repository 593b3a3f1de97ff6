//! Proxies for what is not on this machine.

use std::io::Read as _;
use std::net::{TcpListener, TcpStream};

/// Starts a proxy that does this with whoever has asked it for a connection, and gives
/// its URL. It ends with the process.
pub(crate) fn start(mut serve: impl FnMut(TcpStream) + Send + 'static) -> String {
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", proxy.local_addr().unwrap());
    std::thread::spawn(move || {
        for client in proxy.incoming() {
            let mut client = client.unwrap();
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                client.read_exact(&mut byte).unwrap();
                head.extend(byte);
            }
            serve(client);
        }
    });
    address
}
