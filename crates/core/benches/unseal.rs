//! Unsealing, values per second on one core: RSA-2048 and RSA-4096, 1 and 60 keys in the ring.
//!
//! `cargo bench -p bulla-core --bench unseal`. One iteration opens an object of three values of 100 bytes whose opening key is
//! unknown and whose creation timestamp is truthful; the throughput is in values.

use std::hint::black_box;
use std::sync::Arc;

use bulla_core::sealed::{
    KeyRing, KeySize, NewKey, ObjectHints, RingKey, Scope, SealingCertificate, generate_key, seal_value,
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use jiff::{SignedDuration, Timestamp};

const VALUES: usize = 3;
const MONTH: i64 = 30 * 24 * 3600;

/// A ring of `count` monthly keys, and one object for each: its values and its creation.
struct Case {
    ring: KeyRing,
    objects: Vec<(Vec<Vec<u8>>, Timestamp)>,
}

fn case(size: KeySize, count: i64) -> Case {
    let mut keys = Vec::new();
    let mut objects = Vec::new();
    for month in 0..count {
        let since = Timestamp::from_second(1_600_000_000 + month * MONTH).expect("within the calendar");
        let request = NewKey {
            size,
            not_before: since,
            validity: SignedDuration::from_hours(87_600),
            common_name: String::new(),
        };
        let key = generate_key(&request).expect("key generation works");
        objects.push((
            seal_values(&key.certificate),
            Timestamp::from_second(since.as_second() + MONTH / 2).expect("as above"),
        ));
        keys.push(Arc::new(RingKey { key: key.key, since }));
    }
    Case { ring: KeyRing::new(keys), objects }
}

fn seal_values(certificate: &SealingCertificate) -> Vec<Vec<u8>> {
    (0..VALUES)
        .map(|_| seal_value(&[7; 100], certificate, Scope::Strict, "ns", "name").expect("sealing works"))
        .collect()
}

fn unseal(c: &mut Criterion) {
    let mut group = c.benchmark_group("unseal");
    group.throughput(Throughput::Elements(VALUES as u64)).sample_size(20);
    for (name, size) in [("rsa2048", KeySize::Rsa2048), ("rsa4096", KeySize::Rsa4096)] {
        for count in [1, 60] {
            let case = case(size, count);
            let mut next = case.objects.iter().cycle();
            group.bench_function(format!("{name}/{count}-keys"), |bencher| {
                bencher.iter(|| {
                    let (values, created) = next.next().expect("there is at least one object");
                    let mut hints = ObjectHints::new("ns", Some(*created), None);
                    for value in values {
                        let opened = case.ring.open(value, (Scope::Strict, "ns", "name"), &mut hints);
                        black_box(opened.map_err(|failure| failure.to_string()).expect("opens").plaintext.len());
                    }
                });
            });
        }
    }
    group.finish();
}

fn seal(c: &mut Criterion) {
    let mut group = c.benchmark_group("seal");
    group.throughput(Throughput::Elements(1));
    for (name, size) in [("rsa2048", KeySize::Rsa2048), ("rsa4096", KeySize::Rsa4096)] {
        let request = NewKey {
            size,
            not_before: Timestamp::UNIX_EPOCH,
            validity: SignedDuration::from_hours(1),
            common_name: String::new(),
        };
        let key = generate_key(&request).expect("key generation works");
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                seal_value(black_box(&[7; 100]), &key.certificate, Scope::Strict, "ns", "name").expect("seals")
            });
        });
    }
    group.finish();
}

criterion_group!(benches, unseal, seal);
criterion_main!(benches);
