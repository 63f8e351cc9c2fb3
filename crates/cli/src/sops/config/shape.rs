//! Every key that the file may have, and what stands behind it: what docs/sops.schema.json says to editors, for the strict reading.

use bulla_yaml::Position;

use super::document::{Key, Kind, Node, Scalar};
use super::model::SELECTORS;
use crate::config::nearest;

/// What a value has to be. Null is everything's default.
#[derive(Clone, Copy)]
pub(super) enum Shape {
    Text,
    Number,
    Flag,
    /// Text with commas, or a list of texts.
    Names,
    Texts,
    /// A map from anything to text.
    Pairs,
    Map(&'static Map),
    List(&'static Map),
}

/// A map with known keys.
pub(super) struct Map {
    /// What it is called in messages.
    pub(super) name: &'static str,
    /// Its keys.
    pub(super) keys: &'static [(&'static str, Shape)],
}

/// The whole file.
pub(super) static FILE: Map = Map {
    name: "the file",
    keys: &[
        ("creation_rules", Shape::List(&CREATION_RULE)),
        ("destination_rules", Shape::List(&DESTINATION_RULE)),
        ("stores", Shape::Map(&STORES)),
    ],
};

static CREATION_RULE: Map = Map {
    name: "a creation rule",
    keys: &[
        ("path_regex", Shape::Text),
        ("age", Shape::Names),
        ("pgp", Shape::Names),
        ("kms", Shape::Names),
        ("gcp_kms", Shape::Names),
        ("hckms", Shape::Texts),
        ("azure_keyvault", Shape::Names),
        ("hc_vault_transit_uri", Shape::Names),
        ("aws_profile", Shape::Text),
        ("key_groups", Shape::List(&KEY_GROUP)),
        ("shamir_threshold", Shape::Number),
        (SELECTORS[0], Shape::Text),
        (SELECTORS[1], Shape::Text),
        (SELECTORS[2], Shape::Text),
        (SELECTORS[3], Shape::Text),
        (SELECTORS[4], Shape::Text),
        (SELECTORS[5], Shape::Text),
        ("mac_only_encrypted", Shape::Flag),
    ],
};

static KEY_GROUP: Map = Map {
    name: "a key group",
    keys: &[
        ("merge", Shape::List(&KEY_GROUP)),
        ("age", Shape::Texts),
        ("pgp", Shape::Texts),
        ("kms", Shape::List(&KMS_KEY)),
        ("gcp_kms", Shape::List(&GCP_KEY)),
        ("hckms", Shape::List(&HUAWEI_KEY)),
        ("azure_keyvault", Shape::List(&AZURE_KEY)),
        ("hc_vault", Shape::Texts),
    ],
};

static KMS_KEY: Map = Map {
    name: "a key of AWS KMS",
    keys: &[("arn", Shape::Text), ("role", Shape::Text), ("context", Shape::Pairs), ("aws_profile", Shape::Text)],
};

static GCP_KEY: Map = Map { name: "a key of Google Cloud KMS", keys: &[("resource_id", Shape::Text)] };

static HUAWEI_KEY: Map = Map { name: "a key of Huawei Cloud KMS", keys: &[("key_id", Shape::Text)] };

static AZURE_KEY: Map = Map {
    name: "a key of Azure Key Vault",
    keys: &[("vaultUrl", Shape::Text), ("key", Shape::Text), ("version", Shape::Text)],
};

static DESTINATION_RULE: Map = Map {
    name: "a destination rule",
    keys: &[
        ("path_regex", Shape::Text),
        ("s3_bucket", Shape::Text),
        ("s3_prefix", Shape::Text),
        ("gcs_bucket", Shape::Text),
        ("gcs_prefix", Shape::Text),
        ("vault_path", Shape::Text),
        ("vault_address", Shape::Text),
        ("vault_kv_mount_name", Shape::Text),
        ("vault_kv_version", Shape::Number),
        ("recreation_rule", Shape::Map(&CREATION_RULE)),
        ("omit_extensions", Shape::Flag),
    ],
};

static STORES: Map = Map {
    name: "`stores`",
    keys: &[
        ("yaml", Shape::Map(&INDENTED)),
        ("json", Shape::Map(&INDENTED)),
        ("json_binary", Shape::Map(&INDENTED)),
        ("dotenv", Shape::Map(&EMPTY)),
        ("ini", Shape::Map(&EMPTY)),
    ],
};

static INDENTED: Map = Map { name: "a store", keys: &[("indent", Shape::Number)] };

static EMPTY: Map = Map { name: "a store without settings", keys: &[] };

/// What is wrong with the shape of a file.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wrong {
    /// A key that does not exist.
    Key {
        at: Position,
        key: String,
        place: &'static str,
        /// The known one that looks like it, or all that are known.
        hint: String,
    },
    /// A key that stands twice in one map, with the lines.
    Twice(String),
    /// A value of another kind.
    Kind { at: Position, key: String, found: &'static str, wanted: &'static str },
}

/// The first fault, in the order of the file.
pub(super) fn check(node: &Node) -> Result<(), Wrong> {
    value(node, Shape::Map(&FILE), "", 0)
}

