//! sops files under bulla, from outside: what strict reading and the second seal refuse, who can open what, and what is stale.

use std::collections::BTreeSet;
use std::fs;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::support::{BULLA, Bench, CANARY, Ran, assert_no_canary, run, vectors};

const A: &str = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
const B: &str = "age19rypeexxf7st9qf3egq5t44ak0ajuavv58m6mhm03tf9h3jrxehqmdqgcn";
const C: &str = "age1dvm9l3l9nmvtrwt6c5klyvucgkc7fr4njrssxu3myf2mh73atvvqgy7n3k";

/// A manifest with something of everything that the MAC does not cover.
const PLAIN: &str = "\
apiVersion: v1
kind: Secret
metadata:
    name: db
    namespace: shop
# a remark
a: ab
b: c
number: 1
list:
    - one
    - two
secret:
    password: canary-Hunter2-tweet
    # inside
    user: admin
    hosts:
        - first
        - second
";

/// Runs bulla with the identity of `who`: `age-a`, `age-b`, `age-c`, or nobody's.
fn bulla_as(bench: &Bench, who: &str, words: &[&str]) -> Ran {
    let mut command = bench.command(BULLA);
    command.args(words);
    if !who.is_empty() {
        command.env("SOPS_AGE_KEY_FILE", vectors(&format!("sops/keys/{who}.txt")));
    }
    run(command, b"")
}

fn bulla(bench: &Bench, words: &[&str]) -> Ran {
    bulla_as(bench, "age-a", words)
}

/// Encrypts a file in sops' way.
fn encrypt(bench: &Bench, name: &str, plain: &str, flags: &[&str]) {
    bench.write("plain", plain);
    let words = [&["sops", "encrypt", "--filename-override", name, "--output", name], flags, &["plain"]].concat();
    bulla(bench, &words).ok();
    fs::remove_file(bench.path("plain")).unwrap();
}

/// A bench with `f.yaml`, encrypted in sops' way.
fn bench() -> Bench {
    let bench = Bench::new();
    encrypt(&bench, "f.yaml", PLAIN, &["--age", A, "--encrypted-regex", "^secret$"]);
    bench
}

/// The same with a second seal.
fn sealed() -> Bench {
    let bench = bench();
    bulla(&bench, &["reseal", "-q", "--seal", "f.yaml"]).ok();
    assert!(bench.read("f.yaml").contains("\n    bulla: SEAL[BULLA1,salt:"), "{}", bench.read("f.yaml"));
    bench
}

/// Opens the file strictly.
fn open(bench: &Bench, words: &[&str]) -> Ran {
    bulla(bench, &[&["run", "f.yaml"], words, &["--", "true"]].concat())
}

