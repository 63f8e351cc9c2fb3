//! Raw flags of the commands in `crate::keys`, their help texts, and their resolution.
