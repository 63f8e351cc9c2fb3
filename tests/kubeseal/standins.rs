//! Broken kubeseals: ours, with one thing wrong. Each must fail a case of its topics; a suite that lets one through does not
//! look where that thing is.

use std::collections::BTreeSet;

use crate::cases::in_parallel;
use crate::cases::outcome::{Call, Left};
use crate::compare;
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
    left("a newline follows a raw value", &["raw"], |left| left.stdout.push(b'\n')),
    given("the last newline of a raw value is cut", &["raw"], |call| {
        if call.input.last() == Some(&b'\n') {
            call.input.pop();
        }
    }),
    given("raw values are always strict", &["raw"], |call| drop_flag(call, &["--scope"])),
    given("two --from-file are one", &["raw", "environment"], |call| {
        edit_args(call, "value.txt,value.txt", "value.txt")
    }),
    given("SEALED_SECRETS_NAMESPACE is ignored", &["environment"], |call| unset(call, "SEALED_SECRETS_NAMESPACE")),
    given("SEALED_SECRETS_CERT is ignored", &["environment"], |call| unset(call, "SEALED_SECRETS_CERT")),
    given("a list flag replaces the environment's", &["environment"], |call| {
        if call.args.iter().any(|word| word == "--recovery-private-key") {
            unset(call, "SEALED_SECRETS_RECOVERY_PRIVATE_KEY");
        }
    }),
    given("variables win over flags", &["environment"], |call| {
        if call.environment.iter().any(|(name, _)| name == "SEALED_SECRETS_NAME") {
            drop_flag(call, &["--name"]);
        }
    }),
    given("a variable that does not parse is an error", &["environment"], |call| {
        if let Some((_, value)) = call.environment.iter().find(|(name, _)| name == "SEALED_SECRETS_SCOPE") {
            call.args.push(format!("--scope={value}"));
        }
    }),
    given("klog's flags have variables", &["environment"], |call| {
        if let Some((_, value)) = call.environment.iter().find(|(name, _)| name == "SEALED_SECRETS_V") {
            call.args.push(format!("-v={value}"));
        }
    }),
    left("-w writes 0644", &["files"], |left| left.files.values_mut().for_each(|(mode, _)| *mode = 0o644)),
    left("a failure leaves an empty -w file", &["files"], |left| {
        if left.code != 0 {
            left.files.insert("out.json".to_owned(), (0o600, Vec::new()));
        }
    }),
    given("a .yaml file does not force YAML", &["files"], |call| {
        edit_args(call, "out.yaml", "out.json");
        edit_args(call, "out.yml", "out.json");
    }),
    left("-w prints to stdout as well", &["files"], |left| {
        if let Some((_, bytes)) = left.files.get("out.json") {
            left.stdout.extend_from_slice(bytes);
        }
    }),
    given("-f is ignored", &["files"], |call| drop_flag(call, &["-f", "--secret-file"])),
    given("an expired certificate seals", &["certificates"], |call| edit_args(call, "expired.crt", "rsa2048.crt")),
    given("the last certificate counts", &["certificates"], |call| edit_args(call, "both", "k/other2048.crt")),
    left("usage goes to stderr", &["flags"], |left| left.stderr.append(&mut left.stdout)),
    left("a flag is not in the help", &["flags"], |left| edit(&mut left.stdout, "--name string", "--Name string")),
    given("words behind -- are flags", &["flags"], |call| call.args.retain(|word| word != "--")),
    given("--scope takes any case", &["flags"], |call| edit_args(call, "Strict", "strict")),
    left("the hint at a terminal is missing", &["terminal"], |left| {
        edit(&mut left.stderr, "(tty detected: expecting json/yaml k8s resource in stdin)\n", "");
    }),
    given("010 is text", &["typing"], |call| edit(&mut call.input, ": 010", ": \"010\"")),
    given("yes is text", &["typing"], |call| edit(&mut call.input, ": yes", ": \"yes\"")),
    given("numbers are not rewritten", &["typing"], |call| edit(&mut call.input, ": 1.10", ": \"1.10\"")),
    given("only the first recovery key is used", &["recovery"], |call| {
        edit_args(call, "k/key2.key,k/key1.key", "k/key2.key");
    }),
    left("ownerReferences are lost", &["recovery"], |left| {
        edit(&mut left.stdout, "ownerReferences", "OwnerReferences")
    }),
    left("a value is printed in an error", &["recovery"], |left| edit(&mut left.stderr, "secret (", "secret v (")),
    left("empty values are printed as texts", &["recovery"], |left| edit(&mut left.stdout, ": null", ": \"\"")),
    given("templates are not rendered", &["recovery"], |call| {
        edit(&mut call.input, "{{ .user }}", "{{ `{{ .user }}` }}")
    }),
    left("a conflict is no error", &["online"], |left| {
        if String::from_utf8_lossy(&left.stderr).contains("unable to") {
            (left.code, left.stderr) = (0, Vec::new());
        }
    }),
    left("a rejected request is not sent again", &["online"], |left| left.asked.truncate(2)),
    given("--controller-name is ignored", &["online"], |call| drop_flag(call, &["--controller-name"])),
    left("everything is posted to verify", &["online"], |left| {
        left.asked.iter_mut().for_each(|asked| *asked = asked.replace("/v1/rotate", "/v1/verify"));
    }),
    given("only the first document is validated", &["online"], |call| {
        let text = String::from_utf8_lossy(&call.input).into_owned();
        let first = text.trim_start_matches("---\n").split("\n---\n").next().unwrap_or_default().to_owned();
        call.input = first.into();
    }),
    given("--context is ignored", &["kubeconfig"], |call| drop_flag(call, &["--context"])),
    given("KUBECONFIG is ignored", &["kubeconfig"], |call| unset(call, "KUBECONFIG")),
    given("--as is ignored", &["kubeconfig"], |call| drop_flag(call, &["--as", "--as-group", "--as-uid"])),
    left("no credentials are sent", &["kubeconfig"], |left| {
        left.asked.iter_mut().for_each(|asked| *asked = asked.replace("authorization: ", "no authorization: "));
    }),
    given("the second file of KUBECONFIG is not read", &["kubeconfig"], |call| {
        for (name, value) in &mut call.environment {
            if name == "KUBECONFIG" {
                *value = value.split(':').next().unwrap_or_default().to_owned();
            }
        }
    }),
    left("merging prints to stdout", &["merge"], |left| {
        if let Some((_, bytes)) = left.files.get("target.json") {
            left.stdout = bytes.clone();
        }
    }),
    left("merging makes the file 0600", &["merge"], |left| left.files.values_mut().for_each(|(mode, _)| *mode = 0o600)),
    given("flag errors come after everything else", &["order"], |call| {
        call.args.retain(|word| word != "--nonsense");
    }),
    given("the certificate is read before -f is opened", &["order"], |call| {
        if call.args.iter().any(|word| word == "missing.pem") {
            drop_flag(call, &["-f"]);
        }
    }),
    given("raw goes before the certificate", &["order"], |call| {
        if call.args.iter().any(|word| word == "--raw") {
            edit_args(call, "k/rsa2048.key", "k/rsa2048.crt");
        }
    }),
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

fn unset(call: &mut Call, variable: &str) {
    call.environment.retain(|(name, _)| name != variable);
}

fn edit_args(call: &mut Call, from: &str, to: &str) {
    call.args.iter_mut().for_each(|word| *word = word.replace(from, to));
}

fn edit(bytes: &mut Vec<u8>, from: &str, to: &str) {
    let text = String::from_utf8_lossy(bytes);
    if text.contains(from) {
        *bytes = text.replace(from, to).into_bytes();
    }
}
