//! The body and the answer of `/v1/rotate` (and the body of `/v1/verify`): one SealedSecret, from a stranger and back.

use bulla_yaml::Limits;
use serde_json::{Map, Value, json};

use crate::Error;
use crate::sealed::plain::COPIES_OF_THE_OBJECT;
use crate::sealed::scope::{CLUSTER_WIDE_ANNOTATION, NAMESPACE_WIDE_ANNOTATION, Scope};
use crate::sealed::{API_VERSION, KIND};

/// A SealedSecret cannot be larger: etcd takes requests of 1.5 MiB.
pub const MAX_OBJECT_BYTES: usize = 3 << 20;
/// Characters that can begin a node of the tree that a body is read into: a node takes up to two hundred times the memory of
/// its character. A real object has a few for each item and each line.
const MAX_NODES: usize = 100_000;

/// Reads the one SealedSecret that `body` holds as JSON or YAML. Unlike objects from a watch or a list it must say what it is.
///
/// # Errors
/// [`Error::Yaml`], also for several documents, and [`Error::NotASealedSecret`] for other kinds and for what would take too
/// much memory. No error quotes a value.
pub fn read_object(body: &[u8]) -> Result<Value, Error> {
    let nodes = body.iter().filter(|byte| matches!(byte, b',' | b':' | b'[' | b'{' | b'-' | b'?' | b'\n')).count();
    if nodes > MAX_NODES {
        return Err(not_one("it has too many parts"));
    }
    let limits = Limits { max_bytes: MAX_OBJECT_BYTES, max_depth: 64, max_alias_nodes: 1000, max_documents: 16 };
    let object = bulla_yaml::read_one(body, &limits)?.root.to_json()?;
    if object["apiVersion"] != API_VERSION || object["kind"] != KIND {
        return Err(not_one("apiVersion and kind say otherwise"));
    }
    Ok(object)
}

fn not_one(reason: &str) -> Error {
    Error::NotASealedSecret { reason: reason.to_owned() }
}

/// The SealedSecret as if it were new (sealed-secrets 7): its own metadata are name, namespace and scope annotation, there
/// is no status, and the template is the one that was there, `data` included. Only what contradicts the object's own metadata
/// is put right in it, a name, a namespace, a scope: whoever takes the template's word for it later must not be led to a
/// wider scope. Copies of a plain object in annotations are dropped.
pub fn rotated(object: &Value) -> Value {
    let own = &object["metadata"];
    let annotations = own["annotations"].as_object().into_iter().flatten();
    let scope = Scope::from_annotations(annotations.filter_map(|(name, value)| Some((name.as_str(), value.as_str()?))));

    let mut metadata = Map::new();
    for field in ["name", "namespace"] {
        if let Some(text) = own[field].as_str().filter(|text| !text.is_empty()) {
            metadata.insert(field.to_owned(), text.into());
        }
    }
    let mut template = object["spec"]["template"].as_object().cloned().unwrap_or_default();
    let inner = template.remove("metadata");
    template.insert("metadata".to_owned(), template_metadata(inner, &metadata, scope).into());
    if let Some(annotation) = scope.annotation() {
        metadata.insert("annotations".to_owned(), json!({annotation: "true"}));
    }

    let items = object["spec"]["encryptedData"].as_object().cloned().unwrap_or_default();
    let mut spec =
        Map::from_iter([("template".to_owned(), template.into()), ("encryptedData".to_owned(), items.into())]);
    if let Some(data) = object["spec"]["data"].as_str().filter(|data| !data.is_empty()) {
        spec.insert("data".to_owned(), data.into());
    }
    json!({"kind": KIND, "apiVersion": API_VERSION, "metadata": metadata, "spec": spec})
}

