//! Whether a recipient of age is one, by its form, and if not, why: in the words that the real tool prints.
//!
//! This only looks; who encrypts to a recipient (`sops::keys`) parses it again.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const CHARSET: &[u8] = b"qpzry9x8gf2tvdw0s3jn54khce6mua7l";
/// A post-quantum recipient: the encapsulation keys of ML-KEM-768 and X25519.
const HYBRID_SIZE: usize = 1184 + 32;

/// Looks at one recipient.
pub(super) fn check(recipient: &str) -> Result<(), String> {
    let native = |reason: String| {
        format!("failed to parse input as Bech32-encoded age public key: malformed recipient {recipient:?}: {reason}")
    };
    if recipient.starts_with("age1pq1") {
        return of_type(recipient, "age1pq", HYBRID_SIZE, "invalid hybrid public key").map_err(native);
    }
    if recipient.starts_with("age1") && recipient.matches('1').count() > 1 {
        return plugin(recipient)
            .map_err(|reason| format!("failed to parse input as age key from age plugin: {reason}"));
    }
    if recipient.starts_with("age1") {
        return of_type(recipient, "age", 32, "invalid X25519 public key").map_err(native);
    }
    if recipient.starts_with("ssh-") {
        return ssh(recipient).map_err(|reason| format!("failed to parse input as age-ssh public key: {reason}"));
    }
    Err(format!("failed to parse input, unknown recipient type: {recipient:?}"))
}

fn of_type(recipient: &str, expected: &str, size: usize, wrong_size: &str) -> Result<(), String> {
    let (prefix, data) = decode(recipient)?;
    if prefix != expected {
        return Err(format!("invalid type {prefix:?}"));
    }
    if data.len() == size { Ok(()) } else { Err(wrong_size.to_owned()) }
}

fn plugin(recipient: &str) -> Result<(), String> {
    let (prefix, _) = decode(recipient).map_err(|reason| format!("invalid recipient encoding: {reason}"))?;
    let name = prefix.strip_prefix("age1").ok_or("not a plugin recipient: <nil>")?;
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || "+-._".contains(letter);
    if name.is_empty() || !name.chars().all(allowed) {
        return Err(format!("invalid plugin name: {name:?}"));
    }
    Ok(())
}

/// A line of an authorized_keys file.
fn ssh(recipient: &str) -> Result<(), String> {
    let mut words = recipient.split_ascii_whitespace();
    let (kind, blob) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let bytes = STANDARD.decode(blob).unwrap_or_default();
    // The blob repeats the kind, with its length before it.
    let length = u32::try_from(kind.len()).unwrap_or_default().to_be_bytes();
    let header = [&length[..], kind.as_bytes()].concat();
    if !bytes.starts_with(&header) || bytes.len() == header.len() {
        return Err(format!("malformed SSH recipient: {recipient:?}: ssh: no key found"));
    }
    match kind {
        "ssh-rsa" | "ssh-ed25519" => Ok(()),
        _ => Err(format!("unknown SSH recipient type: {kind:?}")),
    }
}

/// Bech32 without a limit on its length: the prefix and the bytes.
fn decode(text: &str) -> Result<(String, Vec<u8>), String> {
    if text.to_lowercase() != text && text.to_uppercase() != text {
        return Err("mixed case".to_owned());
    }
    let length = text.len();
    let separator = text.rfind('1').filter(|&at| at >= 1 && at + 7 <= length);
    let Some(separator) = separator else {
        let at = text.rfind('1').map_or(-1, |at| i64::try_from(at).unwrap_or(i64::MAX));
        return Err(format!("separator '1' at invalid position: pos={at}, len={length}"));
    };
    let prefix = &text[..separator];
    if let Some((at, letter)) = prefix.char_indices().find(|(_, letter)| !('!'..='~').contains(letter)) {
        return Err(format!("invalid character human-readable part: s[{at}]={}", u32::from(letter)));
    }
    let mut data = Vec::new();
    for (at, letter) in text[separator + 1..].to_lowercase().char_indices() {
        let digit = CHARSET.iter().position(|&known| char::from(known) == letter);
        let digit = digit.and_then(|digit| u8::try_from(digit).ok());
        data.push(digit.ok_or_else(|| format!("invalid character data part: s[{at}]={}", u32::from(letter)))?);
    }
    if checksum(&prefix.to_lowercase(), &data) != 1 {
        return Err("invalid checksum".to_owned());
    }
    data.truncate(data.len() - 6);
    Ok((prefix.to_owned(), bytes_of(&data)?))
}

