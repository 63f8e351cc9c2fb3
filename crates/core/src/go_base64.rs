//! Standard base64 exactly as Go's `encoding/base64.StdEncoding` reads it.
//!
//! kubeseal and the upstream controller decode with Go, and scripts match the error text, so the accepted language and the
//! reported offset are part of the format: CR and LF are ignored anywhere, padding is required, non-zero trailing bits are
//! accepted, everything else is an error at the input offset that Go reports (Go 1.26, `encoding/base64`, non-strict).

use base64::Engine as _;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use zeroize::Zeroizing;

const ENGINE: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_allow_trailing_bits(true)
        .with_decode_padding_mode(DecodePaddingMode::RequireCanonical),
);

/// The text is not base64: the offset, in bytes, that Go reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("illegal base64 data at input byte {offset}")]
pub struct InvalidBase64 {
    /// Offset in bytes from the start of the text, line breaks included.
    pub offset: usize,
}

/// Encodes with the standard alphabet and padding, on one line.
pub fn encode(bytes: &[u8]) -> String {
    ENGINE.encode(bytes)
}

/// Decodes `text`. The result is zeroizing, because this reads plain values of Secrets as well as ciphertexts.
///
/// # Errors
/// [`InvalidBase64`] with the offset that Go's decoder reports.
pub fn decode(text: &str) -> Result<Zeroizing<Vec<u8>>, InvalidBase64> {
    let has_breaks = text.bytes().any(|byte| byte == b'\r' || byte == b'\n');
    let stripped: Zeroizing<Vec<u8>>;
    let compact: &[u8] = if has_breaks {
        stripped = Zeroizing::new(text.bytes().filter(|byte| *byte != b'\r' && *byte != b'\n').collect());
        &stripped
    } else {
        text.as_bytes()
    };
    // Sized once, so that no half-filled copy is left behind by a growing buffer.
    let mut decoded = Zeroizing::new(vec![0; base64::decoded_len_estimate(compact.len())]);
    match ENGINE.decode_slice(compact, &mut decoded) {
        Ok(length) => {
            decoded.truncate(length);
            Ok(decoded)
        }
        Err(_) => Err(InvalidBase64 { offset: go_error_offset(text.as_bytes()) }),
    }
}

/// Walks the text in groups of four, as Go does, and returns the offset at which Go gives up.
///
/// Called only for text that does not decode; if both decoders ever disagreed, the end of the text is reported.
fn go_error_offset(text: &[u8]) -> usize {
    let mut index = 0;
    let skip_breaks = |mut at: usize| {
        while at < text.len() && (text[at] == b'\n' || text[at] == b'\r') {
            at += 1;
        }
        at
    };
    loop {
        let mut in_group = 0;
        while in_group < 4 {
            let Some(&byte) = text.get(index) else {
                // The text ends inside a group: Go points at the group's first character, line breaks not counted back.
                return if in_group == 0 { text.len() } else { index - in_group };
            };
            index += 1;
            if byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/' {
                in_group += 1;
                continue;
            }
            if byte == b'\n' || byte == b'\r' {
                continue;
            }
            if byte != b'=' || in_group < 2 {
                return index - 1;
            }
            if in_group == 2 {
                // `==` is expected: line breaks may stand between the two.
                index = skip_breaks(index);
                if index == text.len() {
                    return text.len();
                }
                if text[index] != b'=' {
                    return index - 1;
                }
                index += 1;
            }
            // Nothing but line breaks may follow the padding.
            return skip_breaks(index);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn offset(text: &str) -> usize {
        match decode(text) {
            Ok(_) => panic!("{text:?} decodes"),
            Err(error) => error.offset,
        }
    }

    #[test]
    fn ignores_line_breaks_and_accepts_trailing_bits() {
        assert_eq!(**decode("YWxw\r\naGE=\n").unwrap(), *b"alpha");
        assert_eq!(**decode("YWxwaGF=").unwrap(), *b"alpha", "non-zero trailing bits");
        assert_eq!(**decode("YQ=\n=").unwrap(), *b"a");
        assert!(decode("").unwrap().is_empty());
    }

    /// Offsets printed by `base64.StdEncoding.DecodeString` (Go 1.26).
    #[test]
    fn reports_the_offset_that_go_reports() {
        for (text, expected) in [
            ("*", 0),
            ("YW xwaGE=", 2),
            ("YWxwaGE", 4),
            ("YWxwaG", 4),
            ("YWxwa", 4),
            ("YQ=", 3),
            ("YQ=a", 2),
            ("YQ==YQ==", 4),
            ("=", 0),
            ("A=", 1),
            ("YWxwaGE==", 8),
            ("YWxw\naG", 5),
            ("YWxwaGE=x", 8),
            ("YW\nxwa\nG", 6),
        ] {
            assert_eq!(offset(text), expected, "{text:?}");
        }
    }
}
