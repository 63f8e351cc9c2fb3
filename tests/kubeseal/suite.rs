//! All cases, run once through both binaries, for all tests of this suite.

use std::fmt;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::case::{self, Case, Content, What};
use crate::cases::in_parallel;
use crate::cases::outcome::Outcome;
use crate::cases::peer;
use crate::compare;
use crate::opened::Keys;
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
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/kubeseal"))
}

/// As they are written.
pub(crate) fn cases() -> Vec<Case> {
    case::all(&folder().join("cases"))
}

/// Runs everything at the first call. None, and a line that says why, where the real tool is missing.
pub(crate) fn suite() -> Option<&'static Suite> {
    static SUITE: OnceLock<Option<Suite>> = OnceLock::new();
    let run = || match peer::real(&peer::KUBESEAL) {
        Ok(real) => Some(Suite::run(&real)),
        Err(reason) => {
            crate::say(&format!("not here: {reason}"));
            None
        }
    };
    SUITE.get_or_init(run).as_ref()
}

impl Suite {
    fn run(real: &Path) -> Self {
        let began = Instant::now();
        let ours = std::env::var_os("BULLA_KUBESEAL_OURS").unwrap_or_else(|| env!("CARGO_BIN_EXE_bulla").into());
        let bench = Bench::new(real, Path::new(&ours));
        let mut cases = cases();
        if let Ok(wanted) = std::env::var("BULLA_KUBESEAL_CASES") {
            cases.retain(|case| case.id.contains(&wanted));
        }
        for case in &mut cases {
            put_ciphertexts(case, &bench.keys);
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
            let given = |name: &str| self.case.files.iter().any(|file| file.name == name);
            for (name, text) in outcome.files.iter().filter(|(name, _)| !given(name) || name.ends_with("yaml")) {
                writeln!(formatter, "--- {name}\n{}", cut(text))?;
            }
            for asked in &outcome.asked {
                writeln!(formatter, "--- asked {}", cut(asked))?;
            }
        }
        Ok(())
    }
}

/// Puts ciphertexts where `{sealed:LABEL:TEXT}` stands, the same ones for both binaries, and the long texts.
fn put_ciphertexts(case: &mut Case, keys: &Keys) {
    let put = |text: &mut String| {
        replace(text, "{sealed:", |body| {
            let (label, plain) = body.split_once(':').unwrap();
            keys.seal(label, plain)
        });
        replace(text, "{pem:", |name| keys.pem(name));
        replace(text, "{pem-crlf:", |name| keys.pem(name).replace('\n', "\r\n"));
        replace(text, "{b64:", |name| STANDARD.encode(keys.pem(name)));
        replace(text, "{xs:", |count| "x".repeat(count.parse().unwrap()));
        replace(text, "{items:", |count| {
            let items: Vec<String> =
                (0..count.parse().unwrap()).map(|at: u32| format!("item-{at}: text {at}")).collect();
            items.join(", ")
        });
    };
    let content = |content: &mut Content| {
        if let Content::Text(text) = content {
            put(text);
        }
    };
    content(&mut case.input);
    case.files.iter_mut().for_each(|file| content(&mut file.content));
    for answer in &mut case.answers {
        if let What::Status { body: Some(body), .. } = &mut answer.what {
            content(body);
        }
    }
}

fn replace(text: &mut String, opening: &str, with: impl Fn(&str) -> String) {
    while let Some(start) = text.find(opening) {
        let end = start + text[start..].find('}').unwrap();
        let new = with(&text[start + opening.len()..end]);
        text.replace_range(start..=end, &new);
    }
}
