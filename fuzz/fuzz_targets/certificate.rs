#![no_main]
//! A certificate from a stranger: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::certificate(data));
