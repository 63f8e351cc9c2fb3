//! Raw flags of the commands in `crate::init`, their help texts, and their resolution.
