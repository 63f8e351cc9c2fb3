//! What must hold for a document, and what is wrong where it does not.

use serde_json::{Value, json};

use super::document::Document;
use super::ours;
use crate::helper::{Helper, Wrong};

/// A difference: its class (by which it is shrunk and counted), and both sides.
#[derive(Clone)]
pub(crate) struct Complaint {
    pub(crate) class: String,
    pub(crate) text: String,
}

/// How far a document came.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reached {
    /// Both sides refuse it.
    Refused,
    /// The real tool loses a part of a text, ours does not.
    Kept,
    /// It was written by both sides, and opened by the other.
    Opened,
}

impl Document {
    fn request(&self, operation: &str) -> Value {
        // The command line drops the selectors of binary files.
        let binary = self.out == "binary";
        json!({
            "Op": operation, "Format": self.format, "Out": self.out,
            "Selector": if binary { "" } else { self.selector }, "Pattern": self.pattern,
            "MacOnly": self.mac_only && !binary, "Groups": self.groups, "Threshold": self.threshold,
            "YamlIndent": self.yaml_indent, "JsonIndent": self.json_indent,
        })
    }
}

/// Both directions, in every step.
pub(crate) fn check(document: &Document, theirs: &mut Helper) -> Result<Reached, Complaint> {
    let their_file = theirs.ask(document.request("encrypt"), &document.text);
    let our_file = ours::encrypt(document);
    if let (Ok(theirs), Ok(ours)) = (&their_file, &our_file)
        && loses_text(theirs, ours)
    {
        return Ok(Reached::Kept);
    }
    same("encrypt", &their_file, &our_file)?;
    // What cannot be encrypted is never printed either.
    let (Ok(their_file), Ok(our_file)) = (their_file, our_file) else { return Ok(Reached::Refused) };
    let (their_text, our_text) = (theirs.ask(document.request("plain"), &document.text), ours::plain(document));
    if let (Ok(theirs), Ok(ours)) = (&their_text, &our_text)
        && loses_text(theirs, ours)
    {
        return Ok(Reached::Kept);
    }
    same("plain", &their_text, &our_text)?;

    let mut reading = document.request("decrypt");
    reading["Format"] = json!(document.out);
    let expected = theirs.ask(reading.clone(), &their_file);
    same("ours reads theirs", &expected, &ours::decrypt(document, &their_file))?;
    same("theirs reads ours", &expected, &theirs.ask(reading, &our_file))?;
    same("ours reads ours", &expected, &ours::decrypt(document, &our_file))?;
    Ok(Reached::Opened)
}

/// Whether the real tool loses something here that ours keeps: where it writes a text as a block, it says in lists more indentation than
/// it writes (spaces at the start are lost when it is read again), and it makes null of one that begins with a tab.
fn loses_text(theirs: &[u8], ours: &[u8]) -> bool {
    let (theirs, ours) = (without_ciphertexts(theirs), without_ciphertexts(ours));
    if theirs == ours {
        return false;
    }
    let (theirs, ours) = (String::from_utf8_lossy(&theirs).into_owned(), String::from_utf8_lossy(&ours).into_owned());
    let head = |line: &str| -> Option<String> {
        let (line, comment) = line.split_once(" #").unwrap_or((line, ""));
        let bare = line.trim_end_matches(['+', '-']).trim_end_matches(|end: char| end.is_ascii_digit());
        bare.ends_with(['|', '>']).then(|| format!("{bare}{comment}"))
    };
    let without_digits = |text: &str| -> Vec<String> {
        text.lines().map(|line| head(line).unwrap_or_else(|| line.to_owned())).collect()
    };
    let lines: Vec<&str> = ours.lines().collect();
    let begins_with_a_tab =
        lines.windows(2).any(|pair| head(pair[0]).is_some() && pair[1].trim_start_matches(' ').starts_with('\t'));
    begins_with_a_tab || without_digits(&theirs) == without_digits(&ours)
}

