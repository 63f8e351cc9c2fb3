//! Broken sops: ours, with one thing wrong. Each must fail a case of its topics; a suite that lets one through does not look where
//! that thing is.

use std::collections::BTreeSet;

use crate::cases::compare;
use crate::cases::in_parallel;
use crate::cases::outcome::{Call, Left};
use crate::suite::{Suite, Tried};

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
    given("--output-type is ignored", &["decrypt"], |call| drop_value(call, "--output-type")),
    given("--input-type is ignored", &["stdin"], |call| drop_value(call, "--input-type")),
    given("--extract is ignored", &["extract"], |call| drop_value(call, "--extract")),
    given("-i is ignored", &["encrypt"], |call| drop_flag(call, "-i")),
    given("--output is ignored", &["decrypt"], |call| drop_value(call, "--output")),
    given("--ignore-mac is ignored", &["decrypt"], |call| drop_flag(call, "--ignore-mac")),
    given("--ignore-mac is always on", &["decrypt"], |call| {
        if call.args.first().is_some_and(|word| word == "decrypt") {
            call.args.insert(1, "--ignore-mac".to_owned());
        }
    }),
    given("--indent is ignored", &["decrypt"], |call| drop_value(call, "--indent")),
    given("--encrypted-regex is ignored", &["select"], |call| drop_value(call, "--encrypted-regex")),
    given("--unencrypted-suffix is ignored", &["select"], |call| drop_value(call, "--unencrypted-suffix")),
    given("--encrypted-suffix is ignored", &["select"], |call| drop_value(call, "--encrypted-suffix")),
    given("--mac-only-encrypted is ignored", &["parser"], |call| drop_flag(call, "--mac-only-encrypted")),
    given("--idempotent is ignored", &["change"], |call| drop_flag(call, "--idempotent")),
    given("--value-file is ignored", &["change"], |call| drop_flag(call, "--value-file")),
    given("--add-age is ignored", &["keys"], |call| drop_value(call, "--add-age")),
    given("--rm-age is ignored", &["keys"], |call| drop_value(call, "--rm-age")),
    given("-y is ignored", &["keys"], |call| drop_flag(call, "-y")),
    given("only the first recipient counts", &["encrypt"], |call| {
        call.args.iter_mut().filter(|word| word.starts_with("age1")).for_each(|word| {
            let first = word.split(',').next().unwrap_or_default().to_owned();
            *word = first;
        });
    }),
    given("--pristine is ignored", &["run"], |call| drop_flag(call, "--pristine")),
    given("--no-fifo is ignored", &["run"], |call| drop_flag(call, "--no-fifo")),
    given("--filename is ignored", &["run"], |call| drop_value(call, "--filename")),
    given("SOPS_EDITOR is ignored", &["run"], |call| unset(call, "SOPS_EDITOR")),
    given("EDITOR is ignored", &["run"], |call| unset(call, "EDITOR")),
    given("SOPS_CONFIG is ignored", &["config"], |call| unset(call, "SOPS_CONFIG")),
    given("--config is ignored", &["config"], |call| drop_value(call, "--config")),
    given("--filename-override is ignored", &["config"], |call| drop_value(call, "--filename-override")),
    given("SOPS_AGE_RECIPIENTS is ignored", &["environment"], |call| unset(call, "SOPS_AGE_RECIPIENTS")),
    given("SOPS_AGE_KEY is ignored", &["environment"], |call| unset(call, "SOPS_AGE_KEY")),
    given("SOPS_AGE_KEY_CMD is ignored", &["environment"], |call| unset(call, "SOPS_AGE_KEY_CMD")),
    given("SOPS_GPG_EXEC is ignored", &["environment"], |call| unset(call, "SOPS_GPG_EXEC")),
    given("SOPS_DECRYPTION_ORDER is ignored", &["environment"], |call| unset(call, "SOPS_DECRYPTION_ORDER")),
    given("flags end at the first word", &["parser"], |call| {
        if call.args.first().is_some_and(|word| word == "decrypt") {
            call.args.truncate(2);
        }
    }),
    given("--omit-extensions is ignored", &["run"], |call| drop_flag(call, "--omit-extensions")),
    given("--recursive is ignored", &["run"], |call| drop_flag(call, "--recursive")),
    left("every failure exits with 1", &["decrypt"], |left| left.code = left.code.min(1)),
    left("unchanged exits with 0", &["run"], |left| {
        if left.code == 200 {
            left.code = 0;
        }
    }),
    left("a child's exit code is lost", &["run"], |left| left.code = left.code.min(1)),
    left("errors go to standard output", &["decrypt"], |left| {
        let said = std::mem::take(&mut left.stderr);
        left.stdout.extend(said);
    }),
    left("a newline follows what is extracted", &["extract"], |left| left.stdout.push(b'\n')),
    left("the mode of files is lost", &["encrypt"], |left| {
        left.files.values_mut().for_each(|(mode, _)| *mode = 0o644);
    }),
    left("a link becomes a file", &["encrypt"], |left| {
        left.files.values_mut().filter(|(mode, _)| *mode == 0o120_000).for_each(|(mode, _)| *mode = 0o644);
    }),
    left("YAML is indented by two", &["decrypt"], |left| edit(&mut left.stdout, "\n    ", "\n  ")),
    left("documents are not divided", &["decrypt"], |left| edit(&mut left.stdout, "\n---\n", "\n")),
    left("comments are lost", &["decrypt"], |left| edit(&mut left.stdout, "# ", "")),
    left("dotenv escapes are resolved", &["decrypt"], |left| edit(&mut left.stdout, "\\n", "\n")),
    left("JSON is written without blanks", &["decrypt"], |left| edit(&mut left.stdout, "\": ", "\":")),
    left("the MAC is not renewed", &["change"], |left| {
        for (_, bytes) in left.files.values_mut() {
            edit(bytes, "mac: ENC[AES256_GCM,data:", "mac: ENC[AES256_GCM,data:AAAA");
        }
    }),
    left("lastmodified is not renewed", &["change"], |left| {
        for (_, bytes) in left.files.values_mut() {
            edit(bytes, "lastmodified: \"20", "lastmodified: \"19");
        }
    }),
    left("plaintext is left behind", &["run"], |left| {
        left.files.insert("tmp/left".to_owned(), (0o600, b"x".to_vec()));
    }),
    left("the metadata is not in order", &["encrypt"], |left| edit(&mut left.stdout, "lastmodified", "last_modified")),
    left("what is synced is not told", &["keys"], |left| left.stdout.clear()),
    left("the status is text", &["keys"], |left| edit(&mut left.stdout, "{\"encrypted\":true}", "encrypted")),
    left("Vault is never asked", &["run"], |left| left.asked.clear()),
];

