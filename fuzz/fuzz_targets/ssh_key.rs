#![no_main]
//! A private SSH key from a stranger: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::ssh_key(data));
