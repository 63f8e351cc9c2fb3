//! SARIF 2.1.0 (OASIS), with the fields that GitHub's code scanning wants.

use serde_json::{Value, json};

use crate::verify::finding::Finding;
use crate::verify::rules::Rule;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

pub(super) fn write(findings: &[Finding]) -> String {
    let rules: Vec<Value> = Rule::ALL.iter().map(|rule| describe(*rule)).collect();
    let results: Vec<Value> = findings.iter().map(result).collect();
    let report = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {"name": "bulla", "semanticVersion": env!("CARGO_PKG_VERSION"), "rules": rules}},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    // Texts and numbers do not fail to be written.
    serde_json::to_string_pretty(&report).unwrap_or_default() + "\n"
}

fn describe(rule: Rule) -> Value {
    json!({
        "id": rule.id(),
        "name": rule.name(),
        "shortDescription": {"text": rule.summary()},
        "fullDescription": {"text": rule.summary()},
        "help": {"text": rule.cure()},
        "defaultConfiguration": {"level": rule.severity().as_str()},
        "properties": {"tags": ["security"], "precision": "high"},
    })
}

fn result(finding: &Finding) -> Value {
    let (line, column) = finding.place();
    let index = Rule::ALL.iter().position(|rule| *rule == finding.rule);
    json!({
        "ruleId": finding.rule.id(),
        "ruleIndex": index,
        "level": finding.severity.as_str(),
        "message": {"text": format!("{}. To mend it: {}", finding.words(), finding.rule.cure())},
        "locations": [{"physicalLocation": {
            "artifactLocation": {"uri": uri(&finding.file), "uriBaseId": "%SRCROOT%"},
            "region": {"startLine": line, "startColumn": column},
        }}],
        "partialFingerprints": {"bulla/v1": fingerprint(finding)},
    })
}

/// A path as a relative reference (RFC 3986): everything but what may stand there is percent-encoded.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.strip_prefix("./").unwrap_or(path).bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            uri.push_str(&format!("%{byte:02X}"));
        }
    }
    uri
}

/// The same for the same finding when lines above it are added: FNV-1a of what it is and whose.
fn fingerprint(finding: &Finding) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for part in [finding.rule.id(), &finding.file, &finding.object, &finding.key] {
        for byte in part.bytes().chain([0]) {
            hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_relative_references() {
        assert_eq!(uri("./apps/my file#1.yaml"), "apps/my%20file%231.yaml");
        assert_eq!(uri("ä.yaml"), "%C3%A4.yaml");
    }

    #[test]
    fn a_finding_keeps_its_fingerprint_when_it_moves() {
        let finding = Finding::new(Rule::NotBase64, "a.yaml", None, "x").of("shop/db", "k");
        let moved = Finding { at: Some(bulla_yaml::Position { line: 9, column: 1 }), ..finding.clone() };
        assert_eq!(fingerprint(&finding), fingerprint(&moved));
        assert_ne!(fingerprint(&finding), fingerprint(&Finding { key: "l".to_owned(), ..finding }));
    }
}
