//! Findings as reports: for people, for programs, for code scanning (SARIF), for CI servers (JUnit).

mod junit;
mod sarif;
mod text;

use serde_json::json;

use super::finding::Finding;
use super::rules::Severity;

/// The form of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum ReportFormat {
    /// A line for each finding, and what mends it.
    Text,
    /// JSON.
    Json,
    /// SARIF 2.1.0, for GitHub's and GitLab's code scanning.
    Sarif,
    /// JUnit XML: a test case for each file.
    Junit,
}

/// What was looked at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Looked {
    /// Files with Secrets of either kind, and those with findings.
    pub(crate) files: Vec<String>,
    pub(crate) objects: usize,
    pub(crate) values: usize,
    pub(crate) templates: usize,
    /// Files of sops.
    pub(crate) sops: usize,
}

/// Writes a report.
pub(crate) fn write(format: ReportFormat, findings: &[Finding], looked: &Looked) -> String {
    match format {
        ReportFormat::Text => text::write(findings),
        ReportFormat::Json => json(findings, looked),
        ReportFormat::Sarif => sarif::write(findings),
        ReportFormat::Junit => junit::write(findings, looked),
    }
}

fn json(findings: &[Finding], looked: &Looked) -> String {
    let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let list: Vec<_> = findings
        .iter()
        .map(|finding| {
            let (line, column) = finding.place();
            json!({"rule": finding.rule.id(), "severity": finding.severity, "file": finding.file, "line": line, "column": column,
                "object": finding.object, "key": finding.key, "message": finding.message, "hint": finding.rule.cure()})
        })
        .collect();
    let summary = json!({"files": looked.files.len(), "sealedSecrets": looked.objects, "values": looked.values,
        "sopsFiles": looked.sops, "templates": looked.templates, "errors": count(Severity::Error), "warnings": count(Severity::Warning)});
    // Texts and numbers do not fail to be written.
    serde_json::to_string_pretty(&json!({"findings": list, "summary": summary})).unwrap_or_default() + "\n"
}
