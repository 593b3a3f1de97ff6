//! Promotion in front of a registry that fails in every way that is known.

mod copies;
mod intentions;
mod kills;
mod oddities;
mod paging;
mod races;
mod rollbacks;
mod secrets;
mod turns;

use crate::support::matrix::{self, Behind};
use crate::support::stock::{PASSWORD, STOCK, USER, sandbox};

#[test]
fn every_fault_of_every_request_ends_as_specified() {
    matrix::check(Behind::Script);
}
