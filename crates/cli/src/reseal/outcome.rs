//! What became of files and values, in words and as JSON.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::file::Loaded;
use crate::io::{Console, output};
use crate::report::{Code, Exit, Report, Result, counted, harmless, os_error};
use crate::tree::shown;

/// Write, or only look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Replace files.
    Write,
    /// Everything but the replacing.
    DryRun,
    /// Only find out what is stale.
    Check,
}

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum FileState {
    /// No SealedSecret in it.
    Nothing,
    /// Not a manifest, but a template of one.
    Template,
    /// Nothing was to be done.
    Fresh,
    /// Something is to be done (`--check`).
    Stale,
    /// It was done.
    Resealed,
    /// It is as it was.
    Failed,
}

/// What became of one file.
pub(super) struct FileReport {
    pub(super) path: PathBuf,
    pub(super) state: FileState,
    /// What is wrong with the file as a whole.
    pub(super) error: Option<String>,
    /// Those that are not simply fresh.
    pub(super) values: Vec<ValueReport>,
    pub(super) fresh: usize,
    pub(super) stale: usize,
    pub(super) failed: usize,
    /// A sops file: what is stale about it, in lines. None: another file.
    pub(super) sops: Option<Vec<String>>,
}

/// What became of one value.
#[derive(Serialize)]
pub(super) struct ValueReport {
    pub(super) document: usize,
    #[serde(rename = "listItem", skip_serializing_if = "Option::is_none")]
    pub(super) in_list: Option<usize>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) state: &'static str,
    #[serde(rename = "sealedWith", skip_serializing_if = "Option::is_none")]
    pub(super) sealed_with: Option<String>,
    #[serde(rename = "error", skip_serializing_if = "Option::is_none")]
    pub(super) why: Option<String>,
}

impl FileReport {
    pub(super) fn new(path: &Path, state: FileState) -> Self {
        Self {
            path: path.to_owned(),
            state,
            error: None,
            values: Vec::new(),
            fresh: 0,
            stale: 0,
            failed: 0,
            sops: None,
        }
    }

    /// Of a file whose values were not looked at.
    pub(super) fn without_values(path: &Path, loaded: Result<Loaded>) -> Self {
        match loaded {
            Ok(Loaded::Template) => Self::new(path, FileState::Template),
            Ok(_) => Self::new(path, FileState::Nothing),
            Err(report) => {
                // The name of the file stands in front of the message, and in a column of its own.
                let words = super::in_words(&report);
                let name = format!("{}: ", shown(path));
                let error = words.strip_prefix(&name).map_or(words.clone(), str::to_owned);
                Self { error: Some(error), ..Self::new(path, FileState::Failed) }
            }
        }
    }

    pub(super) fn add(&mut self, value: ValueReport) {
        match value.state {
            "fresh" => {
                self.fresh += 1;
                return;
            }
            "newer" | "unproven" => self.fresh += 1,
            "failed" => self.failed += 1,
            _ => self.stale += 1,
        }
        self.values.push(value);
    }
}

impl ValueReport {
    /// `shop/db`
    fn object(&self) -> String {
        let name = if self.name.is_empty() { "(no name)" } else { &self.name };
        if self.namespace.is_empty() { name.to_owned() } else { format!("{}/{name}", self.namespace) }
    }

    /// `document 2, item 1`
    fn place(&self) -> String {
        match self.in_list {
            Some(item) => format!("document {}, item {item}", self.document),
            None => format!("document {}", self.document),
        }
    }
}

/// All files together.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    files: usize,
    sealed_files: usize,
    fresh: usize,
    stale: usize,
    stale_files: usize,
    unproven: usize,
    newer: usize,
    templates: usize,
    failed_files: usize,
    #[serde(skip_serializing_if = "is_zero")]
    sops_files: usize,
    #[serde(skip_serializing_if = "is_zero")]
    stale_sops_files: usize,
    /// Fingerprints of the certificates that are sealed with from now on.
    certificates: Vec<String>,
}

