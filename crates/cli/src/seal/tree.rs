//! `bulla seal -r`: every plain Secret of a tree, each file into the place that the rules, `--out-dir` or `--in-place` say.
//!
//! First everything is read and planned: where each file goes and with which certificate. If that is not clear for one of them,
//! nothing at all is written. Then the files are sealed on all cores, each as a whole or not at all; one that fails is
//! told, and the others go on. A sealed file that is there already is brought up to date as by `--update`.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};

use bulla_core::sealed::{PlainSecret, SealingCertificate};
use bulla_yaml::{Document, Limits, Node};
use serde_json::{Value, json};
use zeroize::Zeroizing;

use super::{Options, in_place, limits, read_secret_noting, seal, settle};
use crate::cert::{self, Chosen};
use crate::config::{Cluster, Config, Rule};
use crate::io::atomic::Folders;
use crate::io::output::write_among;
use crate::io::{Console, Source, Target, input};
use crate::manifest::{self, Format};
use crate::memory::Memory;
use crate::parallel;
use crate::progress::Progress;
use crate::report::{Code, Report, Result, bad_manifest, os_error};
use crate::tree::{self, Kind, shown};
use crate::update::{self, Update};

/// Which files, and where they go.
#[derive(Clone, Debug)]
pub(crate) struct TreeOptions {
    /// Files and folders.
    pub(crate) paths: Vec<PathBuf>,
    /// Folders are walked.
    pub(crate) recursive: bool,
    /// For files without a rule that says where they go.
    pub(crate) out_dir: Option<PathBuf>,
    /// The same: replaced where they are.
    pub(crate) in_place: bool,
    /// Everything is done but the writing.
    pub(crate) dry_run: bool,
    /// A report in JSON.
    pub(crate) json: bool,
}

/// By the name of the cluster.
type Certificates = BTreeMap<Option<String>, SealingCertificate>;

/// A file with plain Secrets in it.
struct Job {
    path: PathBuf,
    text: Zeroizing<Vec<u8>>,
    documents: Vec<Document>,
    /// With the index of the document.
    secrets: Vec<(usize, PlainSecret)>,
    outputs: Vec<Place>,
    in_place: bool,
}

/// A file to write.
struct Place {
    path: PathBuf,
    /// By its name in `.bulla.yaml`; none: the certificate that is chosen without one.
    cluster: Option<String>,
}

/// What was found in a file.
enum Found {
    /// No plain Secret.
    Nothing,
    /// It may hold one, but is no manifest.
    Unreadable(Report),
    /// Plain Secrets; and what should be said of them.
    Secrets(Box<Job>, Vec<String>),
}

/// Runs the command.
pub(super) fn run(tree: &TreeOptions, options: &Options, console: Console) -> Result<()> {
    let first = tree.paths.first().map_or(Path::new("."), PathBuf::as_path);
    let folder = if first.is_dir() { first } else { first.parent().unwrap_or_else(|| Path::new("")) };
    let config = Config::find(folder)?;
    if let (Some(name), Some(config)) = (&options.certificate.cluster_name, &config) {
        config.cluster(name)?;
    }
    let plan = Plan { tree, options, config: config.as_ref() };

    let files = plan.files()?;
    let found = parallel::in_order(&files, |(root, path)| plan.inspect(root, path))?;
    let (mut jobs, mut reports, mut without) = (Vec::new(), Vec::new(), 0_usize);
    for ((_, path), found) in files.iter().zip(found) {
        match found? {
            Found::Nothing => without += 1,
            Found::Unreadable(report) => {
                console.warn(&format!("{}; skipped", report.message()));
                reports.push(json!({"source": path, "status": "skipped", "error": error_json(&report)}));
            }
            Found::Secrets(job, warnings) => {
                warnings.iter().for_each(|warning| console.warn(warning));
                jobs.push(*job);
            }
        }
    }
    plan.refuse_collisions(&jobs)?;
    let certificates = plan.certificates(&jobs, console)?;

    // Nothing is written when what would be written down of it could not be kept to oneself.
    let first = jobs.first().and_then(|job| job.outputs.first()).map(|output| output.path.as_path());
    let mut memory = first.map(Memory::open).transpose()?.flatten();

    let progress = Progress::new("files sealed", jobs.len(), console);
    let folders = Folders::default();
    let results = parallel::each(&jobs, |job| {
        let result = plan.seal(job, &certificates, &folders);
        progress.step();
        result
    });
    drop(folders);
    drop(progress);
    let (mut secrets, mut written, mut failed, mut open) = (0, 0, 0, 0);
    for (job, result) in jobs.iter().zip(results) {
        match result {
            Some(Ok(fresh)) => {
                if let Some(memory) = memory.as_mut().filter(|_| !tree.dry_run) {
                    job.remember(&fresh, &certificates, memory);
                }
                secrets += job.secrets.len();
                written += job.outputs.len();
                if tree.dry_run {
                    console.note(&job.line());
                }
                reports.push(job.report("sealed", &certificates));
            }
            Some(Err(report)) => {
                failed += 1;
                console.report(&report);
                let mut entry = job.report("failed", &certificates);
                entry["error"] = error_json(&report);
                reports.push(entry);
            }
            None => open += 1,
        }
    }
    if let Some(memory) = memory {
        memory.save(console);
    }
    let would = if tree.dry_run { "would seal" } else { "sealed" };
    let sealed = jobs.len() - failed - open;
    console
        .note(&format!("{would} {secrets} Secrets of {sealed} files into {written} files; {without} files hold none"));
    if tree.in_place && !tree.dry_run && sealed > 0 {
        console.note(
            "what was committed in plain text before stays in the history of the repository: change those values",
        );
    }
    if tree.json {
        let report = json!({
            "dryRun": tree.dry_run, "files": reports, "secrets": secrets, "sealedFiles": sealed, "writtenFiles": written,
            "failedFiles": failed, "filesWithoutSecrets": without,
        });
        Target::Stdout.write(format!("{report:#}\n").as_bytes())?;
    }
    if open > 0 {
        return Err(parallel::interrupted(jobs.len() - open, jobs.len()));
    }
    if failed > 0 {
        return Err(Report::new(Code::SomeFailed, format!("{failed} of {} files were not sealed", jobs.len()))
            .hint("each is told above, and left as it was; the others are done"));
    }
    Ok(())
}

