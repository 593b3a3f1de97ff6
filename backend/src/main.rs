//! Configuration first, then the database, then the port.

use std::error::Error;
use std::process::ExitCode;

use backend::app;
use backend::config::Config;
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
    let app = app::build(config).await.map_err(|error| {
        let causes = service_kit::causes(&error);
        format!("opening the database of DATABASE_URL: {causes}")
    })?;
    service_kit::serve(listen, app).await?;
    Ok(())
}
