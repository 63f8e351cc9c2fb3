//! Encryption and decryption of a whole tree, in the order of the file, with the MAC over the plaintext.
//!
//! The path of a value is its keys from the root, each followed by a colon; the places in lists are not part of it. A comment has the
//! path of the map or list that holds it.

use std::collections::HashMap;

use aws_lc_rs::digest::{Context, SHA512};
use zeroize::Zeroizing;

use super::cipher::{Fingerprint, fingerprint};
use super::select::{Place, Selection};
use super::typed::{self, Type};
use super::{Branch, Comment, DataKey, Error, Item, Key, Metadata, Nonces, Tree, Value};

/// What the MAC begins with when it covers the encrypted values only: SHA-256 of `sops`.
const MAC_ONLY_ENCRYPTED: [u8; 32] = [
    0x8a, 0x3f, 0xd2, 0xad, 0x54, 0xce, 0x66, 0x52, 0x7b, 0x10, 0x34, 0xf3, 0xd1, 0x47, 0xbe, 0x0b, 0x0b, 0x97, 0x5b,
    0x3b, 0xf4, 0x4f, 0x72, 0xc6, 0xfd, 0xad, 0xec, 0x81, 0x76, 0xf2, 0x7d, 0x69,
];

/// What decryption learned.
pub struct Decrypted {
    /// The MAC over the values, 128 upper-case hexadecimal digits, to be held against the file's ([`Metadata::check_mac`]).
    pub mac: String,
    /// For encrypting the same file again: what did not change keeps its ciphertext.
    pub nonces: Nonces,
    /// The paths of comments in encrypted positions that were not encrypted, and are kept as they are.
    pub clear_comments: Vec<String>,
}

/// Decrypts every value that the selector of the metadata selects, in place.
///
/// # Errors
/// [`Error::Sealed`] at the first value that does not open, [`Error::InvalidRegex`], [`Error::NonTextKey`].
pub fn decrypt(tree: &mut Tree, key: &DataKey, metadata: &Metadata) -> Result<Decrypted, Error> {
    let mut work = Decryption { key, nonces: Nonces::default(), clear_comments: Vec::new() };
    let mac = Walk::over(tree, metadata, &mut work)?;
    Ok(Decrypted { mac, nonces: work.nonces, clear_comments: work.clear_comments })
}

/// Encrypts every value that the selector of the metadata selects, in place, and returns the MAC over the plaintext
/// ([`Metadata::set_mac`] puts it into the file).
///
/// # Errors
/// [`Error::Unsealable`], [`Error::NonTextKey`], [`Error::InvalidRegex`].
pub fn encrypt(tree: &mut Tree, key: &DataKey, metadata: &Metadata, nonces: &Nonces) -> Result<String, Error> {
    let mut work = Encryption { key, nonces, turns: HashMap::new() };
    Walk::over(tree, metadata, &mut work)
}

/// The MAC over a tree that is not encrypted.
///
/// # Errors
/// [`Error::NonTextKey`], [`Error::InvalidRegex`].
pub fn mac(tree: &mut Tree, metadata: &Metadata) -> Result<String, Error> {
    Walk::over(tree, metadata, &mut Nothing)
}

/// How many values and comments the selector selects. A selector that selects none is a mistake, or the file has nothing to hide.
///
/// # Errors
/// [`Error::NonTextKey`], [`Error::InvalidRegex`].
pub fn selected(tree: &mut Tree, metadata: &Metadata) -> Result<usize, Error> {
    let mut count = Count(0);
    Walk::over(tree, metadata, &mut count)?;
    Ok(count.0)
}

/// What is done to each leaf: returns what stands there afterwards. The MAC takes the plaintext.
trait Work {
    /// A value or comment. `selected` says whether it is, or is to be, encrypted.
    fn leaf(&mut self, leaf: &mut Value, path: &str, selected: bool, selection: &Selection) -> Result<(), Error>;

    /// Whether the plaintext is there before [`Work::leaf`], or only after it.
    const PLAINTEXT_FIRST: bool;
}

struct Walk<'a, W> {
    work: &'a mut W,
    selection: &'a Selection,
    place: Place,
    path: String,
    mac: Context,
    mac_only_encrypted: bool,
}

