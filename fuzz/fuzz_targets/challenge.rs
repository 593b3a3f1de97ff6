//! `WWW-Authenticate`.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::registry::Challenge;

fuzz_target!(|values: Vec<&str>| {
    Challenge::choose(values);
});
