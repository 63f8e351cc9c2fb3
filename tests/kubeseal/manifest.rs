//! `MANIFEST.txt`: every flag, variable, mode, step of the decision order, exit code, message and typing rule of kubeseal, each
//! with the cases that cover it. Flags come from the real tool's own help, variables from the flags, so that a new version cannot
//! bring one unseen; and a case that is named must show what it is named for:
//!
//! - `flag`, `variable`: it stands in the case, and without it the real tool does something else;
//! - `accepted`: it stands in the case, and is known to change nothing that can be seen here;
//! - `mode`: the case ends well in that mode;
//! - `step N before M`: the case makes both mistakes, and the real tool tells the first;
//! - `exit`, `message`: the real tool ends so, and says so (`…` stands for any text);
//! - `typed "A" as "B"`: the input holds A without quotes, and B is what is sealed.

use std::collections::{BTreeMap, BTreeSet};

use crate::case::{Case, Content};
use crate::cases::in_parallel;
use crate::cases::outcome::Call;
use crate::suite::{Suite, Tried, folder};

/// One line.
struct Item {
    kind: String,
    what: String,
    cases: Vec<String>,
}

/// The number of items, or what is wrong.
pub(crate) fn check(suite: &Suite) -> Result<usize, Vec<String>> {
    let items = read();
    let flags = Flags::of(suite);
    let mut gaps = missing(&items, &flags);
    let named: Vec<(&Item, &String)> =
        items.iter().flat_map(|item| item.cases.iter().map(move |case| (item, case))).collect();
    let wrong = in_parallel(&named, |(item, case)| {
        let place = format!("MANIFEST.txt: {} {} -> {case}", item.kind, item.what);
        let Some(tried) = suite.tried.iter().find(|tried| tried.case.id == **case) else {
            return Some(format!("{place}: there is no such case"));
        };
        let shown = shows(item, tried, &flags, suite);
        shown.err().map(|reason| format!("{place}: {reason}"))
    });
    gaps.extend(wrong.into_iter().flatten());
    if gaps.is_empty() { Ok(items.len()) } else { Err(gaps) }
}

