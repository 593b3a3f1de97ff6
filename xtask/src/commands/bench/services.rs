use std::fs;
use std::time::Instant;

use anyhow::{Context as _, Result};

use super::figures::{Figures, memory};
use super::load::{self, Load};
use crate::commands::up::Up;
use crate::commands::up::running::{Audience, Started, start};
use crate::commands::{Context, Report};
use crate::files;
use crate::workspace::Service;

/// How many users the pages list: the sample's three and those that are added.
const USERS: usize = 100;
const SAMPLE: usize = 3;

/// The arguments of `bench services`.
#[derive(Debug, clap::Args)]
pub struct Services {
    /// How long each load lasts
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

impl Services {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let mut figures = Figures::default();
        self.under_load(context, &mut figures)?;
        through_a_stop(context, &mut figures)?;
        Ok(figures.report())
    }

    /// All services, wired: how they start, what they bear, and how they stop.
    fn under_load(&self, context: &Context, figures: &mut Figures) -> Result<()> {
        let backend = start_measured(context, "backend", &[], figures)?;
        load::add_users(&backend.base_url(), "bench", USERS - SAMPLE)?;
        let started = [backend];
        let pages = start_measured(context, "backend-for-frontend", &started, figures)?;
        let [backend] = started;
        let user = format!("{}/api/v1/users/1", backend.base_url());
        record(&backend, &load::wrk(&user, self.seconds)?, figures)?;
        let users = format!("{}/getUsers", pages.base_url());
        record(&pages, &load::wrk(&users, self.seconds)?, figures)?;
        stop_measured(&pages, figures);
        stop_measured(&backend, figures);
        Ok(())
    }
}

/// Starts a service and sees how long it takes to its first answer.
fn start_measured<'a>(
    context: &'a Context,
    package: &str,
    upstreams: &[Started<'_>],
    figures: &mut Figures,
) -> Result<Started<'a>> {
    let service = context.workspace.service(package)?;
    let started = Up::from_images().start_one(context, service, upstreams)?;
    load::get(&format!("{}/health/live", started.base_url()))?;
    let milliseconds = started.spawned.elapsed().as_secs_f64() * 1e3;
    figures.add(
        &service.package,
        "start to first answer",
        milliseconds,
        "ms",
    );
    Ok(started)
}

fn record(started: &Started<'_>, load: &Load, figures: &mut Figures) -> Result<()> {
    let service = started.service;
    figures.add(&service.package, "requests", load.per_second, "1/s");
    figures.add(&service.package, "p99", load.p99, "ms");
    figures.add(&service.package, "failed requests", load.failed, "");
    figures.add(
        &service.package,
        "memory after the load",
        memory(started.id(), "VmRSS:")?,
        "MB",
    );
    Ok(())
}

fn stop_measured(started: &Started<'_>, figures: &mut Figures) {
    let start = Instant::now();
    started.stop();
    let milliseconds = start.elapsed().as_secs_f64() * 1e3;
    figures.add(
        &started.service.package,
        "stop after SIGTERM",
        milliseconds,
        "ms",
    );
}

/// Two instances on one database: one stops and starts again while users are added.
fn through_a_stop(context: &Context, figures: &mut Figures) -> Result<()> {
    let service = context.workspace.service("backend")?;
    let folder = context.workspace.target_directory.join("bench");
    files::remove_folder(&folder)?;
    fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
    let database = format!("sqlite:{}", folder.join("users.db").display());
    let instance = |port| start_on(context, service, &database, port);
    let (first, second) = (instance(0)?, instance(0)?);
    let urls = [first.base_url(), second.base_url()];
    let through = load::while_users_are_added(&urls, || {
        first.stop();
        instance(first.address.port())
    })?;
    let lost = load::missing(&second.base_url(), &through.accepted)?;
    figures.add(
        &service.package,
        "accepted through a stop",
        through.accepted.len() as f64,
        "",
    );
    figures.add(
        &service.package,
        "tried again at the other instance",
        through.retried as f64,
        "",
    );
    figures.add(&service.package, "accepted and lost", lost as f64, "");
    Ok(())
}

fn start_on<'a>(
    context: &Context,
    service: &'a Service,
    database: &str,
    port: u16,
) -> Result<Started<'a>> {
    let image = Up::from_images().unpack(context, service)?;
    let variables = [("HOST", "127.0.0.1"), ("DATABASE_URL", database)];
    let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned()));
    start(service, image, variables.into(), Audience::Command { port })
}
