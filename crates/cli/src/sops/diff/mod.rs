//! `bulla diff A B`: what became of each value between two sops files, or two versions of one.
//!
//! Which way the data goes: both files → their values by place (`values`) → the differences (pure) → text or JSON. With a key, values are
//! compared; without one, ciphertexts, and of two that differ nobody can say whether the value does.

mod values;

use std::path::{Path, PathBuf};

use bulla_core::sops::Format;
use serde_json::json;
use zeroize::Zeroizing;

use self::values::{Change, Kind, Side, changes};
use super::files::{SopsFile, detect};
use super::trust::{self, Keys, Trust};
use crate::io::{Console, Source, input, output};
use crate::report::{Code, Exit, Report, Result, harmless, os_error};
use crate::tree::shown;

/// What to compare.
#[derive(Debug)]
pub(crate) struct Options {
    /// Files, or `REVISION:FILE` of git.
    pub(crate) sides: [PathBuf; 2],
    /// Whether values are shown.
    pub(crate) show_values: bool,
    /// Whether no key is asked for.
    pub(crate) offline: bool,
    /// Whether what is unchanged is listed, too.
    pub(crate) all: bool,
    pub(crate) json: bool,
    pub(crate) trust: Trust,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let keys = Keys::new()?;
    let [left, right] = &options.sides;
    let (left, right) = (read(left)?, read(right)?);
    let mut locked = Vec::new();
    let mut open = |file: &SopsFile| -> Result<Option<Side>> {
        if options.offline {
            return Ok(None);
        }
        match trust::open(file, &keys, options.trust) {
            Ok(opened) => Ok(Some(Side::opened(&opened.tree, &file.metadata)?)),
            Err(report) if report.code() == Code::SopsLocked => {
                locked.push(file.name());
                Ok(None)
            }
            Err(report) => Err(report),
        }
    };
    let (opened_left, opened_right) = (open(&left)?, open(&right)?);
    let (one, two) = match (opened_left, opened_right) {
        (Some(one), Some(two)) => (one, two),
        // Plaintext of one side alone tells nothing about the other.
        _ if options.show_values => {
            let which = locked.first().cloned().unwrap_or_else(|| left.name());
            return Err(Report::new(Code::SopsLocked, format!("{which}: values cannot be shown without a key"))
                .hint("bulla why FILE says which key is needed; without --show-values no key is"));
        }
        _ => (Side::sealed(&left.tree, &left.metadata)?, Side::sealed(&right.tree, &right.metadata)?),
    };
    let changes = changes(&one, &two);
    let text = if options.json { json(&changes, options) } else { text(&changes, options) };
    output::write_stdout(text.as_bytes())
        .map_err(|error| Report::new(Code::WriteOutput, format!("write standard output: {}", os_error(&error))))?;
    for name in locked {
        console.note(&format!("{name}: no key here opens it, so ciphertexts were compared"));
    }
    let count = |kind| changes.iter().filter(|change| change.kind == kind).count();
    console.note(&format!(
        "{} added, {} removed, {} renamed, {} changed, {} unknown, {} unchanged",
        count(Kind::Added),
        count(Kind::Removed),
        count(Kind::Renamed),
        count(Kind::Changed),
        count(Kind::Unknown),
        count(Kind::Unchanged)
    ));
    Ok(Exit::Done)
}

/// A file, or if there is none of the name, a version of one that git knows.
fn read(path: &Path) -> Result<SopsFile> {
    let text = path.to_string_lossy();
    let revision = text.split_once(':').filter(|(revision, _)| !revision.is_empty() && !path.exists());
    let bytes = match revision {
        Some((revision, name)) => {
            // A name from the working directory, as everywhere else.
            let bytes = super::git::show(Path::new("."), &format!("{revision}:./{name}")).ok_or_else(|| {
                Report::new(Code::ReadFile, format!("{}: git has no such version", shown(path)))
                    .hint("write REVISION:FILE, as in HEAD~1:secrets.yaml, with the path from here")
            })?;
            Zeroizing::new(bytes)
        }
        None => input::read(&Source::File(path.to_owned()))?,
    };
    let format: Option<Format> = detect(path, &bytes);
    let format = format.ok_or_else(|| {
        Report::new(Code::NotASopsFile, format!("{}: there is no sops entry in it", shown(path)))
            .hint("name files that sops or bulla seal encrypted")
    })?;
    SopsFile::parse(path, bytes, format)
}

fn text(changes: &[Change], options: &Options) -> String {
    let mut text = String::new();
    for change in changes.iter().filter(|change| options.all || change.kind != Kind::Unchanged) {
        let place = harmless(&change.place);
        let from = change.from.as_deref().map(|from| format!("{} -> ", harmless(from))).unwrap_or_default();
        text += &format!("{} {from}{place}: {}\n", change.kind.sign(), change.kind.words());
        if options.show_values && change.kind != Kind::Unchanged {
            for (sign, value) in [('-', &change.before), ('+', &change.after)] {
                if let Some(value) = value {
                    text += &format!("    {sign} {}\n", harmless(value));
                }
            }
        }
    }
    text
}

fn json(changes: &[Change], options: &Options) -> String {
    let list: Vec<_> = changes
        .iter()
        .filter(|change| options.all || change.kind != Kind::Unchanged)
        .map(|change| {
            let mut one = json!({"path": change.place, "change": change.kind.name()});
            if let Some(from) = &change.from {
                one["from"] = from.as_str().into();
            }
            if options.show_values {
                one["before"] = change.before.as_ref().map(|value| value.as_str()).into();
                one["after"] = change.after.as_ref().map(|value| value.as_str()).into();
            }
            one
        })
        .collect();
    // Texts do not fail to be written.
    serde_json::to_string_pretty(&json!({"values": list})).unwrap_or_default() + "\n"
}
