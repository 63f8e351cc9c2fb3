//! `bulla init`: what it finds in the fixture repository and in a small one of its own, and the one file that it writes. Also the
//! pages of `bulla man` and the scripts of `bulla completion`, which are about the installation, too.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Bench, assert_no_canary, run, secret, vector};

/// A bench whose folder is a git work tree with `files` in it.
fn repository(files: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path(".git")).unwrap();
    for (name, content) in files {
        fs::create_dir_all(bench.path(name).parent().unwrap()).unwrap();
        bench.write(name, content);
    }
    bench
}

/// Every file below the folder but the fake `.git`, with its content.
fn tree(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    fn collect(root: &Path, folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                collect(root, &entry, found);
            } else {
                found.push((entry.strip_prefix(root).unwrap().display().to_string(), fs::read(&entry).unwrap()));
            }
        }
    }
    let mut found = Vec::new();
    collect(bench.folder.path(), bench.folder.path(), &mut found);
    found.sort();
    found
}

const SEALED: &str = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata:\n  name: a\n";

#[test]
fn it_says_what_is_there_and_writes_one_file_that_fits() {
    let key = "kind: Secret\nmetadata: {labels: {sealedsecrets.bitnami.com/sealed-secrets-key: active}}\ndata: {tls.key: eA==}\n";
    let bench = repository(&[
        ("apps/shop/secrets/db.yaml", SEALED),
        ("apps/mail/secrets/smtp.yaml", &format!("{SEALED}---\n{SEALED}")),
        ("apps/mail/plain.yaml", &secret("plain")),
        ("apps/mail/kustomization.yaml", "resources: []\n"),
        ("ignored/plain.yaml", &secret("ignored")),
        (".gitignore", "ignored\n"),
        ("certs/prod.pem", &vector("sealed/keys/key1.crt")),
        ("backup.yaml", key),
        (".sops.yaml", "creation_rules: []\n"),
        ("vault.json", "{\"a\": \"ENC[x]\", \"sops\": {\"mac\": \"ENC[y]\"}}"),
        ("broken.yaml", "kind: Secret\n a: [\n"),
    ]);
    let before = tree(&bench);
    let dry = bench.bulla(&["init", "--dry-run"]);
    assert_eq!(dry.code, 0, "{}", dry.stderr);
    assert_eq!(tree(&bench), before, "a dry run writes nothing");
    let ran = bench.bulla(&["init", "apps/mail"]);
    assert_eq!((ran.code, ran.stdout.as_str()), (0, ""), "{}", ran.stderr);
    for said in [
        "3 SealedSecrets in 2 files, 1 kustomization, 1 sealing certificate",
        "certs/prod.pem: certificate SHA256:",
        "1 file holds plain Secrets that git does not ignore: apps/mail/plain.yaml",
        "1 file holds PRIVATE sealing keys, which must not be committed: backup.yaml",
        ".sops.yaml is there",
        "1 sops file: vault.json",
        "1 file could not be read: broken.yaml: line 2",
        ".bulla.yaml: read it, then commit it",
    ] {
        assert!(ran.stderr.contains(said), "{said:?} is not in:\n{}", ran.stderr);
    }
    assert_no_canary(&ran.stderr);
    let written = bench.read(".bulla.yaml");
    assert_eq!(written, dry.stdout, "a dry run shows what would be written");
    for part in [
        "  prod:\n    certificate: certs/prod.pem\n    fingerprint: SHA256:",
        "  - path: apps/*/secrets/*.yaml\n    clusters: [prod]\n",
        "  - path: apps/mail/*.yaml\n    clusters: [prod]\n",
        "plain-secrets: warn",
    ] {
        assert!(written.contains(part), "{part:?} is not in:\n{written}");
    }
    let mut after = tree(&bench);
    after.retain(|(name, _)| name != ".bulla.yaml");
    assert_eq!(after, before, "nothing else is written");
}

#[test]
fn a_file_that_is_there_stays_as_it_is_whatever_it_holds() {
    for content in ["rules: []\n", "not: [yaml", ""] {
        let bench = repository(&[("a.yaml", SEALED), (".bulla.yaml", content)]);
        let ran = bench.bulla(&["init"]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains("is there already and stays as it is"), "{}", ran.stderr);
        assert!(ran.stderr.contains("1 SealedSecret in 1 file"), "{}", ran.stderr);
        assert_eq!(bench.read(".bulla.yaml"), content);
    }
}

