//! The entry as sops 3.13 writes it: names in alphabetical order, only what is not empty.

use super::{EXTENSION, Metadata};
use crate::sops::{Branch, Group, Item, KeyKind, KeySource, MasterKey, Value};

impl Metadata {
    /// The entry in the order in which sops writes it.
    #[must_use]
    pub fn to_branch(&self) -> Branch {
        let mut branch = match self.groups.as_slice() {
            [group] => lists(group, false),
            groups => {
                let groups: Vec<_> = groups.iter().map(|group| Value::Map(lists(group, true))).collect();
                if groups.is_empty() { Branch::new() } else { vec![Item::new("key_groups", Value::List(groups))] }
            }
        };
        branch.push(Item::new("lastmodified", Value::text(self.last_modified.as_str())));
        branch.push(Item::new("mac", Value::text(self.mac.as_str())));
        branch.push(Item::new("version", Value::text(self.version.as_str())));
        if !self.selector.text().is_empty() {
            branch.push(Item::new(self.selector.name(), Value::text(self.selector.text())));
        }
        if self.mac_only_encrypted {
            branch.push(Item::new("mac_only_encrypted", Value::Bool(true)));
        }
        if self.shamir_threshold != 0 {
            branch.push(Item::new("shamir_threshold", Value::Int(self.shamir_threshold.into())));
        }
        if let Some(extension) = &self.extension {
            branch.push(Item::new(EXTENSION, extension.clone()));
        }
        branch.sort_by(|one, other| one.name().cmp(&other.name()));
        branch
    }
}

/// The keys of a group, a list for each kind.
fn lists(group: &Group, in_groups: bool) -> Branch {
    KeyKind::ALL
        .into_iter()
        .filter_map(|kind| {
            let keys: Vec<_> =
                group.keys.iter().filter(|key| key.source.kind() == kind).map(|key| Value::Map(fields(key))).collect();
            // Inside of groups these two are written even when they are empty.
            let always = in_groups && matches!(kind, KeyKind::Age | KeyKind::Vault);
            (always || !keys.is_empty()).then(|| Item::new(kind.name(), Value::List(keys)))
        })
        .collect()
}

fn fields(key: &MasterKey) -> Branch {
    let text = |name: &str, value: &str| Item::new(name, Value::text(value));
    let mut branch = vec![text("enc", &key.enc)];
    if key.source.kind() != KeyKind::Age {
        // What was never wrapped has Go's zero time.
        branch.push(text("created_at", key.created_at.as_deref().unwrap_or("0001-01-01T00:00:00Z")));
    }
    match &key.source {
        KeySource::Age { recipient } => branch.push(text("recipient", recipient)),
        KeySource::Pgp { fingerprint } => branch.push(text("fp", fingerprint)),
        KeySource::AwsKms { arn, role, context, profile } => {
            branch.push(text("arn", arn));
            branch.push(text("aws_profile", profile));
            if let Some(role) = role.as_deref().filter(|role| !role.is_empty()) {
                branch.push(text("role", role));
            }
            if !context.is_empty() {
                let pairs = context.iter().map(|(name, value)| text(name, value)).collect();
                branch.push(Item::new("context", Value::Map(pairs)));
            }
        }
        KeySource::GcpKms { resource_id } => branch.push(text("resource_id", resource_id)),
        KeySource::HuaweiKms { key_id } => branch.push(text("key_id", key_id)),
        KeySource::AzureKeyVault { vault_url, name, version } => {
            branch.extend([text("vault_url", vault_url), text("name", name), text("version", version)]);
        }
        KeySource::Vault { address, engine_path, key_name } => {
            branch.extend([
                text("vault_address", address),
                text("engine_path", engine_path),
                text("key_name", key_name),
            ]);
        }
    }
    branch.sort_by(|one, other| one.name().cmp(&other.name()));
    branch
}
