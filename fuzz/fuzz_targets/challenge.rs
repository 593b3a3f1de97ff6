//! `WWW-Authenticate`: each line is a header's value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::registry::Challenge;

fuzz_target!(|values: &str| {
    Challenge::choose(values.lines());
});
