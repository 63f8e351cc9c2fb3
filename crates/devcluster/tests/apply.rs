//! Who manages which field, and server-side apply. Secrets of these tests went through kube-apiserver 1.36.3 with the same
//! requests and came out the same.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;
#[path = "common/api.rs"]
mod http_api;
#[path = "common/session.rs"]
mod session;

use bulla_devcluster::{DevCluster, Options};
use http::Method;
use http_api::Api;
use serde_json::{Value, json};
use session::Session;

const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const SEALED: &str = "/apis/bitnami.com/v1alpha1/namespaces/default/sealedsecrets";
const SECRET: &str = "/api/v1/namespaces/default/secrets/x";

fn api() -> Api {
    Api(common::cluster())
}

fn secret(data: Value, labels: Value) -> Value {
    let mut secret = json!({ "apiVersion": "v1", "kind": "Secret", "metadata": { "name": "x" } });
    if !data.is_null() {
        secret["data"] = data;
    }
    if !labels.is_null() {
        secret["metadata"]["labels"] = labels;
    }
    secret
}

/// Manager, operation, subresource and fields of each entry.
fn managers(object: &Value) -> Vec<(String, String, String, Value)> {
    let text = |entry: &Value, name: &str| entry[name].as_str().unwrap_or_default().to_owned();
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries
        .map(|entry| {
            assert_eq!((&entry["fieldsType"], entry["time"].is_string()), (&json!("FieldsV1"), true));
            (text(entry, "manager"), text(entry, "operation"), text(entry, "subresource"), entry["fieldsV1"].clone())
        })
        .collect()
}

fn entry(manager: &str, operation: &str, fields: Value) -> (String, String, String, Value) {
    (manager.to_owned(), operation.to_owned(), String::new(), fields)
}

#[tokio::test]
async fn writes_are_recorded_by_manager() {
    let api = api();
    let (_, made) = api.post(SECRETS, &secret(json!({ "k": "dg==" }), Value::Null)).await;
    let all = json!({ "f:data": { ".": {}, "f:k": {} }, "f:type": {} });
    assert_eq!(managers(&made), [entry("tester", "Update", all)], "the User-Agent's first word");
    let (_, edited) =
        api.merge(&format!("{SECRET}?fieldManager=ed"), &json!({ "data": { "k": "dw==", "l": "dw==" } })).await;
    let (theirs, ours) = (json!({ "f:data": { "f:k": {}, "f:l": {} } }), json!({ "f:data": {}, "f:type": {} }));
    let mut found = managers(&edited);
    found.sort_by_key(|entry| entry.0.clone());
    assert_eq!(found, [entry("ed", "Update", theirs), entry("tester", "Update", ours)], "changed fields change hands");
    let (_, same) = api.merge(&format!("{SECRET}?fieldManager=other"), &json!({ "data": { "k": "dw==" } })).await;
    assert_eq!(same["metadata"], edited["metadata"], "a write that changes nothing makes nobody a manager");
    let (_, removed) = api.merge(&format!("{SECRET}?fieldManager=other"), &json!({ "data": { "l": null } })).await;
    let mut found = managers(&removed);
    found.sort_by_key(|entry| entry.0.clone());
    assert_eq!(found[0].3, json!({ "f:data": { "f:k": {} } }), "what is gone is nobody's");
    assert_eq!(found.len(), 2);
    let (_, reset) = api.merge(SECRET, &json!({ "metadata": { "managedFields": [{}] } })).await;
    assert!(reset["metadata"].get("managedFields").is_none(), "an empty entry starts over: {reset}");
}

#[tokio::test]
async fn the_status_of_a_custom_object_has_managers_of_its_own() {
    let api = api();
    let sealed = json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": { "name": "x" },
        "spec": { "encryptedData": { "k": "v" } }, "status": { "observedGeneration": 5 } });
    let (_, made) = api.post(&format!("{SEALED}?fieldManager=a"), &sealed).await;
    assert_eq!(managers(&made)[0].3["f:spec"].as_object().map(|fields| fields.len()), Some(2), "{made}");
    assert!(managers(&made)[0].3.get("f:status").is_none());
    let status = json!({ "status": { "observedGeneration": 1 }, "spec": { "encryptedData": { "k": "other" } } });
    let (_, patched) = api.merge(&format!("{SEALED}/x/status?fieldManager=controller"), &status).await;
    let found = managers(&patched);
    let expected = (
        "controller".to_owned(),
        "Update".to_owned(),
        "status".to_owned(),
        json!({ "f:status": { ".": {}, "f:observedGeneration": {} } }),
    );
    assert!(found.contains(&expected), "{found:?}");
    assert_eq!(patched["spec"], sealed["spec"]);
}

