//! What holds for every value, scope and key size: it opens where it was sealed for, and nowhere else, and not when a bit
//! has changed.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::sync::LazyLock;

use bulla_core::sealed::{KeyRing, ObjectHints, Scope, SealedSecret, SealingCertificate, seal_value};
use proptest::prelude::*;
use support::{certificate, ring};

struct Pair {
    certificate: SealingCertificate,
    ring: KeyRing,
}

/// One pair of each size: 2048, 3072, 4096, 8192.
static PAIRS: LazyLock<Vec<Pair>> = LazyLock::new(|| {
    ["sealed/keys/rsa2048", "keys/rsa3072", "sealed/keys/key1", "keys/rsa8192"]
        .map(|path| Pair { certificate: certificate(&format!("{path}.crt")), ring: ring(&[&format!("{path}.key")]) })
        .into()
});

fn scopes() -> impl Strategy<Value = Scope> {
    prop_oneof![Just(Scope::Strict), Just(Scope::NamespaceWide), Just(Scope::ClusterWide)]
}

fn open(ring: &KeyRing, bytes: &[u8], place: (Scope, &str, &str)) -> Option<Vec<u8>> {
    ring.open(bytes, place, &mut ObjectHints::default()).ok().map(|opened| opened.plaintext.expose().to_vec())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn a_value_opens_where_it_was_sealed_for(
        plaintext in proptest::collection::vec(any::<u8>(), 0..2000),
        scope in scopes(),
        pair in 0usize..4,
        namespace in "[a-z0-9-]{1,63}",
        name in "[a-z0-9.-]{1,253}",
    ) {
        let pair = &PAIRS[pair];
        let bytes = seal_value(&plaintext, &pair.certificate, scope, &namespace, &name).unwrap();
        prop_assert_eq!(bytes.len(), 2 + pair.certificate.modulus_bits() / 8 + plaintext.len() + 16);
        prop_assert_eq!(open(&pair.ring, &bytes, (scope, &namespace, &name)), Some(plaintext));
    }

    #[test]
    fn a_value_does_not_open_anywhere_else(
        scope in scopes(),
        other_scope in scopes(),
        same_namespace: bool,
        same_name: bool,
    ) {
        let pair = &PAIRS[0];
        let bytes = seal_value(b"value", &pair.certificate, scope, "ns", "name").unwrap();
        let namespace = if same_namespace { "ns" } else { "ns2" };
        let name = if same_name { "name" } else { "name2" };
        let opens = scope == other_scope
            && match scope {
                Scope::Strict => same_namespace && same_name,
                Scope::NamespaceWide => same_namespace,
                Scope::ClusterWide => true,
            };
        prop_assert_eq!(open(&pair.ring, &bytes, (other_scope, namespace, name)).is_some(), opens);
    }

    #[test]
    fn one_flipped_bit_never_opens(plaintext in proptest::collection::vec(any::<u8>(), 0..64), position: prop::sample::Index) {
        let pair = &PAIRS[0];
        let mut bytes = seal_value(&plaintext, &pair.certificate, Scope::Strict, "ns", "name").unwrap();
        let bit = position.index(bytes.len() * 8);
        bytes[bit / 8] ^= 1 << (bit % 8);
        prop_assert!(open(&pair.ring, &bytes, (Scope::Strict, "ns", "name")).is_none(), "bit {}", bit);
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..700)) {
        prop_assert!(open(&PAIRS[0].ring, &bytes, (Scope::Strict, "ns", "name")).is_none());
    }

    #[test]
    fn arbitrary_objects_never_panic(text in "\\PC{0,200}") {
        if let Ok(value) = serde_json::from_str(&text) {
            let _ = SealedSecret::from_json(&value);
        }
        let _ = bulla_core::go_base64::decode(&text);
    }
}

#[test]
fn a_mebibyte_and_nothing_at_all_round_trip() {
    let pair = &PAIRS[2];
    for plaintext in [Vec::new(), vec![0xa5; 1 << 20]] {
        let bytes = seal_value(&plaintext, &pair.certificate, Scope::ClusterWide, "", "").unwrap();
        assert!(open(&pair.ring, &bytes, (Scope::ClusterWide, "x", "y")) == Some(plaintext));
    }
}

#[test]
fn the_same_value_is_never_sealed_the_same_way_twice() {
    let pair = &PAIRS[0];
    let seal = || seal_value(b"value", &pair.certificate, Scope::Strict, "ns", "name").unwrap();
    let (first, second) = (seal(), seal());
    assert_ne!(first[2..258], second[2..258]);
    assert_ne!(first[258..], second[258..], "the zero nonce is only safe with a fresh content key");
}

/// Files that parse, so that mutations of them reach deep.
const SEEDS: [&str; 9] = [
    "sealed/enc/template.strict.yaml",
    "sealed/enc/basic.strict.json",
    "sealed/plain/multi.yaml",
    "sealed/plain/list.json",
    "sealed/keys/rsa2048.crt",
    "sealed/keys/rsa2048.key",
    "sealed/keys/key1.pkcs1.key",
    "sealed-live/controller-key.yaml",
    "reseal/request.json",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn mutated_files_never_panic(
        seed in 0..SEEDS.len(),
        edits in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0u8..3), 1..8),
    ) {
        let mut bytes = support::read(SEEDS[seed]);
        for (position, byte, kind) in edits {
            let at = position.index(bytes.len());
            match kind {
                0 => bytes[at] = byte,
                1 => bytes.insert(at, byte),
                _ => bytes.truncate(at.max(1)),
            }
        }
        for entry in ENTRY_POINTS {
            entry(&bytes);
        }
    }

    #[test]
    fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        for entry in ENTRY_POINTS {
            entry(&bytes);
        }
    }
}

/// What the fuzz targets of `fuzz/` call.
const ENTRY_POINTS: [fn(&[u8]); 6] = [
    bulla_core::fuzz::sealed_object,
    bulla_core::fuzz::plain_secret,
    bulla_core::fuzz::sealed_value,
    bulla_core::fuzz::certificate,
    bulla_core::fuzz::key_backup,
    bulla_core::fuzz::reseal_body,
];
