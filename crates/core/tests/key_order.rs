//! How many RSA private operations it takes to open a value when the ring has 60 keys and nobody says which one fits.
//!
//! Counts, not times: they are the same on every machine. The figures are in docs/benchmarks.md;
//! `cargo test -p bulla-core --test key_order -- --nocapture` prints them.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails with what it got, and prints its figures")]

use std::sync::{Arc, LazyLock};

use bulla_core::sealed::{
    GeneratedKey, KeyRing, KeySize, NewKey, ObjectHints, RingKey, Scope, SealingCertificate, SealingKey, generate_key,
    seal_value,
};
use jiff::{SignedDuration, Timestamp};

const KEYS: usize = 60;
const OBJECTS: usize = 300;
const VALUES: u64 = 3;
const NAMESPACES: usize = 20;
const MONTH: i64 = 30 * 24 * 3600;
const FIRST: i64 = 1_600_000_000;

/// Sixty monthly keys, the oldest first: PEM and one sealed value each.
static MONTHLY: LazyLock<Vec<(Vec<u8>, Vec<u8>)>> = LazyLock::new(|| {
    (0..KEYS)
        .map(|month| {
            let GeneratedKey { private_key_pem, certificate_pem, .. } = generate_key(&NewKey {
                size: KeySize::Rsa2048,
                not_before: Timestamp::from_second(month_start(month)).unwrap(),
                validity: SignedDuration::from_hours(87_600),
                common_name: String::new(),
            })
            .unwrap();
            let certificate = SealingCertificate::from_pem(certificate_pem.as_bytes()).unwrap();
            let sealed = seal_value(b"value", &certificate, Scope::ClusterWide, "", "").unwrap();
            (private_key_pem.expose().as_bytes().to_vec(), sealed)
        })
        .collect()
});

fn month_start(month: usize) -> i64 {
    FIRST + MONTH * i64::try_from(month).unwrap()
}

fn ring() -> KeyRing {
    KeyRing::new(MONTHLY.iter().enumerate().map(|(month, (pem, _))| {
        let since = Timestamp::from_second(month_start(month)).unwrap();
        Arc::new(RingKey { key: SealingKey::from_pem(pem).unwrap(), since })
    }))
}

/// An object: the month it was sealed in, what the API says of its creation, and its namespace.
struct Object {
    month: usize,
    created: Timestamp,
    namespace: String,
}

/// Operations per value over the objects after the first `skip`.
fn operations_per_value(objects: impl Iterator<Item = Object>, skip: usize) -> f64 {
    let ring = ring();
    let mut at_skip = 0;
    let mut count = 0;
    for (index, object) in objects.enumerate() {
        if index == skip {
            at_skip = ring.private_operations();
        }
        let mut hints = ObjectHints::new(&object.namespace, Some(object.created), None);
        for _ in 0..VALUES {
            let opened = ring.open(&MONTHLY[object.month].1, (Scope::ClusterWide, "", ""), &mut hints);
            assert!(opened.is_ok());
        }
        count += u64::from(index >= skip);
    }
    #[allow(clippy::cast_precision_loss, reason = "small counts")]
    let per_value = (ring.private_operations() - at_skip) as f64 / (count * VALUES) as f64;
    per_value
}

/// A small generator of repeatable numbers (SplitMix64).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % u64::try_from(bound).unwrap()).unwrap()
    }
}

fn restored() -> Timestamp {
    Timestamp::from_second(month_start(KEYS) + 1).unwrap()
}

#[test]
fn truthful_creation_timestamps_lead_to_the_key() {
    let mut random = Random(1);
    let objects = (0..OBJECTS).map(|index| {
        let month = random.below(KEYS);
        let into_month = i64::try_from(random.below(usize::try_from(MONTH).unwrap())).unwrap();
        let created = Timestamp::from_second(month_start(month) + into_month).unwrap();
        Object { month, created, namespace: format!("ns{}", index % NAMESPACES) }
    });
    let figure = operations_per_value(objects, 0);
    println!("60 keys, truthful timestamps, any month: {figure:.2} operations per value");
    assert!(figure <= 1.2, "{figure}");
}

#[test]
fn after_a_restore_the_one_key_in_use_is_found() {
    let objects = (0..OBJECTS).map(|index| Object {
        month: 17,
        created: restored(),
        namespace: format!("ns{}", index % NAMESPACES),
    });
    let figure = operations_per_value(objects, 100);
    println!("60 keys, equal timestamps, one of them in use: {figure:.2} operations per value");
    assert!(figure <= 2.0, "{figure}");
}

#[test]
fn after_a_restore_namespaces_lead_to_the_key() {
    // A namespace's Secrets are sealed when it is set up: one month each, in the order of the list.
    let mut random = Random(2);
    let months: Vec<usize> = (0..NAMESPACES).map(|_| random.below(KEYS)).collect();
    let objects = (0..OBJECTS).map(|index| {
        let namespace = index / (OBJECTS / NAMESPACES);
        Object { month: months[namespace], created: restored(), namespace: format!("ns{namespace}") }
    });
    let figure = operations_per_value(objects, 100);
    println!("60 keys, equal timestamps, one month per namespace: {figure:.2} operations per value");
    assert!(figure <= 2.0, "{figure}");
}

#[test]
fn after_a_restore_recent_keys_are_found_by_their_use() {
    // Most objects were sealed or resealed lately: each month back is half as likely.
    let mut random = Random(3);
    let objects = (0..OBJECTS).map(|index| {
        let age = usize::try_from(u64::try_from(random.below(1 << 20)).unwrap().trailing_zeros()).unwrap();
        Object {
            month: KEYS - 1 - age.min(KEYS - 1),
            created: restored(),
            namespace: format!("ns{}", index % NAMESPACES),
        }
    });
    let figure = operations_per_value(objects, 100);
    println!("60 keys, equal timestamps, recent months: {figure:.2} operations per value");
    assert!(figure <= 2.0, "{figure}");
}

#[test]
fn with_nothing_to_go_by_a_search_is_the_floor_and_siblings_are_free() {
    // Any month with equal chance, timestamps and namespaces that say nothing: the envelope holds no clue, so the first
    // value of an object costs about (60 + 1) / 2 operations in any order. Its siblings cost one each.
    let mut random = Random(4);
    let objects = (0..120).map(|index| Object {
        month: random.below(KEYS),
        created: restored(),
        namespace: format!("ns{}", index % NAMESPACES),
    });
    let figure = operations_per_value(objects, 20);
    println!("60 keys, equal timestamps, no pattern: {figure:.2} operations per value (floor of a blind search: 10.8)");
    assert!((9.0..13.0).contains(&figure), "{figure}");
}
