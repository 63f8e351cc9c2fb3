//! The endpoints and callers that do not mean well.

use std::sync::LazyLock;
use std::time::Duration;

use bulla_controller::{Config, HttpConfig};
use bulla_core::go_base64;
use bulla_core::sealed::{GeneratedKey, KeySize, NewKey, Scope, generate_key, seal_value};
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::{Config as Settings, TestRunner};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::support::{SEALED, World, seal, seal_with, within};
use super::web::{Answer, config, parse, post, raw};

static STRANGE_KEY: LazyLock<GeneratedKey> = LazyLock::new(|| {
    generate_key(&NewKey {
        size: KeySize::Rsa2048,
        not_before: jiff::Timestamp::now(),
        validity: jiff::SignedDuration::from_hours(1),
        common_name: String::new(),
    })
    .unwrap()
});

#[tokio::test(flavor = "multi_thread")]
async fn every_value_that_does_not_open_is_answered_alike() {
    let world = World::new();
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    let good = seal(&handle, "a", &[("k", "v")]);
    let text = good["spec"]["encryptedData"]["k"].as_str().unwrap().to_owned();
    let bytes = go_base64::decode(&text).unwrap();
    let changed = |at: usize| {
        let mut bytes = bytes.to_vec();
        bytes[at] ^= 1;
        go_base64::encode(&bytes)
    };
    let strange = seal_value(b"v", &STRANGE_KEY.certificate, Scope::Strict, "default", "a").unwrap();
    let other = seal(&handle, "b", &[("k", "v")]);
    let values = [
        json!(""),
        json!("!"),
        json!(text[..40]),
        json!(text[..text.len() - 4]),
        json!(format!("{text}AAAA")),
        json!(changed(0)),
        json!(changed(2)),
        json!(changed(100)),
        json!(changed(bytes.len() - 1)),
        json!(go_base64::encode(&strange)),
        other["spec"]["encryptedData"]["k"].clone(),
        json!(1),
        json!(null),
        json!(["x"]),
        json!({"k": "v"}),
    ];
    for (path, status) in [("/v1/verify", 409), ("/v1/rotate", 500)] {
        let mut answers: Vec<Answer> = Vec::new();
        for value in &values {
            for place in ["k", "z"] {
                let mut bad = good.clone();
                bad["spec"]["encryptedData"][place] = value.clone();
                answers.push(post(address, path, bad.to_string().as_bytes()).await);
            }
        }
        let mut deprecated = good.clone();
        deprecated["spec"]["data"] = text.clone().into();
        answers.push(post(address, path, deprecated.to_string().as_bytes()).await);
        for answer in &answers {
            assert_eq!(answer.told(), answers[0].told());
            assert_eq!((answer.status, answer.body.as_str()), (status, ""));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_one_sealed_secret_is_refused() {
    let world = World::new();
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    let good = seal(&handle, "a", &[("k", "v")]).to_string();
    let mut secret: Value = serde_json::from_str(&good).unwrap();
    secret["kind"] = "Secret".into();
    let nameless = good.replace("\"name\":\"a\"", "\"name\":\"\"");
    let deep = format!("{{\"a\":{}1{}}}", "[".repeat(100_000), "]".repeat(100_000));
    let bodies = [
        String::new(),
        "{".to_owned(),
        "\u{1}\u{2}".to_owned(),
        "- a\n- b\n".to_owned(),
        format!("{good}\n{good}"),
        format!("---\n{good}\n---\n{good}\n"),
        json!({"apiVersion": "v1", "kind": "List", "items": [serde_json::from_str::<Value>(&good).unwrap()]})
            .to_string(),
        secret.to_string(),
        nameless,
        good.replace("\"spec\":{", "\"spec\":[],\"x\":{"),
        deep.clone(),
        good.replace("\"spec\":{", &format!("\"spec\":{{\"x\":{deep},")),
        format!("[{}0]", "0,".repeat(1_000_000)),
        "a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]\n".to_owned(),
    ];
    for path in ["/v1/verify", "/v1/rotate"] {
        for body in &bodies {
            let answer = post(address, path, body.as_bytes()).await;
            assert_eq!((answer.status, answer.body.as_str()), (500, ""), "{}", &body[..body.len().min(60)]);
        }
        assert_eq!(post(address, path, b"\xff\xfe").await.status, 500);
        assert_eq!(post(address, path, good.as_bytes()).await.status, 200, "and it goes on");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_beyond_the_limit_is_refused_however_it_is_sent() {
    let world = World::new();
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    let large = vec![b' '; (3 << 20) + 1];
    for path in ["/v1/verify", "/v1/rotate"] {
        let answer = post(address, path, &large).await;
        assert_eq!((answer.status, answer.body.as_str()), (413, ""));
        let head = format!("POST {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n");
        let chunked = [
            format!("{head}transfer-encoding: chunked\r\n\r\n{:x}\r\n", large.len()).as_bytes(),
            &large,
            b"\r\n0\r\n\r\n",
        ]
        .concat();
        assert_eq!(raw(address, &chunked).await.status, 413);
        let expecting = format!("{head}expect: 100-continue\r\ncontent-length: 99999999\r\n\r\n");
        assert_eq!(raw(address, expecting.as_bytes()).await.status, 413);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_client_is_not_waited_for() {
    let world = World::new();
    let http = HttpConfig { read_timeout: Duration::from_millis(100), ..config().http };
    let handle = world.start_with(Config { http, ..config() }).await;
    let address = handle.addresses().http.unwrap();
    let send = async |bytes: &[u8]| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(bytes).await.unwrap();
        let mut answer = String::new();
        // It keeps the connection open and sends nothing more.
        within("the server gives up", stream.read_to_string(&mut answer)).await.unwrap();
        answer
    };
    let unfinished = send(b"POST /v1/verify HTTP/1.1\r\nhost: x\r\ncontent-length: 10\r\n\r\n{").await;
    assert_eq!(parse(&unfinished).status, 400);
    let headers_only = send(b"POST /v1/verify HTTP/1.1\r\nhost: x\r\n").await;
    assert!(headers_only.is_empty() || headers_only.starts_with("HTTP/1.1 408"), "{headers_only}");
    assert_eq!(post(address, "/v1/verify", seal(&handle, "a", &[("k", "v")]).to_string().as_bytes()).await.status, 200);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_request_does_not_get_more_work_than_a_real_object_needs() {
    let world = World::new();
    let handle = world.start_with(Config { rsa_threads: 4, ..config() }).await;
    let address = handle.addresses().http.unwrap();
    let names: Vec<String> = (0..2100).map(|n| n.to_string()).collect();
    let items = |count: usize| {
        let value = seal(&handle, "a", &[("k", "v")])["spec"]["encryptedData"]["k"].clone();
        let items: serde_json::Map<String, Value> =
            names[..count].iter().map(|name| (name.clone(), value.clone())).collect();
        let mut object = seal(&handle, "a", &[]);
        object["spec"]["encryptedData"] = items.into();
        object.to_string()
    };
    assert_eq!(post(address, "/v1/verify", items(1400).as_bytes()).await.status, 200);
    let before = handle.private_operations();
    assert_eq!(post(address, "/v1/verify", items(2100).as_bytes()).await.status, 413);
    assert!(handle.private_operations() - before < 2060, "and it stops there");
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_are_reconciled_while_strangers_flood_verify() {
    let world = World::new();
    let handle = world.start_with(Config { rsa_threads: 1, ..config() }).await;
    let address = handle.addresses().http.unwrap();
    let value = seal(&handle, "flood", &[("k", "v")])["spec"]["encryptedData"]["k"].clone();
    let mut flood = seal(&handle, "flood", &[]);
    for n in 0..500 {
        flood["spec"]["encryptedData"][n.to_string()] = value.clone();
    }
    let flood = flood.to_string();
    let before = handle.private_operations();
    let strangers: Vec<_> = (0..40)
        .map(|_| {
            let flood = flood.clone();
            tokio::spawn(async move { post(address, "/v1/verify", flood.as_bytes()).await })
        })
        .collect();
    super::support::until("the flood has begun", || {
        std::future::ready((handle.private_operations() > before).then_some(()))
    })
    .await;
    for name in ["a", "b", "c"] {
        world.post(SEALED, &seal(&handle, name, &[("k", "v")])).await;
        world.until_secret(name, "it is unsealed", |_| true).await;
    }
    let waiting = strangers.iter().filter(|stranger| !stranger.is_finished()).count();
    assert!(waiting > 20, "nobody waited for the flood to end: {waiting} of its requests are not answered yet");
    for stranger in strangers {
        stranger.abort();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn no_bytes_whatever_break_an_endpoint() {
    let world = World::new();
    let handle = world.start_with(config()).await;
    let address = handle.addresses().http.unwrap();
    let good = seal_with(&STRANGE_KEY.certificate, "a", &[("k", "canary")]).to_string().into_bytes();
    let mutated = proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..6).prop_map(move |edits| {
        let mut bytes = good.clone();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes
    });
    let bodies = prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..400),
        "\\PC{0,200}".prop_map(String::into_bytes),
        mutated
    ];
    let mut runner = TestRunner::new(Settings::default());
    for _ in 0..150 {
        let body = bodies.new_tree(&mut runner).unwrap().current();
        // A misspelt field leaves an object without items, which opens.
        let has_item = contains(&body, b"\"spec\":{\"encryptedData\":{\"k\":\"");
        let verified = post(address, "/v1/verify", &body).await;
        assert!(
            [409, 500].contains(&verified.status) || !has_item && verified.status == 200,
            "{verified:?} to {body:?}"
        );
        assert!(verified.body.is_empty());
        let rotated = post(address, "/v1/rotate", &body).await;
        assert!(rotated.status == 500 || !has_item && rotated.status == 200, "{rotated:?} to {body:?}");
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}
