//! Keys for people and for programs: one line, or one JSON object each.

use std::fmt::Write as _;

use bulla_core::sealed::Fingerprint;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::age::{age, day};
use crate::keys::known::Key;

/// One row per key, the newest first. `sealing` is the one that seals.
pub(crate) fn text(keys: &[Key], sealing: Option<&Fingerprint>, now: Timestamp) -> String {
    let mut rows = vec![["FINGERPRINT", "STATE", "AGE", "BEGINS", "ENDS", "BITS", "SECRET"].map(str::to_owned)];
    rows.extend(in_order(keys).into_iter().map(|key| {
        let seals = if sealing == Some(&key.fingerprint) && key.may_seal(now) { " (seals)" } else { "" };
        let moment = |time: Option<Timestamp>| time.map_or_else(|| "-".to_owned(), day);
        [
            key.fingerprint.to_string(),
            format!("{}{seals}", key.state_word()),
            key.since().map_or_else(|| "-".to_owned(), |since| age(since, now)),
            moment(key.validity.map(|(begin, _)| begin)),
            moment(key.validity.map(|(_, end)| end)),
            key.bits.to_string(),
            key.document.name.escape_debug().to_string(),
        ]
    }));
    let mut text = String::new();
    let widths: [usize; 7] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    for row in rows {
        let line: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let _ = writeln!(text, "{}", line.join("  ").trim_end());
    }
    text
}

/// One key as a program reads it.
pub(crate) fn json(key: &Key, sealing: Option<&Fingerprint>, now: Timestamp) -> Value {
    json!({
        "fingerprint": key.fingerprint.as_str(),
        "state": key.state_word(),
        "label": key.document.upstream_label(),
        "seals": sealing == Some(&key.fingerprint) && key.may_seal(now),
        "secret": key.document.name,
        "created": key.document.created.map(|time| time.to_string()),
        "notBefore": key.validity.map(|(begin, _)| begin.to_string()),
        "notAfter": key.validity.map(|(_, end)| end.to_string()),
        "bits": key.bits,
        "privateKey": key.ring.is_some(),
    })
}

/// The newest first.
pub(crate) fn in_order(keys: &[Key]) -> Vec<&Key> {
    let mut order: Vec<&Key> = keys.iter().collect();
    order.sort_by(|a, b| b.since().cmp(&a.since()).then_with(|| a.document.name.cmp(&b.document.name)));
    order
}
