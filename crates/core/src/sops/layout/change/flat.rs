//! The shape of dotenv and INI files: lines come, go, and get other keys.

use zeroize::Zeroizing;

use crate::sops::layout::edits::{Edits, scan};
use crate::sops::layout::locate::{Place, Places, locate};
use crate::sops::layout::{Error, Path, Step, entry};
use crate::sops::{Format, Key, Value};

/// What stands for a new value until it is encrypted.
const PLACEHOLDER: &str = "x";

pub(super) fn rename(format: Format, text: &[u8], path: &Path, name: &str) -> Result<Zeroizing<Vec<u8>>, Error> {
    check_name(format, name)?;
    let (key, place) = place(format, text, path)?;
    let mut edits = Edits::default();
    edits.replace(place.key.unwrap_or(0)..place.key.unwrap_or(0) + key.len(), name);
    entry::apply(text, edits)
}

pub(super) fn remove(format: Format, text: &[u8], path: &Path) -> Result<Zeroizing<Vec<u8>>, Error> {
    let (_, place) = place(format, text, path)?;
    let mut edits = Edits::default();
    edits.remove(scan::line_start(text, place.key.unwrap_or(0))..scan::next_line(text, place.span.end));
    entry::apply(text, edits)
}

pub(super) fn insert(format: Format, text: &[u8], path: &Path, value: &Value) -> Result<Zeroizing<Vec<u8>>, Error> {
    if value.is_complex() {
        return Err(Error::Refused("lists and maps have no place in this format".to_owned()));
    }
    let line_break = scan::line_break(text);
    let (at, line) = match (format, path.0.as_slice()) {
        (Format::Dotenv, [Step::Key(key)]) => {
            check_name(format, key)?;
            (text.len(), format!("{key}={PLACEHOLDER}"))
        }
        (Format::Ini, [Step::Key(section), Step::Key(key)]) => {
            check_name(format, key)?;
            let places = locate(format, text)?;
            let line = format!("{key} = {PLACEHOLDER}");
            match last_of_section(&places, section) {
                Some(place) => (scan::next_line(text, place.span.end), line),
                None => {
                    check_name(format, section)?;
                    let blank = if text.is_empty() { "" } else { line_break };
                    (text.len(), format!("{blank}[{section}]{line_break}{line}"))
                }
            }
        }
        (Format::Ini, _) => return Err(Error::Refused("a path in an INI file is SECTION.KEY".to_owned())),
        _ => return Err(Error::Refused("a path in this format is one key".to_owned())),
    };
    let mut edits = Edits::default();
    // A last line that does not end in a line break gets one.
    let before = if at > 0 && text[at - 1] != b'\n' { line_break } else { "" };
    edits.replace(at..at, format!("{before}{line}{line_break}"));
    entry::apply(text, edits)
}

/// The last value of a section.
fn last_of_section(places: &Places, section: &str) -> Option<Place> {
    let mut index = 0;
    let mut last = None;
    for item in places.tree.documents.first()? {
        let Value::Map(branch) = &item.value else {
            index += 1;
            continue;
        };
        for inner in branch {
            if inner.name().is_some() && item.name() == Some(section) {
                last = places.leaves.get(index).cloned();
            }
            index += 1;
        }
    }
    last
}

/// The key of a path and where its value stands.
fn place(format: Format, text: &[u8], path: &Path) -> Result<(String, Place), Error> {
    let places = locate(format, text)?;
    let (mut index, missing) = (0, || Error::NoSuchPath { path: path.to_string() });
    for item in places.tree.documents.first().ok_or_else(missing)? {
        let Key::Name(name) = &item.key else {
            index += 1;
            continue;
        };
        match (&item.value, path.0.as_slice()) {
            (Value::Map(branch), steps) => {
                for inner in branch {
                    if let (Key::Name(key), [Step::Key(section), Step::Key(wanted)]) = (&inner.key, steps)
                        && section == name
                        && wanted == key
                    {
                        return Ok((key.clone(), places.leaves[index].clone()));
                    }
                    index += 1;
                }
            }
            (_, [Step::Key(wanted)]) if wanted == name => return Ok((name.clone(), places.leaves[index].clone())),
            _ => index += 1,
        }
    }
    Err(missing())
}

fn check_name(format: Format, name: &str) -> Result<(), Error> {
    let bad = name.is_empty()
        || name.contains(['\n', '\r', '='])
        || name.starts_with('#')
        || (format == Format::Ini && (name.contains([':', '[', ']']) || name.starts_with(';') || name.trim() != name));
    if bad { Err(Error::Refused(format!("{name:?} cannot be a key in this format"))) } else { Ok(()) }
}
