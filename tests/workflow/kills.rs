//! Every command that writes, in one table, and what holds of each of them: killed at any moment it leaves the old file or the
//! new one, on a full disk and in a read-only folder the old one, and no plaintext in any file that was not there before.
//! `BULLA_KILLS_SEED` repeats a run.
#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::harness::random::{Random, seed};
use crate::support::{BULLA, Bench, CANARY, assert_no_canary, run, secret, vector, vectors, without_ciphertexts};

const KILLS: usize = 10;

/// A command that writes.
struct Row {
    words: Vec<String>,
    input: String,
    /// Also what it writes on purpose is plaintext.
    plaintext: bool,
    /// Where it writes: the folder that it runs in, or elsewhere.
    here: bool,
}

fn row(words: &[&str], input: &str) -> Row {
    let words = words.iter().map(|word| (*word).to_owned()).collect();
    Row { words, input: input.to_owned(), plaintext: false, here: true }
}

impl Row {
    fn name(&self) -> String {
        self.words.join(" ")
    }
}

/// What every command finds, and where it leaves its traces.
struct Place {
    bench: Bench,
    /// The folder that commands run in, before a run.
    before: Files,
    _cluster: Running,
}

type Files = BTreeMap<String, Vec<u8>>;

/// Ends the process with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn key(name: &str) -> String {
    vectors("sealed/keys").join(name).display().to_string()
}

/// The cluster that has a key.
const CLUSTER: [&str; 2] = ["--kubeconfig", "../dev.kubeconfig"];
const AGE: &[u8] = b"age-encryption.org/v1\n";

