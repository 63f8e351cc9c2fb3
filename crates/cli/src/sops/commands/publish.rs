//! `sops publish`
