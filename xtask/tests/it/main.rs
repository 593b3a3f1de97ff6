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
mod codebuild;
mod command_line;
mod end_to_end;
mod faults;
mod generate;
mod interrupts;
mod layout;
mod lint;
mod onboard;
mod properties;
mod support;
mod up;
mod with_browser;
mod with_cfn_lint;
mod with_docker;
mod with_moto;
mod with_registry;
mod with_schemathesis;
mod with_skopeo;
