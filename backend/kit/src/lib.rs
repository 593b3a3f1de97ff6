//! What every service does in the same way: reading its configuration, writing its logs, guarding its requests,
//! serving and stopping.
//!
//! A service keeps only what is its own; compare `backend/src/main.rs`.

mod base_url;
mod environment;
mod guard;
mod logs;
mod observe;
mod server;
mod version;

pub use base_url::{BaseUrl, NotABaseUrl};
pub use environment::{Environment, Misconfigured};
pub use guard::guard;
pub use logs::{causes, init as init_logs};
pub use observe::{RequestId, observe};
pub use server::{Listen, serve};
pub use version::Version;
