//! `bulla verify`: is what lies in the repository well-formed, bound, fresh and complete? Without any private key.
//!
//! Which way the data goes: `crate::tree` finds the files; `file` says what one file tells, on all cores; `across` compares all of
//! them; `certificates` looks at what they should be sealed with; `online` asks the controller, if that is wanted; `report`
//! writes. `rules` has the rules with their numbers, which stay.

mod across;
mod certificates;
pub(crate) mod file;
mod finding;
mod names;
mod online;
mod report;
mod rules;
mod sops;

use std::collections::HashSet;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use self::certificates::Certificates;
use self::file::{Context, Facts};
use self::finding::Finding;
use self::report::Looked;
use crate::cert::Given;
use crate::config::Config;
use crate::io::{Console, Source, input, output};
use crate::parallel;
use crate::progress::Progress;
use crate::report::{Code, Exit, Report, Result, counted, os_error};
use crate::reseal::online::Identity;
use crate::service_proxy::Place;
use crate::tree;

pub(crate) use self::report::ReportFormat;
pub(crate) use self::rules::Rule;
pub(crate) use self::sops::Demand;

/// What to look at.
#[derive(Debug)]
pub(crate) struct Options {
    /// Files and folders.
    pub(crate) paths: Vec<PathBuf>,
    /// The certificate that everything should be sealed with.
    pub(crate) certificate: Option<Given>,
    /// How old a certificate may be.
    pub(crate) max_age: Option<SignedDuration>,
    /// The controller to ask, and as whom.
    pub(crate) online: Option<(Place, Option<Identity>)>,
    /// Rules that count for nothing.
    pub(crate) ignored: Vec<Rule>,
    /// What is demanded of sops files.
    pub(crate) sops: Demand,
    pub(crate) format: ReportFormat,
}

/// Runs the command.
pub(crate) fn run(options: &Options, console: Console) -> Result<Exit> {
    let mut paths = tree::files(&options.paths, true)?;
    let known: HashSet<PathBuf> = paths.iter().cloned().collect();
    // Those of other names than manifests have.
    paths.extend(crate::sops::files::find(&options.paths)?.into_iter().filter(|path| !known.contains(path)));
    let config = Config::find(Path::new("."))?;
    let now = Timestamp::now();
    let certificates = Certificates::load(options.certificate.as_ref(), config.as_ref())?;
    let progress = Progress::new("files", paths.len(), console);
    let files = parallel::in_order(&paths, |path| {
        let facts = look(path, options, config.as_ref(), &certificates);
        progress.step();
        facts
    })?;
    drop(progress);
    let files: Vec<Facts> = files.into_iter().collect::<Result<_>>()?;

    let policy = config.as_ref().and_then(|config| config.policy.certificate_max_age);
    let mut findings = certificates.check(options.max_age.or(policy), now);
    findings.extend(across::check(&files));
    if let Some((place, identity)) = &options.online {
        findings.extend(online::check(&files, place, identity.as_ref(), console)?);
    }
    findings.extend(files.iter().flat_map(|facts| facts.findings.iter().cloned()));
    findings.retain(|finding| !options.ignored.contains(&finding.rule));
    findings.sort_by(|a, b| (&a.file, a.place(), a.rule, &a.message).cmp(&(&b.file, b.place(), b.rule, &b.message)));

    let looked = looked(&paths, &files, &findings);
    let text = report::write(options.format, &findings, &looked);
    output::write_stdout(text.as_bytes())
        .map_err(|error| Report::new(Code::WriteOutput, format!("write standard output: {}", os_error(&error))))?;
    tell(&findings, &looked, console);
    Ok(if findings.is_empty() { Exit::Done } else { Exit::Attention })
}

fn look(path: &Path, options: &Options, config: Option<&Config>, certificates: &Certificates) -> Result<Facts> {
    let named = options.paths.iter().any(|named| named == path);
    let text = input::read(&Source::File(path.to_owned()))?;
    if crate::sops::files::detect(path, &text).is_some() {
        return Ok(Facts { findings: sops::check(path, text, &options.sops), sops: true, ..Facts::default() });
    }
    let cluster = config.and_then(|config| config.cluster_of(path)).map(|cluster| cluster.name.as_str());
    let context = Context {
        modulus: certificates.modulus(cluster),
        cluster,
        plain: config.map(|config| config.policy.plain_secrets),
    };
    Ok(file::check(path, text, named, context))
}

fn looked(paths: &[PathBuf], files: &[Facts], findings: &[Finding]) -> Looked {
    let counts = |facts: &Facts| facts.sops || !facts.objects.is_empty() || !facts.findings.is_empty();
    let mut names: Vec<String> =
        paths.iter().zip(files).filter(|(_, facts)| counts(facts)).map(|(path, _)| tree::shown(path)).collect();
    for finding in findings {
        if !names.contains(&finding.file) {
            names.push(finding.file.clone());
        }
    }
    Looked {
        files: names,
        objects: files.iter().map(|facts| facts.objects.len()).sum(),
        values: files.iter().map(|facts| facts.values.len()).sum(),
        templates: files.iter().filter(|facts| facts.template).count(),
        sops: files.iter().filter(|facts| facts.sops).count(),
    }
}

fn tell(findings: &[Finding], looked: &Looked, console: Console) {
    if looked.templates > 0 {
        console.note(&format!("{} left out, being templates of manifests", counted(looked.templates, "file")));
    }
    let (objects, values) = (counted(looked.objects, "SealedSecret"), counted(looked.values, "value"));
    let found = if findings.is_empty() { "nothing found".to_owned() } else { counted(findings.len(), "finding") };
    let sops = match looked.sops {
        0 => String::new(),
        count => format!(" and {}", counted(count, "sops file")),
    };
    console.note(&format!("{objects} with {values}{sops} in {}: {found}", counted(looked.files.len(), "file")));
}
