//! What a writing request says beside its body: whether it is only tried, and what is to happen to fields that nobody
//! knows or that are there twice.

use http::header::USER_AGENT;
use http::{HeaderMap, HeaderValue};

use crate::object::Object;
use crate::request::{Query, dry_run};
use crate::status::{About, Answer, Failure, FieldError};

/// The most warnings that one answer has, and the longest.
const MAX_WARNINGS: usize = 100;
const MAX_WARNING: usize = 256;

/// The longest name of a field manager.
const MAX_MANAGER: usize = 128;
/// The media type of a server-side apply.
pub(crate) const APPLY: &str = "application/apply-patch+yaml";

/// What `fieldValidation` asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Validation {
    Ignore,
    Warn,
    Strict,
}

/// A server-side apply.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Apply {
    pub(crate) force: bool,
}

/// The options of one write, and what was found in its body.
#[derive(Debug)]
pub(crate) struct Write {
    pub(crate) dry_run: bool,
    validation: Validation,
    /// Paths of fields that were there twice: the last one counts.
    duplicates: Vec<String>,
    /// Paths of fields that were dropped.
    pub(crate) unknown: Vec<String>,
    /// Who writes.
    pub(crate) manager: String,
    /// The managers of all fields are to be forgotten.
    pub(crate) reset_managers: bool,
    /// A server-side apply, and whether it takes over what others manage.
    pub(crate) apply: Option<Apply>,
    /// Schemas do not count.
    pub(crate) unchecked: bool,
    /// A patch: what is wrong with it is worded otherwise.
    pub(crate) patch: bool,
}

impl Write {
    /// `kind`: CreateOptions, UpdateOptions or PatchOptions.
    pub(crate) fn parse(query: &Query, headers: &HeaderMap, kind: &'static str) -> Answer<Self> {
        let about = About { group: "meta.k8s.io", plural: "", kind, name: "" };
        let dry_run = dry_run(query.all("dryRun"), kind)?;
        let validation = match query.text("fieldValidation") {
            "" | "Warn" => Validation::Warn,
            "Ignore" => Validation::Ignore,
            "Strict" => Validation::Strict,
            other => {
                let allowed = &["", "Ignore", "Strict", "Warn"];
                let wrong = FieldError::unsupported("fieldValidation", other, allowed);
                return Err(Failure::invalid(about, vec![wrong]));
            }
        };
        let manager = query.text("fieldManager");
        if manager.chars().count() > MAX_MANAGER {
            return Err(Failure::invalid(about, vec![FieldError::too_long("fieldManager", MAX_MANAGER)]));
        }
        if manager.chars().any(char::is_control) {
            let wrong = FieldError::invalid("fieldManager", manager, "should not contain non-printable characters");
            return Err(Failure::invalid(about, vec![wrong]));
        }
        let manager = if manager.is_empty() { agent(headers) } else { manager.to_owned() };
        Ok(Self { dry_run, validation, manager, patch: kind == "PatchOptions", ..Self::own() })
    }

    /// The options of a patch of this media type.
    pub(crate) fn parse_patch(query: &Query, headers: &HeaderMap, content_type: &str) -> Answer<Self> {
        let mut write = Self::parse(query, headers, "PatchOptions")?;
        let about = About { group: "meta.k8s.io", plural: "", kind: "PatchOptions", name: "" };
        if content_type == APPLY {
            if query.text("fieldManager").is_empty() {
                let wrong = FieldError::required("fieldManager", "is required for apply patch");
                return Err(Failure::invalid(about, vec![wrong]));
            }
            write.apply = Some(Apply { force: query.flag("force") });
        } else if query.has("force") {
            let wrong = FieldError::forbidden("force", "may not be specified for non-apply patch");
            return Err(Failure::invalid(about, vec![wrong]));
        }
        Ok(write)
    }

    /// A write of the server's own.
    pub(crate) fn own() -> Self {
        Self {
            dry_run: false,
            validation: Validation::Ignore,
            duplicates: Vec::new(),
            unknown: Vec::new(),
            manager: "bulla-devcluster".to_owned(),
            reset_managers: false,
            apply: None,
            unchecked: false,
            patch: false,
        }
    }

    /// The same without regard to schemas.
    pub(crate) fn unchecked() -> Self {
        Self { unchecked: true, ..Self::own() }
    }

    /// Takes the decoded body, and remembers what was in it twice.
    pub(crate) fn take(&mut self, (object, duplicates): (Object, Vec<String>)) -> Object {
        self.duplicates.extend(duplicates);
        object
    }

    /// Refuses what was found if that is asked for. `custom`: the kind has a definition.
    pub(crate) fn judge(&self, kind: &str, version: &str, custom: bool) -> Answer<()> {
        let findings = self.findings(custom);
        if self.validation != Validation::Strict || findings.is_empty() {
            return Ok(());
        }
        let what = format!("strict decoding error: {}", findings.join(", "));
        if self.patch {
            let about = About { group: "", plural: "", kind: "", name: "" };
            // The real one quotes the patched object.
            let text = format!("Invalid value: \"<the patched object>\": {what}");
            return Err(Failure::invalid(about, vec![FieldError::invalid_text("patch", &text)]));
        }
        Err(Failure::bad_request(format!("{kind} in version {version:?} cannot be handled as a {kind}: {what}")))
    }

    /// The values of `Warning` headers.
    pub(crate) fn warnings(&self, custom: bool) -> impl Iterator<Item = HeaderValue> {
        let findings = if self.validation == Validation::Warn { self.findings(custom) } else { Vec::new() };
        findings.into_iter().take(MAX_WARNINGS).filter_map(|finding| {
            let shown: String = finding.chars().take(MAX_WARNING).filter(|character| !character.is_control()).collect();
            let quoted = shown.replace('\\', "\\\\").replace('"', "\\\"");
            HeaderValue::from_bytes(format!("299 - \"{quoted}\"").as_bytes()).ok()
        })
    }

    /// In the order of the real one, which decodes built-in kinds otherwise than custom ones.
    fn findings(&self, custom: bool) -> Vec<String> {
        let duplicates = self.duplicates.iter().map(|path| format!("duplicate field {path:?}"));
        let unknown = self.unknown.iter().map(|path| format!("unknown field {path:?}"));
        if custom { duplicates.chain(unknown).collect() } else { unknown.chain(duplicates).collect() }
    }
}

/// Who a client is by its User-Agent: what stands before the first slash.
fn agent(headers: &HeaderMap) -> String {
    let agent = headers.get(USER_AGENT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name: String = agent.split('/').next().unwrap_or_default().chars().take(MAX_MANAGER).collect();
    if name.is_empty() { "unknown".to_owned() } else { name }
}