/// The decisions for one run.
struct Plan<'a> {
    tree: &'a TreeOptions,
    options: &'a Options,
    config: Option<&'a Config>,
}

impl Plan<'_> {
    /// Every file with the argument that it comes from, each once.
    fn files(&self) -> Result<Vec<(PathBuf, PathBuf)>> {
        let (mut files, mut seen) = (Vec::new(), BTreeSet::new());
        for root in &self.tree.paths {
            for path in tree::files(std::slice::from_ref(root), self.tree.recursive)? {
                if seen.insert(path.clone()) {
                    files.push((root.clone(), path));
                }
            }
        }
        Ok(files)
    }

    /// Reads a file. The error is one for which nothing may be written anywhere.
    fn inspect(&self, root: &Path, path: &Path) -> Result<Found> {
        let text = input::read(&Source::File(path.to_owned()))?;
        if !text.windows(6).any(|window| window == b"Secret") {
            return Ok(Found::Nothing);
        }
        let name = shown(path);
        let rule = self.config.and_then(|config| config.rule(path));
        let documents = match bulla_yaml::read_manifests(&text, &Limits::default()) {
            Ok(documents) => documents,
            // A template of a chart is no manifest; where a rule wants Secrets, it has to be one.
            Err(error) if rule.is_none() => return Ok(Found::Unreadable(bad_manifest(&name, &error))),
            Err(error) => return Err(bad_manifest(&name, &error)),
        };
        let (mut secrets, mut warnings) = (Vec::new(), Vec::new());
        for (index, document) in documents.iter().enumerate() {
            let place = if documents.len() > 1 { format!("{name}: document {}", index + 1) } else { name.clone() };
            for object in tree::Object::of_document(index + 1, &document.root) {
                if object.kind != Kind::Secret || object.node.entries().is_none() || object.node.get("kind").is_none() {
                    continue;
                }
                if object.in_list.is_some() {
                    return Err(Report::new(
                        Code::IsAList,
                        format!("{place}: a Secret in a List; Secrets are sealed one by one"),
                    )
                    .hint("take it apart: yq -o json '.items[]' FILE, and put the Secrets into files of their own"));
                }
                let mut secret = read_secret_noting(&place, document, &mut warnings)?;
                settle(&place, &mut secret, self.options, rule.and_then(Rule::scope), None, &mut warnings)?;
                limits::check(&place, &secret)?;
                secrets.push((index, secret));
            }
        }
        if secrets.is_empty() {
            return Ok(Found::Nothing);
        }
        let Some((outputs, in_place)) = self.outputs(root, path, rule)? else { return Ok(Found::Nothing) };
        Ok(Found::Secrets(
            Box::new(Job { path: path.to_owned(), text, documents, secrets, outputs, in_place }),
            warnings,
        ))
    }

    /// Where a file goes. None: it is for another cluster than `--cluster` names.
    fn outputs(&self, root: &Path, path: &Path, rule: Option<&Rule>) -> Result<Option<(Vec<Place>, bool)>> {
        let choice = &self.options.certificate;
        if let (Some(config), Some(rule)) = (self.config, rule) {
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
            if let Some(outputs) = outputs {
                let one_for_all =
                    choice.given.is_some() || choice.cluster.kubeconfig.is_some() || choice.cluster.context.is_some();
                if one_for_all && choice.cluster_name.is_none() && outputs.len() > 1 {
                    return Err(Report::new(
                        Code::WhichCluster,
                        format!(
                            "{}: the rule {} seals for {}, but one certificate is given for all",
                            shown(path),
                            rule.pattern(),
                            rule.clusters.join(", ")
                        ),
                    )
                    .hint("say for which of them it is: --cluster NAME; or leave the certificate to .bulla.yaml"));
                }
                let wanted = choice.cluster_name.as_ref();
                let outputs: Vec<Place> = outputs
                    .into_iter()
                    .filter(|output| wanted.is_none() || output.cluster.is_none() || output.cluster.as_ref() == wanted)
                    .map(|output| Place {
                        path: from_here(config.folder().join(output.path)),
                        cluster: output.cluster.or_else(|| wanted.cloned()),
                    })
                    .collect();
                return Ok((!outputs.is_empty()).then_some((outputs, false)));
            }
        }
        let cluster = cert::entry(choice, self.config, Some(path))?.map(|cluster| cluster.name.clone());
        if let Some(folder) = &self.tree.out_dir {
            let below = path.strip_prefix(root).ok().filter(|below| !below.as_os_str().is_empty());
            let below = below.map(Path::to_owned).or_else(|| {
                // `.` is left out of the paths below it.
                if root == Path::new(".") { Some(path.to_owned()) } else { path.file_name().map(PathBuf::from) }
            });
            return Ok(below.map(|below| (vec![Place { path: folder.join(below), cluster }], false)));
        }
        if self.tree.in_place {
            return Ok(Some((vec![Place { path: path.to_owned(), cluster }], true)));
        }
        Err(Report::new(
            Code::NoPlace,
            format!("{}: nothing says where its sealed file goes; nothing was written", shown(path)),
        )
        .hint(
            "by a rule of .bulla.yaml: {path: …, out: \"{dir}/{stem}.sealed.yaml\"}\n\
             or into a folder of its own, as the tree is: --out-dir DIR\n\
             or into the same file, whose plain Secrets are replaced: --in-place",
        ))
    }

    /// Two files for one place, or a sealed file in the place of a plain one.
    fn refuse_collisions(&self, jobs: &[Job]) -> Result<()> {
        let full = |path: &Path| {
            std::path::absolute(path).unwrap_or_else(|_| path.to_owned()).components().collect::<PathBuf>()
        };
        let plain: HashMap<PathBuf, &Job> = jobs.iter().map(|job| (full(&job.path), job)).collect();
        let mut taken: HashMap<PathBuf, &Job> = HashMap::new();
        for job in jobs {
            for output in &job.outputs {
                let path = full(&output.path);
                if !job.in_place && plain.contains_key(&path) {
                    return Err(Report::new(
                        Code::NoPlace,
                        format!(
                            "{}: its sealed file would replace the plain {}",
                            shown(&job.path),
                            shown(&output.path)
                        ),
                    )
                    .hint("choose another `out` or --out-dir; to replace plain Secrets where they are: --in-place"));
                }
                if let Some(other) = taken.insert(path, job) {
                    return Err(Report::new(
                        Code::NoPlace,
                        format!(
                            "{} and {} would both be sealed into {}",
                            shown(&other.path),
                            shown(&job.path),
                            shown(&output.path)
                        ),
                    )
                    .hint("rename one, or use {dir} and {stem} in `out`"));
                }
            }
        }
        Ok(())
    }

    /// One certificate for each cluster that is sealed for.
    fn certificates(&self, jobs: &[Job], console: Console) -> Result<Certificates> {
        let clusters: BTreeSet<&Option<String>> =
            jobs.iter().flat_map(|job| &job.outputs).map(|output| &output.cluster).collect();
        let policy = self.config.map(|config| config.policy.clone()).unwrap_or_default();
        let mut certificates = BTreeMap::new();
        for name in clusters {
            let cluster: Option<&Cluster> = match (name, self.config) {
                (Some(name), Some(config)) => Some(config.cluster(name)?),
                _ => None,
            };
            let Chosen { certificate, .. } = cert::choose(&self.options.certificate, cluster, &policy, console)?;
            certificates.insert(name.clone(), certificate);
        }
        Ok(certificates)
    }

    /// Seals one file, for each of its clusters, and then writes. Gives what was sealed anew.
    fn seal(&self, job: &Job, certificates: &Certificates, folders: &Folders) -> Result<Vec<Fresh>> {
        let (mut texts, mut fresh, mut updates) = (Vec::new(), Vec::new(), Vec::new());
        for output in &job.outputs {
            let Some(certificate) = certificates.get(&output.cluster) else { continue };
            if !job.in_place && output.path.exists() {
                refuse_foreign(&output.path)?;
                updates.push((output, certificate));
                continue;
            }
            let mut objects = BTreeMap::new();
            for (index, secret) in &job.secrets {
                objects.insert(*index, seal(secret, certificate)?);
            }
            texts.push((output, job.text(output, &objects, self.options.format)?));
            fresh.push(Fresh { cluster: output.cluster.clone(), objects });
        }
        if self.tree.dry_run {
            return Ok(fresh);
        }
        for (output, text) in texts {
            if let Some(folder) = output.path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
                std::fs::create_dir_all(folder).map_err(|error| {
                    Report::new(Code::WriteFile, format!("{}: {}", shown(folder), os_error(&error)))
                })?;
            }
            write_among(&output.path, &text, folders)?;
        }
        for (output, certificate) in updates {
            let options = update::Options { file: output.path.clone(), cluster: None };
            let secrets: Vec<&PlainSecret> = job.secrets.iter().map(|(_, secret)| secret).collect();
            Update::open(&options)?.finish(&secrets, certificate, self.options.format, Console::new(true))?;
        }
        Ok(fresh)
    }
}

