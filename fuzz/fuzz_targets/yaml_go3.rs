#![no_main]
//! A YAML file of sops from a stranger: no panic, and everything is where it is said to be.

libfuzzer_sys::fuzz_target!(|data: &[u8]| bulla_yaml::fuzz::go3(data));
