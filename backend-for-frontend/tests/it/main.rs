//! Tests of the pages from outside: in front of the real backend, and of one that fails as it is told to.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on says so by panicking"
)]

mod bff;
mod failures;
mod forms;
mod pages;
mod process;
mod running;
mod upstream;
mod with_openssl;
