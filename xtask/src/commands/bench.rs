mod figures;
mod load;
mod promotion;
mod services;

use anyhow::Result;

use super::{Context, Report};
use promotion::Promotion;
use services::Services;

/// Measure; nothing is judged
#[derive(Debug, clap::Subcommand)]
pub enum Bench {
    /// Measure the services: speed, memory, start and stop
    ///
    /// Starts them from the images that were built last and loads them with `wrk`.
    Services(Services),
    /// Measure promotions: requests, time, memory
    ///
    /// One service and many, in a registry that is started for it (`docker-registry`)
    /// and that lets every request wait on its way.
    Promotion(Promotion),
}

impl Bench {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        match self {
            Self::Services(command) => command.run(context),
            Self::Promotion(command) => command.run(context),
        }
    }
}
