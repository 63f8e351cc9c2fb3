//! From wrapped keys to the data key and back, without asking anybody: the caller answers for each key.

use super::keys::KeyKind;
use super::{DataKey, KeySource, MasterKey, Metadata, shamir};
use crate::secret::SecretBytes;

/// Who wraps a part of the data key for one key: the text that the file has as `enc`, or why not, one text for each service asked.
pub type Wrap<'a> = &'a mut dyn FnMut(&KeySource, &[u8]) -> Result<String, Vec<String>>;

/// No data key: what was tried, group by group.
#[derive(Debug)]
pub struct Unrecovered {
    /// The threshold that the file states; 0 when it states none.
    pub threshold: u32,
    /// All groups.
    pub groups: Vec<GroupFailure>,
    /// The parts were enough and do not fit together: why.
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

impl Unrecovered {
    /// The groups that opened.
    #[must_use]
    pub fn opened(&self) -> usize {
        self.groups.iter().filter(|group| group.opened).count()
    }
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
        order: &[KeyKind],
        unwrap: &mut dyn FnMut(&MasterKey) -> Result<SecretBytes, Vec<String>>,
    ) -> Result<DataKey, Box<Unrecovered>> {
        let mut parts = Vec::new();
        let mut failed = Unrecovered { threshold: self.shamir_threshold, groups: Vec::new(), combining: None };
        for group in &self.groups {
            let mut keys: Vec<&MasterKey> = group.keys.iter().collect();
            keys.sort_by_key(|key| order.iter().position(|kind| *kind == key.source.kind()).unwrap_or(order.len()));
            let mut failures = Vec::new();
            let part = keys.into_iter().find_map(|key| {
                unwrap(key)
                    .map_err(|errors| {
                        let identity = key.source.identity();
                        failures.push(KeyFailure { identity, kind: key.source.kind(), errors });
                    })
                    .ok()
            });
            failed.groups.push(GroupFailure { opened: part.is_some(), keys: failures });
            parts.extend(part);
        }
        match self.settle(&parts) {
            Ok(Some(key)) => Ok(key),
            Ok(None) => Err(Box::new(failed)),
            Err(reason) => {
                failed.combining = Some(reason);
                Err(Box::new(failed))
            }
        }
    }

    /// The data key of the parts, `None` if they are too few.
    fn settle(&self, parts: &[SecretBytes]) -> Result<Option<DataKey>, String> {
        let size = |bytes: &[u8]| format!("the data key has {} bytes, expected 32", bytes.len());
        if self.groups.len() <= 1 {
            let Some(part) = parts.first() else { return Ok(None) };
            return DataKey::from_bytes(part.expose()).map(Some).ok_or_else(|| size(part.expose()));
        }
        // A file may state no threshold; then all groups are needed.
        let needed = if self.shamir_threshold == 0 { self.groups.len() } else { self.shamir_threshold as usize };
        if parts.len() < needed {
            return Ok(None);
        }
        let parts: Vec<&[u8]> = parts.iter().map(SecretBytes::expose).collect();
        let key = shamir::combine(&parts).map_err(|error| error.to_string())?;
        DataKey::from_bytes(&key).map(Some).ok_or_else(|| size(&key))
    }

