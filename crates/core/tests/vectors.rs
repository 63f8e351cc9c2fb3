//! What kubeseal v0.40.0 and the upstream controller sealed opens, and what they refuse is refused with their words.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use bulla_core::go_base64;
use bulla_core::sealed::KeyRing;
use bulla_core::sealed::{
    Failure, FailureClass, ObjectHints, OwnerReference, Scope, SealedSecret, UnsealError, UnsealOptions,
    read_key_backup, unseal,
};
use serde_json::{Map, Value, json};
use support::{all_keys, documents, names, never, private_key, read, read_text, ring, sealed};

fn open(sealed: &SealedSecret, ring: &KeyRing) -> Result<Value, UnsealError> {
    let mut hints = ObjectHints::new(&sealed.namespace, sealed.created, None);
    let secret = unseal(sealed, ring, &mut hints, UnsealOptions::default(), &never)?;
    let mut metadata = Map::new();
    metadata.insert("name".into(), secret.name().into());
    metadata.insert("namespace".into(), secret.namespace().into());
    metadata.insert("ownerReferences".into(), json!([OwnerReference { name: secret.name(), uid: "" }.to_json()]));
    for (field, entries) in [("labels", secret.labels()), ("annotations", secret.annotations())] {
        if !entries.is_empty() {
            metadata.insert(field.into(), json!(entries));
        }
    }
    let mut secret_json: Value = serde_json::from_slice(&secret.to_body(&metadata, secret.immutable())).unwrap();
    if secret.stated_type().is_empty() {
        secret_json.as_object_mut().unwrap().remove("type");
    }
    Ok(secret_json)
}

/// kubeseal prints an empty value as null, and no data at all as no field.
fn as_kubeseal_prints(mut secret: Value) -> Value {
    if let Some(data) = secret.get_mut("data").and_then(Value::as_object_mut) {
        for value in data.values_mut().filter(|value| **value == json!("")) {
            *value = Value::Null;
        }
    }
    secret
}

#[test]
fn everything_that_kubeseal_sealed_opens_as_kubeseal_opens_it() {
    let ring = all_keys();
    let mut opened = 0;
    for name in names("sealed/enc", &[".yaml", ".json"]) {
        if name.starts_with("bad.") {
            continue;
        }
        let golden = format!("sealed/dec/{name}");
        let secret =
            open(&sealed(&format!("sealed/enc/{name}")), &ring).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(as_kubeseal_prints(secret), documents(&golden)[0], "{name}");
        opened += 1;
    }
    assert_eq!(opened, 18, "a vector was lost");
}

#[test]
fn every_document_of_a_file_opens() {
    let ring = all_keys();
    let documents = documents("sealed/enc/multi.yaml");
    assert_eq!(documents.len(), 2);
    for (document, (key, value)) in documents.iter().zip([("a", "YWxwaGE="), ("b", "YmV0YQ==")]) {
        let secret = open(&SealedSecret::from_json(document).unwrap(), &ring).unwrap();
        assert_eq!(secret["data"], json!({key: value}));
    }
}

#[test]
fn raw_values_open_under_the_scope_that_they_were_made_for() {
    let ring = all_keys();
    for (file, scope) in [
        ("strict.txt", Scope::Strict),
        ("namespace-wide.txt", Scope::NamespaceWide),
        ("cluster-wide.txt", Scope::ClusterWide),
    ] {
        let bytes = go_base64::decode(&read_text(&format!("sealed/raw/{file}"))).unwrap();
        for tried in [Scope::Strict, Scope::NamespaceWide, Scope::ClusterWide] {
            let opened = ring.open(&bytes, (tried, "ns1", "basic"), &mut ObjectHints::default());
            match opened {
                Ok(value) => {
                    assert_eq!(tried, scope, "{file}");
                    assert_eq!(value.plaintext.expose(), read("sealed/plain/raw.txt"), "{file}");
                }
                Err(failure) => {
                    assert_ne!(tried, scope, "{file}");
                    assert_eq!(failure.class(), FailureClass::WrongKey, "{file}");
                }
            }
        }
    }
}

