//! What can be said of one file on its own, and what must be compared with other files.

use std::path::Path;

use bulla_core::go_base64;
use bulla_core::sealed::Scope;
use bulla_yaml::{Node, Position, Warning};
use zeroize::Zeroizing;

use super::finding::Finding;
use super::names::{is_item_key, is_label, is_subdomain};
use super::rules::{Rule, Severity};
use crate::config::PlainSecrets;
use crate::report::{Code, harmless};
use crate::tree::{Kind, Object, Sealed, SealedFile, conflict_marker, shown};

/// Lengths of the moduli of RSA keys that seal, in bytes: 1024 to 8192 bits.
const MODULI: [usize; 5] = [128, 256, 384, 512, 1024];
/// The authentication tag behind every value.
const TAG: usize = 16;
/// Characters by which two ciphertexts are told apart: about 70 random bytes.
const TELLING: usize = 96;

const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";

/// What is known beside the file.
#[derive(Clone, Copy)]
pub(crate) struct Context<'a> {
    /// Length of the modulus of the certificate that the file should be sealed with, in bytes, and whose it is.
    pub(crate) modulus: Option<(usize, &'a str)>,
    /// The cluster of `.bulla.yaml` that the file is for.
    pub(crate) cluster: Option<&'a str>,
    /// Whether plain Secrets may lie there; none is no policy.
    pub(crate) plain: Option<PlainSecrets>,
}

/// What a file holds.
#[derive(Default)]
pub(super) struct Facts {
    pub(super) findings: Vec<Finding>,
    pub(super) objects: Vec<ObjectFact>,
    pub(super) values: Vec<ValueFact>,
    /// The file is a template of a manifest, and was left out.
    pub(super) template: bool,
    /// It is a file of sops.
    pub(super) sops: bool,
}

/// A SealedSecret, for comparison with others.
pub(super) struct ObjectFact {
    pub(super) cluster: Option<String>,
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) file: String,
    pub(super) at: Position,
    /// For the controller: as JSON.
    pub(super) json: Option<serde_json::Value>,
}

/// A sealed value, for comparison with others.
pub(super) struct ValueFact {
    /// Index in [`Facts::objects`].
    pub(super) object: usize,
    pub(super) scope: Scope,
    pub(super) key: String,
    pub(super) at: Position,
    /// The sealed text, line breaks taken out.
    pub(super) text: String,
}

impl ValueFact {
    /// What tells this ciphertext from every other one.
    pub(super) fn telling(&self) -> &str {
        &self.text[..self.text.len().min(TELLING)]
    }
}

/// Looks at a file. `named`: it was named, not found.
pub(super) fn check(path: &Path, text: Zeroizing<Vec<u8>>, named: bool, context: Context<'_>) -> Facts {
    let name = shown(path);
    let mut facts = Facts::default();
    let (mentions_sealed, mentions_secret) = mentions(&text);
    if !named && !mentions_sealed && !mentions_secret {
        return facts;
    }
    if let Some(line) = conflict_marker(&text) {
        let at = Position { line, column: 1 };
        facts.findings.push(Finding::new(Rule::UnfinishedMerge, &name, Some(at), "conflict markers of a merge"));
        return facts;
    }
    let is_template = !named && text.windows(2).any(|pair| pair == b"{{");
    let file = match SealedFile::parse(path, text) {
        Ok(file) => file,
        Err(report) if report.code() == Code::NotYaml && is_template => {
            facts.template = true;
            return facts;
        }
        Err(report) => {
            let words = report.message().strip_prefix(&format!("{name}: ")).unwrap_or(report.message()).to_owned();
            let at = position_in(&words);
            facts.findings.push(Finding::new(Rule::Unreadable, &name, at, words));
            return facts;
        }
    };
    let objects = file.objects();
    duplicate_keys(&file, &objects, &name, &mut facts);
    for object in &objects {
        match object.kind {
            Kind::SealedSecret => {
                if let Some(sealed) = object.sealed() {
                    check_sealed(&sealed, &name, context, &mut facts);
                }
            }
            Kind::Secret => check_plain(object, &name, context, &mut facts),
            Kind::Other => {}
        }
    }
    facts
}

/// Whether a text can hold SealedSecrets, and plain Secrets.
fn mentions(text: &[u8]) -> (bool, bool) {
    match std::str::from_utf8(text) {
        Ok(text) => (text.contains("SealedSecret"), text.contains("Secret") && text.contains("kind")),
        Err(_) => (true, true),
    }
}

