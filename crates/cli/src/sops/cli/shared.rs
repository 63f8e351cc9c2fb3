//! What several commands, and the form without a command, take from their flags in the same way.

use std::path::{Path, PathBuf};

use bulla_core::sops::{Group, KeyKind, MasterKey};

use super::super::allow::Allow;
use super::super::commands::Opening;
use super::super::config::KeyFlags;
use super::super::create::CreationFlags;
use super::super::failure::{Failure, code};
use super::super::keys::KeyServices;
use super::super::keyservice::Client;
use super::super::open::OpenOptions;
use super::super::place::{self, Destination, Input};
use super::super::settings::Settings;
use super::super::tree_path::{self, Step};
use super::super::{go, log};
use super::parse::Values;

/// Which settings the flags before a command give.
pub(super) fn settings(global: &Values, own: &Values) -> Settings {
    Settings {
        allow: Allow {
            duplicate_keys: own.on("allow-duplicate-keys"),
            text_after_json: own.on("allow-text-after-json"),
            truncated_json: own.on("allow-truncated-json"),
            invalid_regex: own.on("allow-invalid-regex"),
            trailing_text: own.on("allow-trailing-text"),
        },
        config: global.path("config"),
        indent: global.is_given("indent").then(|| global.number("indent")),
    }
}

/// What is read, and the absolute path by which rules and types are found.
pub(super) fn readable(path: Option<PathBuf>, own: &Values) -> Result<(Input, PathBuf), Failure> {
    if let Some(path) = &path {
        place::must_exist(path)?;
    }
    let name = override_of(own, path.as_deref())?;
    Ok((path.map_or(Input::Stdin, |path| Input::at(&path)), name))
}

pub(super) fn override_of(own: &Values, path: Option<&Path>) -> Result<PathBuf, Failure> {
    match own.path("filename-override") {
        Some(name) => absolute(&name),
        None => Ok(path.map(Path::to_owned).unwrap_or_default()),
    }
}

/// A file that is going to be written: not standard input.
pub(super) fn writable(path: PathBuf) -> Result<PathBuf, Failure> {
    Destination::in_place(Some(&path))?;
    Ok(path)
}

pub(super) fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    go::absolute(path).map_err(|error| Failure::generic(go::path_error("getwd", Path::new("."), &error)))
}

pub(super) fn no_file() -> Failure {
    Failure::new(code::NO_FILE, "Error: no file specified")
}

pub(super) fn no_keys_of_missing(path: &Path, instead: &str) -> Failure {
    let name = go::quote(&path.to_string_lossy());
    let text = format!("Error: cannot add or remove keys on non-existent file {name}, {instead}");
    Failure::new(code::KEYS_OF_MISSING_FILE, text)
}

/// Only the first word is looked at.
pub(super) fn warn_of_words(own: &Values) {
    if own.words.len() < 2 {
        return;
    }
    log::warn("CMD", "More than one positional argument provided. Only the first one will be used!");
    let flag = own.words[1..].iter().map(|word| word.to_string_lossy()).rfind(|word| word.starts_with('-'));
    if let Some(flag) = flag {
        let flag = go::quote(&flag);
        log::warn(
            "CMD",
            &format!(
                "Note that one of the ignored positional argument is {flag}, which looks like a flag. Flags must always be provided \
                 before the first positional argument!"
            ),
        );
    }
}

/// Who is asked for keys.
pub(super) fn services(own: &Values) -> KeyServices {
    let mut remote = Vec::new();
    for uri in own.texts("keyservice") {
        match Client::new(&uri) {
            Ok(client) => {
                log::entry(log::Level::Info, "CMD", "Connecting to key service", &[("address", &uri)]);
                remote.push(client);
            }
            Err(_) => {
                log::entry(log::Level::Warning, "CMD", "Error parsing URI for keyservice, skipping", &[("uri", &uri)]);
            }
        }
    }
    KeyServices::new(own.on("enable-local-keyservice"), remote)
}

pub(super) fn opening(own: &Values) -> Result<Opening, Failure> {
    let services = services(own);
    Ok(Opening { services, how: how(own)? })
}

