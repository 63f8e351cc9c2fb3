//! The strict reading of the file: what a lenient reader passes over in silence, or finds out when a file is encrypted, is an error with
//! its place.

use std::path::Path;

use bulla_yaml::Position;

use super::document::{Kind, Node};
use super::model::SELECTORS;
use super::shape::{self, Wrong};
use super::{Config, document, keys, rules};
use crate::report::{Code, Report, Result};

/// Where every key is described.
const SCHEMA: &str = "docs/sops.schema.json describes every key; editors check the file against it";

/// Reads the file, with errors for people.
pub(super) fn read(path: &Path) -> Result<Config> {
    let name = path.display().to_string();
    let bytes = super::find::read(path).map_err(|reason| {
        Report::new(Code::ReadFile, format!("{name}: {reason}")).hint("SOPS_CONFIG names the file, if it is set")
    })?;
    let malformed = |text: &str| {
        Report::new(Code::SopsConfigMalformed, format!("{name}: {}", text.replace("\n ", "").trim())).hint(SCHEMA)
    };
    let document = document::parse(&bytes).map_err(|broken| malformed(&broken.placed))?;
    shape::check(&document).map_err(|wrong| shape_report(&name, &wrong))?;
    Config::from_document(path, document).map_err(|text| malformed(&text))
}

/// What its values cannot mean.
pub(super) fn check(config: &Config) -> Result<()> {
    let name = config.path.display().to_string();
    first_fault(&config.document).map_err(|fault| {
        let Fault { at, key, problem, hint } = fault;
        Report::new(Code::SopsConfigValue, format!("{name}: {at}: {key}: {problem}")).hint(hint)
    })
}

fn shape_report(name: &str, wrong: &Wrong) -> Report {
    match wrong {
        Wrong::Key { at, key, place, hint } => {
            Report::new(Code::SopsConfigKey, format!("{name}: {at}: there is no key `{key}` in {place}")).hint(hint)
        }
        Wrong::Twice(text) => {
            Report::new(Code::SopsConfigMalformed, format!("{name}: {text}")).hint("remove the one that is not meant")
        }
        Wrong::Kind { at, key, found, wanted } => {
            let key = if key.is_empty() { "the file" } else { key };
            Report::new(
                Code::SopsConfigMalformed,
                format!("{name}: {at}: {key}: found {found}, where {wanted} is needed"),
            )
            .hint(SCHEMA)
        }
    }
}

/// A value that cannot be meant.
struct Fault {
    at: Position,
    /// `creation_rules[2].age`
    key: String,
    problem: String,
    hint: String,
}

fn fault<T>(
    at: Position,
    key: impl Into<String>,
    problem: impl Into<String>,
    hint: &str,
) -> std::result::Result<T, Fault> {
    Err(Fault { at, key: key.into(), problem: problem.into(), hint: hint.to_owned() })
}

type Checked = std::result::Result<(), Fault>;

fn first_fault(file: &Node) -> Checked {
    let rules = file.get("creation_rules").map(Node::items).unwrap_or_default();
    let mut catches_all: Option<Position> = None;
    for (index, rule) in rules.iter().enumerate() {
        let place = format!("creation_rules[{index}]");
        if let Some(before) = catches_all {
            return fault(
                rule.at,
                place,
                format!(
                    "the rule is never used: the one on line {} has no path_regex and matches everything",
                    before.line
                ),
                "put the rule without path_regex last",
            );
        }
        creation_rule(rule, &place)?;
        if rule.get("path_regex").and_then(Node::text).is_none_or(str::is_empty) {
            catches_all = Some(rule.at);
        }
    }
    for (index, rule) in file.get("destination_rules").map(Node::items).unwrap_or_default().iter().enumerate() {
        destination_rule(rule, &format!("destination_rules[{index}]"))?;
    }
    let stores = file.get("stores").map(Node::entries).unwrap_or_default();
    for (store, node) in stores {
        let least = if store.text == "yaml" { 1 } else { -1 };
        if let Some((indent, value)) = node.get("indent").and_then(|node| Some((node, number(node)?)))
            && !(least..=100).contains(&value)
        {
            let hint = if least == 1 { "the default is 4" } else { "-1 is a tab, the default; 0 is no indent" };
            return fault(indent.at, format!("stores.{}.indent", store.text), "not a width", hint);
        }
    }
    Ok(())
}