/// `line 3, column 5: …`
fn position_in(words: &str) -> Option<Position> {
    let (line, rest) = words.strip_prefix("line ")?.split_once(", column ")?;
    let column = rest.split(':').next()?;
    Some(Position { line: line.parse().ok()?, column: column.parse().ok()? })
}

/// In documents with Secrets of either kind; what other manifests do is not our business.
fn duplicate_keys(file: &SealedFile, objects: &[Object<'_>], name: &str, facts: &mut Facts) {
    for (index, document) in file.documents.iter().enumerate() {
        if !objects.iter().any(|object| object.document == index + 1 && object.kind != Kind::Other) {
            continue;
        }
        for warning in &document.warnings {
            let message = match warning {
                Warning::DuplicateKey { key, first, .. } => {
                    format!("{} is defined at line {} already; only this one counts", harmless(key), first.line)
                }
                Warning::MergeOverrides { key, position, .. } => {
                    format!("{} is replaced by a merge key below it, from line {}", harmless(key), position.line)
                }
                _ => continue,
            };
            facts.findings.push(Finding::new(Rule::DuplicateKey, name, Some(warning.position()), message));
        }
    }
}

fn check_sealed(sealed: &Sealed<'_>, file: &str, context: Context<'_>, facts: &mut Facts) {
    let id = sealed.id();
    let id = harmless(&id).into_owned();
    let node = sealed.object.node;
    let mut add = |rule, node: &Node, key: &str, message: String| {
        facts.findings.push(Finding::new(rule, file, Some(node.span.position), message).of(&id, key));
    };
    let metadata = node.get("metadata").unwrap_or(node);
    check_names(sealed, metadata, &mut add);
    check_scope(sealed, metadata, &mut add);
    if let Some(data) = sealed.deprecated {
        let both = if sealed.items.is_empty() { "" } else { ", beside encryptedData, which the controller refuses" };
        add(Rule::DeprecatedData, data, "", format!("spec.data{both}"));
    }
    let has_template = node.at(&["spec", "template", "data"]).and_then(Node::entries).is_some_and(|e| !e.is_empty());
    if sealed.items.is_empty() && sealed.deprecated.is_none() && !has_template {
        add(Rule::NoValues, node, "", "spec.encryptedData is empty or missing".to_owned());
    }
    for item in &sealed.items {
        if !is_item_key(item.key) {
            add(Rule::ItemKey, item.node(), &harmless(item.key), "not a key of a Secret".to_owned());
        }
        let key = harmless(item.key);
        let Some(text) = item.text() else {
            add(Rule::NotBase64, item.node(), &key, format!("the value is {}, not text", item.node().kind()));
            continue;
        };
        if let Some((rule, message)) = check_value(text, context) {
            add(rule, item.node(), &key, message);
        }
    }
    let object = facts.objects.len();
    facts.objects.push(ObjectFact {
        cluster: context.cluster.map(str::to_owned),
        namespace: sealed.namespace.to_owned(),
        name: sealed.name.to_owned(),
        file: file.to_owned(),
        at: node.span.position,
        json: node.to_json().ok(),
    });
    facts.values.extend(sealed.items.iter().filter_map(|item| {
        Some(ValueFact {
            object,
            scope: sealed.scope,
            key: item.key.to_owned(),
            at: item.node().span.position,
            text: item.text()?.replace(['\r', '\n'], ""),
        })
    }));
}

fn check_names(sealed: &Sealed<'_>, metadata: &Node, add: &mut impl FnMut(Rule, &Node, &str, String)) {
    let place = |field: &str| metadata.get(field).unwrap_or(metadata);
    match sealed.name {
        "" => add(Rule::Name, place("name"), "", "metadata.name is missing, or is no text".to_owned()),
        name if !is_subdomain(name) => {
            add(Rule::Name, place("name"), "", "metadata.name is not a DNS subdomain".to_owned());
        }
        _ => {}
    }
    match sealed.namespace {
        "" if sealed.scope != Scope::ClusterWide => {
            add(Rule::NoNamespace, metadata, "", format!("no metadata.namespace, and the scope is {}", sealed.scope));
        }
        "" => {}
        namespace if !is_label(namespace) => {
            add(Rule::Name, place("namespace"), "", "metadata.namespace is not a DNS label".to_owned());
        }
        _ => {}
    }
    let template = sealed.object.node.at(&["spec", "template", "metadata"]);
    for (field, own) in [("name", sealed.name), ("namespace", sealed.namespace)] {
        let Some(node) = template.and_then(|template| template.get(field)) else { continue };
        let other = node.as_str().unwrap_or_default();
        // A name that the scope does not bind is a matter of taste.
        let bound = match (field, sealed.scope) {
            ("name", scope) => scope == Scope::Strict,
            (_, scope) => scope != Scope::ClusterWide,
        };
        if bound && !other.is_empty() && !own.is_empty() && other != own {
            add(Rule::TemplateName, node, "", format!("spec.template says {field} {}", harmless(other)));
        }
    }
}

fn check_scope(sealed: &Sealed<'_>, metadata: &Node, add: &mut impl FnMut(Rule, &Node, &str, String)) {
    let template = sealed.object.node.at(&["spec", "template", "metadata"]);
    for (owner, what) in [(Some(metadata), "metadata"), (template, "spec.template.metadata")] {
        let annotations = owner.and_then(|owner| owner.get("annotations"));
        let set: Vec<(&str, &Node)> = [CLUSTER_WIDE, NAMESPACE_WIDE]
            .into_iter()
            .filter_map(|name| Some((name, annotations?.get(name)?)))
            .collect();
        for (name, node) in &set {
            if node.as_str() != Some("true") {
                let found = node.as_str().map_or_else(
                    || format!("{}, not text", node.kind()),
                    |text| format!("{:?}", text.chars().take(20).collect::<String>()),
                );
                add(
                    Rule::ScopeAnnotation,
                    node,
                    "",
                    format!("{what}.annotations: {name} is {found}, so it counts for nothing"),
                );
            }
        }
        if set.len() == 2 && set.iter().all(|(_, node)| node.as_str() == Some("true")) {
            add(
                Rule::ScopeAnnotation,
                set[1].1,
                "",
                format!("{what}.annotations: both scopes are set; cluster-wide wins"),
            );
        }
    }
    if let (Some(other), Some(template)) = (sealed.template_scope().filter(|other| *other != sealed.scope), template) {
        let place = template.get("annotations").unwrap_or(template);
        add(Rule::TemplateScope, place, "", format!("the object says {}, its template says {other}", sealed.scope));
    }
}

/// What is wrong with a sealed text, as far as it can be told without a key.
pub(crate) fn check_value(text: &str, context: Context<'_>) -> Option<(Rule, String)> {
    let bytes = match go_base64::decode(text) {
        Ok(bytes) => bytes,
        Err(error) => return Some((Rule::NotBase64, error.to_string())),
    };
    let Some(length) = bytes.first_chunk::<2>().map(|prefix| usize::from(u16::from_be_bytes(*prefix))) else {
        return Some((Rule::Truncated, format!("{} bytes, which no sealed value has", bytes.len())));
    };
    if !MODULI.contains(&length) {
        return Some((
            Rule::Truncated,
            "it does not begin as a sealed value does: it was never sealed, or its beginning is lost".to_owned(),
        ));
    }
    if bytes.len() < 2 + length + TAG {
        let needed = 2 + length + TAG;
        return Some((
            Rule::Truncated,
            format!("{} bytes are there and at least {needed} are needed: it was cut", bytes.len()),
        ));
    }
    match context.modulus {
        Some((modulus, whose)) if modulus != length => Some((
            Rule::OtherKeySize,
            format!("sealed with an RSA key of {} bits, {whose} has {}", length * 8, modulus * 8),
        )),
        _ => None,
    }
}

/// A Secret with values. One that sops encrypted is not plain, and one without values hides nothing.
fn check_plain(object: &Object<'_>, file: &str, context: Context<'_>, facts: &mut Facts) {
    let has_values = ["data", "stringData"]
        .iter()
        .any(|field| object.node.get(field).and_then(Node::entries).is_some_and(|entries| !entries.is_empty()));
    let severity = match context.plain {
        Some(PlainSecrets::Allow) => return,
        Some(PlainSecrets::Deny) => Severity::Error,
        Some(PlainSecrets::Warn) | None => Severity::Warning,
    };
    if !has_values || object.node.get("sops").is_some() {
        return;
    }
    let id = match (object.namespace(), object.name()) {
        ("", name) => name.to_owned(),
        (namespace, name) => format!("{namespace}/{name}"),
    };
    let finding = Finding::new(
        Rule::PlainSecret,
        file,
        Some(object.node.span.position),
        "its values can be read by everybody who can read the file",
    );
    facts.findings.push(Finding { severity, ..finding.of(&harmless(&id), "") });
}