#[test]
fn what_a_manipulated_file_is_refused_for() {
    let sealed = sealed().read("f.yaml");
    let line =
        |text: &str, begin: &str| text.lines().find(|line| line.trim_start().starts_with(begin)).unwrap().to_owned();
    let password = line(&sealed, "password:");
    let cases: &[(&str, &str, &[&str])] = &[
        ("    - one\n    - two\n", "    -   - one\n    - two\n", &["structure changed at list[0]", "E1034"]),
        ("    - one\n    - two\n", "    -   - one\n        - two\n", &["structure changed at list[0]", "E1034"]),
        ("    - one\n    - two\n", "    - two\n    - one\n", &["MAC mismatch", "E1033"]),
        ("a: ab\nb: c\n", "a: a\nb: bc\n", &["clear value changed at a; clear value changed at b", "E1034"]),
        ("b: c\n", "c: c\n", &["key changed at c", "E1034"]),
        ("number: 1\n", "number: \"1\"\n", &["type changed at number", "E1034"]),
        ("number: 1\n", "number: 1\nx: \"\"\n", &["unexpected item at x", "E1034"]),
        ("number: 1\n", "number: 1\nx: null\n", &["unexpected item at x", "E1034"]),
        ("number: 1\n", "number: 1\nx: {}\n", &["unexpected item at x", "E1034"]),
        ("number: 1\n", "number: 1\nx: []\n", &["unexpected item at x", "E1034"]),
        ("    name: db\n", "    name: db2\n", &["MAC mismatch", "E1033"]),
        ("# a remark\n", "# another\n", &["comment changed at comment 1 of the top level", "E1034"]),
        ("# a remark\n", "", &["E1034"]),
        ("encrypted_regex: ^secret$", "encrypted_regex: ^secret", &["selector changed at encrypted_regex", "E1034"]),
        ("    bulla: SEAL[BULLA1,salt:", "    bulla: SEAL[BULLA1,salt:A", &["the seal itself is damaged", "E1034"]),
    ];
    for (from, to, expected) in cases {
        assert!(sealed.contains(from), "{from}");
        let bench = Bench::new();
        bench.write("f.yaml", sealed.replacen(from, to, 1));
        open(&bench, &[]).fails(1, expected);
    }
    // What is refused without a seal, too, and before any key is asked for.
    let secret = |change: &str| sealed.replacen(&password, change, 1);
    let value = password.trim().trim_start_matches("password: ").to_owned();
    let cases: [(String, &[&str]); 8] = [
        (secret(&format!("{password} x")), &["malformed value at secret.password", "E1032"]),
        (secret(&password.replace("type:str", "type:string")), &["unknown type at secret.password", "E1032"]),
        (
            secret(&format!("    password: {CANARY}")),
            &["clear value in an encrypted position at secret.password", "E1032"],
        ),
        (secret("    password: 5"), &["clear value in an encrypted position at secret.password", "E1032"]),
        (secret("    password: \"\""), &["MAC mismatch", "E1033"]),
        (secret(&format!("{password}\n{password}")), &["password", "E1030"]),
        (
            sealed.replacen(&line(&sealed, "#ENC["), "    # plain", 1),
            &["clear comment in an encrypted position at comment 1 of secret", "E1032", "--allow clear-comments"],
        ),
        (
            sealed.replacen(&format!("secret:\n{password}\n"), &format!("\"secret:password\": {value}\nsecret:\n"), 1),
            &["E1033"],
        ),
    ];
    for (text, expected) in cases {
        let bench = Bench::new();
        bench.write("f.yaml", &text);
        open(&bench, &[]).fails(1, expected);
    }
}

#[test]
fn a_key_with_a_colon_is_ambiguous_unless_a_seal_covers_it() {
    let bench = Bench::new();
    encrypt(&bench, "f.yaml", "a:\n    b: x\n\"a:c\": y\n", &["--age", A]);
    let refused = open(&bench, &[]).fails(1, &["ambiguous key at \"a:c\", which reads like a.c", "E1032"]);
    assert!(refused.contains("--allow ambiguous-keys"), "{refused}");
    open(&bench, &["--allow", "ambiguous-keys"]).ok();
    bulla(&bench, &["reseal", "--seal", "--allow", "ambiguous-keys", "f.yaml"]).ok();
    open(&bench, &[]).ok();
    // The value itself, moved to where its additional data is the same.
    let text = bench.read("f.yaml");
    let line = lines_of(&text, "a:c").remove(0);
    let value = line.split_once(": ").unwrap().1;
    let moved = text.replacen(&format!("{line}\n"), &format!("    c: {value}\n"), 1);
    assert_ne!(moved, text);
    bench.write("f.yaml", moved);
    open(&bench, &[]).fails(1, &["key changed at a.c", "E1034"]);
}

