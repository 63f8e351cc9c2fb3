#![no_main]
//! A sops file from a stranger: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::sops_file(data));
