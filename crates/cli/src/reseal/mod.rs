//! `bulla reseal`: values of a work tree that an older key sealed are sealed again with the newest one.
//!
//! Which way the data goes: `crate::tree` finds the files; `file` gathers the sealed values of each with the place that they
//! are bound to; `offline` (private keys at hand) or `online` (the controller, in batches) gives a verdict on each; `file`
//! splices the new texts in and replaces the file; `outcome` tells. A value is opened for the scope, namespace and name
//! that the object's own metadata state, and sealed for the same: no scope is ever widened.
//!
//! There is no state file: which key sealed a value is found out by opening it, so a run that was killed is continued by
//! running it again. A file is replaced as a whole or not at all, and one with a value that does not open stays as it is.

mod file;
mod keys;
mod offline;
pub(crate) mod online;
mod outcome;
mod sops;

use std::collections::HashSet;
use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::PoisonError;

use jiff::Timestamp;

use self::file::{Loaded, Work};
use self::keys::Keys;
use self::online::Asker;
use self::outcome::{FileReport, Mode, Summary};
use crate::cert::Given;
use crate::io::{Console, Source};
use crate::parallel;
use crate::progress::Progress;
use crate::report::{Code, Exit, Report, Result, counted};
use crate::tree;

/// Files whose values go to the controller together.
const FILES_AT_ONCE: usize = 256;

/// What to reseal, and with what.
#[derive(Debug)]
pub(crate) struct Options {
    /// Files and folders.
    pub(crate) paths: Vec<PathBuf>,
    /// Who opens the values; without anybody, only sops files are resealed.
    pub(crate) opener: Option<Opener>,
    /// What is done to sops files.
    pub(crate) sops: crate::sops::trust::reseal::Options,
    /// Namespace for SealedSecrets that name none.
    pub(crate) namespace: Option<String>,
    /// Write, or only look.
    pub(crate) mode: Mode,
    /// The report as JSON.
    pub(crate) json: bool,
}

/// Who opens the values.
#[derive(Debug)]
pub(crate) enum Opener {
    /// Private keys at hand.
    Keys {
        /// Files with private keys, or backups.
        keys: Vec<Source>,
        /// The certificate to seal with.
        certificate: Option<Given>,
    },
    /// The controller.
    Controller(online::Options),
}

pub(crate) use self::outcome::Mode as ResealMode;

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let sops = crate::sops::files::find(&options.paths)?;
    let mut files = tree::files(&options.paths, true)?;
    let is_sops: HashSet<&PathBuf> = sops.iter().collect();
    files.retain(|path| !is_sops.contains(path));
    let named = |path: &PathBuf| options.paths.contains(path);
    if options.opener.is_none() && (sops.is_empty() || files.iter().any(&named)) {
        return Err(nobody());
    }
    let (sops_reports, sops_stopped) = sops::settle(&sops, options, console)?;
    let (mut reports, certificates, stopped) = match &options.opener {
        None => {
            tell_left_out(&files, console);
            (Vec::new(), Vec::new(), None)
        }
        Some(Opener::Keys { keys, certificate }) if !files.is_empty() || sops.is_empty() => {
            let keys = Keys::load(keys, certificate.as_ref(), Timestamp::now(), console)?;
            let progress = Progress::new("files", files.len(), console);
            // With fewer files than cores the values of one are shared out.
            let spread = files.len() < parallel::cores();
            let reports = parallel::each_waiting(&files, |path| {
                let report = match file::load(path, named(path), options.namespace.as_deref()) {
                    Ok(Loaded::Work(work)) => offline::settle(work, &keys, options.mode, spread),
                    other => FileReport::without_values(path, other),
                };
                progress.step();
                report
            });
            let done = reports.iter().flatten().count();
            let stopped = (done < files.len()).then(|| parallel::interrupted(done, files.len()));
            (reports.into_iter().flatten().collect::<Vec<_>>(), keys.used(), stopped)
        }
        Some(Opener::Keys { .. }) => (Vec::new(), Vec::new(), None),
        Some(Opener::Controller(place)) => {
            let asker = Asker::connect(place)?;
            let progress = Progress::new("files", files.len(), console);
            let _watch = parallel::Watch::begin();
            let mut reports = Vec::new();
            let mut stopped = None;
            for files in files.chunks(FILES_AT_ONCE) {
                if parallel::is_interrupted() {
                    stopped = Some(parallel::interrupted(reports.len(), progress.total()));
                    break;
                }
                match ask_about(files, &asker, options, &named) {
                    Ok(some) => reports.extend(some),
                    Err(report) => {
                        stopped = Some(report);
                        break;
                    }
                }
                progress.steps(files.len());
            }
            (reports, asker.certificates(), stopped)
        }
    };
    reports.extend(sops_reports);
    let stopped = stopped.or(sops_stopped);
    let summary = Summary::of(&reports, certificates);
    if options.json {
        outcome::print_json(&reports, &summary, options.mode)?;
    } else {
        outcome::print_changes(&reports)?;
    }
    summary.tell(&reports, options.mode, console);
    match stopped {
        Some(report) => Err(report),
        None => summary.verdict(options.mode),
    }
}

/// SealedSecrets are not passed over in silence.
fn tell_left_out(files: &[PathBuf], console: Console) {
    let mentions = |path: &&PathBuf| {
        crate::io::input::read(&Source::File((*path).clone())).is_ok_and(|text| tree::mentions_sealed(&text))
    };
    let count = files.iter().filter(mentions).count();
    if count > 0 {
        let files = counted(count, "file");
        console.note(&format!("{files} with SealedSecrets left out: nobody is named who can open them (--key FILE)"));
    }
}

/// Nobody is named who can open SealedSecrets.
fn nobody() -> Report {
    Report::new(Code::NoKeyGiven, "nobody is named who can open the values").hint(
        "with private keys: bulla reseal --key keys.yaml\n\
         through the controller: bulla reseal --service-account NAMESPACE/ACCOUNT (or --token-file FILE)",
    )
}

/// One batch of files through the controller.
fn ask_about(
    files: &[PathBuf],
    asker: &Asker,
    options: &Options,
    named: &(impl Fn(&PathBuf) -> bool + Sync),
) -> Result<Vec<FileReport>> {
    let loaded = parallel::each(files, |path| file::load(path, named(path), options.namespace.as_deref()));
    let mut works: Vec<Work> = Vec::new();
    let mut slots: Vec<std::result::Result<usize, FileReport>> = Vec::new();
    for (path, loaded) in files.iter().zip(loaded) {
        let Some(loaded) = loaded else { return Err(parallel::interrupted(0, files.len())) };
        slots.push(match loaded {
            Ok(Loaded::Work(work)) => {
                works.push(work);
                Ok(works.len() - 1)
            }
            other => Err(FileReport::without_values(path, other)),
        });
    }
    asker.settle(&mut works)?;
    let works: Vec<Mutex<Option<Work>>> = works.into_iter().map(|work| Mutex::new(Some(work))).collect();
    let finished = parallel::each_waiting(&works, |work| {
        // Each is taken once.
        let work = work.lock().unwrap_or_else(PoisonError::into_inner).take();
        work.map(|work| work.finish(options.mode))
    });
    let mut finished: Vec<Option<FileReport>> = finished.into_iter().map(Option::flatten).collect();
    Ok(slots
        .into_iter()
        .filter_map(|slot| match slot {
            Ok(index) => finished[index].take(),
            Err(report) => Some(report),
        })
        .collect())
}

/// A report without its hint, for tables.
fn in_words(report: &Report) -> String {
    format!("{} ({})", report.message(), report.code().as_str())
}