/// What was sealed anew for a cluster, by the index of the document.
struct Fresh {
    cluster: Option<String>,
    objects: BTreeMap<usize, Value>,
}

impl Job {
    fn text(
        &self,
        output: &Place,
        objects: &BTreeMap<usize, Value>,
        format: Option<Format>,
    ) -> Result<Zeroizing<Vec<u8>>> {
        if self.in_place {
            return in_place::replaced(&self.text, &self.documents, objects).ok_or_else(|| {
                Report::new(
                    Code::NoPlace,
                    format!("{}: its Secrets cannot be replaced without touching the rest", shown(&self.path)),
                )
                .hint("put the Secrets into a file of their own, or seal into another file: --out-dir DIR")
            });
        }
        let format = format.or_else(|| Format::of_name(&output.path)).unwrap_or_else(|| Format::of_text(&self.text));
        let mut text = Zeroizing::new(Vec::new());
        for object in objects.values() {
            text.extend_from_slice(format.write(&manifest::sealed_secret(object)).as_bytes());
        }
        Ok(text)
    }

    fn remember(&self, fresh: &[Fresh], certificates: &Certificates, memory: &mut Memory) {
        for Fresh { cluster, objects } in fresh {
            let Some(certificate) = certificates.get(cluster) else { continue };
            for (index, secret) in &self.secrets {
                if let Some(object) = objects.get(index) {
                    super::remember(memory, secret, certificate.fingerprint(), object);
                }
            }
        }
    }

