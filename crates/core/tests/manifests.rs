//! Plain Secrets in, SealedSecrets out: what is sealed, what is left behind, and what is refused in which words.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use bulla_core::sealed::{
    KeyRing, ObjectHints, PlainSecret, Scope, SealedSecret, UnsealError, UnsealOptions, read_key_backup, seal_value,
    unseal,
};
use bulla_core::{Error, go_base64};
use bulla_yaml::{Limits, read_manifests};
use serde_json::{Value, json};
use support::{certificate, never, ring};

fn plain(text: &str) -> PlainSecret {
    PlainSecret::from_node(&read_manifests(text.as_bytes(), &Limits::default()).unwrap()[0].root).unwrap()
}

fn refused(text: &str) -> (String, String) {
    match PlainSecret::from_node(&read_manifests(text.as_bytes(), &Limits::default()).unwrap()[0].root) {
        Ok(_) => panic!("{text:?} is accepted"),
        Err(error) => (error.to_string(), error.go_message()),
    }
}

fn reopened(sealed: &Value) -> Value {
    let sealed = SealedSecret::from_json(sealed).unwrap();
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let secret = unseal(&sealed, &ring, &mut ObjectHints::default(), UnsealOptions::default(), &never).unwrap();
    json!(
        secret
            .data()
            .iter()
            .map(|(key, value)| (key.clone(), String::from_utf8_lossy(value.expose()).into_owned()))
            .collect::<std::collections::BTreeMap<_, _>>()
    )
}

#[test]
fn string_data_wins_and_unquoted_values_are_sealed_as_kubeseal_seals_them() {
    let secret = plain(
        "metadata: {name: a, namespace: n}\ndata: {both: b2xk, raw: aGk=}\nstringData:\n  both: new\n  yes: on\n  octal: 010\n  quoted: \"010\"\n  empty:\n",
    );
    let sealed = secret.seal(&certificate("sealed/keys/rsa2048.crt")).unwrap();
    assert_eq!(
        reopened(&sealed),
        json!({"both": "new", "raw": "hi", "true": "true", "octal": "8", "quoted": "010", "empty": ""})
    );
    use bulla_core::sealed::ConvertedPart::{Key, Value as Unquoted};
    let converted: Vec<_> = secret.converted.iter().map(|c| (c.key.as_str(), c.position.line, c.what)).collect();
    assert_eq!(converted, [("true", 5, Key), ("true", 5, Unquoted("a boolean")), ("octal", 6, Unquoted("a number"))]);
}

#[test]
fn the_clusters_bookkeeping_and_copies_of_the_plaintext_are_left_behind() {
    let secret = plain(
        r#"{"apiVersion":"v1","kind":"Secret","type":"kubernetes.io/basic-auth","immutable":true,"metadata":{
            "name":"a","namespace":"n","uid":"u","resourceVersion":"5","generation":3,"selfLink":"x",
            "creationTimestamp":"2026-01-01T00:00:00Z","ownerReferences":[{"uid":"o"}],"labels":{"app":"web"},
            "finalizers":["f"],
            "annotations":{"keep":"me","kubectl.kubernetes.io/last-applied-configuration":"CANARY",
              "kubecfg.ksonnet.io/last-applied-configuration":"CANARY","sealedsecrets.bitnami.com/namespace-wide":"true"}},
            "stringData":{"password":"p"}}"#,
    );
    let sealed = secret.seal(&certificate("sealed/keys/rsa2048.crt")).unwrap();
    assert_eq!(
        sealed["metadata"],
        json!({"name": "a", "namespace": "n", "annotations": {"sealedsecrets.bitnami.com/namespace-wide": "true"}})
    );
    assert_eq!(
        sealed["spec"]["template"],
        json!({
            "type": "kubernetes.io/basic-auth", "immutable": true,
            "metadata": {
                "name": "a", "namespace": "n", "labels": {"app": "web"}, "finalizers": ["f"],
                "annotations": {"keep": "me", "sealedsecrets.bitnami.com/namespace-wide": "true"},
            },
        })
    );
    assert!(!sealed.to_string().contains("CANARY"));
    let mut widened = secret;
    widened.set_scope(Scope::ClusterWide);
    assert_eq!(widened.annotated_scope(), Scope::ClusterWide);
    widened.set_scope(Scope::Strict);
    assert_eq!(widened.annotations.keys().collect::<Vec<_>>(), ["keep"]);
}

