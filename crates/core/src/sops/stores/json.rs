//! JSON: one object, keys in order and possibly twice, numbers as Go's decoder and then sops type them.

mod emit;
mod parse;

pub(super) use emit::{emit, emit_value};
pub(super) use parse::load;