impl<W: Work> Walk<'_, W> {
    fn over(tree: &mut Tree, metadata: &Metadata, work: &mut W) -> Result<String, Error> {
        let selection = metadata.selector.compile()?;
        let mut mac = Context::new(&SHA512);
        if metadata.mac_only_encrypted {
            mac.update(&MAC_ONLY_ENCRYPTED);
        }
        let mut walk = Walk {
            work,
            selection: &selection,
            place: Place::default(),
            path: String::new(),
            mac,
            mac_only_encrypted: metadata.mac_only_encrypted,
        };
        for document in &mut tree.documents {
            walk.branch(document)?;
        }
        Ok(walk.mac.finish().as_ref().iter().map(|byte| format!("{byte:02X}")).collect())
    }

    fn branch(&mut self, branch: &mut Branch) -> Result<(), Error> {
        Selection::enter_container(&mut self.place);
        for item in branch {
            self.item(item)?;
        }
        Selection::leave_container(&mut self.place);
        Ok(())
    }

    fn item(&mut self, item: &mut Item) -> Result<(), Error> {
        let name = match &mut item.key {
            Key::Comment(comment) => return self.comment_item(comment),
            Key::Name(name) => name,
            Key::Other { go_type, text } => return Err(Error::NonTextKey { go_type, text: text.clone() }),
        };
        let is_comment = matches!(item.value, Value::Comment(_));
        if let Value::Comment(comment) = &item.value {
            self.selection.comment(&mut self.place, &comment.text);
        }
        let length = self.path.len();
        self.path.push_str(name);
        self.path.push(':');
        let matched = self.selection.enter_key(&mut self.place, name);
        self.value(&mut item.value)?;
        Selection::leave_key(&mut self.place, matched);
        self.path.truncate(length);
        if !is_comment {
            Selection::item_is_over(&mut self.place);
        }
        Ok(())
    }

    /// A comment between the items of a map: it stays a comment, whatever the work makes of it.
    fn comment_item(&mut self, comment: &mut Comment) -> Result<(), Error> {
        self.selection.comment(&mut self.place, &comment.text);
        let inline = comment.inline;
        let mut value = Value::Comment(std::mem::replace(comment, Comment::new("")));
        self.leaf(&mut value)?;
        *comment = match value {
            Value::Comment(comment) => comment,
            Value::Text(text) => Comment { text, inline },
            _ => return Err(Error::Sealed { path: self.path(), reason: "a comment has another type".to_owned() }),
        };
        Ok(())
    }

    fn value(&mut self, value: &mut Value) -> Result<(), Error> {
        match value {
            Value::Map(branch) => self.branch(branch),
            Value::List(items) => {
                Selection::enter_container(&mut self.place);
                for item in items {
                    let is_comment = matches!(item, Value::Comment(_));
                    if let Value::Comment(comment) = &*item {
                        self.selection.comment(&mut self.place, &comment.text);
                    }
                    self.value(item)?;
                    if !is_comment {
                        Selection::item_is_over(&mut self.place);
                    }
                }
                Selection::leave_container(&mut self.place);
                Ok(())
            }
            Value::Null => Ok(()),
            Value::Uint(_) => Err(Error::Unsealable {
                path: self.path(),
                reason: "Cannot walk value, unknown type: uint64".to_owned(),
            }),
            _ => self.leaf(value),
        }
    }

    fn leaf(&mut self, leaf: &mut Value) -> Result<(), Error> {
        let is_comment = matches!(leaf, Value::Comment(_));
        let selected = self.selection.selects(&self.place, is_comment);
        let path = if self.path.is_empty() { ":" } else { &self.path };
        if W::PLAINTEXT_FIRST {
            self.mac_over(leaf, selected);
            self.work.leaf(leaf, if self.path.is_empty() { ":" } else { &self.path }, selected, self.selection)
        } else {
            self.work.leaf(leaf, path, selected, self.selection)?;
            self.mac_over(leaf, selected);
            Ok(())
        }
    }

    fn mac_over(&mut self, leaf: &Value, selected: bool) {
        // What decrypts to a comment is none of the values, also where it stood in a list as text.
        if matches!(leaf, Value::Comment(_)) || self.mac_only_encrypted && !selected {
            return;
        }
        if let Some(bytes) = typed::bytes(leaf) {
            match bytes {
                std::borrow::Cow::Borrowed(bytes) => self.mac.update(bytes),
                std::borrow::Cow::Owned(bytes) => self.mac.update(&Zeroizing::new(bytes)),
            }
        }
    }

    fn path(&self) -> String {
        if self.path.is_empty() { ":".to_owned() } else { self.path.clone() }
    }
}

