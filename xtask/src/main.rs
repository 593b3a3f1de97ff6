//! `cargo xtask`: builds, tags, promotes and describes the images of this
//! workspace's services.

use std::process::ExitCode;

use xtask::cli::Cli;

fn main() -> ExitCode {
    Cli::read().map_or_else(|told| told, Cli::run)
}
