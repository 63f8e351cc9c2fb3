//! Master keys: who can open a file. Each holds the data key (or a share of it) in wrapped form.

/// Keys of one group: any of them gives the group's part of the data key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// In the order of the file.
    pub keys: Vec<MasterKey>,
}

/// A key and what it wraps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MasterKey {
    /// Which key.
    pub source: KeySource,
    /// The wrapped part of the data key, in the form of its kind: armored age or PGP, base64, `vault:v1:…`.
    pub enc: String,
    /// When it was wrapped, RFC 3339 in UTC; age keys have none.
    pub created_at: Option<String>,
}

/// The kinds of keys, in alphabetical order of their names in the metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum KeyKind {
    /// `age`
    Age,
    /// `azure_kv`: Azure Key Vault
    AzureKeyVault,
    /// `gcp_kms`: Google Cloud KMS
    GcpKms,
    /// `hc_vault`: HashiCorp Vault or OpenBao, transit engine
    Vault,
    /// `hckms`: Huawei Cloud KMS
    HuaweiKms,
    /// `kms`: AWS KMS
    AwsKms,
    /// `pgp`
    Pgp,
}

/// Which key: what a person writes in `.sops.yaml` or on the command line. Nothing in it is secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// An age recipient: `age1…`, `age1pq1…`, a plugin's, or a whole line `ssh-ed25519 …`, `ssh-rsa …`.
    Age {
        /// The recipient.
        recipient: String,
    },
    /// A PGP key.
    Pgp {
        /// The fingerprint, as given, without spaces; `!` at its end asks for exactly this subkey.
        fingerprint: String,
    },
    /// A key of AWS KMS.
    AwsKms {
        /// The ARN.
        arn: String,
        /// The role to assume, if any.
        role: Option<String>,
        /// The encryption context, sorted by key. A value that is null in the file is empty.
        context: Vec<(String, String)>,
        /// The profile of the AWS configuration, empty if none.
        profile: String,
    },
    /// A key of Google Cloud KMS.
    GcpKms {
        /// `projects/…/cryptoKeys/…`
        resource_id: String,
    },
    /// A key of Huawei Cloud KMS.
    HuaweiKms {
        /// `region:uuid`
        key_id: String,
    },
    /// A key of Azure Key Vault.
    AzureKeyVault {
        /// `https://NAME.vault.azure.net`
        vault_url: String,
        /// The key's name.
        name: String,
        /// The key's version, empty for the newest.
        version: String,
    },
    /// A key of a transit engine.
    Vault {
        /// `https://HOST:PORT`
        address: String,
        /// Where the engine is mounted.
        engine_path: String,
        /// The key's name.
        key_name: String,
    },
}

impl KeyKind {
    /// All kinds, in alphabetical order of their names.
    pub const ALL: [Self; 7] =
        [Self::Age, Self::AzureKeyVault, Self::GcpKms, Self::Vault, Self::HuaweiKms, Self::AwsKms, Self::Pgp];

    /// The name in the metadata, in key groups, and in the decryption order.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Age => "age",
            Self::AzureKeyVault => "azure_kv",
            Self::GcpKms => "gcp_kms",
            Self::Vault => "hc_vault",
            Self::HuaweiKms => "hckms",
            Self::AwsKms => "kms",
            Self::Pgp => "pgp",
        }
    }

    /// The kind of this name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl KeySource {
    /// The kind.
    #[must_use]
    pub fn kind(&self) -> KeyKind {
        match self {
            Self::Age { .. } => KeyKind::Age,
            Self::Pgp { .. } => KeyKind::Pgp,
            Self::AwsKms { .. } => KeyKind::AwsKms,
            Self::GcpKms { .. } => KeyKind::GcpKms,
            Self::HuaweiKms { .. } => KeyKind::HuaweiKms,
            Self::AzureKeyVault { .. } => KeyKind::AzureKeyVault,
            Self::Vault { .. } => KeyKind::Vault,
        }
    }

    /// What the key is called in messages, diffs and `--rm-…`; two keys of the same kind are the same key if this is equal.
    #[must_use]
    pub fn identity(&self) -> String {
        match self {
            Self::Age { recipient } => recipient.clone(),
            Self::Pgp { fingerprint } => fingerprint.clone(),
            Self::AwsKms { arn, role, context, profile } => {
                let mut text = arn.clone();
                if let Some(role) = role {
                    text = format!("{text}+{role}");
                }
                let pairs: Vec<String> = context.iter().map(|(key, value)| format!("{key}:{value}")).collect();
                if !pairs.is_empty() || !profile.is_empty() {
                    text = format!("{text}|{}", pairs.join(","));
                }
                if profile.is_empty() { text } else { format!("{text}|{profile}") }
            }
            Self::GcpKms { resource_id } => resource_id.clone(),
            Self::HuaweiKms { key_id } => key_id.clone(),
            Self::AzureKeyVault { vault_url, name, version } => format!("{vault_url}/keys/{name}/{version}"),
            Self::Vault { address, engine_path, key_name } => format!("{address}/v1/{engine_path}/keys/{key_name}"),
        }
    }
}

impl MasterKey {
    /// A key that wraps nothing yet.
    #[must_use]
    pub fn new(source: KeySource) -> Self {
        Self { source, enc: String::new(), created_at: None }
    }
}
