//! Tests of the tool through its command line, against real parts. A module
//! `with_…` is a part of `cargo xtask test` and needs that part's programs.

mod architecture;
mod build;
mod command_line;
mod layout;
mod support;
mod with_docker;
mod with_registry;
mod with_skopeo;
