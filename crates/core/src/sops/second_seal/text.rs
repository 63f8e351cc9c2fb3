//! The seal as it stands in a file: `SEAL[BULLA1,salt:…,generation:…,object:…,file:…,items:…,path:…]`, one line of text in every format.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Bytes of the salt.
pub(super) const SALT_BYTES: usize = 16;
/// Bytes of a digest: HMAC-SHA-256, cut to 128 bits.
pub(super) const DIGEST_BYTES: usize = 16;
/// Bytes of the tag of an item.
pub(super) const TAG_BYTES: usize = 6;

const BEGIN: &str = "SEAL[";
const VERSION: &str = "BULLA1";

/// What a seal holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    /// Drawn for each seal, so that equal values leave no equal bytes behind.
    pub(super) salt: [u8; SALT_BYTES],
    /// Grows with every seal of a file.
    pub(super) generation: u64,
    /// One digest for each document.
    pub(super) objects: Vec<[u8; DIGEST_BYTES]>,
    /// The digest of the file.
    pub(super) file: [u8; DIGEST_BYTES],
    /// A tag for each item; none if there are too many.
    pub(super) tags: Option<Vec<[u8; TAG_BYTES]>>,
    /// Whether comments are clear on purpose.
    pub(super) clear_comments: bool,
    /// The path in the repository, as it was when the file was sealed.
    pub(super) path: Option<String>,
}

/// How reading one went.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Read {
    Seal(Seal),
    /// Of another version, or no seal of ours at all.
    Unknown,
    /// Ours, and damaged.
    Malformed,
}

impl Seal {
    /// The text.
    pub(super) fn print(&self) -> String {
        let base64 = |bytes: &[u8]| STANDARD.encode(bytes);
        let mut text = format!("{BEGIN}{VERSION},salt:{},generation:{}", base64(&self.salt), self.generation);
        text += &format!(",object:{},file:{}", base64(self.objects.as_flattened()), base64(&self.file));
        if let Some(tags) = &self.tags {
            text += &format!(",items:{}", base64(tags.as_flattened()));
        }
        if self.clear_comments {
            text += ",comments:clear";
        }
        if let Some(path) = &self.path {
            text += &format!(",path:{}", escape(path));
        }
        text + "]"
    }

    /// Reads the text. Fields are there once each and in their order: a seal has one spelling.
    pub(super) fn read(text: &str) -> Read {
        let Some((version, fields)) =
            text.strip_prefix(BEGIN).and_then(|text| text.strip_suffix(']')).and_then(|text| text.split_once(','))
        else {
            return if text.starts_with(BEGIN) { Read::Malformed } else { Read::Unknown };
        };
        if version != VERSION {
            return Read::Unknown;
        }
        match Self::from_fields(fields).filter(|seal| seal.print() == text) {
            Some(seal) => Read::Seal(seal),
            None => Read::Malformed,
        }
    }

    fn from_fields(fields: &str) -> Option<Self> {
        let field = |name: &str| fields.split(',').find_map(|field| field.strip_prefix(name)?.strip_prefix(':'));
        let bytes = |name: &str| STANDARD.decode(field(name)?).ok();
        let tags = match field("items") {
            Some(_) => Some(chunks(&bytes("items")?)?),
            None => None,
        };
        Some(Self {
            salt: bytes("salt")?.try_into().ok()?,
            generation: field("generation")?.parse().ok()?,
            objects: chunks(&bytes("object")?)?,
            file: bytes("file")?.try_into().ok()?,
            tags,
            clear_comments: field("comments").is_some(),
            path: match field("path") {
                Some(path) => Some(unescape(path)?),
                None => None,
            },
        })
    }
}

fn chunks<const SIZE: usize>(bytes: &[u8]) -> Option<Vec<[u8; SIZE]>> {
    let (chunks, rest) = bytes.as_chunks();
    rest.is_empty().then(|| chunks.to_vec())
}

/// Letters, digits and `/._-` stay; every other byte is `%` and two hexadecimal digits.
fn escape(path: &str) -> String {
    let mut text = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            text += &format!("%{byte:02X}");
        }
    }
    text
}

fn unescape(text: &str) -> Option<String> {
    let mut parts = text.split('%');
    let mut bytes = parts.next()?.as_bytes().to_vec();
    for part in parts {
        let (digits, rest) = part.split_at_checked(2)?;
        bytes.push(u8::from_str_radix(digits, 16).ok()?);
        bytes.extend(rest.as_bytes());
    }
    String::from_utf8(bytes).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seal() -> Seal {
        Seal {
            salt: [1; SALT_BYTES],
            generation: 1_763_000_000,
            objects: vec![[2; DIGEST_BYTES], [3; DIGEST_BYTES]],
            file: [4; DIGEST_BYTES],
            tags: Some(vec![[5; TAG_BYTES]; 3]),
            clear_comments: true,
            path: Some("apps/süß, 100%].yaml".to_owned()),
        }
    }

    #[test]
    fn it_has_one_spelling() {
        let text = seal().print();
        assert_eq!(Seal::read(&text), Read::Seal(seal()));
        let bare = Seal { tags: None, clear_comments: false, path: None, objects: Vec::new(), ..seal() };
        assert_eq!(Seal::read(&bare.print()), Read::Seal(bare));
        assert!(text.ends_with(",comments:clear,path:apps/s%C3%BC%C3%9F%2C%20100%25%5D.yaml]"), "{text}");
        for (text, expected) in [
            (text.replace("BULLA1", "BULLA2"), Read::Unknown),
            ("some text".to_owned(), Read::Unknown),
            (text.replace("salt:", "sand:"), Read::Malformed),
            (text.replace("generation:", "generation:0"), Read::Malformed),
            (text.replace("comments:clear", "comments:Clear"), Read::Malformed),
            (text.replace(",comments:clear", ",comments:clear,comments:clear"), Read::Malformed),
            (text.replace("]", ",x:y]"), Read::Malformed),
            (text.replace("%2C", "%2c"), Read::Malformed),
            (text.replace("]", ""), Read::Malformed),
        ] {
            assert_eq!(Seal::read(&text), expected, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_a_panic(text in "(SEAL\\[BULLA1,)?[ -~ä]{0,80}\\]?") {
            if let Read::Seal(seal) = Seal::read(&text) {
                prop_assert_eq!(seal.print(), text);
            }
        }

        #[test]
        fn every_path_comes_back(path in ".*") {
            let seal = Seal { path: Some(path), ..seal() };
            prop_assert_eq!(Seal::read(&seal.print()), Read::Seal(seal));
        }
    }
}
