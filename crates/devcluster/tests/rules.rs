//! What is refused, and with which words: Secrets, patches, media types, paths, bodies. Over plain HTTP requests, so
//! that nothing of a client stands between.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bulla_devcluster::{DevCluster, ResponseBody};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, Full};
use serde_json::{Value, json};
use tower::ServiceExt;

struct Api(DevCluster);

impl Api {
    fn new() -> Self {
        Self(common::cluster())
    }

    async fn send(&self, request: Request<Full<bytes::Bytes>>) -> Response<ResponseBody> {
        self.0.trusted_service().oneshot(request).await.unwrap()
    }

    async fn call(&self, method: Method, path: &str, kind: &str, body: impl Into<bytes::Bytes>) -> (u16, Value) {
        let mut request = Request::new(Full::new(body.into()));
        *request.method_mut() = method;
        *request.uri_mut() = path.parse().unwrap();
        request.headers_mut().insert("content-type", kind.parse().unwrap());
        let response = self.send(request).await;
        let code = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (code, serde_json::from_slice(&body).unwrap_or(Value::Null))
    }

    async fn post(&self, path: &str, body: Value) -> (u16, Value) {
        self.call(Method::POST, path, "application/json", body.to_string()).await
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        self.call(Method::GET, path, "application/json", "").await
    }

    async fn patch(&self, path: &str, kind: &str, body: Value) -> (u16, Value) {
        self.call(Method::PATCH, path, &format!("application/{kind}"), body.to_string()).await
    }
}

const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const SEALED: &str = "/apis/bitnami.com/v1alpha1/namespaces/default/sealedsecrets";

fn secret(kind: &str, data: Value) -> Value {
    json!({ "metadata": { "name": "x" }, "type": kind, "stringData": data })
}

#[tokio::test]
async fn secrets_of_known_types_have_their_keys() {
    let api = Api::new();
    let tls = "Secret \"x\" is invalid: [data[tls.crt]: Required value, data[tls.key]: Required value]";
    let basic = "Secret \"x\" is invalid: [data[username]: Required value, data[password]: Required value]";
    for (kind, data, expected) in [
        ("kubernetes.io/tls", json!({}), tls),
        ("kubernetes.io/tls", json!({ "tls.crt": "a" }), "Secret \"x\" is invalid: data[tls.key]: Required value"),
        ("kubernetes.io/basic-auth", json!({ "other": "" }), basic),
        ("kubernetes.io/ssh-auth", json!({}), "Secret \"x\" is invalid: data[ssh-privatekey]: Required value"),
        (
            "kubernetes.io/dockerconfigjson",
            json!({}),
            "Secret \"x\" is invalid: data[.dockerconfigjson]: Required value",
        ),
        (
            "kubernetes.io/dockerconfigjson",
            json!({ ".dockerconfigjson": "hunter2" }),
            "Secret \"x\" is invalid: data[.dockerconfigjson]: Invalid value: \"<secret contents redacted>\": invalid \
             character or structure in JSON input",
        ),
        (
            "kubernetes.io/service-account-token",
            json!({}),
            "Secret \"x\" is invalid: metadata.annotations[kubernetes.io/service-account.name]: Required value",
        ),
        (
            "Opaque",
            json!({ "a b": "" }),
            "Secret \"x\" is invalid: data[a b]: Invalid value: \"a b\": a valid config key must consist of \
             alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  or 'KEY_NAME',  or 'key-name', regex used \
             for validation is '[-._a-zA-Z0-9]+')",
        ),
    ] {
        let (code, status) = api.post(SECRETS, secret(kind, data.clone())).await;
        assert_eq!((code, status["message"].as_str()), (422, Some(expected)), "{kind} {data}");
    }
    for (kind, data) in [
        ("kubernetes.io/tls", json!({ "tls.crt": "", "tls.key": "" })),
        ("kubernetes.io/basic-auth", json!({ "password": "p" })),
        ("kubernetes.io/ssh-auth", json!({ "ssh-privatekey": "k" })),
        ("kubernetes.io/dockerconfigjson", json!({ ".dockerconfigjson": "{}" })),
        ("example.com/own", json!({})),
    ] {
        let path = format!("{SECRETS}?dryRun=All");
        assert_eq!(api.post(&path, secret(kind, data.clone())).await.0, 201, "{kind} {data}");
    }
}

