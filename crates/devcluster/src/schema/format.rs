//! The formats of texts that are checked; any other format accepts every text, as unknown formats do.

use std::net::{Ipv4Addr, Ipv6Addr};

use base64::Engine as _;
use base64::alphabet;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};

/// Go's decoder takes stray bits in the last character, and no missing padding.
const LENIENT: GeneralPurpose =
    GeneralPurpose::new(&alphabet::STANDARD, GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true));

/// Whether `text` is what `format` says.
pub(super) fn fits(format: &str, text: &str) -> bool {
    match format {
        "byte" => {
            let text: Vec<u8> = text.bytes().filter(|byte| !b"\r\n".contains(byte)).collect();
            LENIENT.decode(text).is_ok()
        }
        "date-time" | "datetime" => text.contains(['T', 't']) && text.parse::<jiff::Timestamp>().is_ok(),
        "date" => text.len() == 10 && text.parse::<jiff::civil::Date>().is_ok(),
        "uuid" => is_uuid(text),
        "ipv4" => text.parse::<Ipv4Addr>().is_ok(),
        "ipv6" => text.parse::<Ipv6Addr>().is_ok(),
        _ => true,
    }
}

fn is_uuid(text: &str) -> bool {
    let digits = text.bytes().filter(u8::is_ascii_hexdigit).count();
    let dashes = text.match_indices('-').map(|(index, _)| index).collect::<Vec<_>>();
    digits == 32 && digits + dashes.len() == text.len() && (dashes.is_empty() || dashes == [8, 13, 18, 23])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formats() {
        for (format, text, expected) in [
            ("byte", "dg==", true),
            ("byte", "", true),
            ("byte", "d\ng==", true),
            ("byte", "dh==", true),
            ("byte", "dg=", false),
            ("byte", "!!", false),
            ("date-time", "2026-01-01T00:00:00Z", true),
            ("date-time", "2026-01-01T00:00:00.5+02:00", true),
            ("date-time", "2026-01-01", false),
            ("date-time", "2026", false),
            ("date", "2026-01-31", true),
            ("date", "2026-02-31", false),
            ("uuid", "07e8732b-9700-422b-bc8a-095045ede822", true),
            ("uuid", "07e8732b-9700-422b-bc8a-095045ede82", false),
            ("ipv4", "127.0.0.1", true),
            ("ipv4", "::1", false),
            ("ipv6", "::1", true),
            ("nonsense", "x", true),
        ] {
            assert_eq!(fits(format, text), expected, "{format} {text:?}");
        }
    }
}
