//! Keys in a cloud: AWS KMS, Azure Key Vault, Google Cloud KMS, Huawei KMS, and the transit engine of Vault and OpenBao.
//!
//! This is the one place where their clients plug in. Until they do, such a key answers with what is missing, and a file that has other
//! keys, too, opens with those; what such a key wraps stays in the file as it is.

use bulla_core::secret::SecretBytes;
use bulla_core::sops::{KeyKind, KeySource, MasterKey};

/// Asks a cloud to open a part of the data key.
pub(super) fn unwrap(key: &MasterKey) -> Result<SecretBytes, String> {
    Err(format!("failed to decrypt sops data key with {}: {}", service(key.source.kind()), missing(key.source.kind())))
}

/// Asks a cloud to encrypt a part of the data key.
pub(super) fn wrap(source: &KeySource, _part: &[u8]) -> Result<String, String> {
    Err(format!("failed to encrypt sops data key with {}: {}", service(source.kind()), missing(source.kind())))
}

/// What the service is called.
pub(super) fn service(kind: KeyKind) -> &'static str {
    match kind {
        KeyKind::Age => "age",
        KeyKind::Pgp => "pgp",
        KeyKind::AwsKms => "AWS KMS",
        KeyKind::GcpKms => "GCP KMS",
        KeyKind::HuaweiKms => "HuaweiCloud KMS",
        KeyKind::AzureKeyVault => "Azure Key Vault",
        KeyKind::Vault => "Vault transit backend",
    }
}

fn missing(kind: KeyKind) -> String {
    format!(
        "this build has no client for {}; the key stays in the file as it is, and a key service that can reach it \
         (--keyservice) or another key of the file is needed",
        service(kind)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_client_is_named() {
        let source = KeySource::HuaweiKms { key_id: "region:uuid".to_owned() };
        let error = unwrap(&MasterKey::new(source.clone())).err().unwrap();
        assert!(error.contains("no client for HuaweiCloud KMS") && error.contains("--keyservice"), "{error}");
        assert!(wrap(&source, b"x").unwrap_err().starts_with("failed to encrypt sops data key with HuaweiCloud KMS: "));
    }
}
