//! The entry point shared by the fuzz target (`fuzz/`) and the property tests: it holds for every input.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Budget, render};

/// What must never be in an error. Templates that contain it are not rendered.
pub const CANARY: &str = "cAn4ry-vAlue-0f-an-1tem";

/// A budget that keeps one run short.
pub fn budget() -> Budget {
    Budget {
        time: Duration::from_secs(2),
        steps: 20_000,
        memory: 4 << 20,
        output: 64 << 10,
        password_hashes: 0,
        key_generation: 0,
        ..Budget::default()
    }
}

/// The names of all functions.
pub fn function_names() -> Vec<&'static str> {
    crate::function::names()
}

/// Renders the bytes as a template next to items that hold the canary: no panic, and no error that shows it.
///
/// # Panics
/// When an error shows an item's value.
pub fn render_bytes(data: &[u8]) {
    let text = String::from_utf8_lossy(data).into_owned();
    if text.contains(CANARY) {
        return;
    }
    let templates = BTreeMap::from([("t".to_owned(), Some(text)), ("gone".to_owned(), None)]);
    let number = b"1749".as_slice();
    let items = BTreeMap::from([
        ("a".to_owned(), CANARY.as_bytes()),
        ("b".to_owned(), number),
        ("gone".to_owned(), CANARY.as_bytes()),
    ]);
    if let Err(errors) = render(&templates, &items, &budget()) {
        let text = format!("{errors} {errors:?}");
        assert!(!text.contains(CANARY), "an error shows a value");
    }
}