impl Summary {
    pub(super) fn of(reports: &[FileReport], certificates: Vec<String>) -> Self {
        let files = |counts: &dyn Fn(&FileReport) -> bool| reports.iter().filter(|report| counts(report)).count();
        let values =
            |state: &str| reports.iter().flat_map(|report| &report.values).filter(|value| value.state == state).count();
        let done = |report: &&FileReport| report.state != FileState::Failed;
        let is_sops = |report: &FileReport| report.sops.is_some();
        let is_stale = |report: &FileReport| matches!(report.state, FileState::Stale | FileState::Resealed);
        Self {
            files: reports.len(),
            sealed_files: files(&|report| {
                !is_sops(report) && !matches!(report.state, FileState::Nothing | FileState::Template)
            }),
            fresh: reports.iter().map(|report| report.fresh).sum(),
            stale: reports.iter().filter(done).map(|report| report.stale).sum(),
            stale_files: files(&|report| is_stale(report) && !is_sops(report)),
            unproven: values("unproven"),
            newer: values("newer"),
            templates: files(&|report| report.state == FileState::Template),
            failed_files: files(&|report| report.state == FileState::Failed),
            sops_files: files(&is_sops),
            stale_sops_files: files(&|report| is_stale(report) && is_sops(report)),
            certificates,
        }
    }

    /// For people, on standard error.
    pub(super) fn tell(&self, reports: &[FileReport], mode: Mode, console: Console) {
        for line in failures(reports) {
            console.item(&line);
        }
        if self.templates > 0 {
            let files = reports.iter().filter(|report| report.state == FileState::Template);
            let first = files.map(|report| shown(&report.path)).next().unwrap_or_default();
            console
                .note(&format!("{} left out, being templates of manifests ({first})", counted(self.templates, "file")));
        }
        if self.unproven > 0 {
            console.warn(&format!(
                "{} with none of the keys given: taken for sealed with the newest key already, whose private half is not \
                 among them (check: bulla verify --online)",
                if self.unproven == 1 { "1 value opens".to_owned() } else { format!("{} values open", self.unproven) }
            ));
        }
        if self.newer > 0 {
            console.warn(&format!(
                "{} sealed with a newer key than the certificate's and left alone: fetch the present certificate: \
                 bulla cert fetch",
                if self.newer == 1 { "1 value is".to_owned() } else { format!("{} values are", self.newer) }
            ));
        }
        if self.sops_files > 0 {
            let files = counted(self.sops_files, "sops file");
            let stale = self.stale_sops_files;
            console.note(&match mode {
                Mode::Write => format!("{stale} of {files} resealed"),
                Mode::DryRun => format!("{stale} of {files} would be resealed; nothing was written"),
                Mode::Check => format!("{stale} of {files} stale"),
            });
            if self.sealed_files == 0 {
                return;
            }
        }
        if self.sealed_files == 0 && self.failed_files == 0 {
            console.note(&format!("there is no SealedSecret in {}", counted(self.files, "file")));
            return;
        }
        let with = match self.certificates.as_slice() {
            [] => String::new(),
            [one] => format!(" with {one}"),
            many => format!(" with {} certificates", many.len()),
        };
        let (values, files) = (counted(self.stale, "value"), counted(self.stale_files, "file"));
        let fresh = match self.fresh {
            1 => "1 is fresh".to_owned(),
            count => format!("{count} are fresh"),
        };
        console.note(&match mode {
            Mode::Write => format!("{values} in {files} resealed{with}; {fresh}"),
            Mode::DryRun => format!("{values} in {files} would be resealed{with}; {fresh}; nothing was written"),
            Mode::Check => format!("{values} in {files} stale; {fresh}"),
        });
    }

    /// How the program ends.
    pub(super) fn verdict(&self, mode: Mode) -> Result<Exit> {
        if self.failed_files > 0 {
            let verb = if mode == Mode::Check { "checked" } else { "resealed" };
            let message = format!(
                "{} of {}{} cannot be {verb} and stay as they are",
                self.failed_files,
                counted(self.sealed_files + self.sops_files, "file"),
                if self.sops_files == 0 { " with SealedSecrets" } else { "" }
            );
            return Err(Report::new(Code::CannotReseal, message)
                .hint("the lines above say why; bulla why FILE explains a value that does not open"));
        }
        Ok(if mode == Mode::Check && self.stale + self.stale_sops_files > 0 { Exit::Attention } else { Exit::Done })
    }
}

fn is_zero(count: &usize) -> bool {
    *count == 0
}

