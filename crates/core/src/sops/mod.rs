//! sops files (the format of getsops SOPS 3.13.3): values encrypted one by one in a file whose keys stay readable.
//!
//! What lives here: the [`Tree`] that every store reads into and writes from, the stores themselves ([`stores`]: YAML, JSON, dotenv,
//! INI, binary), the encryption of values ([`DataKey`]), which of them are encrypted ([`Selection`]), the MAC over them, and
//! the [`Metadata`] with its master keys, groups and Shamir shares. What does not: asking anybody for a key. A caller answers for each
//! wrapped data key ([`Metadata::recover`]) and wraps each part ([`Metadata::wrap`]); nothing in here does I/O, except that
//! encryption draws random bytes.
//!
//! Which way the data goes: bytes → [`stores`] → [`Tree`] (and [`Metadata`]) → [`decrypt`] or [`encrypt`] → [`stores`] → bytes.

mod cipher;
mod error;
mod keys;
pub mod layout;
mod metadata;
mod places;
mod recover;
pub mod second_seal;
mod select;
mod shamir;
pub mod stores;
pub mod strict;
mod tree;
mod typed;
mod walk;

pub use cipher::{DataKey, Nonces, is_sealed};
pub use error::Error;
pub use keys::{Group, KeyKind, KeySource, MasterKey};
pub use metadata::Metadata;
pub use places::each_value;
pub use recover::{GroupFailure, KeyFailure, Unrecovered, Wrap};
pub use select::{DEFAULT_UNENCRYPTED_SUFFIX, Selection, Selector, go_regex};
pub use stores::{Format, Indents, Leaf, Located, load_located};
pub use tree::{Branch, Comment, Item, Key, Time, Tree, Value};
pub use walk::{Decrypted, decrypt, encrypt, mac, selected};
