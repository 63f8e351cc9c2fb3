//! `bulla reseal` on a tree: is it bound by RSA, and are all cores busy? Figures are in docs/benchmarks.md.
//!
//! `cargo bench -p bulla --bench reseal -- --files 10000`; 1,000 files without the flag, each with one SealedSecret of three values,
//! sealed with an RSA-4096 key and moved to another one. CPU is user and system time of the process; what RSA takes is
//! measured beforehand, one operation at a time on one core, and multiplied.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its figures and fails with what it got"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bulla_core::go_base64;
use bulla_core::sealed::{
    GeneratedKey, KeyRing, KeySize, NewKey, ObjectHints, RingKey, Scope, SealingKey, generate_key, seal_value,
};
use jiff::{SignedDuration, Timestamp};

const VALUES: usize = 3;
/// Different ciphertexts; sealing tens of thousands would take longer than what is measured.
const DISTINCT: usize = 60;

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    let files =
        arguments.iter().position(|word| word == "--files").map_or(1000, |at| arguments[at + 1].parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let (old, new) = (key(60), key(1));
    write_tree(folder.path(), files, &old);
    fs::write(folder.path().join("keys.yaml"), secret(&old) + &secret(&new)).unwrap();

    let (private, public) = (private_operation(&old), public_operation(&new));
    println!("one private RSA-4096 operation {:.2} ms, one public {:.3} ms", millis(private), millis(public));
    let cores = std::thread::available_parallelism().unwrap().get();
    let rsa = |operations: u32| private * operations + public * operations;
    let values = u32::try_from(files * VALUES).unwrap();
    for (what, words, expected) in [
        ("--check, all stale", &["--check"][..], private * values),
        ("reseal", &[], rsa(values)),
        ("--check, all fresh", &["--check"], private * values),
    ] {
        let (wall, cpu) = run(folder.path(), words);
        println!(
            "{what}: {files} files, {values} values: {:.2} s, CPU {:.2} s, of which RSA {:.0} %; {:.2} of {cores} cores busy",
            wall.as_secs_f64(),
            cpu.as_secs_f64(),
            100.0 * expected.as_secs_f64() / cpu.as_secs_f64(),
            cpu.as_secs_f64() / wall.as_secs_f64()
        );
    }
}

fn run(folder: &Path, words: &[&str]) -> (Duration, Duration) {
    let (before, started) = (cpu_of_children(), Instant::now());
    let status = Command::new(env!("CARGO_BIN_EXE_bulla"))
        .current_dir(folder)
        .args(["reseal", "-q", "--key", "keys.yaml", "tree"])
        .args(words)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    let wall = started.elapsed();
    assert!(matches!(status.code(), Some(0 | 2)), "{status}");
    (wall, cpu_of_children() - before)
}

/// User and system time of the children that have ended.
fn cpu_of_children() -> Duration {
    const TICKS_PER_SECOND: u64 = 100;
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks: u64 = fields[13].parse::<u64>().unwrap() + fields[14].parse::<u64>().unwrap();
    Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND)
}

fn key(days: i64) -> GeneratedKey {
    let not_before = Timestamp::now() - SignedDuration::from_hours(24 * days);
    let validity = SignedDuration::from_hours(24 * 3650);
    generate_key(&NewKey { size: KeySize::Rsa4096, not_before, validity, common_name: String::new() }).unwrap()
}

fn secret(key: &GeneratedKey) -> String {
    let data = |text: &str| go_base64::encode(text.as_bytes());
    let (private, certificate) = (data(key.private_key_pem.expose()), data(&key.certificate_pem));
    format!(
        "---\nkind: Secret\napiVersion: v1\nmetadata: {{name: k}}\ndata: {{tls.key: {private}, tls.crt: {certificate}}}\n"
    )
}

fn write_tree(folder: &Path, files: usize, key: &GeneratedKey) {
    let seal = || go_base64::encode(&seal_value(&[7; 100], &key.certificate, Scope::Strict, "shop", "db").unwrap());
    let values: Vec<String> = (0..DISTINCT).map(|_| seal()).collect();
    for index in 0..files {
        let place = folder.join(format!("tree/{}", index / 100));
        fs::create_dir_all(&place).unwrap();
        let mut text = String::from(
            "# by hand\napiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\nspec:\n  encryptedData:\n",
        );
        for value in 0..VALUES {
            text.push_str(&format!("    k{value}: {}\n", values[(index * VALUES + value) % DISTINCT]));
        }
        fs::write(place.join(format!("{index}.yaml")), text).unwrap();
    }
}

fn private_operation(key: &GeneratedKey) -> Duration {
    const TIMES: u32 = 300;
    let value = seal_value(&[7; 100], &key.certificate, Scope::Strict, "shop", "db").unwrap();
    let key = SealingKey::from_pem(key.private_key_pem.expose().as_bytes()).unwrap();
    let ring = KeyRing::new([std::sync::Arc::new(RingKey { key, since: Timestamp::now() })]);
    let before = cpu();
    for _ in 0..TIMES {
        ring.open(&value, (Scope::Strict, "shop", "db"), &mut ObjectHints::default()).ok().unwrap();
    }
    (cpu() - before) / TIMES
}

fn public_operation(key: &GeneratedKey) -> Duration {
    const TIMES: u32 = 3000;
    let before = cpu();
    for _ in 0..TIMES {
        seal_value(&[7; 100], &key.certificate, Scope::Strict, "shop", "db").unwrap();
    }
    (cpu() - before) / TIMES
}

/// User and system time of this process.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    Duration::from_millis((fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()) * 10)
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
