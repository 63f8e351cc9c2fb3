//! From the tree to bytes.

use zeroize::Zeroizing;

use crate::sops::{Error, Tree, Value};

pub(in crate::sops::stores) fn emit(_tree: &Tree, _indent: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    Err(Error::Empty)
}

pub(in crate::sops::stores) fn emit_value(_value: &Value, _indent: usize) -> Result<Zeroizing<Vec<u8>>, Error> {
    Err(Error::Empty)
}
