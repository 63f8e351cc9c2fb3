//! What the digest `file` is made over: one line for each statement of the metadata, then one for each map, list, value, null and comment
//! of the tree, in the order of the file.

use std::fmt::Display;

use zeroize::Zeroizing;

use super::digest::{Digest, SealKey};
use super::object::is_kubernetes;
use super::text::{DIGEST_BYTES, TAG_BYTES};
use crate::sops::places::{Found, Step, visit};
use crate::sops::{Metadata, Selection, Tree, Value};

/// With more items than this, a seal has no tags: it tells that a file was changed, and not where.
const MAX_TAGGED: usize = 10_000;

/// Everything that a seal covers.
pub(super) struct Covered<'a> {
    pub(super) tree: &'a Tree,
    pub(super) metadata: &'a Metadata,
    pub(super) selection: &'a Selection,
    pub(super) generation: u64,
    pub(super) clear_comments: bool,
    pub(super) path: Option<&'a str>,
}

/// One line.
pub(super) struct Line<'l> {
    /// What it is: a letter, see [`of_value`]; capitals belong to the metadata.
    pub(super) kind: u8,
    /// Where, unambiguously.
    pub(super) place: &'l [u8],
    /// What stands there.
    pub(super) content: &'l [u8],
    /// Where, for people.
    pub(super) shown: &'l dyn Display,
    /// Whether it is what a manifest is bound to.
    pub(super) binds: bool,
    /// Whether the selector leaves it in clear text.
    pub(super) clear: bool,
}

impl Covered<'_> {
    /// Shows every line.
    pub(super) fn each(&self, see: &mut dyn FnMut(&Line<'_>)) {
        self.head(see);
        let manifests: Vec<bool> = self.tree.documents.iter().map(is_kubernetes).collect();
        visit(self.tree, self.selection, &mut |place, found| {
            let (kind, content) = match found {
                Found::Comment(comment) => (b'c', comment.text.clone()),
                Found::Value(value) => of_value(value),
            };
            let binds = matches!(place.steps, [Step::Key("metadata"), Step::Key("name" | "namespace")]);
            see(&Line {
                kind,
                place: &place.bytes(),
                content: &content,
                shown: place,
                binds: binds && manifests.get(place.document).is_some_and(|manifest| *manifest),
                clear: !place.selected,
            });
        });
    }

    fn head(&self, see: &mut dyn FnMut(&Line<'_>)) {
        let mut head = |kind, place: &str, content: &[u8], shown: &str| {
            see(&Line { kind, place: place.as_bytes(), content, shown: &shown, binds: false, clear: true });
        };
        let metadata = self.metadata;
        let number = |number: usize| (number as u64).to_be_bytes();
        head(b'D', "documents", &number(self.tree.documents.len()), "");
        let selector = format!("{}:{}", metadata.selector.name(), metadata.selector.text());
        head(b'S', "selector", selector.as_bytes(), metadata.selector.name());
        head(b'S', "mac_only_encrypted", &[u8::from(metadata.mac_only_encrypted)], "mac_only_encrypted");
        head(b'L', "lastmodified", metadata.last_modified.as_bytes(), "lastmodified");
        head(b'G', "generation", &self.generation.to_be_bytes(), "generation");
        head(b'C', "comments", &[u8::from(self.clear_comments)], "comments");
        head(b'P', "path", self.path.unwrap_or_default().as_bytes(), "path");
        head(b'T', "shamir_threshold", &number(metadata.shamir_threshold as usize), "shamir_threshold");
        head(b'T', "key_groups", &number(metadata.groups.len()), "key_groups");
        for (group, keys) in metadata.groups.iter().enumerate() {
            for key in &keys.keys {
                let identity = key.source.identity();
                let place = format!("{group}:{}:{identity}", key.source.kind().name());
                head(b'R', &place, b"", &identity);
            }
        }
    }

    /// The digest over all lines.
    pub(super) fn digest(&self, key: &SealKey) -> [u8; DIGEST_BYTES] {
        let mut digest = key.begin("file");
        self.each(&mut |line| {
            digest.put(&[line.kind]);
            digest.put(line.place);
            digest.put(line.content);
        });
        digest.end()
    }

    /// A tag for each line, unless there are too many.
    pub(super) fn tags(&self, key: &SealKey) -> Option<Vec<[u8; TAG_BYTES]>> {
        let mut tags = Vec::new();
        self.each(&mut |line| {
            if tags.len() <= MAX_TAGGED {
                tags.push(line.tag(key));
            }
        });
        (tags.len() <= MAX_TAGGED).then_some(tags)
    }
}

impl Line<'_> {
    /// 1 byte for the kind, 3 of a digest of the place, 2 of a digest of all.
    pub(super) fn tag(&self, key: &SealKey) -> [u8; TAG_BYTES] {
        let with = |mut digest: Digest, fields: &[&[u8]]| {
            fields.iter().for_each(|field| digest.put(field));
            digest
        };
        let place: [u8; 3] = with(key.begin("place"), &[self.place]).end();
        let all: [u8; 2] = with(key.begin("item"), &[&[self.kind], self.place, self.content]).end();
        [self.kind, place[0], place[1], place[2], all[0], all[1]]
    }
}

/// The letter of a value, and its bytes. Maps and lists have none: what is in them has lines of its own.
fn of_value(value: &Value) -> (u8, Zeroizing<Vec<u8>>) {
    let text = |text: String| Zeroizing::new(text.into_bytes());
    match value {
        Value::Map(_) => (b'm', text(String::new())),
        Value::List(_) => (b'l', text(String::new())),
        Value::Text(bytes) => (b's', bytes.clone()),
        Value::Int(number) => (b'i', text(number.to_string())),
        Value::Uint(number) => (b'i', text(number.to_string())),
        Value::Float(number) => (b'f', text(format!("{number:?}"))),
        Value::Bool(value) => (b'b', text(value.to_string())),
        Value::Time(time) => (b't', text(time.as_str().to_owned())),
        Value::Comment(comment) => (b'c', comment.text.clone()),
        Value::Null => (b'n', text(String::new())),
    }
}
