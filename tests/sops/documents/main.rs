//! Generated documents, through the real sops' packages and ours: read and written alike, and each side opens what the other
//! encrypted.
//!
//!     BULLA_REQUIRE_PEERS=1 cargo test --workspace --test sops_documents
//!
//! `BULLA_SOPS_DOCUMENTS` is how many, `BULLA_SOPS_SEED` which ones; both are printed. A document that fails is made smaller as
//! long as it fails in the same way. Generated values are no secrets, so they are shown.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod check;
mod document;
mod flat;
#[path = "../helper.rs"]
mod helper;
mod ours;
#[path = "../../cases/peer.rs"]
mod peer;
#[path = "../../harness/random.rs"]
#[allow(dead_code, reason = "choices go through the tape")]
mod random;
mod tape;
mod words;
mod yaml;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::check::{Complaint, Reached, check};
use crate::document::{Document, document};
use crate::helper::Helper;
use crate::tape::{Tape, shrink};

const DOCUMENTS: usize = 300;
/// So many examples are shown for each class of failures.
const EXAMPLES: usize = 3;
const TRIES: usize = 6000;

fn say(line: &str) {
    // libtest keeps what the print macros say.
    let _ = writeln!(std::io::stderr(), "sops documents: {line}");
}

/// What was found, by class.
#[derive(Default)]
struct Found {
    refused: usize,
    kept: usize,
    opened: usize,
    formats: BTreeMap<&'static str, usize>,
    failures: BTreeMap<String, (usize, Vec<String>)>,
}

#[test]
fn both_read_and_write_the_same() {
    let program = match peer::real(&peer::SOPS_HELPER) {
        Ok(program) => program,
        Err(reason) => return say(&format!("not here: {reason}")),
    };
    let seed = random::seed("BULLA_SOPS_SEED");
    let count = random::count("BULLA_SOPS_DOCUMENTS", DOCUMENTS);
    say(&format!("{count} documents, seed {seed}: BULLA_SOPS_DOCUMENTS, BULLA_SOPS_SEED"));
    let found = Mutex::new(Found::default());
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| worker(&program, seed, count, &next, &found));
        }
    });
    let found = found.into_inner().unwrap();
    say(&format!(
        "{} opened by the other side, {} refused by both, {} of which the real sops loses text; {:?}",
        found.opened, found.refused, found.kept, found.formats
    ));
    let mut text = String::new();
    for (class, (count, examples)) in &found.failures {
        text.push_str(&format!("== {class}: {count} documents\n{}\n", examples.join("\n")));
    }
    assert!(found.failures.is_empty(), "{text}");
    // What both refuse tests little.
    assert!(found.opened * 2 > count, "only {} of {count} documents can be encrypted", found.opened);
}

fn worker(program: &Path, seed: u64, count: usize, next: &AtomicUsize, found: &Mutex<Found>) {
    let mut theirs = Helper::start(program, None);
    loop {
        let at = next.fetch_add(1, Ordering::Relaxed);
        if at >= count {
            return;
        }
        let mut tape = Tape::random(seed.wrapping_mul(1_000_003).wrapping_add(at as u64));
        let made = document(&mut tape);
        let result = check(&made, &mut theirs);
        let mut known = found.lock().unwrap();
        *known.formats.entry(made.format).or_default() += 1;
        match result {
            Ok(Reached::Refused) => known.refused += 1,
            Ok(Reached::Kept) => known.kept += 1,
            Ok(Reached::Opened) => known.opened += 1,
            Err(Complaint { class, .. }) => {
                let class = format!("{} to {}: {class}", made.format, made.out);
                let (seen, _) = known.failures.entry(class.clone()).or_default();
                *seen += 1;
                if *seen <= EXAMPLES {
                    drop(known);
                    let example = smallest(tape.choices(), &class, &mut theirs);
                    let mut known = found.lock().unwrap();
                    known.failures.entry(class).or_default().1.push(format!("document {at}: {example}"));
                }
            }
        }
    }
}

/// A small document that fails in this way, and how.
fn smallest(choices: Vec<u32>, class: &str, theirs: &mut Helper) -> String {
    let class_of =
        |made: &Document, complaint: &Complaint| format!("{} to {}: {}", made.format, made.out, complaint.class);
    let fails = |made: &Document, theirs: &mut Helper| {
        check(made, theirs).err().filter(|complaint| class_of(made, complaint) == class)
    };
    let small = shrink(choices, TRIES, document, |made| fails(made, theirs).is_some());
    let complaint = fails(&small, theirs).map_or_else(|| "fails no more".to_owned(), |complaint| complaint.text);
    format!("{}\n{complaint}", small.shown())
}
