//! `sops exec-env`
