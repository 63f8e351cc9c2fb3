//! Raw flags of the commands in `crate::change`, their help texts, and their resolution.
