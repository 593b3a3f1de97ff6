//! Configuration first, then the port.

use std::error::Error;
use std::process::ExitCode;

use backend_for_frontend::app;
use backend_for_frontend::config::Config;
use service_kit::Environment;

fn main() -> ExitCode {
    service_kit::main(run)
}

async fn run(environment: Environment) -> Result<(), Box<dyn Error>> {
    let config = Config::from_env(&environment)?;
    let listen = config.listen;
    service_kit::serve(listen, app::build(config)).await?;
    Ok(())
}
