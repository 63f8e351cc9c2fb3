//! INI, in the dialect of go-ini v1.67: sections of `key = value` lines. The keys above the first header are the section `DEFAULT`, which
//! every file has; a section may come twice. Values are always text.

mod emit;
mod load;

pub(super) use emit::{emit, emit_value};
pub(super) use load::load;

/// The section of keys that stand above any header.
const DEFAULT: &str = "DEFAULT";

/// What stands between key and value.
const DELIMITERS: &[u8] = b"=:";

/// The bytes between white space, as Go's `TrimSpace` sees it.
fn trim(bytes: &[u8]) -> &[u8] {
    let start = trim_start(bytes);
    match std::str::from_utf8(start) {
        Ok(text) => text.trim_end().as_bytes(),
        // No UTF-8: only what is surely a space.
        Err(_) => start.trim_ascii_end(),
    }
}

fn trim_start(bytes: &[u8]) -> &[u8] {
    match std::str::from_utf8(bytes) {
        Ok(text) => text.trim_start().as_bytes(),
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            &bytes[valid.len() - valid.trim_start().len()..]
        }
    }
}
