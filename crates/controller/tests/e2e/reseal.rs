//! `/v1/reseal`: who gets in, and what they get.

use std::net::SocketAddr;
use std::sync::Arc;

use bulla_controller::{Controller, Handle};
use bulla_core::go_base64;
use bulla_core::sealed::{Scope, SealingCertificate, seal_value};
use bulla_devcluster::{AccessRule, Account, DevCluster, Options};
use serde_json::{Value, json};

use super::support::{World, base64, seal, within};
use super::web::{Answer, ask, config};

const AUDIENCE: &str = "bulla.dev/reseal";
const CANARY: &str = "canary-of-reseal-5c1d";
const RESEAL: &str = "/v1/reseal";
const SEALED_SECRETS: &str = "sealedsecrets.bitnami.com";

fn account(name: &str, audiences: &[&str]) -> Account {
    Account::service_account("default", name, &format!("token-of-{name}")).for_audiences(audiences)
}

/// `ci` may update in `default` and `shop`, `other` nowhere; `api` has a token for the API server.
fn options() -> Options {
    let ci = "system:serviceaccount:default:ci";
    Options {
        accounts: vec![account("ci", &["x", AUDIENCE]), account("other", &[AUDIENCE]), account("api", &[])],
        access: vec![
            AccessRule::allow(ci, "update", SEALED_SECRETS, "default"),
            AccessRule::allow(ci, "update", SEALED_SECRETS, "shop"),
            AccessRule::deny("system:serviceaccounts:default", "update", SEALED_SECRETS, "*"),
        ],
        ..World::options()
    }
}

async fn start(world: &World) -> (Handle, SocketAddr) {
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    (handle, address)
}

async fn send(address: SocketAddr, name: &str, body: &str) -> Answer {
    let token = format!("token-of-{name}");
    ask(address, "POST", RESEAL, &[("X-Bulla-Token", &token)], body.as_bytes()).await
}

fn item(id: &str, namespace: &str, name: &str, scope: &str, value: &str) -> Value {
    json!({"id": id, "namespace": namespace, "name": name, "scope": scope, "value": value})
}

fn list(items: &[Value]) -> String {
    json!({"items": items}).to_string()
}

fn certificate(handle: &Handle) -> SealingCertificate {
    SealingCertificate::from_pem(handle.certificate_pem().unwrap().as_bytes()).unwrap()
}

