//! Sealing a whole Secret, and writing Secrets as the body of an API request.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

use crate::Error;
use crate::go_base64;
use crate::sealed::certificate::SealingCertificate;
use crate::sealed::envelope::seal_value;
use crate::sealed::plain::PlainSecret;
use crate::sealed::scope::{CLUSTER_WIDE_ANNOTATION, NAMESPACE_WIDE_ANNOTATION, Scope};
use crate::sealed::unseal::UnsealedSecret;
use crate::sealed::{API_VERSION, KIND};
use crate::secret::SecretBytes;

/// The one ownerReference of a Secret that its SealedSecret controls (sealed-secrets 4.1, step 6).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnerReference<'a> {
    /// The SealedSecret's name.
    pub name: &'a str,
    /// The SealedSecret's uid; empty in offline decryption, as kubeseal prints it.
    pub uid: &'a str,
}

impl OwnerReference<'_> {
    /// The reference as JSON: `controller` is true, `blockOwnerDeletion` is not set.
    pub fn to_json(&self) -> Value {
        json!({"apiVersion": API_VERSION, "controller": true, "kind": KIND, "name": self.name, "uid": self.uid})
    }
}

impl PlainSecret {
    /// The scope that the Secret's annotations ask for.
    pub fn annotated_scope(&self) -> Scope {
        Scope::from_annotations(self.annotations.iter().map(|(name, value)| (name.as_str(), value.as_str())))
    }

    /// Replaces the scope annotations, so that the sealed object states `scope`.
    pub fn set_scope(&mut self, scope: Scope) {
        self.annotations.remove(CLUSTER_WIDE_ANNOTATION);
        self.annotations.remove(NAMESPACE_WIDE_ANNOTATION);
        if let Some(annotation) = scope.annotation() {
            self.annotations.insert(annotation.to_owned(), "true".to_owned());
        }
    }

    /// Seals every item for the scope that the annotations state, in this Secret's namespace and name, and returns the
    /// SealedSecret as a JSON value. Name and namespace must have been settled by the caller.
    ///
    /// # Errors
    /// Only if the random generator or the public-key operation fails.
    pub fn seal(&self, certificate: &SealingCertificate) -> Result<Value, Error> {
        let scope = self.annotated_scope();
        let mut items = Map::new();
        for (key, value) in &self.data {
            let sealed = seal_value(value.expose(), certificate, scope, &self.namespace, &self.name)?;
            items.insert(key.clone(), go_base64::encode(&sealed).into());
        }

        let mut metadata = Map::new();
        metadata.insert("name".to_owned(), self.name.as_str().into());
        if !self.namespace.is_empty() {
            metadata.insert("namespace".to_owned(), self.namespace.as_str().into());
        }
        let mut template_metadata = metadata.clone();
        template_metadata.extend(self.other_metadata.clone());
        for (field, entries) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            if !entries.is_empty() {
                template_metadata.insert(field.to_owned(), json!(entries));
            }
        }
        if let Some(annotation) = scope.annotation() {
            metadata.insert("annotations".to_owned(), json!({annotation: "true"}));
        }

        let mut template = Map::new();
        template.insert("metadata".to_owned(), template_metadata.into());
        if let Some(secret_type) = &self.secret_type {
            template.insert("type".to_owned(), secret_type.as_str().into());
        }
        if let Some(immutable) = self.immutable {
            template.insert("immutable".to_owned(), immutable.into());
        }
        Ok(json!({
            "apiVersion": API_VERSION,
            "kind": KIND,
            "metadata": metadata,
            "spec": {"encryptedData": items, "template": template},
        }))
    }
}

impl UnsealedSecret {
    /// The Secret as the JSON body of a request, in one zeroizing buffer that is sized before it is filled.
    ///
    /// `metadata` holds name, namespace and whatever the caller decided about labels, annotations, ownerReferences and
    /// resourceVersion. `immutable` is the caller's too: it is set at creation, and kept as it lives afterwards.
    pub fn to_body(&self, metadata: &Map<String, Value>, immutable: Option<bool>) -> Zeroizing<Vec<u8>> {
        self.to_body_over(metadata, immutable, std::iter::empty())
    }

    /// [`UnsealedSecret::to_body`], with those of the `live` items that this Secret does not state itself: it is merged over
    /// what is there.
    pub fn to_body_over<'a>(
        &'a self,
        metadata: &Map<String, Value>,
        immutable: Option<bool>,
        live: impl Iterator<Item = (&'a str, &'a SecretBytes)>,
    ) -> Zeroizing<Vec<u8>> {
        let mut items: BTreeMap<&str, &SecretBytes> = live.collect();
        items.extend(self.data().iter().map(|(key, value)| (key.as_str(), value)));
        secret_body(metadata, self.secret_type(), immutable, &items)
    }
}

fn secret_body(
    metadata: &Map<String, Value>,
    secret_type: &str,
    immutable: Option<bool>,
    data: &BTreeMap<&str, &SecretBytes>,
) -> Zeroizing<Vec<u8>> {
    let mut head = json!({"apiVersion": "v1", "kind": "Secret", "metadata": metadata, "type": secret_type});
    if let Some(immutable) = immutable {
        head["immutable"] = immutable.into();
    }
    let head = head.to_string();
    let keys: Vec<String> = data.keys().map(|key| Value::from(*key).to_string()).collect();
    let longest = data.values().map(|value| base64_len(value.len())).max().unwrap_or_default();
    let size = head.len()
        + 16
        + data.values().zip(&keys).map(|(value, key)| key.len() + base64_len(value.len()) + 4).sum::<usize>();

    let mut body = Zeroizing::new(Vec::with_capacity(size));
    let mut base64 = Zeroizing::new(vec![0; longest]);
    body.extend_from_slice(&head.as_bytes()[..head.len() - 1]);
    // Go's clients leave an empty map out, and to the API server's rule for immutable Secrets it is another value than none.
    if data.is_empty() {
        body.push(b'}');
        return body;
    }
    body.extend_from_slice(b",\"data\":{");
    for (index, (key, value)) in keys.iter().zip(data.values()).enumerate() {
        if index > 0 {
            body.push(b',');
        }
        body.extend_from_slice(key.as_bytes());
        body.extend_from_slice(b":\"");
        let length = STANDARD.encode_slice(value.expose(), &mut base64).unwrap_or_default();
        body.extend_from_slice(&base64[..length]);
        body.push(b'"');
    }
    body.extend_from_slice(b"}}");
    body
}

fn base64_len(bytes: usize) -> usize {
    bytes.div_ceil(3) * 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_a_body_that_parses_and_never_grows() {
        let values = [&b""[..], b"x", &[0, 255, 254]].map(|value| SecretBytes::new(value.to_vec()));
        let data = ["a\"b", "b", "c"].into_iter().zip(&values).collect();
        let metadata = json!({"name": "n", "namespace": "ns"});
        let metadata = metadata.as_object().unwrap();
        let body = secret_body(metadata, "Opaque", Some(true), &data);
        assert_eq!(
            serde_json::from_slice::<Value>(&body).unwrap(),
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
                "metadata": {"name": "n", "namespace": "ns"},
                "data": {"a\"b": "", "b": "eA==", "c": "AP/+"},
            })
        );
        let empty = secret_body(metadata, "Opaque", None, &BTreeMap::new());
        assert_eq!(
            serde_json::from_slice::<Value>(&empty).unwrap().get("data"),
            None,
            "as Go's omitempty leaves it out"
        );
        assert!(body.len() <= body.capacity());
    }
}
