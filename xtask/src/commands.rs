//! The commands: one file each, with its arguments, its documentation and its run.

mod bench;
mod build;
mod ci;
mod claims;
mod codebuild;
mod e2e;
mod generate;
mod image_definitions;
mod lint;
mod onboard;
mod options;
mod params;
mod pipeline;
mod planned;
mod promote_to_production;
mod report;
mod rollback;
mod service_locks;
mod setup;
mod staging_tag;
mod test;
mod up;

use std::env;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context as _, Result};

use self::claims::Claim;
use crate::delivery::Records;
use crate::error::{Fault, Kind};
use crate::oci::{Digest, Location, RepositoryName, Tag};
use crate::parameters::Parameters;
use crate::registry::Registries;
use crate::workspace::{Environment, Service, Workspace};

pub use bench::Bench;
pub use build::Build;
pub use ci::Ci;
pub use codebuild::CodeBuild;
pub use e2e::EndToEnd;
pub use generate::Generate;
pub use image_definitions::ImageDefinitions;
pub use lint::Lint;
pub use onboard::Onboard;
pub use options::{Format, Global};
pub use params::Params;
pub use pipeline::Pipeline;
pub use promote_to_production::PromoteToProduction;
pub use report::{Entry, Report};
pub use rollback::Rollback;
pub use setup::Setup;
pub use staging_tag::StagingTag;
pub use test::Test;
pub use up::Up;

/// How many services are worked on at once.
const SERVICES_AT_ONCE: usize = 16;

/// What every command works with.
pub struct Context {
    workspace: Workspace,
    parameters: Arc<Parameters>,
    registries: Registries,
    /// Which tags the services claim, once it is known.
    claims: OnceLock<Vec<Claim>>,
    /// How long the command may wait for others.
    limit: Duration,
    format: Format,
}

impl Context {
    /// Reads the workspace that the current folder lies in.
    pub fn new(global: Global) -> Result<Self> {
        let folder = env::current_dir().context("finding the current folder")?;
        let workspace = Workspace::containing(&folder)?;
        let limit = Duration::from_secs(global.timeout);
        let parameters = Arc::new(Parameters::open(global.parameters, &workspace, limit)?);
        Ok(Self {
            registries: Registries::new(Arc::clone(&parameters), limit),
            claims: OnceLock::new(),
            limit,
            format: global.format,
            parameters,
            workspace,
        })
    }

    /// Checks that one service is named, which a flag such as `--digest` is about.
    fn only_service(&self, names: &[String], flag: &str) -> Result<()> {
        match self.workspace.select(names)?.as_slice() {
            [_] if !names.is_empty() => Ok(()),
            _ => Err(usage(format!("{flag} takes exactly one SERVICE")).into()),
        }
    }

    /// Where the images of `service` for `environment` live, and the tag there.
    fn image(&self, service: &Service, environment: Environment) -> Result<(RepositoryName, Tag)> {
        let workspace = &self.workspace;
        let (name, tag) = self.parameters.image(workspace, service, environment)?;
        let real = |folder: &Path| folder.canonicalize().unwrap_or_else(|_| folder.into());
        let services = workspace.services.iter();
        let mut built = services.map(|service| real(&workspace.image(service)));
        if let Location::Layout(folder) = name.location()
            && built.any(|image| image == real(folder))
        {
            let parameter = service.repository_parameter(environment);
            return Err(Kind::Configuration
                .because(format!(
                    "{parameter} = {name} is where `build` writes an image, and clears away others"
                ))
                .hint(format!(
                    "give the repository a folder of its own: {parameter}=oci:registry/{}",
                    service.package
                ))
                .into());
        }
        Ok((name, tag))
    }

    /// The records of what `environment` was given of `service`.
    fn records(&self, service: &Service, environment: Environment) -> Records {
        Records::new(self.workspace.records(service, environment))
    }

    /// A command line for the user to type, about `service`.
    fn command(verb: &str, service: &Service) -> String {
        format!("cargo xtask {verb} {}", service.package)
    }
}

fn usage(message: String) -> Fault {
    Kind::Usage
        .because(message)
        .hint("for more information, try `cargo xtask --help`")
}

/// Services by name, as most commands take them.
#[derive(Debug, clap::Args)]
pub struct Services {
    /// Package names or aliases; none means all services
    #[arg(value_name = "SERVICE")]
    names: Vec<String>,
}

/// What is known of an image under a tag, as results name it.
#[derive(Debug, Clone, serde::Serialize)]
struct Tagged {
    repository: RepositoryName,
    tag: Tag,
    digest: Digest,
}
