#![no_main]
//! Any edits of any text: no panic, and what is not refused changes nothing else.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_yaml::fuzz::splices(data));