#[test]
fn fields_of_the_wrong_type_are_named_with_their_place_and_in_gos_words() {
    for (text, ours, go) in [
        (
            "data:\n  a: not base64!\n",
            "line 2, column 6: data.a: illegal base64 data at input byte 3",
            "illegal base64 data at input byte 3",
        ),
        (
            "data:\n  a: [x]\n",
            "line 2, column 6: data.a must be base64 text, found a list",
            "json: cannot unmarshal array into Go struct field Secret.data of type []uint8",
        ),
        (
            "data: text\n",
            "line 1, column 7: data must be a map, found text",
            "json: cannot unmarshal string into Go struct field Secret.data of type map[string][]uint8",
        ),
        (
            "stringData:\n  ok: fine\n  a: {b: c}\n",
            "line 3, column 6: stringData.a must be text, found a map",
            "json: cannot unmarshal object into Go struct field Secret.stringData of type string",
        ),
        (
            "immutable: maybe\n",
            "line 1, column 12: immutable must be a boolean, found text",
            "json: cannot unmarshal string into Go struct field Secret.immutable of type bool",
        ),
    ] {
        let (message, go_message) = refused(text);
        assert_eq!(message, ours);
        assert_eq!(go_message, format!("error unmarshaling JSON: while decoding JSON: {go}"));
    }
}

#[test]
fn the_deprecated_form_opens_unless_it_is_switched_off() {
    let document = br#"{"apiVersion":"v1","kind":"Secret","metadata":{"name":"other","namespace":"other","labels":{"l":"1"}},"type":"t","data":{"a":"YWxwaGE="}}"#;
    let sealed = seal_value(document, &certificate("sealed/keys/rsa2048.crt"), Scope::Strict, "n", "a").unwrap();
    let object = |encrypted: Value| {
        SealedSecret::from_json(&json!({
            "metadata": {"name": "a", "namespace": "n"},
            "spec": {"data": go_base64::encode(&sealed), "encryptedData": encrypted},
        }))
        .unwrap()
    };
    let ring = ring(&["sealed/keys/rsa2048.key"]);
    let open = |object: &SealedSecret, accept_deprecated_data| {
        let options = UnsealOptions { accept_deprecated_data, ..UnsealOptions::default() };
        unseal(object, &ring, &mut ObjectHints::default(), options, &never)
    };
    let secret = open(&object(json!({})), true).unwrap();
    assert_eq!(
        (secret.namespace(), secret.name(), secret.secret_type()),
        ("n", "a", "t"),
        "name and namespace are forced"
    );
    assert_eq!(secret.data()["a"].expose(), b"alpha");
    assert_eq!(open(&object(json!({})), false).map(|_| ()), Err(UnsealError::DeprecatedDataOff));
    assert_eq!(open(&object(json!({"x": "AgA="})), true).map(|_| ()), Err(UnsealError::BothDataFields));
}

#[test]
fn an_item_that_is_no_text_and_one_that_is_no_base64_are_named_beside_each_other() {
    let object = SealedSecret::from_json(&json!({
        "metadata": {"name": "a", "namespace": "n"},
        "spec": {"encryptedData": {"number": 7, "spaces": "AgA AgA=", "cut": "AgA", "short": "AgA="}},
    }))
    .unwrap();
    let Err(UnsealError::Items(errors)) =
        unseal(&object, &KeyRing::new([]), &mut ObjectHints::default(), UnsealOptions::default(), &never).map(|_| ())
    else {
        panic!("opens")
    };
    assert_eq!(
        errors.to_string(),
        "no key could decrypt secret (short)\n\
         encryptedData must hold text, found a number (number)\n\
         illegal base64 data at input byte 0 (cut)\n\
         illegal base64 data at input byte 3 (spaces)"
    );
}

