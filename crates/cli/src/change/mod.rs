//! `bulla set`, `unset`, `rename` and `view`: one SealedSecret in one file, changed in place or looked at.
//!
//! Which way the data goes: `file` reads the file and picks the SealedSecret, the verb's module checks what is asked for and
//! makes the edits ([`bulla_yaml::Splices`]), `file` puts the result in the place of the old one. Only `set` meets plaintext
//! (`value` reads it) and needs a certificate; no verb needs a private key. `template` knows which templates speak of a key,
//! `facts` what can be told of a SealedSecret from outside, `git` when its file was committed last.

mod facts;
mod file;
mod git;
pub(crate) mod rename;
pub(crate) mod set;
mod template;
pub(crate) mod unset;
pub(crate) mod value;
pub(crate) mod view;

use std::path::PathBuf;

pub(crate) use value::{From, Given};

/// Which SealedSecret.
#[derive(Debug)]
pub(crate) struct Which {
    /// The file.
    pub(crate) path: PathBuf,
    /// `NAME` or `NAMESPACE/NAME`, where the file holds several.
    pub(crate) document: Option<String>,
}
