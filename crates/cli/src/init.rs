//! `bulla init`: looks at a repository and writes its `.bulla.yaml`.
//!
//! `look` walks the tree and says what is there, `propose` (pure) makes the file of it. At most that one file is written, never
//! over one that is there, and it is read back by the reader of every other command before it is.

pub(crate) mod look;
mod propose;

use std::path::{Path, PathBuf};

use self::look::Survey;
use crate::config::{Config, FILE};
use crate::io::atomic::{self, NewFile};
use crate::io::{Console, Target};
use crate::report::{Code, Report, Result, os_error};
use crate::tree::shown;

/// `bulla init`
#[derive(Debug)]
pub(crate) struct Options {
    /// Where the repository is; a folder inside of it will do.
    pub(crate) folder: PathBuf,
    /// Print the file instead of writing it.
    pub(crate) dry_run: bool,
}

/// Looks, says what it found, and writes the file.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    let root = root_of(&options.folder)?;
    let survey = look::at(&root)?;
    for line in told(&root, &survey) {
        console.note(&line);
    }
    let path = root.join(FILE);
    if path.symlink_metadata().is_ok() {
        console.note(&format!("{} is there already and stays as it is; bulla doctor checks it", shown(&path)));
        return Ok(());
    }
    let text = propose::file(&survey);
    Config::check(&path, &text)?;
    if options.dry_run {
        return Target::Stdout.write(text.as_bytes());
    }
    atomic::create(&path, text.as_bytes(), NewFile::AnyoneMayRead).map_err(|error| {
        Report::new(Code::WriteFile, format!("{}: {}", shown(&path), os_error(&error))).hint("nothing was written")
    })?;
    console.note(&format!("wrote {}: read it, then commit it", shown(&path)));
    Ok(())
}

/// The root of the git work tree that `folder` lies in; without one, `folder` itself.
pub(crate) fn root_of(folder: &Path) -> Result<PathBuf> {
    let failed =
        |error: std::io::Error| Report::new(Code::ReadFile, format!("{}: {}", shown(folder), os_error(&error)));
    if !std::fs::metadata(folder).map_err(failed)?.is_dir() {
        return Err(failed(std::io::ErrorKind::NotADirectory.into()));
    }
    let full = folder.canonicalize().map_err(failed)?;
    let root = full.ancestors().find(|ancestor| ancestor.join(".git").exists());
    Ok(match root {
        Some(root) if root != full => root.to_owned(),
        // Paths in messages stay as short as they were given.
        _ => folder.to_owned(),
    })
}

/// What was found, a line each, for people.
fn told(root: &Path, survey: &Survey) -> Vec<String> {
    let some = |count: usize, one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
    let names = |paths: &[PathBuf]| {
        const MOST: usize = 5;
        let more = paths.len().saturating_sub(MOST);
        let first: Vec<String> = paths.iter().take(MOST).map(|path| shown(path)).collect();
        first.join(", ") + &if more > 0 { format!(" and {more} more") } else { String::new() }
    };
    let sealed: usize = survey.sealed.iter().map(|(_, count)| count).sum();
    let mut lines = vec![format!(
        "{}: {} in {}, {}, {}",
        shown(root),
        some(sealed, "SealedSecret", "SealedSecrets"),
        some(survey.sealed.len(), "file", "files"),
        some(survey.kustomizations, "kustomization", "kustomizations"),
        some(survey.certificates.len(), "sealing certificate", "sealing certificates"),
    )];
    lines.extend(
        survey
            .certificates
            .iter()
            .map(|certificate| format!("{}: {}", shown(&certificate.path), certificate.description)),
    );
    if !survey.plain.is_empty() {
        let count = some(survey.plain.len(), "file holds", "files hold");
        lines.push(format!("{count} plain Secrets that git does not ignore: {}", names(&survey.plain)));
    }
    if !survey.keys.is_empty() {
        let count = some(survey.keys.len(), "file holds", "files hold");
        lines.push(format!("{count} PRIVATE sealing keys, which must not be committed: {}", names(&survey.keys)));
    }
    if survey.sops_rules {
        lines.push(".sops.yaml is there and wins for sops files".to_owned());
    }
    if !survey.sops.is_empty() {
        lines.push(format!("{}: {}", some(survey.sops.len(), "sops file", "sops files"), names(&survey.sops)));
    }
    if !survey.unreadable.is_empty() {
        let count = some(survey.unreadable.len(), "file", "files");
        lines.push(format!("{count} could not be read: {}", survey.unreadable.join("; ")));
    }
    lines
}
