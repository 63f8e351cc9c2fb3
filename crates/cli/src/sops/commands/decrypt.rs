//! `sops decrypt`
