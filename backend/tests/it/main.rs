//! Tests of the backend from outside: its router over each database, and the process.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod bad_input;
mod cluster;
mod documents;
mod postgres;
mod process;
mod scenarios;
mod service;
mod sqlite;
