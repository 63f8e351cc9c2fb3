//! What must have a case. Every command and every flag is read from the real tool's own `--help`, every variable from the flags and
//! from `MANIFEST.txt`, which also lists the exit codes and texts that scripts rely on. For a flag there must be a case of its
//! command that has it on its command line, and without it the real tool must do something else; likewise for variables. What
//! cannot be shown here (a cloud that is not there) is listed in `MANIFEST.txt` as `accepted`, with a case that has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::cases::case::Case;
use crate::cases::in_parallel;
use crate::cases::outcome::Call;
use crate::suite::{Suite, Tried, folder};

/// The commands, each with the words that call it.
const COMMANDS: [&[&str]; 17] = [
    &[],
    &["encrypt"],
    &["decrypt"],
    &["edit"],
    &["rotate"],
    &["updatekeys"],
    &["set"],
    &["unset"],
    &["exec-env"],
    &["exec-file"],
    &["publish"],
    &["keyservice"],
    &["filestatus"],
    &["groups", "add"],
    &["groups", "delete"],
    &["completion", "bash"],
    &["completion", "zsh"],
];

/// A flag of a command: all its spellings, and whether it takes a value.
struct Flag {
    command: &'static [&'static str],
    names: Vec<String>,
    takes_value: bool,
}

/// Takes a flag or a variable out of a call; false if it is not there.
type Remove<'a> = Box<dyn Fn(&mut Call) -> bool + Send + Sync + 'a>;

/// The number of items, or what is missing.
pub(crate) fn check(suite: &Suite) -> Result<usize, Vec<String>> {
    let listed = read();
    let (flags, mut variables) = of_help(suite);
    variables.extend(listed.get("variable").into_iter().flatten().cloned());
    let mut gaps = commands(suite);
    let accepted: BTreeSet<&String> = listed.get("accepted").into_iter().flatten().collect();
    let mut wanted: Vec<(String, Remove<'_>)> = Vec::new();
    for flag in &flags {
        for name in &flag.names {
            let title = [flag.command, &[name.as_str()]].concat().join(" ");
            wanted.push((title, Box::new(move |call| flag.remove(name, call))));
        }
    }
    for variable in &variables {
        let remove = move |call: &mut Call| {
            let before = call.environment.len();
            call.environment.retain(|(name, _)| name != variable);
            call.environment.len() < before
        };
        wanted.push((variable.clone(), Box::new(remove)));
    }
    let unshown = in_parallel(&wanted, |(title, remove)| {
        let has = |tried: &&Tried| remove(&mut written(&tried.case));
        let mut having = suite.tried.iter().filter(has).peekable();
        if having.peek().is_none() {
            return Some(format!("no case for {title}"));
        }
        if accepted.contains(title) {
            return None;
        }
        // A few are enough: one that shows it is mostly among the first.
        let without = |call: &mut Call| {
            remove(call);
        };
        let shows = having.take(40).any(|tried| suite.bench.run("real", &tried.case, without, |_| {}) != tried.real);
        (!shows).then(|| format!("{title}: the real tool does the same without it in every case that has it"))
    });
    let count = wanted.len() + listed.values().map(Vec::len).sum::<usize>();
    gaps.extend(unshown.into_iter().flatten());
    for code in listed.get("exit").into_iter().flatten() {
        if !suite.tried.iter().any(|tried| tried.real.code.to_string() == *code) {
            gaps.push(format!("no case exits with {code}"));
        }
    }
    for text in listed.get("text").into_iter().flatten() {
        let says = |tried: &Tried| holds(&format!("{}{}", tried.real.stdout, tried.real.stderr), text);
        if !suite.tried.iter().any(says) {
            gaps.push(format!("in no case the real tool says {text:?}"));
        }
    }
    if gaps.is_empty() { Ok(count) } else { Err(gaps) }
}

/// `KIND WHAT` on each line.
fn read() -> BTreeMap<String, Vec<String>> {
    let text = std::fs::read_to_string(folder().join("MANIFEST.txt")).unwrap();
    let mut items: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in text.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let (kind, what) = line.split_once(' ').unwrap_or_else(|| panic!("MANIFEST.txt: {line}"));
        assert!(["accepted", "variable", "exit", "text"].contains(&kind), "MANIFEST.txt: {line}");
        items.entry(kind.to_owned()).or_default().push(what.to_owned());
    }
    items
}