#[test]
fn a_seal_is_demanded_by_a_flag_only_and_a_path_too() {
    let plain = bench();
    open(&plain, &[]).ok();
    open(&plain, &["--require-seal"]).fails(1, &["f.yaml: not sealed by bulla", "E1035", "bulla reseal --seal"]);
    let bench = sealed();
    open(&bench, &["--require-seal", "--require-path"]).ok();
    fs::rename(bench.path("f.yaml"), bench.path("g.yaml")).unwrap();
    bulla(&bench, &["run", "g.yaml", "--", "true"]).ok();
    let moved = ["run", "--require-path", "g.yaml", "--", "true"];
    bulla(&bench, &moved).fails(1, &["g.yaml: bound to another name: it was sealed as f.yaml", "E1034"]);
    let unknown = bench.read("g.yaml").replace("SEAL[BULLA1,", "SEAL[BULLA9,");
    bench.write("g.yaml", unknown);
    bulla(&bench, &["run", "g.yaml", "--", "true"]).ok();
    bulla(&bench, &["run", "--require-seal", "g.yaml", "--", "true"]).fails(1, &["of a version", "E1035"]);
}

#[test]
fn a_seal_holds_in_every_format() {
    for (name, plain) in [
        ("f.json", "{\"a\": {\"b\": [1, 2.5, true, null, \"x\"], \"c\": {}}}"),
        ("f.env", "# remark\nA=1\nB=two words\n"),
        ("f.txt", "any text\n"),
        ("m.yaml", "a: 1.0\nb: 2024-01-02\nc: &x {y: 1}\n---\nd: |\n    text\n"),
    ] {
        let bench = Bench::new();
        encrypt(&bench, name, plain, &["--age", A]);
        let before = bulla(&bench, &["sops", "decrypt", name]).ok();
        bulla(&bench, &["reseal", "--seal", name]).ok();
        assert!(bench.read(name).contains("SEAL[BULLA1,"), "{name}: {}", bench.read(name));
        bulla(&bench, &["run", "--require-seal", name, "--", "true"]).ok();
        assert_eq!(bulla(&bench, &["sops", "decrypt", name]).ok(), before, "{name}");
        // Settled: nothing is to be done.
        let settled = bench.read(name);
        bulla(&bench, &["reseal", "--seal", name]).ok();
        assert_eq!(bench.read(name), settled, "{name}");
    }
}

fn rules(bench: &Bench, recipients: &[&str]) {
    let text = format!(
        "creation_rules:\n  # everything\n  - path_regex: .*\n    encrypted_regex: ^secret$\n    age:\n{}",
        recipients.iter().map(|recipient| format!("      - {recipient} # who\n")).collect::<String>()
    );
    bench.write(".sops.yaml", text);
}

fn lines_of(text: &str, word: &str) -> Vec<String> {
    text.lines().filter(|line| line.contains(word)).map(str::to_owned).collect()
}

#[test]
fn reseal_brings_recipients_to_the_rules_and_keeps_the_data_key_unless_somebody_goes() {
    let bench = sealed();
    let before = bench.read("f.yaml");
    rules(&bench, &[A, B]);
    let check = bulla(&bench, &["reseal", "--check", "f.yaml"]);
    assert_eq!((check.code, bench.read("f.yaml") == before), (2, true), "{}", check.stderr);
    assert!(check.stdout.contains(&format!("  + age {B}")), "{}", check.stdout);
    bulla_as(&bench, "", &["reseal", "--check", "f.yaml"]);
    bulla(&bench, &["reseal", "f.yaml"]).ok();
    let both = bench.read("f.yaml");
    assert_eq!(lines_of(&before, "ENC["), lines_of(&both, "ENC["), "ciphertexts and MAC stay");
    assert_eq!(lines_of(&before, "lastmodified"), lines_of(&both, "lastmodified"));
    bulla_as(&bench, "age-b", &["run", "--require-seal", "f.yaml", "--", "true"]).ok();
    assert_eq!(bulla(&bench, &["reseal", "--check", "f.yaml"]).code, 0);

    // One goes: every value is encrypted anew.
    rules(&bench, &[B]);
    bulla(&bench, &["reseal", "--keep-unlisted", "f.yaml"]).ok();
    assert_eq!(bench.read("f.yaml"), both, "nothing is stale but for an unlisted recipient");
    let ran = bulla(&bench, &["reseal", "f.yaml"]);
    assert!(ran.stdout.contains(&format!("  - age {A}")) && ran.stdout.contains("a new data key"), "{}", ran.stdout);
    let one = bench.read("f.yaml");
    let common: BTreeSet<_> = lines_of(&one, "ENC[").into_iter().collect();
    assert!(lines_of(&both, "ENC[").iter().all(|line| !common.contains(line)), "a value kept its ciphertext");
    open(&bench, &[]).fails(1, &["f.yaml: no key here opens it", B, "E1036"]);
    bulla_as(&bench, "age-b", &["run", "--require-seal", "f.yaml", "--", "true"]).ok();

    // Nobody here can open it: told, and the file as it was.
    rules(&bench, &[B, C]);
    bulla(&bench, &["reseal", "f.yaml"]).fails(1, &["f.yaml", "E1036"]);
    assert_eq!(bench.read("f.yaml"), one);
}

