//! Sealed values in every local branch and tag, through the `git` program: each version of a file is read once, whatever number of
//! branches have it. Nothing is checked out, fetched or written.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use zeroize::Zeroizing;

use crate::keys::uses::Where;
use crate::report::{Code, Report, Result, os_error};

/// A version of a file beyond this holds no manifest that a cluster would take.
const MAX_BLOB: u64 = 4 << 20;
/// The most that git may answer to a question about names.
const MAX_NAMES: u64 = 256 << 20;

/// One version of a file, and where it is.
pub(crate) struct Version {
    /// A path under which it is known.
    pub(crate) path: PathBuf,
    /// The branches and tags that have it.
    pub(crate) refs: BTreeSet<(Where, String)>,
}

/// A repository.
pub(crate) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The repository around `folder`, if there is one and git can be run.
    pub(crate) fn around(folder: &Path) -> Option<Self> {
        let output = git(folder).args(["rev-parse", "--show-toplevel"]).stderr(Stdio::null()).output().ok()?;
        let text = String::from_utf8(output.stdout).ok().filter(|_| output.status.success())?;
        Some(Self { root: PathBuf::from(text.trim_end_matches('\n')) })
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// The manifests of all local branches and tags, by the id of their content.
    pub(crate) fn versions(&self) -> Result<HashMap<String, Version>> {
        let refs = self.ask(&[
            "for-each-ref",
            "--format=%(refname)%00%(if)%(*tree)%(then)%(*tree)%(else)%(tree)%(end)",
            "refs/heads",
            "refs/tags",
        ])?;
        let mut trees: BTreeMap<String, BTreeSet<(Where, String)>> = BTreeMap::new();
        for line in String::from_utf8_lossy(&refs).lines() {
            // A tag of something that has no tree, a file say, holds no manifest.
            let Some((name, tree)) = line.split_once('\0').filter(|(_, tree)| is_id(tree)) else { continue };
            let place = match (name.strip_prefix("refs/heads/"), name.strip_prefix("refs/tags/")) {
                (Some(name), _) => (Where::Branch, name.to_owned()),
                (_, Some(name)) => (Where::Tag, name.to_owned()),
                _ => continue,
            };
            trees.entry(tree.to_owned()).or_default().insert(place);
        }
        let mut versions: HashMap<String, Version> = HashMap::new();
        for (tree, refs) in trees {
            for entry in self.ask(&["ls-tree", "-r", "-z", "--full-tree", &tree])?.split(|byte| *byte == 0) {
                let Some((id, path)) = file_of(entry) else { continue };
                let version = versions.entry(id).or_insert_with(|| Version { path, refs: BTreeSet::new() });
                version.refs.extend(refs.iter().cloned());
            }
        }
        Ok(versions)
    }

    /// Hands each content to `read`, one after the other. Contents that are too large are passed over, and counted.
    pub(crate) fn contents<'a>(
        &self,
        ids: impl Iterator<Item = &'a String>,
        mut read: impl FnMut(&str, Zeroizing<Vec<u8>>),
    ) -> Result<usize> {
        let mut child = git(&self.root)
            .args(["cat-file", "--batch", "--buffer"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(&os_error(&error)))?;
        let (Some(mut stdin), Some(stdout)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(failed("it has no pipes"));
        };
        let questions: String = ids.map(|id| format!("{id}\n")).collect();
        let total = questions.lines().count();
        let asking = std::thread::spawn(move || {
            // It ends early when git does; the answers say so.
            let _ = stdin.write_all(questions.as_bytes());
        });
        let mut answers = BufReader::new(stdout);
        let mut passed_over = 0;
        let mut outcome = Ok(());
        for _ in 0..total {
            match answer(&mut answers) {
                Ok(Some((id, content))) => read(&id, content),
                Ok(None) => passed_over += 1,
                Err(error) => {
                    outcome = Err(failed(&os_error(&error)));
                    break;
                }
            }
        }
        drop(answers);
        let _ = asking.join();
        let _ = child.wait();
        outcome.map(|()| passed_over)
    }

    fn ask(&self, words: &[&str]) -> Result<Vec<u8>> {
        let mut child = git(&self.root)
            .args(words)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|error| failed(&os_error(&error)))?;
        let mut text = Vec::new();
        if let Some(stdout) = child.stdout.take() {
            stdout.take(MAX_NAMES).read_to_end(&mut text).map_err(|error| failed(&os_error(&error)))?;
        }
        match child.wait() {
            Ok(status) if status.success() => Ok(text),
            _ => Err(failed(&format!("git {} did not succeed", words.first().copied().unwrap_or_default()))),
        }
    }
}

