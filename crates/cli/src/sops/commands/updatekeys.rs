//! `sops updatekeys`: the same data key, for those whom `.sops.yaml` names. Values, MAC and time stay as they are.

use std::collections::HashSet;
use std::io::{self, BufRead as _, IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};

use bulla_core::sops::{Format, Group, Metadata};

use super::super::config::Config;
use super::super::failure::{Failure, code};
use super::super::keys::KeyServices;
use super::super::place::{self, Input};
use super::super::{close, create, go, log, open};

/// What the command line says.
pub(crate) struct Options {
    /// The files, as given.
    pub(crate) paths: Vec<PathBuf>,
    /// The configuration.
    pub(crate) config: Config,
    /// `--input-type`; empty: the files' names decide.
    pub(crate) input_type: String,
    /// `--yes`
    pub(crate) yes: bool,
    /// Who is asked.
    pub(crate) services: KeyServices,
}

/// Updates one file after the other. One that fails does not keep the others from being done.
pub(crate) fn run(options: &Options) -> Result<u8, Failure> {
    if let [path] = &options.paths[..] {
        return update(path, options).map(|()| 0);
    }
    let mut failed = 0;
    for path in &options.paths {
        if let Err(failure) = update(path, options) {
            failed += 1;
            log::error("CMD", &failure.text);
        }
    }
    if failed > 0 {
        return Err(Failure::generic(format!("failed updating {failed} key(s)")));
    }
    Ok(0)
}

fn update(path: &Path, options: &Options) -> Result<(), Failure> {
    let path = go::absolute(path).map_err(|error| Failure::generic(go::path_error("getwd", Path::new("."), &error)))?;
    let name = path.display();
    if place::is_stdin(&path) {
        return Err(Failure::new(
            code::CONFLICT,
            "updatekeys writes to the file that it reads, which standard input is not",
        ));
    }
    let metadata = std::fs::metadata(&path).map_err(|error| Failure::generic(go::path_error("stat", &path, &error)))?;
    if metadata.is_dir() {
        return Err(Failure::generic("can't operate on a directory"));
    }
    let format = Format::from_word(&options.input_type).unwrap_or_else(|| Format::of_path(&path.to_string_lossy()));
    say(&format!("Syncing keys for file {name}"));
    let (tree, mut metadata) = format.load_encrypted(&Input::at(&path).read()?)?;
    let rule = options.config.creation_for(&path, &[])?.ok_or_else(|| {
        let config = options.config.path().display();
        Failure::generic(format!("The config file {config} does not contain any creation rule"))
    })?;
    let threshold = threshold(
        &metadata,
        create::threshold_of(i64::try_from(rule.shamir_threshold).unwrap_or(i64::MAX))?,
        &rule.groups,
    );
    let diffs = diff(&metadata.groups, &rule.groups);
    if diffs.iter().all(|diff| diff.added.is_empty() && diff.removed.is_empty())
        && threshold == metadata.shamir_threshold
    {
        say(&format!("File {name} already up to date"));
        return Ok(());
    }
    let shown = render(metadata.shamir_threshold, threshold, &diffs, log::use_colour() && io::stdout().is_terminal());
    print(&format!("The following changes will be made to the file's groups:\n{shown}"))?;
    if !options.yes && !asked()? {
        say(&format!("File {name} left unchanged"));
        return Ok(());
    }
    let key = open::data_key(&metadata, &options.services, &open::OpenOptions::default().order)?;
    metadata.groups = rule.groups;
    metadata.shamir_threshold = threshold;
    close::wrap_data_key(&mut metadata, &key, &options.services).map_err(|errors| {
        Failure::generic(format!("error updating one or more master keys: [{}]", errors.join(" ")))
    })?;
    // The real tool does not look at --indent here.
    let text = close::emit(format, tree, &metadata, options.config.indents())?;
    place::write_in_place(&path, &text).map_err(|failure| {
        let reason =
            failure.text.replace("Could not open in-place file for writing", "could not open file for writing");
        Failure::generic(reason)
    })?;
    say(&format!("File {name} synced with new keys"));
    warn_of_removed(&diffs, &path);
    Ok(())
}

/// The threshold of the rule, or the file's where the rule has none; never more than there are groups.
fn threshold(metadata: &Metadata, rule: u32, groups: &[Group]) -> u32 {
    let wanted = if rule == 0 { metadata.shamir_threshold } else { rule };
    wanted.min(u32::try_from(groups.len()).unwrap_or(u32::MAX))
}

