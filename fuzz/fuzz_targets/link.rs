//! `Link`: each line is a header's value.
#![no_main]

use libfuzzer_sys::fuzz_target;
use xtask::registry::next_link;

fuzz_target!(|values: &str| {
    if let Some(reference) = next_link(values.lines()) {
        assert!(values.contains(reference));
    }
});
