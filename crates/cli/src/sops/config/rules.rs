//! Which rule a path has, and what it says.

use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use bulla_core::sops::{Group, KeySource, MasterKey, Selector};

use super::super::failure::Failure;
use super::keys;
use super::model::{DestinationRule, KeyGroup, Names, Rule};
use super::{Config, Context, Creation, Destination, Place, absolute};

/// How large the program of a pattern may be.
const MAX_PROGRAM: usize = 4 << 20;

/// Which creation rule a path has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Matched {
    /// The file has no `creation_rules`: as if it were not there.
    NoRules,
    /// None of them.
    None {
        /// The path as the patterns see it.
        subject: String,
        /// How many rules were tried.
        tried: usize,
    },
    /// This one.
    Rule {
        /// The path as the patterns see it.
        subject: String,
        /// Its place among the rules, from 1.
        number: usize,
        /// The line that it begins on.
        line: usize,
        /// Its pattern; none matches everything.
        pattern: Option<String>,
    },
    /// The pattern of a rule is none.
    Broken {
        /// The line that the rule begins on.
        line: usize,
        /// What is wrong.
        reason: String,
    },
}

pub(super) fn creation(config: &Config, path: &Path, context: &Context) -> Result<Option<Creation>, Failure> {
    let Some(rules) = &config.model.creation_rules else { return Ok(None) };
    let subject = subject(config, path);
    for rule in rules {
        if matches(&rule.path_regex, &subject)
            .map_err(|reason| Failure::generic(format!("can not compile regexp: {reason}")))?
        {
            return creation_of(rule, context).map(Some).map_err(Failure::generic);
        }
    }
    Err(Failure::generic("error loading config: no matching creation rules found"))
}

pub(super) fn matched(config: &Config, path: &Path) -> Matched {
    let Some(rules) = &config.model.creation_rules else { return Matched::NoRules };
    let subject = subject(config, path);
    let shown = || String::from_utf8_lossy(&subject).into_owned();
    for (index, rule) in rules.iter().enumerate() {
        let line = rule.at.map_or(0, |at| at.line);
        match matches(&rule.path_regex, &subject) {
            Ok(false) => {}
            Ok(true) => {
                let pattern = Some(rule.path_regex.clone()).filter(|pattern| !pattern.is_empty());
                return Matched::Rule { subject: shown(), number: index + 1, line, pattern };
            }
            Err(reason) => return Matched::Broken { line, reason },
        }
    }
    Matched::None { subject: shown(), tried: rules.len() }
}

pub(super) fn destination(config: &Config, path: &Path) -> Result<Destination, Failure> {
    let fail = |text: String| Failure::generic(text);
    let subject = path.as_os_str().as_bytes();
    // A pattern that is none matches nothing here, as in the real tool.
    let rules = &config.model.destination_rules;
    let rule = rules.iter().find(|rule| matches(&rule.path_regex, subject).unwrap_or(false));
    let rule = rule.ok_or_else(|| fail("error loading config: no matching destination found in config".to_owned()))?;
    let place = place_of(rule).map_err(fail)?;
    let recreation = creation_of(&rule.recreation_rule, &[]).map_err(fail)?;
    Ok(Destination { place, recreation, omit_extensions: rule.omit_extensions })
}

fn place_of(rule: &DestinationRule) -> Result<Option<Place>, String> {
    let places = [&rule.s3_bucket, &rule.gcs_bucket, &rule.vault_path];
    if places.iter().filter(|place| !place.is_empty()).count() > 1 {
        return Err("error loading config: more than one destinations were found in a single destination rule, you can only use one per rule".to_owned());
    }
    Ok(if !rule.s3_bucket.is_empty() {
        Some(Place::S3 { bucket: rule.s3_bucket.clone(), prefix: rule.s3_prefix.clone() })
    } else if !rule.gcs_bucket.is_empty() {
        Some(Place::Gcs { bucket: rule.gcs_bucket.clone(), prefix: rule.gcs_prefix.clone() })
    } else if !rule.vault_path.is_empty() {
        let slashed = |text: &str| if text.ends_with('/') { text.to_owned() } else { format!("{text}/") };
        Some(Place::Vault {
            address: rule.vault_address.clone(),
            path: slashed(&rule.vault_path),
            mount: if rule.vault_kv_mount_name.is_empty() {
                "secret/".to_owned()
            } else {
                slashed(&rule.vault_kv_mount_name)
            },
            version: if rule.vault_kv_version == 1 { 1 } else { 2 },
        })
    } else {
        None
    })
}

/// The path that patterns see: relative to the folder of the file, or absolute if it lies elsewhere.
fn subject(config: &Config, path: &Path) -> Vec<u8> {
    let path = absolute(path);
    let inside = path.strip_prefix(&config.folder).ok().filter(|inside| !inside.as_os_str().is_empty());
    inside.unwrap_or(&path).as_os_str().as_bytes().to_vec()
}

