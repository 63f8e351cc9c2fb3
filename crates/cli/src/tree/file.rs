//! A file and the documents in it.

use std::path::{Path, PathBuf};

use bulla_yaml::{Document, Limits};
use zeroize::Zeroizing;

use super::object::Object;
use super::walk::shown;
use crate::io::{Source, Target, input};
use crate::report::{Code, Report, Result, bad_manifest};

/// A file that has been read. Its text may hold plain Secrets.
pub(crate) struct SealedFile {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Every byte of it.
    pub(crate) text: Zeroizing<Vec<u8>>,
    /// Its documents, without those that are empty.
    pub(crate) documents: Vec<Document>,
}

/// Reads a file with a limit, and refuses one in which a merge is unfinished.
pub(crate) fn read(path: &Path) -> Result<SealedFile> {
    SealedFile::parse(path, input::read(&Source::File(path.to_owned()))?)
}

impl SealedFile {
    /// From a text that is already there.
    pub(crate) fn parse(path: &Path, text: Zeroizing<Vec<u8>>) -> Result<Self> {
        if let Some(line) = conflict_marker(&text) {
            let message = format!("{}: line {line}: a merge is unfinished (conflict markers)", shown(path));
            return Err(Report::new(Code::UnfinishedMerge, message)
                .hint("choose what is right and remove the lines with <<<<<<<, ======= and >>>>>>>, then try again"));
        }
        let documents = bulla_yaml::read_manifests(&text, &Limits::default())
            .map_err(|error| bad_manifest(&shown(path), &error))?;
        Ok(Self { path: path.to_owned(), text, documents })
    }

    /// The objects of all documents, Lists taken apart, in the order of the file.
    pub(crate) fn objects(&self) -> Vec<Object<'_>> {
        let documents = self.documents.iter().enumerate();
        documents.flat_map(|(index, document)| Object::of_document(index + 1, &document.root)).collect()
    }

    /// Puts the edited text in the place of the file, unless somebody else has changed it since it was read.
    pub(crate) fn replace(&self, edited: &[u8]) -> Result<()> {
        let now = match self.path.try_exists() {
            Ok(false) => Zeroizing::new(Vec::new()),
            _ => input::read(&Source::File(self.path.clone()))?,
        };
        if *now != *self.text {
            let message = format!("{}: the file changed while it was worked on; nothing was written", self.name());
            return Err(Report::new(Code::ChangedMeanwhile, message)
                .hint("look at the change (git diff), and run the command again"));
        }
        Target::File(self.path.clone()).write(edited)
    }

    /// The path as messages show it.
    pub(crate) fn name(&self) -> String {
        shown(&self.path)
    }
}

/// Whether the text can hold a SealedSecret at all, which spares reading the rest of a tree as YAML. (Whoever spells the
/// word with escapes hides an object from himself; the verbs that work on a file that is named do not ask this.)
pub(crate) fn mentions_sealed(text: &[u8]) -> bool {
    // What is no UTF-8 is refused with a place by the reader.
    std::str::from_utf8(text).map_or(true, |text| text.contains("SealedSecret"))
}

/// The line of the first marker that an unfinished merge left at the beginning of a line. No YAML or JSON that means
/// something has one there.
pub(crate) fn conflict_marker(text: &[u8]) -> Option<usize> {
    let is_marker = |line: &[u8]| {
        [&b"<<<<<<< "[..], b"||||||| ", b">>>>>>> "].iter().any(|marker| line.starts_with(marker))
            || line.trim_ascii_end() == b"======="
    };
    text.split(|byte| *byte == b'\n').position(is_marker).map(|index| index + 1)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    fn refused(text: &str) -> String {
        let file = SealedFile::parse(Path::new("f.yaml"), Zeroizing::new(text.as_bytes().to_vec()));
        file.err().map(|report| report.message().to_owned()).unwrap_or_default()
    }

    #[test]
    fn an_unfinished_merge_is_refused_with_its_line() {
        let text = "a: 1\n<<<<<<< HEAD\nb: 1\n=======\nb: 2\n>>>>>>> topic\n";
        assert_eq!(refused(text), "f.yaml: line 2: a merge is unfinished (conflict markers)");
        assert_eq!(refused("a: 1\n=======\r\n"), "f.yaml: line 2: a merge is unfinished (conflict markers)");
        for fine in ["a: |\n  <<<<<<< HEAD\n  =======\n", "a: \"<<<<<<< x\"\n", "<<: {}\n", "# ======= x\na: 1\n"] {
            assert_eq!(refused(fine), "", "{fine}");
        }
    }

    #[test]
    fn what_does_not_parse_is_named_with_its_place() {
        assert!(refused("a: [\n").starts_with("f.yaml: line "), "{}", refused("a: [\n"));
    }

    #[test]
    fn only_what_may_hold_a_sealed_secret_is_looked_at() {
        assert!(mentions_sealed(b"kind: SealedSecret\n"));
        assert!(mentions_sealed(b"kind: SealedSecretList\n"));
        assert!(mentions_sealed(b"\xff"));
        assert!(!mentions_sealed(b"kind: Secret\n"));
    }
}
