#![no_main]
//! An age file or an identity file from a stranger: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::age_file(data));
