//! Random strings and numbers, all from the operating system's generator by way of AWS-LC.

use aws_lc_rs::rand;

use super::encoding::encode_base64;
use super::{int, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::unicode::runes;
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("randAlphaNum", "i", |meter, args| pick(meter, args, |byte| byte.is_ascii_alphanumeric())),
    function("randAlpha", "i", |meter, args| pick(meter, args, |byte| byte.is_ascii_alphabetic())),
    function("randNumeric", "i", |meter, args| pick(meter, args, |byte| byte.is_ascii_digit())),
    function("randAscii", "i", |meter, args| pick(meter, args, |byte| (32..127).contains(byte))),
    function("randBytes", "i", |meter, args| {
        let count = usize::try_from(int(&args[0])).map_err(|_| Fail::new("makeslice: len out of range"))?;
        meter.charge(count)?;
        let mut buffer = zeroize::Zeroizing::new(vec![0; count]);
        fill(meter, &mut buffer)?;
        meter.text(encode_base64(&buffer).into_bytes())
    }),
    function("randInt", "ii", |meter, args| {
        let span = int(&args[1]).wrapping_sub(int(&args[0]));
        match u64::try_from(span) {
            Ok(span) if span > 0 => Ok(Value::Int(int(&args[0]).wrapping_add(below(meter, span)? as i64))),
            _ => Err(Fail::new("invalid argument to Intn")),
        }
    }),
    function("uuidv4", "", uuid),
    function("shuffle", "s", shuffle),
];

const NO_RANDOM: Fail = Fail::new("no random numbers");

/// The one way to random bytes.
fn fill(meter: &Meter, buffer: &mut [u8]) -> Result<(), Fail> {
    meter.vary();
    rand::fill(buffer).map_err(|_| NO_RANDOM)
}

pub(super) fn bytes<const N: usize>(meter: &Meter) -> Result<[u8; N], Fail> {
    let mut bytes = [0; N];
    fill(meter, &mut bytes)?;
    Ok(bytes)
}

/// A number below `limit`, without bias.
fn below(meter: &Meter, limit: u64) -> Result<u64, Fail> {
    let zone = u64::MAX - u64::MAX % limit;
    loop {
        let number = u64::from_be_bytes(bytes(meter)?);
        if number < zone {
            return Ok(number % limit);
        }
    }
}

/// A negative count gives an empty string, as goutils' error is not looked at.
fn pick(meter: &Meter, args: &[Value], test: fn(&u8) -> bool) -> Result<Value, Fail> {
    let set: Vec<u8> = (0..128).filter(test).collect();
    let count = usize::try_from(int(&args[0])).unwrap_or(0);
    let mut out = meter.buffer();
    for _ in 0..count {
        meter.step()?;
        let index = below(meter, set.len() as u64)? as usize;
        out.push(&set[index..=index])?;
    }
    Ok(out.into_value())
}

fn uuid(meter: &Meter, _: &[Value]) -> Result<Value, Fail> {
    let mut bytes = bytes::<16>(meter)?;
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let parts = [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]];
    meter.text(parts.join("-").into_bytes())
}

fn shuffle(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let mut all: Vec<char> = runes(text(&args[0])?).map(|(_, rune, _)| rune).collect();
    for index in (1..all.len()).rev() {
        meter.step()?;
        all.swap(index, below(meter, index as u64 + 1)? as usize);
    }
    meter.text(all.into_iter().collect::<String>().into_bytes())
}
