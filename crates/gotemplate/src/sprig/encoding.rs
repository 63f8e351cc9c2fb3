//! base64 and base32.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::text;
use crate::function::{Function, function};

pub(crate) const FUNCTIONS: &[Function] = &[
    function("b64enc", "s", |meter, args| meter.text(STANDARD.encode(&text(&args[0])?[..]).into_bytes())),
    function("b64dec", "s", |meter, args| {
        meter.text(match decode_base64(text(&args[0])?) {
            Ok(bytes) => bytes,
            Err(at) => format!("illegal base64 data at input byte {at}").into_bytes(),
        })
    }),
    function("b32enc", "s", |meter, args| meter.text(encode_base32(text(&args[0])?))),
    function("b32dec", "s", |meter, args| {
        meter.text(match decode_base32(text(&args[0])?) {
            Ok(bytes) => bytes,
            Err(at) => format!("illegal base32 data at input byte {at}").into_bytes(),
        })
    }),
];

pub(super) fn encode_base64(bytes: &[u8]) -> String {
    STANDARD.encode(bytes)
}

/// encoding/base64 with the offset that its error reports: line ends are skipped anywhere.
pub(super) fn decode_base64(input: &[u8]) -> Result<Vec<u8>, usize> {
    decode(input, 4, 6, |byte| match byte {
        b'A'..=b'Z' => Some(byte - b'A'),
        b'a'..=b'z' => Some(byte - b'a' + 26),
        b'0'..=b'9' => Some(byte - b'0' + 52),
        b'+' => Some(62),
        b'/' => Some(63),
        _ => None,
    })
}

const BASE32: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

fn encode_base32(bytes: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len().div_ceil(5) * 8);
    for chunk in bytes.chunks(5) {
        let mut block = [0; 8];
        block[3..3 + chunk.len()].copy_from_slice(chunk);
        let bits = u64::from_be_bytes(block);
        let characters = (chunk.len() * 8).div_ceil(5);
        for index in 0..8 {
            let letter = BASE32[(bits >> (35 - index * 5)) as usize & 31];
            out.push(if index < characters { letter } else { b'=' });
        }
    }
    out
}

fn decode_base32(input: &[u8]) -> Result<Vec<u8>, usize> {
    // encoding/base32 takes line ends out first, and counts without them.
    let input: Vec<u8> = input.iter().copied().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
    let mut out = Vec::with_capacity(input.len() / 8 * 5 + 5);
    let mut rest = &input[..];
    while !rest.is_empty() {
        let offset = input.len() - rest.len();
        let mut bits: u64 = 0;
        let mut count = 0;
        while count < 8 {
            let Some(byte) = rest.get(count).copied() else { return Err(offset) };
            if byte == b'=' && count >= 2 && rest.len() < 9 {
                if rest.len() < 8 || rest[count..].iter().any(|byte| *byte != b'=') {
                    let bad = rest.iter().skip(count).position(|byte| *byte != b'=');
                    return Err(offset + bad.map_or(rest.len(), |bad| count + bad - 1));
                }
                if matches!(count, 3 | 6) {
                    return Err(offset + count - 1);
                }
                break;
            }
            let value = BASE32.iter().position(|letter| *letter == byte).ok_or(offset + count)?;
            bits = bits << 5 | value as u64;
            count += 1;
        }
        let end = count < 8;
        let bytes = count * 5 / 8;
        let block = (bits << (40 - count * 5)).to_be_bytes();
        out.extend_from_slice(&block[3..3 + bytes]);
        if end {
            return Ok(out);
        }
        rest = &rest[8..];
    }
    Ok(out)
}

/// A quantum of `group` characters with `bits` bits each, padding required.
fn decode(input: &[u8], group: usize, bits: usize, value: impl Fn(u8) -> Option<u8>) -> Result<Vec<u8>, usize> {
    let mut out = Vec::with_capacity(input.len() * bits / 8 + 3);
    let mut at = 0;
    let skip = |mut at: usize| {
        while matches!(input.get(at), Some(b'\r' | b'\n')) {
            at += 1;
        }
        at
    };
    loop {
        let mut quantum: u32 = 0;
        let mut count = 0;
        while count < group {
            at = skip(at);
            let Some(byte) = input.get(at).copied() else {
                return if count == 0 { Ok(out) } else { Err(at - count) };
            };
            at += 1;
            if let Some(value) = value(byte) {
                quantum = quantum << bits | u32::from(value);
                count += 1;
                continue;
            }
            if byte != b'=' || count < 2 {
                return Err(at - 1);
            }
            if count == 2 {
                at = skip(at);
                match input.get(at) {
                    None => return Err(input.len()),
                    Some(b'=') => at += 1,
                    Some(_) => return Err(at - 1),
                }
            }
            at = skip(at);
            if at < input.len() {
                return Err(at);
            }
            let block = (quantum << (24 - count * bits)).to_be_bytes();
            out.extend_from_slice(&block[1..count]);
            return Ok(out);
        }
        out.extend_from_slice(&quantum.to_be_bytes()[1..]);
    }
}