fn value(node: &Node, shape: Shape, key: &str, depth: usize) -> Result<(), Wrong> {
    // The reader has its own limit; this one is for the stack.
    const DEEPEST: usize = 100;
    if node.is_null() || depth > DEEPEST {
        return Ok(());
    }
    let wrong =
        |node: &Node, wanted| Err(Wrong::Kind { at: node.at, key: key.to_owned(), found: node.kind_name(), wanted });
    let text = |node: &Node| matches!(node.kind, Kind::Scalar { .. });
    if let Kind::Map { twice, .. } = &node.kind
        && let Some(twice) = twice.first()
    {
        return Err(Wrong::Twice(twice.clone()));
    }
    match (shape, &node.kind) {
        (Shape::Text, Kind::Scalar { .. })
        | (Shape::Number, Kind::Scalar { scalar: Scalar::Int(_), .. })
        | (Shape::Flag, Kind::Scalar { scalar: Scalar::Bool(_), .. })
        | (Shape::Names, Kind::Scalar { scalar: Scalar::Text, .. }) => Ok(()),
        (Shape::Names | Shape::Texts, Kind::List(items)) => match items.iter().find(|item| !text(item)) {
            Some(item) => wrong(item, "text"),
            None => Ok(()),
        },
        (Shape::Pairs, Kind::Map { entries, .. }) => match entries.iter().find(|(_, value)| !text(value)) {
            Some((_, value)) => wrong(value, "text"),
            None => Ok(()),
        },
        (Shape::Map(map), Kind::Map { entries, .. }) => {
            entries.iter().try_for_each(|(key, node)| match map.keys.iter().find(|(known, _)| *known == key.text) {
                Some((known, shape)) => value(node, *shape, known, depth + 1),
                None if depth == 0 && holds_anchors(key) => Ok(()),
                None => Err(unknown(key, map)),
            })
        }
        (Shape::List(map), Kind::List(items)) => {
            items.iter().try_for_each(|item| value(item, Shape::Map(map), key, depth + 1))
        }
        (Shape::Text, _) => wrong(node, "text"),
        (Shape::Number, _) => wrong(node, "a whole number"),
        (Shape::Flag, _) => wrong(node, "true or false"),
        (Shape::Names, _) => wrong(node, "text with commas, or a list of texts,"),
        (Shape::Texts | Shape::List(_), _) => wrong(node, "a list"),
        (Shape::Pairs | Shape::Map(_), _) => wrong(node, "a map"),
    }
}

/// Where people keep what their rules refer to by `*name`. sops knows none of these keys and does not mind.
fn holds_anchors(key: &Key) -> bool {
    key.text == "keys" || key.text.starts_with("x-")
}

fn unknown(key: &Key, map: &Map) -> Wrong {
    let known: Vec<&str> = map.keys.iter().map(|(known, _)| *known).collect();
    let hint = match nearest(&key.text, &known) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => "it has no settings".to_owned(),
        None if map.name == FILE.name => {
            format!("known here: {}; lists of anchors may be kept under `keys`", known.join(", "))
        }
        None => format!("known here: {}", known.join(", ")),
    };
    Wrong::Key { at: key.at, key: key.text.clone(), place: map.name, hint }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use serde_json::Value;

    use super::*;

    /// Every map of the reader once, with its place in the schema.
    fn compare(map: &'static Map, schema: &Value, root: &Value, seen: &mut BTreeSet<&'static str>) {
        let schema = match schema["$ref"].as_str() {
            Some(reference) => root.pointer(reference.trim_start_matches('#')).expect(reference),
            None => schema,
        };
        if !seen.insert(map.name) {
            return;
        }
        assert_eq!(schema["type"], "object", "{}", map.name);
        let described: BTreeSet<&str> =
            schema["properties"].as_object().into_iter().flatten().map(|(key, _)| key.as_str()).collect();
        let known: BTreeSet<&str> = map.keys.iter().map(|(key, _)| *key).collect();
        let described: BTreeSet<&str> = described.into_iter().filter(|key| *key != "keys").collect();
        assert_eq!(described, known, "{}", map.name);
        assert_eq!(schema["additionalProperties"], false, "{}: strict, as the reader is", map.name);
        for (key, shape) in map.keys {
            let described = &schema["properties"][key];
            let resolved = match described["$ref"].as_str() {
                Some(reference) => root.pointer(reference.trim_start_matches('#')).expect(reference),
                None => described,
            };
            assert!(
                described["description"].is_string() || resolved["description"].is_string(),
                "{}, {key}: no description",
                map.name
            );
            match shape {
                Shape::Text => assert_eq!(resolved["type"], "string", "{key}"),
                Shape::Number => assert_eq!(resolved["type"], "integer", "{key}"),
                Shape::Flag => assert_eq!(resolved["type"], "boolean", "{key}"),
                Shape::Names => assert!(resolved["anyOf"].is_array(), "{key}"),
                Shape::Texts => assert_eq!(resolved["type"], "array", "{key}"),
                Shape::Pairs => assert_eq!(resolved["type"], "object", "{key}"),
                Shape::Map(inner) => compare(inner, described, root, seen),
                Shape::List(inner) => {
                    assert_eq!(resolved["type"], "array", "{key}");
                    compare(inner, &resolved["items"], root, seen);
                }
            }
        }
    }

    #[test]
    fn the_schema_has_every_key_of_the_reader_and_no_other() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/sops.schema.json");
        let schema: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        compare(&FILE, &schema, &schema, &mut BTreeSet::new());
    }
}