fn number(node: &Node) -> Option<i64> {
    match node.kind {
        Kind::Scalar { scalar: document::Scalar::Int(value), .. } => Some(value),
        _ => None,
    }
}

/// The text under a key, if there is one.
fn text_at<'n>(node: &'n Node, key: &str) -> Option<(&'n Node, &'n str)> {
    let value = node.get(key)?;
    value.text().filter(|text| !text.is_empty()).map(|text| (value, text))
}

fn pattern(rule: &Node, place: &str, key: &str) -> Checked {
    let Some((node, text)) = text_at(rule, key) else { return Ok(()) };
    match rules::check_pattern(text) {
        Ok(()) => Ok(()),
        Err(reason) => fault(
            node.at,
            format!("{place}.{key}"),
            format!("not a regular expression of Go: {reason}"),
            "in YAML, write it in single quotes: '\\.yaml$'",
        ),
    }
}

fn creation_rule(rule: &Node, place: &str) -> Checked {
    pattern(rule, place, "path_regex")?;
    let mut used = None;
    for key in SELECTORS {
        let Some((node, _)) = text_at(rule, key) else { continue };
        if let Some(other) = used.replace(key) {
            return fault(
                node.at,
                format!("{place}.{key}"),
                format!("the rule already has {other}, and a file has one selector"),
                "keep one of the two; a pattern may have alternatives: '^(data|stringData)$'",
            );
        }
        if key.ends_with("regex") {
            pattern(rule, place, key)?;
        }
    }
    let groups = rule.get("key_groups").map(Node::items).unwrap_or_default();
    flat_keys(rule, place, !groups.is_empty())?;
    for (index, group) in groups.iter().enumerate() {
        key_group(group, &format!("{place}.key_groups[{index}]"))?;
    }
    threshold(rule, place, groups.len())
}

/// How many groups are needed: two at least, all of them at most.
fn threshold(rule: &Node, place: &str, groups: usize) -> Checked {
    let Some((node, value)) = rule.get("shamir_threshold").and_then(|node| Some((node, number(node)?))) else {
        return Ok(());
    };
    let most = i64::try_from(groups).unwrap_or(i64::MAX);
    let key = format!("{place}.shamir_threshold");
    match value {
        0 => Ok(()),
        _ if groups < 2 => fault(
            node.at,
            key,
            "without two key_groups or more there is nothing to share",
            "remove it, or divide the keys into key_groups",
        ),
        _ if value < 2 || value > most => fault(
            node.at,
            key,
            format!("must be from 2 to {groups}, the number of key_groups"),
            "without it all groups are needed",
        ),
        _ => Ok(()),
    }
}

/// Checks names of keys of one kind.
type Look = fn(&str) -> std::result::Result<(), String>;

fn flat_keys(rule: &Node, place: &str, has_groups: bool) -> Checked {
    let kinds: [(&str, Look); 7] = [
        ("age", |list| keys::age(list).map(drop)),
        ("pgp", |list| list.split(',').try_for_each(fingerprint)),
        ("kms", |list| list.split(',').try_for_each(arn)),
        ("gcp_kms", |list| list.split(',').try_for_each(resource_id)),
        ("hckms", |list| keys::huawei(list).map(drop)),
        ("azure_keyvault", |list| keys::azure(list).map(drop)),
        ("hc_vault_transit_uri", |list| keys::vault(list).map(drop)),
    ];
    for (kind, look) in kinds {
        let Some(node) = rule.get(kind).filter(|node| !node.is_null()) else { continue };
        let place = format!("{place}.{kind}");
        if has_groups {
            return fault(
                node.at,
                place,
                "has no effect, because the rule has key_groups",
                "move the keys into one of the groups, or remove them",
            );
        }
        match node.text() {
            Some(list) => {
                let names: Vec<&str> = list.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
                names.iter().try_for_each(|name| named(node.at, &place, look(name)))?;
            }
            None => texts(node, &place, look)?,
        }
    }
    Ok(())
}

fn texts(list: &Node, place: &str, look: Look) -> Checked {
    list.items().iter().try_for_each(|item| named(item.at, place, look(item.text().unwrap_or_default())))
}

fn named(at: Position, place: &str, looked: std::result::Result<(), String>) -> Checked {
    looked.or_else(|problem| fault(at, place, problem, "the key could never open a file; check how it was copied"))
}

