//! What a lenient reader takes from the file: unknown keys are nobody's business, a value of the wrong type is an error in go-yaml's words.

use bulla_core::sops::Indents;
use bulla_yaml::Position;

use super::document::{Kind, Node, Scalar};

/// The whole file.
pub(super) struct File {
    /// None if the key is not there (or null), which is as if there were no file.
    pub(super) creation_rules: Option<Vec<Rule>>,
    pub(super) destination_rules: Vec<DestinationRule>,
    pub(super) indents: Indents,
}

/// One of `creation_rules`, or a `recreation_rule`.
#[derive(Default)]
pub(super) struct Rule {
    pub(super) at: Option<Position>,
    pub(super) path_regex: String,
    pub(super) kms: Names,
    pub(super) age: Names,
    pub(super) pgp: Names,
    pub(super) gcp_kms: Names,
    pub(super) hckms: Vec<String>,
    pub(super) azure_keyvault: Names,
    pub(super) hc_vault: Names,
    pub(super) aws_profile: String,
    pub(super) key_groups: Vec<KeyGroup>,
    pub(super) shamir_threshold: i64,
    /// In the order of [`SELECTORS`].
    pub(super) selectors: [String; 6],
    pub(super) mac_only_encrypted: bool,
}

/// The keys of the selectors.
pub(super) const SELECTORS: [&str; 6] = [
    "unencrypted_suffix",
    "encrypted_suffix",
    "unencrypted_regex",
    "encrypted_regex",
    "unencrypted_comment_regex",
    "encrypted_comment_regex",
];

