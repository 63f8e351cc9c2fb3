//! Standard base64 for `!!binary`, as Go's `base64.StdEncoding.DecodeString`: padding required, line breaks skipped.

use zeroize::Zeroizing;

/// The bytes, or nothing if the text is not base64.
pub(crate) fn decode(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    // Sized once: growing would leave copies behind.
    let mut bytes = Zeroizing::new(Vec::with_capacity(text.len() / 4 * 3 + 3));
    let mut group: u32 = 0;
    let (mut digits, mut padding) = (0, 0);
    for byte in text.bytes() {
        let digit = match byte {
            b'\r' | b'\n' => continue,
            b'=' => {
                padding += 1;
                continue;
            }
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        if padding > 0 {
            return None;
        }
        group = group << 6 | u32::from(digit);
        digits += 1;
        if digits == 4 {
            bytes.extend_from_slice(&group.to_be_bytes()[1..]);
            (group, digits) = (0, 0);
        }
    }
    match (digits, padding) {
        (0, 0) => {}
        // Go ignores the bits that padding cuts off.
        (2, 2) => bytes.push(group.wrapping_shl(12).to_be_bytes()[1]),
        (3, 1) => bytes.extend_from_slice(&(group << 6).to_be_bytes()[1..3]),
        _ => return None,
    }
    Some(bytes)
}

/// Columns of a line of folded base64.
pub(crate) const LINE: usize = 70;

/// How many digits some bytes have, padding included.
pub(crate) fn encoded_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

/// Standard base64 as go-yaml writes it: lines of 70 columns, each with its line feed, once there are 70 or more digits.
pub(crate) fn encode_folded(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let len = encoded_len(bytes.len());
    let fold = len >= LINE;
    let mut text = String::with_capacity(len + len / LINE + 1);
    let mut column = 0;
    for group in bytes.chunks(3) {
        let at = |index: usize| u32::from(group.get(index).copied().unwrap_or(0));
        let bits = at(0) << 16 | at(1) << 8 | at(2);
        for digit in 0..4 {
            text.push(match digit <= group.len() {
                true => char::from(DIGITS[(bits >> (18 - 6 * digit)) as usize & 63]),
                false => '=',
            });
            column += 1;
            if fold && column == LINE {
                text.push('\n');
                column = 0;
            }
        }
    }
    if fold && column > 0 {
        text.push('\n');
    }
    text
}
