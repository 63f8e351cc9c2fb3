//! Raw flags of the commands in `crate::edit`, their help texts, and their resolution.
