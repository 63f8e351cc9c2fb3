//! Kubernetes manifests in YAML and JSON, read the way kubectl and kubeseal read them and written the way they write.
//!
//! # Reading
//! The manifests hold secrets in plain text, and a value that is read differently from kubeseal is sealed differently. So
//! plain scalars get their types by go-yaml v2's rules ([`Schema::GoYaml2`]), and [`Node::to_go_string`] gives the text
//! that sigs.k8s.io/yaml hands to a Go `string` field: the password `yes` is `true`. [`Node::is_coerced`] tells when
//! that happened, so that the author can be warned. Every node knows its bytes, line and column.
//!
//! ```
//! let manifests = bulla_yaml::read_manifests(b"stringData:\n  pin: 010\n", &bulla_yaml::Limits::default())?;
//! let pin = manifests[0].root.at(&["stringData", "pin"]).expect("it is there");
//! assert_eq!(pin.to_go_string()?.as_deref().map(String::as_str), Some("8"));
//! assert!(pin.is_coerced());
//! # Ok::<(), bulla_yaml::Error>(())
//! ```
//!
//! # Writing
//! [`Out`] is an ordered tree; [`Out::to_yaml`] writes what `sigs.k8s.io/yaml.Marshal` writes and [`Out::to_json`] what
//! Go's `json.MarshalIndent` writes, byte for byte.
//!
//! # Promises
//! * Reading always ends, within [`Limits`]; it never panics.
//! * No error and no warning repeats a value. Keys are named.
//! * Text that this crate copies is cleared on drop. The YAML parser's own buffers are out of reach: a scalar with
//!   escapes or folded lines passes through a `String` that grows, and a buffer that it outgrew is freed as it is.
//!
//! Which way the data goes: `reader` (bytes, documents) → `event` (the YAML parser behind a type of our own) →
//! `compose` (a flat graph with aliases) → `decode` with `scalar` (typed nodes); or `reader` → `json` (typed nodes).

mod base64;
mod compose;
mod decode;
mod error;
mod event;
#[doc(hidden)]
pub mod fuzz;
pub mod go3;
mod json;
mod limits;
mod node;
mod number;
mod position;
mod reader;
mod scalar;
mod splice;
mod timestamp;
mod writer;

pub use error::{Error, Warning};
pub use limits::Limits;
pub use node::{Document, Entry, Node, Style, Value};
pub use position::{Position, Span};
pub use reader::{read_manifests, read_one};
pub use scalar::Schema;
pub use splice::{SpliceError, Splices};
pub use writer::{Out, write_json, write_yaml};