/// What happens to a group. Identities.
struct Diff {
    common: Vec<String>,
    added: Vec<String>,
    removed: Vec<String>,
}

fn diff(ours: &[Group], theirs: &[Group]) -> Vec<Diff> {
    let identities = |groups: &[Group], at: usize| -> Vec<String> {
        groups.get(at).map(|group| group.keys.iter().map(|key| key.source.identity()).collect()).unwrap_or_default()
    };
    (0..ours.len().max(theirs.len()))
        .map(|at| {
            let (ours, theirs) = (identities(ours, at), identities(theirs, at));
            let (known, wanted): (HashSet<&String>, HashSet<&String>) =
                (ours.iter().collect(), theirs.iter().collect());
            let (common, added) = theirs.iter().cloned().partition(|key| known.contains(key));
            let removed = ours.iter().filter(|key| !wanted.contains(key)).cloned().collect();
            Diff { common, added, removed }
        })
        .collect()
}

fn render(old: u32, new: u32, diffs: &[Diff], colour: bool) -> String {
    let paint = |code: &str, text: String| if colour { format!("\x1b[{code}m{text}\x1b[0m") } else { text };
    let mut text = String::new();
    if old > 0 && old == new {
        text.push_str(&format!("shamir_threshold: {new}\n"));
    } else {
        if new > 0 {
            text.push_str(&paint("32", format!("+++ shamir_threshold: {new}\n")));
        }
        if old > 0 {
            text.push_str(&paint("31", format!("--- shamir_threshold: {old}\n")));
        }
    }
    for (at, diff) in diffs.iter().enumerate() {
        text.push_str(&paint("4", format!("Group {}\n", at + 1)));
        diff.common.iter().for_each(|key| text.push_str(&format!("    {key}\n")));
        diff.added.iter().for_each(|key| text.push_str(&paint("32", format!("+++ {key}\n"))));
        diff.removed.iter().for_each(|key| text.push_str(&paint("31", format!("--- {key}\n"))));
    }
    text
}

/// Asks until the answer is `y` or `n`. Without an answer nothing is done.
fn asked() -> Result<bool, Failure> {
    loop {
        print("Is this okay? (y/n):")?;
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        if read.map_err(|error| Failure::generic(crate::report::os_error(&error)))? == 0 {
            return Err(Failure::generic("EOF"));
        }
        match line.trim() {
            "y" => return Ok(true),
            "n" => return Ok(false),
            "" => return Err(Failure::generic("unexpected newline")),
            _ => {}
        }
    }
}

/// Whoever was removed has seen the data key, and the values keep being encrypted under it.
fn warn_of_removed(diffs: &[Diff], path: &Path) {
    let added: HashSet<&String> = diffs.iter().flat_map(|diff| diff.added.iter().chain(&diff.common)).collect();
    if diffs.iter().flat_map(|diff| &diff.removed).any(|key| !added.contains(key)) {
        log::warn(
            "CMD",
            &format!(
                "Removed recipients may have kept the data key, which is still the same. For a new one: sops rotate -i {}",
                path.display()
            ),
        );
    }
}

fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::generic(go::path_error("write", Path::new("/dev/stdout"), &error)))
}

/// A line of Go's plain log, on standard error.
fn say(message: &str) {
    log::plain(&format!("{} {message}", jiff::Zoned::now().strftime("%Y/%m/%d %H:%M:%S")));
}

#[cfg(test)]
mod tests {
    use bulla_core::sops::{KeySource, MasterKey};

    use super::*;

    fn group(recipients: &[&str]) -> Group {
        let key = |name: &&str| MasterKey::new(KeySource::Age { recipient: (*name).to_owned() });
        Group { keys: recipients.iter().map(key).collect() }
    }

    #[test]
    fn the_diff_is_shown_group_by_group() {
        let diffs = diff(&[group(&["a", "b"]), group(&["c"])], &[group(&["b", "d"])]);
        assert_eq!(
            render(2, 1, &diffs, false),
            "+++ shamir_threshold: 1\n--- shamir_threshold: 2\nGroup 1\n    b\n+++ d\n--- a\nGroup 2\n--- c\n"
        );
        assert_eq!(render(0, 0, &[], false), "");
        assert_eq!(render(2, 2, &[], true), "shamir_threshold: 2\n");
    }
}
