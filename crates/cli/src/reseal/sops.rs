//! sops files among what is resealed.

use std::path::{Path, PathBuf};

use super::Options;
use super::outcome::{FileReport, FileState, Mode};
use crate::io::Console;
use crate::parallel;
use crate::progress::Progress;
use crate::report::{Report, Result};
use crate::sops::trust::{Keys, reseal};
use crate::tree::shown;

/// Brings them to their rules, on all cores; each data key is unwrapped once.
pub(super) fn settle(
    paths: &[PathBuf],
    options: &Options,
    console: Console,
) -> Result<(Vec<FileReport>, Option<Report>)> {
    if paths.is_empty() {
        return Ok((Vec::new(), None));
    }
    let keys = Keys::new()?;
    let progress = Progress::new("files", paths.len(), console);
    let reports = parallel::each_waiting(paths, |path| {
        let report = one(path, options, &keys);
        progress.step();
        report
    });
    let done = reports.iter().flatten().count();
    let stopped = (done < paths.len()).then(|| parallel::interrupted(done, paths.len()));
    Ok((reports.into_iter().flatten().collect(), stopped))
}

fn one(path: &Path, options: &Options, keys: &Keys) -> FileReport {
    let (state, lines, error) = match settled(path, options, keys) {
        Ok((state, lines)) => (state, lines, None),
        Err(report) => {
            let words = super::in_words(&report);
            let name = format!("{}: ", shown(path));
            let first = report.cure().lines().next().unwrap_or_default().to_owned();
            let words = words.strip_prefix(&name).map_or(words.clone(), str::to_owned);
            (FileState::Failed, Vec::new(), Some(format!("{words}; {first}")))
        }
    };
    FileReport { sops: Some(lines), error, ..FileReport::new(path, state) }
}

fn settled(path: &Path, options: &Options, keys: &Keys) -> Result<(FileState, Vec<String>)> {
    let (file, stale) = reseal::settle(path, options.sops, keys)?;
    let state = match (&stale.bytes, options.mode) {
        _ if stale.lines.is_empty() => FileState::Fresh,
        (Some(bytes), Mode::Write) => {
            file.replace(bytes)?;
            FileState::Resealed
        }
        (Some(_), _) => FileState::Resealed,
        (None, _) => FileState::Stale,
    };
    Ok((state, stale.lines))
}
