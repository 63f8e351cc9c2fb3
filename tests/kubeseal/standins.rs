//! Broken kubeseals: ours, with one thing wrong. Each must fail a case of its topics; a suite that lets one through does not
//! look where that thing is.

use std::collections::BTreeSet;

use crate::compare;
use crate::run::{Call, Left};
use crate::suite::{Suite, Tried, in_parallel};

struct StandIn {
    name: &'static str,
    topics: &'static [&'static str],
    before: fn(&mut Call),
    after: fn(&mut Left),
}

const fn given(name: &'static str, topics: &'static [&'static str], before: fn(&mut Call)) -> StandIn {
    StandIn { name, topics, before, after: |_| {} }
}

const fn left(name: &'static str, topics: &'static [&'static str], after: fn(&mut Left)) -> StandIn {
    StandIn { name, topics, before: |_| {}, after }
}

const STAND_INS: &[StandIn] = &[
    given("-o is ignored", &["seal"], |call| drop_flag(call, &["-o", "--format"])),
    given("--scope is ignored", &["seal"], |call| drop_flag(call, &["--scope"])),
    given("-n is ignored", &["seal"], |call| drop_flag(call, &["-n", "--namespace"])),
    given("--name is ignored", &["seal"], |call| drop_flag(call, &["--name"])),
    given("only the first document is read", &["seal"], |call| {
        let text = String::from_utf8_lossy(&call.input).into_owned();
        call.input = text.split("\n---\n").next().unwrap_or_default().into();
    }),
    given("stringData does not win", &["seal"], |call| {
        edit(&mut call.input, "stringData", "stringdata-that-nobody-reads")
    }),
    given("a mark of byte order is an error", &["seal"], |call| edit(&mut call.input, "\u{feff}", "\u{feff}\u{feff}]")),
    given("null is the text null", &["seal"], |call| edit(&mut call.input, "k: null", "k: \"null\"")),
    left("failures exit with 2", &["seal"], |left| left.code *= 2),
    left("failures exit with 0", &["seal"], |left| left.code = 0),
    left("a message ends in a full stop", &["seal"], |left| edit(&mut left.stderr, "\n", ".\n")),
    left("a message begins with a capital", &["seal"], |left| edit(&mut left.stderr, "error: ", "Error: ")),
    left("messages go to stdout", &["seal"], |left| left.stdout.append(&mut left.stderr)),
    left("HTML is not escaped", &["seal"], |left| edit(&mut left.stdout, "\\u003c", "<")),
    left("no newline at the end", &["seal"], |left| {
        left.stdout.pop();
    }),
    left("JSON is indented by four", &["seal"], |left| edit(&mut left.stdout, "\n  ", "\n    ")),
    left("YAML begins without ---", &["seal"], |left| edit(&mut left.stdout, "---\n", "")),
    left("the template's annotations are lost", &["seal"], |left| edit(&mut left.stdout, "annotations", "Annotations")),
    left("encryptedData comes before the template", &["seal"], |left| {
        let text = String::from_utf8_lossy(&left.stdout).into_owned();
        if let (Some(template), Some(data)) = (text.find("    \"template\""), text.find("    \"encryptedData\"")) {
            left.stdout = [&text[..template], &text[data..], &text[template..data]].concat().into();
        }
    }),
    left("a creationTimestamp is printed", &["seal"], |left| {
        edit(&mut left.stdout, "  metadata:\n", "  metadata:\n    creationTimestamp: null\n");
    }),
];

/// Which case catches which stand-in; an error for the first one that none catches.
pub(crate) fn caught(suite: &Suite) -> Result<Vec<String>, String> {
    let topics: BTreeSet<&str> = suite.tried.iter().map(|tried| tried.case.topic.as_str()).collect();
    let results = in_parallel(STAND_INS, |stand_in| {
        for topic in stand_in.topics {
            assert!(topics.contains(topic), "{}: there is no topic {topic}", stand_in.name);
        }
        suite.tried.iter().find(|tried| stand_in.is_caught_by(tried, suite)).map(|tried| tried.case.id.clone())
    });
    let mut lines = Vec::new();
    for (stand_in, result) in STAND_INS.iter().zip(results) {
        match result {
            Some(case) => lines.push(format!("{}: {case}", stand_in.name)),
            None => return Err(format!("no case of {:?} notices when {}", stand_in.topics, stand_in.name)),
        }
    }
    Ok(lines)
}

impl StandIn {
    fn is_caught_by(&self, tried: &Tried, suite: &Suite) -> bool {
        // What is wrong without the stand-in's help proves nothing.
        if !self.topics.contains(&tried.case.topic.as_str()) || tried.complaint().is_some() {
            return false;
        }
        let outcome = suite.bench.run("ours", &tried.case, self.before, self.after);
        !compare::problems(&tried.case, &tried.real, &outcome).is_empty()
    }
}

/// Removes flags that take a value.
fn drop_flag(call: &mut Call, names: &[&str]) {
    let mut args = Vec::new();
    let mut words = std::mem::take(&mut call.args).into_iter();
    while let Some(word) = words.next() {
        if names.contains(&word.as_str()) {
            words.next();
        } else if !names.iter().any(|name| word.starts_with(&format!("{name}="))) {
            args.push(word);
        }
    }
    call.args = args;
}

fn edit(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8_lossy(bytes);
    if text.contains(from) {
        *bytes = text.replace(from, to).into_bytes();
    }
}