fn read() -> Vec<Item> {
    let text = std::fs::read_to_string(folder().join("MANIFEST.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let item = |line: &str| {
        let (item, cases) = line.rsplit_once(" -> ").unwrap_or_else(|| panic!("MANIFEST.txt: no ` -> `: {line}"));
        let (kind, what) = item.split_once(' ').unwrap_or_else(|| panic!("MANIFEST.txt: {line}"));
        Item { kind: kind.to_owned(), what: what.to_owned(), cases: cases.split(", ").map(str::to_owned).collect() }
    };
    lines.map(item).collect()
}

/// The real tool's flags.
struct Flags {
    /// Long name without dashes, whether it takes a value.
    takes_value: BTreeMap<String, bool>,
    short: BTreeMap<String, String>,
    /// What klog brings: they have no variable.
    klog: BTreeSet<String>,
}

impl Flags {
    fn of(suite: &Suite) -> Self {
        let case = Case { args: vec!["--help".to_owned()], ..Case::default() };
        let help = suite.bench.run("real", &case, |_| {}, |_| {}).stdout;
        // The deprecated name of --re-encrypt is not in the help.
        let mut flags = Self {
            takes_value: BTreeMap::from([("rotate".to_owned(), false)]),
            short: BTreeMap::new(),
            klog: BTreeSet::from(["v".to_owned(), "vmodule".to_owned(), "logtostderr".to_owned()]),
        };
        for line in help.lines().filter(|line| line.starts_with('-')) {
            let (short, long) = line.split_once(", ").map_or((None, line), |(short, long)| (Some(short), long));
            let (name, kind) = long.split_once(' ').unwrap_or((long, ""));
            let name = name.trim_start_matches("--");
            flags.takes_value.insert(name.to_owned(), !kind.is_empty());
            flags.short.extend(short.map(|short| (name.to_owned(), short.to_owned())));
            if name.contains('_') || name.contains("stderrthreshold") || name == "alsologtostderr" {
                flags.klog.insert(name.to_owned());
            }
        }
        assert!(flags.takes_value.len() > 40, "the help of the real tool cannot be read:\n{help}");
        flags
    }

    fn variables(&self) -> BTreeSet<String> {
        let names = self.takes_value.keys().filter(|name| !self.klog.contains(*name));
        names.map(|name| format!("SEALED_SECRETS_{}", name.to_uppercase().replace('-', "_"))).collect()
    }

    /// The words of `args` without this flag and its values; None if it is not there.
    fn without(&self, name: &str, args: &[String]) -> Option<Vec<String>> {
        let takes_value = self.takes_value[name];
        let long = format!("--{name}");
        let mut kept = Vec::new();
        let mut words = args.iter();
        while let Some(word) = words.next() {
            let short =
                self.short.get(name).filter(|short| word.starts_with(short.as_str()) && !word.starts_with("--"));
            if *word == long || short.is_some_and(|short| short == word) {
                if takes_value {
                    words.next();
                }
            } else if !word.starts_with(&format!("{long}=")) && short.is_none() {
                kept.push(word.clone());
            }
        }
        (kept.len() < args.len()).then_some(kept)
    }
}

/// What has no line at all.
fn missing(items: &[Item], flags: &Flags) -> Vec<String> {
    let listed = |kinds: &[&str]| -> BTreeSet<&str> {
        items.iter().filter(|item| kinds.contains(&item.kind.as_str())).map(|item| item.what.as_str()).collect()
    };
    let mut gaps = Vec::new();
    let mut need = |kind: &str, listed: &BTreeSet<&str>, needed: Vec<String>| {
        let lacking = needed.into_iter().filter(|needed| !listed.contains(needed.as_str()));
        gaps.extend(lacking.map(|needed| format!("MANIFEST.txt: no case for {kind} {needed}")));
    };
    need("flag", &listed(&["flag", "accepted"]), flags.takes_value.keys().map(|name| format!("--{name}")).collect());
    let short = flags.short.values().cloned().collect();
    need("flag", &listed(&["flag", "accepted"]), short);
    need("variable", &listed(&["variable", "accepted"]), flags.variables().into_iter().collect());
    need("mode", &listed(&["mode"]), MODES.iter().map(|mode| (*mode).to_owned()).collect());
    need("exit code", &listed(&["exit"]), (0..3).map(|code| code.to_string()).collect());
    let steps: BTreeSet<&str> =
        items.iter().filter(|item| item.kind == "step").filter_map(|item| item.what.split(' ').next()).collect();
    need("step", &steps, (1..15).map(|step| step.to_string()).collect());
    gaps
}

const MODES: [&str; 9] =
    ["seal", "raw", "merge-into", "re-encrypt", "validate", "recovery-unseal", "fetch-cert", "help", "version"];

/// Whether the case shows the item.
fn shows(item: &Item, tried: &Tried, flags: &Flags, suite: &Suite) -> Result<(), String> {
    let case = &tried.case;
    let said = format!("{}{}", tried.real.stdout, tried.real.stderr);
    let shown = match item.kind.as_str() {
        "flag" | "accepted" if item.what.starts_with('-') => {
            let name = match item.what.strip_prefix("--") {
                Some(name) => name,
                None => flags.short.iter().find(|(_, short)| **short == item.what).map_or("", |(name, _)| name),
            };
            if !flags.takes_value.contains_key(name) {
                return Err("the real tool has no such flag".to_owned());
            }
            if !item.what.starts_with("--") && !case.args.iter().any(|word| word.starts_with(&item.what)) {
                return Err("the shorthand is not on its command line".to_owned());
            }
            let args = flags.without(name, &case.args).ok_or("the flag is not on its command line")?;
            return matters(item, tried, suite, |call| {
                call.args = args.clone();
            });
        }
        "variable" | "accepted" => {
            if !flags.variables().contains(&item.what) {
                return Err("no flag of the real tool has this variable".to_owned());
            }
            if !case.environment.iter().any(|(name, _)| *name == item.what) {
                return Err("the variable is not set in it".to_owned());
            }
            return matters(item, tried, suite, |call| call.environment.retain(|(name, _)| *name != item.what));
        }
        "mode" => {
            let modes = MODES.iter().filter(|mode| case.args.contains(&format!("--{mode}")));
            let first = modes.copied().next().unwrap_or("seal");
            first == item.what && tried.real.code == 0
        }
        "step" => {
            let numbers: Vec<usize> = item.what.split(" before ").filter_map(|number| number.parse().ok()).collect();
            let [first, second] = numbers[..] else { return Err("`step N before M`".to_owned()) };
            if first >= second || !(makes(first, case) && makes(second, case)) {
                return Err("the case does not make both mistakes".to_owned());
            }
            tells(first, tried) && !tells(second, tried)
        }
        "exit" => item.what == tried.real.code.to_string(),
        "message" => holds(&said, item.what.trim_matches('"')),
        "typed" => {
            let (written, sealed) = item.what.split_once(" as ").ok_or("`typed \"A\" as \"B\"`")?;
            let Content::Text(input) = &case.input else { return Err("its input is a file".to_owned()) };
            let written = written.trim_matches('"');
            let lines = || input.lines().map(|line| line.trim());
            lines().any(|line| line.ends_with(&format!(": {written}")) || line.starts_with(&format!("{written}: ")))
                && (said.contains(&format!(" {sealed}>")) || said.contains(&format!("{sealed}: <")))
        }
        _ => return Err("no such kind of item".to_owned()),
    };
    if shown { Ok(()) } else { Err("the case does not show it".to_owned()) }
}

/// Whether the real tool does something else without it.
fn matters(item: &Item, tried: &Tried, suite: &Suite, without: impl Fn(&mut Call)) -> Result<(), String> {
    if item.kind == "accepted" {
        return Ok(());
    }
    let outcome = suite.bench.run("real", &tried.case, without, |_| {});
    if outcome == tried.real { Err("the real tool does the same without it".to_owned()) } else { Ok(()) }
}

/// Whether the case gives step `step` a reason to speak.
fn makes(step: usize, case: &Case) -> bool {
    let has = |word: &str| case.args.iter().any(|given| given == word);
    match step {
        1 => has("--help"),
        2 => has("--from-file") && !has("--raw"),
        3 => has("-f"),
        4 => case.tty,
        5 => has("--re-encrypt") && has("-f") && !has("-w"),
        6 => has("-w"),
        7 => has("--recovery-unseal"),
        8 => has("--validate"),
        9 => has("--re-encrypt"),
        10 | 12 => has("--cert"),
        11 => has("--fetch-cert"),
        13 => has("--merge-into"),
        14 => has("--raw"),
        _ => true,
    }
}

/// Whether step `step` is the one that spoke.
fn tells(step: usize, tried: &Tried) -> bool {
    let real = &tried.real;
    let says = |text: &str| real.stderr.contains(text);
    let asked = |text: &str| real.asked.iter().any(|asked| asked.contains(text));
    match step {
        1 => real.code == 0 && real.stdout.contains("--recovery-unseal"),
        2 => says("--from-file requires --raw"),
        3 => says("Could not read file specified with --secret-file"),
        4 => says("(tty detected"),
        5 => real.files.iter().any(|(name, text)| name.starts_with("in.") && text.contains("bmV3")),
        6 => says("open no/such/"),
        7 => says("open missing: "),
        8 => asked("/v1/verify"),
        9 => asked("/v1/rotate"),
        10 => says("open missing.pem: "),
        11 => real.code == 0 && (real.stdout.contains("CERTIFICATE") || real.stdout.contains("not a certificate")),
        12 => says("data does not contain any valid RSA or ECDSA certificates") || says("expired certificate"),
        13 => says("open missing.yaml: "),
        14 => says("with --raw") || (real.code == 0 && real.stdout.starts_with('<')),
        _ => says("no secrets found"),
    }
}

/// Whether `text` holds the parts of `pattern` in their order.
fn holds(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.replace("\\n", "\n").split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}