/// Names of keys: text with commas, or a list. What is neither is an error only where the rule is used.
#[derive(Default)]
pub(super) enum Names {
    #[default]
    None,
    Text(String),
    List(Vec<Result<String, &'static str>>),
    /// Of this Go type.
    Other(&'static str),
}

/// One of `key_groups`, or of a `merge` in one.
#[derive(Default)]
pub(super) struct KeyGroup {
    pub(super) merge: Vec<KeyGroup>,
    pub(super) kms: Vec<KmsKey>,
    pub(super) gcp_kms: Vec<String>,
    pub(super) hckms: Vec<String>,
    pub(super) azure_keyvault: Vec<AzureKey>,
    pub(super) hc_vault: Vec<String>,
    pub(super) age: Vec<String>,
    pub(super) pgp: Vec<String>,
}

/// One of `kms` in a key group.
#[derive(Default)]
pub(super) struct KmsKey {
    pub(super) arn: String,
    pub(super) role: String,
    pub(super) context: Vec<(String, String)>,
    pub(super) aws_profile: String,
}

/// One of `azure_keyvault` in a key group.
#[derive(Default)]
pub(super) struct AzureKey {
    pub(super) vault_url: String,
    pub(super) key: String,
    pub(super) version: String,
}

/// One of `destination_rules`.
#[derive(Default)]
pub(super) struct DestinationRule {
    pub(super) path_regex: String,
    pub(super) s3_bucket: String,
    pub(super) s3_prefix: String,
    pub(super) gcs_bucket: String,
    pub(super) gcs_prefix: String,
    pub(super) vault_path: String,
    pub(super) vault_address: String,
    pub(super) vault_kv_mount_name: String,
    pub(super) vault_kv_version: i64,
    pub(super) recreation_rule: Rule,
    pub(super) omit_extensions: bool,
}

/// Takes what is known. All values of a wrong type are named together.
pub(super) fn decode(document: &Node) -> Result<File, String> {
    let mut decoder = Decoder { errors: Vec::new(), bad_merge: false };
    let file = decoder.file(document);
    if decoder.bad_merge {
        Err("yaml: map merge requires map or sequence of maps as the value".to_owned())
    } else if decoder.errors.is_empty() {
        Ok(file)
    } else {
        Err(format!("yaml: unmarshal errors:\n  {}", decoder.errors.join("\n  ")))
    }
}

struct Decoder {
    errors: Vec<String>,
    /// go-yaml stops at once there.
    bad_merge: bool,
}

impl Decoder {
    fn file(&mut self, node: &Node) -> File {
        let mut file = File { creation_rules: None, destination_rules: Vec::new(), indents: Indents::default() };
        self.map(node, "config.configFile", |this, key, value| match key {
            "creation_rules" if !value.is_null() => {
                file.creation_rules = Some(this.list(value, "[]config.creationRule", Self::rule));
            }
            "destination_rules" => {
                file.destination_rules = this.list(value, "[]config.destinationRule", Self::destination_rule);
            }
            "stores" => this.stores(value, &mut file.indents),
            _ => {}
        });
        file
    }

    fn stores(&mut self, node: &Node, indents: &mut Indents) {
        self.map(node, "config.StoresConfig", |this, key, value| match key {
            "yaml" => this.map(value, "config.YAMLStoreConfig", |this, key, value| {
                if key == "indent" {
                    // 0 is the default; what is below is refused where it is used.
                    match usize::try_from(this.int(value)) {
                        Ok(0) | Err(_) => {}
                        Ok(indent) => indents.yaml = indent,
                    }
                }
            }),
            "json" | "json_binary" => {
                let (target, name) = match key {
                    "json" => (&mut indents.json, "config.JSONStoreConfig"),
                    _ => (&mut indents.binary, "config.JSONBinaryStoreConfig"),
                };
                this.map(value, name, |this, key, value| {
                    if key == "indent" {
                        *target = i32::try_from(this.int(value)).unwrap_or(-1);
                    }
                });
            }
            "dotenv" => this.map(value, "config.DotenvStoreConfig", |_, _, _| {}),
            "ini" => this.map(value, "config.INIStoreConfig", |_, _, _| {}),
            _ => {}
        });
    }

    fn rule(&mut self, node: &Node) -> Rule {
        let mut rule = Rule { at: Some(node.at), ..Rule::default() };
        self.map(node, "config.creationRule", |this, key, value| match key {
            "path_regex" => rule.path_regex = this.text(value),
            "kms" => rule.kms = Names::of(value),
            "age" => rule.age = Names::of(value),
            "pgp" => rule.pgp = Names::of(value),
            "gcp_kms" => rule.gcp_kms = Names::of(value),
            "hckms" => rule.hckms = this.texts(value),
            "azure_keyvault" => rule.azure_keyvault = Names::of(value),
            "hc_vault_transit_uri" => rule.hc_vault = Names::of(value),
            "aws_profile" => rule.aws_profile = this.text(value),
            "key_groups" => rule.key_groups = this.list(value, "[]config.keyGroup", Self::key_group),
            "shamir_threshold" => rule.shamir_threshold = this.int(value),
            "mac_only_encrypted" => rule.mac_only_encrypted = this.bool(value),
            _ => {
                if let Some(index) = SELECTORS.iter().position(|selector| *selector == key) {
                    rule.selectors[index] = this.text(value);
                }
            }
        });
        rule
    }

    fn key_group(&mut self, node: &Node) -> KeyGroup {
        let mut group = KeyGroup::default();
        self.map(node, "config.keyGroup", |this, key, value| match key {
            "merge" => group.merge = this.list(value, "[]config.keyGroup", Self::key_group),
            "kms" => group.kms = this.list(value, "[]config.kmsKey", Self::kms_key),
            "gcp_kms" => {
                group.gcp_kms = this
                    .list(value, "[]config.gcpKmsKey", |this, node| this.only(node, "config.gcpKmsKey", "resource_id"));
            }
            "hckms" => {
                group.hckms =
                    this.list(value, "[]config.hckmsKey", |this, node| this.only(node, "config.hckmsKey", "key_id"));
            }
            "azure_keyvault" => group.azure_keyvault = this.list(value, "[]config.azureKVKey", Self::azure_key),
            "hc_vault" => group.hc_vault = this.texts(value),
            "age" => group.age = this.texts(value),
            "pgp" => group.pgp = this.texts(value),
            _ => {}
        });
        group
    }

    fn kms_key(&mut self, node: &Node) -> KmsKey {
        let mut kms = KmsKey::default();
        self.map(node, "config.kmsKey", |this, key, value| match key {
            "arn" => kms.arn = this.text(value),
            "role" => kms.role = this.text(value),
            "aws_profile" => kms.aws_profile = this.text(value),
            "context" => {
                this.map(value, "map[string]*string", |this, key, value| {
                    kms.context.push((key.to_owned(), this.text(value)));
                });
                kms.context.sort();
            }
            _ => {}
        });
        kms
    }

    fn azure_key(&mut self, node: &Node) -> AzureKey {
        let mut azure = AzureKey::default();
        self.map(node, "config.azureKVKey", |this, key, value| match key {
            "vaultUrl" => azure.vault_url = this.text(value),
            "key" => azure.key = this.text(value),
            "version" => azure.version = this.text(value),
            _ => {}
        });
        azure
    }

    fn destination_rule(&mut self, node: &Node) -> DestinationRule {
        let mut rule = DestinationRule::default();
        self.map(node, "config.destinationRule", |this, key, value| match key {
            "path_regex" => rule.path_regex = this.text(value),
            "s3_bucket" => rule.s3_bucket = this.text(value),
            "s3_prefix" => rule.s3_prefix = this.text(value),
            "gcs_bucket" => rule.gcs_bucket = this.text(value),
            "gcs_prefix" => rule.gcs_prefix = this.text(value),
            "vault_path" => rule.vault_path = this.text(value),
            "vault_address" => rule.vault_address = this.text(value),
            "vault_kv_mount_name" => rule.vault_kv_mount_name = this.text(value),
            "vault_kv_version" => rule.vault_kv_version = this.int(value),
            "recreation_rule" => rule.recreation_rule = this.rule(value),
            "omit_extensions" => rule.omit_extensions = this.bool(value),
            _ => {}
        });
        rule
    }

    /// The value of the one key that counts in a map.
    fn only(&mut self, node: &Node, go_type: &str, wanted: &str) -> String {
        let mut found = String::new();
        self.map(node, go_type, |this, key, value| {
            if key == wanted {
                found = this.text(value);
            }
        });
        found
    }

    fn map(&mut self, node: &Node, go_type: &str, mut entry: impl FnMut(&mut Self, &str, &Node)) {
        match &node.kind {
            // Of a map that has a key twice, go-yaml takes nothing.
            Kind::Map { twice, .. } if !twice.is_empty() => self.errors.extend(twice.iter().cloned()),
            Kind::Map { bad_merge: true, .. } => self.bad_merge = true,
            Kind::Map { entries, .. } => entries.iter().for_each(|(key, value)| entry(self, &key.text, value)),
            _ if node.is_null() => {}
            _ => self.wrong(node, go_type),
        }
    }

    fn list<T>(&mut self, node: &Node, go_type: &str, mut item: impl FnMut(&mut Self, &Node) -> T) -> Vec<T> {
        match &node.kind {
            Kind::List(items) => items.iter().map(|node| item(self, node)).collect(),
            _ => {
                if !node.is_null() {
                    self.wrong(node, go_type);
                }
                Vec::new()
            }
        }
    }

    fn texts(&mut self, node: &Node) -> Vec<String> {
        self.list(node, "[]string", Self::text)
    }

    fn text(&mut self, node: &Node) -> String {
        match &node.kind {
            Kind::Scalar { .. } => node.text().unwrap_or_default().to_owned(),
            _ => {
                self.wrong(node, "string");
                String::new()
            }
        }
    }

    fn int(&mut self, node: &Node) -> i64 {
        match &node.kind {
            Kind::Scalar { scalar: Scalar::Int(value), .. } => *value,
            #[expect(clippy::cast_possible_truncation, reason = "go-yaml cuts it off, too")]
            Kind::Scalar { scalar: Scalar::Float(value), .. } if value.abs() < 1e15 => *value as i64,
            Kind::Scalar { scalar: Scalar::Null, .. } => 0,
            _ => {
                self.wrong(node, "int");
                0
            }
        }
    }

    fn bool(&mut self, node: &Node) -> bool {
        match &node.kind {
            Kind::Scalar { scalar: Scalar::Bool(value), .. } => *value,
            Kind::Scalar { scalar: Scalar::Null, .. } => false,
            // The words of YAML 1.1, which go-yaml takes where it knows that a boolean is wanted.
            Kind::Scalar { text, scalar: Scalar::Text } => match text.as_str() {
                "y" | "Y" | "yes" | "on" => true,
                "n" | "N" | "no" | "off" => false,
                _ => {
                    self.wrong(node, "bool");
                    false
                }
            },
            _ => {
                self.wrong(node, "bool");
                false
            }
        }
    }

    fn wrong(&mut self, node: &Node, go_type: &str) {
        self.errors.push(format!("line {}: cannot unmarshal {} into {go_type}", node.at.line, node.go_shown()));
    }
}

impl Names {
    fn of(node: &Node) -> Self {
        match &node.kind {
            Kind::Scalar { scalar: Scalar::Text, text } => Self::Text(text.clone()),
            Kind::List(items) => Self::List(
                items
                    .iter()
                    .map(|item| match &item.kind {
                        Kind::Scalar { scalar: Scalar::Text, text } => Ok(text.clone()),
                        _ => Err(item.go_type()),
                    })
                    .collect(),
            ),
            _ if node.is_null() => Self::None,
            _ => Self::Other(node.go_type()),
        }
    }

    /// The names; `field` is for the message.
    pub(super) fn names(&self, field: &str) -> Result<Vec<String>, String> {
        let bad = |expected: &str, found: &str| {
            format!("invalid {field} key configuration: expected {expected}, got {found}")
        };
        match self {
            Self::None => Ok(Vec::new()),
            Self::Text(text) => {
                Ok(text.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned).collect())
            }
            Self::List(items) => {
                items.iter().map(|item| item.clone().map_err(|found| bad("string in list", found))).collect()
            }
            Self::Other(found) => Err(bad("string, []string, or nil", found)),
        }
    }
}