fn sealed(certificate: &SealingCertificate, scope: Scope, namespace: &str, name: &str) -> String {
    go_base64::encode(&seal_value(CANARY.as_bytes(), certificate, scope, namespace, name).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_values_are_sealed_again_for_the_same_place_and_the_others_are_left() {
    let world = World::with_options(options());
    let (handle, address) = start(&world).await;
    let old = certificate(&handle);
    within("a new key", handle.renew_key()).await.unwrap();
    let new = certificate(&handle);
    let items = [
        item("strict", "default", "a", "strict", &sealed(&old, Scope::Strict, "default", "a")),
        item("wide", "shop", "b", "namespace-wide", &sealed(&old, Scope::NamespaceWide, "shop", "")),
        item("everywhere", "shop", "b", "cluster-wide", &sealed(&old, Scope::ClusterWide, "", "")),
        item("fresh", "default", "a", "strict", &sealed(&new, Scope::Strict, "default", "a")),
        item("renamed", "default", "b", "strict", &sealed(&old, Scope::Strict, "default", "a")),
        item("widened", "default", "a", "cluster-wide", &sealed(&old, Scope::Strict, "default", "a")),
        item("garbage", "default", "a", "strict", "AgA="),
        item("no base64", "default", "a", "strict", "!"),
    ];
    let answer = send(address, "ci", &list(&items)).await;
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("application/json")), "{}", answer.body);
    for trace in [CANARY, &base64(CANARY)[..24], "token-of-ci"] {
        assert!(!answer.body.contains(trace));
    }
    let answer: Value = serde_json::from_str(&answer.body).unwrap();
    assert_eq!(answer["certificate"], new.fingerprint().as_str());
    let of = |id: &str| {
        let found: Vec<&Value> = answer["items"].as_array().unwrap().iter().filter(|item| item["id"] == id).collect();
        assert_eq!(found.len(), 1);
        found[0].clone()
    };
    assert_eq!(of("fresh"), json!({"id": "fresh", "status": "fresh"}));
    for id in ["renamed", "widened", "garbage", "no base64"] {
        assert_eq!(of(id), json!({"id": id, "status": "failed"}));
    }
    // What came back is fresh in its own place, and opens in no other.
    let again = |id: &str, namespace: &str, name: &str, scope: &str| {
        let resealed = of(id);
        assert_eq!(resealed["status"], "resealed");
        item(id, namespace, name, scope, resealed["value"].as_str().unwrap())
    };
    let second = [
        again("strict", "default", "a", "strict"),
        again("wide", "shop", "other", "namespace-wide"),
        again("everywhere", "default", "c", "cluster-wide"),
        again("strict", "default", "b", "strict"),
        again("strict", "default", "a", "namespace-wide"),
        again("wide", "default", "b", "namespace-wide"),
        again("wide", "shop", "b", "cluster-wide"),
    ];
    let answer: Value = serde_json::from_str(&send(address, "ci", &list(&second)).await.body).unwrap();
    let statuses: Vec<&str> =
        answer["items"].as_array().unwrap().iter().map(|item| item["status"].as_str().unwrap()).collect();
    assert_eq!(statuses, ["fresh", "fresh", "fresh", "failed", "failed", "failed", "failed"]);
    assert!(handle.metrics().contains("http_requests_total{path=\"/v1/reseal\",code=\"200\",method=\"post\"} 2"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_a_caller_with_a_token_for_it_and_the_right_gets_in() {
    let world = World::with_options(options());
    let (handle, address) = start(&world).await;
    let own = [item("0", "default", "a", "strict", "AgA=")];
    for (caller, items, status, words) in [
        ("ci", list(&own), 200, ""),
        ("nobody", list(&own), 401, "not one of this cluster with the audience bulla.dev/reseal"),
        ("api", list(&own), 401, "not one of this cluster"),
        ("other", list(&own), 403, "needed in namespace \"default\""),
        ("ci", list(&[own[0].clone(), item("1", "prod", "a", "strict", "AgA=")]), 403, "needed in namespace \"prod\""),
        ("ci", list(&[item("1", "prod", "a", "cluster-wide", "AgA=")]), 403, "needed in namespace \"prod\""),
        ("ci", list(&[item("1", "", "", "cluster-wide", "AgA=")]), 403, "needed in all namespaces"),
        ("ci", "{}".to_owned(), 400, "not a list of items"),
        ("ci", list(&vec![own[0].clone(); 501]), 400, "more than 500 items"),
        ("ci", list(&[]), 200, ""),
    ] {
        let answer = send(address, caller, &items).await;
        assert_eq!(answer.status, status, "{caller} {items:.200}: {}", answer.body);
        assert!(answer.body.contains(words) && !answer.body.contains("token-of"), "{}", answer.body);
    }
    let many: Vec<Value> = (0..101).map(|n| item("0", &format!("ns{n}"), "a", "strict", "AgA=")).collect();
    assert!(send(address, "ci", &list(&many)).await.body.contains("more than 100 namespaces"));

    let without = ask(address, "POST", RESEAL, &[], list(&own).as_bytes()).await;
    assert_eq!(without.status, 401);
    assert!(without.body.contains("kubectl create token NAME --audience bulla.dev/reseal"), "{}", without.body);
    let bearer = [("Authorization", "Bearer token-of-ci")];
    assert_eq!(ask(address, "POST", RESEAL, &bearer, list(&own).as_bytes()).await.status, 401, "another header");
    assert_eq!(ask(address, "GET", RESEAL, &[], b"").await.status, 405);
    let large = " ".repeat((10 << 20) + 1);
    assert_eq!(send(address, "ci", &large).await.status, 413);
    assert_eq!(handle.private_operations(), 0, "nobody cost an operation");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_answer_is_remembered_for_a_moment_and_a_bad_one_is_not() {
    let world = World::with_options(options());
    let (_handle, address) = start(&world).await;
    let items = list(&[item("0", "default", "a", "strict", "AgA=")]);
    let asked = || {
        let requests = world.cluster.requests();
        let of = |resource: &str| requests.of("create", resource);
        (of("tokenreviews.authentication.k8s.io"), of("subjectaccessreviews.authorization.k8s.io"))
    };
    for _ in 0..3 {
        assert_eq!(send(address, "ci", &items).await.status, 200);
    }
    assert_eq!(asked(), (1, 1));
    for _ in 0..3 {
        assert_eq!(send(address, "other", &items).await.status, 403);
    }
    assert_eq!(asked(), (2, 4));
    // What cannot be asked is not allowed.
    world.fail(|_, path| path.ends_with("reviews").then_some((500, "no")));
    assert_eq!(send(address, "ci", &list(&[item("0", "shop", "a", "strict", "AgA=")])).await.status, 503);
    assert_eq!(send(address, "nobody", &items).await.status, 503);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_caller_has_a_limit_and_so_have_made_up_tokens() {
    let world = World::with_options(options());
    let http = bulla_controller::HttpConfig { rate_limit: 1, rate_limit_burst: 1, ..Default::default() };
    let handle = world.start_with(bulla_controller::Config { http, ..config() }).await;
    let address = handle.addresses().http.unwrap();
    let nothing = list(&[]);
    assert_eq!(send(address, "ci", &nothing).await.status, 200);
    let until_refused = async |caller: &str| {
        for n in 0.. {
            let answer = send(address, caller, &nothing).await;
            if answer.status == 429 {
                assert!(answer.header("retry-after").is_some());
                return n;
            }
        }
        0
    };
    let tries = within("made-up tokens are refused", until_refused("nobody")).await;
    assert!(tries < 20, "{tries}");
    let tries = within("a known caller is refused at last", until_refused("ci")).await;
    assert!(tries >= 15, "a known caller may ask more often: {tries}");
}

/// A controller under rules of its own, which the ones of the test follow.
fn limited(rules: Vec<AccessRule>) -> (DevCluster, Controller) {
    let controller = Account::service_account("kube-system", "sealed-secrets-controller", "c");
    let mut options = options();
    options.access.splice(0..0, rules);
    let cluster = DevCluster::new(options).unwrap();
    let client = kube::Client::new(cluster.trusted_service_as(controller), "default");
    (cluster, Controller::new(client, config()))
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_right_to_ask_it_is_off_and_says_how_to_switch_it_on() {
    let user = "system:serviceaccount:kube-system:sealed-secrets-controller";
    for resource in ["tokenreviews.authentication.k8s.io", "subjectaccessreviews.authorization.k8s.io"] {
        let (cluster, controller) = limited(vec![AccessRule::deny(user, "create", resource, "*")]);
        let handle = controller.start().await.unwrap();
        within("it is ready", handle.ready()).await;
        let address = handle.addresses().http.unwrap();
        let answer = send(address, "ci", &list(&[])).await;
        assert_eq!(answer.status, 501, "{resource}");
        assert!(answer.body.contains("resealing over HTTP is off: it needs the rights to create tokenreviews"));
        assert!(answer.body.contains("system:auth-delegator"));
        assert_eq!(cluster.requests().of("create", "tokenreviews.authentication.k8s.io"), 0, "nothing was tried");
    }
    // Everything but the reviews works all the same.
    let (_cluster, controller) =
        limited(vec![AccessRule::deny(user, "create", "tokenreviews.authentication.k8s.io", "*")]);
    let handle = controller.start().await.unwrap();
    within("it is ready", handle.ready()).await;
    let object = seal(&handle, "a", &[("k", "v")]).to_string();
    let verified = super::web::post(handle.addresses().http.unwrap(), "/v1/verify", object.as_bytes()).await;
    assert_eq!(verified.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn as_long_as_nobody_says_whether_it_is_on_it_is_off() {
    let world = World::with_options(options());
    world.fail(|_, path| path.ends_with("selfsubjectaccessreviews").then_some((500, "later")));
    let (_handle, address) = start(&world).await;
    let answer = send(address, "ci", &list(&[])).await;
    assert_eq!((answer.status, answer.header("retry-after")), (503, Some("5")));
    world.heal();
    assert_eq!(send(address, "ci", &list(&[])).await.status, 200, "the next request asks again");
    let refused = World::with_options(options());
    refused.fail(|_, path| path.ends_with("selfsubjectaccessreviews").then_some((403, "no")));
    let (_other, address) = start(&refused).await;
    assert_eq!(send(address, "ci", &list(&[])).await.status, 501);
}

#[tokio::test(flavor = "multi_thread")]
async fn large_requests_are_worked_on_side_by_side() {
    let world = World::with_options(options());
    let (handle, address) = start(&world).await;
    let old = certificate(&handle);
    within("a new key", handle.renew_key()).await.unwrap();
    let value = sealed(&old, Scope::Strict, "default", "a");
    let items: Vec<Value> = (0..500).map(|n| item(&n.to_string(), "default", "a", "strict", &value)).collect();
    let body = Arc::new(list(&items));
    let both = [Arc::clone(&body), body].map(|body| tokio::spawn(async move { send(address, "ci", &body).await }));
    for answer in both {
        let answer: Value = serde_json::from_str(&answer.await.unwrap().body).unwrap();
        let items = answer["items"].as_array().unwrap();
        assert_eq!(items.len(), 500);
        for (n, item) in items.iter().enumerate() {
            assert_eq!((&item["id"], &item["status"]), (&json!(n.to_string()), &json!("resealed")));
        }
    }
}
