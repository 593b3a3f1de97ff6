//! Configuration first, then the database, then the port.

use std::error::Error;
use std::process::ExitCode;

use backend::app;
use backend::config::Config;
use service_kit::Environment;

fn main() -> ExitCode {
    service_kit::main(run)
}

async fn run(environment: Environment) -> Result<(), Box<dyn Error>> {
    let config = Config::from_env(&environment)?;
    let listen = config.listen;
    let app = app::build(config).await.map_err(|error| {
        let causes = service_kit::causes(&error);
        format!("opening the database of DATABASE_URL: {causes}")
    })?;
    service_kit::serve(listen, app).await?;
    Ok(())
}
