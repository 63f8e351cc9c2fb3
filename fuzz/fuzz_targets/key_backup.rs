#![no_main]
//! A private key or a backup of keys from a stranger: no panic.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_core::fuzz::key_backup(data));
