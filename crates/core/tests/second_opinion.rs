//! The `rsa` crate agrees with AWS-LC about RSA-OAEP, in both directions. It is never part of the product.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use bulla_core::sealed::{ObjectHints, Scope, seal_value};
use rsa::pkcs8::DecodePrivateKey as _;
use rsa::{Oaep, RsaPrivateKey};
use sha2::Sha256;
use support::{certificate, read_text, ring};

fn oaep(label: &str) -> Oaep {
    Oaep::new_with_label::<Sha256, _>(label)
}

fn gcm(content_key: &[u8]) -> LessSafeKey {
    LessSafeKey::new(UnboundKey::new(&AES_256_GCM, content_key).unwrap())
}

#[test]
fn what_we_seal_opens_with_another_implementation() {
    let key = RsaPrivateKey::from_pkcs8_pem(&read_text("sealed/keys/rsa2048.key")).unwrap();
    let certificate = certificate("sealed/keys/rsa2048.crt");
    for (scope, label) in [(Scope::Strict, "ns/name"), (Scope::NamespaceWide, "ns"), (Scope::ClusterWide, "")] {
        let mut bytes = seal_value(b"value", &certificate, scope, "ns", "name").unwrap();
        assert_eq!(bytes[..2], [1, 0]);
        let content_key = key.decrypt(oaep(label), &bytes[2..258]).unwrap();
        assert_eq!(content_key.len(), 32);
        let nonce = Nonce::assume_unique_for_key([0; 12]);
        let plaintext = gcm(&content_key).open_in_place(nonce, Aad::empty(), &mut bytes[258..]).unwrap();
        assert_eq!(plaintext, b"value");
    }
}

#[test]
fn what_another_implementation_seals_opens_with_ours() {
    let key = RsaPrivateKey::from_pkcs8_pem(&read_text("sealed/keys/rsa2048.key")).unwrap();
    for (scope, label) in [(Scope::Strict, "ns/name"), (Scope::NamespaceWide, "ns"), (Scope::ClusterWide, "")] {
        let content_key = [7; 32];
        let wrapped = key.to_public_key().encrypt(&mut rand::thread_rng(), oaep(label), &content_key).unwrap();
        let mut body = b"value".to_vec();
        gcm(&content_key)
            .seal_in_place_append_tag(Nonce::assume_unique_for_key([0; 12]), Aad::empty(), &mut body)
            .unwrap();
        let bytes = [&[1, 0][..], &wrapped, &body].concat();
        let opened =
            ring(&["sealed/keys/rsa2048.key"]).open(&bytes, (scope, "ns", "name"), &mut ObjectHints::default());
        assert_eq!(opened.map(|value| value.plaintext.expose().to_vec()).ok().as_deref(), Some(&b"value"[..]));
    }
}
