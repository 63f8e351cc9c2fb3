//! Names that bulla owns are wire format for ever: each stands in the table of docs/design.md before it stands in code.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

use std::fs;
use std::path::{Path, PathBuf};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Every source file of ours below `folder`, without tests beside the code.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if entry.is_dir() {
            sources(&entry, found);
        } else if entry.extension().is_some_and(|ending| ending == "rs") && !entry.ends_with("tests.rs") {
            found.push(entry);
        }
    }
}

/// The rows of the table under "Names that bulla owns".
fn table() -> String {
    let design = fs::read_to_string(root().join("docs/design.md")).unwrap();
    let (_, rest) = design.split_once("## Names that bulla owns").expect("the table is there");
    rest.split("\n## ").next().unwrap().to_owned()
}

#[test]
fn labels_and_annotations_of_ours_are_in_the_table() {
    let table = table();
    let mut files = Vec::new();
    for name in ["core", "yaml", "controller", "devcluster", "cli"] {
        sources(&root().join("crates").join(name).join("src"), &mut files);
    }
    let mut seen = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for (at, prefix) in text.match_indices("bulla.dev/") {
            let name: String =
                text[at + prefix.len()..].chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '-').collect();
            let name = format!("{prefix}{name}");
            assert!(table.contains(&format!("`{name}`")), "{}: {name} is not in the table", file.display());
            seen += 1;
        }
    }
    assert!(seen >= 2, "key-state and drift are read by the controller");
}

#[test]
fn condition_types_are_in_the_table() {
    let status = fs::read_to_string(root().join("crates/controller/src/report/status.rs")).unwrap();
    let table = table();
    let mut seen = 0;
    for line in status.lines().filter(|line| line.starts_with("pub(crate) const ")) {
        let name = line.split('"').nth(1).unwrap();
        assert!(table.contains(&format!("`{name}`")), "the condition {name} is not in the table");
        seen += 1;
    }
    assert_eq!(seen, 5, "Synced, Ready, Reconciling, Stalled, Applied");
}

#[test]
fn files_of_local_state_are_in_the_table() {
    let table = table();
    for (file, name, shown) in [
        ("memory/entries.rs", "\"sealed\"", "`sealed`"),
        ("memory/entries.rs", "\"lock\"", "`lock`"),
        ("memory/key.rs", "\"memory.key\"", "`memory.key`"),
        ("edit/place.rs", "\"bulla-edit-\"", "`bulla-edit-…`"),
    ] {
        let source = fs::read_to_string(root().join("crates/cli/src").join(file)).unwrap();
        assert!(source.contains(name), "{file}: {name} is written there");
        assert!(table.contains(shown), "{shown} is not in the table");
    }
}
