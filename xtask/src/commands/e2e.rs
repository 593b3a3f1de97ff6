use std::io;
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde::{Deserialize, Serialize};
use ureq::http::Uri;

use super::up::Up;
use super::up::running::stop_all;
use super::{Context, Entry, Report};
use crate::error::{Fault, Kind};
use crate::parameters::is_base_url;
use crate::process::{self, CommandLine};
use crate::workspace::{Service, Workspace};

/// The step that needs services of its own, since it takes one away.
const BACKEND_DOWN: &str = "backend-down";

/// How long an address may take to answer. Where packets are dropped no answer comes, and
/// the system alone would try for minutes.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// Test the services from end to end in a real browser
///
/// Starts them from the images that were built last, or takes those that run
/// already; then it adds users. Screenshots go to target/test-evidence/.
#[derive(Debug, clap::Args)]
pub struct EndToEnd {
    /// The base URL of the pages, with their context path, wherever they run
    #[arg(long, value_parser = base_url)]
    url: Option<String>,
}

/// A URL to put paths behind, without a slash at its end.
fn base_url(text: &str) -> Result<String, String> {
    if is_base_url(text) {
        Ok(text.trim_end_matches('/').to_owned())
    } else {
        Err("it is no URL with http:// or https:// and a host".to_owned())
    }
}

/// How a step ended, as the package `e2e` says it and as results name it.
#[derive(Debug, Deserialize, Serialize)]
struct Step {
    step: String,
    outcome: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    screenshot: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing)]
    reason: Option<String>,
}

impl EndToEnd {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let steps = match self.url {
            Some(url) => {
                check_that_somebody_listens(&url)?;
                let mut steps = try_steps(context, &url, &[])?;
                steps.push(left_out(BACKEND_DOWN));
                steps
            }
            None => against_own_services(context)?,
        };
        Ok(Report::new(steps.into_iter().map(entry).collect()))
    }
}

/// Whoever names an address where nobody listens learns it before the first step, and not
/// from each step anew.
fn check_that_somebody_listens(url: &str) -> Result<()> {
    let uri: Uri = url.parse()?;
    let port = match uri.scheme_str() {
        Some("https") => 443,
        _ => 80,
    };
    let host = uri.host().unwrap_or_default();
    let port = uri.port_u16().unwrap_or(port);
    // An IPv6 address stands in brackets in a URL, and without them elsewhere.
    connect(host.trim_matches(['[', ']']), port).with_context(|| {
        Kind::Unavailable
            .because(format!("nobody listens at {host}:{port}"))
            .hint("`cargo xtask up` starts the services and prints their URLs")
    })
}

/// Connects to the first address of a host that answers; the error is the last one's.
fn connect(host: &str, port: u16) -> io::Result<()> {
    let mut failed = io::ErrorKind::AddrNotAvailable.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT_LIMIT) {
            Ok(_) => return Ok(()),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

/// The pages stay alone at the end: all others are what they are built upon, or
/// none of their business.
fn against_own_services(context: &Context) -> Result<Vec<Step>> {
    let with_pages = only_with_pages(&context.workspace)?;
    let mut started = Up::from_images().start_all(context)?;
    let place = started
        .iter()
        .position(|started| started.service.package == with_pages.package)
        .with_context(|| format!("{} was not started", with_pages.package))?;
    let pages = started.swap_remove(place);
    let url = pages.base_url();
    let mut steps = try_steps(context, &url, &[])?;
    stop_all(&started);
    drop(started);
    steps.extend(try_steps(context, &url, &["--backend-down"])?);
    Ok(steps)
}

/// The service whose pages are tested.
fn only_with_pages(workspace: &Workspace) -> Result<&Service, Fault> {
    let with_pages = workspace.with_pages();
    if let [service] = with_pages.as_slice() {
        return Ok(service);
    }
    let fault = if with_pages.is_empty() {
        "no service has pages".to_owned()
    } else {
        let names: Vec<_> = with_pages.iter().map(|service| &*service.package).collect();
        format!("more than one service has pages: {}", names.join(", "))
    };
    let fault = Kind::Configuration.because(fault);
    Err(fault
        .hint("set `pages = true` in [package.metadata.service] of the one whose pages are tested, and `pages = false` in the others")
        .hint("cargo xtask e2e --url URL"))
}

/// Builds and runs the package that drives the browser.
fn try_steps(context: &Context, url: &str, arguments: &[&str]) -> Result<Vec<Step>> {
    let evidence = context.workspace.target_directory.join("test-evidence");
    let line = CommandLine::cargo()
        .args(["run", "--quiet", "--locked", "--package", "e2e", "--"])
        .args(["--url", url, "--evidence"])
        .arg(evidence)
        .args(arguments);
    let output = process::capture(&line, &context.workspace.root, |cargo| cargo)?;
    let steps = serde_json::Deserializer::from_slice(&output).into_iter();
    let steps: Result<Vec<_>, _> = steps.collect();
    steps.context("reading what the end-to-end test says")
}

fn left_out(step: &str) -> Step {
    Step {
        step: step.to_owned(),
        outcome: "left-out".to_owned(),
        screenshot: None,
        seconds: None,
        reason: None,
    }
}

fn entry(mut step: Step) -> Entry {
    let Some(reason) = step.reason.take() else {
        return Entry::new(format!("{}: {}", step.step, step.outcome), &step);
    };
    let fault = Kind::Failed.because(format!("the step {} failed: {reason}", step.step));
    let fault = match &step.screenshot {
        Some(screenshot) => fault.hint(format!("look at {screenshot}")),
        None => fault,
    };
    Entry::failed(&step, fault.into())
}
