//! The contract of the backend: resource types, paths, error codes and limits.
//!
//! The backend and its callers use the same types, so that neither can drift from the other unnoticed.

mod resource;

pub use resource::{Address, Email, Group, User};

/// Where the API starts.
pub const BASE: &str = "/backend/api/v1";
