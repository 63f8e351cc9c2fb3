//! Bytes to documents: encoding, YAML or JSON, the split into documents.

use crate::compose::{self, Graph};
use crate::decode::decode;
use crate::error::Error;
use crate::event::{Events, Origin};
use crate::json::JsonReader;
use crate::limits::Limits;
use crate::node::{Document, Node};
use crate::position::{Locator, position_in_bytes};
use crate::scalar::Schema;

const BOM: &str = "\u{feff}";

/// Reads every manifest of a stream, YAML or JSON, as Kubernetes' `NewYAMLOrJSONDecoder` does.
///
/// An input whose first character is `{` is read as JSON objects one after the other, also with `---` lines between
/// them. If its first object is not JSON it is read as YAML after all, so `{a: b}` works. Everything else is a stream of
/// YAML documents between `---` lines, typed by [`Schema::GoYaml2`]. Documents that are empty, hold only comments or say
/// `null` are skipped. A UTF-8 byte order mark and CRLF line ends are accepted.
///
/// Differences from Kubernetes, all of them deliberate: documents after `...` are read instead of dropped, `%YAML`
/// directives and content on the line of a `---` are accepted, and text after the last JSON object is an error.
///
/// # Errors
/// See [`Error`]; no message repeats a value.
pub fn read_manifests(text: &[u8], limits: &Limits) -> Result<Vec<Document>, Error> {
    read_and_see(text, limits, &mut |_| {})
}

/// A document on its way to typed nodes.
pub(crate) enum Seen<'s> {
    /// The flat tree of a YAML document.
    Yaml(&'s Graph<'s>),
    /// The root of a JSON document.
    Json(&'s Node),
}

/// [`read_manifests`] that shows each document, those that say `null` included.
pub(crate) fn read_and_see(
    text: &[u8],
    limits: &Limits,
    see: &mut dyn FnMut(Seen<'_>),
) -> Result<Vec<Document>, Error> {
    let (text, origin) = check(text, limits)?;
    let mut sink = Sink { documents: Vec::new(), see };
    if text.trim_start().starts_with('{') {
        read_json_stream(text, origin, limits, &mut sink)?;
    } else {
        read_yaml_stream(text, origin, limits, &mut sink)?;
    }
    let mut documents = sink.documents;
    documents.retain(|document| !document.root.is_null());
    Ok(documents)
}

/// What has been read so far, and who is shown it.
struct Sink<'s> {
    documents: Vec<Document>,
    see: &'s mut dyn FnMut(Seen<'_>),
}

/// Reads an input that must hold exactly one document that is not empty.
///
/// # Errors
/// Those of [`read_manifests`], and [`Error::NotOneDocument`].
pub fn read_one(text: &[u8], limits: &Limits) -> Result<Document, Error> {
    let mut documents = read_manifests(text, limits)?;
    match (documents.pop(), documents.len()) {
        (Some(document), 0) => Ok(document),
        (None, _) => Err(Error::NotOneDocument { found: 0 }),
        (Some(_), others) => Err(Error::NotOneDocument { found: others + 1 }),
    }
}

/// Size and encoding. Returns the text after the byte order mark.
fn check<'a>(bytes: &'a [u8], limits: &Limits) -> Result<(&'a str, Origin), Error> {
    if bytes.len() > limits.max_bytes {
        return Err(Error::TooLarge { size: bytes.len(), limit: limits.max_bytes });
    }
    let encoding = match bytes {
        [0xFF, 0xFE, 0, 0, ..] | [0, 0, 0xFE, 0xFF, ..] | [0, 0, 0, 1..=0x7F, ..] | [1..=0x7F, 0, 0, 0, ..] => {
            Some("UTF-32")
        }
        [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] | [0, 1..=0x7F, ..] | [1..=0x7F, 0, ..] => Some("UTF-16"),
        _ => None,
    };
    if let Some(encoding) = encoding {
        return Err(Error::Encoding { encoding });
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let offset = error.valid_up_to();
        Error::NotUtf8 { position: position_in_bytes(bytes, offset), offset }
    })?;
    Ok(match text.strip_prefix(BOM) {
        Some(rest) => (rest, Origin { bytes: BOM.len(), lines: 0 }),
        None => (text, Origin::default()),
    })
}

