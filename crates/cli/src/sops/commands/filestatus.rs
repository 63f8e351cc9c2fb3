//! `sops filestatus`