#[test]
fn recipients_are_listed_added_and_removed_with_the_rules() {
    let bench = sealed();
    rules(&bench, &[A]);
    encrypt(&bench, "g.json", "{\"secret\": {\"x\": 1}, \"clear\": 2}", &["--age", A, "--encrypted-regex", "^secret$"]);
    let rule = bench.read(".sops.yaml");
    let before = bench.read("f.yaml");

    // Not in the rules: done, and said.
    let ran = bulla(&bench, &["recipients", "add", B, "f.yaml"]);
    assert!(ran.stderr.contains("is not in .sops.yaml"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(lines_of(&before, "ENC["), lines_of(&bench.read("f.yaml"), "ENC["));
    let list = bulla(&bench, &["recipients", "list", "."]).ok();
    assert!(list.contains(&format!("  age {B} (unlisted: not in .sops.yaml)")), "{list}");

    // Nobody honours it in silence.
    bulla(&bench, &["recipients", "add", C, "."]).fails(1, &[B, "is not in rule 1 of", "E1038", "--keep-unlisted"]);

    // With the rule, everywhere.
    bulla(&bench, &["recipients", "add", B, ".", "--rule"]).ok();
    assert_eq!(bench.read(".sops.yaml"), format!("{rule}      - {B}\n"));
    bulla_as(&bench, "age-b", &["run", "--prefix", "G_", "g.json", "--", "true"]).ok();
    let json: Value = serde_json::from_str(&bulla(&bench, &["recipients", "list", "--json"]).ok()).unwrap();
    let states: BTreeSet<&str> = json["files"]
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|file| file["recipients"].as_array().unwrap())
        .map(|row| row["state"].as_str().unwrap())
        .collect();
    assert_eq!(states, BTreeSet::from(["listed"]));
    bulla(&bench, &["recipients", "add", B, ".", "--rule"]).ok();

    // And out again: new data keys, and what was seen.
    let files = (bench.read("f.yaml"), bench.read("g.json"));
    let dry = bulla(&bench, &["recipients", "rm", B, ".", "--rule", "--dry-run"]).ok();
    assert_eq!((bench.read("f.yaml"), bench.read("g.json")), files);
    let ran = bulla(&bench, &["recipients", "rm", B, ".", "--rule"]);
    assert!(ran.stderr.contains("5 values have been seen"), "{}", ran.stderr);
    assert_eq!(ran.stdout, dry);
    assert_eq!(
        ran.ok(),
        "f.yaml\n  seen: secret.password\n  seen: secret.user\n  seen: secret.hosts[0]\n  seen: secret.hosts[1]\ng.json\n  seen: secret.x\n"
    );
    assert_eq!(bench.read(".sops.yaml"), rule);
    let kept: BTreeSet<_> = lines_of(&files.0, "ENC[").into_iter().collect();
    assert!(lines_of(&bench.read("f.yaml"), "ENC[").iter().all(|line| !kept.contains(line)));
    bulla_as(&bench, "age-b", &["run", "f.yaml", "--", "true"]).fails(1, &["E1036"]);
    open(&bench, &["--require-seal"]).ok();
    assert!(bulla(&bench, &["sops", "decrypt", "f.yaml"]).ok().contains(CANARY));
}

#[test]
fn keeping_the_data_key_is_a_choice_with_a_warning() {
    let bench = sealed();
    bulla(&bench, &["recipients", "add", B, "f.yaml"]).ok();
    let before = bench.read("f.yaml");
    let ran = bulla(&bench, &["recipients", "rm", B, "f.yaml", "--keep-data-key"]);
    assert!(ran.stderr.contains("whoever kept an old version"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(lines_of(&before, "ENC["), lines_of(&bench.read("f.yaml"), "ENC["));
    assert!(!bench.read("f.yaml").contains(B));
}

#[test]
fn bad_input_of_recipients_is_refused_and_changes_nothing() {
    let bench = sealed();
    bench.write("plain.yaml", "a: 1\n");
    let before = bench.read("f.yaml");
    for (words, expected) in [
        (
            &["recipients", "rm", B, "f.yaml"] as &[&str],
            &["it is a recipient of none of 1 sops file", "E1040"] as &[&str],
        ),
        (&["recipients", "rm", A, "f.yaml"], &["f.yaml: nobody could open it any more", "E1041"]),
        (&["recipients", "add", "hunter", "f.yaml"], &["this is no recipient", "E1039"]),
        (&["recipients", "add", "age1abc", "f.yaml"], &["E1039"]),
        (&["recipients", "add", B, "plain.yaml"], &["plain.yaml: there is no sops entry in it", "E1031"]),
        (&["recipients", "add", B, "none.yaml"], &["none.yaml: no such file", "E0101"]),
        (&["recipients", "add", B, "f.yaml", "--rule"], &["no creation rule is for it", "E1037"]),
        (&["recipients", "add", B, "f.yaml", "--group", "2"], &["it has no group 2", "E1042"]),
        (&["recipients", "add", "arn:aws:kms:eu-west-1:1:key/x", "f.yaml"], &["cannot be wrapped", "E1043"]),
    ] {
        bulla(&bench, words).fails(1, expected);
        assert_eq!(bench.read("f.yaml"), before, "{words:?}");
    }
    bulla_as(&bench, "age-c", &["recipients", "add", B, "f.yaml"]).fails(1, &["E1036"]);
    assert_eq!(bench.read("f.yaml"), before);
}

#[test]
fn a_recipient_added_by_hand_is_found() {
    let bench = sealed();
    bulla(&bench, &["recipients", "add", B, "f.yaml"]).ok();
    let with_b = bench.read("f.yaml");
    // The entry of B, put into the file that was sealed without it.
    bulla(&bench, &["recipients", "rm", B, "f.yaml", "--keep-data-key"]).ok();
    let text = bench.read("f.yaml");
    let seal = |text: &str| lines_of(text, "bulla: SEAL[").remove(0);
    bench.write("f.yaml", with_b.replace(&seal(&with_b), &seal(&text)));
    open(&bench, &[]).fails(1, &[&format!("recipient is not sealed at {B}"), "E1034"]);
    bulla(&bench, &["recipients", "add", C, "f.yaml"]).fails(1, &["recipient is not sealed", "E1034"]);
    rules(&bench, &[A]);
    let found = findings(&bench, &[]);
    assert_eq!(found, [("BV025".to_owned(), "f.yaml".to_owned())]);
}

fn findings(bench: &Bench, words: &[&str]) -> Vec<(String, String)> {
    let ran = bulla_as(bench, "", &[&["verify", "-o", "json"], words].concat());
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr));
    let text = |finding: &Value, field: &str| finding[field].as_str().unwrap().to_owned();
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| (text(finding, "rule"), text(finding, "file")))
        .collect();
    assert_eq!(ran.code, if found.is_empty() { 0 } else { 2 }, "{}", ran.stderr);
    assert_no_canary(&(ran.stdout + &ran.stderr));
    found
}

