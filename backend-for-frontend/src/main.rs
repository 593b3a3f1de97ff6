//! Configuration first, then the port.

use std::error::Error;
use std::process::ExitCode;

use backend_for_frontend::app;
use backend_for_frontend::config::Config;
use service_kit::Environment;

#[tokio::main]
async fn main() -> ExitCode {
    service_kit::init_logs();
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!(
                error = service_kit::causes(&*error),
                "the service could not run"
            );
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Result<(), Box<dyn Error>> {
    let config = Config::from_env(&Environment::of_process())?;
    let listen = config.listen;
    service_kit::serve(listen, app::build(config)).await?;
    Ok(())
}