#[test]
fn what_cannot_be_done_is_said_and_leaves_nothing() {
    let bench = repository(&[("a.yaml", SEALED)]);
    bench.bulla(&["init", "nowhere"]).fails(1, &["(E0101)", "nowhere: no such file or directory"]);
    bench.bulla(&["init", "a.yaml"]).fails(1, &["(E0101)", "a.yaml: not a directory"]);
    bench.bulla(&["init", "x", "y"]).fails(3, &["(E0001)"]);
    assert_eq!(tree(&bench).len(), 1);
}

#[test]
fn the_fixture_repository_is_understood() {
    let fixture = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/gitops-repo");
    let bench = repository(&[]);
    let mut copy = bench.command("cp");
    copy.arg("-R").arg(fixture.join(".")).arg(".");
    run(copy, b"").ok();
    let ran = bench.bulla(&["init", "--dry-run"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("hold plain Secrets that git does not ignore: apps/"), "{}", ran.stderr);
    assert!(ran.stdout.contains("  - path: \"*/*/overlays/*/secrets/*.{json,yaml,yml}\"\n"), "{}", ran.stdout);
}

#[test]
fn every_command_has_a_page_that_man_can_show() {
    let bench = Bench::new();
    fs::create_dir(bench.path("man")).unwrap();
    let ran = bench.bulla(&["man", "--write", "man"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let names: Vec<String> = tree(&bench).into_iter().map(|(name, _)| name).collect();
    for name in ["bulla.1", "bulla-seal.1", "bulla-cert-fetch.1", "bulla-man.1", "kubeseal.1"] {
        assert!(names.contains(&format!("man/{name}")), "{name} is not among {names:?}");
    }
    for name in &names {
        let page = bench.read(name);
        for section in [".SH NAME", ".SH SYNOPSIS", ".SH DESCRIPTION"] {
            assert!(page.contains(section), "{name} has no {section}");
        }
        if Command::new("groff").arg("--version").output().is_ok() {
            let mut groff = bench.command("groff");
            groff.args(["-man", "-Tutf8", "-ww", "-z", name]);
            let ran = run(groff, b"");
            assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        }
    }
    let page = bench.bulla(&["man", "cert", "fetch"]).ok();
    assert_eq!(page, bench.read("man/bulla-cert-fetch.1"));
    assert!(page.contains(".nf\nExample:\n  bulla cert fetch"), "examples keep their lines: {page}");
    bench.bulla(&["man", "sela"]).fails(1, &["(E0820)", "no command sela", "did you mean seal?"]);
    bench.bulla(&["man", "--write", "nowhere"]).fails(1, &["(E0103)", "nowhere"]);
}

#[test]
fn each_shells_script_is_one_that_the_shell_reads() {
    let bench = Bench::new();
    for name in ["bulla", "kubeseal"] {
        for (shell, check) in [("bash", &["bash", "-n"][..]), ("zsh", &["zsh", "-n"]), ("fish", &["fish", "-n"])] {
            let script = bench.bulla(&["completion", shell, "--for", name]).ok();
            assert!(
                script.contains(name) && script.contains("recovery-unseal") == (name == "kubeseal"),
                "{shell} {name}: {script}"
            );
            let file = bench.write(&format!("{name}.{shell}"), &script);
            if Command::new(check[0]).arg("--version").output().is_ok() {
                let mut command = bench.command(check[0]);
                command.args(&check[1..]).arg(file);
                let ran = run(command, b"");
                assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{shell} {name}");
            }
        }
        let script = bench.bulla(&["completion", "powershell", "--for", name]).ok();
        assert!(script.contains("Register-ArgumentCompleter") && script.contains("'--cert'"), "{script}");
    }
    // What bash offers behind `bulla ce` and `kubeseal --recovery-u`.
    for (name, line, offered) in
        [("bulla", "bulla ce", "cert"), ("kubeseal", "kubeseal --recovery-u", "--recovery-unseal")]
    {
        let words: Vec<&str> = line.split(' ').collect();
        let script = format!(
            "source {name}.bash; COMP_WORDS=({line}); COMP_CWORD=1; _{name} {name} {:?} {name}; echo \"${{COMPREPLY[@]}}\"",
            words[1]
        );
        let mut bash = bench.command("bash");
        bash.args(["-c", &script]);
        assert_eq!(run(bash, b"").ok().trim(), offered);
    }
    bench.bulla(&["completion", "tcsh"]).fails(3, &["(E0001)"]);
}
