#![no_main]
//! A sealed value from a stranger: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::sealed_value(data));
