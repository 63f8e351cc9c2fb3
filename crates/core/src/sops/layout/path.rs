//! Where something stands in a tree, as a person writes it.

use std::fmt;

use crate::sops::{Branch, Key, Value};

/// One step down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A key of a map.
    Key(String),
    /// A place in a list, from 0; comments are not counted.
    Index(usize),
}

/// Steps from the root of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Path(pub Vec<Step>);

impl Path {
    /// Reads a path. In the form of sops, `["a"]["b"][0]`, everything is said. Otherwise steps are separated by dots; a part of the path
    /// that is a key as it stands, dots and all (`tls.key`), is that key, and a number is a place where there is a list.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, document: &Branch) -> Result<Self, String> {
        if text.starts_with('[') {
            return Self::parse_brackets(text);
        }
        if text.is_empty() {
            return Err("a key is needed".to_owned());
        }
        let mut steps = Vec::new();
        let mut place = Some(Container::Map(document));
        let mut rest = text;
        while !rest.is_empty() {
            let (step, after) = match place {
                Some(Container::List(_)) => {
                    let (word, after) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
                        Some((word, after)) => (word, after.strip_prefix('.').unwrap_or(after)),
                        None => rest.split_once('.').unwrap_or((rest, "")),
                    };
                    let Ok(index) = word.parse() else { return Err(format!("{word:?} is no place in a list")) };
                    (Step::Index(index), after)
                }
                Some(Container::Map(branch)) => known_key(branch, rest).unwrap_or_else(|| unknown_key(rest)),
                None => unknown_key(rest),
            };
            if after.is_empty() && rest.ends_with('.') && !matches!(&step, Step::Key(key) if key == rest) {
                return Err("the path ends in a dot".to_owned());
            }
            place = place.and_then(|container| container.below(&step));
            steps.push(step);
            rest = after;
        }
        Ok(Self(steps))
    }

    fn parse_brackets(text: &str) -> Result<Self, String> {
        const FORM: &str = "not in the form [\"key\"][\"key\"][0]";
        let mut steps = Vec::new();
        let mut rest = text;
        while !rest.is_empty() {
            let inside = rest.strip_prefix('[').ok_or(FORM)?;
            let quote = inside.chars().next().filter(|quote| matches!(quote, '"' | '\''));
            rest = match quote {
                Some(quote) => {
                    let (key, after) = inside[1..].split_once(&format!("{quote}]")[..]).ok_or(FORM)?;
                    steps.push(Step::Key(key.to_owned()));
                    after
                }
                None => {
                    let (index, after) = inside.split_once(']').ok_or(FORM)?;
                    steps.push(Step::Index(index.parse().map_err(|_| FORM)?));
                    after
                }
            };
        }
        Ok(Self(steps))
    }

    /// What stands there.
    #[must_use]
    pub fn find<'a>(&self, document: &'a Branch) -> Option<&'a Value> {
        let (last, above) = self.0.split_last()?;
        let mut place = Container::Map(document);
        for step in above {
            place = place.below(step)?;
        }
        place.value(last)
    }
}

/// A key of the map that the path begins with: the longest one.
fn known_key<'t>(branch: &Branch, path: &'t str) -> Option<(Step, &'t str)> {
    let names = branch.iter().filter_map(crate::sops::Item::name).filter(|name| !name.is_empty());
    let fitting = names.filter_map(|name| match path.strip_prefix(name)? {
        "" => Some((name, "")),
        rest if rest.starts_with('[') => Some((name, rest)),
        rest => Some((name, rest.strip_prefix('.')?)),
    });
    let (name, rest) = fitting.max_by_key(|(name, _)| name.len())?;
    Some((Step::Key(name.to_owned()), rest))
}

fn unknown_key(path: &str) -> (Step, &str) {
    let (key, rest) = path.split_once('.').unwrap_or((path, ""));
    (Step::Key(key.to_owned()), rest)
}

#[derive(Clone, Copy)]
enum Container<'a> {
    Map(&'a Branch),
    List(&'a [Value]),
}

impl<'a> Container<'a> {
    fn value(self, step: &Step) -> Option<&'a Value> {
        match (self, step) {
            (Self::Map(branch), Step::Key(key)) => {
                branch.iter().find(|item| item.key == Key::Name(key.clone())).map(|item| &item.value)
            }
            (Self::List(items), Step::Index(index)) => {
                items.iter().filter(|item| !matches!(item, Value::Comment(_))).nth(*index)
            }
            _ => None,
        }
    }

    fn below(self, step: &Step) -> Option<Self> {
        match self.value(step)? {
            Value::Map(branch) => Some(Self::Map(branch)),
            Value::List(items) => Some(Self::List(items)),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, step) in self.0.iter().enumerate() {
            match step {
                Step::Key(key) if index == 0 => write!(f, "{}", key.escape_debug())?,
                Step::Key(key) => write!(f, ".{}", key.escape_debug())?,
                Step::Index(place) => write!(f, "[{place}]")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sops::Item;

    #[test]
    fn paths_are_read_as_they_are_meant() {
        let document = vec![
            Item::new("a", Value::Map(vec![Item::new("b", Value::List(vec![Value::Null]))])),
            Item::new("tls.key", Value::text("x")),
            Item::new("tls", Value::Map(vec![Item::new("key", Value::text("y"))])),
        ];
        let key = |key: &str| Step::Key(key.to_owned());
        for (text, expected) in [
            ("a.b.0", Some(vec![key("a"), key("b"), Step::Index(0)])),
            ("a.b[0]", Some(vec![key("a"), key("b"), Step::Index(0)])),
            ("a.b.x", None),
            ("a.x.", None),
            ("tls.key", Some(vec![key("tls.key")])),
            ("tls.crt", Some(vec![key("tls"), key("crt")])),
            ("new.deep", Some(vec![key("new"), key("deep")])),
            ("", None),
            (r#"["tls"]["key"]"#, Some(vec![key("tls"), key("key")])),
            (r#"["a"]['b'][0]"#, Some(vec![key("a"), key("b"), Step::Index(0)])),
            (r#"["a"]b"#, None),
            (r#"["a""#, None),
            ("[x]", None),
        ] {
            assert_eq!(Path::parse(text, &document).ok().map(|path| path.0), expected, "{text}");
        }
        let path = Path::parse("a.b.0", &document).unwrap();
        assert_eq!(path.to_string(), "a.b[0]");
        assert!(path.find(&document) == Some(&Value::Null));
        assert!(Path::parse("a.c", &document).unwrap().find(&document).is_none());
    }
}
