#![no_main]
//! Any bytes as a template: no panic, and no error that shows a value.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_gotemplate::fuzz::render_bytes(data));
