//! The text that the editor gets, and what it gives back. Pure: values in, text out; text in, wishes out.
//!
//! The text is a manifest of kind Secret for each SealedSecret of the file: text under `stringData`, everything else base64 under
//! `data`. A value that cannot be read here is a placeholder, `<sealed, 24 bytes, 5f3a9c0d.2>`: its number says which
//! ciphertext it stands for, and the random word in it is new in each run, so that no value can be taken for one.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use bulla_core::go_base64;
use bulla_core::sealed::PlainSecret;
use bulla_core::secret::SecretBytes;
use bulla_yaml::{Limits, Node, Out, Warning};
use zeroize::Zeroizing;

/// The first line; a mistake is told in its place, so that the other lines keep their numbers.
const FIRST_LINE: &str = "# Change, add and remove values below; save and leave the editor when done.";
const HEAD: &str = "\
# What you do not touch keeps its ciphertext. <sealed, …> stands for a value that cannot be read here:
# left as it is, it stays as it is. Text goes under stringData, other bytes go under data as base64.
# Nothing else can be changed here. An empty text leaves the file as it is.
";

/// A SealedSecret to be edited.
pub(super) struct Subject {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) items: Vec<(String, Shown)>,
}

/// What is known of a value.
pub(super) enum Shown {
    /// The plaintext.
    Plain(SecretBytes),
    /// Its length, if the ciphertext has one.
    Sealed(Option<usize>),
}

/// What is wished for one key.
pub(super) enum Wish {
    /// The ciphertext of this item of the same object.
    Ciphertext(usize),
    /// This value.
    Value(SecretBytes),
}

/// The wishes for one object, by key. Keys that are not there are to go.
pub(super) type Wishes = BTreeMap<String, Wish>;

/// A session: what was shown, and how placeholders look in it.
pub(super) struct Session {
    pub(super) subjects: Vec<Subject>,
    word: String,
}

impl Session {
    /// `draw` gives random words; one that a value contains is not taken.
    pub(super) fn new(subjects: Vec<Subject>, mut draw: impl FnMut() -> String) -> Self {
        let mut word = draw();
        let appears = |word: &str| {
            let values = subjects.iter().flat_map(|subject| &subject.items);
            values.into_iter().any(|(key, shown)| {
                let within = |bytes: &[u8]| bytes.windows(word.len()).any(|window| window == word.as_bytes());
                within(key.as_bytes()) || matches!(shown, Shown::Plain(value) if within(value.expose()))
            })
        };
        while appears(&word) {
            word = draw();
        }
        Self { subjects, word }
    }

    /// The text to be edited.
    pub(super) fn text(&self) -> Zeroizing<String> {
        let mut documents = Vec::new();
        let mut number = 0;
        for subject in &self.subjects {
            let (mut texts, mut data) = (Vec::new(), Vec::new());
            for (key, shown) in &subject.items {
                match shown {
                    Shown::Sealed(size) => texts.push((key, Out::from(self.placeholder(number, *size)))),
                    Shown::Plain(value) => match as_text(value.expose()) {
                        Some(text) => texts.push((key, Out::Secret(Zeroizing::new(text.to_owned())))),
                        None => {
                            data.push((key, Out::Secret(Zeroizing::new(go_base64::encode(value.expose())))));
                        }
                    },
                }
                number += 1;
            }
            let mut metadata = vec![("name".into(), Out::from(subject.name.as_str()))];
            if !subject.namespace.is_empty() {
                metadata.push(("namespace".into(), Out::from(subject.namespace.as_str())));
            }
            let map = |entries: Vec<(&String, Out<'static>)>| {
                Out::Mapping(entries.into_iter().map(|(key, value)| (key.clone().into(), value)).collect())
            };
            // One after the other, since the writer sorts the keys of a map.
            let mut parts = vec![
                Out::Mapping(vec![("apiVersion".into(), Out::from("v1")), ("kind".into(), Out::from("Secret"))])
                    .to_yaml(),
                Out::Mapping(vec![("metadata".into(), Out::Mapping(metadata))]).to_yaml(),
                Out::Mapping(vec![("stringData".into(), map(texts))]).to_yaml(),
            ];
            if !data.is_empty() {
                parts.push(Out::Mapping(vec![("data".into(), map(data))]).to_yaml());
            }
            documents.push(parts);
        }
        let size: usize = documents.iter().flatten().map(|part| part.len()).sum();
        let mut text = Zeroizing::new(String::with_capacity(size + documents.len() * 4 + 512));
        text.push_str(FIRST_LINE);
        text.push('\n');
        text.push_str(HEAD);
        for (index, parts) in documents.iter().enumerate() {
            text.push_str(if index > 0 { "---\n" } else { "" });
            parts.iter().for_each(|part| text.push_str(part));
        }
        text
    }

