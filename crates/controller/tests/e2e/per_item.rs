//! What the status tells of each item: its error, or the key that opened it.

use std::collections::BTreeMap;

use bulla_core::sealed::SealingCertificate;
use serde_json::{Value, json};

use super::support::{SEALED, World, seal, seal_with, until};

/// As many items as fit into an object if they were sealed with RSA-4096.
const MANY: usize = 1400;

/// The key that opened each item, as docs/controller.md says that the record is read.
fn key_of_each(sealed: &Value) -> BTreeMap<String, String> {
    let conditions = sealed["status"]["conditions"].as_array().unwrap();
    let applied = conditions.iter().find(|condition| condition["type"] == "Applied").unwrap();
    let record: Value = serde_json::from_str(applied["message"].as_str().unwrap()).unwrap();
    let key = |index: usize| {
        let place = record["openedBy"].get(index).map_or(0, |place| place.as_u64().unwrap());
        record["keys"][usize::try_from(place).unwrap()].as_str().unwrap().to_owned()
    };
    let mut items: Vec<&String> = sealed["spec"]["encryptedData"].as_object().unwrap().keys().collect();
    items.sort();
    items.into_iter().enumerate().map(|(index, item)| (item.clone(), key(index))).collect()
}

fn newest(handle: &bulla_controller::Handle) -> SealingCertificate {
    SealingCertificate::from_pem(handle.certificate_pem().unwrap().as_bytes()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_status_tells_which_key_opened_each_item() {
    let world = World::new();
    let handle = world.start().await;
    let old = newest(&handle);
    world.post(SEALED, &seal(&handle, "one", &[("a", "1"), ("b", "2")])).await;
    handle.renew_key().await.unwrap();
    let new = newest(&handle);
    let mut mixed = seal_with(&old, "mixed", &[("b", "2"), ("d", "4")]);
    for (item, value) in
        seal_with(&new, "mixed", &[("a", "1"), ("c", "3"), ("e", "5")])["spec"]["encryptedData"].as_object().unwrap()
    {
        mixed["spec"]["encryptedData"][item] = value.clone();
    }
    // What the template takes out of the Secret was opened all the same.
    mixed["spec"]["template"] = json!({"data": {"b": null, "made": "{{ .b }}"}});
    world.post(SEALED, &mixed).await;
    for name in ["one", "mixed"] {
        world.until_reason(name, "Unsealed").await;
    }

    let (old, new) = (old.fingerprint().to_string(), new.fingerprint().to_string());
    let expected = [("a", &new), ("b", &old), ("c", &new), ("d", &old), ("e", &new)];
    assert_eq!(
        key_of_each(&world.sealed("mixed").await),
        expected.map(|(item, key)| (item.to_owned(), key.clone())).into()
    );
    let one = world.sealed("one").await;
    assert_eq!(key_of_each(&one), [("a".to_owned(), old.clone()), ("b".to_owned(), old)].into());
    assert!(!one.to_string().contains("openedBy"), "one key needs no list");

    // It is told once, and read again after a restart.
    world.settled(&handle).await;
    handle.shutdown().await;
    let before = world.cluster.requests();
    let handle = world.start().await;
    until("both were looked at", || async { handle.metrics().contains("unseal_requests_total 2").then_some(()) }).await;
    world.settled(&handle).await;
    assert_eq!((handle.private_operations(), world.cluster.requests().since(&before).writes()), (0, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_bad_items_leave_room_for_every_cause_and_its_cure() {
    let world = World::new();
    let handle = world.start().await;
    let mut sealed = seal(&handle, "bad", &[("zz-good", "v")]);
    let elsewhere = seal(&handle, "elsewhere", &[("x", "v")])["spec"]["encryptedData"]["x"].clone();
    for number in 0..MANY {
        let value = if number < 20 { elsewhere.clone() } else { json!("not base64!") };
        sealed["spec"]["encryptedData"][format!("item-{number:04}-{}", "x".repeat(100))] = value;
    }
    sealed["spec"]["encryptedData"]["zz-short"] = json!("AgA=");
    world.post(SEALED, &sealed).await;
    let status = world.until_reason("bad", "Malformed").await;
    let ready = status["conditions"][1]["message"].as_str().unwrap();
    for words in [
        "item-0000",
        " and 1370 more: illegal base64 data at input byte 3",
        "zz-short: the value has 2 bytes",
        "none of the keys here opens it",
        "Correct the item that the message names",
    ] {
        assert!(ready.contains(words), "{words:?} is not in: {ready}");
    }
    let synced = status["conditions"][0]["message"].as_str().unwrap();
    assert!(synced.starts_with("no key could decrypt secret (item-0000"), "{synced}");
    let size = status.to_string().len();
    assert!(size < 24 * 1024, "the status has {size} bytes");
    assert!(world.secret("bad").await.is_none());
}
