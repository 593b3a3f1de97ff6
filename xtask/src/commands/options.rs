//! The options that every command takes.

use clap::{Args, ValueEnum};

use crate::parameters::SourceChoice;

/// Flags that every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// How results are written to standard output
    #[arg(long, global = true, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Where parameters come from
    #[arg(long, global = true, value_enum, value_name = "SOURCE", default_value_t = SourceChoice::Auto)]
    pub parameters: SourceChoice,
    /// How long the command may wait for registries, Parameter Store and other promotions
    #[arg(long, global = true, value_name = "SECONDS", default_value_t = 120, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Tell more
    #[arg(short, long, global = true)]
    pub verbose: bool,
}

/// How results are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line per result
    Text,
    /// One JSON array
    Json,
}
