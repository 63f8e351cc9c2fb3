//! Raw flags of the commands in `crate::verify`, their help texts, and their resolution.
