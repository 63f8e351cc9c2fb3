//! `sops updatekeys`