#[tokio::test]
async fn secrets_are_decoded_strictly_and_their_values_never_shown() {
    let api = Api::new();
    for data in
        [json!({ "a": "hunter2!" }), json!({ "a": 12345 }), json!({ "a": { "b": "hunter2" } }), json!("hunter2")]
    {
        let (code, status) = api.post(SECRETS, json!({ "metadata": { "name": "x" }, "data": data })).await;
        assert_eq!(code, 400, "{status}");
        assert!(!status.to_string().contains("hunter2") && !status.to_string().contains("12345"), "{status}");
    }
    let (code, status) = api.call(Method::POST, SECRETS, "application/json", "{\"data\": {\"a\": hunter2}}").await;
    assert_eq!(code, 400);
    assert!(!status.to_string().contains("hunter2"), "{status}");
    let large = "a".repeat((1 << 20) + 1);
    let (code, status) = api.post(SECRETS, secret("Opaque", json!({ "a": large }))).await;
    let expected = "Secret \"x\" is invalid: data: Too long: may not be more than 1048576 bytes";
    assert_eq!((code, status["message"].as_str()), (422, Some(expected)));
}

#[tokio::test]
async fn the_type_of_a_secret_and_immutable_secrets_are_frozen() {
    let api = Api::new();
    let mut object = secret("Opaque", json!({ "a": "b" }));
    object["immutable"] = json!(true);
    assert_eq!(api.post(SECRETS, object).await.0, 201);
    let path = format!("{SECRETS}/x");
    for (patch, expected) in [
        (
            json!({ "data": { "a": "Yw==" } }),
            "Secret \"x\" is invalid: data: Forbidden: field is immutable when `immutable` is set",
        ),
        (
            json!({ "immutable": null }),
            "Secret \"x\" is invalid: immutable: Forbidden: field is immutable when `immutable` is set",
        ),
        (
            json!({ "type": "example.com/other" }),
            "Secret \"x\" is invalid: type: Invalid value: \"example.com/other\": field is immutable",
        ),
    ] {
        let (code, status) = api.patch(&path, "merge-patch+json", patch).await;
        assert_eq!((code, status["message"].as_str()), (422, Some(expected)));
    }
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    assert_eq!(api.patch(&path, "merge-patch+json", label).await.0, 200, "metadata may change");
}

#[tokio::test]
async fn patches_are_applied_or_refused_by_their_type() {
    let api = Api::new();
    api.post(SECRETS, secret("Opaque", json!({ "a": "b" }))).await;
    let sealed = json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": { "name": "x" }, "spec": {} });
    assert_eq!(api.post(SEALED, sealed).await.0, 201);
    let path = format!("{SECRETS}/x");
    let merge = json!({ "metadata": { "labels": { "a": "b" } } });
    assert_eq!(api.patch(&path, "strategic-merge-patch+json", merge.clone()).await.0, 200);
    let (code, status) = api.patch(&format!("{SEALED}/x"), "strategic-merge-patch+json", merge).await;
    assert_eq!(code, 415, "{status}");
    let replace = json!({ "data": { "$patch": "replace", "z": "eA==" } });
    assert_eq!(api.patch(&path, "strategic-merge-patch+json", replace).await.1["data"], json!({ "z": "eA==" }));
    let stale = json!([{ "op": "replace", "path": "/metadata/resourceVersion", "value": "1" }]);
    assert_eq!(api.patch(&path, "json-patch+json", stale).await.0, 409);
    let renamed = json!([{ "op": "replace", "path": "/metadata/name", "value": "y" }]);
    assert_eq!(api.patch(&path, "json-patch+json", renamed).await.0, 400);
    let failing = json!([{ "op": "test", "path": "/data/a", "value": "hunter2" }]);
    let (code, status) = api.patch(&path, "json-patch+json", failing).await;
    assert_eq!(code, 422);
    assert!(!status.to_string().contains("hunter2"), "{status}");
    let status = json!({ "status": { "conditions": [] }, "spec": { "ignored": true } });
    let (code, patched) = api.patch(&format!("{SEALED}/x/status"), "merge-patch+json", status).await;
    assert_eq!((code, &patched["spec"], &patched["status"]["conditions"]), (200, &json!({}), &json!([])));
}

