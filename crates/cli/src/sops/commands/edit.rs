//! `sops edit`
