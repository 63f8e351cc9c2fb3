#![no_main]
//! A body of the controller's endpoints from a stranger, a SealedSecret or a list of values: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::reseal_body(data));