#[tokio::test]
async fn what_is_not_served_says_so() {
    let api = Api::new();
    for (method, path, code) in [
        (Method::GET, "/nothing", 404),
        (Method::GET, "/apis/nothing", 404),
        (Method::GET, "/apis/apps/v1/deployments", 404),
        (Method::GET, "/api/v1/namespaces/default/secrets/x/status", 404),
        (Method::GET, "/api/v1/namespaces/default/pods/x/log", 404),
        (Method::GET, "/api/v1/secrets/x", 404),
        (Method::GET, "/api/v1/namespaces/default/namespaces/x", 404),
        (Method::GET, "/api/v2", 404),
        (Method::GET, "/%ff", 400),
        (Method::GET, "/api/v1/secrets?labelSelector=%zz", 400),
        (Method::GET, "/api/v1/secrets?limit=many", 400),
        (Method::GET, "/api/v1/secrets?resourceVersion=x", 422),
        (Method::GET, "/api/v1/secrets?watch=1&sendInitialEvents=true", 422),
        (Method::GET, "/api/v1/secrets?resourceVersionMatch=Exact", 422),
        (Method::POST, "/api/v1/secrets", 405),
        (Method::PUT, SECRETS, 405),
        (Method::DELETE, "/api/v1/namespaces", 405),
        (Method::POST, "/version", 405),
        (Method::HEAD, SECRETS, 405),
        (Method::GET, "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews", 405),
    ] {
        let (answered, status) = api.call(method.clone(), path, "application/json", "").await;
        assert_eq!(answered, code, "{method} {path}: {status}");
        assert_eq!(
            (&status["kind"], status["code"].as_u64()),
            (&json!("Status"), Some(code.into())),
            "{method} {path}"
        );
    }
}

#[tokio::test]
async fn bodies_that_are_no_objects_are_refused() {
    let api = Api::new();
    let deep = format!(
        "{{\"metadata\":{{\"name\":\"x\"}},\"apiVersion\":\"bitnami.com/v1alpha1\",\"kind\":\"SealedSecret\",\"spec\":{}1{}}}",
        "[".repeat(110),
        "]".repeat(110)
    );
    let deeper = "[".repeat(100_000);
    for (path, body, code) in [
        (SECRETS, "", 400),
        (SECRETS, "{", 400),
        (SECRETS, "[]", 400),
        (SECRETS, "{}", 422),
        (SECRETS, "{\"metadata\":1}", 400),
        (SECRETS, "{\"metadata\":{\"name\":1}}", 400),
        (SECRETS, "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a\":1}}}", 400),
        (SECRETS, "{\"metadata\":{\"name\":\"x\",\"labels\":{\"a b\":\"\"}}}", 422),
        (SECRETS, "{\"metadata\":{\"name\":\"x\",\"ownerReferences\":[{}]}}", 422),
        (SECRETS, "{\"metadata\":{\"name\":\"x\",\"ownerReferences\":[1]}}", 400),
        (SECRETS, "{\"metadata\":{\"name\":\"x\",\"finalizers\":[\"a b\"]}}", 422),
        (SECRETS, "{\"metadata\":{\"name\":\"x\",\"namespace\":\"other\"}}", 400),
        (SECRETS, "{\"metadata\":{\"name\":\"x\",\"resourceVersion\":\"1\"}}", 500),
        (SECRETS, "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\"}", 400),
        (SECRETS, "{\"kind\":\"Secret\",\"apiVersion\":\"v2\"}", 400),
        (SEALED, "{\"metadata\":{\"name\":\"x\"}}", 400),
        (SEALED, deep.as_str(), 400),
        (SEALED, deeper.as_str(), 400),
    ] {
        let (answered, status) = api.call(Method::POST, path, "application/json", body.to_owned()).await;
        let shown = &body[..body.len().min(80)];
        assert_eq!((answered, &status["kind"]), (code, &json!("Status")), "{shown}: {status}");
    }
    let huge = format!("{{\"a\":\"{}\"}}", "a".repeat(3 << 20));
    assert_eq!(api.call(Method::POST, SECRETS, "application/json", huge).await.0, 413);
    let large = json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": { "name": "x" }, "a": "a".repeat(2 << 20) });
    assert_eq!(api.post(SEALED, large).await.1["message"], "etcdserver: request is too large");
    assert_eq!(api.call(Method::POST, SECRETS, "application/yaml", "a: [").await.0, 400);
    assert_eq!(api.call(Method::POST, SECRETS, "text/plain", "{}").await.0, 415);
    assert_eq!(api.call(Method::POST, SECRETS, "application/vnd.kubernetes.protobuf", "x").await.0, 400);
}

