//! `sops set`
