//! The `sops` entry of a file: who can open it, what is encrypted, and the MAC.

pub(super) mod flat;
mod read;
mod write;

use super::{Comment, DataKey, Error, Group, Selector, Time, Value};

/// Everything that the `sops` entry says.
#[derive(Clone)]
pub struct Metadata {
    /// Key groups, at least one. With one, any key opens the file; with more, `shamir_threshold` of them are needed.
    pub groups: Vec<Group>,
    /// How many groups are needed; 0 means that the file does not say, which is all of them.
    pub shamir_threshold: u32,
    /// When a value last changed, RFC 3339 with seconds, in UTC when we write; also the additional data of the MAC.
    pub last_modified: String,
    /// The encrypted MAC; empty if the file has none.
    pub mac: String,
    /// What is encrypted.
    pub selector: Selector,
    /// Whether the MAC covers the encrypted values only.
    pub mac_only_encrypted: bool,
    /// The version of the tool that wrote the file, empty if it does not say.
    pub version: String,
    /// The extension key `bulla`: the second seal, as it stands in the file. sops ignores it on read and drops it on write.
    pub extension: Option<Value>,
    /// Fields that nobody knows, by name; they are dropped by the next write.
    pub unknown: Vec<String>,
}

/// The extension key of the second seal.
const EXTENSION: &str = "bulla";

impl Metadata {
    /// An entry without keys, MAC and version.
    #[must_use]
    pub fn new(selector: Selector) -> Self {
        Self {
            groups: Vec::new(),
            shamir_threshold: 0,
            last_modified: String::new(),
            mac: String::new(),
            selector,
            mac_only_encrypted: false,
            version: String::new(),
            extension: None,
            unknown: Vec::new(),
        }
    }

    /// Holds the MAC of the decrypted values against the file's.
    ///
    /// # Errors
    /// [`Error::MacMismatch`], [`Error::MacUnreadable`].
    pub fn check_mac(&self, key: &DataKey, computed: &str) -> Result<(), Error> {
        let stored = if self.mac.is_empty() {
            String::new()
        } else {
            let opened = key.open_text(&self.mac, &self.last_modified);
            let opened = opened.map_err(|error| match error {
                Error::Sealed { reason, .. } => Error::MacUnreadable(reason),
                other => other,
            })?;
            String::from_utf8_lossy(&opened).into_owned()
        };
        if stored == computed {
            return Ok(());
        }
        let stored = if stored.is_empty() { "no MAC".to_owned() } else { stored };
        Err(Error::MacMismatch { stored, computed: computed.to_owned() })
    }

    /// Puts a MAC into the file, bound to `last_modified`, which has to be set before.
    ///
    /// # Errors
    /// [`Error::RandomGenerator`].
    pub fn set_mac(&mut self, key: &DataKey, computed: &str) -> Result<(), Error> {
        self.mac = key.seal_text(computed, &self.last_modified)?;
        Ok(())
    }
}

/// RFC 3339 with seconds, as Go's `time.RFC3339` prints what it parsed; `None` if it is none.
fn seconds(text: &str) -> Option<String> {
    let time = Time::parse(text)?;
    let text = time.as_str();
    let Some((clock, fraction)) = text.split_once('.') else { return Some(text.to_owned()) };
    Some(format!("{clock}{}", fraction.trim_start_matches(|next: char| next.is_ascii_digit())))
}

