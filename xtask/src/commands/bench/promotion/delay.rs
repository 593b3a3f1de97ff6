//! A long way to a server of this machine.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};

/// A port that leads to the server at `port`, and lets every request wait for
/// `latency`. It ends with the process.
pub(super) fn in_front_of(port: u16, latency: Duration) -> Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("listening")?;
    let own = listener.local_addr().context("listening")?.port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            // Whoever ends a connection sees by itself that it has ended.
            std::thread::spawn(move || drop(connect(client, port, latency)));
        }
    });
    Ok(own)
}

fn connect(client: TcpStream, port: u16, latency: Duration) -> io::Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    for stream in [&client, &server] {
        stream.set_nodelay(true)?;
    }
    // A request may come in several pieces, and waits once.
    let is_new = Arc::new(AtomicBool::new(true));
    let answered = Arc::clone(&is_new);
    let (answers, back) = (server.try_clone()?, client.try_clone()?);
    std::thread::spawn(move || pass_on(answers, back, || answered.store(true, Ordering::Relaxed)));
    pass_on(client, server, || {
        if is_new.swap(false, Ordering::Relaxed) {
            std::thread::sleep(latency);
        }
    })
}

fn pass_on(mut from: TcpStream, mut to: TcpStream, before: impl Fn()) -> io::Result<()> {
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match from.read(&mut buffer)? {
            0 => return to.shutdown(Shutdown::Write),
            count => {
                before();
                to.write_all(&buffer[..count])?;
            }
        }
    }
}