    /// Wraps the data key for every key of every group: the whole key if there is one group, a share for each group otherwise; a
    /// threshold of 0 becomes the number of groups then. `wrap` answers for one key with its `enc`. `now` (RFC 3339, UTC) becomes the
    /// `created_at` of kinds that have one.
    ///
    /// # Errors
    /// Everything that failed, as texts; then the metadata is to be thrown away.
    pub fn wrap(&mut self, key: &DataKey, now: &str, wrap: Wrap<'_>) -> Result<(), Vec<String>> {
        let parts = match self.groups.len() {
            0 => return Err(vec!["no key groups provided".to_owned()]),
            1 => vec![zeroize::Zeroizing::new(key.expose().to_vec())],
            groups => {
                if self.shamir_threshold == 0 {
                    self.shamir_threshold = u32::try_from(groups).unwrap_or(u32::MAX);
                }
                shamir::split(key.expose(), groups, self.shamir_threshold as usize)
                    .map_err(|error| vec![format!("could not split data key into parts for Shamir: {error}")])?
            }
        };
        let mut failures = Vec::new();
        for (group, part) in self.groups.iter_mut().zip(&parts) {
            if group.keys.is_empty() {
                return Err(vec!["empty key group provided".to_owned()]);
            }
            for key in &mut group.keys {
                match wrap(&key.source, part) {
                    Ok(enc) => {
                        key.enc = enc;
                        key.created_at = (key.source.kind() != KeyKind::Age).then(|| now.to_owned());
                    }
                    Err(errors) => {
                        let identity = key.source.identity();
                        failures.extend(errors.into_iter().map(|error| {
                            format!("failed to encrypt new data key with master key {identity:?}: {error}")
                        }));
                    }
                }
            }
        }
        if failures.is_empty() { Ok(()) } else { Err(failures) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::{Group, Selector};

    fn age(recipient: &str) -> MasterKey {
        MasterKey::new(KeySource::Age { recipient: recipient.to_owned() })
    }

    fn metadata(groups: Vec<Group>, shamir_threshold: u32) -> Metadata {
        Metadata { groups, shamir_threshold, ..Metadata::new(Selector::default()) }
    }

    /// "Wrapping" is the recipient and hexadecimal.
    fn wrap(source: &KeySource, part: &[u8]) -> Result<String, Vec<String>> {
        let part: String = part.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(format!("{}:{part}", source.identity()))
    }

    fn unwrap(holders: &[&str], key: &MasterKey) -> Result<SecretBytes, Vec<String>> {
        let (holder, part) = key.enc.split_once(':').unwrap();
        if !holders.contains(&holder) {
            return Err(vec!["not mine".to_owned()]);
        }
        let bytes = (0..part.len()).step_by(2).map(|at| u8::from_str_radix(&part[at..at + 2], 16).unwrap());
        Ok(SecretBytes::new(bytes.collect()))
    }

    #[test]
    fn any_key_of_one_group_opens() {
        let mut file = metadata(vec![Group { keys: vec![age("a"), age("b")] }], 0);
        let key = DataKey::generate().unwrap();
        file.wrap(&key, "2026-01-01T00:00:00Z", &mut wrap).unwrap();
        for holder in ["a", "b"] {
            let found = file.recover(&[], &mut |key| unwrap(&[holder], key)).unwrap();
            assert_eq!(found.expose(), key.expose());
        }
        let failed = file.recover(&[], &mut |key| unwrap(&["c"], key)).err().unwrap();
        assert_eq!((failed.opened(), failed.groups[0].keys.len()), (0, 2));
    }

    #[test]
    fn a_threshold_of_groups_opens() {
        let groups = ["a", "b", "c"].map(|name| Group { keys: vec![age(name)] }).to_vec();
        let mut file = metadata(groups, 2);
        let key = DataKey::generate().unwrap();
        file.wrap(&key, "2026-01-01T00:00:00Z", &mut wrap).unwrap();
        for holders in [&["a", "b"][..], &["b", "c"], &["a", "b", "c"]] {
            assert_eq!(file.recover(&[], &mut |key| unwrap(holders, key)).unwrap().expose(), key.expose());
        }
        let failed = file.recover(&[], &mut |key| unwrap(&["b"], key)).err().unwrap();
        assert_eq!((failed.opened(), failed.threshold, failed.groups.len()), (1, 2, 3));
    }

    #[test]
    fn the_order_is_by_kind_and_then_the_files() {
        let pgp = |name: &str| MasterKey::new(KeySource::Pgp { fingerprint: name.to_owned() });
        let file = metadata(vec![Group { keys: vec![pgp("p1"), age("a1"), pgp("p2"), age("a2")] }], 0);
        let mut asked = Vec::new();
        let _ = file.recover(&[KeyKind::Age, KeyKind::Pgp], &mut |key| {
            asked.push(key.source.identity());
            Err(Vec::new())
        });
        assert_eq!(asked, ["a1", "a2", "p1", "p2"]);
    }

    #[test]
    fn groups_without_keys_are_refused() {
        let mut file = metadata(vec![Group::default()], 0);
        let errors = file.wrap(&DataKey::generate().unwrap(), "", &mut wrap).err().unwrap();
        assert_eq!(errors, ["empty key group provided"]);
        let mut file = metadata(vec![], 0);
        assert!(file.wrap(&DataKey::generate().unwrap(), "", &mut wrap).is_err());
    }
}
