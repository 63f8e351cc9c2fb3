//! `/v1/reseal` through the API server's service proxy, with tokens, rights and reviews of a real cluster: it is off under
//! upstream's rights, and `system:auth-delegator` switches it on.
//!
//! On a real API server only: the embedded one has neither RBAC nor a service proxy, and makes no tokens.

use std::os::unix::fs::symlink;

use bulla_core::sealed::Scope;
use http::Request;
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use crate::harness::api;
use crate::harness::sealing::{common_key, key_secret, new_key};
use crate::harness::until;
use crate::harness::world::World;
use crate::service_proxy::Registered;

const PATH: &str = "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:http/proxy/v1/reseal";
const BINDINGS: &str = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
const RBAC: &str = "rbac.authorization.k8s.io/v1";

/// Status and body.
async fn send(world: &World, token: &str, items: &[Value]) -> (u16, String) {
    let request = Request::post(PATH).header("content-type", "application/json").header("x-bulla-token", token);
    let request = request.body(Body::from(json!({"items": items}).to_string().into_bytes())).unwrap();
    let answer = world.admin().0.send(request).await.unwrap();
    let status = answer.status().as_u16();
    let body = answer.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

/// Makes a ServiceAccount in the test's namespace, and a token of it.
async fn token(world: &World, name: &str, audiences: &[&str]) -> String {
    let accounts = format!("/api/v1/namespaces/{}/serviceaccounts", world.namespace);
    if world.admin().get(&format!("{accounts}/{name}")).await.is_none() {
        world.admin().post(&accounts, &json!({"metadata": {"name": name}})).await;
    }
    let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
        "spec": {"audiences": audiences, "expirationSeconds": 3600}});
    let answer = world.admin().post(&format!("{accounts}/{name}/token"), &request).await;
    answer["status"]["token"].as_str().unwrap().to_owned()
}

/// `ci` may update SealedSecrets in the test's namespace.
async fn allow(world: &World) {
    let rbac = |kind: &str| format!("/apis/{RBAC}/namespaces/{}/{kind}", world.namespace);
    let rule = json!({"apiGroups": ["bitnami.com"], "resources": ["sealedsecrets"], "verbs": ["update"]});
    world.admin().post(&rbac("roles"), &json!({"metadata": {"name": "reseal"}, "rules": [rule]})).await;
    let subject = json!({"kind": "ServiceAccount", "name": "ci", "namespace": world.namespace});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reseal"});
    let binding = json!({"metadata": {"name": "reseal"}, "roleRef": role, "subjects": [subject]});
    world.admin().post(&rbac("rolebindings"), &binding).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_caller_with_a_token_for_it_and_the_right_reseals_through_the_api_server() {
    let world = World::new().await;
    let Some(cluster) = world.server.real.clone() else { return };
    let newest = new_key(jiff::Timestamp::now());
    world.admin().post(&api::secrets("kube-system"), &key_secret("reseal-old", common_key())).await;
    world.admin().post(&api::secrets("kube-system"), &key_secret("reseal-new", &newest)).await;
    let binary = world.folder.join("controller");
    symlink(env!("CARGO_BIN_EXE_bulla"), &binary).unwrap();
    let good = token(&world, "ci", &["bulla.dev/reseal"]).await;
    let value = world.seal_as(Scope::Strict, "a", &[("k", "value-1")])["spec"]["encryptedData"]["k"].clone();
    let item = |id: &str, namespace: &str, name: &str| json!({"id": id, "namespace": namespace, "name": name, "scope": "strict", "value": value});
    let own = [item("0", &world.namespace, "a"), item("1", &world.namespace, "b")];

    let stock = Registered::start(&cluster, &binary);
    let answer = until("the endpoint says whether it is on", || async {
        let answer = send(&world, &good, &own).await;
        (answer.0 != 503).then_some(answer)
    })
    .await;
    assert_eq!(answer.0, 501, "{}", answer.1);
    assert!(answer.1.contains("system:auth-delegator"), "{}", answer.1);
    drop(stock);

    let subject = json!({"kind": "ServiceAccount", "name": "sealed-secrets-controller", "namespace": "kube-system"});
    let role = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"});
    let binding = json!({"metadata": {"name": "bulla-reseal"}, "roleRef": role, "subjects": [subject]});
    world.admin().post(BINDINGS, &binding).await;
    allow(&world).await;
    let delegating = Registered::start(&cluster, &binary);
    let answer = until("the rights have arrived", || async {
        let (status, body) = send(&world, &good, &own).await;
        (status == 200).then_some(body)
    })
    .await;
    let answer: Value = serde_json::from_str(&answer).unwrap();
    assert_eq!(answer["certificate"], newest.key.fingerprint().as_str());
    assert_eq!(answer["items"][0]["status"], "resealed");
    assert_eq!(answer["items"][1], json!({"id": "1", "status": "failed"}), "a value of another name");

    let other_audience = token(&world, "ci", &["https://kubernetes.default.svc"]).await;
    let other_account = token(&world, "other", &["bulla.dev/reseal"]).await;
    for (what, token, items, expected) in [
        ("a token for the API server", other_audience.as_str(), &own[..1], 401),
        ("no token of this cluster", "x.y.z", &own[..1], 401),
        ("an account without the right", &other_account, &own[..1], 403),
        ("another namespace", &good, &[item("0", "default", "a")], 403),
    ] {
        let answer = until(what, || async {
            let answer = send(&world, token, items).await;
            (answer.0 != 429).then_some(answer)
        })
        .await;
        assert_eq!(answer.0, expected, "{what}: {}", answer.1);
    }
    drop(delegating);
    world.admin().delete(&format!("{BINDINGS}/bulla-reseal")).await;
    for name in ["reseal-old", "reseal-new"] {
        world.admin().delete(&api::secret("kube-system", name)).await;
    }
}