#[test]
fn verify_finds_without_a_key_what_each_rule_is_for() {
    let text = sealed().read("f.yaml");
    let password = lines_of(&text, "password:").remove(0);
    let none = |_: &Bench| {};
    type Prepare<'a> = &'a dyn Fn(&Bench);
    let cases: Vec<(&str, String, Vec<&str>, Prepare<'_>)> = vec![
        ("", text.clone(), vec!["--require-seal", "--require-path"], &none),
        ("BV021", text.replace("lastmodified: ", "lastmodified: 5 #"), vec![], &none),
        ("BV022", text.replace(&password, &format!("    password: {CANARY}")), vec![], &none),
        ("BV023", text.replace(&password, &format!("{password} x")), vec![], &none),
        ("BV024", text.clone(), vec![], &|bench| rules(bench, &[A, B])),
        ("BV027", text.clone(), vec![], &|bench| {
            bench.write(".sops.yaml", format!("creation_rules:\n  - age: {A}\n    encrypted_suffix: x\n"));
        }),
        ("BV028", text.clone(), vec![], &|bench| {
            bench.write(".sops.yaml", format!("creation_rules:\n  - age: {A}\n    path_regex: other\n"));
        }),
        (
            "BV029",
            text.lines().filter(|line| !line.contains("SEAL[")).map(|line| format!("{line}\n")).collect(),
            vec!["--require-seal"],
            &none,
        ),
        ("BV032", text.replace("path:f.yaml]", "path:g.yaml]"), vec!["--require-path"], &none),
    ];
    for (rule, text, words, prepare) in cases {
        let bench = Bench::new();
        bench.write("f.yaml", &text);
        prepare(&bench);
        let expected: Vec<_> = Some(rule)
            .filter(|rule| !rule.is_empty())
            .map(|rule| (rule.to_owned(), "f.yaml".to_owned()))
            .into_iter()
            .collect();
        assert_eq!(findings(&bench, &words), expected, "{rule}");
    }
    let bench = Bench::new();
    encrypt(&bench, "f.yaml", "a: 1\n", &["--age", A, "--encrypted-regex", "^b$"]);
    assert_eq!(findings(&bench, &[]), [("BV027".to_owned(), "f.yaml".to_owned())]);
}

