//! `sops rotate`
