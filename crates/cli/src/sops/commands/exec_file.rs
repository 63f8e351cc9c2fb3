//! `sops exec-file`