/// The changed or stale values, a line for each object: `FILE: shop/db: password, user`.
pub(super) fn print_changes(reports: &[FileReport]) -> Result<()> {
    let mut text = String::new();
    for report in reports.iter().filter(|report| matches!(report.state, FileState::Stale | FileState::Resealed)) {
        if let Some(lines) = &report.sops {
            text.push_str(&format!("{}:\n", shown(&report.path)));
            lines.iter().for_each(|line| text.push_str(&format!("  {}\n", harmless(line))));
            continue;
        }
        let mut last: Option<&ValueReport> = None;
        for value in report.values.iter().filter(|value| matches!(value.state, "stale" | "resealed")) {
            let same = last.is_some_and(|last| (last.document, last.in_list) == (value.document, value.in_list));
            let key = harmless(&value.key);
            if same {
                text.push_str(&format!(", {key}"));
            } else {
                let end = if last.is_some() { "\n" } else { "" };
                text.push_str(&format!("{end}{}: {}: {key}", shown(&report.path), harmless(&value.object())));
            }
            last = Some(value);
        }
        text.push('\n');
    }
    print(&text)
}

/// One JSON document with everything that is not simply fresh.
pub(super) fn print_json(reports: &[FileReport], summary: &Summary, mode: Mode) -> Result<()> {
    #[derive(Serialize)]
    struct File<'a> {
        file: String,
        state: FileState,
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<&'a str>,
        fresh: usize,
        values: &'a [ValueReport],
        #[serde(skip_serializing_if = "Option::is_none")]
        recipients: Option<&'a [String]>,
    }
    #[derive(Serialize)]
    struct Whole<'a> {
        written: bool,
        files: Vec<File<'a>>,
        summary: &'a Summary,
    }
    let files = reports.iter().filter(|report| report.state != FileState::Nothing).map(|report| File {
        file: report.path.display().to_string(),
        state: report.state,
        error: report.error.as_deref(),
        fresh: report.fresh,
        values: &report.values,
        recipients: report.sops.as_deref(),
    });
    let whole = Whole { written: mode == Mode::Write, files: files.collect(), summary };
    // Texts and numbers do not fail to be written.
    print(&(serde_json::to_string_pretty(&whole).unwrap_or_default() + "\n"))
}

fn print(text: &str) -> Result<()> {
    output::write_stdout(text.as_bytes())
        .map_err(|error| Report::new(Code::WriteOutput, format!("write standard output: {}", os_error(&error))))
}

/// A table: file, document, object, value, why.
fn failures(reports: &[FileReport]) -> Vec<String> {
    let mut rows: Vec<[String; 5]> = Vec::new();
    for report in reports.iter().filter(|report| report.state == FileState::Failed) {
        let file = shown(&report.path);
        if let Some(error) = &report.error {
            rows.push([file.clone(), String::new(), String::new(), String::new(), error.clone()]);
        }
        for value in report.values.iter().filter(|value| value.state == "failed") {
            rows.push([
                format!("{file}:{}", value.line),
                value.place(),
                value.object(),
                value.key.clone(),
                value.why.clone().unwrap_or_default(),
            ]);
        }
    }
    if rows.is_empty() {
        return Vec::new();
    }
    rows.insert(0, ["FILE", "DOCUMENT", "OBJECT", "VALUE", "WHY"].map(str::to_owned));
    let widths: Vec<usize> =
        (0..4).map(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0)).collect();
    rows.iter()
        .map(|row| {
            let cells = row.iter().zip(widths.iter().chain([&0]));
            cells.map(|(cell, width)| format!("{cell:width$}")).collect::<Vec<_>>().join("  ")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_a_table_with_places() {
        let mut report = FileReport::new(Path::new("a.yaml"), FileState::Failed);
        for (key, state, why) in [("user", "failed", Some("cut".to_owned())), ("password", "stale", None)] {
            report.add(ValueReport {
                document: 2,
                in_list: None,
                namespace: "shop".to_owned(),
                name: "db".to_owned(),
                key: key.to_owned(),
                line: 7,
                state,
                sealed_with: None,
                why,
            });
        }
        let table = failures(&[report]);
        assert_eq!(table, ["FILE      DOCUMENT    OBJECT   VALUE  WHY", "a.yaml:7  document 2  shop/db  user   cut"]);
    }
}