/// An API server in memory, ready.
fn cluster(bench: &Bench, kubeconfig: &str) -> Running {
    let mut command = bench.command(BULLA);
    command.args(["devcluster", "--kubeconfig", kubeconfig]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut cluster = Running(command.spawn().unwrap());
    BufReader::new(cluster.0.stdout.take().unwrap()).read_line(&mut String::new()).unwrap();
    cluster
}

/// Recipient and identity.
fn age() -> (String, String) {
    let pair: Value = serde_json::from_str(&vector("age/hybrid.json")).unwrap();
    (pair["recipient"].as_str().unwrap().to_owned(), pair["identity"].as_str().unwrap().to_owned())
}

/// Of key 1.
fn fingerprint() -> String {
    let shown = Bench::new().bulla(&["cert", "show", "--json", &key("key1.crt")]).ok();
    let shown: Value = serde_json::from_str(&shown).unwrap();
    shown["fingerprint"].as_str().unwrap().to_owned()
}

impl Place {
    fn new() -> Self {
        let bench = Bench::new();
        for folder in ["work", "work/tree", "work/plain", "home", "state", "tmp"] {
            fs::create_dir(bench.path(folder)).unwrap();
        }
        // The editor changes what it can read and adds what was not there.
        bench.write("editor.sh", "sed -i 's/tweet/chirp/' \"$1\"\n");
        let cluster = cluster(&bench, "dev.kubeconfig");

        let mut place = Self { bench, before: Files::new(), _cluster: cluster };
        let sealed = place.bench.seal(&["-q"], &secret("db")).ok();
        let as_json = place.bench.seal(&["-q", "-o", "json"], &secret("db")).ok();
        let many: String = (0..10).map(|index| place.bench.seal(&["-q"], &secret(&format!("s{index}"))).ok()).collect();
        let mut add = |name: &str, content: &str| place.before.insert(name.to_owned(), content.as_bytes().to_vec());
        add("out.yaml", "old\n");
        add("cert.pem", "old\n");
        add("keys.age", "old\n");
        add("plain.yaml", &secret("db"));
        for index in 0..3 {
            add(&format!("plain/{index}.yaml"), &secret(&format!("p{index}")));
        }
        add("sealed.yaml", &format!("# kept\n{sealed}"));
        add("sealed.json", &as_json);
        for index in 0..3 {
            add(&format!("tree/{index}.yaml"), &many);
        }
        place.reset();
        let (key, certificate, expect) = (key("key1.key"), key("key1.crt"), fingerprint());
        let import =
            ["keys", "import", "--key", &key, "--cert", &certificate, "--expect", &expect, "--create-namespace"];
        place.run_to_the_end(&row(&[&import[..], &CLUSTER].concat(), ""));
        place
    }

    /// Puts the folder back as it was.
    fn reset(&self) {
        let work = self.bench.path("work");
        fs::remove_dir_all(&work).unwrap();
        fs::create_dir_all(work.join("tree")).unwrap();
        fs::create_dir_all(work.join("plain")).unwrap();
        for (name, content) in &self.before {
            fs::write(work.join(name), content).unwrap();
        }
    }

    fn files(&self, folder: &str) -> Files {
        fn collect(root: &Path, folder: &Path, found: &mut Files) {
            for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    collect(root, &entry, found);
                } else {
                    found.insert(entry.strip_prefix(root).unwrap().display().to_string(), fs::read(&entry).unwrap());
                }
            }
        }
        let (root, mut found) = (self.bench.path(folder), Files::new());
        collect(&root, &root, &mut found);
        found
    }

    /// `wrap` is a shell script that runs `"$@"`; empty: without a shell.
    fn command(&self, row: &Row, wrap: &str) -> Command {
        let mut command = if wrap.is_empty() {
            self.bench.command(BULLA)
        } else {
            let mut command = self.bench.command("sh");
            command.args(["-c", wrap, "sh", BULLA]);
            command
        };
        command.args(&row.words).current_dir(self.bench.path("work"));
        for (name, folder) in [("HOME", "home"), ("XDG_STATE_HOME", "state"), ("TMPDIR", "tmp")] {
            command.env(name, self.bench.path(folder));
        }
        command.env("EDITOR", "sh ../editor.sh");
        command
    }

    /// Gives what the folder is then.
    #[track_caller]
    fn run_to_the_end(&self, row: &Row) -> Files {
        self.reset();
        let ran = run(self.command(row, ""), row.input.as_bytes());
        assert_eq!(ran.code, 0, "{}: {}", row.name(), ran.stderr);
        self.files("work")
    }

    /// Each file is the old or the new one, and no other holds a value.
    fn check(&self, row: &Row, after: &Files, when: &str) {
        let when = format!("bulla {} {when}", row.name());
        for (name, now) in self.files("work") {
            let is_new = after.get(&name).is_some_and(|new| alike(new, &now));
            if self.before.get(&name).is_some_and(|old| *old == now) || is_new {
                continue;
            }
            let stray = name.rsplit('/').next().unwrap();
            assert!(
                stray.starts_with('.') && stray.contains(".bulla-"),
                "{when}: {name} is neither old nor new: {} bytes",
                now.len()
            );
            if !row.plaintext {
                assert_no_canary(&String::from_utf8_lossy(&now));
            }
        }
        for name in self.before.keys() {
            assert!(self.bench.path("work").join(name).exists(), "{when}: {name} is gone");
        }
        for folder in ["state", "tmp", "home"] {
            for (name, content) in self.files(folder) {
                let text = String::from_utf8_lossy(&content).into_owned();
                assert!(!text.contains(CANARY), "{when}: {folder}/{name} holds a value");
                assert_no_canary(&text);
            }
        }
    }
}

/// The same but for what is random in it.
fn alike(one: &[u8], other: &[u8]) -> bool {
    if one.starts_with(AGE) {
        return opens(other);
    }
    let text = |bytes: &[u8]| without_ciphertexts(&String::from_utf8_lossy(bytes));
    text(one) == text(other)
}

/// Whether it is a whole age file, which its length does not tell, with key 1 in it.
fn opens(backup: &[u8]) -> bool {
    let bench = Bench::new();
    bench.write("backup.age", backup);
    bench.write("identity.txt", age().1);
    let ran = bench.bulla(&["keys", "list", "--from", "backup.age", "--identity", "identity.txt", "--json"]);
    ran.code == 0 && ran.stdout.contains(&fingerprint())
}

