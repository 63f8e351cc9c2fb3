//! A live Secret, read into types that clear their memory. `k8s_openapi`'s Secret is never used: its buffers outlive it.

use std::collections::BTreeMap;
use std::fmt;

use bulla_core::go_base64;
use bulla_core::sealed::KeyLabel;
use bulla_core::secret::SecretBytes;
use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde_json::{Map, Value};

use crate::object::SecretRef;

/// A Secret as the API server stores it.
#[derive(serde::Deserialize)]
#[serde(from = "Body")]
pub(crate) struct LiveSecret {
    /// Everything that a PUT has to give back.
    pub(crate) metadata: Map<String, Value>,
    secret_type: Option<String>,
    pub(crate) immutable: Option<bool>,
    data: BTreeMap<String, Item>,
    /// Who wrote which field: names, no values. The API server keeps it without being told.
    managed_fields: Value,
}

#[derive(serde::Deserialize)]
struct Body {
    #[serde(default)]
    metadata: Map<String, Value>,
    #[serde(default, rename = "type")]
    secret_type: Option<String>,
    #[serde(default)]
    immutable: Option<bool>,
    #[serde(default)]
    data: Option<BTreeMap<String, Item>>,
}

/// The answer to a write: who the Secret is now. Its values are not decoded.
#[derive(serde::Deserialize)]
pub(crate) struct Written {
    #[serde(default)]
    metadata: Map<String, Value>,
}

struct Item(SecretBytes);

impl LiveSecret {
    /// Reads the body of an answer.
    pub(crate) fn from_body(body: &[u8]) -> Option<Self> {
        // The parser's message could quote the body.
        serde_json::from_slice(body).ok().filter(|live: &Self| !live.text("uid").is_empty())
    }

    pub(crate) fn text(&self, field: &str) -> &str {
        self.metadata.get(field).and_then(Value::as_str).unwrap_or_default()
    }

    /// Waits for its finalizers.
    pub(crate) fn is_terminating(&self) -> bool {
        self.metadata.get("deletionTimestamp").is_some_and(|time| !time.is_null())
    }

    /// The type; `Opaque` if none is stored.
    pub(crate) fn secret_type(&self) -> &str {
        self.secret_type.as_deref().filter(|text| !text.is_empty()).unwrap_or("Opaque")
    }

    /// One value.
    pub(crate) fn item(&self, name: &str) -> Option<&SecretBytes> {
        self.data.get(name).map(|item| &item.0)
    }

    /// All values, by name.
    pub(crate) fn items(&self) -> impl Iterator<Item = (&str, &SecretBytes)> + Clone {
        self.data.iter().map(|(name, item)| (name.as_str(), &item.0))
    }

    /// `metadata.managedFields`; null if the API server sent none.
    pub(crate) fn managed_fields(&self) -> &Value {
        &self.managed_fields
    }

    pub(crate) fn reference(&self) -> SecretRef {
        SecretRef::from_metadata(&self.metadata)
    }

    /// One label.
    pub(crate) fn label(&self, name: &str) -> Option<&str> {
        self.metadata.get("labels")?.get(name)?.as_str()
    }

    pub(crate) fn key_label(&self) -> KeyLabel {
        KeyLabel::from_metadata(&self.metadata)
    }
}

impl Written {
    /// Who the Secret is, from the body of an answer to a write.
    pub(crate) fn from_body(body: &[u8]) -> Option<(String, SecretRef)> {
        let written: Self = serde_json::from_slice(body).ok()?;
        let name = written.metadata.get("name").and_then(Value::as_str)?.to_owned();
        Some((name, SecretRef::from_metadata(&written.metadata)))
    }
}

impl From<Body> for LiveSecret {
    fn from(body: Body) -> Self {
        let Body { mut metadata, secret_type, immutable, data } = body;
        let managed_fields = metadata.remove("managedFields").unwrap_or_default();
        Self { metadata, secret_type, immutable, data: data.unwrap_or_default(), managed_fields }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Base64;
        impl Visitor<'_> for Base64 {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("base64 text")
            }

            // The API server writes base64 without escapes, so the text is borrowed from the body and never copied.
            fn visit_str<E: de::Error>(self, text: &str) -> Result<Item, E> {
                match go_base64::decode(text) {
                    Ok(bytes) => Ok(Item(SecretBytes::from(bytes))),
                    Err(_) => Err(E::custom("not base64")),
                }
            }

            fn visit_unit<E: de::Error>(self) -> Result<Item, E> {
                Ok(Item(SecretBytes::new(Vec::new())))
            }
        }
        deserializer.deserialize_any(Base64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_secret_and_keeps_what_a_put_must_give_back() {
        let live = LiveSecret::from_body(
            br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a","uid":"u","resourceVersion":"3","finalizers":["f"],
                "managedFields":[{}],"labels":{"x":"y"},"ownerReferences":[{"uid":"o","controller":true}]},
                "type":"","immutable":true,"data":{"k":"eA==","empty":"","null":null}}"#,
        )
        .unwrap();
        assert_eq!((live.text("name"), live.text("uid")), ("a", "u"));
        assert_eq!((live.secret_type(), live.immutable, live.items().count()), ("Opaque", Some(true), 3));
        assert_eq!(live.item("k").unwrap().expose(), b"x");
        assert!(live.item("empty").unwrap().is_empty() && live.item("null").unwrap().is_empty());
        assert_eq!(live.metadata["labels"]["x"], "y");
        assert!(live.metadata.contains_key("finalizers") && !live.metadata.contains_key("managedFields"));
        assert_eq!(live.reference().controller.as_deref(), Some("o"));
        assert!(!live.is_terminating());
        assert_eq!(live.managed_fields(), &serde_json::json!([{}]));
    }

    #[test]
    fn a_body_that_is_no_secret_gives_no_words_that_could_quote_it() {
        for body in [&b"{"[..], b"[]", br#"{"data":{"k":"c3VwZXJzZWNyZXQ"}}"#, br#"{"data":{"k":1}}"#] {
            assert!(LiveSecret::from_body(body).is_none());
        }
        assert!(Written::from_body(b"{}").is_none());
    }
}
