#![no_main]
//! A plain Secret from a stranger: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::plain_secret(data));
