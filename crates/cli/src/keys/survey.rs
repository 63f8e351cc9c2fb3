//! Where sealed values are: in files, in branches and tags, in the cluster; and so what a key is still needed for.

use std::path::PathBuf;
use std::sync::Arc;

use bulla_core::sealed::{Fingerprint, KeyRing};
use zeroize::Zeroizing;

use crate::cluster::block_on;
use crate::io::Console;
use crate::keys::cluster::{KeyCluster, Place};
use crate::keys::history::Repository;
use crate::keys::known::Key;
use crate::keys::uses::{Owner, Sighting, Sightings, Where};
use crate::progress::Progress;
use crate::report::{Code, Report, Result};
use crate::tree::{self, SealedFile};

/// Examples that a refusal names.
const NAMED: usize = 5;

/// Where to look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scene {
    /// Files and folders; none: the repository around the current folder.
    pub(crate) paths: Vec<PathBuf>,
    /// Whether branches and tags are looked through.
    pub(crate) history: bool,
}

/// What was looked at, and with which success: shown, because what was not seen may use the key.
#[derive(Clone, Debug, Default)]
pub(crate) struct Seen {
    pub(crate) files: usize,
    /// Versions of files in branches and tags; none if they were not looked at.
    pub(crate) versions: Option<usize>,
    /// Objects of the cluster, or why they are not known.
    pub(crate) cluster: Option<std::result::Result<usize, String>>,
    /// Files that mention SealedSecrets and cannot be read.
    pub(crate) unreadable: Vec<String>,
}

impl Sightings {
    /// Everything in files, branches and tags.
    pub(crate) fn add_files(&mut self, scene: &Scene, seen: &mut Seen, console: Console) -> Result<()> {
        let repository = Repository::around(&PathBuf::from("."));
        let paths = match (&scene.paths[..], &repository) {
            ([], Some(repository)) => vec![repository.root().to_owned()],
            ([], None) => vec![PathBuf::from(".")],
            (paths, _) => paths.to_vec(),
        };
        let root = repository.as_ref().map(|repository| repository.root().to_owned());
        let files = tree::files(&paths, true)?;
        seen.files = files.len();
        let progress = Progress::new("files read", files.len(), console);
        for path in &files {
            // Of a whole repository, paths are told as git tells them.
            let inside = root.as_ref().and_then(|root| path.strip_prefix(root).ok());
            let name = tree::shown(inside.unwrap_or(path));
            match crate::io::read(&crate::io::Source::File(path.clone())) {
                Ok(text) => self.add_text(path.clone(), text, &[(Where::WorkTree, name)], seen),
                Err(report) => seen.unreadable.push(report.message().to_owned()),
            }
            progress.step();
        }
        drop(progress);
        let Some(repository) = repository.filter(|_| scene.history) else { return Ok(()) };
        let versions = repository.versions()?;
        seen.versions = Some(versions.len());
        let progress = Progress::new("versions of files read", versions.len(), console);
        let passed_over = repository.contents(versions.keys(), |id, text| {
            if let Some(version) = versions.get(id) {
                let places: Vec<(Where, String)> = version.refs.iter().cloned().collect();
                self.add_text(version.path.clone(), text, &places, seen);
            }
            progress.step();
        })?;
        if passed_over > 0 {
            seen.unreadable.push(format!("{passed_over} versions of files are missing or larger than 4 MiB"));
        }
        Ok(())
    }

    fn add_text(&mut self, path: PathBuf, text: Zeroizing<Vec<u8>>, places: &[(Where, String)], seen: &mut Seen) {
        if !tree::mentions_sealed(&text) {
            return;
        }
        let file = match SealedFile::parse(&path, text) {
            Ok(file) => file,
            Err(report) => return seen.unreadable.push(report.message().to_owned()),
        };
        for sealed in file.objects().iter().filter_map(tree::Object::sealed) {
            for item in &sealed.items {
                let Some(text) = item.text() else { continue };
                for (place, name) in places {
                    let bound = (sealed.scope, sealed.namespace.to_owned(), sealed.name.to_owned());
                    let name = if *place == Where::WorkTree { format!("{name} ({})", item.key) } else { name.clone() };
                    self.add(text, bound, *place, name);
                }
            }
        }
    }

    /// Everything in the cluster. That it cannot be listed is kept, not an error: files tell something all the same.
    pub(crate) async fn add_cluster(&mut self, cluster: &KeyCluster, seen: &mut Seen) {
        seen.cluster = Some(match cluster.sealed_secrets().await {
            Ok(objects) => {
                objects.iter().for_each(|object| self.add_live(object));
                Ok(objects.len())
            }
            Err(report) => Err(report.message().to_owned()),
        });
    }

    /// The owner of each value.
    pub(crate) fn settle(&self, keys: &[Key], console: Console) -> Result<Vec<(&Sighting, Owner)>> {
        let ring = KeyRing::new(keys.iter().filter_map(|key| key.ring.as_ref().map(Arc::clone)));
        let progress = Progress::new("sealed values tried", self.len(), console);
        self.owners(&ring, || progress.step())
    }
}

/// Refuses if anything is found that needs the key, or if that cannot be known.
pub(crate) fn refuse_if_used(
    place: &Place,
    scene: &Scene,
    wanted: &Fingerprint,
    force: bool,
    console: Console,
) -> Result<()> {
    let (mut sightings, mut seen) = (Sightings::default(), Seen::default());
    sightings.add_files(scene, &mut seen, console)?;
    let keys = block_on(async {
        let cluster = KeyCluster::connect(place).await?;
        sightings.add_cluster(&cluster, &mut seen).await;
        cluster.keys(console).await
    })?;
    let owners = sightings.settle(&keys, console)?;
    let used: Vec<&Sighting> =
        owners.iter().filter(|(_, owner)| owner.key() == Some(wanted)).map(|(sighting, _)| *sighting).collect();
    let mut doubts: Vec<String> = seen.unreadable.clone();
    if let Some(Err(reason)) = &seen.cluster {
        doubts.push(format!("the cluster's objects are not known: {reason}"));
    }
    for line in Where::ALL.iter().filter_map(|place| examples(&used, *place)) {
        console.item(&format!("{wanted} is used in {line}"));
    }
    for doubt in &doubts {
        console.item(doubt);
    }
    if used.is_empty() && doubts.is_empty() {
        return Ok(());
    }
    if force {
        console.warn(&format!("{} values use the key, and it goes out of use all the same", used.len()));
        return Ok(());
    }
    let what = match (used.len(), doubts.len()) {
        (0, doubts) => format!("whether it is in use is not known ({doubts} places could not be read)"),
        (values, _) => format!("{values} sealed values still use it"),
    };
    Err(Report::new(Code::KeyInUse, format!("{wanted}: {what}; nothing was changed"))
        .hint("seal them again: bulla reseal; or, if you know better: --force; branches and tags can be left out: --no-history"))
}

/// `the work tree: a.yaml (k), b.yaml (k) and 3 more`
fn examples(used: &[&Sighting], place: Where) -> Option<String> {
    let mut names: Vec<&String> = used.iter().filter_map(|sighting| sighting.seen.get(&place)).flatten().collect();
    names.sort();
    names.dedup();
    let shown: Vec<String> = names.iter().take(NAMED).map(|name| name.to_string()).collect();
    let more = names.len().checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.map_or_else(String::new, |more| format!(" and {more} more"));
    (!names.is_empty()).then(|| format!("{}: {}{more}", place.words(), shown.join(", ")))
}