    fn placeholder(&self, number: usize, size: Option<usize>) -> String {
        let mut text = String::from("<sealed, ");
        match size {
            Some(1) => text.push_str("1 byte"),
            Some(size) => _ = write!(text, "{size} bytes"),
            None => text.push_str("damaged"),
        }
        _ = write!(text, ", {}.{number}>", self.word);
        text
    }

    /// Reads what the editor gave back: the wishes for each subject, in their order.
    ///
    /// # Errors
    /// What stands against it, without a byte of a value.
    pub(super) fn parse(&self, text: &[u8]) -> Result<Vec<Wishes>, String> {
        let documents = bulla_yaml::read_manifests(text, &Limits::default()).map_err(|error| error.to_string())?;
        let mut wishes: Vec<Option<Wishes>> = self.subjects.iter().map(|_| None).collect();
        for document in &documents {
            let root = &document.root;
            if let Some(Warning::DuplicateKey { .. } | Warning::MergeOverrides { .. }) = document.warnings.first() {
                let warnings: Vec<String> = document.warnings.iter().map(ToString::to_string).collect();
                return Err(warnings.join("; "));
            }
            only_values(root)?;
            let secret = PlainSecret::from_node(root).map_err(|error| error.to_string())?;
            let place = self
                .subjects
                .iter()
                .position(|subject| subject.name == secret.name && subject.namespace == secret.namespace)
                .ok_or_else(|| {
                    format!("{}: the file has no SealedSecret of this name and namespace", root.span.position)
                })?;
            if wishes[place].is_some() {
                return Err(format!("{}: this Secret stands here twice", root.span.position));
            }
            wishes[place] = Some(self.wishes(place, secret)?);
        }
        let missing = wishes.iter().position(Option::is_none);
        if let Some(subject) = missing.and_then(|place| self.subjects.get(place)) {
            let object = crate::update::shown_object(&subject.namespace, &subject.name);
            return Err(format!("{object} is gone: whole Secrets cannot be removed here"));
        }
        Ok(wishes.into_iter().flatten().collect())
    }

    fn wishes(&self, place: usize, secret: PlainSecret) -> Result<Wishes, String> {
        let first: usize = self.subjects[..place].iter().map(|subject| subject.items.len()).sum();
        let subject = &self.subjects[place];
        let mut wishes = Wishes::new();
        for (key, value) in secret.data {
            let contains_word = value.expose().windows(self.word.len()).any(|part| part == self.word.as_bytes());
            let wish = if contains_word {
                let items = subject.items.iter().enumerate();
                let item = items.filter_map(|(index, (_, shown))| match shown {
                    Shown::Sealed(size) => Some((index, self.placeholder(first + index, *size))),
                    Shown::Plain(_) => None,
                });
                let found = item.into_iter().find(|(_, placeholder)| placeholder.as_bytes() == value.expose());
                let (index, _) = found.ok_or_else(|| {
                    format!(
                        "{}: a placeholder was changed, or is another Secret's: put it back, or put a value in its place",
                        super::shown_key(&key)
                    )
                })?;
                Wish::Ciphertext(index)
            } else {
                Wish::Value(value)
            };
            wishes.insert(key, wish);
        }
        Ok(wishes)
    }
}

