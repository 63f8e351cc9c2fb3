//! Raw flags of the commands in `crate::seal`, their help texts, and their resolution.
