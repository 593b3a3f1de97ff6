//! What every service does in the same way: reading its configuration, writing its logs, guarding its requests,
//! serving and stopping, and calling another one.
//!
//! A service keeps only what is its own; compare `backend/src/main.rs`.

mod base_url;
mod client;
mod environment;
mod guard;
mod logs;
mod observe;
mod run;
mod server;
mod task;
mod tls;
mod version;

pub use base_url::{BaseUrl, NotABaseUrl};
pub use client::{Client, NoAnswer};
pub use environment::{Environment, Misconfigured};
pub use guard::guard;
pub use logs::causes;
pub use observe::{RequestId, observe};
pub use run::main;
pub use server::{Listen, serve};
pub use task::spawn;
pub use version::Version;
