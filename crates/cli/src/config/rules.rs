//! Rules: which one a path has, and where its output goes.

use std::path::{Component, Path, PathBuf};
use std::sync::OnceLock;

use bulla_core::sealed::Scope;
use globset::{Glob, GlobBuilder, GlobMatcher};

use super::Format;

/// One of `rules`.
#[derive(Debug)]
pub(crate) struct Rule {
    path: Pattern,
    /// What the files are.
    #[allow(dead_code, reason = "sops files come with their own commands")]
    pub(crate) format: Format,
    /// The clusters to seal for, by name.
    pub(crate) clusters: Vec<String>,
    out: Option<String>,
    pub(super) scope: Option<Scope>,
}

/// One file that a rule asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Output {
    /// The cluster, if the rule names one.
    pub(crate) cluster: Option<String>,
    /// The path, relative to the folder of `.bulla.yaml`.
    pub(crate) path: PathBuf,
}

/// A glob that is compiled when it is first asked.
#[derive(Debug)]
struct Pattern {
    glob: Glob,
    matcher: OnceLock<GlobMatcher>,
}

impl Rule {
    pub(super) fn new(
        glob: Glob,
        format: Format,
        clusters: Vec<String>,
        out: Option<String>,
        scope: Option<Scope>,
    ) -> Self {
        Self { path: Pattern { glob, matcher: OnceLock::new() }, format, clusters, out, scope }
    }

    /// The pattern, as it is written.
    pub(crate) fn pattern(&self) -> &str {
        self.path.glob.glob()
    }

    /// Whether it is for this path, which is relative to the file.
    pub(super) fn matches(&self, path: &Path) -> bool {
        self.path.matcher.get_or_init(|| self.path.glob.compile_matcher()).is_match(path)
    }

    /// The files that the plain file `path` (relative to the file) is sealed into; none without `out`. An output outside of
    /// the repository is an error, which names it.
    pub(crate) fn outputs(&self, path: &Path) -> Result<Option<Vec<Output>>, PathBuf> {
        let Some(out) = &self.out else { return Ok(None) };
        let one = |cluster: Option<&String>| {
            let path = filled(out, &Plain::of(path), cluster.map(String::as_str));
            match inside(&path) {
                Some(path) => Ok(Output { cluster: cluster.cloned(), path }),
                None => Err(path),
            }
        };
        if self.clusters.is_empty() {
            return Ok(Some(vec![one(None)?]));
        }
        self.clusters.iter().map(|cluster| one(Some(cluster))).collect::<Result<_, _>>().map(Some)
    }

    /// The cluster whose output this path is, when some plain file that the rule is for has it as its output.
    pub(super) fn output_for(&self, path: &Path) -> Option<&String> {
        let out = self.out.as_deref()?;
        if !out.contains("{cluster}") {
            return None;
        }
        let text = path.to_str()?;
        self.clusters.iter().find(|cluster| fits(&out.replace("{cluster}", cluster), text))
    }
}

/// The parts of a plain file's path that a template may name.
struct Plain {
    dir: String,
    stem: String,
}

impl Plain {
    fn of(path: &Path) -> Self {
        let text =
            |part: Option<&std::ffi::OsStr>| part.map(|part| part.to_string_lossy().into_owned()).unwrap_or_default();
        let dir = text(path.parent().map(Path::as_os_str));
        Self { dir: if dir.is_empty() { ".".to_owned() } else { dir }, stem: text(path.file_stem()) }
    }
}

/// Compiles nothing yet: only a glob that is asked costs a regular expression.
pub(super) fn glob(text: &str) -> Result<Glob, String> {
    if text.is_empty() {
        return Err("the path is empty".to_owned());
    }
    if text.starts_with('/') || Path::new(text).components().any(|part| part == Component::ParentDir) {
        return Err("paths are relative to the folder of this file, and below it".to_owned());
    }
    let text = text.strip_prefix("./").unwrap_or(text);
    GlobBuilder::new(text).literal_separator(true).build().map_err(|error| format!("not a glob: {}", error.kind()))
}

