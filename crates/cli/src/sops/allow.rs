//! What bulla refuses and sops does not, and the flag for each that lets it pass: `--allow-…`. Where sops then loses data without a word, we
//! keep it: JSON that ends too early is closed where it ends, keys that are there twice are both kept.

use bulla_core::sops::stores::Duplicates;
use bulla_core::sops::{Branch, Error, Format, Key, Metadata, Selector, Tree, Value};

/// A pattern that nothing matches, and that is one.
const NEVER: &str = r"[^\s\S]";

/// What is let pass.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Allow {
    /// `--allow-duplicate-keys`: in later documents of a YAML file; in the first one sops refuses them, too.
    pub(crate) duplicate_keys: bool,
    /// `--allow-text-after-json`: what follows the object is ignored.
    pub(crate) text_after_json: bool,
    /// `--allow-truncated-json`: lists and objects that are not closed.
    pub(crate) truncated_json: bool,
    /// `--allow-invalid-regex`: a selector that is no regular expression matches nothing.
    pub(crate) invalid_regex: bool,
    /// `--allow-trailing-text`: what follows the `]` of a value is ignored.
    pub(crate) trailing_text: bool,
}

/// A way to read a file.
type Load<'a, T> = &'a dyn Fn(&[u8], Duplicates) -> Result<T, Error>;

/// One of them, with its flag.
type Allowance = (&'static str, fn(&mut Allow));

const OF_FILES: [Allowance; 3] = [
    ("--allow-duplicate-keys", |allow| allow.duplicate_keys = true),
    ("--allow-text-after-json", |allow| allow.text_after_json = true),
    ("--allow-truncated-json", |allow| allow.truncated_json = true),
];

impl Allow {
    /// Reads a file that is not encrypted.
    pub(crate) fn load_plain(self, format: Format, bytes: &[u8]) -> Result<Tree, Error> {
        self.load(format, bytes, &|bytes, duplicates| format.load_plain_with(bytes, duplicates))
    }

    /// Reads an encrypted file.
    pub(crate) fn load_encrypted(self, format: Format, bytes: &[u8]) -> Result<(Tree, Metadata), Error> {
        let (mut tree, mut metadata) =
            self.load(format, bytes, &|bytes, duplicates| format.load_encrypted_with(bytes, duplicates))?;
        if self.trailing_text {
            tree.documents.iter_mut().for_each(trim_branch);
            metadata.mac.truncate(end_of_value(metadata.mac.as_bytes()).unwrap_or(metadata.mac.len()));
        }
        Ok((tree, metadata))
    }

    fn load<T>(self, format: Format, bytes: &[u8], load: Load<'_, T>) -> Result<T, Error> {
        let error = match self.load_once(format, bytes, load) {
            Err(error @ Error::Unreadable(_)) => error,
            done => return done,
        };
        // Would one of the allowances have helped?
        let flag = OF_FILES.iter().find_map(|(flag, set)| {
            let mut allow = self;
            set(&mut allow);
            (allow != self && allow.load_once(format, bytes, load).is_ok()).then_some(flag)
        });
        Err(match flag {
            Some(flag) => Error::Unreadable(format!("{error}\nsops loses data here; to go on nevertheless: {flag}")),
            None => error,
        })
    }

    fn load_once<T>(self, format: Format, bytes: &[u8], load: Load<'_, T>) -> Result<T, Error> {
        let duplicates = if self.duplicate_keys { Duplicates::Kept } else { Duplicates::Refused };
        let mended = matches!(format, Format::Json | Format::Binary).then(|| self.mended_json(bytes)).flatten();
        load(mended.as_ref().map_or(bytes, |mended| mended.as_slice()), duplicates)
    }

    /// The one object, if there is more or less of it than that, and that is allowed.
    fn mended_json(self, bytes: &[u8]) -> Option<zeroize::Zeroizing<Vec<u8>>> {
        match extent(bytes) {
            Extent::Closed(end) if self.text_after_json && end < bytes.len() => Some(bytes[..end].to_vec().into()),
            Extent::Open(closing) if self.truncated_json => {
                let mut mended = zeroize::Zeroizing::new(bytes.trim_ascii_end().to_vec());
                match mended.last() {
                    Some(b',') => drop(mended.pop()),
                    Some(b':') => mended.extend_from_slice(b"null"),
                    _ => {}
                }
                mended.extend(closing);
                Some(mended)
            }
            _ => None,
        }
    }

    /// The metadata to encrypt and decrypt by: that of the file, or, if its selector is no regular expression and that is allowed, one that
    /// selects what sops would then select.
    pub(crate) fn usable(self, metadata: &Metadata) -> Option<Metadata> {
        if !self.invalid_regex || metadata.selector.compile().is_ok() {
            return None;
        }
        let never = NEVER.to_owned();
        let selector = match &metadata.selector {
            Selector::EncryptedRegex(_) => Selector::EncryptedRegex(never),
            Selector::UnencryptedRegex(_) => Selector::UnencryptedRegex(never),
            Selector::EncryptedCommentRegex(_) => Selector::EncryptedCommentRegex(never),
            Selector::UnencryptedCommentRegex(_) => Selector::UnencryptedCommentRegex(never),
            suffix => suffix.clone(),
        };
        Some(Metadata { selector, ..metadata.clone() })
    }
}

/// How far the first object of a JSON text goes.
enum Extent {
    /// To this place.
    Closed(usize),
    /// Beyond the end: what would close it.
    Open(Vec<u8>),
    /// There is none, or it ends inside of a text.
    None,
}

fn extent(bytes: &[u8]) -> Extent {
    let mut closing = Vec::new();
    let (mut in_text, mut escaped) = (false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' => closing.push(b'}'),
            b'[' => closing.push(b']'),
            b'}' | b']' => {
                if closing.pop() != Some(*byte) {
                    return Extent::None;
                }
                if closing.is_empty() {
                    return Extent::Closed(at + 1);
                }
            }
            _ => {}
        }
    }
    if in_text || closing.is_empty() {
        return Extent::None;
    }
    closing.reverse();
    Extent::Open(closing)
}

