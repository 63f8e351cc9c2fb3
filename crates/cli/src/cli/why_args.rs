//! Raw flags of the commands in `crate::why`, their help texts, and their resolution.
