//! YAML, as sops reads and writes it with go-yaml v3.
//!
//! `load` goes from bytes to the tree, and on request says where each leaf of the tree stands in the bytes; `check` refuses what go-yaml
//! refuses to decode. `emit` goes back, in the layout of sops.

mod check;
mod emit;
mod load;

pub(super) use emit::{emit, emit_value};
pub(super) use load::load;
pub use load::{Leaf, Located, load_located};
