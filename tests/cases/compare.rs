//! What makes two outcomes equal, and what a deliberate difference must look like.

use super::case::{Case, Ours};
use super::outcome::Outcome;

/// The parts of an outcome, each with both sides as text.
fn aspects(real: &Outcome, ours: &Outcome) -> [(&'static str, String, String); 5] {
    let files = |outcome: &Outcome| -> String {
        outcome.files.iter().map(|(name, text)| format!("{name}: {text}\n")).collect()
    };
    [
        ("exit", real.code.to_string(), ours.code.to_string()),
        ("stdout", real.stdout.clone(), ours.stdout.clone()),
        ("stderr", first_line(&real.stderr), first_line(&ours.stderr)),
        ("files", files(real), files(ours)),
        ("requests", real.asked.concat(), ours.asked.concat()),
    ]
}

/// Only the first line counts: what follows is advice.
pub(crate) fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// What is wrong with `ours`, given what the real tool does. Empty: nothing.
pub(crate) fn problems(case: &Case, real: &Outcome, ours: &Outcome) -> Vec<String> {
    let mut problems = Vec::new();
    let mut differs = false;
    for (aspect, theirs, own) in aspects(real, ours) {
        let expected: Vec<&Ours> = case.ours.iter().filter(|ours| aspect_of(ours) == aspect).collect();
        if expected.is_empty() {
            if theirs != own {
                problems.push(format!("{aspect}\n{}", side_by_side(&theirs, &own)));
            }
            continue;
        }
        // What ours adds below the first line counts where it is expected.
        differs |= theirs != own || aspect == "stderr" && real.stderr != ours.stderr;
        problems.extend(expected.into_iter().filter_map(|expected| unmet(expected, ours)));
    }
    if case.differs.is_some() && !differs && problems.is_empty() {
        problems.push("is said to differ on purpose, but both agree".to_owned());
    }
    problems
}

/// What is wrong with the case itself: the real tool does not do what it says.
pub(crate) fn misunderstandings(case: &Case, real: &Outcome) -> Vec<String> {
    let mut wrong = Vec::new();
    if real.code != case.exit {
        wrong.push(format!("the real tool exits with {}, not {}", real.code, case.exit));
    }
    let unheard = case.says.iter().filter(|text| !real.stderr.contains(text.as_str()));
    wrong.extend(unheard.map(|text| format!("the real tool does not say {text:?}, but\n{}", indented(&real.stderr))));
    let unseen = case.prints.iter().filter(|text| !real.stdout.contains(text.as_str()));
    wrong.extend(unseen.map(|text| format!("the real tool does not print {text:?}, but\n{}", indented(&real.stdout))));
    wrong
}

fn aspect_of(ours: &Ours) -> &'static str {
    match ours {
        Ours::Exit(_) => "exit",
        Ours::Says(_) | Ours::Silent => "stderr",
        Ours::Prints(_) | Ours::PrintsNot(_) => "stdout",
        Ours::File(..) | Ours::NoFile(_) => "files",
        Ours::Asks(_) | Ours::AsksNothing => "requests",
    }
}

fn unmet(expected: &Ours, ours: &Outcome) -> Option<String> {
    let asked = ours.asked.concat();
    let (met, wanted, got) = match expected {
        Ours::Exit(code) => (ours.code == *code, format!("exits with {code}"), ours.code.to_string()),
        Ours::Says(text) => (ours.stderr.contains(text.as_str()), format!("says {text:?}"), ours.stderr.clone()),
        Ours::Silent => (ours.stderr.is_empty(), "says nothing".to_owned(), ours.stderr.clone()),
        Ours::Prints(text) => (ours.stdout.contains(text.as_str()), format!("prints {text:?}"), ours.stdout.clone()),
        Ours::PrintsNot(text) => {
            (!ours.stdout.contains(text.as_str()), format!("does not print {text:?}"), ours.stdout.clone())
        }
        Ours::File(name, text) => {
            let content = ours.files.get(name).cloned().unwrap_or_default();
            (content.contains(text.as_str()), format!("leaves {text:?} in {name}"), content)
        }
        Ours::NoFile(name) => {
            (!ours.files.contains_key(name), format!("leaves no {name}"), format!("{:?}", ours.files.keys()))
        }
        Ours::Asks(text) => (asked.contains(text.as_str()), format!("asks {text:?}"), asked),
        Ours::AsksNothing => (asked.is_empty(), "asks nothing".to_owned(), asked),
    };
    (!met).then(|| format!("ours is said to be one that {wanted}, but\n{}", indented(&got)))
}

/// The lines that differ, with a little around them.
fn side_by_side(real: &str, ours: &str) -> String {
    let (theirs, own): (Vec<_>, Vec<_>) = (real.lines().collect(), ours.lines().collect());
    let same = theirs.iter().zip(&own).take_while(|(a, b)| a == b).count();
    let tail = theirs[same..].iter().rev().zip(own[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    let part = |lines: &[&str], sign: &str| -> String {
        let lines = &lines[same..lines.len() - tail];
        let shown =
            lines.iter().take(12).map(|line| format!("    {sign} {}\n", line.chars().take(300).collect::<String>()));
        shown.collect()
    };
    let mut text = part(&theirs, "real") + &part(&own, "ours");
    if text.is_empty() {
        text = format!("    real {:?}\n    ours {:?}\n", tail_of(real), tail_of(ours));
    }
    text
}

fn tail_of(text: &str) -> &str {
    let start = text.char_indices().rev().nth(80).map_or(0, |(at, _)| at);
    &text[start..]
}

fn indented(text: &str) -> String {
    text.lines().take(20).map(|line| format!("    {}\n", line.chars().take(300).collect::<String>())).collect()
}
