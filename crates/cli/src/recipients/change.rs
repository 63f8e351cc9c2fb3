//! `recipients add` and `recipients rm`.

use std::path::Path;

use bulla_core::sops::{Group, MasterKey, each_value};
use serde_json::json;

use super::{Options, What, rule};
use crate::io::{Console, output};
use crate::parallel;
use crate::report::{Code, Exit, Report, Result, counted, harmless, os_error};
use crate::sops::files::{self, SopsFile};
use crate::sops::trust::expected::{Rules, same, shown};
use crate::sops::trust::rewrap::{DataKeyChoice, rewrapped};
use crate::sops::trust::{Keys, not_open};

/// What is to become of a file.
struct Plan {
    file: SopsFile,
    /// The new bytes.
    bytes: Vec<u8>,
    /// What the recipient that goes has seen.
    seen: Vec<String>,
    /// Whether its rule names the recipient (afterwards).
    listed: bool,
}

/// Runs the command. Nothing is written before everything is known to be possible.
pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let found = files::find(&options.paths)?;
    for named in options.paths.iter().filter(|path| path.is_file() && !found.contains(path)) {
        files::read_sops(named)?;
    }
    let keys = Keys::new()?;
    let plans = parallel::in_order(&found, |path| plan(path, options, &keys))?;
    let plans: Vec<Plan> = plans.into_iter().collect::<Result<Vec<_>>>()?.into_iter().flatten().collect();
    let rules = if options.rule { rule::edits(&found, options)? } else { Vec::new() };
    if plans.is_empty() && rules.is_empty() {
        return nothing(options, found.len(), console);
    }
    if !options.dry_run {
        // The rules first: if the files are not reached, `bulla reseal` finishes the work.
        rules.iter().try_for_each(rule::Edit::write)?;
        plans.iter().try_for_each(|plan| plan.file.replace(&plan.bytes))?;
    }
    report(&plans, options)?;
    tell(&plans, &rules, options, console);
    Ok(Exit::Done)
}

/// What becomes of one file; nothing, if it is as it should be.
fn plan(path: &Path, options: &Options, keys: &Keys) -> Result<Option<Plan>> {
    let file = files::read_sops(path)?;
    let rules = Rules::of(path)?;
    let rule = rules.with_keys();
    let is_it = |key: &MasterKey| same(&key.source, &options.recipient);
    let has = file.metadata.groups.iter().flat_map(|group| &group.keys).any(is_it);
    if has == (options.what == What::Add) {
        return Ok(None);
    }
    if let Some(rule) = rule.filter(|_| !options.keep_unlisted) {
        // Neither is what this command is about an unlisted recipient.
        let unlisted = rule.difference(&file.metadata).unlisted;
        if let Some(other) = unlisted.iter().find(|source| !same(source, &options.recipient)) {
            let message = format!("{}: {} can open it, and is not in {}", file.name(), shown(other), rule.name());
            return Err(Report::new(Code::ForeignRecipient, message).hint(format!(
                "somebody may have added it by hand: bulla reseal {} shuts it out\n\
                 if it is meant: bulla recipients add RECIPIENT {0} --rule, or --keep-unlisted here",
                file.name()
            )));
        }
    }
    let mut groups = file.metadata.groups.clone();
    let choice = match options.what {
        What::Add => {
            group(&mut groups, options, &file)?.keys.push(MasterKey::new(options.recipient.clone()));
            DataKeyChoice::Keep
        }
        What::Remove { keep_data_key } => {
            groups.iter_mut().for_each(|group| group.keys.retain(|key| !is_it(key)));
            if let Some(empty) = groups.iter().position(|group| group.keys.is_empty()) {
                let which = if groups.len() > 1 {
                    format!("nobody would be left in group {}", empty + 1)
                } else {
                    "nobody could open it any more".to_owned()
                };
                return Err(Report::new(Code::NobodyLeft, format!("{}: {which}", file.name()))
                    .hint("name another recipient first: bulla recipients add RECIPIENT FILE"));
            }
            if keep_data_key { DataKeyChoice::Keep } else { DataKeyChoice::Rotate }
        }
    };
    let bytes = rewrapped(&file, groups, file.metadata.shamir_threshold, choice, keys, options.trust)?;
    let mut seen = Vec::new();
    if options.what != What::Add {
        each_value(&file.tree, &file.metadata, &mut |place, selected, _, bytes| {
            if selected && !bytes.is_empty() {
                seen.push(place.to_owned());
            }
        })
        .map_err(|error| not_open(&file.name(), &error))?;
    }
    let listed =
        options.rule || rule.is_none_or(|rule| rule.creation.keys().any(|key| same(&key.source, &options.recipient)));
    Ok(Some(Plan { file, bytes, seen, listed }))
}

