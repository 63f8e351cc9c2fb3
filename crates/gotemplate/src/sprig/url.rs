//! URLs (net/url), taken apart into a dictionary and put together again.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;

use super::{dict, text};
use crate::budget::Meter;
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::{Elem, Map, Text, Value};

pub(crate) const FUNCTIONS: &[Function] = &[function("urlParse", "s", parse_to_dict), function("urlJoin", "m", join)];

/// Where a text stands in a URL, which decides what is escaped.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Path,
    Host,
    User,
    Fragment,
}

#[derive(Default)]
struct Url {
    scheme: Vec<u8>,
    opaque: Vec<u8>,
    user: Option<(Vec<u8>, Option<Vec<u8>>)>,
    host: Vec<u8>,
    path: Vec<u8>,
    query: Vec<u8>,
    fragment: Vec<u8>,
}

const INVALID: Fail = Fail::new("unable to parse url");

fn must_escape(byte: u8, place: Place) -> bool {
    if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
        return false;
    }
    match place {
        Place::Host => !b"!$&'()*+,;=:[]<>\"".contains(&byte),
        Place::Path => !b"$&+,/:;=@".contains(&byte),
        Place::User => !b"$&+,;=".contains(&byte),
        Place::Fragment => !b"$&+,/:;=?@!()*".contains(&byte),
    }
}

fn escape(bytes: &[u8], place: Place) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    for byte in bytes {
        if must_escape(*byte, place) {
            out.extend_from_slice(format!("%{byte:02X}").as_bytes());
        } else {
            out.push(*byte);
        }
    }
    out
}

fn unescape(bytes: &[u8], place: Place) -> Result<Vec<u8>, Fail> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let byte = bytes[at];
        if byte != b'%' {
            if place == Place::Host && byte < 0x80 && must_escape(byte, place) {
                return Err(INVALID);
            }
            out.push(byte);
            at += 1;
            continue;
        }
        let digits =
            bytes.get(at + 1..at + 3).filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)).ok_or(INVALID)?;
        let digits = std::str::from_utf8(digits).map_err(|_| INVALID)?;
        let value = u8::from_str_radix(digits, 16).map_err(|_| INVALID)?;
        if place == Place::Host && value < 0x80 && digits != "25" {
            return Err(INVALID);
        }
        out.push(value);
        at += 3;
    }
    Ok(out)
}

fn cut(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    match bytes.iter().position(|byte| *byte == separator) {
        Some(at) => (&bytes[..at], Some(&bytes[at + 1..])),
        None => (bytes, None),
    }
}

/// The scheme, if there is one, and the rest.
fn scheme(bytes: &[u8]) -> Result<(&[u8], &[u8]), Fail> {
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {}
            b'0'..=b'9' | b'+' | b'-' | b'.' if at > 0 => {}
            b':' if at == 0 => return Err(INVALID),
            b':' => return Ok((&bytes[..at], &bytes[at + 1..])),
            _ => break,
        }
    }
    Ok((b"", bytes))
}

fn parse(bytes: &[u8]) -> Result<Url, Fail> {
    let (bytes, fragment) = cut(bytes, b'#');
    let mut url = Url::default();
    if bytes.iter().any(|byte| *byte < b' ' || *byte == 0x7f) {
        return Err(INVALID);
    }
    url.fragment = unescape(fragment.unwrap_or_default(), Place::Fragment)?;
    if bytes == b"*" {
        url.path = b"*".to_vec();
        return Ok(url);
    }
    let (name, rest) = scheme(bytes)?;
    url.scheme = name.to_ascii_lowercase();
    let (mut rest, query) = cut(rest, b'?');
    url.query = query.unwrap_or_default().to_vec();
    if !rest.starts_with(b"/") {
        if !url.scheme.is_empty() {
            url.opaque = rest.to_vec();
            return Ok(url);
        }
        if cut(rest, b'/').0.contains(&b':') {
            return Err(INVALID);
        }
    }
    if rest.starts_with(b"//") && (!url.scheme.is_empty() || !rest.starts_with(b"///")) {
        let end = rest[2..].iter().position(|byte| *byte == b'/').map_or(rest.len(), |at| at + 2);
        authority(&mut url, &rest[2..end])?;
        rest = &rest[end..];
    }
    url.path = unescape(rest, Place::Path)?;
    Ok(url)
}

fn authority(url: &mut Url, bytes: &[u8]) -> Result<(), Fail> {
    let at = bytes.iter().rposition(|byte| *byte == b'@');
    url.host = host(&url.scheme, &bytes[at.map_or(0, |at| at + 1)..])?;
    let Some(at) = at else { return Ok(()) };
    let user = &bytes[..at];
    if !user.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._:~!$&'()*+,;=%@".contains(byte)) {
        return Err(INVALID);
    }
    let (name, password) = cut(user, b':');
    let password = password.map(|password| unescape(password, Place::User)).transpose()?;
    url.user = Some((unescape(name, Place::User)?, password));
    Ok(())
}

