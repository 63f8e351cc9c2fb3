//! What a CustomResourceDefinition's schema does to objects: refused, pruned, filled in, warned of.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bulla_devcluster::{DevCluster, Options, ResponseBody};
use bytes::Bytes;
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const SEALED: &str = "/apis/bitnami.com/v1alpha1/namespaces/default/sealedsecrets";
const SECRETS: &str = "/api/v1/namespaces/default/secrets";

fn definition() -> Value {
    let mut definition = common::sealed_secret_crd();
    definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = json!({
        "type": "object", "required": ["spec"],
        "properties": {
            "spec": { "type": "object", "required": ["encryptedData"], "properties": {
                "encryptedData": { "type": "object", "additionalProperties": { "type": "string" } },
                "data": { "type": "string", "format": "byte" },
                "mode": { "type": "string", "enum": ["a", "b"], "default": "a" },
                "template": { "type": "object", "nullable": true, "x-kubernetes-preserve-unknown-fields": true },
            }},
            "status": { "type": "object", "properties": {
                "observedGeneration": { "type": "integer", "format": "int64", "default": -1 },
                "conditions": { "type": "array", "items": { "type": "object", "required": ["type"], "properties": { "type": { "type": "string" } } } },
            }},
        },
    });
    definition
}

struct Api(DevCluster);

impl Api {
    fn new() -> Self {
        Self(DevCluster::new(Options { crds: vec![definition()], ..Options::default() }).unwrap())
    }

    async fn send(&self, method: Method, path: &str, kind: &str, body: &str) -> Response<ResponseBody> {
        let request = Request::builder().method(method).uri(path).header("content-type", kind);
        let request = request.body(Full::new(Bytes::from(body.to_owned()))).unwrap();
        self.0.trusted_service().oneshot(request).await.unwrap()
    }

    async fn call(&self, method: Method, path: &str, body: &Value) -> (u16, Value) {
        let kind = if method == Method::PATCH { "application/merge-patch+json" } else { "application/json" };
        let response = self.send(method, path, kind, &body.to_string()).await;
        (response.status().as_u16(), body_of(response).await)
    }

    async fn post(&self, spec: Value) -> (u16, Value) {
        self.call(Method::POST, SEALED, &sealed(&spec)).await
    }
}

async fn body_of(response: Response<ResponseBody>) -> Value {
    serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap()
}

fn sealed(spec: &Value) -> Value {
    json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": { "generateName": "x-" }, "spec": spec })
}

#[tokio::test]
async fn what_the_schema_does_not_allow_is_refused_with_every_cause() {
    let api = Api::new();
    let (code, status) = api.post(json!({ "encryptedData": { "k": 5 }, "data": "!!", "mode": "c" })).await;
    assert_eq!((code, &status["reason"]), (422, &json!("Invalid")));
    assert_eq!(
        status["details"]["causes"],
        json!([
            { "reason": "FieldValueInvalid", "field": "spec.data",
              "message": "Invalid value: \"!!\": spec.data in body must be of type byte: \"!!\"" },
            { "reason": "FieldValueTypeInvalid", "field": "spec.encryptedData.k",
              "message": "Invalid value: \"integer\": spec.encryptedData.k in body must be of type string: \"integer\"" },
            { "reason": "FieldValueNotSupported", "field": "spec.mode",
              "message": "Unsupported value: \"c\": supported values: \"a\", \"b\"" },
        ])
    );
    let (code, status) = api.post(json!({})).await;
    assert_eq!(code, 422);
    assert!(
        status["message"].as_str().unwrap().ends_with("is invalid: spec.encryptedData: Required value"),
        "{status}"
    );
    let nothing = json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": { "name": "x" } });
    let (code, status) = api.call(Method::POST, SEALED, &nothing).await;
    let expected = "SealedSecret.bitnami.com \"x\" is invalid: spec: Required value";
    assert_eq!((code, &status["message"]), (422, &json!(expected)));
}

#[tokio::test]
async fn unknown_fields_are_dropped_and_defaults_filled_in() {
    let api = Api::new();
    let spec = json!({ "encryptedData": { "k": "v", "n": null }, "nonsense": { "a": 1 }, "template": { "any": [1] } });
    let (code, made) = api.post(spec).await;
    assert_eq!(code, 201, "{made}");
    assert_eq!(made["spec"], json!({ "encryptedData": { "k": "v" }, "mode": "a", "template": { "any": [1] } }));
    let path = format!("{SEALED}/{}", made["metadata"]["name"].as_str().unwrap());
    let (_, patched) = api.call(Method::PATCH, &path, &json!({ "spec": { "template": null, "mode": null } })).await;
    assert_eq!(
        patched["spec"],
        json!({ "encryptedData": { "k": "v" }, "mode": "a" }),
        "a merge patch takes fields away"
    );
    let status = json!({ "status": { "conditions": [{ "type": "Synced", "x": 1 }], "nonsense": 1 } });
    let (code, patched) = api.call(Method::PATCH, &format!("{path}/status"), &status).await;
    assert_eq!(code, 200, "{patched}");
    assert_eq!(patched["status"], json!({ "observedGeneration": -1, "conditions": [{ "type": "Synced" }] }));
}