/// All of them. Every file of `Place::new` is there before each.
fn table() -> Vec<Row> {
    let (old, new, key1, key2) = (key("key1.crt"), key("key2.crt"), key("key1.key"), key("key2.key"));
    let url = format!("file://{new}");
    let plain = secret("db").replace("tweet", "chirp");
    let in_cluster = |words: &[&str]| row(&[words, &CLUSTER].concat(), "");
    vec![
        row(&["seal", "-q", "--cert", &old, "-w", "out.yaml"], &secret("db")),
        row(&["seal", "-q", "--cert", &old, "plain.yaml", "-w", "plain.yaml"], ""),
        row(&["seal", "-q", "--cert", &old, "-r", "plain", "--in-place"], ""),
        row(&["seal", "-q", "--cert", &old, "--update", "sealed.yaml"], &plain),
        Row { plaintext: true, ..row(&["unseal", "--key", &key1, "sealed.yaml", "-w", "out.yaml"], "") },
        row(&["set", "-q", "--cert", &old, "sealed.yaml", "token", "--stdin"], CANARY),
        row(&["set", "-q", "--cert", &old, "sealed.json", "password", "--stdin"], CANARY),
        row(&["unset", "-q", "sealed.yaml", "password"], ""),
        row(&["rename", "-q", "sealed.yaml", "password", "pass"], ""),
        row(&["edit", "-q", "--cert", &old, "--key", &key1, "sealed.yaml"], ""),
        row(&["reseal", "-q", "--key", &key1, "--key", &key2, "--cert", &new, "tree"], ""),
        row(&["cert", "fetch", "-q", "--url", &url, "-w", "cert.pem"], ""),
        Row { here: false, ..in_cluster(&["cert", "pin", "-q", "--cert", &new]) },
        in_cluster(&["keys", "backup", "-q", "--to", &age().0, "-w", "keys.age"]),
        row(&["init", "-q"], ""),
        row(&["kubeseal", "--cert", &old, "-f", "plain.yaml", "-w", "out.yaml"], ""),
        row(&["kubeseal", "--cert", &old, "-f", "plain.yaml", "--merge-into", "sealed.yaml"], ""),
        row(&["kubeseal", "--cert", &old, "-f", "plain.yaml", "--merge-into", "sealed.json"], ""),
    ]
}

#[test]
fn after_a_kill_every_file_is_the_old_one_or_the_new_one() {
    let seed = seed("BULLA_KILLS_SEED");
    let mut random = Random::new(seed);
    let place = Place::new();
    for row in table() {
        let started = Instant::now();
        let after = place.run_to_the_end(&row);
        let whole = started.elapsed();
        assert!(after != place.before || !row.here, "bulla {} writes nothing", row.name());
        let mut killed = 0;
        for number in 0..KILLS {
            place.reset();
            let mut command = place.command(&row, "");
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            let _ = child.stdin.take().unwrap().write_all(row.input.as_bytes());
            // Not a wait for a condition: the moment of the kill is what is varied.
            std::thread::sleep(
                whole
                    .mul_f64(f64::from(u32::try_from(random.below(1000)).unwrap()) / 900.0)
                    .min(Duration::from_secs(5)),
            );
            let _ = child.kill();
            killed += usize::from(!child.wait().unwrap().success());
            place.check(&row, &after, &format!("(kill {number}, BULLA_KILLS_SEED={seed})"));
        }
        assert!(killed > 0, "bulla {} was never killed in time", row.name());
        // What a killed run left does not stand in the way of the next one.
        let again = place.run_to_the_end(&row);
        assert!(again.iter().all(|(name, now)| alike(&after[name], now)), "bulla {} after kills", row.name());
    }
}

