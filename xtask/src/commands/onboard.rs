use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use serde::Serialize;

use super::{Context, Entry, Report, generate};
use crate::console;
use crate::delivery::{self, Onboarded};
use crate::error::Kind;
use crate::files::FolderLock;
use crate::image::{self, Engine};
use crate::process::{self, CommandLine};
use crate::workspace::{Environment, Service, Workspace};

/// Add a service
///
/// Its crate, metadata, parameters and generated files. The service is tested and
/// its image built; where that fails, everything is put back as it was, but for
/// what somebody else wrote meanwhile.
#[derive(Debug, clap::Args)]
pub struct Onboard {
    /// The new service's package name
    #[arg(value_name = "NAME")]
    name: String,
    /// A service that it calls; may be given several times
    #[arg(long, value_name = "SERVICE")]
    upstream: Vec<String>,
}

#[derive(Serialize)]
struct Object<'a> {
    file: &'a Path,
    outcome: &'static str,
}

impl Onboard {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        // Another one that runs writes the same files, and may put them back.
        let _alone = FolderLock::exclusive(&context.workspace.turn_to_onboard())?;
        let workspace = Workspace::containing(&context.workspace.root)?;
        let upstreams = if self.upstream.is_empty() {
            Vec::new()
        } else {
            workspace.select(&self.upstream)?
        };
        let onboarded = delivery::onboard(&workspace, &self.name, &upstreams)?;
        let service = onboarded.workspace.service(&self.name)?;
        verify(&onboarded, service).with_context(|| format!("onboarding {}", self.name))?;
        show_what_is_left(&onboarded.workspace, service);
        let entries = onboarded.files.iter().map(|file| {
            let object = Object {
                file,
                outcome: "written",
            };
            Entry::new(file.display().to_string(), &object)
        });
        let report = Report::new(entries.collect());
        onboarded.keep();
        Ok(report)
    }
}

/// What is quick comes first; then what compiles.
fn verify(onboarded: &Onboarded, service: &Service) -> Result<()> {
    let workspace = &onboarded.workspace;
    console::step("generate --check", || generate::check(workspace))?;
    console::step("lint", || lint(onboarded))?;
    let cargo = |arguments: &[&str]| {
        let line = CommandLine::cargo()
            .args(arguments)
            .args(["--package", &service.package]);
        process::succeed(&line, &workspace.root, |cargo| cargo)
    };
    // The template cannot know how long the names are that go into it.
    console::step("format", || {
        onboarded.lend(&rust_files(onboarded), || cargo(&["fmt"]))
    })?;
    console::step("test", || {
        onboarded.lend(&["Cargo.lock".into()], || cargo(&["test"]))
    })?;
    console::step("image", || image::build(workspace, service, Engine::Oci))?;
    Ok(())
}

fn lint(onboarded: &Onboarded) -> Result<()> {
    let root = &onboarded.workspace.root;
    let files = onboarded.files.iter();
    let files: Vec<_> = files.filter(|file| delivery::is_yaml(file)).collect();
    let paths: Vec<_> = files.iter().map(|file| root.join(file)).collect();
    for (file, linted) in files
        .iter()
        .zip(delivery::lint(&onboarded.workspace, &paths))
    {
        if let Some(finding) = linted?.first() {
            let fault = format!("{}:{}: {}", file.display(), finding.line, finding.happens);
            return Err(Kind::Failed.because(fault).hint(&finding.mend).into());
        }
    }
    Ok(())
}

fn rust_files(onboarded: &Onboarded) -> Vec<PathBuf> {
    let files = onboarded.files.iter();
    let files = files.filter(|file| file.extension().is_some_and(|extension| extension == "rs"));
    files.cloned().collect()
}

/// What no tool may do: it changes what others see, or needs somebody's word.
fn show_what_is_left(workspace: &Workspace, service: &Service) {
    let (name, package) = (&workspace.name, &service.package);
    let parameters = parameters_to_put(workspace, service);
    console::note(format_args!(
        "
{package} is part of the workspace. What is left to do, each with its check:

1. git add . && git commit
   check: git status --short
2. put the parameters, unless they are there:
   {puts}
   check: cargo xtask params check --parameters ssm
3. update the stacks {name}-staging and {name}-production from build/environment.yaml with {image}=none and,
   of the other services, the images that run now: build/README.md, \"Updating an environment\", says how
   check: aws ecs describe-services --cluster {name}-staging --services {package}
4. update the stack {name}-pipeline from build/pipeline.yaml, and push the commit
   check: aws codepipeline get-pipeline-state --name {name}
5. after the first deployment: aws ecs update-service --cluster {name}-staging --service {package} --desired-count 1
   check: aws ecs wait services-stable --cluster {name}-staging --services {package}
   after the first release, the same with {name}-production

The pipeline's structure has changed: stage rollback returns after the next full release.",
        image = delivery::image_parameter(service),
        puts = parameters.join("\n   ")
    ));
}

/// The commands that put the parameters of the service, and where its upstreams are.
fn parameters_to_put(workspace: &Workspace, service: &Service) -> Vec<String> {
    let upstreams = workspace
        .services
        .iter()
        .filter(|other| service.upstreams.contains(&other.package));
    let own = Environment::ALL.map(|environment| service.tag_parameter(environment));
    let elsewhere = upstreams.flat_map(|upstream| {
        Environment::ALL.map(|environment| environment.parameter(&upstream.address_parameter()))
    });
    [service.repository_parameter(Environment::Staging)]
        .into_iter()
        .chain(own)
        .chain(elsewhere)
        .map(|name| format!("cargo xtask params put {name}"))
        .collect()
}
