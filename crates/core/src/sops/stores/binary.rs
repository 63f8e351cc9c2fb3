//! The binary format.

use zeroize::Zeroizing;

use crate::sops::{Error, Tree, Value};

pub(super) fn load(_bytes: &[u8]) -> Tree {
    Tree::default()
}

pub(super) fn emit(_tree: &Tree) -> Result<Zeroizing<Vec<u8>>, Error> {
    Err(Error::Empty)
}

pub(super) fn emit_value(_value: &Value) -> Result<Zeroizing<Vec<u8>>, Error> {
    Err(Error::Empty)
}
