//! Log lines as the stock controller writes them (sealed-secrets 13.4), so that what people built on its log goes on working:
//! Go's slog, as text (`time=… level=INFO msg="…" key=value`) or as one JSON object per line.

use std::fmt::{self, Write as _};

use base64::Engine as _;
use jiff::Timestamp;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::LogFormat;

/// Bytes there, so base64 in JSON; text in the text format.
const BYTES: &str = "certificate";

/// Writes one line per event.
pub(super) struct Slog(pub(super) LogFormat);

impl<S, N> FormatEvent<S, N> for Slog
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields::default();
        event.record(&mut fields);
        writeln!(writer, "{}", line(self.0, Timestamp::now(), *event.metadata().level(), fields))
    }
}

/// What an event says, in its order.
#[derive(Default)]
struct Fields {
    message: String,
    rest: Vec<(&'static str, Value)>,
}

impl Fields {
    fn add(&mut self, field: &Field, value: Value) {
        match (field.name(), value) {
            ("message", Value::String(text)) => self.message = text,
            ("message", other) => self.message = other.to_string(),
            (name, value) => self.rest.push((name, value)),
        }
    }
}

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.add(field, Value::String(format!("{value:?}")));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.add(field, value.into());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field, value.into());
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field, value.into());
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field, value.into());
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field, value.into());
    }
}

fn line(format: LogFormat, time: Timestamp, level: Level, fields: Fields) -> String {
    match format {
        LogFormat::Text => text(time, level, &fields),
        LogFormat::Json => json(time, level, fields),
    }
}

fn text(time: Timestamp, level: Level, fields: &Fields) -> String {
    let time = time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ");
    let mut line = format!("time={time} level={} msg={}", word(level), quoted(&fields.message));
    for (name, value) in &fields.rest {
        let value = match value {
            Value::String(text) => quoted(text),
            other => other.to_string(),
        };
        // Writing into a String does not fail.
        let _ = write!(line, " {}={value}", quoted(name));
    }
    line
}

fn json(time: Timestamp, level: Level, fields: Fields) -> String {
    let mut line = String::from("{");
    let mut add = |name: &str, value: &Value| {
        let comma = if line.len() > 1 { "," } else { "" };
        let _ = write!(line, "{comma}{}:{value}", Value::from(name));
    };
    add("time", &time.to_string().into());
    add("level", &word(level).into());
    add("msg", &fields.message.into());
    // A name that comes twice would make two of one key.
    let mut named = Map::new();
    for (name, value) in fields.rest {
        let value = match value {
            Value::String(text) if name == BYTES => base64::engine::general_purpose::STANDARD.encode(text).into(),
            value => value,
        };
        if named.insert(name.to_owned(), Value::Null).is_none() {
            add(name, &value);
        }
    }
    line.push('}');
    line
}

/// slog's word for a level; its own steps are four apart.
fn word(level: Level) -> &'static str {
    match level {
        Level::TRACE => "DEBUG-4",
        Level::DEBUG => "DEBUG",
        Level::INFO => "INFO",
        Level::WARN => "WARN",
        Level::ERROR => "ERROR",
    }
}

/// Text that could be mistaken, or that breaks the line, in quotes as a Go string.
fn quoted(text: &str) -> String {
    let plain = |letter: char| match letter {
        ' ' | '=' | '"' => false,
        letter if letter.is_ascii() => !letter.is_ascii_control() || letter == '\u{7f}',
        letter => is_printable(letter),
    };
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    let mut quoted = String::from("\"");
    for letter in text.chars() {
        let _ = match letter {
            '"' | '\\' => write!(quoted, "\\{letter}"),
            '\n' => write!(quoted, "\\n"),
            '\r' => write!(quoted, "\\r"),
            '\t' => write!(quoted, "\\t"),
            '\u{7}' => write!(quoted, "\\a"),
            '\u{8}' => write!(quoted, "\\b"),
            '\u{b}' => write!(quoted, "\\v"),
            '\u{c}' => write!(quoted, "\\f"),
            control if control.is_ascii_control() => write!(quoted, "\\x{:02x}", u32::from(control)),
            ' ' => write!(quoted, " "),
            other if is_printable(other) => write!(quoted, "{other}"),
            other if u32::from(other) > 0xffff => write!(quoted, "\\U{:08x}", u32::from(other)),
            other => write!(quoted, "\\u{:04x}", u32::from(other)),
        };
    }
    quoted.push('"');
    quoted
}

/// Whether a letter shows: the standard library escapes what does not.
fn is_printable(letter: char) -> bool {
    !letter.is_whitespace()
        && letter != '\u{fffd}'
        && (matches!(letter, '\'' | '"' | '\\') || letter.escape_debug().len() == 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at() -> Timestamp {
        "2026-01-02T03:04:05.678901234Z".parse().unwrap()
    }

    fn fields(message: &str, rest: &[(&'static str, Value)]) -> Fields {
        Fields { message: message.to_owned(), rest: rest.to_vec() }
    }

    #[test]
    fn text_is_slogs() {
        let said = fields(
            "New key written",
            &[("namespace", "kube-system".into()), ("name", "a b".into()), ("empty", "".into()), ("n", 3.into())],
        );
        assert_eq!(
            line(LogFormat::Text, at(), Level::INFO, said),
            "time=2026-01-02T03:04:05.678Z level=INFO msg=\"New key written\" namespace=kube-system name=\"a b\" empty=\"\" n=3"
        );
        assert!(line(LogFormat::Text, at(), Level::WARN, fields("ready", &[])).ends_with(" level=WARN msg=ready"));
    }

    #[test]
    fn json_is_slogs_and_certificates_are_base64_there() {
        let said = fields("a \"b\"\n", &[("certificate", "PEM\n".into()), ("ok", true.into()), ("ok", false.into())]);
        let written = line(LogFormat::Json, at(), Level::ERROR, said);
        assert_eq!(
            written,
            "{\"time\":\"2026-01-02T03:04:05.678901234Z\",\"level\":\"ERROR\",\"msg\":\"a \\\"b\\\"\\n\",\
             \"certificate\":\"UEVNCg==\",\"ok\":true}"
        );
        assert!(serde_json::from_str::<Value>(&written).is_ok());
    }

    #[test]
    fn what_could_break_a_line_is_quoted() {
        for (text, expected) in [
            ("plain", "plain"),
            ("back\\slash", "back\\slash"),
            ("ns/name", "ns/name"),
            ("grün", "grün"),
            ("", "\"\""),
            ("a=b", "\"a=b\""),
            ("say \"x\"", "\"say \\\"x\\\"\""),
            ("two\nlines\t\u{1b}[31m", "\"two\\nlines\\t\\x1b[31m\""),
            ("a\u{200b}b", "\"a\\u200bb\""),
            ("a\u{2028}b", "\"a\\u2028b\""),
            ("\u{e000}", "\"\\ue000\""),
        ] {
            assert_eq!(quoted(text), expected, "{text:?}");
        }
    }
}
