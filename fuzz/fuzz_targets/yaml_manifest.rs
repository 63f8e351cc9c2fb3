#![no_main]
//! Any bytes as manifests: no panic, sane spans, and what is written comes back.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_yaml::fuzz::manifest(data));
