//! path and filepath, which are the same on Unix.

use super::text;
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("base", "s", base),
    function("osBase", "s", base),
    function("dir", "s", dir),
    function("osDir", "s", dir),
    function("clean", "s", |meter, args| meter.text(clean(text(&args[0])?))),
    function("osClean", "s", |meter, args| meter.text(clean(text(&args[0])?))),
    function("ext", "s", ext),
    function("osExt", "s", ext),
    function("isAbs", "s", |_, args| Ok(Value::Bool(text(&args[0])?.starts_with(b"/")))),
    function("osIsAbs", "s", |_, args| Ok(Value::Bool(text(&args[0])?.starts_with(b"/")))),
];

fn base(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let path = text(&args[0])?;
    if path.is_empty() {
        return meter.text(b".".to_vec());
    }
    let end = path.iter().rposition(|byte| *byte != b'/').map_or(0, |at| at + 1);
    let name = path[..end].rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    meter.text(if name.is_empty() { b"/".to_vec() } else { name.to_vec() })
}

fn dir(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let path = text(&args[0])?;
    let end = path.iter().rposition(|byte| *byte == b'/').map_or(0, |at| at + 1);
    meter.text(clean(&path[..end]))
}

fn ext(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let path = text(&args[0])?;
    let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let dot = name.iter().rposition(|byte| *byte == b'.').unwrap_or(name.len());
    meter.text(name[dot..].to_vec())
}

/// path.Clean
fn clean(path: &[u8]) -> Vec<u8> {
    let rooted = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => {
                parts.pop();
            }
            b".." if rooted => {}
            _ => parts.push(part),
        }
    }
    let mut out = if rooted { b"/".to_vec() } else { Vec::new() };
    out.extend_from_slice(&parts.join(&b'/'));
    if out.is_empty() { b".".to_vec() } else { out }
}
