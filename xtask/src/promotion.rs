//! Promotion: pointing the production tag at the digest that was tested.
//!
//! [`look`] asks the registry what is, [`plan()`] decides what is to be done, and
//! [`Plan::apply`] does it. The plans of all services are made before the first
//! change of any.

mod apply;
mod plan;
mod rollback;

pub use apply::{Place, commit_tag};
pub use plan::{Change, Expectation, Plan, Wish, look, plan};
pub use rollback::{RollbackPlan, plan_rest, plan_rollback};

/// What the tag of the displaced image ends with.
pub const PREVIOUS: &str = "previous";