/// An empty pattern matches everything.
fn matches(pattern: &str, subject: &[u8]) -> Result<bool, String> {
    if pattern.is_empty() {
        return Ok(true);
    }
    let regex = bulla_goregex::compile(pattern, MAX_PROGRAM).map_err(|error| error.to_string())?;
    Ok(regex.is_match(subject))
}

/// Whether a pattern is one in Go's syntax.
pub(super) fn check_pattern(pattern: &str) -> Result<(), String> {
    matches(pattern, b"").map(drop)
}

/// What a rule says.
fn creation_of(rule: &Rule, context: &Context) -> Result<Creation, String> {
    let makers: [fn(String) -> Selector; 6] = [
        Selector::UnencryptedSuffix,
        Selector::EncryptedSuffix,
        Selector::UnencryptedRegex,
        Selector::EncryptedRegex,
        Selector::UnencryptedCommentRegex,
        Selector::EncryptedCommentRegex,
    ];
    let mut selectors = makers.iter().zip(&rule.selectors).filter(|(_, text)| !text.is_empty());
    let selector = selectors.next().map(|(make, text)| make(text.clone()));
    if selectors.next().is_some() {
        return Err("error loading config: cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, encrypted_comment_regex, or unencrypted_comment_regex for the same rule".to_owned());
    }
    let groups = if rule.key_groups.is_empty() {
        vec![flat_group(rule, context)?]
    } else {
        rule.key_groups.iter().map(group_of).collect::<Result<_, _>>()?
    };
    Ok(Creation {
        groups,
        shamir_threshold: usize::try_from(rule.shamir_threshold).unwrap_or(0),
        selector,
        mac_only_encrypted: rule.mac_only_encrypted,
    })
}

/// The group of a rule without `key_groups`. Not without duplicates, as the real tool has it.
fn flat_group(rule: &Rule, context: &Context) -> Result<Group, String> {
    let names = |names: &Names, kind: &str, field: &str| {
        let names = names.names(field).map_err(|reason| format!("invalid {kind} key configuration: {reason}"))?;
        Ok::<_, String>(names.join(","))
    };
    let mut sources = keys::age(&names(&rule.age, "age", "age")?)?;
    sources.extend(keys::pgp(&names(&rule.pgp, "pgp", "pgp")?));
    sources.extend(keys::aws_kms(&names(&rule.kms, "kms", "kms")?, context, &rule.aws_profile));
    sources.extend(keys::gcp_kms(&names(&rule.gcp_kms, "gcpkms", "gcp_kms")?));
    sources.extend(keys::huawei(&rule.hckms.join(","))?);
    sources.extend(keys::azure(&names(&rule.azure_keyvault, "azure_keyvault", "azure_keyvault")?)?);
    sources.extend(keys::vault(&names(&rule.hc_vault, "vault", "hc_vault_transit_uri")?)?);
    Ok(Group { keys: sources.into_iter().map(MasterKey::new).collect() })
}

/// One of `key_groups`, each key once.
fn group_of(group: &KeyGroup) -> Result<Group, String> {
    let mut unique: Vec<KeySource> = Vec::new();
    for source in sources_of(group)? {
        let same = |other: &KeySource| other.kind() == source.kind() && other.identity() == source.identity();
        if !unique.iter().any(same) {
            unique.push(source);
        }
    }
    Ok(Group { keys: unique.into_iter().map(MasterKey::new).collect() })
}

fn sources_of(group: &KeyGroup) -> Result<Vec<KeySource>, String> {
    let mut sources = Vec::new();
    for nested in &group.merge {
        sources.extend(sources_of(nested)?);
    }
    for recipients in &group.age {
        sources.extend(keys::age(recipients)?);
    }
    sources.extend(group.pgp.iter().map(|fingerprint| keys::pgp_key(fingerprint)));
    sources.extend(group.kms.iter().map(|kms| KeySource::AwsKms {
        arn: kms.arn.clone(),
        role: Some(kms.role.clone()).filter(|role| !role.is_empty()),
        context: kms.context.clone(),
        profile: kms.aws_profile.clone(),
    }));
    sources.extend(group.gcp_kms.iter().map(|id| keys::gcp_key(id)));
    for key_id in &group.hckms {
        sources.push(keys::huawei_key(key_id)?);
    }
    sources.extend(group.azure_keyvault.iter().map(|azure| KeySource::AzureKeyVault {
        vault_url: azure.vault_url.clone(),
        name: azure.key.clone(),
        version: azure.version.clone(),
    }));
    for uri in &group.hc_vault {
        sources.push(keys::vault_key(uri)?);
    }
    Ok(sources)
}
