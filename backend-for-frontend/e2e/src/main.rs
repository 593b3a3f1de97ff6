//! The end-to-end test of the pages, in headless Chromium through chromedriver.
//!
//! It is a program of its own, since driving a browser takes an asynchronous runtime that `cargo xtask`, which
//! starts it, does without. Each step is a line of JSON on standard output as soon as it has ended; the exit code
//! only says whether all steps could be tried.

mod browser;
mod driver;
mod pages;
mod run;
mod steps;
mod user;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::driver::Driver;
use crate::run::Run;

/// Tests the pages from end to end in a real browser.
#[derive(Debug, clap::Parser)]
struct Arguments {
    /// The base URL of the pages, with their context path
    #[arg(long)]
    url: String,
    /// Where screenshots go
    #[arg(long, value_name = "FOLDER")]
    evidence: PathBuf,
    /// The backend is down: only see that the pages say so
    #[arg(long)]
    backend_down: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match run(Arguments::parse()).await {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: Arguments) -> Result<ExitCode> {
    let (mut interrupt, mut terminate) = (
        listen(SignalKind::interrupt())?,
        listen(SignalKind::terminate())?,
    );
    let mut driver = Driver::start().await?;
    let outcome = tokio::select! {
        outcome = try_all(&driver, &arguments) => outcome.map(|()| ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::from(130)),
        _ = terminate.recv() => Ok(ExitCode::from(130)),
    };
    // In every case, or a browser would be left running.
    let stopped = driver.stop().await;
    outcome.and_then(|code| stopped.map(|()| code))
}

fn listen(kind: SignalKind) -> Result<Signal> {
    signal(kind).context("listening for signals")
}

async fn try_all(driver: &Driver, arguments: &Arguments) -> Result<()> {
    let run = Run::new(driver, &arguments.url, &arguments.evidence)?;
    if arguments.backend_down {
        return steps::backend_down(&run).await;
    }
    steps::all(&run).await
}
