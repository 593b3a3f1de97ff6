//! Services as processes of this machine.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use serde::Deserialize;

use crate::commands::Report;
use crate::console;
use crate::error::{Fault, Kind};
use crate::image::Unpacked;
use crate::process::{self, Background, CommandLine, Lines};
use crate::workspace::Service;

/// How long a service may take until it listens.
const START_LIMIT: Duration = Duration::from_secs(60);

/// How long the last lines of a service that has ended are waited for. What it started
/// itself and left behind may keep its output open for ever.
const LAST_LINES_LIMIT: Duration = Duration::from_secs(5);

/// Who services are started for.
#[derive(Debug, Clone, Copy, Default)]
pub(in crate::commands) enum Audience {
    /// A person, who types their URLs and reads what they log.
    #[default]
    Person,
    /// Another command: on this port, where 0 is any, and once they listen their
    /// log is for `--verbose`, since every request is a line of it.
    Command { port: u16 },
}

impl Audience {
    fn port(self, service: &Service) -> u16 {
        match self {
            Self::Person => port_for(service),
            Self::Command { port } => port,
        }
    }

    /// Whether the lines of a service that listens are shown.
    fn reads_logs(self) -> bool {
        match self {
            Self::Person => true,
            Self::Command { .. } => console::is_verbose(),
        }
    }
}

/// A service that listens. Dropping it ends it, and waits for what it says last.
pub(in crate::commands) struct Started<'a> {
    pub(in crate::commands) service: &'a Service,
    /// When its process was started.
    pub(in crate::commands) spawned: Instant,
    pub(in crate::commands) address: SocketAddr,
    process: Background,
    output: Output,
    #[expect(
        dead_code,
        reason = "holding it is what keeps the files that the service runs from"
    )]
    image: Unpacked,
}

impl Drop for Started<'_> {
    fn drop(&mut self) {
        self.stop();
        self.output.wait();
    }
}

/// Whether the output of a service is read to its end, for whoever waits for that.
#[derive(Clone, Default)]
struct Output(Arc<(Mutex<bool>, Condvar)>);

impl Output {
    /// Lets a thread of its own read the output.
    fn of(read: impl FnOnce() + Send + 'static) -> Self {
        let output = Self::default();
        let reader = output.clone();
        std::thread::spawn(move || {
            read();
            *reader.is_read() = true;
            reader.0.1.notify_all();
        });
        output
    }

    /// Waits until all of it is read, within [`LAST_LINES_LIMIT`].
    fn wait(&self) {
        let goes_on = |is_read: &mut bool| !*is_read;
        let end = &self.0.1;
        // Either way there is nothing more to wait for.
        let _ = end.wait_timeout_while(self.is_read(), LAST_LINES_LIMIT, goes_on);
    }

    fn is_read(&self) -> MutexGuard<'_, bool> {
        self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Started<'_> {
    /// The service's base URL, without a slash at the end.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The id of its process.
    pub(in crate::commands) fn id(&self) -> u32 {
        self.process.id()
    }

    /// Asks it to end and waits until it has.
    pub(in crate::commands) fn stop(&self) {
        self.process.stop();
    }

    /// The URL that everything of the service begins with.
    pub(in crate::commands) fn base_url(&self) -> String {
        format!("{}{}", self.url(), self.service.context_path)
    }
}

