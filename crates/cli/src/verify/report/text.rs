//! For people: `FILE:LINE:COLUMN: error BV003: shop/db: password: …`, then what mends it.

use std::fmt::Write as _;

use crate::report::harmless;
use crate::verify::finding::Finding;

pub(super) fn write(findings: &[Finding]) -> String {
    let mut text = String::new();
    for finding in findings {
        let (line, column) = finding.place();
        let _ = writeln!(
            text,
            "{}:{line}:{column}: {} {}: {}\n    hint: {}",
            finding.file,
            finding.severity.as_str(),
            finding.rule.id(),
            harmless(&finding.words()),
            finding.rule.cure()
        );
    }
    text
}
