//! Leases, and the reviews that say who is who and who may do what.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;

use bulla_devcluster::{AccessRule, Account, DevCluster, DevClusterService, Options};
use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use serde_json::{Value, json};
use tower::ServiceExt as _;

const TOKENS: &str = "/apis/authentication.k8s.io/v1/tokenreviews";
const SUBJECTS: &str = "/apis/authorization.k8s.io/v1/subjectaccessreviews";
const SELF_REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";
const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

async fn call(service: &DevClusterService, method: Method, path: &str, body: &Value) -> (u16, Value) {
    let request = Request::builder().method(method).uri(path).header("content-type", "application/json");
    let request = request.body(Full::new(Bytes::from(body.to_string()))).unwrap();
    let response = service.clone().oneshot(request).await.unwrap();
    let code = response.status().as_u16();
    (code, serde_json::from_slice(&response.into_body().collect().await.unwrap().to_bytes()).unwrap())
}

fn cluster() -> DevCluster {
    let accounts = vec![
        Account::service_account("default", "build", "t1"),
        Account::service_account("default", "reseal", "t2").for_audiences(&["bulla"]),
    ];
    let access = vec![AccessRule::deny("system:serviceaccounts", "update", "sealedsecrets.bitnami.com", "prod")];
    DevCluster::new(Options { accounts, access, ..common::options() }).unwrap()
}

#[tokio::test]
async fn a_token_review_says_who_the_bearer_is_and_for_which_audiences() {
    let service = cluster().trusted_service();
    for (spec, authenticated, expected) in [
        (json!({ "token": "t1" }), true, json!(["https://kubernetes.default.svc"])),
        (json!({ "token": "t2", "audiences": ["x", "bulla"] }), true, json!(["bulla"])),
        (
            json!({ "token": "t2" }),
            false,
            json!(
                "[invalid bearer token, token audiences [\"bulla\"] is invalid for the target audiences [\"https://kubernetes.default.svc\"]]"
            ),
        ),
        (json!({ "token": "unknown" }), false, json!("invalid bearer token")),
    ] {
        let (code, review) = call(&service, Method::POST, TOKENS, &json!({ "spec": spec })).await;
        assert_eq!((code, &review["kind"], &review["spec"]), (201, &json!("TokenReview"), &spec), "{review}");
        let status = &review["status"];
        assert_eq!(status["authenticated"] == true, authenticated, "{review}");
        if authenticated {
            assert_eq!(status["audiences"], expected, "{review}");
            assert_eq!(status["user"]["groups"][1], "system:serviceaccounts:default", "{review}");
        } else {
            assert_eq!(*status, json!({ "user": {}, "error": expected }));
        }
    }
    let (code, status) = call(&service, Method::POST, TOKENS, &json!({ "spec": {} })).await;
    assert_eq!((code, &status["message"]), (400, &json!("token is required for TokenReview in authentication")));
    assert_eq!(call(&service, Method::GET, TOKENS, &Value::Null).await.0, 405);
}

#[tokio::test]
async fn access_reviews_follow_the_rules() {
    let cluster = cluster();
    let service = cluster.trusted_service();
    let attributes = |verb: &str, namespace: &str| json!({ "verb": verb, "group": "bitnami.com", "resource": "sealedsecrets", "namespace": namespace });
    let mallory = "system:serviceaccount:default:build";
    let groups = json!(["system:serviceaccounts"]);
    for (user, groups, attributes, allowed) in [
        (mallory, &groups, attributes("update", "prod"), false),
        (mallory, &groups, attributes("update", "dev"), true),
        (mallory, &groups, attributes("get", "prod"), true),
        (mallory, &json!([]), attributes("update", "prod"), true),
        (mallory, &json!(["system:serviceaccounts", "system:masters"]), attributes("update", "prod"), true),
    ] {
        let spec = json!({ "user": user, "groups": groups, "resourceAttributes": attributes });
        let (code, review) = call(&service, Method::POST, SUBJECTS, &json!({ "spec": spec })).await;
        assert_eq!((code, &review["status"]), (201, &json!({ "allowed": allowed })), "{review}");
    }
    let asking = json!({ "spec": { "resourceAttributes": attributes("update", "prod") } });
    let build = cluster.trusted_service_as(Account::service_account("default", "build", ""));
    assert_eq!(call(&build, Method::POST, SELF_REVIEWS, &asking).await.1["status"]["allowed"], false);
    assert_eq!(
        call(&service, Method::POST, SELF_REVIEWS, &asking).await.1["status"]["allowed"],
        true,
        "the administrator may"
    );
    cluster.set_access(Vec::new());
    assert_eq!(
        call(&build, Method::POST, SELF_REVIEWS, &asking).await.1["status"]["allowed"],
        true,
        "the rules are gone"
    );

    let neither = json!({ "spec": { "user": "u" } });
    let (code, status) = call(&service, Method::POST, SUBJECTS, &neither).await;
    let message = ".authorization.k8s.io \"\" is invalid: spec.resourceAttributes: Invalid value: null: exactly one of \
                   nonResourceAttributes or resourceAttributes must be specified";
    assert_eq!((code, &status["message"]), (422, &json!(message)));
    let nobody = json!({ "spec": { "resourceAttributes": { "verb": "get" } } });
    assert_eq!(call(&service, Method::POST, SUBJECTS, &nobody).await.0, 422);
    assert_eq!(call(&service, Method::POST, SUBJECTS, &json!({ "spec": [] })).await.0, 400);
}

