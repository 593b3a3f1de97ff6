//! `Retry-After`.
#![no_main]

use std::time::SystemTime;

use libfuzzer_sys::fuzz_target;
use xtask::registry::retry_after;

fuzz_target!(|value: &str| {
    retry_after(value, SystemTime::now());
});
