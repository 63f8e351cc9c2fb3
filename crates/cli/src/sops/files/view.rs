//! `bulla view` on sops files: keys, types and sizes of the values, who can open them, what is encrypted. No key is needed.

use std::fmt::Write as _;

use bulla_core::sops::layout::{Row, rows};
use bulla_core::sops::second_seal;
use jiff::Timestamp;
use serde_json::{Value as Json, json};

use super::SopsFile;
use crate::age::{age, day};
use crate::report::harmless;
use crate::sops::trust::keys::short;

/// The text for people.
pub(crate) fn table(file: &SopsFile, changed: Option<Timestamp>) -> String {
    let metadata = &file.metadata;
    let mut text = format!("{}: sops, {}\n", file.name(), file.format.word());
    let mut row = |name: &str, value: &str| {
        let _ = writeln!(text, "  {name:<12} {}", harmless(value));
    };
    row("selector", &selector(file));
    if metadata.mac_only_encrypted {
        row("mac", "covers the encrypted values only");
    }
    for (index, group) in metadata.groups.iter().enumerate() {
        for (place, key) in group.keys.iter().enumerate() {
            let name = match (metadata.groups.len(), place) {
                (1, 0) => "recipients".to_owned(),
                (_, 0) => format!("group {}", index + 1),
                _ => String::new(),
            };
            row(&name, &format!("{} {}", key.source.kind().name(), short(&key.source.identity())));
        }
    }
    if metadata.groups.len() > 1 {
        let needed =
            if metadata.shamir_threshold == 0 { metadata.groups.len() } else { metadata.shamir_threshold as usize };
        row("needed", &format!("{needed} of {} groups", metadata.groups.len()));
    }
    row("version", if metadata.version.is_empty() { "none" } else { &metadata.version });
    row("second seal", if second_seal::is_there(metadata) { "yes" } else { "not sealed by bulla" });
    row("encrypted at", &aged(&metadata.last_modified));
    if let Some(changed) = changed {
        row("last commit", &format!("{} ({} ago)", day(changed), age(changed, Timestamp::now())));
    }
    let rows = rows(&file.tree);
    if rows.is_empty() {
        row("values", "none");
    }
    let several = file.tree.documents.len() > 1;
    let shown = |row: &Row| if several { format!("{}: {}", row.document + 1, row.path) } else { row.path.clone() };
    let width = rows.iter().map(|row| harmless(&shown(row)).chars().count()).max().unwrap_or(0).min(48);
    for (index, value) in rows.iter().enumerate() {
        let unit = if value.bytes == 1 { "byte" } else { "bytes" };
        let size = match (value.kind.as_str(), value.sealed) {
            ("null", _) => "null".to_owned(),
            (kind, true) => format!("{kind}, {} {unit}", value.bytes),
            (kind, false) => format!("{kind}, not encrypted"),
        };
        row(if index == 0 { "values" } else { "" }, &format!("{:<width$}  {size}", harmless(&shown(value))));
    }
    text
}

/// For `--json`.
pub(crate) fn facts(file: &SopsFile, changed: Option<Timestamp>) -> Json {
    let metadata = &file.metadata;
    let groups: Vec<Json> = metadata
        .groups
        .iter()
        .map(|group| {
            group
                .keys
                .iter()
                .map(|key| json!({"kind": key.source.kind().name(), "recipient": key.source.identity()}))
                .collect()
        })
        .collect();
    let values: Vec<Json> = rows(&file.tree)
        .iter()
        .map(|row| {
            let bytes = row.sealed.then_some(row.bytes);
            json!({"document": row.document + 1, "path": row.path, "type": row.kind, "encrypted": row.sealed, "bytes": bytes})
        })
        .collect();
    json!({
        "file": file.name(),
        "format": file.format.word(),
        "selector": {"name": metadata.selector.name(), "text": metadata.selector.text()},
        "macOnlyEncrypted": metadata.mac_only_encrypted,
        "groups": groups,
        "threshold": metadata.shamir_threshold,
        "version": metadata.version,
        "secondSeal": second_seal::is_there(metadata),
        "encryptedAt": metadata.last_modified,
        "values": values,
        "lastCommit": changed.map(|time| time.to_string()),
    })
}

fn selector(file: &SopsFile) -> String {
    match file.metadata.selector.text() {
        "" => "everything is encrypted".to_owned(),
        text => format!("{} {text}", file.metadata.selector.name()),
    }
}

fn aged(time: &str) -> String {
    match time.parse::<Timestamp>() {
        Ok(then) => format!("{time} ({} ago)", age(then, Timestamp::now())),
        Err(_) => time.to_owned(),
    }
}
