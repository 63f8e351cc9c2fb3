//! Files of a work tree: which ones are meant, and which documents they hold.
//!
//! Which way the data goes: [`files`] turns arguments into paths (`walk`), [`read`] a path into documents (`file`), and
//! [`SealedFile::objects`] documents into the Secrets and SealedSecrets in them, Lists taken apart (`object`). Nothing is
//! decrypted and nothing is written here.

mod file;
mod object;
mod walk;

pub(crate) use file::{SealedFile, conflict_marker, mentions_sealed, read};
pub(crate) use object::{Kind, Object, Sealed, SealedItem};
pub(crate) use walk::{files, shown};