fn read_yaml_stream(text: &str, origin: Origin, limits: &Limits, sink: &mut Sink<'_>) -> Result<(), Error> {
    refuse_control_characters(text, origin)?;
    let mut events = Events::new(text, origin, limits);
    // granit announces documents before it knows what is in them: an empty stream has none.
    while let Some(graph) = compose::next_document(&mut events, sink.documents.len(), limits)? {
        if !graph.nodes.is_empty() {
            sink.documents.push(decode(&graph, Schema::GoYaml2, limits)?);
            (sink.see)(Seen::Yaml(&graph));
        }
    }
    Ok(())
}

fn read_json_stream(text: &str, origin: Origin, limits: &Limits, sink: &mut Sink<'_>) -> Result<(), Error> {
    let mut reader = JsonReader::new(text, origin.bytes, limits.depth());
    loop {
        let at = reader.skip_space();
        let rest = &text[at..];
        if rest.is_empty() {
            return Ok(());
        }
        if sink.documents.len() >= limits.max_documents {
            return Err(Error::TooManyDocuments { position: reader.position(), limit: limits.max_documents });
        }
        if rest.starts_with('{') || sink.documents.is_empty() {
            match reader.value() {
                Ok((root, warnings)) => {
                    (sink.see)(Seen::Json(&root));
                    sink.documents.push(Document { root, warnings });
                }
                Err(error @ Error::Json { .. }) if sink.documents.is_empty() => {
                    return read_yaml_after_all(text, origin, limits, sink, error);
                }
                Err(error) => return Err(error),
            }
            continue;
        }
        let Some(markers) = separator_after_comments(rest) else {
            return Err(Error::TrailingText { position: reader.position() });
        };
        let start = at + markers;
        let lines = text[..start].bytes().filter(|&byte| byte == b'\n').count();
        let origin = Origin { bytes: origin.bytes + start, lines };
        return read_yaml_stream(&text[start..], origin, limits, sink);
    }
}

/// What begins like JSON may be a YAML flow map. If it is neither, the reader that came further knows better.
fn read_yaml_after_all(
    text: &str,
    origin: Origin,
    limits: &Limits,
    sink: &mut Sink<'_>,
    json_error: Error,
) -> Result<(), Error> {
    read_yaml_stream(text, origin, limits, sink).map_err(|yaml_error| {
        if matches!(yaml_error, Error::Yaml { .. }) && yaml_error.position() <= json_error.position() {
            json_error
        } else {
            yaml_error
        }
    })
}

/// After a JSON object: the offset of the next `---` or `...` line, with nothing but comments before it. The offset of
/// the end if there are only comments.
fn separator_after_comments(rest: &str) -> Option<usize> {
    let mut at = 0;
    for line in rest.split_inclusive('\n') {
        let trimmed = line.trim();
        if line.starts_with("---") || line.starts_with("...") {
            return Some(at);
        }
        if !trimmed.is_empty() && !trimmed.starts_with('#') {
            return None;
        }
        at += line.len();
    }
    Some(at)
}

/// The characters that go-yaml's reader refuses wherever they stand, and those that it reads as line breaks and this
/// crate's parser does not.
fn refuse_control_characters(text: &str, origin: Origin) -> Result<(), Error> {
    let accepted = |c: char| matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{a0}'..='\u{2027}' | '\u{202a}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
    let Some((offset, character)) = text.char_indices().find(|&(_, c)| !accepted(c)) else { return Ok(()) };
    let mut position = Locator::new(text).at(offset);
    position.line += origin.lines;
    let code = character.into();
    Err(match character {
        '\u{85}' | '\u{2028}' | '\u{2029}' => Error::AmbiguousLineBreak { position, code },
        _ => Error::ControlCharacter { position, code },
    })
}