/// With `problem` in the place of the first line, if that is still a comment.
pub(super) fn with_problem(text: &[u8], problem: &str) -> Zeroizing<Vec<u8>> {
    let problem: String = problem.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    let line = text.iter().position(|byte| *byte == b'\n').map_or(text.len(), |end| end + 1);
    let rest = if text.starts_with(b"#") { &text[line..] } else { text };
    let mut new = Zeroizing::new(Vec::with_capacity(rest.len() + problem.len() + 16));
    new.extend_from_slice(b"# MISTAKE: ");
    new.extend_from_slice(problem.as_bytes());
    new.push(b'\n');
    new.extend_from_slice(rest);
    new
}

/// Nothing but comments and blanks.
pub(super) fn is_empty(text: &[u8]) -> bool {
    text.split(|byte| *byte == b'\n').all(|line| matches!(line.trim_ascii().first(), None | Some(b'#')))
}

/// Text that a person can edit: no control characters, and none that one YAML reader takes for a line break and another not.
fn as_text(value: &[u8]) -> Option<&str> {
    let odd = |letter: char| {
        (letter.is_control() && letter != '\n' && letter != '\t')
            || matches!(letter, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
    };
    std::str::from_utf8(value).ok().filter(|text| !text.contains(odd))
}

/// Refuses everything that is no value: it would not come out as it was meant.
fn only_values(root: &Node) -> Result<(), String> {
    let at = |node: &Node| node.span.position;
    let Some(entries) = root.entries() else {
        return Err(format!("{}: {} instead of a Secret", at(root), root.kind()));
    };
    let expect = |node: &Node, text: &str| match node.as_str() {
        Some(found) if found == text => Ok(()),
        _ => Err(format!("{}: {text} must stay here", at(node))),
    };
    let mut keys = Vec::new();
    for entry in entries {
        match entry.key.as_str() {
            "apiVersion" => expect(&entry.value, "v1")?,
            "kind" => expect(&entry.value, "Secret")?,
            "metadata" => {
                let fields = entry.value.entries().unwrap_or_default();
                if let Some(other) = fields.iter().find(|field| field.key != "name" && field.key != "namespace") {
                    return Err(format!(
                        "{}: metadata.{} cannot be changed here: the sealed file shows it in the open",
                        other.key_span.position,
                        super::shown_key(&other.key)
                    ));
                }
                if let Some(odd) = fields.iter().find(|field| field.value.as_str().is_none()) {
                    return Err(format!("{}: name and namespace are text: use quotes", at(&odd.value)));
                }
            }
            "data" | "stringData" => values(entry.key.as_str(), &entry.value, &mut keys)?,
            other => {
                return Err(format!(
                    "{}: {} cannot be changed here: the sealed file shows it in the open",
                    entry.key_span.position,
                    super::shown_key(other)
                ));
            }
        }
    }
    Ok(())
}

fn values<'a>(field: &str, map: &'a Node, keys: &mut Vec<&'a str>) -> Result<(), String> {
    let entries = match map.entries() {
        Some(entries) => entries,
        None if map.is_null() => &[],
        None => return Err(format!("{}: {field} is {}, not a map", map.span.position, map.kind())),
    };
    for entry in entries {
        let (key, value) = (super::shown_key(&entry.key), &entry.value);
        if entry.key_is_coerced {
            return Err(format!("{}: the key {key} is no text in YAML: write it in quotes", entry.key_span.position));
        }
        if !entry.key.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._".contains(letter))
            || entry.key.is_empty()
            || entry.key.len() > 253
        {
            return Err(format!(
                "{}: {key} cannot be a key of a Secret: letters, digits, `-`, `_` and `.` can",
                entry.key_span.position
            ));
        }
        if value.is_null() {
            return Err(format!("{}: {key} has no value; an empty one is written \"\"", value.span.position));
        }
        if value.as_str().is_none() {
            return Err(format!("{}: {key} is {}: write it in quotes", value.span.position, value.kind()));
        }
        if keys.contains(&entry.key.as_str()) {
            return Err(format!("{}: {key} stands under data and under stringData", entry.key_span.position));
        }
        keys.push(&entry.key);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn plain(value: &[u8]) -> Shown {
        Shown::Plain(SecretBytes::new(value.to_vec()))
    }

    fn session(items: Vec<(&str, Shown)>) -> Session {
        let items = items.into_iter().map(|(key, shown)| (key.to_owned(), shown)).collect();
        Session::new(vec![Subject { namespace: "shop".into(), name: "db".into(), items }], || "0a1b2c3d".to_owned())
    }

    /// `key=value` for values, `key#3` for ciphertexts.
    fn shown(wishes: &[Wishes]) -> Vec<String> {
        let one = |(key, wish): (&String, &Wish)| match wish {
            Wish::Ciphertext(index) => format!("{key}#{index}"),
            Wish::Value(value) => format!("{key}={}", String::from_utf8_lossy(value.expose())),
        };
        wishes.iter().flatten().map(one).collect()
    }

    fn parsed(session: &Session, text: &str) -> Vec<String> {
        shown(&session.parse(text.as_bytes()).unwrap_or_else(|problem| panic!("{problem}\n{text}")))
    }

    #[test]
    fn the_text_is_a_secret_that_a_person_can_read() {
        let session = session(vec![
            ("binary", plain(&[0, 255])),
            ("multi", plain(b"one\ntwo\n")),
            ("number", plain(b"010")),
            ("unknown", Shown::Sealed(Some(24))),
        ]);
        let text = session.text();
        let body: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            body.join("\n"),
            "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\nstringData:\n  multi: |\n    one\n    \
             two\n  number: \"010\"\n  unknown: <sealed, 24 bytes, 0a1b2c3d.3>\ndata:\n  binary: AP8="
        );
        assert_eq!(parsed(&session, &text), ["binary=\0\u{fffd}", "multi=one\ntwo\n", "number=010", "unknown#3"]);
    }

    #[test]
    fn placeholders_can_be_moved_to_another_key_and_not_faked() {
        let session = session(vec![("a", Shown::Sealed(Some(1))), ("b", Shown::Sealed(None))]);
        let text = session.text();
        assert!(text.contains("a: <sealed, 1 byte, 0a1b2c3d.0>") && text.contains("b: <sealed, damaged, 0a1b2c3d.1>"));
        assert_eq!(parsed(&session, &text.replace("  a:", "  renamed:")), ["b#1", "renamed#0"]);
        assert_eq!(parsed(&session, &text.replace("0a1b2c3d.0", "11111111.0"))[0], "a=<sealed, 1 byte, 11111111.0>");
        for broken in
            [text.replace("1 byte", "2 bytes"), text.replace("3d.0>", "3d.0> x"), text.replace("3d.0>", "3d.7>")]
        {
            let problem = session.parse(broken.as_bytes()).err().unwrap_or_default();
            assert!(problem.starts_with("a: a placeholder was changed"), "{problem}");
        }
    }

    #[test]
    fn a_word_that_a_value_contains_is_not_taken() {
        let words = std::cell::RefCell::new(vec!["cccccccc", "bbbbbbbb", "aaaaaaaa"]);
        let items = vec![("a".to_owned(), plain(b"xaaaaaaaax")), ("bbbbbbbb".to_owned(), plain(b""))];
        let subject = Subject { namespace: String::new(), name: "db".into(), items };
        let session = Session::new(vec![subject], || words.borrow_mut().pop().unwrap_or("last").to_owned());
        assert_eq!(session.word, "cccccccc");
    }

    #[test]
    fn what_is_no_value_or_not_clear_is_refused() {
        let session = session(vec![("a", plain(b"1")), ("b", Shown::Sealed(Some(2)))]);
        let text = session.text();
        let change = |from: &str, to: &str| {
            assert!(text.contains(from), "{from}");
            text.replace(from, to)
        };
        for (edited, problem) in [
            (change("a: \"1\"", "a: 1"), "a is a number: write it in quotes"),
            (change("a: \"1\"", "a: yes"), "a is a boolean: write it in quotes"),
            (change("a: \"1\"", "a:"), "a has no value; an empty one is written \"\""),
            (change("a: \"1\"", "a: [x]"), "a is a list: write it in quotes"),
            (change("a: \"1\"", "a: \"1\"\n  a: \"2\""), "the key `a` is defined twice"),
            (change("a: \"1\"", "on: \"1\""), "the key true is no text in YAML"),
            (change("a: \"1\"", "a/b: \"1\""), "a/b cannot be a key of a Secret"),
            (change("a: \"1\"", "a: \"1"), "line "),
            (change("name: db", "name: other"), "no SealedSecret of this name and namespace"),
            (change("name: db", "name: 1"), "name and namespace are text"),
            (change("name: db", "name: db\n  labels: {a: b}"), "metadata.labels cannot be changed here"),
            (change("kind: Secret", "kind: Secret\ntype: x"), "type cannot be changed here"),
            (change("kind: Secret", "kind: SealedSecret"), "Secret must stay here"),
            (change("stringData:", "data: {a: MQ==}\nstringData:"), "a stands under data and under stringData"),
            (change("stringData:", "data: {c: \"*\"}\nstringData:"), "data.c: illegal base64"),
            (format!("{}---\n{}", *text, *text), "this Secret stands here twice"),
            ("# nothing\n".to_owned(), "shop/db is gone"),
            ("[]".to_owned(), "a list instead of a Secret"),
        ] {
            let said = session.parse(edited.as_bytes()).err().unwrap_or_default();
            assert!(said.contains(problem), "{problem}: {said:?}\n{edited}");
        }
    }

    #[test]
    fn a_mistake_is_told_in_the_first_line_and_moves_no_other() {
        let first = with_problem(b"# head\na: 1\n", "line 2:\nodd");
        assert_eq!(*first, b"# MISTAKE: line 2: odd\na: 1\n");
        assert_eq!(*with_problem(&first, "again"), b"# MISTAKE: again\na: 1\n");
        assert_eq!(*with_problem(b"a: 1", "x"), b"# MISTAKE: x\na: 1");
        assert!(is_empty(b"# only\n\n  # comments\n") && !is_empty(b"# x\na: 1"));
    }

    proptest! {
        #[test]
        fn every_value_comes_back_as_it_was(
            values in proptest::collection::btree_map(
                "[a-zA-Z0-9._-]{1,12}",
                prop_oneof![
                    proptest::collection::vec(any::<u8>(), 0..60),
                    "\\PC{0,60}".prop_map(String::into_bytes),
                    "[ \t\na-c:#'\"|>{}\\[\\]&*!%@-]{0,40}".prop_map(String::into_bytes),
                    "([a-z ]{1,12} ){0,20}".prop_map(String::into_bytes),
                ],
                0..6,
            ),
        ) {
            let items: Vec<(String, Shown)> = values.iter().map(|(key, value)| (key.clone(), plain(value))).collect();
            let subject = Subject { namespace: "shop".into(), name: "db".into(), items };
            let session = Session::new(vec![subject], || "0a1b2c3d".to_owned());
            let wishes = session.parse(session.text().as_bytes());
            prop_assert!(wishes.is_ok(), "{:?}\n{}", wishes.err(), *session.text());
            for wishes in wishes.unwrap_or_default() {
                prop_assert_eq!(wishes.len(), values.len());
                for (key, wish) in wishes {
                    prop_assert!(matches!(&wish, Wish::Value(value) if value.expose() == values[&key]), "{}", key);
                }
            }
        }

        #[test]
        fn any_bytes_can_come_back(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = session(vec![("a", plain(b"1"))]).parse(&text);
        }
    }
}