fn key_group(group: &Node, place: &str) -> Checked {
    for (key, node) in group.entries() {
        let place = format!("{place}.{}", key.text);
        let each = |field: &str, look: Look| {
            node.items().iter().try_for_each(|item| match item.get(field) {
                Some(value) => named(value.at, &format!("{place}.{field}"), look(value.text().unwrap_or_default())),
                None => fault(item.at, &place, format!("the key `{field}` is missing"), SCHEMA),
            })
        };
        match key.text.as_str() {
            "merge" => {
                for (index, nested) in node.items().iter().enumerate() {
                    key_group(nested, &format!("{place}[{index}]"))?;
                }
            }
            "age" => texts(node, &place, |name| keys::age(name).map(drop))?,
            "pgp" => texts(node, &place, fingerprint)?,
            "hc_vault" => texts(node, &place, |name| keys::vault_key(name).map(drop))?,
            "kms" => each("arn", arn)?,
            "gcp_kms" => each("resource_id", resource_id)?,
            "hckms" => each("key_id", |name| keys::huawei_key(name).map(drop))?,
            "azure_keyvault" => {
                each("vaultUrl", |url| match url.strip_prefix("https://") {
                    Some(host) if !host.is_empty() => Ok(()),
                    _ => Err("not the URL of a key vault: https://NAME.vault.azure.net".to_owned()),
                })?;
                each("key", |name| if name.is_empty() { Err("is empty".to_owned()) } else { Ok(()) })?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The forms that gpg takes for exactly one key.
fn fingerprint(text: &str) -> std::result::Result<(), String> {
    let text: String = text.chars().filter(|letter| *letter != ' ').collect();
    let digits = text.strip_suffix('!').unwrap_or(&text);
    let digits = digits.strip_prefix("0x").unwrap_or(digits);
    if matches!(digits.len(), 16 | 32 | 40 | 64) && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
        Ok(())
    } else {
        Err(format!("not the fingerprint of a PGP key: {text}"))
    }
}

/// `arn:aws…:kms:REGION:ACCOUNT:key/…` or `…:alias/…`, and a role behind `+`.
fn arn(text: &str) -> std::result::Result<(), String> {
    let text = text.replace(' ', "");
    let arn = text.split("+arn:").next().unwrap_or_default();
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let good = matches!(parts[..], ["arn", partition, "kms", region, account, key]
        if partition.starts_with("aws")
            && !region.is_empty()
            && !account.is_empty() && account.bytes().all(|digit| digit.is_ascii_digit())
            && ["key/", "alias/"].iter().any(|kind| key.len() > kind.len() && key.starts_with(kind)));
    if good { Ok(()) } else { Err(format!("not the ARN of a key of AWS KMS: {text}")) }
}

/// `projects/P/locations/L/keyRings/R/cryptoKeys/K`
fn resource_id(text: &str) -> std::result::Result<(), String> {
    let text = text.replace(' ', "");
    let parts: Vec<&str> = text.split('/').collect();
    let good = matches!(parts[..], ["projects", _, "locations", _, "keyRings", _, "cryptoKeys", _])
        && parts.iter().all(|part| !part.is_empty());
    if good { Ok(()) } else { Err(format!("not the resource ID of a key of Google Cloud KMS: {text}")) }
}

fn destination_rule(rule: &Node, place: &str) -> Checked {
    pattern(rule, place, "path_regex")?;
    let kinds = ["s3_bucket", "gcs_bucket", "vault_path"];
    let mut named = kinds.into_iter().filter_map(|key| Some((key, text_at(rule, key)?.0)));
    match (named.next(), named.next()) {
        (None, _) => {
            return fault(
                rule.at,
                place,
                "the rule names no destination",
                "give it s3_bucket, gcs_bucket or vault_path",
            );
        }
        (Some((first, _)), Some((second, node))) => {
            return fault(
                node.at,
                format!("{place}.{second}"),
                format!("the rule already has {first}, and a rule has one destination"),
                "write one rule for each destination",
            );
        }
        _ => {}
    }
    if let Some((node, value)) = rule.get("vault_kv_version").and_then(|node| Some((node, number(node)?)))
        && !(0..=2).contains(&value)
    {
        return fault(node.at, format!("{place}.vault_kv_version"), "must be 1 or 2", "the default is 2");
    }
    match rule.get("recreation_rule") {
        Some(recreation) => creation_rule(recreation, &format!("{place}.recreation_rule")),
        None => Ok(()),
    }
}