/// Asks the services to end, all at once, and waits until they have.
pub(in crate::commands) fn stop_all(started: &[Started<'_>]) {
    Background::stop_all(started.iter().map(|service| &service.process));
}

/// Starts a service and waits until it says where it listens.
pub(in crate::commands) fn start<'a>(
    service: &'a Service,
    image: Unpacked,
    variables: Vec<(String, String)>,
    audience: Audience,
) -> Result<Started<'a>> {
    let (program, arguments) = image
        .command
        .split_first()
        .context("the image has no entry point")?;
    let program = image.root.join(program.trim_start_matches('/'));
    let line = CommandLine::new(program)
        .args(arguments)
        .called(&service.package);
    let port = ("PORT".to_owned(), audience.port(service).to_string());
    let environment: Vec<_> = image
        .environment
        .iter()
        .cloned()
        .chain(variables)
        .chain([port])
        .collect();
    let spawned = Instant::now();
    let (process, output) =
        Background::piped(&line, &image.root, |service| service.full_env(environment))?;
    let (sender, listening) = mpsc::channel();
    let name = service.alias.clone();
    let output = Output::of(move || relay(&name, Lines::of(output), sender, audience));
    let interrupted = output.clone();
    process::on_interrupt(move || interrupted.wait());
    // Without an address the channel ends with the output.
    let address = listening.recv_timeout(START_LIMIT).map_err(not_listening)?;
    Ok(Started {
        service,
        spawned,
        address,
        process,
        output,
        image,
    })
}

fn not_listening(error: RecvTimeoutError) -> Fault {
    Kind::Failed.because(match error {
        RecvTimeoutError::Disconnected => {
            "it ended before it listened; its output is above".to_owned()
        }
        RecvTimeoutError::Timeout => format!(
            "it did not say within {} s that it listens",
            START_LIMIT.as_secs()
        ),
    })
}

/// Waits until a service ends, which none does by itself, and then ends the others.
pub(super) fn wait_until_one_ends(started: Vec<Started<'_>>) -> Result<Report> {
    let (sender, ended) = mpsc::channel();
    std::thread::scope(|scope| {
        for service in &started {
            let sender = sender.clone();
            scope.spawn(move || {
                service.process.wait();
                // Nobody listens any more once the first has ended.
                let _ = sender.send(&service.service.package);
            });
        }
        let first = ended.recv().context("waiting for the services")?;
        stop_all(&started);
        let fault = Kind::Failed.because(format!("{first} has ended; its output is above"));
        Ok(Report::of_error(fault.into()))
    })
}

/// The port of the service's metadata or one of the next, whichever is free; else any.
fn port_for(service: &Service) -> u16 {
    let candidates = (0..100).filter_map(|offset| service.port.checked_add(offset));
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    candidates.into_iter().find(is_free).unwrap_or(0)
}

/// Shows a service's lines behind its name, and tells once where it listens.
fn relay(name: &str, mut lines: Lines, sender: Sender<SocketAddr>, audience: Audience) {
    let show = |line| console::note(format_args!("{name} | {line}"));
    for line in lines.by_ref() {
        let address = listening_address(&line);
        show(line);
        if let Some(address) = address {
            // Where nobody waits any more, nobody needs to know.
            let _ = sender.send(address);
            break;
        }
    }
    // Whoever still waits learns that there will be no address.
    drop(sender);
    if audience.reads_logs() {
        lines.for_each(show);
    } else {
        lines.drain();
    }
}

/// The address in the line with which a service says that it listens.
fn listening_address(line: &str) -> Option<SocketAddr> {
    #[derive(Deserialize)]
    struct Line {
        #[serde(flatten)]
        own: Fields,
        fields: Option<Fields>,
    }
    #[derive(Deserialize)]
    struct Fields {
        message: Option<String>,
        address: Option<SocketAddr>,
    }
    let line: Line = serde_json::from_str(line).ok()?;
    let fields = line.fields.unwrap_or(line.own);
    fields
        .address
        .filter(|_| fields.message.as_deref() == Some("listening"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_a_log_line() {
        let address = "127.0.0.1:8080".parse().ok();
        assert_eq!(
            listening_address(
                r#"{"level":"INFO","message":"listening","address":"127.0.0.1:8080"}"#
            ),
            address
        );
        assert_eq!(
            listening_address(r#"{"fields":{"message":"listening","address":"127.0.0.1:8080"}}"#),
            address
        );
        assert_eq!(
            listening_address(r#"{"message":"called","address":"127.0.0.1:8080"}"#),
            None
        );
        assert_eq!(listening_address("listening"), None);
    }
}