fn trim_branch(branch: &mut Branch) {
    for item in branch {
        if let Key::Comment(comment) = &mut item.key {
            trim(&mut comment.text);
        }
        trim_value(&mut item.value);
    }
}

fn trim_value(value: &mut Value) {
    match value {
        Value::Map(branch) => trim_branch(branch),
        Value::List(list) => list.iter_mut().for_each(trim_value),
        Value::Text(text) => trim(text),
        Value::Comment(comment) => trim(&mut comment.text),
        _ => {}
    }
}

fn trim(text: &mut Vec<u8>) {
    if let Some(end) = end_of_value(text) {
        text.truncate(end);
    }
}

/// Where an encrypted value ends: behind its last bracket, as sops sees it.
fn end_of_value(text: &[u8]) -> Option<usize> {
    text.starts_with(b"ENC[AES256_GCM,").then(|| text.iter().rposition(|byte| *byte == b']'))?.map(|at| at + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(text: &str, allow: Allow) -> Result<String, String> {
        let tree = allow.load_plain(Format::Json, text.as_bytes()).map_err(|error| error.to_string())?;
        let text = Format::Json.emit_plain(&tree, bulla_core::sops::Indents { json: 1, ..Default::default() }).unwrap();
        Ok(String::from_utf8_lossy(&text).split_whitespace().collect())
    }

    #[test]
    fn json_that_is_too_long_or_too_short_is_read_only_if_that_is_allowed() {
        let long = Allow { text_after_json: true, ..Allow::default() };
        let short = Allow { truncated_json: true, ..Allow::default() };
        for (text, allow, flag, expected) in [
            ("{\"a\":1} x", long, "--allow-text-after-json", "{\"a\":1}"),
            ("{\"a\":\"}\\\"\"}{", long, "--allow-text-after-json", "{\"a\":\"}\\\"\"}"),
            ("{\"a\":[1,{\"b\":2", short, "--allow-truncated-json", "{\"a\":[1,{\"b\":2}]}"),
            ("{\"a\":[1,", short, "--allow-truncated-json", "{\"a\":[1]}"),
            ("{\"a\":", short, "--allow-truncated-json", "{\"a\":null}"),
        ] {
            let refused = json(text, Allow::default()).unwrap_err();
            assert!(refused.lines().nth(1).is_some_and(|hint| hint.ends_with(flag)), "{text}: {refused}");
            assert_eq!(json(text, allow).as_deref(), Ok(expected), "{text}");
        }
        for text in ["{\"a\":\"x", "{\"a\":1}}x]", "[1", ""] {
            let refused = json(text, short).unwrap_err();
            assert!(!refused.contains("--allow-truncated-json"), "{text}: {refused}");
        }
    }

    #[test]
    fn duplicate_keys_of_later_documents_are_kept_if_that_is_allowed() {
        let text = b"a: 1\n---\nb: 1\nb: 2\n";
        let refused = Allow::default().load_plain(Format::Yaml, text).err().unwrap().to_string();
        assert!(refused.ends_with("--allow-duplicate-keys"), "{refused}");
        let allow = Allow { duplicate_keys: true, ..Allow::default() };
        assert_eq!(allow.load_plain(Format::Yaml, text).unwrap().documents[1].len(), 2);
        // sops refuses these, too.
        let refused = allow.load_plain(Format::Yaml, b"a: 1\na: 2\n").err().unwrap().to_string();
        assert!(!refused.contains("--allow"), "{refused}");
    }

    #[test]
    fn a_selector_that_is_none_matches_nothing_if_that_is_allowed() {
        let metadata = Metadata::new(Selector::EncryptedRegex("(".to_owned()));
        assert!(Allow::default().usable(&metadata).is_none());
        let allow = Allow { invalid_regex: true, ..Allow::default() };
        let usable = allow.usable(&metadata).unwrap();
        assert!(usable.selector.compile().is_ok());
        assert!(allow.usable(&usable).is_none());
    }
}