/// From five bits each to eight.
fn bytes_of(digits: &[u8]) -> Result<Vec<u8>, String> {
    let (mut bytes, mut pending, mut bits) = (Vec::with_capacity(digits.len() * 5 / 8), 0_u32, 0);
    for &digit in digits {
        pending = (pending << 5 | u32::from(digit)) & 0xFFF;
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((pending >> bits & 0xFF) as u8);
        }
    }
    if bits >= 5 {
        return Err("illegal zero padding".to_owned());
    }
    if pending & ((1 << bits) - 1) != 0 {
        return Err("non-zero padding".to_owned());
    }
    Ok(bytes)
}

fn checksum(prefix: &str, data: &[u8]) -> u32 {
    const GENERATOR: [u32; 5] = [0x3b6a_57b2, 0x2650_8e6d, 0x1ea1_19fa, 0x3d42_33dd, 0x2a14_62b3];
    let high = prefix.bytes().map(|byte| byte >> 5);
    let low = prefix.bytes().map(|byte| byte & 31);
    high.chain([0]).chain(low).chain(data.iter().copied()).fold(1, |sum, value| {
        let top = sum >> 25;
        let sum = (sum & 0x01ff_ffff) << 5 ^ u32::from(value);
        (0..5).filter(|bit| top >> bit & 1 == 1).fold(sum, |sum, bit| sum ^ GENERATOR[bit])
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recipients_of_every_kind_pass() {
        let x25519 = age::x25519::Identity::generate().to_public().to_string();
        check(&x25519).unwrap();
        check("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIHsKLqeplhpW+uObz5dvMgjz1OxfM/XXUB+VHtZ6isGN alice@host").unwrap();
        check("age1yubikey1qgq7rs4h5mmhfjptt6u5er8t77xtq3r78yk8hv0z59zz6yy5q0t26zxkzyp").unwrap_err();
    }

    #[test]
    fn what_is_none_is_refused_in_the_words_of_the_real_tool() {
        let native = "failed to parse input as Bech32-encoded age public key: malformed recipient";
        let zeros = "age1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq";
        let padded = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcacx";
        for (recipient, expected) in [
            ("age1abc", format!("{native} \"age1abc\": separator '1' at invalid position: pos=3, len=7")),
            (zeros, format!("{native} {zeros:?}: invalid checksum")),
            (padded, format!("{native} {padded:?}: illegal zero padding")),
            ("age1pq1xx", format!("{native} \"age1pq1xx\": separator '1' at invalid position: pos=6, len=9")),
            (
                "age1yubikey1abc",
                "failed to parse input as age key from age plugin: invalid recipient encoding: separator '1' at invalid position: pos=11, len=15".to_owned(),
            ),
            ("foo", "failed to parse input, unknown recipient type: \"foo\"".to_owned()),
            ("age1Aqqqqqqqq", format!("{native} \"age1Aqqqqqqqq\": mixed case")),
            ("age1bqqqqqqqq", format!("{native} \"age1bqqqqqqqq\": invalid character data part: s[0]=98")),
        ] {
            assert_eq!(check(recipient), Err(expected), "{recipient}");
        }
        assert!(
            check("ssh-ed25519 AAA")
                .unwrap_err()
                .starts_with("failed to parse input as age-ssh public key: malformed SSH recipient")
        );
    }
}