    fn names(&self) -> Vec<String> {
        let names = self.secrets.iter().map(|(_, secret)| match secret.namespace.as_str() {
            "" => secret.name.clone(),
            namespace => format!("{namespace}/{}", secret.name),
        });
        names.collect()
    }

    fn line(&self) -> String {
        let outputs: Vec<String> = self.outputs.iter().map(|output| shown(&output.path)).collect();
        format!("{} -> {}: {}", shown(&self.path), outputs.join(", "), self.names().join(", "))
    }

    fn report(&self, status: &str, certificates: &Certificates) -> Value {
        let outputs = self.outputs.iter().map(|output| {
            let fingerprint =
                certificates.get(&output.cluster).map(|certificate| certificate.fingerprint().to_string());
            json!({"path": output.path, "cluster": output.cluster, "fingerprint": fingerprint})
        });
        json!({"source": self.path, "status": status, "secrets": self.names(), "outputs": outputs.collect::<Vec<_>>()})
    }
}

/// A file that is there and holds anything but SealedSecrets is not replaced.
fn refuse_foreign(path: &Path) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    let file = tree::read(path)?;
    let foreign = file.objects().iter().any(|object| object.kind != Kind::SealedSecret && !is_empty(object.node));
    if foreign {
        return Err(Report::new(
            Code::NoPlace,
            format!("{}: is there already and holds more than SealedSecrets", shown(path)),
        )
        .hint("move it away, or choose another `out` or --out-dir"));
    }
    Ok(())
}

fn is_empty(node: &Node) -> bool {
    node.is_null()
}

fn error_json(report: &Report) -> Value {
    json!({"code": report.code().as_str(), "message": report.message()})
}

/// A path below the present folder without the way to it, as people write it.
fn from_here(path: PathBuf) -> PathBuf {
    let here = std::env::current_dir().and_then(|here| here.canonicalize());
    match here {
        Ok(here) => path.strip_prefix(here).map(Path::to_owned).unwrap_or(path),
        Err(_) => path,
    }
}