pub(super) fn how(own: &Values) -> Result<OpenOptions, Failure> {
    let order = own.text("decryption-order");
    let mut options = OpenOptions { ignore_mac: own.on("ignore-mac"), ..OpenOptions::default() };
    if !order.is_empty() {
        let words: Vec<&str> = order.split(',').collect();
        if let Some(twice) = words.iter().enumerate().find(|(at, word)| words[..*at].contains(word)) {
            return Err(Failure::new(code::DUPLICATE_KIND, format!("Duplicate decryption key type: {}", twice.1)));
        }
        options.order = words.into_iter().filter_map(KeyKind::from_name).collect();
    }
    Ok(options)
}

pub(super) fn extract(own: &Values) -> Result<Vec<Step>, Failure> {
    tree_path::parse(&own.text("extract"))
        .map_err(|reason| Failure::new(code::TREE_PATH, format!("error parsing --extract path: {reason}")))
}

/// The flags for new files. Those that a command does not have are empty.
pub(super) fn creation_flags(own: &Values) -> CreationFlags {
    CreationFlags {
        kms: own.text("kms"),
        gcp_kms: own.text("gcp-kms"),
        hckms: own.text("hckms"),
        azure_kv: own.text("azure-kv"),
        hc_vault_transit: own.text("hc-vault-transit"),
        pgp: own.text("pgp"),
        age: own.text("age"),
        aws_profile: own.text("aws-profile"),
        encryption_context: own.text("encryption-context"),
        unencrypted_suffix: own.text("unencrypted-suffix"),
        encrypted_suffix: own.text("encrypted-suffix"),
        unencrypted_regex: own.text("unencrypted-regex"),
        encrypted_regex: own.text("encrypted-regex"),
        unencrypted_comment_regex: own.text("unencrypted-comment-regex"),
        encrypted_comment_regex: own.text("encrypted-comment-regex"),
        mac_only_encrypted: own.on("mac-only-encrypted"),
        shamir_threshold: own.number("shamir-secret-sharing-threshold"),
    }
}

const KEY_KINDS: [&str; 7] = ["kms", "pgp", "gcp-kms", "hckms", "hc-vault-transit", "azure-kv", "age"];

/// Whether a flag adds or removes keys.
pub(super) fn changes_keys(own: &Values) -> bool {
    KEY_KINDS.iter().any(|kind| ["add", "rm"].iter().any(|what| !own.text(&format!("{what}-{kind}")).is_empty()))
}

/// `--add-…` and `--rm-…`
pub(super) fn key_changes(own: &Values) -> Result<(Vec<MasterKey>, Vec<MasterKey>), Failure> {
    let changes = |what: &str| {
        let text = |kind: &str| own.text(&format!("{what}-{kind}"));
        KeyFlags {
            kms: text("kms"),
            gcp_kms: text("gcp-kms"),
            hckms: text("hckms"),
            azure_kv: text("azure-kv"),
            hc_vault_transit: text("hc-vault-transit"),
            pgp: text("pgp"),
            age: text("age"),
            aws_profile: own.text("aws-profile"),
            encryption_context: own.text("encryption-context"),
        }
        .changes()
    };
    Ok((changes("add")?, changes("rm")?))
}

/// A kind of keys among the flags.
type Field = fn(&mut KeyFlags) -> &mut String;

/// The keys of a new group. What is no key is left out with an error in the log, as by the real tool.
pub(super) fn new_group(own: &Values) -> Group {
    let mut group = Group::default();
    let base = KeyFlags {
        aws_profile: own.text("aws-profile"),
        encryption_context: own.text("encryption-context"),
        ..KeyFlags::default()
    };
    let kinds: [(&str, Field); 7] = [
        ("pgp", |flags| &mut flags.pgp),
        ("kms", |flags| &mut flags.kms),
        ("gcp-kms", |flags| &mut flags.gcp_kms),
        ("hckms", |flags| &mut flags.hckms),
        ("hc-vault-transit", |flags| &mut flags.hc_vault_transit),
        ("azure-kv", |flags| &mut flags.azure_kv),
        ("age", |flags| &mut flags.age),
    ];
    for (kind, field) in kinds {
        for text in own.texts(kind) {
            let mut flags = base.clone();
            *field(&mut flags) = text;
            match flags.changes() {
                Ok(keys) => group.keys.extend(keys),
                Err(failure) => {
                    log::entry(log::Level::Error, "CMD", "Failed to add key", &[("error", &failure.text)]);
                }
            }
        }
    }
    group
}
