//! The grammar of the command line.

use std::io::{self, ErrorKind, Write as _};
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::commands::{self, Context, Format, Global, Report};
use crate::{console, process};

/// The kinds of errors, as `error::Kind` has them.
const EXIT_CODES: &str = "\
Exit codes:
    0  done, or already so
    1  a check, test, lint or build did not hold; a fault of the tool or of this machine
    2  the command line is wrong
    3  a rule forbids it: an immutable tag, a dirty tree for production
    4  a parameter or the metadata is missing or malformed; an unknown service
    5  there is no such image or tag
    6  the registry or AWS refused the credentials, or hides what they may not see
    7  no usable answer within the time limit, or a quota is used up
    8  somebody else moved the tag meanwhile, or --expect does not hold
  130  interrupted";

/// Builds, tags, promotes and describes the images of this workspace's services.
///
/// Results go to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    disable_help_subcommand = true,
    after_long_help = EXIT_CODES
)]
pub struct Cli {
    #[command(flatten)]
    global: Global,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Build(commands::Build),
    #[command(visible_alias = "push")]
    StagingTag(commands::StagingTag),
    #[command(visible_alias = "promote")]
    PromoteToProduction(commands::PromoteToProduction),
    Rollback(commands::Rollback),
    #[command(name = "imagedefinitions")]
    ImageDefinitions(commands::ImageDefinitions),
    Pipeline(commands::Pipeline),
    Up(commands::Up),
    E2e(commands::EndToEnd),
    Params(commands::Params),
    Generate(commands::Generate),
    Lint(commands::Lint),
    #[command(name = "codebuild")]
    CodeBuild(commands::CodeBuild),
    #[command(visible_alias = "new")]
    Onboard(commands::Onboard),
    Setup(commands::Setup),
    Test(commands::Test),
    Ci(commands::Ci),
    #[command(subcommand)]
    Bench(commands::Bench),
}

impl Cli {
    /// Reads the command line. Where it asks for help or is wrong, that is told, and this
    /// gives the exit code.
    pub fn read() -> Result<Self, ExitCode> {
        Self::try_parse().map_err(|told| {
            match told.print().and_then(|()| io::stdout().flush()) {
                // That nobody reads the help any more is no error.
                Err(error) if !told.use_stderr() && error.kind() != ErrorKind::BrokenPipe => {
                    let error = anyhow::Error::new(error).context("writing to standard output");
                    Report::of_error(error).print(Format::Text)
                }
                _ => ExitCode::from(u8::try_from(told.exit_code()).unwrap_or(1)),
            }
        })
    }

    /// Runs the command, prints its report and gives the exit code.
    pub fn run(self) -> ExitCode {
        console::set_verbose(self.global.verbose);
        let format = self.global.format;
        process::on_interrupt(move || {
            // Nobody is left to be told that standard output cannot be written.
            let _ = Report::of_interrupt().print_results(format);
        });
        let report = process::end_on_interrupt().and_then(|()| self.dispatch());
        process::yield_to_interrupt();
        report.unwrap_or_else(Report::of_error).print(format)
    }

    fn dispatch(self) -> Result<Report> {
        let context = Context::new(self.global)?;
        match self.command {
            Command::Build(command) => command.run(&context),
            Command::StagingTag(command) => command.run(&context),
            Command::PromoteToProduction(command) => command.run(&context),
            Command::Rollback(command) => command.run(&context),
            Command::ImageDefinitions(command) => command.run(&context),
            Command::Pipeline(command) => command.run(&context),
            Command::Up(command) => command.run(&context),
            Command::E2e(command) => command.run(&context),
            Command::Params(command) => command.run(&context),
            Command::Generate(command) => command.run(&context),
            Command::Lint(command) => command.run(&context),
            Command::CodeBuild(command) => command.run(&context),
            Command::Onboard(command) => command.run(&context),
            Command::Setup(command) => command.run(&context),
            Command::Test(command) => command.run(&context),
            Command::Ci(command) => command.run(&context),
            Command::Bench(command) => command.run(&context),
        }
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    #[test]
    fn the_grammar_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
