//! Reads and writes AWS Systems Manager Parameter Store: a request on standard
//! input, the answer on standard output (`parameter-store-protocol`).
//!
//! Values come and go over these two pipes alone. Nothing else is printed, and
//! what AWS says of a value is printed without it.

mod attempts;
mod clock;
mod failure;
mod session;
mod store;

use std::io::{Read as _, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use clock::Clock;
use parameter_store_protocol::{Answer, Class, Failure, Order, Outcome, Request, VERSION};

fn main() -> ExitCode {
    let outcome = request()
        .and_then(|request| carry_out(&request))
        .unwrap_or_else(Outcome::Failed);
    let answer = Answer {
        version: VERSION,
        outcome,
    };
    let written = serde_json::to_vec(&answer)
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::io::stdout().write_all(&bytes));
    match written {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The request on standard input. What is wrong with it is told by position, not
/// by content, since that may be a secret's value.
fn request() -> Result<Request, Failure> {
    let mut text = Vec::new();
    std::io::stdin()
        .read_to_end(&mut text)
        .map_err(|error| failed(format!("the request cannot be read: {error}")))?;
    let request: Request = serde_json::from_slice(&text).map_err(|error| {
        failed(format!(
            "the request is malformed at line {}, column {}",
            error.line(),
            error.column()
        ))
    })?;
    if request.version == VERSION {
        Ok(request)
    } else {
        Err(failed(format!(
            "the request has version {}, this is version {VERSION}",
            request.version
        )))
    }
}

fn carry_out(request: &Request) -> Result<Outcome, Failure> {
    let limit = Duration::from_millis(request.limit_in_milliseconds);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| failed(format!("the runtime does not start: {error}")))?;
    runtime.block_on(obey(&request.order, &Clock::start(limit)))
}

async fn obey(order: &Order, clock: &Clock) -> Result<Outcome, Failure> {
    let client = clock.bound(session::client(&clock.attempts)).await??;
    match order {
        Order::Read(names) => {
            let readings = clock.bound(store::read(&client, names)).await??;
            Ok(Outcome::Read(readings))
        }
        Order::Write(write) => Ok(Outcome::Written(store::write(&client, write, clock).await)),
    }
}

fn failed(message: String) -> Failure {
    Failure {
        class: Class::Failed,
        message,
        hints: Vec::new(),
    }
}