fn git(bench: &Bench, words: &[&str]) {
    let mut command = bench.command("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]).args(words);
    let ran = run(command, b"");
    assert_eq!(ran.code, 0, "git {words:?}: {}", ran.stderr);
}

#[test]
fn verify_holds_the_branch_against_where_it_began() {
    let bench = sealed();
    git(&bench, &["init", "-q"]);
    git(&bench, &["add", "f.yaml"]);
    git(&bench, &["commit", "-qm", "sealed"]);
    assert_eq!(findings(&bench, &[]), []);
    git(&bench, &["checkout", "-qb", "topic"]);
    let sealed = bench.read("f.yaml");
    // sops drops the seal when it writes.
    let dropped: String =
        sealed.lines().filter(|line| !line.contains("SEAL[")).map(|line| format!("{line}\n")).collect();
    bench.write("f.yaml", &dropped);
    assert_eq!(findings(&bench, &[]), [("BV030".to_owned(), "f.yaml".to_owned())]);
    git(&bench, &["commit", "-qam", "dropped"]);
    assert_eq!(findings(&bench, &[]), [("BV030".to_owned(), "f.yaml".to_owned())], "committed, too");
    assert_eq!(findings(&bench, &["--base", "HEAD"]), []);
    bulla(&bench, &["reseal", "--seal", "f.yaml"]).ok();
    assert_eq!(findings(&bench, &[]), []);
    git(&bench, &["commit", "-qam", "sealed again"]);
    git(&bench, &["checkout", "-qb", "next"]);
    // The whole file, put back to an older one: with its seal, and to one that never had any.
    let newer = bench.read("f.yaml");
    bulla(&bench, &["recipients", "add", B, "f.yaml"]).ok();
    git(&bench, &["commit", "-qam", "newer"]);
    bench.write("f.yaml", &newer);
    assert_eq!(findings(&bench, &["--base", "next"]), [("BV031".to_owned(), "f.yaml".to_owned())]);
    bench.write("f.yaml", dropped.replace("lastmodified: \"20", "lastmodified: \"19"));
    let found = findings(&bench, &["--base", "next"]);
    assert_eq!(found, ["BV030", "BV031"].map(|rule| (rule.to_owned(), "f.yaml".to_owned())));
}

#[test]
fn why_says_which_rule_which_keys_and_what_mends_it() {
    let bench = sealed();
    rules(&bench, &[A, B]);
    let ran = bulla(&bench, &["why", "f.yaml"]);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    for words in [
        "f.yaml: yaml, encrypted by sops",
        "rule 1 of ",
        ".sops.yaml (line 3): path_regex .*",
        &format!("missing: age {B}, which the rule names"),
        &format!("wants:        age {A}"),
        "opens:        yes",
        "second seal:  intact, made at f.yaml",
        "mend it with: bulla reseal f.yaml",
    ] {
        assert!(ran.stdout.contains(words), "{words:?} is not in\n{}", ran.stdout);
    }
    bulla(&bench, &["reseal", "f.yaml"]).ok();
    assert!(bulla(&bench, &["why", "f.yaml"]).ok().contains("nothing is to be mended"));
    let locked = bulla_as(&bench, "age-c", &["why", "--json", "f.yaml"]);
    assert_eq!(locked.code, 2);
    let json: Value = serde_json::from_str(&locked.stdout).unwrap();
    assert!(json["sops"][0]["mend"].as_str().unwrap().starts_with("export SOPS_AGE_KEY_FILE="), "{json}");
    assert_no_canary(&locked.stdout);
}

#[test]
fn diff_tells_values_apart_and_hides_them() {
    let bench = bench();
    let old = PLAIN.replace(CANARY, "old-Hunter2");
    encrypt(
        &bench,
        "old.yaml",
        &old.replace("    user: admin\n", "    login: admin\n    gone: x\n"),
        &["--age", A, "--encrypted-regex", "^secret$"],
    );
    let ran = bulla(&bench, &["diff", "old.yaml", "f.yaml"]);
    assert_no_canary(&(ran.stdout.clone() + &ran.stderr));
    assert_eq!(
        ran.ok(),
        "~ secret.password: changed\n> secret.login -> secret.user: renamed\n- secret.gone: removed\n"
    );
    let shown = bulla(&bench, &["diff", "--show-values", "old.yaml", "f.yaml"]).ok();
    assert!(shown.contains("    - old-Hunter2\n    + canary-Hunter2-tweet\n"), "{shown}");
    for (who, words) in [("age-a", &["--offline"] as &[&str]), ("", &[])] {
        let ran = bulla_as(&bench, who, &[&["diff"], words, &["old.yaml", "f.yaml"]].concat());
        let stdout = ran.ok();
        assert!(
            stdout.contains("? secret.password: changed or re-encrypted (unknown)\n+ secret.user: added\n"),
            "{stdout}"
        );
    }
    bulla_as(&bench, "", &["diff", "--show-values", "old.yaml", "f.yaml"]).fails(1, &["E1036"]);
    git(&bench, &["init", "-q"]);
    git(&bench, &["add", "f.yaml"]);
    git(&bench, &["commit", "-qm", "first"]);
    bulla(&bench, &["recipients", "add", B, "f.yaml"]).ok();
    bulla(&bench, &["recipients", "rm", B, "f.yaml"]).ok();
    assert_eq!(bulla(&bench, &["diff", "HEAD:f.yaml", "f.yaml"]).ok(), "", "a new data key, and the same values");
    assert!(bulla(&bench, &["diff", "--offline", "HEAD:f.yaml", "f.yaml"]).ok().contains("? secret.user"));
    bulla(&bench, &["diff", "none.yaml", "f.yaml"]).fails(1, &["none.yaml", "E0101"]);
}

#[test]
fn run_gives_a_command_the_values_and_its_exit_code() {
    let bench = bench();
    encrypt(&bench, "g.env", "TOKEN=t 1\nEMPTY=\n", &["--age", A]);
    let script = "printf '%s|' \"$secret_user\" \"$secret_hosts_1\" \"$TOKEN\" \"${EMPTY-unset}\" \"$number\"; exit 7";
    let ran = bulla(&bench, &["run", "f.yaml", "g.env", "--", "sh", "-c", script]);
    assert_eq!((ran.code, ran.stdout.as_str()), (7, "admin|second|t 1||1|"), "{}", ran.stderr);
    let upper = ["run", "--upper", "--prefix", "app_", "f.yaml", "--", "sh", "-c", "echo $APP_SECRET_USER"];
    assert_eq!(bulla(&bench, &upper).ok(), "admin\n");
    let names = bulla(&bench, &["run", "--pristine", "g.env", "--", "/usr/bin/env"]).ok();
    assert_eq!(names.lines().collect::<BTreeSet<_>>(), BTreeSet::from(["TOKEN=t 1", "EMPTY="]));
    encrypt(&bench, "null.json", "{\"a\": null, \"b\": {\"c\": 1}, \"b_c\": 2}", &["--age", A]);
    bulla(&bench, &["run", "null.json", "--", "true"]).fails(1, &["null.json: two values have the name b_c", "E1047"]);
    encrypt(&bench, "null.json", "{\"a\": null}", &["--age", A]);
    let value = |null: &str| bulla(&bench, &["run", "--null", null, "null.json", "--", "sh", "-c", "echo ${a-unset}"]);
    assert_eq!(value("skip").ok(), "unset\n");
    assert_eq!(value("empty").ok(), "\n");
    value("refuse").fails(1, &["null.json: a: it is null", "E1048"]);
    bulla(&bench, &["run", "g.env", "--", "no-such-program"]).fails(1, &["no-such-program", "E1046"]);
    bulla(&bench, &["run", "g.env"]).fails(3, &[]);
    bulla_as(&bench, "age-b", &["run", "g.env", "--", "true"]).fails(1, &["g.env: no key here opens it", "E1036"]);
}

/// Killed at any moment, each file is the old one or the new one, and opens.
#[cfg(target_os = "linux")]
#[test]
fn a_killed_removal_leaves_whole_files() {
    let bench = Bench::new();
    for name in ["f.yaml", "g.yaml", "h.yaml"] {
        encrypt(&bench, name, PLAIN, &["--age", &format!("{A},{B}"), "--encrypted-regex", "^secret$"]);
    }
    let names = || -> BTreeSet<String> {
        fs::read_dir(bench.folder.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect()
    };
    let before = names();
    for turn in 0..8_u64 {
        let mut command: Command = bench.command(BULLA);
        command.env("SOPS_AGE_KEY_FILE", vectors("sops/keys/age-a.txt"));
        command.args(["recipients", "rm", B, "."]).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        // Not a wait for a condition: the moment of the kill is what is varied.
        std::thread::sleep(std::time::Duration::from_millis(turn * 4));
        let _ = child.kill();
        child.wait().unwrap();
        for name in ["f.yaml", "g.yaml", "h.yaml"] {
            assert!(bulla(&bench, &["sops", "decrypt", name]).ok().contains(CANARY), "{name}");
        }
        for name in names().difference(&before) {
            assert_no_canary(&String::from_utf8_lossy(&fs::read(bench.path(name)).unwrap()));
            fs::remove_file(bench.path(name)).unwrap();
        }
    }
    let done = bulla(&bench, &["recipients", "rm", B, "."]);
    assert!(done.code == 0 || done.stderr.contains("E1040"), "{}", done.stderr);
    for name in ["f.yaml", "g.yaml", "h.yaml"] {
        assert!(!bench.read(name).contains(B), "{name}");
    }
}