/// One answer of `git cat-file --batch`; none for what is missing or too large.
fn answer(answers: &mut impl std::io::BufRead) -> std::io::Result<Option<(String, Zeroizing<Vec<u8>>)>> {
    let mut head = String::new();
    answers.by_ref().take(1024).read_line(&mut head)?;
    let words: Vec<&str> = head.trim_end().split(' ').collect();
    let [id, kind, size] = words[..] else {
        return if head.trim_end().ends_with(" missing") {
            Ok(None)
        } else {
            Err(std::io::ErrorKind::UnexpectedEof.into())
        };
    };
    let size: u64 = size.parse().map_err(|_| std::io::ErrorKind::InvalidData)?;
    if kind != "blob" || size > MAX_BLOB {
        std::io::copy(&mut answers.by_ref().take(size + 1), &mut std::io::sink())?;
        return Ok(None);
    }
    let mut content = Zeroizing::new(vec![0; usize::try_from(size).unwrap_or(0)]);
    answers.read_exact(&mut content)?;
    let mut end = [0];
    answers.read_exact(&mut end)?;
    Ok(Some((id.to_owned(), content)))
}

/// Id and path of a line of `git ls-tree -z`, if it is a manifest.
fn file_of(entry: &[u8]) -> Option<(String, PathBuf)> {
    let at = entry.iter().position(|byte| *byte == b'\t')?;
    let (head, path) = (std::str::from_utf8(&entry[..at]).ok()?, String::from_utf8_lossy(&entry[at + 1..]));
    let mut words = head.split(' ');
    let (_mode, kind, id) = (words.next()?, words.next()?, words.next()?);
    let manifest = [".yaml", ".yml", ".json"].iter().any(|ending| path.to_ascii_lowercase().ends_with(ending));
    (kind == "blob" && manifest && is_id(id)).then(|| (id.to_owned(), PathBuf::from(path.into_owned())))
}

fn is_id(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// git, without a pager, a lock, a replacement, or a fetch of what a partial clone lacks.
fn git(folder: &Path) -> Command {
    let mut command = Command::new("git");
    command
        .arg("-C")
        .arg(folder)
        .arg("--no-pager")
        .env("GIT_OPTIONAL_LOCKS", "0")
        .env("GIT_NO_REPLACE_OBJECTS", "1")
        .env("GIT_NO_LAZY_FETCH", "1")
        .env("LC_ALL", "C")
        .stdin(Stdio::null());
    command
}

fn failed(what: &str) -> Report {
    Report::new(Code::GitFailed, format!("branches and tags cannot be read: {what}"))
        .hint("check with: git for-each-ref; or leave them out: --no-history")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_manifests_of_a_tree_count() {
        let id = "a".repeat(40);
        let line = |kind: &str, path: &str| file_of(format!("100644 {kind} {id}\t{path}").as_bytes());
        assert_eq!(line("blob", "apps/a b.yaml"), Some((id.clone(), "apps/a b.yaml".into())));
        assert!(line("blob", "x.YML").is_some() && line("blob", "x.json").is_some());
        assert!(line("blob", "x.txt").is_none() && line("commit", "x.yaml").is_none());
        assert!(file_of(b"").is_none() && file_of(b"100644 blob zz\tx.yaml").is_none());
    }

    #[test]
    fn answers_are_read_with_a_limit_and_never_beyond_their_end() {
        let text =
            format!("{0} blob 3\nabc\n{0} tree 2\nxx\n{1} missing\n{0} blob 0\n\n", "a".repeat(40), "b".repeat(40));
        let mut answers = text.as_bytes();
        let mut next = || answer(&mut answers).unwrap().map(|(_, content)| content.to_vec());
        assert_eq!(next(), Some(b"abc".to_vec()));
        assert_eq!(next(), None);
        assert_eq!(next(), None);
        assert_eq!(next(), Some(Vec::new()));
        assert!(answer(&mut &b""[..]).is_err());
        assert!(answer(&mut &b"x blob 5\nab"[..]).is_err());
        assert!(answer(&mut &b"x blob many\n"[..]).is_err());
    }
}