/// Checks an `out` for a rule with so many clusters.
pub(super) fn template(out: Option<&str>, clusters: usize) -> Result<Option<String>, String> {
    let Some(out) = out else {
        return if clusters > 1 {
            Err("missing: with several clusters there is one file each, and `out` names it".to_owned())
        } else {
            Ok(None)
        };
    };
    let mut rest = out;
    while let Some(start) = rest.find('{') {
        let Some(length) = rest[start..].find('}') else { return Err("a `{` is not closed".to_owned()) };
        let name = &rest[start..=start + length];
        if !["{dir}", "{stem}", "{cluster}"].contains(&name) {
            return Err(format!("{name} is not known: there are {{dir}}, {{stem}} and {{cluster}}"));
        }
        rest = &rest[start + length + 1..];
    }
    if clusters > 1 && !out.contains("{cluster}") {
        return Err("does not name {cluster}: all clusters would write the same file".to_owned());
    }
    if clusters == 0 && out.contains("{cluster}") {
        return Err("names {cluster}, but the rule has no clusters".to_owned());
    }
    if !out.contains("{stem}") {
        return Err("does not name {stem}: all files would be sealed into the same one".to_owned());
    }
    if out.starts_with('/') || out.ends_with('/') {
        return Err("is the path of a file, relative to the folder of .bulla.yaml".to_owned());
    }
    Ok(Some(out.to_owned()))
}

fn filled(out: &str, plain: &Plain, cluster: Option<&str>) -> PathBuf {
    let mut path = String::new();
    let mut rest = out;
    while let Some(start) = rest.find('{') {
        path.push_str(&rest[..start]);
        // `template` has let only these three pass.
        let (value, length) = match &rest[start..] {
            name if name.starts_with("{dir}") => (plain.dir.as_str(), 5),
            name if name.starts_with("{stem}") => (plain.stem.as_str(), 6),
            _ => (cluster.unwrap_or_default(), 9),
        };
        path.push_str(value);
        rest = rest.get(start + length..).unwrap_or_default();
    }
    path.push_str(rest);
    PathBuf::from(path)
}

/// Whether a text could be made by an `out` whose `{dir}` and `{stem}` are open.
fn fits(out: &str, text: &str) -> bool {
    fn part(out: &str, text: &str) -> bool {
        let Some(start) = out.find('{') else { return out == text };
        let Some(rest) = text.strip_prefix(&out[..start]) else { return false };
        let (after, slashes) = match &out[start..] {
            open if open.starts_with("{dir}") => (&open[5..], true),
            open => (open.get(6..).unwrap_or_default(), false),
        };
        // `{dir}` of a file at the top is nothing at all.
        if slashes && after.strip_prefix('/').is_some_and(|after| part(after, rest)) {
            return true;
        }
        rest.char_indices()
            .map(|(at, letter)| (at + letter.len_utf8(), letter))
            .take_while(|(_, letter)| slashes || *letter != '/')
            .any(|(end, _)| part(after, &rest[end..]))
    }
    // A file's name is short, and there are two placeholders at most in practice; longer texts are nobody's output.
    out.matches('{').count() <= 3 && text.len() <= 4096 && part(out, text)
}

/// A path without `.` components.
pub(super) fn tidy(path: &Path) -> PathBuf {
    path.components().filter(|part| *part != Component::CurDir).collect()
}

/// The path with `.` and `..` worked in; none if it leaves the folder that it is relative to.
fn inside(path: &Path) -> Option<PathBuf> {
    let mut inside = PathBuf::new();
    for part in path.components() {
        match part {
            Component::CurDir => {}
            Component::Normal(name) => inside.push(name),
            Component::ParentDir => {
                if !inside.pop() {
                    return None;
                }
            }
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(inside)
}