#[tokio::test]
async fn a_wrong_status_is_refused_and_a_wrong_specification_does_not_hold_it_up() {
    let api = Api::new();
    let (_, made) = api.post(json!({ "encryptedData": {} })).await;
    let name = made["metadata"]["name"].as_str().unwrap();
    let wrong = json!({ "status": { "observedGeneration": "x" } });
    let (code, status) = api.call(Method::PATCH, &format!("{SEALED}/{name}/status"), &wrong).await;
    let expected = format!(
        "SealedSecret.bitnami.com {name:?} is invalid: status.observedGeneration: Invalid value: \"string\": \
         observedGeneration in body must be of type integer: \"string\""
    );
    assert_eq!((code, &status["message"]), (422, &json!(expected)));

    // The definition gets stricter than the object.
    let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/sealedsecrets.bitnami.com";
    let mut stricter = definition();
    let spec = &mut stricter["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]["properties"];
    spec["encryptedData"]["minProperties"] = json!(1);
    assert_eq!(api.call(Method::PATCH, path, &json!({ "spec": stricter["spec"] })).await.0, 200);
    assert_eq!(api.post(json!({ "encryptedData": {} })).await.0, 422, "new objects meet the new schema");
    let fine = json!({ "status": { "observedGeneration": 1 } });
    assert_eq!(api.call(Method::PATCH, &format!("{SEALED}/{name}/status"), &fine).await.0, 200);
    let label = json!({ "metadata": { "labels": { "a": "b" } } });
    assert_eq!(
        api.call(Method::PATCH, &format!("{SEALED}/{name}"), &label).await.0,
        200,
        "what did not change is not blamed"
    );
}

#[tokio::test]
async fn a_planted_object_is_stored_as_it_is_and_its_status_can_be_written() {
    let api = Api::new();
    let mut bad = sealed(&json!({ "encryptedData": { "k": 5 }, "nonsense": 1 }));
    bad["metadata"] = json!({ "name": "bad" });
    api.0.plant(bad.clone()).unwrap();
    let (_, stored) = api.call(Method::GET, &format!("{SEALED}/bad"), &Value::Null).await;
    assert_eq!(stored["spec"], bad["spec"]);
    let status = json!({ "status": { "observedGeneration": 1 } });
    assert_eq!(api.call(Method::PATCH, &format!("{SEALED}/bad/status"), &status).await.0, 200);
    assert!(api.0.plant(bad).is_err(), "it is there already");
}

#[tokio::test]
async fn field_validation_ignores_warns_or_refuses() {
    let api = Api::new();
    let sealed = r#"{"apiVersion":"bitnami.com/v1alpha1","kind":"SealedSecret","metadata":{"name":"x","zz":1,"labels":{"a":"b","a":"c"}},
        "nonsense":1,"spec":{"encryptedData":{},"nonsense":1}}"#;
    let secret = r#"{"metadata":{"name":"x"},"nonsense":1,"data":{"k":"dg==","k":"dw=="}}"#;
    let found = [
        "duplicate field \"metadata.labels.a\"",
        "unknown field \"metadata.zz\"",
        "unknown field \"nonsense\"",
        "unknown field \"spec.nonsense\"",
    ];
    let found_secret = ["unknown field \"nonsense\"", "duplicate field \"data.k\""];
    for (path, kind, version, body, found) in
        [(SEALED, "SealedSecret", "v1alpha1", sealed, &found[..]), (SECRETS, "Secret", "v1", secret, &found_secret)]
    {
        for (validation, code, warned) in
            [("Ignore", 201, false), ("Warn", 201, true), ("", 201, true), ("Strict", 400, false)]
        {
            let path = format!("{path}?dryRun=All&fieldValidation={validation}");
            let response = api.send(Method::POST, &path, "application/json", body).await;
            assert_eq!(response.status().as_u16(), code, "{path}");
            let warnings: Vec<&str> =
                response.headers().get_all("warning").iter().map(|value| value.to_str().unwrap()).collect();
            let expected: Vec<String> =
                found.iter().map(|text| format!("299 - \"{}\"", text.replace('"', "\\\""))).collect();
            assert_eq!(warnings, if warned { expected } else { Vec::new() }, "{path}");
            if code == 400 {
                let expected = format!(
                    "{kind} in version {version:?} cannot be handled as a {kind}: strict decoding error: {}",
                    found.join(", ")
                );
                assert_eq!(body_of(response).await["message"], expected);
            }
        }
    }
    let wrong =
        api.send(Method::POST, &format!("{SECRETS}?fieldValidation=Nonsense"), "application/json", secret).await;
    let expected = "CreateOptions.meta.k8s.io \"\" is invalid: fieldValidation: Unsupported value: \"Nonsense\": supported values: \
                    \"\", \"Ignore\", \"Strict\", \"Warn\"";
    assert_eq!(body_of(wrong).await["message"], expected);
}

#[tokio::test]
async fn a_definition_whose_schema_is_not_structural_is_refused() {
    let api = Api::new();
    for (schema, expected) in [
        (json!({ "type": "string" }), "type: Invalid value: \"string\": must be object at the root"),
        (json!({ "properties": {} }), "type: Required value: must not be empty at the root"),
        (
            json!({ "type": "object", "properties": { "a": {} } }),
            "properties[a].type: Required value: must not be empty for specified object fields",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "x" } } }),
            "properties[a].type: Unsupported value: \"x\": supported values: \"array\", \"boolean\", \"integer\", \"number\", \"object\", \"string\"",
        ),
        (
            json!({ "type": "object", "properties": { "a": { "type": "array" } } }),
            "properties[a].items: Required value: must be specified",
        ),
    ] {
        let mut definition = definition();
        definition["metadata"]["name"] = json!("others.bitnami.com");
        definition["spec"]["names"] = json!({ "kind": "Other", "plural": "others" });
        definition["spec"]["versions"][0]["schema"]["openAPIV3Schema"] = schema;
        let path = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
        let (code, status) = api.call(Method::POST, path, &definition).await;
        let message = format!(
            "CustomResourceDefinition.apiextensions.k8s.io \"others.bitnami.com\" is invalid: spec.validation.openAPIV3Schema.{expected}"
        );
        assert_eq!((code, status["message"].as_str()), (422, Some(message.as_str())));
    }
}