#[test]
fn on_a_full_disk_every_file_stays_as_it_is() {
    let place = Place::new();
    for row in table() {
        let after = place.run_to_the_end(&row);
        for blocks in [0, 1] {
            // No file may grow beyond so many blocks: what a full disk does, before or in the middle of a write.
            place.reset();
            let wrap = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$@\"");
            let ran = run(place.command(&row, &wrap), row.input.as_bytes());
            let small = after.iter().all(|(name, new)| place.before.get(name) == Some(new) || new.len() <= 512);
            if blocks == 1 && small && ran.code == 0 {
                continue;
            }
            failed(&place, &row, ran);
        }
    }
}

#[test]
fn in_a_read_only_folder_every_file_stays_as_it_is() {
    let place = Place::new();
    let work = place.bench.path("work");
    for row in table().into_iter().filter(|row| row.here) {
        place.reset();
        let mode = |mode| {
            fs::set_permissions(&work, fs::Permissions::from_mode(mode)).unwrap();
            for folder in ["tree", "plain"] {
                fs::set_permissions(work.join(folder), fs::Permissions::from_mode(mode)).unwrap();
            }
        };
        // Root may write everywhere but to a file system that is mounted so.
        let wrap = if rustix::process::geteuid().is_root() {
            "exec unshare --mount sh -c 'mount --bind . . && mount -o remount,ro,bind . && cd \"$PWD\" && exec \"$@\"' sh \"$@\""
        } else {
            mode(0o500);
            "exec \"$@\""
        };
        let ran = run(place.command(&row, wrap), row.input.as_bytes());
        mode(0o700);
        failed(&place, &row, ran);
    }
}

/// It failed with an error for people, and changed nothing.
#[track_caller]
fn failed(place: &Place, row: &Row, ran: crate::support::Ran) {
    let name = row.name();
    assert_eq!(ran.code, 1, "bulla {name}: {}{}", ran.stdout, ran.stderr);
    assert_no_canary(&ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "bulla {name}: {}", ran.stderr);
    if row.words[0] != "kubeseal" {
        assert!(
            ran.stderr.contains("error: ") && ran.stderr.contains("(E") && ran.stderr.contains("\nhint: "),
            "bulla {name}: {}",
            ran.stderr
        );
    }
    let now = place.files("work");
    assert!(now == place.before, "bulla {name}: the files are {:?}", now.keys().collect::<Vec<_>>());
    place.check(row, &now, "after a failure");
}

/// Restoring writes into the cluster only: killed anywhere, the same command does the rest.
#[test]
fn a_killed_restore_is_finished_by_the_same_command() {
    let seed = seed("BULLA_KILLS_SEED");
    let (mut random, place) = (Random::new(seed), Place::new());
    let (recipient, identity) = age();
    place.bench.write("identity.txt", identity);
    place.run_to_the_end(&row(
        &[&["keys", "backup", "-q", "--to", &recipient, "-w", "../backup.age"], &CLUSTER[..]].concat(),
        "",
    ));
    let _empty = cluster(&place.bench, "empty.kubeconfig");
    let other = ["--kubeconfig", "../empty.kubeconfig"];
    let expect = fingerprint();
    let restore = [
        "keys",
        "restore",
        "-q",
        "../backup.age",
        "--identity",
        "../identity.txt",
        "--create-namespace",
        "--expect",
        &expect,
    ];
    let restore = row(&[&restore[..], &other].concat(), "");
    for _ in 0..KILLS {
        let mut child = place
            .command(&restore, "")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(u64::try_from(random.below(120)).unwrap()));
        let _ = child.kill();
        let _ = child.wait();
        place.check(&restore, &place.before, &format!("(BULLA_KILLS_SEED={seed})"));
    }
    place.run_to_the_end(&restore);
    place.run_to_the_end(&restore);
    let mut list = place.command(&row(&["keys", "list", "--json"], ""), "");
    list.args(other);
    let list = run(list, b"").ok();
    assert_eq!(list.matches(&expect).count(), 1, "{list}");
}
