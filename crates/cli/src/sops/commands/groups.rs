//! `sops groups`