#[tokio::test]
async fn media_types_are_negotiated() {
    let api = Api::new();
    let get = async |path: &str, accept: &str| {
        let request = Request::get(path).header("accept", accept).body(Full::default()).unwrap();
        let response = api.send(request).await;
        let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
        (response.status().as_u16(), kind)
    };
    let json = "application/json".to_owned();
    assert_eq!(get(SECRETS, "application/vnd.kubernetes.protobuf").await, (406, json.clone()));
    assert_eq!(get(SECRETS, "application/json;as=Table;v=v1;g=meta.k8s.io,application/json").await, (200, json));
    let table = async |path: &str| {
        let accept = "application/json;as=Table;v=v1;g=meta.k8s.io";
        let request = Request::get(path).header("accept", accept).body(Full::default()).unwrap();
        let response = api.send(request).await;
        let code = response.status().as_u16();
        let body: Value = serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap();
        (code, body)
    };
    let (_, namespaces) = table("/api/v1/namespaces?limit=1").await;
    assert_eq!((&namespaces["kind"], &namespaces["rows"][0]["cells"][1]), (&json!("Table"), &json!("Active")));
    assert_eq!(namespaces["rows"][0]["object"]["kind"], "PartialObjectMetadata");
    assert_eq!(namespaces["metadata"]["remainingItemCount"], 3);
    let (_, one) = table("/api/v1/namespaces/default?includeObject=Object").await;
    assert_eq!(one["rows"][0]["object"]["status"]["phase"], "Active");
    assert_eq!(table("/api/v1/namespaces?includeObject=None").await.1["rows"][0]["object"], Value::Null);
    assert_eq!(table("/api/v1/namespaces?includeObject=Nonsense").await.0, 400);
    let aggregated = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    assert_eq!(get("/apis", aggregated).await, (200, aggregated.to_owned()));
    for path in
        ["/api", "/apis", "/apis/bitnami.com", "/apis/bitnami.com/v1alpha1", "/api/v1", "/", "/version", "/openapi/v3"]
    {
        assert_eq!(get(path, "*/*").await.0, 200, "{path}");
    }
    let (code, document) = api.get("/openapi/v3/apis/bitnami.com/v1alpha1").await;
    assert_eq!((code, &document["openapi"]), (200, &json!("3.0.0")));
}

