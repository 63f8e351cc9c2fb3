//! One thing that was looked at: how it is, and the cure if it is not well. Pure.

use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::report::{Code, Report, harmless};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Level {
    /// As it should be.
    Ok,
    /// Worth knowing; nothing must be done.
    Note,
    /// Something must be done.
    Todo,
}

/// What was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Finding {
    area: &'static str,
    pub(super) level: Level,
    message: String,
    code: Option<Code>,
    cure: String,
}

impl Finding {
    pub(super) fn ok(area: &'static str, message: impl Into<String>) -> Self {
        Self { area, level: Level::Ok, message: message.into(), code: None, cure: String::new() }
    }

    pub(super) fn note(area: &'static str, message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { area, level: Level::Note, message: message.into(), code: None, cure: cure.into() }
    }

    pub(super) fn todo(area: &'static str, code: Code, message: impl Into<String>, cure: impl Into<String>) -> Self {
        Self { area, level: Level::Todo, message: message.into(), code: Some(code), cure: cure.into() }
    }

    /// An error that a command would have ended with.
    pub(super) fn of(area: &'static str, report: &Report) -> Self {
        let cure = match report.cure() {
            "" => format!("docs/errors.md explains {}", report.code().as_str()),
            cure => cure.to_owned(),
        };
        Self::todo(area, report.code(), report.message(), cure)
    }
}

impl Level {
    fn word(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Note => "note",
            Self::Todo => "todo",
        }
    }
}

/// For people: the areas in their order, and what must be done in the last line.
pub(super) fn text(findings: &[Finding]) -> String {
    let mut text = String::new();
    let mut area = "";
    for finding in findings {
        if finding.area != area {
            area = finding.area;
            let _ = writeln!(text, "{area}");
        }
        let code = finding.code.map(|code| format!(" ({})", code.as_str())).unwrap_or_default();
        let _ = writeln!(text, "  {:<4}  {}{code}", finding.level.word(), harmless(&finding.message));
        for line in finding.cure.lines() {
            let _ = writeln!(text, "        cure: {}", harmless(line));
        }
    }
    let _ = match todo(findings) {
        0 => writeln!(text, "nothing must be done"),
        1 => writeln!(text, "1 thing must be done"),
        count => writeln!(text, "{count} things must be done"),
    };
    text
}

/// For programs.
pub(super) fn json(findings: &[Finding]) -> Value {
    let one = |finding: &Finding| {
        json!({
            "area": finding.area,
            "level": finding.level.word(),
            "message": finding.message,
            "code": finding.code.map(Code::as_str),
            "cure": (!finding.cure.is_empty()).then_some(&finding.cure),
        })
    };
    json!({"todo": todo(findings), "findings": findings.iter().map(one).collect::<Vec<_>>()})
}

fn todo(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.level == Level::Todo).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn some() -> Vec<Finding> {
        vec![
            Finding::ok("tools", "git 2"),
            Finding::note("tools", "no kustomize", "install it"),
            Finding::of("repository", &Report::new(Code::NoName, "a\u{1b}[2J").hint("one\ntwo")),
        ]
    }

    #[test]
    fn people_read_areas_and_cures() {
        let expected = "tools\n  ok    git 2\n  note  no kustomize\n        cure: install it\nrepository\n  todo  a\\u{1b}[2J (E0205)\n        \
                        cure: one\n        cure: two\n1 thing must be done\n";
        assert_eq!(text(&some()), expected);
        assert_eq!(text(&some()[..2]).lines().last(), Some("nothing must be done"));
    }

    #[test]
    fn programs_read_the_same() {
        let json = json(&some());
        assert_eq!(json["todo"], 1);
        assert_eq!(
            json["findings"][0],
            json!({"area": "tools", "level": "ok", "message": "git 2", "code": null, "cure": null})
        );
        assert_eq!(json["findings"][2]["code"], "E0205");
        assert_eq!(json["findings"][2]["cure"], "one\ntwo");
    }
}