#[tokio::test]
async fn what_a_rule_denies_is_refused() {
    let cluster = cluster();
    cluster.set_access(vec![
        AccessRule::deny("system:serviceaccount:default:build", "create", "tokenreviews.authentication.k8s.io", "*"),
        AccessRule::deny("system:serviceaccount:default:build", "patch", "sealedsecrets.bitnami.com/status", "*"),
    ]);
    let build = cluster.trusted_service_as(Account::service_account("default", "build", ""));
    let (code, status) = call(&build, Method::POST, TOKENS, &json!({ "spec": { "token": "t1" } })).await;
    let expected = "tokenreviews.authentication.k8s.io is forbidden: User \"system:serviceaccount:default:build\" cannot \
                    create resource \"tokenreviews\" in API group \"authentication.k8s.io\" at the cluster scope";
    assert_eq!((code, &status["message"]), (403, &json!(expected)));
    let path = "/apis/bitnami.com/v1alpha1/namespaces/default/sealedsecrets/x";
    let (code, status) = call(&build, Method::PATCH, &format!("{path}/status"), &json!({})).await;
    let expected = "sealedsecrets.bitnami.com \"x\" is forbidden: User \"system:serviceaccount:default:build\" cannot patch \
                    resource \"sealedsecrets/status\" in API group \"bitnami.com\" in the namespace \"default\"";
    assert_eq!((code, &status["message"]), (403, &json!(expected)));
    assert_eq!(call(&build, Method::GET, path, &Value::Null).await.0, 404, "what no rule denies is answered");
}

#[tokio::test]
async fn a_request_with_an_accounts_token_is_that_account() {
    let cluster = cluster();
    let service = cluster.service();
    for (token, code) in [("t1", 201), ("t2", 401), ("nonsense", 401), ("", 401), (cluster.token(), 201)] {
        let asking = json!({ "spec": { "nonResourceAttributes": { "path": "/metrics", "verb": "get" } } });
        let request = Request::post(SELF_REVIEWS)
            .header("content-type", "application/json")
            .header("authorization", format!("Bearer {token}"))
            .body(Full::new(Bytes::from(asking.to_string())))
            .unwrap();
        let response = service.clone().oneshot(request).await.unwrap();
        assert_eq!(response.status().as_u16(), code, "token {token:?}");
    }
}

#[tokio::test]
async fn leases_are_made_renewed_watched_and_checked() {
    let service = cluster().trusted_service();
    let lease = json!({ "metadata": { "name": "l" }, "spec": {
        "holderIdentity": "a", "leaseDurationSeconds": 15, "renewTime": "2026-01-01T00:00:00.000000Z" } });
    let (code, made) = call(&service, Method::POST, LEASES, &lease).await;
    assert_eq!((code, &made["kind"], &made["apiVersion"]), (201, &json!("Lease"), &json!("coordination.k8s.io/v1")));
    let mut renewed = made.clone();
    renewed["spec"]["holderIdentity"] = json!("b");
    assert_eq!(call(&service, Method::PUT, &format!("{LEASES}/l"), &renewed).await.0, 200);
    assert_eq!(call(&service, Method::PUT, &format!("{LEASES}/l"), &made).await.0, 409, "the stale holder loses");
    let (_, list) = call(&service, Method::GET, "/apis/coordination.k8s.io/v1/leases", &Value::Null).await;
    assert_eq!((&list["kind"], &list["items"][0]["spec"]["holderIdentity"]), (&json!("LeaseList"), &json!("b")));
    for (spec, code) in [
        (json!({ "leaseDurationSeconds": 0 }), 422),
        (json!({ "leaseTransitions": -1 }), 422),
        (json!({ "renewTime": "2026-01-01T00:00:00Z" }), 400),
        (json!({ "holderIdentity": 5 }), 400),
        (json!({}), 201),
        (Value::Null, 201),
    ] {
        let lease = json!({ "metadata": { "generateName": "x-" }, "spec": spec });
        assert_eq!(call(&service, Method::POST, LEASES, &lease).await.0, code, "{lease}");
    }
}
