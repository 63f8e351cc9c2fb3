//! Raw flags of the commands in `crate::reseal`, their help texts, and their resolution.
