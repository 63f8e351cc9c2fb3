//! Wrapping text at a column (goutils), which counts bytes.

use super::{int, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("wrap", "is", |meter, args| wrap(meter, text(&args[1])?, int(&args[0]), b"", false)),
    function("wrapWith", "iss", |meter, args| wrap(meter, text(&args[2])?, int(&args[0]), text(&args[1])?, true)),
];

fn wrap(meter: &Meter, line: &[u8], width: i64, newline: &[u8], long_words: bool) -> Result<Value, Fail> {
    let newline = if newline.is_empty() { b"\n" } else { newline };
    let width = usize::try_from(width.max(1)).unwrap_or(usize::MAX);
    let mut out = meter.buffer();
    let mut offset = 0;
    while line.len() - offset > width {
        meter.step()?;
        if line[offset] == b' ' {
            offset += 1;
            continue;
        }
        let space = line[offset..=offset + width].iter().rposition(|byte| *byte == b' ');
        if let Some(space) = space {
            out.push(&line[offset..offset + space])?;
            offset += space + 1;
        } else if long_words {
            out.push(&line[offset..offset + width])?;
            offset += width;
        } else {
            let next = line[offset + width..].iter().position(|byte| *byte == b' ');
            let Some(next) = next else {
                out.push(&line[offset..])?;
                offset = line.len();
                continue;
            };
            out.push(&line[offset..offset + width + next])?;
            offset += width + next + 1;
        }
        out.push(newline)?;
    }
    out.push(&line[offset..])?;
    Ok(out.into_value())
}
