//! A process from its start to its end.

use std::error::Error;
use std::future::Future;
use std::process::ExitCode;

use crate::{Environment, causes, logs};

/// The whole of a service's `main`: starts logging, and lets `run` read the environment and serve. What keeps it from
/// that is logged with all its causes.
pub fn main<R>(run: impl FnOnce(Environment) -> R) -> ExitCode
where
    R: Future<Output = Result<(), Box<dyn Error>>>,
{
    logs::init();
    match in_runtime(run) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(error = causes(&*error), "the service could not run");
            ExitCode::FAILURE
        }
    }
}

#[tokio::main]
async fn in_runtime<R: Future>(run: impl FnOnce(Environment) -> R) -> R::Output {
    run(Environment::of_process()).await
}
