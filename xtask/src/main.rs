//! `cargo xtask`: builds, tags, promotes and describes the images of this
//! workspace's services.

use std::process::ExitCode;

use clap::Parser as _;
use xtask::cli::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