#[tokio::test]
async fn apply_makes_shares_conflicts_takes_over_and_gives_up() {
    let api = api();
    let (one, two) = (format!("{SECRET}?fieldManager=one"), format!("{SECRET}?fieldManager=two"));
    let (code, made) = api.apply(&one, &secret(json!({ "k": "dg==" }), json!({ "a": "1" }))).await;
    assert_eq!(code, 201, "{made}");
    let fields = json!({ "f:data": { "f:k": {} }, "f:metadata": { "f:labels": { "f:a": {} } } });
    assert_eq!(managers(&made), [entry("one", "Apply", fields)]);

    let other = secret(json!({ "k": "dw==" }), json!({ "a": "2", "b": "1" }));
    let (code, status) = api.apply(&two, &other).await;
    assert_eq!((code, &status["reason"]), (409, &json!("Conflict")));
    assert_eq!(
        status["message"],
        "Apply failed with 2 conflicts: conflicts with \"one\":\n- .data.k\n- .metadata.labels.a"
    );
    let cause = json!({ "reason": "FieldManagerConflict", "message": "conflict with \"one\"", "field": ".data.k" });
    assert_eq!((&status["details"]["causes"][0], status["details"].as_object().unwrap().len()), (&cause, 1));

    let (code, taken) = api.apply(&format!("{two}&force=true"), &other).await;
    assert_eq!((code, &taken["data"]["k"]), (200, &json!("dw==")));
    assert_eq!(managers(&taken).len(), 1, "nothing is left to the first: {taken}");

    let (_, shared) = api.apply(&one, &secret(json!({ "k": "dw==" }), Value::Null)).await;
    let expected = [
        entry("one", "Apply", json!({ "f:data": { "f:k": {} } })),
        entry(
            "two",
            "Apply",
            json!({ "f:data": { "f:k": {} }, "f:metadata": { "f:labels": { "f:a": {}, "f:b": {} } } }),
        ),
    ];
    assert_eq!(managers(&shared), expected, "the same value is no conflict, and is shared");

    let (_, less) = api.apply(&two, &secret(json!({ "k": "dw==" }), json!({ "b": "1" }))).await;
    assert_eq!(less["metadata"]["labels"], json!({ "b": "1" }), "what nobody states any more goes");
    let (_, less) = api.apply(&two, &secret(Value::Null, Value::Null)).await;
    assert_eq!(
        (&less["data"], less["metadata"].get("labels")),
        (&json!({ "k": "dw==" }), None),
        "what another manages stays"
    );
    assert_eq!(managers(&less), [entry("one", "Apply", json!({ "f:data": { "f:k": {} } }))]);

    let (_, edited) = api.merge(&format!("{SECRET}?fieldManager=ed"), &json!({ "data": { "k": "eA==" } })).await;
    assert_eq!(managers(&edited), [entry("ed", "Update", json!({ "f:data": { "f:k": {} } }))]);
    let (code, status) = api.apply(&one, &secret(json!({ "k": "dw==" }), Value::Null)).await;
    let expected = "Apply failed with 1 conflict: conflict with \"ed\" using v1: .data.k";
    assert_eq!((code, &status["message"]), (409, &json!(expected)));
    let before = api.get(SECRET).await.1;
    let (_, same) = api.apply(&one, &secret(Value::Null, Value::Null)).await;
    assert_eq!(same, before, "an apply that changes nothing is no write");
}

