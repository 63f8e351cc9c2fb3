//! Protobuf request bodies of the few kinds for which the real `kubectl` (1.32) sends nothing else: `create
//! namespace`, `create secret`, `create configmap`, `create serviceaccount`, `auth can-i`. Answers are always JSON.
//!
//! Wire format: the four bytes `k8s\0`, then a `runtime.Unknown` with the type (1: apiVersion, kind) and the object
//! (2) inside. Field numbers are those of the `generated.proto` files of k8s.io/api and k8s.io/apimachinery, which are
//! fixed for ever. Fields that are not in the tables below are left out.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use crate::object::Object;
use crate::status::{Answer, Failure};

pub(crate) const MEDIA_TYPE: &str = "application/vnd.kubernetes.protobuf";
const MAGIC: &[u8] = b"k8s\0";

/// How one field becomes JSON.
enum As {
    Text,
    Bool,
    Message(&'static [Field]),
    Texts,
    Messages(&'static [Field]),
    TextMap,
    /// Values are base64 in JSON.
    BytesMap,
}

/// Number, name in JSON, and meaning of a field.
type Field = (u64, &'static str, As);

const OWNER: &[Field] = &[
    (1, "kind", As::Text),
    (3, "name", As::Text),
    (4, "uid", As::Text),
    (5, "apiVersion", As::Text),
    (6, "controller", As::Bool),
    (7, "blockOwnerDeletion", As::Bool),
];
const METADATA: &[Field] = &[
    (1, "name", As::Text),
    (2, "generateName", As::Text),
    (3, "namespace", As::Text),
    (5, "uid", As::Text),
    (6, "resourceVersion", As::Text),
    (11, "labels", As::TextMap),
    (12, "annotations", As::TextMap),
    (13, "ownerReferences", As::Messages(OWNER)),
    (14, "finalizers", As::Texts),
];
const NAMESPACE: &[Field] = &[(1, "metadata", As::Message(METADATA))];
const SECRET: &[Field] = &[
    (1, "metadata", As::Message(METADATA)),
    (2, "data", As::BytesMap),
    (3, "type", As::Text),
    (4, "stringData", As::TextMap),
    (5, "immutable", As::Bool),
];
const CONFIG_MAP: &[Field] = &[
    (1, "metadata", As::Message(METADATA)),
    (2, "data", As::TextMap),
    (3, "binaryData", As::BytesMap),
    (4, "immutable", As::Bool),
];
const REFERENCE: &[Field] = &[(1, "name", As::Text)];
const SERVICE_ACCOUNT: &[Field] = &[
    (1, "metadata", As::Message(METADATA)),
    (3, "imagePullSecrets", As::Messages(REFERENCE)),
    (4, "automountServiceAccountToken", As::Bool),
];
const RESOURCE_ATTRIBUTES: &[Field] = &[
    (1, "namespace", As::Text),
    (2, "verb", As::Text),
    (3, "group", As::Text),
    (4, "version", As::Text),
    (5, "resource", As::Text),
    (6, "subresource", As::Text),
    (7, "name", As::Text),
];
const PATH_ATTRIBUTES: &[Field] = &[(1, "path", As::Text), (2, "verb", As::Text)];
const REVIEW_SPEC: &[Field] = &[
    (1, "resourceAttributes", As::Message(RESOURCE_ATTRIBUTES)),
    (2, "nonResourceAttributes", As::Message(PATH_ATTRIBUTES)),
];
const REVIEW: &[Field] = &[(1, "metadata", As::Message(METADATA)), (2, "spec", As::Message(REVIEW_SPEC))];
const PRECONDITIONS: &[Field] = &[(1, "uid", As::Text), (2, "resourceVersion", As::Text)];
const DELETE_OPTIONS: &[Field] = &[
    (2, "preconditions", As::Message(PRECONDITIONS)),
    (3, "orphanDependents", As::Bool),
    (4, "propagationPolicy", As::Text),
    (5, "dryRun", As::Texts),
];
const TYPE: &[Field] = &[(1, "apiVersion", As::Text), (2, "kind", As::Text)];

/// Decodes an object; 415 for a kind that is not in the tables, 400 for bytes that are not protobuf.
pub(crate) fn object(body: &[u8]) -> Answer<(Object, Vec<String>)> {
    let mut message = Reader(body.strip_prefix(MAGIC).ok_or_else(malformed)?);
    let (mut kind, mut raw) = (Object::new(), None);
    while let Some((number, value)) = message.field()? {
        match (number, value) {
            (1, Wire::Bytes(bytes)) => kind = decode(bytes, TYPE)?,
            (2, Wire::Bytes(bytes)) => raw = Some(bytes),
            _ => (),
        }
    }
    let text = |name: &str| kind.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let fields = match (text("apiVersion").as_str(), text("kind").as_str()) {
        ("v1", "Namespace") => NAMESPACE,
        ("v1", "Secret") => SECRET,
        ("v1", "ConfigMap") => CONFIG_MAP,
        ("v1", "ServiceAccount") => SERVICE_ACCOUNT,
        ("authorization.k8s.io/v1", "SelfSubjectAccessReview") => REVIEW,
        (_, "DeleteOptions") => DELETE_OPTIONS,
        _ => {
            return Err(Failure::unsupported_media_type(format!(
                "devcluster does not decode protobuf for {}: send application/json",
                text("kind")
            )));
        }
    };
    let mut object = decode(raw.ok_or_else(malformed)?, fields)?;
    object.extend(kind);
    // A field that is there twice is a list, or its last one.
    Ok((object, Vec::new()))
}

fn decode(bytes: &[u8], fields: &'static [Field]) -> Answer<Object> {
    let mut reader = Reader(bytes);
    let mut object = Object::new();
    while let Some((number, value)) = reader.field()? {
        let Some((_, name, meaning)) = fields.iter().find(|(known, ..)| *known == number) else { continue };
        match (meaning, value) {
            // Go writes empty strings and absent ones alike.
            (As::Text, Wire::Bytes([])) => (),
            (As::Text, Wire::Bytes(bytes)) => drop(object.insert((*name).into(), text(bytes)?)),
            (As::Bool, Wire::Number(number)) => drop(object.insert((*name).into(), Value::Bool(number != 0))),
            (As::Message(fields), Wire::Bytes(bytes)) => {
                object.insert((*name).into(), Value::Object(decode(bytes, fields)?));
            }
            (As::Texts, Wire::Bytes(bytes)) => {
                let list = object.entry(*name).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut().ok_or_else(malformed)?.push(text(bytes)?);
            }
            (As::Messages(fields), Wire::Bytes(bytes)) => {
                let list = object.entry(*name).or_insert_with(|| Value::Array(Vec::new()));
                list.as_array_mut().ok_or_else(malformed)?.push(Value::Object(decode(bytes, fields)?));
            }
            (As::TextMap | As::BytesMap, Wire::Bytes(bytes)) => {
                let map = object.entry(*name).or_insert_with(|| Value::Object(Map::new()));
                let (key, value) = entry(bytes)?;
                let value = match meaning {
                    As::BytesMap => Value::String(STANDARD.encode(value)),
                    _ => text(value)?,
                };
                map.as_object_mut().ok_or_else(malformed)?.insert(key, value);
            }
            _ => return Err(malformed()),
        }
    }
    Ok(object)
}

/// A map is a list of messages with a key (1) and a value (2).
fn entry(bytes: &[u8]) -> Answer<(String, &[u8])> {
    let mut reader = Reader(bytes);
    let (mut key, mut value): (&[u8], &[u8]) = (&[], &[]);
    while let Some((number, wire)) = reader.field()? {
        match (number, wire) {
            (1, Wire::Bytes(bytes)) => key = bytes,
            (2, Wire::Bytes(bytes)) => value = bytes,
            _ => (),
        }
    }
    Ok((std::str::from_utf8(key).map_err(|_| malformed())?.to_owned(), value))
}

fn text(bytes: &[u8]) -> Answer<Value> {
    std::str::from_utf8(bytes).map(|text| Value::String(text.to_owned())).map_err(|_| malformed())
}

fn malformed() -> Failure {
    Failure::bad_request("the body is not valid Kubernetes protobuf")
}

enum Wire<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    /// The next field of a message, or `None` at its end.
    fn field(&mut self) -> Answer<Option<(u64, Wire<'a>)>> {
        if self.0.is_empty() {
            return Ok(None);
        }
        let tag = self.varint()?;
        let value = match tag & 7 {
            0 => Wire::Number(self.varint()?),
            1 => Wire::Bytes(self.take(8)?),
            2 => {
                let length = usize::try_from(self.varint()?).map_err(|_| malformed())?;
                Wire::Bytes(self.take(length)?)
            }
            5 => Wire::Bytes(self.take(4)?),
            _ => return Err(malformed()),
        };
        Ok(Some((tag >> 3, value)))
    }

    fn varint(&mut self) -> Answer<u64> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let (&byte, rest) = self.0.split_first().ok_or_else(malformed)?;
            self.0 = rest;
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err(malformed())
    }

    fn take(&mut self, length: usize) -> Answer<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or_else(malformed)?;
        self.0 = rest;
        Ok(taken)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn bytes(number: u8, value: &[u8]) -> Vec<u8> {
        let mut out = vec![number << 3 | 2, u8::try_from(value.len()).unwrap()];
        out.extend_from_slice(value);
        out
    }

    fn unknown(version: &str, kind: &str, raw: &[u8]) -> Vec<u8> {
        let kind = [bytes(1, version.as_bytes()), bytes(2, kind.as_bytes())].concat();
        [MAGIC.to_vec(), bytes(1, &kind), bytes(2, raw)].concat()
    }

    fn secret() -> Vec<u8> {
        let label = [bytes(1, b"l"), bytes(2, b"v")].concat();
        let metadata = [bytes(1, b"x"), bytes(2, b""), bytes(8, b""), bytes(11, &label)].concat();
        let data = [bytes(1, b"k"), bytes(2, b"\x00\xff")].concat();
        unknown("v1", "Secret", &[bytes(1, &metadata), bytes(2, &data), bytes(3, b"Opaque"), vec![5 << 3, 1]].concat())
    }

    #[test]
    fn a_secret_is_decoded() {
        assert_eq!(
            Value::Object(object(&secret()).ok().unwrap().0),
            json!({
                "apiVersion": "v1", "kind": "Secret", "type": "Opaque", "immutable": true,
                "metadata": { "name": "x", "labels": { "l": "v" } }, "data": { "k": "AP8=" },
            })
        );
    }

    #[test]
    fn other_kinds_and_damaged_bytes_are_refused() {
        assert_eq!(object(&unknown("v1", "Pod", b"")).unwrap_err().code, 415);
        assert_eq!(object(b"").unwrap_err().code, 400);
        let whole = secret();
        for length in 0..whole.len() {
            // Cut off anywhere: an error or a part of the object, never a panic.
            let _ = object(&whole[..length]);
        }
        for index in 0..whole.len() {
            let mut damaged = whole.clone();
            damaged[index] ^= 0xff;
            let _ = object(&damaged);
        }
    }
}