#[tokio::test]
async fn events_are_selected_by_what_they_involve() {
    let api = Api::new();
    let events = "/api/v1/namespaces/default/events";
    for (name, kind) in [("a", "SealedSecret"), ("b", "Pod")] {
        let event = json!({
            "metadata": { "name": name }, "reason": "Unsealed", "type": "Normal",
            "involvedObject": { "kind": kind, "name": name, "namespace": "default" }, "source": { "component": "c" },
        });
        assert_eq!(api.post(events, event).await.0, 201);
    }
    for (selector, found) in [
        ("involvedObject.kind%3DPod", 1),
        ("involvedObject.name%3Da,reason%3DUnsealed,type%3DNormal", 1),
        ("source%3Dc", 2),
        ("reason!%3DUnsealed", 0),
    ] {
        let (_, list) = api.get(&format!("{events}?fieldSelector={selector}")).await;
        assert_eq!(list["items"].as_array().map(Vec::len), Some(found), "{selector}");
    }
    let astray = json!({ "metadata": { "name": "c" }, "involvedObject": { "namespace": "other" } });
    assert_eq!(api.post(events, astray).await.0, 422);
}

/// Every place inside `value`, as a JSON pointer.
fn places(value: &Value, at: &str, found: &mut Vec<String>) {
    found.push(at.to_owned());
    match value {
        Value::Object(map) => map.iter().for_each(|(key, value)| {
            places(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), found);
        }),
        Value::Array(list) => list.iter().enumerate().for_each(|(n, value)| places(value, &format!("{at}/{n}"), found)),
        _ => (),
    }
}

#[tokio::test]
async fn objects_with_anything_anywhere_are_taken_or_refused_but_never_break_the_server() {
    let api = Api::new();
    let mut definition = common::sealed_secret_crd();
    definition["spec"]["names"]["plural"] = json!("widgets");
    definition["spec"]["names"]["kind"] = json!("Widget");
    definition["metadata"]["name"] = json!("widgets.bitnami.com");
    let metadata = json!({
        "name": "x", "labels": { "a": "b" }, "annotations": { "a/b": "c" }, "finalizers": ["a/b"], "generation": 1,
        "ownerReferences": [{ "apiVersion": "v1", "kind": "Secret", "name": "y", "uid": "z", "controller": true }],
    });
    let secret = json!({ "metadata": metadata, "type": "kubernetes.io/tls", "immutable": false,
        "data": { "tls.crt": "" }, "stringData": { "tls.key": "" } });
    let event = json!({ "metadata": { "name": "x" }, "involvedObject": { "namespace": "default" }, "source": { "component": "c" } });
    let namespace = json!({ "metadata": { "name": "x" }, "spec": { "finalizers": ["kubernetes"] }, "status": { "phase": "Active" } });
    let config = json!({ "metadata": { "name": "x" }, "data": { "a": "" }, "binaryData": { "b": "" } });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    for (path, object) in [
        (definitions, definition),
        (SECRETS, secret),
        ("/api/v1/namespaces/default/events", event),
        ("/api/v1/namespaces", namespace),
        ("/api/v1/namespaces/default/configmaps", config),
    ] {
        let mut found = Vec::new();
        places(&object, "", &mut found);
        for place in &found {
            for value in [
                json!(null),
                json!(true),
                json!(-1.5),
                json!(""),
                json!("\u{0}\u{fc}/."),
                json!([]),
                json!([1]),
                json!({}),
                json!({ "a": 1 }),
            ] {
                let mut changed = object.clone();
                *changed.pointer_mut(place).unwrap() = value.clone();
                let (code, status) = api.post(path, changed).await;
                assert!(code < 500 || place.ends_with("resourceVersion"), "{path} with {value} at {place:?}: {status}");
                if code == 201 {
                    let name = status["metadata"]["name"].as_str().unwrap();
                    let (code, _) = api.call(Method::DELETE, &format!("{path}/{name}"), "application/json", "").await;
                    // Collected with its absent owner, or held by its finalizer.
                    assert!(matches!(code, 200 | 404), "{path} with {value} at {place:?}");
                    let free = json!({ "metadata": { "finalizers": null } });
                    api.patch(&format!("{path}/{name}"), "merge-patch+json", free).await;
                }
            }
        }
    }
    assert_eq!(api.get("/api/v1/namespaces").await.0, 200);
}