#[tokio::test]
async fn lists_are_shared_by_their_keys() {
    let api = api();
    let owner = |uid: &str| json!({ "apiVersion": "v1", "kind": "Namespace", "name": uid, "uid": uid });
    let (_, namespace) = api.get("/api/v1/namespaces/default").await;
    let (real, also) =
        (namespace["metadata"]["uid"].as_str().unwrap().to_owned(), "00000000-0000-0000-0000-000000000000");
    let config = |owners: Value, finalizers: Value| {
        let mut secret = secret(json!({}), Value::Null);
        secret["metadata"]["ownerReferences"] = owners;
        secret["metadata"]["finalizers"] = finalizers;
        secret
    };
    let (one, two) = (format!("{SECRET}?fieldManager=one"), format!("{SECRET}?fieldManager=two"));
    api.apply(&one, &config(json!([owner(&real)]), json!(["a.b/c"]))).await;
    let (code, both) = api.apply(&two, &config(json!([owner(also)]), json!(["d.e/f"]))).await;
    assert_eq!((code, both["metadata"]["ownerReferences"].as_array().map(Vec::len)), (200, Some(2)), "{both}");
    assert_eq!(both["metadata"]["finalizers"], json!(["a.b/c", "d.e/f"]));
    let fields = &managers(&both)[1].3["f:metadata"];
    let expected = json!({ "f:finalizers": { "v:\"d.e/f\"": {} }, "f:ownerReferences": { "k:{\"uid\":\"00000000-0000-0000-0000-000000000000\"}": {} } });
    assert_eq!(fields, &expected);
    let (_, left) = api.apply(&two, &secret(Value::Null, Value::Null)).await;
    assert_eq!(
        (left["metadata"]["ownerReferences"].as_array().map(Vec::len), &left["metadata"]["finalizers"]),
        (Some(1), &json!(["a.b/c"]))
    );

    let service = |ports: Value| json!({ "apiVersion": "v1", "kind": "Service", "metadata": { "name": "s" }, "spec": { "ports": ports } });
    let path = "/api/v1/namespaces/default/services/s";
    let http = json!({ "name": "http", "port": 80, "protocol": "TCP" });
    let dns = json!({ "name": "dns", "port": 53, "protocol": "UDP" });
    api.apply(&format!("{path}?fieldManager=one"), &service(json!([http]))).await;
    let (_, both) = api.apply(&format!("{path}?fieldManager=two"), &service(json!([dns]))).await;
    assert_eq!(both["spec"]["ports"], json!([http, dns]));
}

#[tokio::test]
async fn custom_kinds_are_merged_by_their_schema() {
    let mut definition = common::sealed_secret_crd();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = json!({ "type": "object", "properties": {
        "spec": { "type": "object", "properties": {
            "encryptedData": { "type": "object", "additionalProperties": { "type": "string" } },
            "mode": { "type": "string", "default": "m" },
        }},
        "status": { "type": "object", "properties": { "conditions": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["type"],
            "items": { "type": "object", "required": ["type"], "properties": { "type": { "type": "string" }, "status": { "type": "string" } } } } } },
    }});
    let api = Api(DevCluster::new(Options { crds: vec![definition], ..Options::default() }).unwrap());
    let sealed = |spec: Value, status: Value| json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": { "name": "x" }, "spec": spec, "status": status });
    let path = format!("{SEALED}/x");
    let (code, made) = api
        .apply(&format!("{path}?fieldManager=one"), &sealed(json!({ "encryptedData": { "a": "1" } }), json!({})))
        .await;
    assert_eq!((code, &made["spec"]), (201, &json!({ "encryptedData": { "a": "1" }, "mode": "m" })), "{made}");
    let expected = json!({ "f:spec": { "f:encryptedData": { "f:a": {} } } });
    assert_eq!(managers(&made), [entry("one", "Apply", expected)], "what was filled in is nobody's");
    let (_, both) = api
        .apply(&format!("{path}?fieldManager=two"), &sealed(json!({ "encryptedData": { "b": "2" } }), json!({})))
        .await;
    assert_eq!(both["spec"]["encryptedData"], json!({ "a": "1", "b": "2" }));
    for (manager, kind) in [("one", "Synced"), ("two", "Ready")] {
        let status = json!({ "conditions": [{ "type": kind, "status": "True" }] });
        let (code, answer) =
            api.apply(&format!("{path}/status?fieldManager={manager}"), &sealed(json!({}), status)).await;
        assert_eq!(code, 200, "{answer}");
    }
    let (_, found) = api.get(&path).await;
    let conditions: Vec<&Value> =
        found["status"]["conditions"].as_array().unwrap().iter().map(|one| &one["type"]).collect();
    assert_eq!(conditions, ["Synced", "Ready"]);
    let (code, status) =
        api.apply(&format!("{path}?fieldManager=one"), &sealed(json!({ "nonsense": 1 }), json!({}))).await;
    assert_eq!(code, 500);
    assert!(status["message"].as_str().unwrap().ends_with(".spec.nonsense: field not declared in schema"), "{status}");
    let (code, _) = api
        .apply(
            &format!("{SEALED}/none/status?fieldManager=one"),
            &json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret" }),
        )
        .await;
    assert_eq!(code, 404, "the status of nothing cannot be applied");
}

