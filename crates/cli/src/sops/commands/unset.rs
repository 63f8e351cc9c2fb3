//! `sops unset`
