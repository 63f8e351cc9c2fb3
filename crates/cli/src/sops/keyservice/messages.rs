//! The messages of the service, as sops 3.13.3 defines them in its `keyservice.proto` (which has no package).

use std::collections::BTreeMap;

use bulla_core::sops::KeySource;
use zeroize::Zeroize as _;

/// Asks for a part of the data key to be wrapped.
#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(super) struct EncryptRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) key: Option<Key>,
    #[prost(bytes = "vec", tag = "2")]
    pub(super) plaintext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct EncryptResponse {
    /// The text of `enc`.
    #[prost(bytes = "vec", tag = "1")]
    pub(super) ciphertext: Vec<u8>,
}

/// Asks for it to be opened.
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct DecryptRequest {
    #[prost(message, optional, tag = "1")]
    pub(super) key: Option<Key>,
    /// The text of `enc`.
    #[prost(bytes = "vec", tag = "2")]
    pub(super) ciphertext: Vec<u8>,
}

#[derive(Clone, PartialEq, prost::Message)]
#[prost(skip_debug)]
pub(super) struct DecryptResponse {
    #[prost(bytes = "vec", tag = "1")]
    pub(super) plaintext: Vec<u8>,
}

// What gRPC copies into its own buffers is out of reach; this much can be cleared.
impl Drop for EncryptRequest {
    fn drop(&mut self) {
        self.plaintext.zeroize();
    }
}

impl Drop for DecryptResponse {
    fn drop(&mut self) {
        self.plaintext.zeroize();
    }
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Key {
    #[prost(oneof = "KeyType", tags = "1, 2, 3, 4, 5, 6, 7")]
    pub(super) kind: Option<KeyType>,
}

#[derive(Clone, PartialEq, prost::Oneof)]
pub(super) enum KeyType {
    #[prost(message, tag = "1")]
    AwsKms(AwsKmsKey),
    #[prost(message, tag = "2")]
    Pgp(PgpKey),
    #[prost(message, tag = "3")]
    GcpKms(GcpKmsKey),
    #[prost(message, tag = "4")]
    AzureKeyVault(AzureKeyVaultKey),
    #[prost(message, tag = "5")]
    Vault(VaultKey),
    #[prost(message, tag = "6")]
    Age(AgeKey),
    #[prost(message, tag = "7")]
    HuaweiKms(HuaweiKmsKey),
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AwsKmsKey {
    #[prost(string, tag = "1")]
    arn: String,
    #[prost(string, tag = "2")]
    role: String,
    #[prost(btree_map = "string, string", tag = "3")]
    context: BTreeMap<String, String>,
    #[prost(string, tag = "4")]
    aws_profile: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct PgpKey {
    #[prost(string, tag = "1")]
    fingerprint: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct GcpKmsKey {
    #[prost(string, tag = "1")]
    resource_id: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AzureKeyVaultKey {
    #[prost(string, tag = "1")]
    vault_url: String,
    #[prost(string, tag = "2")]
    name: String,
    #[prost(string, tag = "3")]
    version: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct VaultKey {
    #[prost(string, tag = "1")]
    vault_address: String,
    #[prost(string, tag = "2")]
    engine_path: String,
    #[prost(string, tag = "3")]
    key_name: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct AgeKey {
    #[prost(string, tag = "1")]
    recipient: String,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct HuaweiKmsKey {
    #[prost(string, tag = "1")]
    key_id: String,
}

impl From<&KeySource> for Key {
    fn from(source: &KeySource) -> Self {
        let kind = match source.clone() {
            KeySource::Age { recipient } => KeyType::Age(AgeKey { recipient }),
            KeySource::Pgp { fingerprint } => KeyType::Pgp(PgpKey { fingerprint }),
            KeySource::AwsKms { arn, role, context, profile } => KeyType::AwsKms(AwsKmsKey {
                arn,
                role: role.unwrap_or_default(),
                context: context.into_iter().collect(),
                aws_profile: profile,
            }),
            KeySource::GcpKms { resource_id } => KeyType::GcpKms(GcpKmsKey { resource_id }),
            KeySource::HuaweiKms { key_id } => KeyType::HuaweiKms(HuaweiKmsKey { key_id }),
            KeySource::AzureKeyVault { vault_url, name, version } => {
                KeyType::AzureKeyVault(AzureKeyVaultKey { vault_url, name, version })
            }
            KeySource::Vault { address, engine_path, key_name } => {
                KeyType::Vault(VaultKey { vault_address: address, engine_path, key_name })
            }
        };
        Self { kind: Some(kind) }
    }
}

impl From<KeyType> for KeySource {
    fn from(kind: KeyType) -> Self {
        match kind {
            KeyType::Age(key) => Self::Age { recipient: key.recipient },
            KeyType::Pgp(key) => Self::Pgp { fingerprint: key.fingerprint },
            KeyType::AwsKms(key) => Self::AwsKms {
                arn: key.arn,
                role: (!key.role.is_empty()).then_some(key.role),
                context: key.context.into_iter().collect(),
                profile: key.aws_profile,
            },
            KeyType::GcpKms(key) => Self::GcpKms { resource_id: key.resource_id },
            KeyType::HuaweiKms(key) => Self::HuaweiKms { key_id: key.key_id },
            KeyType::AzureKeyVault(key) => {
                Self::AzureKeyVault { vault_url: key.vault_url, name: key.name, version: key.version }
            }
            KeyType::Vault(key) => {
                Self::Vault { address: key.vault_address, engine_path: key.engine_path, key_name: key.key_name }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use prost::Message as _;

    use super::*;

    #[test]
    fn every_kind_of_key_survives_the_way() {
        let text = str::to_owned;
        for source in [
            KeySource::Age { recipient: text("age1a") },
            KeySource::Pgp { fingerprint: text("F00D") },
            KeySource::AwsKms {
                arn: text("arn:aws:kms:a"),
                role: Some(text("role")),
                context: vec![(text("a"), text("b")), (text("c"), String::new())],
                profile: text("p"),
            },
            KeySource::AwsKms { arn: text("arn"), role: None, context: Vec::new(), profile: String::new() },
            KeySource::GcpKms { resource_id: text("projects/p") },
            KeySource::HuaweiKms { key_id: text("r:u") },
            KeySource::AzureKeyVault { vault_url: text("https://v"), name: text("n"), version: text("1") },
            KeySource::Vault { address: text("https://v"), engine_path: text("transit"), key_name: text("k") },
        ] {
            let sent = Key::from(&source).encode_to_vec();
            let received = Key::decode(sent.as_slice()).expect("it was encoded a moment ago");
            assert_eq!(received.kind.map(KeySource::from), Some(source));
        }
    }

    #[test]
    fn numbers_of_fields_are_those_of_the_real_tool() {
        let key = Key::from(&KeySource::Age { recipient: "r".to_owned() });
        let request = EncryptRequest { key: Some(key), plaintext: b"p".to_vec() };
        assert_eq!(request.encode_to_vec(), b"\x0a\x05\x32\x03\x0a\x01r\x12\x01p");
        assert_eq!(DecryptResponse { plaintext: b"p".to_vec() }.encode_to_vec(), b"\x0a\x01p");
    }
}
