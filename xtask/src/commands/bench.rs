mod load;
mod services;

use anyhow::Result;

use super::{Context, Report};
use services::Services;

/// Measure; nothing is judged
#[derive(Debug, clap::Subcommand)]
pub enum Bench {
    /// Measure the services: speed, memory, start and stop
    ///
    /// Starts them from the images that were built last and loads them with `wrk`.
    Services(Services),
}

impl Bench {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        match self {
            Self::Services(command) => command.run(context),
        }
    }
}