/// Which case catches which stand-in, or those that none catches.
pub(crate) fn caught(suite: &Suite) -> Result<Vec<String>, Vec<String>> {
    let topics: BTreeSet<&str> = suite.tried.iter().map(|tried| tried.case.topic.as_str()).collect();
    let results = in_parallel(STAND_INS, |stand_in| {
        for topic in stand_in.topics {
            assert!(topics.contains(topic), "{}: there is no topic {topic}", stand_in.name);
        }
        suite.tried.iter().find(|tried| stand_in.is_caught_by(tried, suite)).map(|tried| tried.case.id.clone())
    });
    let (mut lines, mut unnoticed) = (Vec::new(), Vec::new());
    for (stand_in, result) in STAND_INS.iter().zip(results) {
        match result {
            Some(case) => lines.push(format!("{}: {case}", stand_in.name)),
            None => unnoticed.push(format!("no case of {:?} notices when {}", stand_in.topics, stand_in.name)),
        }
    }
    if unnoticed.is_empty() { Ok(lines) } else { Err(unnoticed) }
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

/// Removes a flag that takes a value.
fn drop_value(call: &mut Call, name: &str) {
    let mut args = Vec::new();
    let mut words = std::mem::take(&mut call.args).into_iter();
    while let Some(word) = words.next() {
        if word == name {
            words.next();
        } else if !word.starts_with(&format!("{name}=")) {
            args.push(word);
        }
    }
    call.args = args;
}

fn drop_flag(call: &mut Call, name: &str) {
    call.args.retain(|word| word != name);
}

fn unset(call: &mut Call, variable: &str) {
    call.environment.retain(|(name, _)| name != variable);
}

fn edit(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8_lossy(bytes);
    if text.contains(from) {
        *bytes = text.replace(from, to).into_bytes();
    }
}