/// The group that a recipient is added to.
fn group<'g>(groups: &'g mut [Group], options: &Options, file: &SopsFile) -> Result<&'g mut Group> {
    let count = groups.len();
    let index = match options.group {
        Some(number) => number.wrapping_sub(1),
        None if count == 1 => 0,
        None => {
            return Err(Report::new(Code::WhichGroup, format!("{}: it has {count} key groups", file.name()))
                .hint("say which with --group NUMBER, from 1; bulla recipients list shows them"));
        }
    };
    groups.get_mut(index).ok_or_else(|| {
        Report::new(Code::WhichGroup, format!("{}: it has no group {}", file.name(), index.wrapping_add(1)))
            .hint(format!("its groups are 1 to {count}"))
    })
}

fn nothing(options: &Options, files: usize, console: Console) -> Result<Exit> {
    let files = counted(files, "sops file");
    if options.what == What::Add {
        console.note(&format!("{}: it can open all of {files} already", shown(&options.recipient)));
        return Ok(Exit::Done);
    }
    let message = format!("{}: it is a recipient of none of {files}", shown(&options.recipient));
    Err(Report::new(Code::NoSuchRecipient, message).hint("bulla recipients list shows who can open what"))
}

/// Data: which files, and what was seen.
fn report(plans: &[Plan], options: &Options) -> Result<()> {
    let text = if options.json {
        let list: Vec<_> = plans.iter().map(|plan| json!({"file": plan.file.name(), "seen": plan.seen})).collect();
        let rotated = options.what == What::Remove { keep_data_key: false };
        let whole = json!({"written": !options.dry_run, "newDataKey": rotated, "files": list});
        // Texts do not fail to be written.
        serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"
    } else {
        let mut text = String::new();
        for plan in plans {
            text += &format!("{}\n", plan.file.name());
            plan.seen.iter().for_each(|place| text += &format!("  seen: {}\n", harmless(place)));
        }
        text
    };
    output::write_stdout(text.as_bytes())
        .map_err(|error| Report::new(Code::WriteOutput, format!("write standard output: {}", os_error(&error))))
}

fn tell(plans: &[Plan], rules: &[rule::Edit], options: &Options, console: Console) {
    let would = if options.dry_run { " (nothing was written)" } else { "" };
    let who = shown(&options.recipient);
    let files = counted(plans.len(), "file");
    for edit in rules {
        console.note(&format!("{}: the rule on line {} was edited{would}", edit.name(), edit.line));
    }
    match options.what {
        What::Add => console.note(&format!("{who} can open {files} now{would}")),
        What::Remove { keep_data_key } => {
            let seen: usize = plans.iter().map(|plan| plan.seen.len()).sum();
            let key = if keep_data_key { "the data keys are the old ones" } else { "the data keys are new" };
            console.note(&format!("{who} cannot open {files} any more; {key}{would}"));
            if keep_data_key {
                console.warn("whoever kept an old version of a file opens the new ones with its data key; leave --keep-data-key away to prevent that");
            }
            console.warn(&format!(
                "{} {} been seen, and Git's history still opens: change {} at the source",
                counted(seen, "value"),
                if seen == 1 { "has" } else { "have" },
                if seen == 1 { "it" } else { "them" }
            ));
        }
    }
    let stays = plans.iter().filter(|plan| plan.listed != (options.what == What::Add)).count();
    if stays > 0 && !options.rule {
        let (is, then) = match options.what {
            What::Add => ("not in .sops.yaml", "take it out again"),
            What::Remove { .. } => ("still in .sops.yaml", "bring it back"),
        };
        console.warn(&format!("{who} is {is}: the next reseal would {then}; --rule edits the rule, too"));
    }
}
