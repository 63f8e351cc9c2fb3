//! New bytes of a file for other recipients: its data key wrapped for more, or a new data key for fewer.

use bulla_core::sops::layout::{self, Sealing};
use bulla_core::sops::second_seal::{Context, states_clear_comments};
use bulla_core::sops::{DataKey, Group, Metadata, Nonces};
use jiff::Timestamp;

use super::keys::Keys;
use super::{Opened, Trust, expected, not_open, open, path, with_seal};
use crate::report::{Code, Report, Result};
use crate::sops::files::SopsFile;

/// What becomes of the data key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum DataKeyChoice {
    /// It stays, and so do all values: whoever could open the file and kept a copy of the key still can.
    Keep,
    /// A new one: every value is encrypted anew.
    Rotate,
}

/// Writes a file for these groups of recipients.
pub(crate) fn rewrapped(
    file: &SopsFile,
    groups: Vec<Group>,
    threshold: u32,
    choice: DataKeyChoice,
    keys: &Keys,
    trust: Trust,
) -> Result<Vec<u8>> {
    let Opened { tree, metadata: old, key, .. } = open(file, keys, trust)?;
    if groups.iter().all(|group| group.keys.is_empty()) {
        return Err(Report::new(Code::NobodyLeft, format!("{}: nobody could open it any more", file.name()))
            .hint("name another recipient first: bulla recipients add RECIPIENT FILE"));
    }
    let mut metadata = Metadata { groups, shamir_threshold: threshold, ..old.clone() };
    let now = now();
    let recorded = path::in_repository(&file.path);
    let context = Context { path: recorded.as_deref(), clear_comments: states_clear_comments(&old) };
    match choice {
        DataKeyChoice::Keep => {
            wrap_what_is_new(file, &old, &mut metadata, &key, keys, &now)?;
            let bytes = layout::replace_metadata(&file.bytes, file.format, &metadata)
                .map_err(|error| in_place(file, &error))?;
            with_seal(file.format, &bytes, &key, context).map_err(|error| not_open(&file.name(), &error))
        }
        DataKeyChoice::Rotate => {
            let key = DataKey::generate().map_err(|error| not_open(&file.name(), &error))?;
            wrap_all(file, &mut metadata, &key, keys, &now)?;
            let sealing = Sealing { key: &key, nonces: &Nonces::default(), now: Some(&now), context };
            let bytes = layout::again(file.format, &file.bytes, &tree, &mut metadata, &sealing)
                .map_err(|error| in_place(file, &error))?;
            // What is written must open.
            with_seal(file.format, &bytes, &key, context).map_err(|error| not_open(&file.name(), &error))
        }
    }
}

/// A new second seal, and nothing else.
pub(crate) fn resealed(file: &SopsFile, keys: &Keys, trust: Trust) -> Result<Vec<u8>> {
    let trust = Trust { accept_broken_seal: true, require_seal: false, require_path: false, ..trust };
    let opened = open(file, keys, trust)?;
    let recorded = path::in_repository(&file.path);
    let context = Context { path: recorded.as_deref(), clear_comments: states_clear_comments(&opened.metadata) };
    with_seal(file.format, &file.bytes, &opened.key, context).map_err(|error| not_open(&file.name(), &error))
}

/// With one group, what is wrapped already stays as it is; shares of several groups are made anew together.
fn wrap_what_is_new(
    file: &SopsFile,
    old: &Metadata,
    metadata: &mut Metadata,
    key: &DataKey,
    keys: &Keys,
    now: &str,
) -> Result<()> {
    if old.groups.len() != 1 || metadata.groups.len() != 1 {
        return wrap_all(file, metadata, key, keys, now);
    }
    let before: Vec<_> = metadata.groups[0].keys.clone();
    let mut fresh = metadata.clone();
    fresh.groups[0].keys.retain(|key| key.enc.is_empty());
    if fresh.groups[0].keys.is_empty() {
        return Ok(());
    }
    wrap_all(file, &mut fresh, key, keys, now)?;
    let mut wrapped = fresh.groups.remove(0).keys.into_iter();
    let all = before.into_iter().filter_map(|key| if key.enc.is_empty() { wrapped.next() } else { Some(key) });
    metadata.groups[0].keys = all.collect();
    Ok(())
}

fn wrap_all(file: &SopsFile, metadata: &mut Metadata, key: &DataKey, keys: &Keys, now: &str) -> Result<()> {
    metadata
        .wrap(key, now, &mut |source, part| {
            keys.wrap(source, part).map_err(|errors| {
                errors.into_iter().map(|error| format!("{}: {error}", expected::shown(source))).collect()
            })
        })
        .map_err(|errors| {
            Report::new(Code::NotWrapped, format!("{}: the data key cannot be wrapped for everybody", file.name()))
                .hint(errors.join("\n"))
        })
}

/// The layout does not allow the edit.
fn in_place(file: &SopsFile, error: &layout::Error) -> Report {
    Report::new(Code::NotInPlace, format!("{}: {error}", file.name()))
        .hint("nothing was written; sops updatekeys or sops rotate writes the file in a layout of its own")
}

/// RFC 3339 with seconds, in UTC.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}
