//! YAML as go-yaml v3 (go.yaml.in/yaml/v3) reads and writes it, with comments: what sops files are made of.
//!
//! [`read`] gives the documents of a file as [`Node`]s with their comments attached by go-yaml's rules; [`write()`] prints such
//! nodes as go-yaml's encoder does, byte for byte. The types of plain scalars are go-yaml v3's ([`resolve`]).

mod node;
mod read;
mod resolve;
mod write;

pub use node::{Comments, Kind, Node, ScalarStyle};
pub use read::{Document, ReadError, Reading, read, read_all, read_up_to_error};
pub use resolve::{Scalar, Tagged, resolve, resolve_tagged, short_name};
pub use write::{Encoder, Notes, plain_or_quoted, write};
