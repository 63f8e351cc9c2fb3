//! `sops encrypt`
