//! The preserving layout: encrypting, decrypting and changing a file by replacing the values alone. Comments, quoting, order, blank
//! lines, and anchors outside encrypted branches stay as they are.
//!
//! Which way the data goes: the bytes → `locate` (the tree, and where each leaf of it and the `sops` entry stand; `flat` and `json`
//! for the formats that have no YAML) → the leaves that become others → `token` (how a value is written where it stands) and `entry`
//! (the `sops` entry) → `edits`. The result is read again and compared with what it should be: whatever the rules here overlook, a
//! file that would read differently is refused, never written. `change` has the edits that move more than values: keys that come, go,
//! or get another name.

mod change;
mod edits;
mod entry;
mod error;
mod flat;
mod json;
mod leaves;
mod locate;
mod open;
mod path;
mod seal;
#[cfg(test)]
mod tests;
mod token;
mod view;

pub use change::{Change, Op, change};
pub use error::Error;
pub use open::open;
pub use path::{Path, Step};
pub use seal::{Before, Sealing, add, again, replace_metadata};
pub use view::{Row, rows};