/// Whether a list element is a comment, which the metadata ignores.
fn is_comment(value: &Value) -> bool {
    matches!(value, Value::Comment(Comment { .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::{Item, KeySource, MasterKey};

    fn full() -> Metadata {
        let key =
            |source| MasterKey { source, enc: "enc".to_owned(), created_at: Some("2026-01-02T03:04:05Z".to_owned()) };
        let text = str::to_owned;
        let age = MasterKey { created_at: None, ..key(KeySource::Age { recipient: text("age1x") }) };
        let keys = vec![
            key(KeySource::AwsKms {
                arn: text("arn:aws:kms:eu:1:key/k"),
                role: Some(text("arn:role")),
                context: vec![(text("a"), text("1")), (text("b"), text("2"))],
                profile: String::new(),
            }),
            key(KeySource::GcpKms { resource_id: text("projects/p") }),
            key(KeySource::HuaweiKms { key_id: text("eu:uuid") }),
            key(KeySource::AzureKeyVault { vault_url: text("https://v"), name: text("n"), version: text("1") }),
            key(KeySource::Vault { address: text("https://h"), engine_path: text("transit"), key_name: text("k") }),
            key(KeySource::Pgp { fingerprint: text("ABCD") }),
            age,
        ];
        Metadata {
            groups: vec![Group { keys }],
            last_modified: text("2026-01-02T03:04:05Z"),
            mac: text("ENC[]"),
            mac_only_encrypted: true,
            version: text("3.13.3"),
            extension: Some(Value::text("seal")),
            ..Metadata::new(Selector::EncryptedRegex(text("^data$")))
        }
    }

    fn same(one: &Metadata, other: &Metadata) -> bool {
        one.groups == other.groups
            && one.to_branch() == other.to_branch()
            && one.selector == other.selector
            && one.shamir_threshold == other.shamir_threshold
    }

    #[test]
    fn what_is_written_is_read_in_every_layout() {
        let one = full();
        let mut many = full();
        many.groups.push(Group { keys: vec![MasterKey::new(KeySource::Age { recipient: "age1y".to_owned() })] });
        many.shamir_threshold = 2;
        for metadata in [one, many] {
            let branch = metadata.to_branch();
            let names: Vec<_> = branch.iter().filter_map(Item::name).collect();
            assert!(names.is_sorted(), "{names:?}");
            assert!(same(&Metadata::from_branch(&branch).unwrap(), &metadata));
            let flat = flat::flatten(branch);
            assert!(same(&Metadata::from_branch(&flat::unflatten(flat).unwrap()).unwrap(), &metadata));
        }
    }

    #[test]
    fn the_mac_is_bound_to_the_time() {
        let key = DataKey::generate().unwrap();
        let mut metadata = full();
        metadata.set_mac(&key, "ABC").unwrap();
        assert!(metadata.check_mac(&key, "ABC").is_ok());
        assert!(matches!(metadata.check_mac(&key, "ABD"), Err(Error::MacMismatch { .. })));
        metadata.last_modified = "2026-01-02T03:04:06Z".to_owned();
        assert!(matches!(metadata.check_mac(&key, "ABC"), Err(Error::MacUnreadable(_))));
        metadata.mac.clear();
        let error = metadata.check_mac(&key, "ABC").err().unwrap().to_string();
        assert_eq!(error, "MAC mismatch. File has no MAC, computed ABC");
    }

    #[test]
    fn types_and_names_are_taken_weakly() {
        let mut branch = full().to_branch();
        for item in &mut branch {
            match item.name() {
                Some("mac_only_encrypted") => *item = Item::new("MAC_Only_Encrypted", Value::text("true")),
                Some("version") => *item = Item::new("version", Value::Float(3.7)),
                _ => {}
            }
        }
        branch.push(Item::new("shamir_threshold", Value::text("2")));
        branch.push(Item::new("pgp_typo", Value::Null));
        branch.push(Item::comment(Comment::new(" note")));
        let metadata = Metadata::from_branch(&branch).unwrap();
        assert!(metadata.mac_only_encrypted);
        assert_eq!((metadata.shamir_threshold, metadata.version.as_str()), (2, "3.7"));
        assert_eq!(metadata.unknown, ["pgp_typo"]);
    }

    #[test]
    fn unusable_metadata_says_why() {
        let with = |name: &str, value: Value| {
            let mut branch: Vec<Item> =
                full().to_branch().into_iter().filter(|item| item.name() != Some(name)).collect();
            branch.push(Item::new(name, value));
            Metadata::from_branch(&branch).err().map(|error| error.to_string()).unwrap_or_default()
        };
        assert!(
            with("unencrypted_suffix", Value::text("_x")).starts_with("Cannot use more than one of encrypted_suffix")
        );
        assert!(with("lastmodified", Value::text("yesterday")).contains("lastmodified"));
        let time = Value::Time(Time::parse("2026-01-02T03:04:05Z").unwrap());
        assert!(with("lastmodified", time).contains("expected type 'string'"));
        assert!(with("pgp", Value::text("x")).contains("pgp"));
        assert_eq!(Metadata::from_branch(&Vec::new()).err().unwrap().to_string(), "lastmodified is missing");
        let mut none = full();
        none.groups = vec![];
        assert_eq!(Metadata::from_branch(&none.to_branch()).err().unwrap().to_string(), "No keys found in file");
    }
}
