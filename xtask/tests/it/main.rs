//! Tests of the tool through its command line, against real parts. A module
//! `with_…` is a part of `cargo xtask test` and needs that part's programs.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test ends where something is not as it should be"
)]

mod architecture;
mod build;
mod command_line;
mod layout;
mod support;
mod up;
mod with_browser;
mod with_docker;
mod with_registry;
mod with_skopeo;
