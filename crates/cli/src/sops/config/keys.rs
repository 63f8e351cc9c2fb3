//! The names of keys as people write them: in flags, in variables, and in the file's short forms. All with the real tool's texts.

use bulla_core::sops::{Group, KeySource, MasterKey};

use super::super::create::CreationFlags;
use super::super::failure::Failure;
use super::{Context, recipient};

/// The flags that name keys, each text with commas as it was given (empty if not), environment variables already among them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyFlags {
    /// `--kms`, SOPS_KMS_ARN
    pub(crate) kms: String,
    /// `--gcp-kms`, SOPS_GCP_KMS_IDS
    pub(crate) gcp_kms: String,
    /// `--hckms`, SOPS_HUAWEICLOUD_KMS_IDS
    pub(crate) hckms: String,
    /// `--azure-kv`, SOPS_AZURE_KEYVAULT_URLS
    pub(crate) azure_kv: String,
    /// `--hc-vault-transit`, SOPS_VAULT_URIS
    pub(crate) hc_vault_transit: String,
    /// `--pgp`, SOPS_PGP_FP
    pub(crate) pgp: String,
    /// `--age`, SOPS_AGE_RECIPIENTS
    pub(crate) age: String,
    /// `--aws-profile`
    pub(crate) aws_profile: String,
    /// `--encryption-context`
    pub(crate) encryption_context: String,
}

impl From<&CreationFlags> for KeyFlags {
    fn from(flags: &CreationFlags) -> Self {
        Self {
            kms: flags.kms.clone(),
            gcp_kms: flags.gcp_kms.clone(),
            hckms: flags.hckms.clone(),
            azure_kv: flags.azure_kv.clone(),
            hc_vault_transit: flags.hc_vault_transit.clone(),
            pgp: flags.pgp.clone(),
            age: flags.age.clone(),
            aws_profile: flags.aws_profile.clone(),
            encryption_context: flags.encryption_context.clone(),
        }
    }
}

impl KeyFlags {
    /// Whether a flag names a key.
    pub(crate) fn name_keys(&self) -> bool {
        let flags =
            [&self.kms, &self.gcp_kms, &self.hckms, &self.azure_kv, &self.hc_vault_transit, &self.pgp, &self.age];
        flags.iter().any(|flag| !flag.is_empty())
    }

    /// The group of keys for a new file; none if no flag names a key, and the file `.sops.yaml` decides.
    pub(crate) fn group(&self) -> Result<Option<Group>, Failure> {
        let context = kms_context(&self.encryption_context);
        if context.is_none() && !self.encryption_context.is_empty() {
            crate::sops::log::warn(
                "AWSKMS",
                "Encryption context contains a non-string value, context will not be used",
            );
            return Err(Failure::new(6, "Invalid KMS encryption context format"));
        }
        if !self.name_keys() {
            return Ok(None);
        }
        let mut sources = aws_kms(&self.kms, &context.unwrap_or_default(), &self.aws_profile);
        sources.extend(gcp_kms(&self.gcp_kms));
        // What is refused is refused in this order, whatever the order of the keys.
        let (huawei, azure, vault) = self.checked().map_err(Failure::generic)?;
        sources.extend(huawei);
        sources.extend(azure);
        sources.extend(pgp(&self.pgp));
        sources.extend(vault);
        sources.extend(age(&self.age).map_err(Failure::generic)?);
        Ok(Some(group(sources)))
    }

    /// The keys that `rotate` adds or removes; they have another order, and a context that is none is left away.
    pub(crate) fn changes(&self) -> Result<Vec<MasterKey>, Failure> {
        let context = kms_context(&self.encryption_context).unwrap_or_default();
        let mut sources = aws_kms(&self.kms, &context, &self.aws_profile);
        sources.extend(pgp(&self.pgp));
        sources.extend(gcp_kms(&self.gcp_kms));
        let (huawei, azure, vault) = self.checked().map_err(Failure::generic)?;
        sources.extend(huawei);
        sources.extend(azure);
        sources.extend(vault);
        sources.extend(age(&self.age).map_err(Failure::generic)?);
        Ok(group(sources).keys)
    }

    #[expect(clippy::type_complexity, reason = "three lists of the same kind, for two callers right above")]
    fn checked(&self) -> Result<(Vec<KeySource>, Vec<KeySource>, Vec<KeySource>), String> {
        Ok((huawei(&self.hckms)?, azure(&self.azure_kv)?, vault(&self.hc_vault_transit)?))
    }
}

/// `key:value,…` of `--encryption-context`, sorted; none if it is empty or not of this form.
pub(crate) fn kms_context(text: &str) -> Option<Vec<(String, String)>> {
    if text.is_empty() {
        return None;
    }
    let mut pairs: Vec<(String, String)> = Vec::new();
    for pair in text.split(',') {
        let (key, value) = pair.split_once(':').filter(|(_, value)| !value.contains(':'))?;
        // The last of equal keys counts.
        pairs.retain(|(known, _)| known != key);
        pairs.push((key.to_owned(), value.to_owned()));
    }
    pairs.sort();
    Some(pairs)
}

fn group(sources: Vec<KeySource>) -> Group {
    Group { keys: sources.into_iter().map(MasterKey::new).collect() }
}

/// The words of a list with commas; of an empty text, none.
fn words(list: &str) -> impl Iterator<Item = &str> {
    list.split(',').filter(move |_| !list.is_empty())
}

/// Recipients of age.
pub(super) fn age(list: &str) -> Result<Vec<KeySource>, String> {
    words(list)
        .map(|word| {
            let recipient = word.trim();
            recipient::check(recipient)?;
            Ok(KeySource::Age { recipient: recipient.to_owned() })
        })
        .collect()
}

