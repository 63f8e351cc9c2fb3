//! Looks for plain values where none may be.

use std::collections::HashMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use crate::golden::World;

/// Shorter values (`true`, `8000`) are found everywhere by chance.
const SHORTEST: usize = 6;
/// The lines of a longer text are looked for one by one from this length on.
const SHORTEST_LINE: usize = 16;

/// Everything that may not be seen, as it is and in base64.
pub(crate) struct Needles {
    by_beginning: HashMap<[u8; SHORTEST], Vec<Needle>>,
}

struct Needle {
    bytes: Vec<u8>,
    /// Whose value it is.
    item: String,
}

impl Needles {
    pub(crate) fn of(world: &World) -> Self {
        let mut needles = Self { by_beginning: HashMap::new() };
        needles.extend(world);
        needles
    }

    pub(crate) fn extend(&mut self, world: &World) {
        for (id, expected) in world {
            for (key, content) in &expected.data {
                // A bootstrap token's id is half of its name: public by the author's will.
                let value = content.beginning();
                let public = id.1.as_bytes().windows(value.len().max(1)).any(|part| part == value);
                if !public {
                    self.add(&format!("{key} in {}/{} ({})", id.0, id.1, expected.file), value);
                }
            }
        }
    }

    /// Looks for `value`, for its base64, and for each of its lines. `item` says whose value it is.
    pub(crate) fn add(&mut self, item: &str, value: &[u8]) {
        let mut forms = vec![value.to_vec(), STANDARD_NO_PAD.encode(value).into_bytes()];
        forms.extend(value.split(|&byte| byte == b'\n').filter(|line| line.len() >= SHORTEST_LINE).map(<[u8]>::to_vec));
        // The header of a PEM file is no secret.
        forms.retain(|form| !form.starts_with(b"-----") || form.contains(&b'\n'));
        for bytes in forms {
            if let Some(beginning) = bytes.first_chunk::<SHORTEST>() {
                let known = self.by_beginning.entry(*beginning).or_default();
                if known.iter().all(|needle| needle.bytes != bytes) {
                    known.push(Needle { bytes, item: item.to_owned() });
                }
            }
        }
    }

    /// Fails if `text` holds a plain value.
    pub(crate) fn assert_absent(&self, place: &str, text: &[u8]) {
        for (offset, window) in text.windows(SHORTEST).enumerate() {
            let beginning = <&[u8; SHORTEST]>::try_from(window).expect("windows have that size");
            for needle in self.by_beginning.get(beginning).into_iter().flatten() {
                assert!(
                    !text[offset..].starts_with(&needle.bytes),
                    "{place}: the plain value of {} is there, at byte {offset}",
                    needle.item
                );
            }
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.by_beginning.values().map(Vec::len).sum()
    }
}