#[tokio::test]
async fn what_cannot_be_applied_is_refused() {
    let api = api();
    let plain = secret(json!({ "k": "dg==" }), Value::Null);
    api.apply(&format!("{SECRET}?fieldManager=one"), &plain).await;
    let mut managed = plain.clone();
    managed["metadata"]["managedFields"] = json!([]);
    let mut misnamed = plain.clone();
    misnamed["metadata"]["name"] = json!("y");
    let mut stale = plain.clone();
    stale["metadata"]["resourceVersion"] = json!("1");
    stale["data"]["k"] = json!("dw==");
    let required =
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch";
    for (query, config, code, message) in [
        ("", &plain, 422, required),
        ("?fieldManager=x", &managed, 400, "metadata.managedFields must be nil"),
        ("?fieldManager=x", &misnamed, 400, "the name of the object (y) does not match the name on the URL (x)"),
        ("?fieldManager=x", &json!({ "kind": "Secret" }), 400, "invalid object type: , Kind=Secret"),
        (
            "?fieldManager=one",
            &stale,
            409,
            "Operation cannot be fulfilled on secrets \"x\": the object has been modified; please apply your changes to the latest version and try again",
        ),
    ] {
        let (answered, status) = api.apply(&format!("{SECRET}{query}"), config).await;
        assert_eq!((answered, status["message"].as_str()), (code, Some(message)), "{query} {config}");
    }
    let (code, status) = api.merge(&format!("{SECRET}?force=true"), &json!({})).await;
    let expected =
        "PatchOptions.meta.k8s.io \"\" is invalid: force: Forbidden: may not be specified for non-apply patch";
    assert_eq!((code, &status["message"]), (422, &json!(expected)));
    let long = "m".repeat(129);
    assert_eq!(api.merge(&format!("{SECRET}?fieldManager={long}"), &json!({})).await.0, 422);
    let path = format!("{SECRET}?fieldManager=one");
    let yaml = "apiVersion: v1\nkind: Secret\ndata: {k: eA==}\n";
    let applied = api.send(Method::PATCH, &path, "application/apply-patch+yaml", yaml).await;
    assert_eq!(applied.status(), 200);
}

#[test]
fn kubectl_applies_on_the_server() {
    let Some(session) = Session::start() else { return };
    let config = |value: &str| {
        session.file(
            "c.yaml",
            &format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{ name: c }}\ndata: {{ k: {value} }}\n"),
        )
    };
    assert_eq!(session.ok(&["apply", "--server-side", "-f", &config("v1")]), "configmap/c serverside-applied\n");
    session.ok(&["patch", "configmap", "c", "--type=merge", "--field-manager=editor", "-p", r#"{"data":{"k":"v2"}}"#]);
    let refused = session.refused(&["apply", "--server-side", "-f", &config("v3")]);
    assert!(refused.contains("Apply failed with 1 conflict: conflict with \"editor\" using v1: .data.k"), "{refused}");
    session.ok(&["apply", "--server-side", "--force-conflicts", "-f", &config("v3")]);
    assert_eq!(session.ok(&["get", "configmap", "c", "-o", "jsonpath={.data.k}"]), "v3");
    let shown = session.ok(&["get", "configmap", "c", "-o", "yaml", "--show-managed-fields"]);
    assert!(shown.contains("manager: kubectl") && shown.contains("operation: Apply"), "{shown}");
}
