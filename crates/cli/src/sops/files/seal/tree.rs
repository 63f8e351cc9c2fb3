//! `bulla seal -r` and `--in-place`: every file of a tree that a rule wants encrypted as a sops file, on all cores. The rest of the tree is
//! for SealedSecrets.

use std::path::{Path, PathBuf};

use ignore::WalkBuilder;
use serde_json::json;

use super::{Job, is_for_sops};
use crate::config::Config as BullaConfig;
use crate::io::atomic::Folders;
use crate::io::output::write_among;
use crate::io::{Console, Source, Target, read};
use crate::parallel;
use crate::report::{Code, Report, Result, chain, counted};
use crate::seal::{Options, TreeOptions};
use crate::sops::files::{self, SopsFile};
use crate::sops::trust::Keys;
use crate::tree::shown;

/// What is left for SealedSecrets after the sops files.
pub(crate) enum Rest {
    /// Nothing of this tree was for sops.
    All,
    /// These files.
    Files(Vec<PathBuf>),
}

/// A file that is to be sealed, and where it goes.
struct Planned {
    path: PathBuf,
    output: PathBuf,
}

/// Seals what is for sops, and says what is left.
pub(crate) fn run(tree: &TreeOptions, options: &Options, console: Console) -> Result<Rest> {
    if options.is_about_certificates() {
        return Ok(Rest::All);
    }
    let (mut jobs, mut rest, mut sealed_already) = (Vec::new(), Vec::new(), 0_usize);
    for root in &tree.paths {
        for path in candidates(root, tree.recursive)? {
            if !is_for_sops(&path)? {
                rest.push(path);
            } else if files::read(&path)?.is_some() {
                sealed_already += 1;
            } else {
                jobs.push(Planned { output: output(tree, root, &path)?, path });
            }
        }
    }
    if jobs.is_empty() && sealed_already == 0 {
        return Ok(Rest::All);
    }
    let keys = Keys::new()?;
    let folders = Folders::default();
    let results = parallel::each(&jobs, |job| seal(job, tree.dry_run, options, &keys, &folders, console));
    drop(folders);
    let (mut failed, mut open, mut reports) = (0, 0, Vec::new());
    for (job, result) in jobs.iter().zip(results) {
        let entry = |status: &str, error: Option<&Report>| json!({"source": job.path, "output": job.output, "status": status, "error": error.map(Report::message)});
        reports.push(match result {
            Some(Ok(())) => entry(if tree.dry_run { "would seal" } else { "sealed" }, None),
            Some(Err(report)) => {
                failed += 1;
                console.report(&report);
                entry("failed", Some(&report))
            }
            None => {
                open += 1;
                entry("open", None)
            }
        });
    }
    let would = if tree.dry_run { "would seal" } else { "sealed" };
    console.note(&format!(
        "{would} {} in sops' format; {sealed_already} were sealed already",
        counted(jobs.len() - failed - open, "file")
    ));
    if tree.json {
        let report =
            json!({"dryRun": tree.dry_run, "files": reports, "failedFiles": failed, "sealedAlready": sealed_already});
        Target::Stdout.write(format!("{report:#}\n").as_bytes())?;
    }
    if open > 0 {
        return Err(parallel::interrupted(jobs.len() - open, jobs.len()));
    }
    if failed > 0 {
        return Err(Report::new(Code::SomeFailed, format!("{failed} of {} files were not sealed", jobs.len()))
            .hint("each is told above, and left as it was; the others are done"));
    }
    rest.retain(|path| may_hold_secrets(path));
    Ok(Rest::Files(rest))
}

fn seal(
    job: &Planned,
    dry_run: bool,
    options: &Options,
    keys: &Keys,
    folders: &Folders,
    console: Console,
) -> Result<()> {
    let source = Source::File(job.path.clone());
    let text = read(&source)?;
    let before: Option<SopsFile> =
        if job.output != job.path && job.output.is_file() { files::read(&job.output)? } else { None };
    let work =
        Job { name: source.to_string(), path: &job.path, output: &job.output, text: &text, before: before.as_ref() };
    let sealed = work.seal(keys, options.layout, console)?;
    if dry_run {
        console.note(&format!("{} -> {}", shown(&job.path), shown(&job.output)));
        return Ok(());
    }
    if let Some(folder) = job.output.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        std::fs::create_dir_all(folder).map_err(|error| {
            Report::new(Code::WriteFile, format!("{}: {}", shown(folder), crate::report::os_error(&error)))
        })?;
    }
    write_among(&job.output, &sealed, folders)
}

/// Where a file goes: as the rule of `.bulla.yaml` says, else the flags.
fn output(tree: &TreeOptions, root: &Path, path: &Path) -> Result<PathBuf> {
    let folder = path.parent().unwrap_or_else(|| Path::new(""));
    if let Some(config) = BullaConfig::find(folder)?
        && let Some(rule) = config.rule(path)
    {
        let relative = config.relative(path).unwrap_or_else(|| path.to_owned());
        let outputs = rule.outputs(&relative).map_err(|outside| {
            Report::new(
                Code::NoPlace,
                format!(
                    "{}: the rule {} would write {}, outside of the repository",
                    shown(path),
                    rule.pattern(),
                    shown(&outside)
                ),
            )
            .hint("mend `out` in .bulla.yaml")
        })?;
        if let Some(output) = outputs.and_then(|outputs| outputs.into_iter().next()) {
            return Ok(config.folder().join(output.path));
        }
    }
    if let Some(folder) = &tree.out_dir {
        let below = path.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty());
        return Ok(
            folder.join(below.map_or_else(|| path.file_name().map(PathBuf::from).unwrap_or_default(), Path::to_owned))
        );
    }
    if tree.in_place {
        return Ok(path.to_owned());
    }
    Err(Report::new(Code::NoPlace, format!("{}: nothing says where its sealed file goes; nothing was written", shown(path)))
        .hint("into the same file: --in-place\nor into a folder of its own, as the tree is: --out-dir DIR\nor by `out` of a rule in .bulla.yaml"))
}

/// The files of a tree in the formats of sops, in order; none that `.gitignore` excludes, and no rules.
fn candidates(root: &Path, recursive: bool) -> Result<Vec<PathBuf>> {
    if !root.is_dir() || !recursive {
        return crate::tree::files(std::slice::from_ref(&root.to_owned()), recursive);
    }
    let mut found = Vec::new();
    let walk = WalkBuilder::new(root).require_git(false).ignore(false).sort_by_file_name(Ord::cmp).build();
    for entry in walk {
        let entry =
            entry.map_err(|error| Report::new(Code::ReadFile, format!("{}: {}", shown(root), chain(&error))))?;
        let path = entry.path();
        let ending = path.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
        if entry.file_type().is_some_and(|kind| kind.is_file())
            && ["yaml", "yml", "json", "env", "ini"].contains(&ending)
        {
            found.push(if root == Path::new(".") {
                path.strip_prefix(".").unwrap_or(path).to_owned()
            } else {
                path.to_owned()
            });
        }
    }
    Ok(found)
}

/// Whether a file may hold a plain Secret.
fn may_hold_secrets(path: &Path) -> bool {
    let is_manifest = path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml" || ending == "json");
    is_manifest && std::fs::read(path).is_ok_and(|text| text.windows(6).any(|window| window == b"Secret"))
}
