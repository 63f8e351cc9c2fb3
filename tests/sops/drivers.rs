//! What other programs look for in what a sops leaves (sops, part 18). Their command lines are `cases/drivers.case`; here are
//! the marks, each held against both tools, and what needs more than one process: key services, twenty at once.

use std::cell::RefCell;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use regex::Regex;

use crate::cases::case::{Case, Content, File};
use crate::cases::in_parallel;
use crate::cases::outcome::Left;
use crate::run::Bench;
use crate::suite::bench;

const BOTH: [&str; 2] = ["real", "ours"];

/// A case of a line.
fn case(id: &str, args: &[&str], files: &[(&str, &str)]) -> Case {
    let file = |(name, text): &(&str, &str)| File {
        name: (*name).to_owned(),
        content: Content::Text((*text).to_owned()),
        executable: false,
    };
    Case {
        id: format!("drivers.rs/{id}"),
        args: args.iter().map(|word| (*word).to_owned()).collect(),
        files: files.iter().map(file).collect(),
        ..Case::default()
    }
}

/// What is left, byte for byte.
fn left(bench: &Bench, which: &str, case: &Case) -> Left {
    let kept = RefCell::new(None);
    bench.run(which, case, |_| {}, |left| *kept.borrow_mut() = Some(left.clone()));
    kept.into_inner().unwrap()
}

fn stdout(bench: &Bench, which: &str, case: &Case) -> String {
    let left = left(bench, which, case);
    assert_eq!(left.code, 0, "{which} {}: {}", case.id, String::from_utf8_lossy(&left.stderr));
    String::from_utf8(left.stdout).unwrap()
}

/// An encrypted file of each format.
fn encrypted(bench: &Bench, which: &str) -> [(&'static str, String); 5] {
    [
        ("yaml", "a: 1\nlist: [x, {b: 2.5}]\n# c\nt: \"x\"\n"),
        ("json", "{\"a\": 1, \"list\": [\"x\", {\"b\": 2.5}]}"),
        ("env", "A=1\nB=x\n"),
        ("ini", "[s]\na = 1\n"),
        ("bin", "any bytes"),
    ]
    .map(|(ending, text)| {
        let name = format!("a.{ending}");
        (
            ending,
            stdout(
                bench,
                which,
                &case(&format!("encrypt-{ending}"), &["encrypt", "--age", "{A}", &name], &[(&name, text)]),
            ),
        )
    })
}

#[test]
fn the_marks_that_programs_grep_for_are_there() {
    let Some(bench) = bench() else { return };
    let mac = Regex::new("mac.*,type:str]").unwrap();
    for which in BOTH {
        let [(_, yaml), (_, json), (_, env), (_, ini), (_, binary)] = encrypted(&bench, which);
        // helm-secrets: grep -q 'mac.*,type:str]'; then which kind of file it is.
        for text in [&yaml, &json, &env, &ini, &binary] {
            assert!(text.lines().any(|line| mac.is_match(line)), "{which}: {text}");
        }
        assert!(yaml.lines().any(|line| line == "sops:"), "{which}: {yaml}");
        assert!(binary.contains("\"data\": \"ENC"), "{which}: {binary}");
        // Flux looks for bytes.
        for (text, mark) in [
            (&json, "\"mac\": \"ENC["),
            (&binary, "\"mac\": \"ENC["),
            (&env, "sops_mac=ENC["),
            (&ini, "[sops]"),
            (&yaml, "mac: ENC["),
        ] {
            assert!(text.contains(mark), "{which}: no {mark:?} in {text}");
        }
        // VS Code wants a string at sops.version, and so do the library's readers.
        let parsed: serde_yaml::Value = serde_yaml::from_str(&yaml).unwrap();
        assert!(parsed["sops"]["version"].as_str().is_some_and(|version| version.starts_with("3.")), "{which}: {yaml}");
        assert!(parsed["sops"]["lastmodified"].is_string(), "{which}: {yaml}");
        let names: Vec<&str> = parsed["sops"].as_mapping().unwrap().keys().filter_map(|key| key.as_str()).collect();
        assert!(names.is_sorted(), "{which}: {names:?}");
        // pre-commit hooks: each leaf outside of `sops` begins with ENC[.
        every_leaf_is_encrypted(
            which,
            parsed.as_mapping().unwrap().iter().filter(|(key, _)| key.as_str() != Some("sops")).map(|(_, value)| value),
        );
    }
}

fn every_leaf_is_encrypted<'a>(which: &str, values: impl Iterator<Item = &'a serde_yaml::Value>) {
    for value in values {
        match value {
            serde_yaml::Value::Mapping(map) => every_leaf_is_encrypted(which, map.values()),
            serde_yaml::Value::Sequence(items) => every_leaf_is_encrypted(which, items.iter()),
            leaf => assert!(leaf.as_str().is_some_and(|text| text.starts_with("ENC[")), "{which}: {leaf:?}"),
        }
    }
}

