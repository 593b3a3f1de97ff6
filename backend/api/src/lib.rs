//! The contract of the backend: resource types, paths, error codes and limits.
//!
//! The backend and its callers use the same types and the same rules, so that neither can drift from the other
//! unnoticed. With the feature `openapi` the types also describe themselves for the OpenAPI document.

mod code;
mod language;
pub mod limits;
pub mod paths;
mod problem;
mod request;
mod resource;
#[cfg(feature = "openapi")]
pub mod schema;
mod validation;

pub use code::ErrorCode;
pub use language::Language;
pub use problem::{FieldError, Problem};
pub use request::{AddressUpdate, EmailUpdate, NewAddress, NewEmail, NewUser, UserUpdate};
pub use resource::{Address, Email, Group, User};
pub use validation::{Rule, Validate, Violation};
