//! `recipients list`: who can open which file, and whether its rule knows them.

use std::path::{Path, PathBuf};

use serde_json::json;

use crate::io::{Console, output};
use crate::parallel;
use crate::report::{Code, Exit, Report, Result, counted, harmless, os_error};
use crate::sops::files;
use crate::sops::trust::expected::{Rules, same, shown};
use crate::tree::shown as shown_path;

/// What is said of a recipient.
struct Row {
    group: usize,
    kind: &'static str,
    identity: String,
    shown: String,
    state: &'static str,
}

struct File {
    name: String,
    groups: usize,
    threshold: usize,
    rule: Option<String>,
    rows: Vec<Row>,
}

/// Runs the command.
pub(crate) fn run(paths: &[PathBuf], json: bool, console: Console) -> Result<Exit> {
    let found = files::find(paths)?;
    let files: Vec<File> = parallel::in_order(&found, |path| look(path))?.into_iter().collect::<Result<_>>()?;
    let text = if json { self::json(&files) } else { files.iter().map(text).collect() };
    output::write_stdout(text.as_bytes())
        .map_err(|error| Report::new(Code::WriteOutput, format!("write standard output: {}", os_error(&error))))?;
    let differ = files.iter().filter(|file| file.rows.iter().any(|row| !row.state.is_empty())).count();
    console.note(&match differ {
        0 => counted(files.len(), "sops file"),
        _ => format!(
            "{}, {differ} with other recipients than .sops.yaml names: bulla reseal brings them in line",
            counted(files.len(), "sops file")
        ),
    });
    Ok(Exit::Done)
}

fn look(path: &Path) -> Result<File> {
    let file = files::read_sops(path)?;
    let rules = Rules::of(path)?;
    let rule = rules.with_keys();
    let groups = file.metadata.groups.len();
    let mut rows = Vec::new();
    for (group, keys) in file.metadata.groups.iter().enumerate() {
        for key in &keys.keys {
            let listed = rule.is_none_or(|rule| rule.creation.keys().any(|other| same(&other.source, &key.source)));
            rows.push(Row {
                group: group + 1,
                kind: key.source.kind().name(),
                identity: key.source.identity(),
                shown: shown(&key.source),
                state: if listed { "" } else { "unlisted" },
            });
        }
    }
    for source in rule.map(|rule| rule.difference(&file.metadata).missing).unwrap_or_default() {
        rows.push(Row {
            group: 0,
            kind: source.kind().name(),
            identity: source.identity(),
            shown: shown(&source),
            state: "missing",
        });
    }
    let threshold = match file.metadata.shamir_threshold as usize {
        0 => groups,
        threshold => threshold,
    };
    Ok(File {
        name: shown_path(path),
        groups,
        threshold,
        rule: rule.map(crate::sops::trust::expected::Rule::name),
        rows,
    })
}

fn text(file: &File) -> String {
    let mut text = format!("{}\n", file.name);
    if file.groups > 1 {
        text += &format!("  {} of {} groups are needed\n", file.threshold, file.groups);
    }
    for row in &file.rows {
        let group = if file.groups > 1 && row.group > 0 { format!("group {}: ", row.group) } else { String::new() };
        let state = match row.state {
            "" => String::new(),
            "unlisted" => " (unlisted: not in .sops.yaml)".to_owned(),
            _ => " (missing: in .sops.yaml, and cannot open the file)".to_owned(),
        };
        text += &format!("  {group}{}{state}\n", harmless(&row.shown));
    }
    text
}

fn json(files: &[File]) -> String {
    let list: Vec<_> = files
        .iter()
        .map(|file| {
            let rows: Vec<_> = file
                .rows
                .iter()
                .map(|row| {
                    let state = if row.state.is_empty() { "listed" } else { row.state };
                    json!({"kind": row.kind, "recipient": row.identity, "group": row.group, "state": state})
                })
                .collect();
            json!({"file": file.name, "rule": file.rule, "groups": file.groups, "threshold": file.threshold, "recipients": rows})
        })
        .collect();
    // Texts and numbers do not fail to be written.
    serde_json::to_string_pretty(&json!({"files": list})).unwrap_or_default() + "\n"
}