/// Commands of the help that `COMMANDS` lacks, and commands without a case that ends well.
fn commands(suite: &Suite) -> Vec<String> {
    let mut gaps = Vec::new();
    let help = help(suite, &[]);
    let listed = help.split("COMMANDS:").nth(1).and_then(|rest| rest.split("GLOBAL OPTIONS:").next()).unwrap();
    for line in listed.lines().filter(|line| line.starts_with("   ")) {
        let name = line.trim().split([' ', ',']).next().unwrap();
        if name != "help" && !COMMANDS.iter().any(|words| words.first() == Some(&name)) {
            gaps.push(format!("the real tool has a command {name}"));
        }
    }
    for words in COMMANDS.iter().filter(|words| !words.is_empty() && words[0] != "keyservice") {
        let ends_well = |tried: &Tried| calls(&tried.case.args, words).is_some() && tried.real.code == 0;
        if !suite.tried.iter().any(ends_well) {
            gaps.push(format!("no case of {} ends well", words.join(" ")));
        }
    }
    gaps
}

fn help(suite: &Suite, words: &[&str]) -> String {
    let args = words.iter().copied().chain(["--help"]).map(str::to_owned).collect();
    // Not through `Bench::run`, which leaves help texts out.
    let call = Call { args, environment: Vec::new(), input: Vec::new() };
    let here = std::env::temp_dir();
    let program = suite.bench.program("real");
    let patience = std::time::Duration::from_secs(20);
    let (_, stdout, _) = crate::cases::process::process(&program, &here, &here, &call, false, patience);
    String::from_utf8(stdout).unwrap()
}

/// The flags and variables of every command's help.
fn of_help(suite: &Suite) -> (Vec<Flag>, BTreeSet<String>) {
    let (mut flags, mut variables) = (Vec::new(), BTreeSet::new());
    for command in COMMANDS.iter().filter(|words| words.first() != Some(&"completion")) {
        let help = help(suite, command);
        let options = help.split("OPTIONS:").nth(1).unwrap_or_else(|| panic!("{command:?}: {help}"));
        for line in options.lines().filter(|line| line.trim_start().starts_with("--")) {
            let (spelled, _) = line.trim_start().split_once("  ").unwrap_or((line, ""));
            let names = spelled.split(", ").map(|name| name.split(' ').next().unwrap().to_owned()).collect();
            flags.push(Flag { command, names, takes_value: spelled.contains(" value") });
            if let Some(variable) = line.split("[$").nth(1) {
                variables.insert(variable.trim_end_matches(']').to_owned());
            }
        }
    }
    assert!(flags.len() > 150, "the help of the real tool cannot be read");
    (flags, variables)
}

/// What the case writes, nothing put in.
fn written(case: &Case) -> Call {
    Call { args: case.args.clone(), environment: case.environment.clone(), input: Vec::new() }
}

/// Where the words of the command end in the arguments of a case that calls it.
fn calls(args: &[String], words: &[&str]) -> Option<usize> {
    if words.is_empty() {
        // The form without a command, or what stands before it.
        let is_command = |word: &String| COMMANDS.iter().any(|words| words.first() == Some(&word.as_str()));
        return (!args.first().is_some_and(is_command)).then_some(0);
    }
    let fits =
        |at: &usize| args.len() >= at + words.len() && args[*at..].iter().zip(words).all(|(arg, word)| arg == word);
    (0..args.len()).find(fits).map(|at| at + words.len())
}

impl Flag {
    /// Takes it out of the command line; false if it is not there.
    fn remove(&self, name: &str, call: &mut Call) -> bool {
        let Some(start) = calls(&call.args, self.command) else { return false };
        let mut kept = call.args[..start].to_vec();
        let mut words = call.args[start..].iter();
        while let Some(word) = words.next() {
            let spelled = word.split('=').next().unwrap_or_default();
            if word.starts_with('-') && spelled.trim_start_matches('-') == name.trim_start_matches('-') {
                if self.takes_value && !word.contains('=') {
                    words.next();
                }
            } else {
                kept.push(word.clone());
            }
        }
        let removed = kept.len() < call.args.len();
        call.args = kept;
        removed
    }
}

/// Whether `text` holds the parts of `pattern` in their order; `…` stands for any text.
fn holds(text: &str, pattern: &str) -> bool {
    let mut rest = text;
    pattern.split('…').all(|part| match rest.split_once(part) {
        Some((_, after)) => {
            rest = after;
            true
        }
        None => false,
    })
}