#[test]
fn a_backup_gives_every_key_and_names_what_holds_none() {
    let key = |path: &str| go_base64::encode(&support::read(path));
    let good = |name: &str, path: &str| json!({"metadata": {"name": name}, "data": {"tls.key": key(&format!("{path}.key")), "tls.crt": key(&format!("{path}.crt"))}});
    let list = json!({"items": [
        good("one", "sealed/keys/rsa2048"),
        {"metadata": {"name": "ec"}, "data": {"tls.key": key("keys/ec.key")}},
        {"metadata": {"name": "small"}, "data": {"tls.key": key("keys/rsa1024.key")}},
        {"metadata": {"name": "encrypted"}, "data": {"tls.key": key("keys/encrypted.key")}},
        {"metadata": {"name": "empty"}},
        {"data": {"tls.key": "not base64!"}},
    ]});
    let text = format!("{list}\n{}", good("two", "keys/rsa3072"));
    let report = read_key_backup(text.as_bytes()).unwrap();
    assert_eq!(report.keys.len(), 2);
    let skipped: Vec<_> = report.skipped.iter().map(|skipped| format!("{}: {}", skipped.name, skipped.error)).collect();
    assert_eq!(
        skipped,
        [
            "ec: the private key is not an RSA key",
            "small: RSA keys of 1024 bits are not supported: use 2048, 3072, 4096 or 8192",
            "encrypted: no unencrypted RSA private key found",
            "empty: the key Secret has no item `tls.key`",
            "document 1: item `tls.key` of the key Secret: illegal base64 data at input byte 3",
        ]
    );
    assert!(matches!(read_key_backup(&support::read("keys/encrypted.key")), Err(Error::NoPrivateKey)));
    assert_eq!(read_key_backup(&support::read("sealed/keys/key1.pkcs1.key")).unwrap().keys.len(), 1);
}

#[test]
fn certificates_that_cannot_seal_are_refused_in_words_that_scripts_match() {
    use bulla_core::sealed::SealingCertificate;
    for (path, expected) in [
        ("keys/ec.crt", "expected RSA public key but found a key of another algorithm"),
        ("keys/rsa2048.pub", "data does not contain any valid RSA or ECDSA certificates"),
        ("keys/rsa1024.crt", "RSA keys of 1024 bits are not supported: use 2048, 3072, 4096 or 8192"),
        ("sealed/plain/basic.yaml", "data does not contain any valid RSA or ECDSA certificates"),
    ] {
        let error = SealingCertificate::from_pem(&support::read(path)).map(|_| ()).unwrap_err();
        assert_eq!(error.to_string(), expected, "{path}");
    }
    let expired = certificate("keys/expired.crt");
    let error = expired.check_not_expired("2026-12-01T00:00:00Z".parse().unwrap()).unwrap_err();
    assert_eq!(error.to_string(), "failed to encrypt using an expired certificate on November 20, 2026");
}

#[test]
fn a_new_key_has_the_attributes_of_upstreams_and_opens_what_its_certificate_seals() {
    use bulla_core::sealed::{KeySize, NewKey, RingKey, generate_key, read_key_secret};
    let not_before = "2026-01-02T03:04:05Z".parse().unwrap();
    for (size, bits) in [(KeySize::Rsa2048, 2048), (KeySize::Rsa3072, 3072), (KeySize::Rsa4096, 4096)] {
        let validity = jiff::SignedDuration::from_hours(87_600);
        let new = generate_key(&NewKey { size, not_before, validity, common_name: String::new() }).unwrap();
        assert!(
            new.private_key_pem.expose().starts_with("-----BEGIN RSA PRIVATE KEY-----\n"),
            "PKCS#1, as upstream stores it"
        );
        assert_eq!(new.certificate.modulus_bits(), bits);
        assert_eq!(
            (new.certificate.not_before(), new.certificate.not_after().to_string().as_str()),
            (not_before, "2035-12-31T03:04:05Z")
        );
        assert!(new.certificate.is_for_sealing());
        let stored = read_key_secret(new.private_key_pem.expose().as_bytes(), new.certificate_pem.as_bytes()).unwrap();
        assert!(stored.certificate.is_ok());
        let ring = KeyRing::new([std::sync::Arc::new(RingKey { key: stored.key, since: not_before })]);
        let bytes = seal_value(b"v", &new.certificate, Scope::ClusterWide, "", "").unwrap();
        assert!(ring.open(&bytes, (Scope::ClusterWide, "", ""), &mut ObjectHints::default()).is_ok());
    }
}