#[test]
fn the_version_is_what_ansible_parses() {
    let Some(bench) = bench() else { return };
    let pattern = Regex::new(r"^sops ([0-9]+)\.([0-9]+)\.([0-9]+)").unwrap();
    for which in BOTH {
        let text = stdout(&bench, which, &case("version", &["--version", "--disable-version-check"], &[]));
        let found = pattern.captures(&text).unwrap_or_else(|| panic!("{which}: {text:?}"));
        let version: Vec<u32> = (1..4).map(|at| found[at].parse().unwrap()).collect();
        assert!(version >= vec![3, 13, 3], "{which}: {text}");
    }
}

#[test]
fn the_library_opens_what_ours_wrote_and_compares_its_mac() {
    let Some(bench) = bench() else { return };
    for (ending, text) in encrypted(&bench, "ours") {
        let plain = bench.open(text.as_bytes()).unwrap_or_else(|| panic!("{ending}: not encrypted: {text}"));
        assert!(plain.is_ok(), "{ending}: {plain:?}");
    }
}

#[test]
fn twenty_at_once_all_succeed() {
    let Some(bench) = bench() else { return };
    let case = case("parallel", &["decrypt", "k/enc/basic.age.yaml"], &[]);
    let expected = stdout(&bench, "real", &case);
    let texts = in_parallel(&[(); 20], |()| stdout(&bench, "ours", &case));
    assert!(texts.iter().all(|text| *text == expected));
}

/// A key service, which ends with this.
struct Service(Child);

impl Service {
    fn start(bench: &Bench, which: &str, socket: &Path) -> Self {
        let child = Command::new(bench.program(which))
            .args(["keyservice", "--network", "unix", "--address"])
            .arg(socket)
            .env("SOPS_AGE_KEY_FILE", bench.key_folder().join("keys/age-a.txt"))
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(20);
        while !socket.exists() {
            assert!(Instant::now() < deadline, "the key service of {which} does not listen");
            std::thread::sleep(Duration::from_millis(10));
        }
        Self(child)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn each_is_the_others_key_service() {
    let Some(bench) = bench() else { return };
    let folder = tempfile::tempdir().unwrap();
    for (server, client) in [("real", "ours"), ("ours", "real"), ("ours", "ours")] {
        let socket = folder.path().join(format!("{server}-{client}"));
        let _service = Service::start(&bench, server, &socket);
        let uri = format!("unix://{}", socket.display());
        let flags = ["--enable-local-keyservice=false", "--keyservice", &uri];
        let mut decrypt = case(&format!("keyservice-{server}-{client}"), &["decrypt"], &[]);
        decrypt.args.extend(flags.map(str::to_owned));
        decrypt.args.push("k/enc/basic.age.yaml".to_owned());
        decrypt.no_keys = true;
        let text = stdout(&bench, client, &decrypt);
        assert!(text.starts_with("# top comment"), "{text}");
        let mut encrypt = case(
            &format!("keyservice-encrypt-{server}-{client}"),
            &["encrypt", "--age", "{A}"],
            &[("a.yaml", "a: 1\n")],
        );
        encrypt.args.extend(flags.map(str::to_owned));
        encrypt.args.push("a.yaml".to_owned());
        encrypt.no_keys = true;
        let text = stdout(&bench, client, &encrypt);
        assert!(bench.open(text.as_bytes()).is_some_and(|plain| plain.is_ok()), "{text}");
    }
}