struct Encryption<'a> {
    key: &'a DataKey,
    nonces: &'a Nonces,
    /// How many values of each fingerprint were met.
    turns: HashMap<Fingerprint, usize>,
}

impl Work for Encryption<'_> {
    const PLAINTEXT_FIRST: bool = true;

    fn leaf(&mut self, leaf: &mut Value, path: &str, selected: bool, selection: &Selection) -> Result<(), Error> {
        if !selected {
            return Ok(());
        }
        let is_comment = matches!(leaf, Value::Comment(_));
        let (kind, plaintext) = match std::mem::replace(leaf, Value::Null) {
            // A large value is not copied.
            Value::Text(text) => (Type::Text, text),
            Value::Comment(comment) => (Type::Comment, comment.text),
            other => match typed::plaintext(&other) {
                Some(plaintext) => plaintext,
                None => return Ok(()),
            },
        };
        if plaintext.is_empty() {
            *leaf = Value::text("");
            return Ok(());
        }
        let nonce = if self.nonces.is_empty() {
            None
        } else {
            let fingerprint = fingerprint(path, kind, &plaintext);
            let turn = self.turns.entry(fingerprint).or_default();
            *turn += 1;
            self.nonces.of(&fingerprint, *turn - 1)
        };
        let sealed = self.key.seal(plaintext, kind, path, nonce)?;
        if is_comment && selection.would_switch_off(&sealed) {
            let reason =
                "an encrypted comment matches unencrypted_comment_regex: choose a pattern that cannot match ENC[…]";
            return Err(Error::Unsealable { path: path.to_owned(), reason: reason.to_owned() });
        }
        *leaf = Value::text(sealed);
        Ok(())
    }
}

struct Decryption<'a> {
    key: &'a DataKey,
    nonces: Nonces,
    clear_comments: Vec<String>,
}

impl Work for Decryption<'_> {
    const PLAINTEXT_FIRST: bool = false;

    fn leaf(&mut self, leaf: &mut Value, path: &str, selected: bool, _: &Selection) -> Result<(), Error> {
        if !selected {
            return Ok(());
        }
        match leaf {
            Value::Text(text) if text.is_empty() => Ok(()),
            Value::Text(text) => {
                *leaf = self.open(std::mem::take(text), path)?;
                Ok(())
            }
            Value::Comment(comment) => {
                if comment.text.is_empty() {
                    // As the real tool has it: in a list, an empty comment comes back as an empty text.
                    *leaf = Value::text("");
                    return Ok(());
                }
                let Ok(opened) = self.open(comment.text.clone(), path) else {
                    self.clear_comments.push(path.to_owned());
                    return Ok(());
                };
                *leaf = opened;
                Ok(())
            }
            other => Err(Error::Sealed {
                path: path.to_owned(),
                reason: format!("Expected encrypted value as string, but got {}", other.go_type()),
            }),
        }
    }
}

impl Decryption<'_> {
    fn open(&mut self, mut text: Zeroizing<Vec<u8>>, path: &str) -> Result<Value, Error> {
        let (kind, nonce, is_ours) = self.key.open(&mut text, path)?;
        if is_ours {
            self.nonces.remember(fingerprint(path, kind, &text), nonce);
        }
        typed::typed(kind, text).map_err(|reason| Error::Sealed { path: path.to_owned(), reason: reason.to_owned() })
    }
}

/// For the MAC alone.
struct Nothing;

impl Work for Nothing {
    const PLAINTEXT_FIRST: bool = true;

    fn leaf(&mut self, _: &mut Value, _: &str, _: bool, _: &Selection) -> Result<(), Error> {
        Ok(())
    }
}

/// Counts what is selected.
struct Count(usize);

impl Work for Count {
    const PLAINTEXT_FIRST: bool = true;

    fn leaf(&mut self, _: &mut Value, _: &str, selected: bool, _: &Selection) -> Result<(), Error> {
        self.0 += usize::from(selected);
        Ok(())
    }
}