/// Fingerprints.
pub(super) fn pgp(list: &str) -> Vec<KeySource> {
    words(list).map(pgp_key).collect()
}

/// One fingerprint, without the spaces that gpg prints.
pub(super) fn pgp_key(fingerprint: &str) -> KeySource {
    KeySource::Pgp { fingerprint: fingerprint.replace(' ', "") }
}

/// ARNs, each with a role behind `+` if there is one.
pub(super) fn aws_kms(list: &str, context: &Context, profile: &str) -> Vec<KeySource> {
    words(list)
        .map(|word| {
            let word = word.replace(' ', "");
            let (arn, role) = match word.find("+arn:") {
                Some(plus) if plus > 0 => (word[..plus].to_owned(), Some(word[plus + 1..].to_owned())),
                _ => (word, None),
            };
            KeySource::AwsKms { arn, role, context: context.to_vec(), profile: profile.to_owned() }
        })
        .collect()
}

/// Resource IDs of Google Cloud KMS.
pub(super) fn gcp_kms(list: &str) -> Vec<KeySource> {
    words(list).map(gcp_key).collect()
}

/// One resource ID.
pub(super) fn gcp_key(resource_id: &str) -> KeySource {
    KeySource::GcpKms { resource_id: resource_id.replace(' ', "") }
}

/// Key IDs of Huawei Cloud.
pub(super) fn huawei(list: &str) -> Result<Vec<KeySource>, String> {
    words(list).map(str::trim).filter(|word| !word.is_empty()).map(huawei_key).collect()
}

/// One key ID, `region:uuid`.
pub(super) fn huawei_key(key_id: &str) -> Result<KeySource, String> {
    let trimmed = key_id.trim();
    let (region, uuid) = trimmed
        .split_once(':')
        .ok_or_else(|| format!("invalid key ID format: expected 'region:key-uuid', got {trimmed:?}"))?;
    if region.trim().is_empty() {
        return Err(format!("region cannot be empty in key ID: {trimmed:?}"));
    }
    if uuid.trim().is_empty() {
        return Err(format!("key UUID cannot be empty in key ID: {trimmed:?}"));
    }
    Ok(KeySource::HuaweiKms { key_id: key_id.to_owned() })
}

/// URLs of keys in Azure Key Vault.
pub(super) fn azure(list: &str) -> Result<Vec<KeySource>, String> {
    words(list).map(azure_key).collect()
}

/// One URL: `https://HOST/keys/NAME` or `…/NAME/VERSION`. Without a version it stays empty here: which one is the newest, the client of the
/// key vault finds out when the key is used.
fn azure_key(url: &str) -> Result<KeySource, String> {
    let url = url.trim();
    let parts = || {
        let (host, rest) = url.strip_prefix("https://")?.split_once("/keys/")?;
        let (name, version) = rest.split_once('/').unwrap_or((rest, ""));
        let good = !host.is_empty() && !host.contains('/') && !name.is_empty() && !version.contains('/');
        good.then_some((host, name, version))
    };
    let (host, name, version) =
        parts().ok_or_else(|| format!("could not parse {url:?} into a valid Azure Key Vault MasterKey []"))?;
    Ok(KeySource::AzureKeyVault {
        vault_url: format!("https://{host}"),
        name: name.to_owned(),
        version: version.to_owned(),
    })
}

/// URIs of keys of transit engines.
pub(super) fn vault(list: &str) -> Result<Vec<KeySource>, String> {
    words(list).filter(|word| !word.is_empty()).map(vault_key).collect()
}

/// One URI: `https://HOST:PORT/v1/ENGINE/keys/NAME`.
pub(super) fn vault_key(uri: &str) -> Result<KeySource, String> {
    let scheme = uri.split_once(':').map(|(scheme, _)| scheme).filter(|scheme| is_scheme(scheme));
    let Some(scheme) = scheme else {
        return Err(format!(
            "missing scheme in Vault URL (should be like this: +https://vault.example.com:8200/v1/transit/keys/keyName), got: {uri}"
        ));
    };
    let rest = &uri[scheme.len() + 1..];
    let (host, path) = match rest.strip_prefix("//") {
        Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
        None => ("", rest),
    };
    let path = path.split('#').next().unwrap_or_default();
    let segments: Vec<&str> = path.split('/').collect();
    let is_version = |segment: &str| {
        segment
            .strip_prefix('v')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit()))
    };
    // A version with three names behind it, wherever it stands; with a name before it, Vault sits behind a prefix.
    let versions = (1..segments.len()).filter(|&at| {
        is_version(segments[at])
            && segments.get(at + 1..at + 4).is_some_and(|next| next.iter().all(|name| !name.is_empty()))
    });
    let versions: Vec<usize> = versions.collect();
    if versions.iter().any(|&at| at >= 2 && !segments[at - 1].is_empty()) {
        return Err("running Vault with a prefixed URL is not supported! (Format has to be like https://vault.example.com:8200/v1/transit/keys/keyName)".to_owned());
    }
    if versions.is_empty() {
        return Err("vault path does not seem to be formatted correctly: (eg. https://vault.example.com:8200/v1/transit/keys/keyName)".to_owned());
    }
    let folders: Vec<&str> = path.trim_matches('/').split('/').collect();
    let engine: Vec<&str> = folders[1..folders.len() - 2].iter().copied().filter(|name| !name.is_empty()).collect();
    Ok(KeySource::Vault {
        address: format!("{}://{host}", scheme.to_ascii_lowercase()),
        engine_path: engine.join("/"),
        key_name: folders[folders.len() - 1].to_owned(),
    })
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|first: char| first.is_ascii_alphabetic())
        && text.chars().all(|letter| letter.is_ascii_alphanumeric() || "+-.".contains(letter))
}
