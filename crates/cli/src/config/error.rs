//! What is wrong with a `.bulla.yaml`, in words: file, line, key, and the nearest key that exists.

use std::path::Path;

use serde_saphyr::{Error, Location};

use super::file::Fault;
use crate::report::{Code, Report};

const SCHEMA: &str = "docs/bulla.schema.json describes every key; editors check the file against it";

/// A file that is not YAML, or has keys or types that do not exist.
pub(super) fn bad_file(name: &str, error: &Error) -> Report {
    let place = place(name, error.location());
    match error.without_snippet() {
        Error::SerdeUnknownField { field, expected, .. } => {
            let hint = match nearest(field, expected) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("known here: {}", expected.join(", ")),
            };
            Report::new(Code::ConfigKey, format!("{place}: there is no key `{field}` here")).hint(hint)
        }
        Error::SerdeUnknownVariant { variant, expected, .. } => {
            let hint = match nearest(variant, expected) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("one of: {}", expected.join(", ")),
            };
            Report::new(Code::ConfigValue, format!("{place}: `{variant}` is none of the possible values")).hint(hint)
        }
        Error::SerdeMissingField { field, .. } => {
            Report::new(Code::ConfigMalformed, format!("{place}: the key `{field}` is missing")).hint(SCHEMA)
        }
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.as_deref().map(|key| format!(" `{key}`")).unwrap_or_default();
            Report::new(Code::ConfigMalformed, format!("{place}: the key{key} is there twice"))
                .hint("remove the one that is not meant")
        }
        Error::SerdeInvalidType { unexpected, expected, .. } => {
            Report::new(Code::ConfigMalformed, format!("{place}: found {unexpected}, where {expected} is needed"))
                .hint(SCHEMA)
        }
        other => {
            let text = other.to_string();
            let text = text.lines().next().unwrap_or_default();
            Report::new(Code::ConfigMalformed, format!("{place}: {text}")).hint(SCHEMA)
        }
    }
}

/// A value that cannot be meant.
pub(super) fn bad_value(name: &str, fault: &Fault) -> Report {
    let Fault { location, key, problem, hint } = fault;
    Report::new(Code::ConfigValue, format!("{}: {key}: {problem}", place(name, Some(*location)))).hint(hint)
}

fn place(name: &str, location: Option<Location>) -> String {
    match location {
        Some(location) if location.line() > 0 => {
            format!("{name}: line {}, column {}", location.line(), location.column())
        }
        _ => name.to_owned(),
    }
}

pub(super) fn name_of(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

/// The known word that is nearest to `word`, if it is near: at most a third of the letters differ.
pub(crate) fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let distance = |other: &str| strsim::damerau_levenshtein(&word.to_lowercase(), &other.to_lowercase());
    let near = |other: &&&str| distance(other) <= (word.chars().count().max(other.chars().count()) / 3).max(1);
    known.iter().filter(near).min_by_key(|other| distance(other)).copied()
}
