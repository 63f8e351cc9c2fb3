//! All cases, run once through both binaries, for all tests of this suite.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::cases::case::{self, Case};
use crate::cases::outcome::Outcome;
use crate::cases::{compare, in_parallel, peer};
use crate::run::Bench;

pub(crate) struct Suite {
    pub(crate) bench: Bench,
    pub(crate) tried: Vec<Tried>,
    pub(crate) took: Duration,
}

/// A case, and what came of it.
pub(crate) struct Tried {
    pub(crate) case: Case,
    pub(crate) real: Outcome,
    pub(crate) ours: Outcome,
}

/// The folder of this suite.
pub(crate) fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/sops"))
}

/// What the real sops wrote, and the keys.
pub(crate) fn vectors() -> PathBuf {
    folder().join("../vectors/sops")
}

/// As they are written.
pub(crate) fn cases() -> Vec<Case> {
    case::all(&folder().join("cases"))
}

/// The real tools and ours. None, and a line that says why, where the real ones are missing.
pub(crate) fn bench() -> Option<Bench> {
    match (peer::real(&peer::SOPS), peer::real(&peer::SOPS_HELPER)) {
        (Ok(real), Ok(helper)) => {
            let ours = std::env::var_os("BULLA_SOPS_OURS").unwrap_or_else(|| env!("CARGO_BIN_EXE_bulla").into());
            Some(Bench::new(&real, Path::new(&ours), &helper))
        }
        (Err(reason), _) | (_, Err(reason)) => {
            crate::say(&format!("not here: {reason}"));
            None
        }
    }
}

/// Runs everything at the first call.
pub(crate) fn suite() -> Option<&'static Suite> {
    static SUITE: OnceLock<Option<Suite>> = OnceLock::new();
    SUITE.get_or_init(|| bench().map(Suite::run)).as_ref()
}

impl Suite {
    fn run(bench: Bench) -> Self {
        let began = Instant::now();
        let mut cases = cases();
        if let Ok(wanted) = std::env::var("BULLA_SOPS_CASES") {
            cases.retain(|case| case.id.contains(&wanted));
        }
        let outcomes = in_parallel(&cases, |case| {
            (bench.run("real", case, |_| {}, |_| {}), bench.run("ours", case, |_| {}, |_| {}))
        });
        let tried = cases.into_iter().zip(outcomes).map(|(case, (real, ours))| Tried { case, real, ours }).collect();
        Self { bench, tried, took: began.elapsed() }
    }
}

impl Tried {
    /// Both do the same, or differ as they should.
    pub(crate) fn complaint(&self) -> Option<String> {
        let mut wrong = compare::misunderstandings(&self.case, &self.real);
        wrong.extend(compare::problems(&self.case, &self.real, &self.ours));
        (!wrong.is_empty()).then(|| format!("{}: {}", self.case.id, wrong.join("\n  ")))
    }
}

impl fmt::Display for Tried {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (who, outcome) in [("real", &self.real), ("ours", &self.ours)] {
            writeln!(formatter, "{}: {who} exits with {}", self.case.id, outcome.code)?;
            let cut = |text: &str| text.chars().take(2500).collect::<String>();
            writeln!(formatter, "--- stdout\n{}\n--- stderr\n{}", cut(&outcome.stdout), cut(&outcome.stderr))?;
            for (name, text) in &outcome.files {
                writeln!(formatter, "--- {name}\n{}", cut(text))?;
            }
            for asked in &outcome.asked {
                writeln!(formatter, "--- asked {}", cut(asked))?;
            }
        }
        Ok(())
    }
}
