mod engine;

use std::path::Path;

use anyhow::Result;
use serde::Serialize;

use super::setup::parts::{PARTS, Part};
use super::{Context, Entry, Report, setup};
use crate::console;
use crate::error::Kind;
use crate::image::Engine;
use crate::process::{self, CommandLine};

/// The variable that tells the tests where the images of the services are.
const IMAGES_VARIABLE: &str = "XTASK_TEST_IMAGES";

/// The program with the AWS SDK and what it says to the tool. They are compiled for
/// themselves, and tested through the tool.
pub(super) const PARAMETER_STORE: [&str; 2] = ["parameter-store", "parameter-store-protocol"];

/// Run every test
///
/// Installs what the tests need first, on Debian as root; elsewhere it names the
/// command. A part whose programs are missing fails by name, unless --skip leaves
/// it out.
#[derive(Debug, clap::Args)]
#[command(verbatim_doc_comment)]
pub struct Test {
    /// Leave a part out; may be given several times
    #[arg(long, value_name = "PART", value_parser = PARTS.each_ref().map(|part| part.name))]
    skip: Vec<String>,
    /// Do not install anything
    #[arg(long)]
    no_setup: bool,
}

/// How a group of tests, or a part that could not run, ended.
#[derive(Serialize)]
struct Object<'a> {
    tests: &'a str,
    outcome: &'a str,
}

impl Test {
    pub(crate) fn run(self, context: &Context) -> Result<Report> {
        Ok(Report::new(self.entries(context)?))
    }

    /// The tests of the tool, those of the services, and the parts that cannot run.
    pub(super) fn entries(&self, context: &Context) -> Result<Vec<Entry>> {
        let is_skipped = |part: &&Part| self.skip.iter().any(|skipped| skipped == part.name);
        let (skipped, wanted): (Vec<_>, Vec<_>) = PARTS.iter().partition(is_skipped);
        if wanted.is_empty() {
            console::warn("every part is skipped: only what needs nothing but Rust is tested");
        }
        if !self.no_setup {
            setup::install(context, &wanted)?;
        }
        let tools = setup::tools(context);
        let (ready, lacking): (Vec<_>, Vec<_>) = wanted
            .into_iter()
            .partition(|part| part.missing(&tools).is_empty());
        let filters = left_out(&ready);
        for service in &context.workspace.services {
            super::build::build(context, service, Engine::Oci)?;
        }
        let engine = ready
            .iter()
            .any(|part| part.name == "docker")
            .then(|| engine::Engine::start(&context.workspace.target_directory))
            .transpose()?;
        let mut entries = vec![
            self.run_group(context, "xtask", &["xtask"], &filters, engine.as_ref()),
            self.run_group(
                context,
                "services",
                &services(context),
                &filters,
                engine.as_ref(),
            ),
        ];
        for part in skipped {
            let name = part.name;
            console::warn(format_args!("the part {name} was skipped, as --skip says"));
        }
        entries.extend(lacking.into_iter().map(|part| cannot_run(part, &tools)));
        Ok(entries)
    }

    /// One group per set of packages: compiling the tool's tests together with the
    /// services would unify features and compile everything twice.
    fn run_group(
        &self,
        context: &Context,
        name: &str,
        packages: &[&str],
        filters: &[&str],
        engine: Option<&engine::Engine>,
    ) -> Entry {
        let line = CommandLine::cargo()
            .args(["test", "--locked"])
            .args(packages.iter().flat_map(|package| ["--package", package]))
            .arg("--")
            .args(filters.iter().flat_map(|filter| ["--skip", *filter]));
        let run = process::succeed(&line, &context.workspace.root, |cargo| {
            let cargo = cargo.env(
                IMAGES_VARIABLE,
                context.workspace.target_directory.join("images"),
            );
            match engine {
                Some(engine) => cargo.env("DOCKER_HOST", engine.address()),
                None => cargo,
            }
        });
        match run {
            Ok(()) => Entry::new(
                format!("{name}: passed"),
                &Object {
                    tests: name,
                    outcome: "passed",
                },
            ),
            Err(error) => Entry::failed(
                &Object {
                    tests: name,
                    outcome: "failed",
                },
                error,
            ),
        }
    }
}

/// The filters of all parts that are not `ready`.
fn left_out(ready: &[&Part]) -> Vec<&'static str> {
    let is_ready = |part: &Part| ready.iter().any(|other| other.name == part.name);
    PARTS
        .iter()
        .filter(|part| !is_ready(part))
        .map(|part| part.filter)
        .collect()
}

/// The packages that are not the tool's.
pub(super) fn services(context: &Context) -> Vec<&str> {
    let members = context.workspace.members.iter();
    let packages = members.map(|member| member.package.as_str());
    packages
        .filter(|package| *package != "xtask" && !PARAMETER_STORE.contains(package))
        .collect()
}

fn cannot_run(part: &Part, tools: &Path) -> Entry {
    let fault = format!(
        "the tests of the part {} did not run: {} is missing",
        part.name,
        part.missing(tools).join(", ")
    );
    let hint = format!(
        "`cargo xtask setup` installs it; `--skip {}` leaves the part out",
        part.name
    );
    let object = Object {
        tests: part.name,
        outcome: "failed",
    };
    Entry::failed(&object, Kind::Failed.because(fault).hint(hint).into())
}
