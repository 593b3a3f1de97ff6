pub(super) mod running;

use anyhow::{Context as _, Result};
use serde::Serialize;

use self::running::{Audience, Started, start};
use super::{Context, Entry, Report};
use crate::error::Kind;
use crate::image::{self, Unpacked};
use crate::process;
use crate::registry::Access;
use crate::workspace::{Environment, Service};

/// Start the services from their images, wired together
///
/// Each image is unpacked and its service started as a process on this machine.
/// Ctrl-C stops them all, once their running requests have ended; another Ctrl-C
/// does not wait for those.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Up {
    /// Take the images, and the databases, of this environment instead of the
    /// images that were built last
    #[arg(long, value_enum, value_name = "ENV")]
    environment: Option<Environment>,
    #[arg(skip)]
    audience: Audience,
}

/// A service that runs.
#[derive(Debug, Serialize)]
struct Object<'a> {
    service: &'a str,
    outcome: &'static str,
    url: String,
}

impl Up {
    /// The services from the images that were built last, for another command.
    pub(super) fn from_images() -> Self {
        Self {
            environment: None,
            audience: Audience::Command { port: 0 },
        }
    }

    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        let started = self.start_all(context)?;
        // Whoever waits for the URLs sees them now, not when the services end.
        Report::new(started.iter().map(entry).collect()).print_results(context.format)?;
        process::expect_interrupt();
        running::wait_until_one_ends(started)
    }

    /// Upstreams first: a service is told where they are.
    pub(super) fn start_all<'a>(&self, context: &'a Context) -> Result<Vec<Started<'a>>> {
        let mut started: Vec<Started<'a>> = Vec::new();
        for service in context.workspace.levels().into_iter().flatten() {
            let one = self.start_one(context, service, &started)?;
            started.push(one);
        }
        Ok(started)
    }

    /// Starts a service whose upstreams run.
    pub(super) fn start_one<'a>(
        &self,
        context: &Context,
        service: &'a Service,
        started: &[Started<'_>],
    ) -> Result<Started<'a>> {
        let starting = || format!("starting {}", service.package);
        let unpacked = self.unpack(context, service).with_context(starting)?;
        let environment = self
            .environment_of(context, service, started)
            .with_context(starting)?;
        start(service, unpacked, environment, self.audience).with_context(starting)
    }

    /// Unpacks the image of a service.
    pub(super) fn unpack(&self, context: &Context, service: &Service) -> Result<Unpacked> {
        let folder = context
            .workspace
            .target_directory
            .join("up")
            .join(&service.package);
        let Some(environment) = self.environment else {
            let built = image::open_built(&context.workspace, service)?;
            return image::unpack(&built.layout, &built.manifest, &folder);
        };
        let (name, tag) = context.image(service, environment)?;
        let repository = context.registries.open(&name, Access::Pull);
        let missing = || Kind::NotFound.because(format!("there is no image {}", name.tagged(&tag)));
        let manifest = repository.tagged(&tag)?.with_context(missing)?;
        image::unpack(&*repository, &manifest, &folder)
    }

    /// The variables of a service besides those of its image.
    fn environment_of(
        &self,
        context: &Context,
        service: &Service,
        started: &[Started<'_>],
    ) -> Result<Vec<(String, String)>> {
        let mut variables = vec![("HOST".to_owned(), "127.0.0.1".to_owned())];
        for other in started
            .iter()
            .filter(|other| service.upstreams.contains(&other.service.package))
        {
            variables.push((other.service.address_parameter(), other.url()));
        }
        let database = match self.environment {
            Some(environment) => context
                .parameters
                .find(&environment.parameter(&service.database_parameter()))?,
            None => None,
        };
        match database {
            Some(url) => variables.push(("DATABASE_URL".into(), url.expose().to_owned())),
            // A database of its own is empty and forgotten at the end: something to look at serves better.
            None => variables.push(("SAMPLE_DATA".into(), "true".into())),
        }
        Ok(variables)
    }
}

fn entry(started: &Started<'_>) -> Entry {
    let url = started.base_url();
    let object = Object {
        service: &started.service.package,
        outcome: "started",
        url: url.clone(),
    };
    Entry::new(url, &object)
}