fn host(scheme: &[u8], host: &[u8]) -> Result<Vec<u8>, Fail> {
    match host.iter().rposition(|byte| *byte == b'[') {
        Some(0) => {
            let close = host.iter().rposition(|byte| *byte == b']').ok_or(INVALID)?;
            if !is_port(&host[close + 1..]) {
                return Err(INVALID);
            }
            let address = unescape(&host[1..close], Place::Host)?;
            let bare = cut(&address, b'%').0;
            let address_text = std::str::from_utf8(bare).map_err(|_| INVALID)?;
            address_text.parse::<Ipv6Addr>().map_err(|_| INVALID)?;
            return Ok([b"[", &address[..], b"]", &host[close + 1..]].concat());
        }
        Some(_) => return Err(INVALID),
        None => {}
    }
    // Several colons are a list of hosts, which only databases have.
    let strict = matches!(scheme, b"http" | b"https");
    let colon =
        if strict { host.iter().position(|byte| *byte == b':') } else { host.iter().rposition(|byte| *byte == b':') };
    if colon.is_some_and(|colon| !is_port(&host[colon..])) {
        return Err(INVALID);
    }
    unescape(host, Place::Host)
}

fn is_port(bytes: &[u8]) -> bool {
    bytes.is_empty() || bytes[0] == b':' && bytes[1..].iter().all(u8::is_ascii_digit)
}

fn hostname(host: &[u8]) -> &[u8] {
    let colon = host.iter().rposition(|byte| *byte == b':').filter(|colon| is_port(&host[*colon..]));
    let name = &host[..colon.unwrap_or(host.len())];
    name.strip_prefix(b"[").and_then(|name| name.strip_suffix(b"]")).unwrap_or(name)
}

fn user_text((name, password): &(Vec<u8>, Option<Vec<u8>>)) -> Vec<u8> {
    let mut out = escape(name, Place::User);
    if let Some(password) = password {
        out.push(b':');
        out.extend(escape(password, Place::User));
    }
    out
}

fn parse_to_dict(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let whole = text(&args[0])?;
    meter.charge(whole.len() * 4)?;
    let url = parse(whole)?;
    let userinfo = url.user.as_ref().map(user_text).unwrap_or_default();
    let parts = [
        ("hostname", hostname(&url.host).to_vec()),
        ("scheme", url.scheme),
        ("host", url.host),
        ("path", url.path),
        ("query", url.query),
        ("opaque", url.opaque),
        ("fragment", url.fragment),
        ("userinfo", userinfo),
    ];
    let entries: BTreeMap<Text, Value> =
        parts.into_iter().map(|(name, part)| (Text::from(name), Value::text(part))).collect();
    meter.map(Elem::Any, entries)
}

fn part(map: &Map, name: &str) -> Result<Vec<u8>, Fail> {
    match map.get(name.as_bytes()) {
        None => Ok(Vec::new()),
        Some(Value::Text(text)) => Ok(text.to_vec()),
        Some(_) => Err(Fail::new("a part of the url is not a string")),
    }
}

fn join(meter: &Meter, args: &[Value]) -> Result<Value, Fail> {
    let map = dict(&args[0])?;
    let url = Url {
        scheme: part(map, "scheme")?,
        host: part(map, "host")?,
        path: part(map, "path")?,
        query: part(map, "query")?,
        opaque: part(map, "opaque")?,
        fragment: part(map, "fragment")?,
        user: None,
    };
    let userinfo = part(map, "userinfo")?;
    let user = match userinfo.is_empty() {
        true => None,
        false => parse(&[b"proto://", &userinfo[..], b"@host"].concat())?.user,
    };
    let mut out = meter.buffer();
    if !url.scheme.is_empty() {
        out.push(&url.scheme)?;
        out.push(b":")?;
    }
    if !url.opaque.is_empty() {
        out.push(&url.opaque)?;
    } else {
        write_hierarchy(&url, user.as_ref(), &mut out)?;
    }
    if !url.query.is_empty() {
        out.push(b"?")?;
        out.push(&url.query)?;
    }
    if !url.fragment.is_empty() {
        out.push(b"#")?;
        out.push(&escape(&url.fragment, Place::Fragment))?;
    }
    Ok(out.into_value())
}

fn write_hierarchy(
    url: &Url,
    user: Option<&(Vec<u8>, Option<Vec<u8>>)>,
    out: &mut crate::budget::Buffer<'_>,
) -> Result<(), Fail> {
    let has_authority = !url.host.is_empty() || user.is_some();
    if has_authority || !url.scheme.is_empty() && !url.path.is_empty() {
        out.push(b"//")?;
    }
    if let Some(user) = user {
        out.push(&user_text(user))?;
        out.push(b"@")?;
    }
    out.push(&escape(&url.host, Place::Host))?;
    let path = if url.path == b"*" { b"*".to_vec() } else { escape(&url.path, Place::Path) };
    if !path.is_empty() && !path.starts_with(b"/") && !url.host.is_empty() {
        out.push(b"/")?;
    }
    if out.as_bytes().is_empty() && cut(&path, b'/').0.contains(&b':') {
        out.push(b"./")?;
    }
    out.push(&path)
}
