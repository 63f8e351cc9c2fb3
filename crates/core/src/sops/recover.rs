//! From wrapped keys to the data key and back, without asking anybody: the caller answers for each key.

use super::{DataKey, Error, KeyKind, KeySource, MasterKey, Metadata};
use crate::secret::SecretBytes;

/// No data key: what was tried, group by group.
#[derive(Debug)]
pub struct Unrecovered {
    /// The threshold that the file states; 0 when it has one group.
    pub threshold: u32,
    /// All groups.
    pub groups: Vec<GroupFailure>,
    /// The shares were enough and do not fit together.
    pub combining: Option<String>,
}

/// What happened to a group.
#[derive(Debug)]
pub struct GroupFailure {
    /// Whether a key of the group opened.
    pub opened: bool,
    /// The keys that did not, in the order in which they were tried.
    pub keys: Vec<KeyFailure>,
}

/// A key that gave nothing.
#[derive(Debug)]
pub struct KeyFailure {
    /// [`KeySource::identity`]
    pub identity: String,
    /// What kind of key it is.
    pub kind: KeyKind,
    /// One for each key service that was asked.
    pub errors: Vec<String>,
}

impl Metadata {
    /// Recovers the data key. `order` names the kinds that are asked first; within a kind the file's order holds. `unwrap` answers for
    /// one key: the part of the data key, or why not, one text for each service that was asked. All groups are asked; within
    /// a group the first answer ends the asking.
    ///
    /// # Errors
    /// [`Unrecovered`] with every answer.
    pub fn recover(
        &self,
        _order: &[KeyKind],
        _unwrap: &mut dyn FnMut(&MasterKey) -> Result<SecretBytes, Vec<String>>,
    ) -> Result<DataKey, Box<Unrecovered>> {
        Err(Box::new(Unrecovered { threshold: 0, groups: Vec::new(), combining: None }))
    }

    /// Wraps the data key for every key of every group: the whole key if there is one group, a share for each group otherwise; a
    /// threshold of 0 becomes the number of groups then. `wrap` answers for one key with its `enc`. `now` (RFC 3339, UTC) becomes the
    /// `created_at` of kinds that have one.
    ///
    /// # Errors
    /// Everything that failed, as texts; then the metadata is to be thrown away.
    pub fn wrap(
        &mut self,
        _key: &DataKey,
        _now: &str,
        _wrap: &mut dyn FnMut(&KeySource, &[u8]) -> Result<String, Vec<String>>,
    ) -> Result<(), Vec<String>> {
        Err(vec![Error::Empty.to_string()])
    }
}