fn template_metadata(given: Option<Value>, own: &Map<String, Value>, scope: Scope) -> Map<String, Value> {
    let Some(Value::Object(mut metadata)) = given else { return own.clone() };
    for field in ["name", "namespace"] {
        metadata.remove(field);
    }
    metadata.extend(own.clone());
    if let Some(Value::Object(annotations)) = metadata.get_mut("annotations") {
        for name in COPIES_OF_THE_OBJECT {
            annotations.remove(name);
        }
        for name in [CLUSTER_WIDE_ANNOTATION, NAMESPACE_WIDE_ANNOTATION] {
            if scope.annotation() != Some(name) {
                annotations.remove(name);
            }
        }
    }
    metadata
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_sealed_secret_is_read() {
        let fine = r#"{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"a"},"spec":{}}"#;
        assert!(read_object(fine.as_bytes()).is_ok());
        let yaml = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: a}\n";
        assert!(read_object(yaml.as_bytes()).is_ok());
        let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{fine}]}}"#);
        for bad in [
            "",
            "null",
            "---\n---\n",
            "[]",
            "\u{0}",
            &list,
            &format!("{fine}{fine}"),
            &format!("{yaml}---\n{yaml}"),
            &fine.replace("SealedSecret", "Secret"),
            &fine.replace("bitnami.com/v1alpha1", "v1"),
            &fine.replace(r#""kind":"SealedSecret","#, ""),
            &format!("{}{}", "[".repeat(5000), "]".repeat(5000)),
            &fine.replace(r#""spec":{}"#, &format!(r#""spec":[{}0]"#, "0,".repeat(100_000))),
            &fine.replace(r#""spec":{}"#, &format!(r#""spec":"{}""#, "x".repeat(3 << 20))),
        ] {
            assert!(read_object(bad.as_bytes()).is_err(), "{}", &bad[..bad.len().min(80)]);
        }
    }

    #[test]
    fn the_answer_is_new_outside_and_the_same_inside() {
        let given = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {
                "name": "a", "namespace": "ns", "uid": "u", "labels": {"outer": "1"},
                "annotations": {"argocd.argoproj.io/sync-wave": "1", "sealedsecrets.bitnami.com/namespace-wide": "true"},
            },
            "spec": {
                "encryptedData": {"k": "AgA="},
                "unknown": 1,
                "template": {
                    "type": "t", "immutable": true, "data": {"t": "{{ .k }}", "gone": null},
                    "metadata": {
                        "name": "other", "namespace": "other", "labels": {"l": "1"}, "generateName": "g-",
                        "annotations": {
                            "a": "1", "sealedsecrets.bitnami.com/cluster-wide": "true",
                            "sealedsecrets.bitnami.com/namespace-wide": "true",
                            "kubectl.kubernetes.io/last-applied-configuration": "{}",
                        },
                    },
                },
            },
            "status": {"conditions": []},
        });
        let wide = json!({"sealedsecrets.bitnami.com/namespace-wide": "true"});
        let expected = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret",
            "metadata": {"name": "a", "namespace": "ns", "annotations": wide},
            "spec": {
                "encryptedData": {"k": "AgA="},
                "template": {
                    "type": "t", "immutable": true, "data": {"t": "{{ .k }}", "gone": null},
                    "metadata": {
                        "name": "a", "namespace": "ns", "labels": {"l": "1"}, "generateName": "g-",
                        "annotations": {"a": "1", "sealedsecrets.bitnami.com/namespace-wide": "true"},
                    },
                },
            },
        });
        assert_eq!(rotated(&given), expected);
        assert_eq!(rotated(&expected), expected, "once is enough");
    }

    #[test]
    fn what_is_missing_is_made_up_for_and_what_is_odd_is_no_obstacle() {
        let bare = |spec: Value| json!({"metadata": {"name": "a"}, "spec": spec});
        let expected = json!({
            "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": {"name": "a"},
            "spec": {"encryptedData": {}, "template": {"metadata": {"name": "a"}}},
        });
        for spec in
            [json!(null), json!({"encryptedData": null}), json!({"template": 1}), json!({"template": {"metadata": []}})]
        {
            assert_eq!(rotated(&bare(spec)), expected);
        }
        assert_eq!(rotated(&bare(json!({"data": "AgA="})))["spec"]["data"], "AgA=");
    }
}