/// Equal texts, or a failure in the same step.
fn same(what: &str, theirs: &Result<Vec<u8>, Wrong>, ours: &Result<Vec<u8>, Wrong>) -> Result<(), Complaint> {
    // Also of what is opened: a comment that the format cannot place stays encrypted.
    let bare = |text: &Result<Vec<u8>, Wrong>| text.clone().map(|text| without_ciphertexts(&text));
    let (theirs, ours) = (&bare(theirs), &bare(ours));
    let class = match (theirs, ours) {
        (Ok(theirs), Ok(ours)) if theirs == ours => return Ok(()),
        // Where the real tool panics, no step is the right one.
        (Err(theirs), Err(ours)) if theirs.stage == ours.stage || theirs.stage == "panic" => return Ok(()),
        // What is wrong in a later document is seen sooner.
        (Err(theirs), Err(ours)) if ours.stage == "load" => return Ok(()),
        (Err(theirs), Err(ours)) => format!("{what}: fails at {}, not {}", ours.stage, theirs.stage),
        (Ok(_), Ok(_)) => format!("{what}: other text"),
        (Ok(_), Err(ours)) => {
            if is_refused_on_purpose(&ours.error) {
                return Ok(());
            }
            format!("{what}: only ours fails ({})", ours.stage)
        }
        (Err(theirs), Ok(_)) if theirs.stage == "panic" => return Ok(()),
        (Err(theirs), Ok(_)) => format!("{what}: only theirs fails ({})", theirs.stage),
    };
    let shown = |result: &Result<Vec<u8>, Wrong>| match result {
        Ok(text) => String::from_utf8_lossy(text).into_owned(),
        Err(wrong) => format!("{}: {}\n", wrong.stage, wrong.error),
    };
    Err(Complaint { class, text: difference(&shown(theirs), &shown(ours)) })
}

/// What docs/sops.md says that ours refuses under every name.
fn is_refused_on_purpose(error: &str) -> bool {
    // Duplicate keys in documents after the first; lists and maps as values of INI, which the real tool writes as Go prints them.
    error.contains("already defined") || error.contains("cannot use complex value in INI file")
}

/// Both texts from the first line that differs on.
fn difference(theirs: &str, ours: &str) -> String {
    let same = theirs.lines().zip(ours.lines()).take_while(|(a, b)| a == b).count();
    let part = |name: &str, text: &str| -> String {
        let lines = text.lines().skip(same).take(8);
        lines.map(|line| format!("  {name} {}\n", line.chars().take(300).collect::<String>().escape_debug())).collect()
    };
    let ends = if theirs.lines().eq(ours.lines()) {
        format!("  ends: {:?} {:?}\n", theirs.chars().last(), ours.chars().last())
    } else {
        String::new()
    };
    part("theirs", theirs) + &part("ours  ", ours) + &ends
}

/// Ciphertexts become their length and type, wrapped keys and the time go.
pub(crate) fn without_ciphertexts(text: &[u8]) -> Vec<u8> {
    let text = String::from_utf8_lossy(text);
    let mut out = String::new();
    let mut rest = &*text;
    while let Some(at) = rest.find("ENC[AES256_GCM,data:") {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let Some(end) = rest.find(']') else { break };
        let value = &rest[..=end];
        rest = &rest[end + 1..];
        let field = |name: &str| value.split(name).nth(1).map(|rest| rest.split([',', ']']).next().unwrap_or_default());
        match (field("data:"), field(",iv:"), field(",tag:"), field(",type:")) {
            (Some(data), Some(iv), Some(tag), Some(kind)) if iv.len() == 44 && tag.len() == 24 => {
                out.push_str(&format!("<{} {kind}>", data.len()));
            }
            // A value that only looks like one.
            _ => out.push_str(value),
        }
    }
    out.push_str(rest);
    let lines = out.split_inclusive('\n').map(|line| {
        if line.contains("lastmodified") {
            return "(lastmodified)\n".to_owned();
        }
        let digits = line.chars().filter(char::is_ascii_hexdigit).count();
        // A wrapped key: the share, which is 32 or 33 bytes, in any format.
        let wrapped = "-----BEGIN NOTHING-----";
        match line.find(wrapped) {
            Some(at) if line.len() > at + 60 => format!("{}(wrapped)\n", &line[..at]),
            _ if digits >= 64 && line.trim().len() == digits => format!("(wrapped, {digits} digits)\n"),
            _ => line.to_owned(),
        }
    });
    lines.collect::<String>().into_bytes()
}