#[test]
fn a_renamed_and_a_moved_object_are_refused_in_kubeseals_words_and_explained_in_ours() {
    let ring = all_keys();
    for (name, explanation) in [
        ("bad.renamed.yaml", "sealed for the name \"basic\" in namespace \"ns1\""),
        ("bad.moved.yaml", "sealed for the namespace \"ns1\""),
    ] {
        // The vector's `sed` renamed the template as well, so the clue is put back where a `git mv` leaves it.
        let mut object = sealed(&format!("sealed/enc/{name}"));
        object.template.name = "basic".into();
        object.template.namespace = "ns1".into();
        let Err(UnsealError::Items(errors)) = open(&object, &ring).map(|_| ()) else { panic!("{name} opens") };
        // Upstream's order of items varies; ours is sorted.
        let expected = read_text(&format!("sealed/dec/{name}.expected-error"));
        assert_eq!(expected.trim_end(), "error: no key could decrypt secret (bin, s, a)");
        assert_eq!(errors.to_string(), "no key could decrypt secret (a, bin, s)", "{name}");
        assert_eq!(errors.iter().next().unwrap().1.class(), FailureClass::WrongLabel, "{name}");
        assert!(errors.explanations(3).iter().any(|line| line.contains(explanation)), "{errors:?}");
    }
}

#[test]
fn what_a_live_controller_stored_and_wrote_is_reproduced() {
    let backup = read_key_backup(&read("sealed-live/controller-key.yaml")).unwrap();
    assert_eq!((backup.keys.len(), backup.skipped.len()), (1, 0));
    let served = support::certificate("sealed-live/cert.pem");
    assert_eq!(served.fingerprint(), backup.keys[0].key.fingerprint());
    assert_eq!(served.not_before(), backup.keys[0].since);
    assert!(served.is_for_sealing());
    let secret = open(&sealed("sealed-live/e2e.sealed.after.yaml"), &KeyRing::new(backup.keys)).unwrap();
    assert_eq!(secret["data"], documents("sealed-live/e2e.result.yaml")[0]["data"]);
}

#[test]
fn fingerprints_are_those_of_ssh_keygen_and_forms_of_a_key_are_one_key() {
    for line in read_text("keys/FINGERPRINTS").lines().filter(|line| !line.starts_with('#')) {
        let (path, fingerprint) = line.split_once(' ').unwrap();
        assert_eq!(private_key(&format!("keys/{path}")).fingerprint().as_str(), fingerprint, "{path}");
    }
    let pkcs1 = private_key("sealed/keys/key1.pkcs1.key");
    assert_eq!(pkcs1.fingerprint(), private_key("sealed/keys/key1.key").fingerprint());
    assert_eq!(pkcs1.fingerprint(), support::certificate("sealed/keys/key1.crt").fingerprint());
}

#[test]
fn causes_are_told_apart() {
    let key1 = ring(&["sealed/keys/key1.key"]);
    let all = all_keys();
    let place = (Scope::Strict, "ns1", "basic");
    let item = |name: &str| match &sealed("sealed/enc/basic.strict.yaml").items[name] {
        bulla_core::sealed::Item::Sealed(text) => go_base64::decode(text).unwrap().to_vec(),
        other => panic!("{other:?}"),
    };
    let class = |ring: &KeyRing, bytes: &[u8]| {
        let failure = ring.open(bytes, place, &mut ObjectHints::default()).map(|_| ()).unwrap_err();
        assert_eq!(failure.compatible_message(), "no key could decrypt secret");
        failure
    };
    let good = item("a");
    for cut in [0, 1, 2, 100, 513, 514, 529] {
        assert!(matches!(class(&all, &good[..cut]), Failure::TooShort { .. }), "cut to {cut}");
    }
    for (what, change) in [("body", 514), ("tag", good.len() - 1)] {
        let mut bytes = good.clone();
        bytes[change] ^= 1;
        assert!(matches!(class(&all, &bytes), Failure::Damaged { .. }), "{what}");
    }
    let mut bytes = good.clone();
    bytes[300] ^= 1;
    assert!(matches!(class(&all, &bytes), Failure::NoKey { tried } if !tried.is_empty()), "RSA part");
    let other_size = ring(&["sealed/keys/rsa2048.key"]);
    assert!(matches!(class(&other_size, &good), Failure::OtherKeySize { sealed_bits: 4096, .. }));
    assert!(matches!(class(&ring(&["sealed/keys/key2.key"]), &good), Failure::NoKey { .. }));
    assert!(matches!(class(&ring(&[]), &good), Failure::NoKey { tried } if tried.is_empty()));
    assert!(key1.open(&good, place, &mut ObjectHints::default()).is_ok());
}
