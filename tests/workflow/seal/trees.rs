//! `bulla seal -r`: every plain Secret of a tree goes where somebody has said, as a whole or not at all.

use std::path::Path;

use crate::support::{BULLA, Bench, CANARY, Ran, assert_no_canary, run, secret, vector, vectors};

fn seal(bench: &Bench, args: &[&str]) -> Ran {
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    bench.bulla(&[&["seal", "--cert", &certificate], args].concat())
}

/// A tree with two plain Secrets in three files, and much else.
fn tree() -> Bench {
    let bench = Bench::new();
    for folder in ["t/a/deep", "t/b", "t/.hidden", "t/ignored"] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
    }
    bench.write("t/.gitignore", "ignored/\n");
    bench.write("t/a/one.yaml", secret("one"));
    bench.write("t/a/deep/two.json", r#"{"kind":"Secret","apiVersion":"v1","metadata":{"name":"two","namespace":"shop"},"stringData":{"a":"canary-Hunter2-tweet"}}"#);
    bench.write("t/b/mixed.yml", MIXED);
    bench.write("t/b/config.yaml", "kind: ConfigMap\nmetadata: {name: no-Secret}\n");
    bench.write("t/b/chart.yaml", "kind: Secret\nmetadata: {{ .Values.name }}\n");
    bench.write("t/b/sealed.yaml", vector("sealed/enc/basic.strict.yaml"));
    bench.write("t/b/notes.txt", secret("text"));
    bench.write("t/.hidden/x.yaml", secret("hidden"));
    bench.write("t/ignored/x.yaml", secret("ignored"));
    bench
}

const MIXED: &str = "# the shop\nkind:   ConfigMap # odd spacing stays\nmetadata: {name: c}\n---\n# the password\napiVersion: v1\nkind: Secret\nmetadata: {name: three, namespace: shop}\nstringData:\n  p: canary-Hunter2-tweet # mine\n---\nkind: Service\nspec: [1,   2]\n";

fn state(bench: &Bench) -> Vec<(String, Vec<u8>)> {
    fn walk(folder: &Path, root: &Path, files: &mut Vec<(String, Vec<u8>)>) {
        for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if entry.is_dir() {
                walk(&entry, root, files);
            } else {
                files.push((entry.strip_prefix(root).unwrap().display().to_string(), std::fs::read(&entry).unwrap()));
            }
        }
    }
    let mut files = Vec::new();
    walk(bench.folder.path(), bench.folder.path(), &mut files);
    files.sort();
    files
}

fn names(bench: &Bench, folder: &str) -> Vec<String> {
    let prefix = format!("{folder}/");
    state(bench).into_iter().filter_map(|(name, _)| name.strip_prefix(&prefix).map(str::to_owned)).collect()
}

#[test]
fn without_a_place_nothing_is_written() {
    let bench = tree();
    let before = state(&bench);
    let error = seal(&bench, &["-r", "t"]).fails(1, &["(E0218)", "nothing says where its sealed file goes"]);
    for way in [".bulla.yaml", "--out-dir DIR", "--in-place"] {
        assert!(error.contains(way), "{way}: {error}");
    }
    seal(&bench, &["t"]).fails(1, &["(E0101)"]);
    seal(&bench, &["--out-dir", "o", "t"]).fails(1, &["(E0101)", "-r"]);
    seal(&bench, &["-r", "t", "-w", "x.yaml"]).fails(3, &["cannot be used with"]);
    seal(&bench, &["-r", "t", "--in-place", "--out-dir", "o"]).fails(3, &["cannot be used with"]);
    seal(&bench, &["-r"]).fails(3, &["FILE"]);
    assert_eq!(state(&bench), before);
}

#[test]
fn a_tree_is_mirrored_into_a_folder() {
    let bench = tree();
    let before = state(&bench);
    let dry = seal(&bench, &["-r", "t", "--out-dir", "o", "--dry-run"]);
    assert!(dry.stderr.contains("t/a/one.yaml -> o/a/one.yaml: shop/one"), "{}", dry.stderr);
    assert!(dry.stderr.contains("would seal 3 Secrets of 3 files into 3 files"), "{}", dry.stderr);
    assert_eq!(state(&bench), before);

    let ran = seal(&bench, &["-r", "t", "--out-dir", "o"]);
    assert!(ran.stderr.contains("sealed 3 Secrets of 3 files into 3 files; "), "{}", ran.stderr);
    assert!(ran.stderr.contains("t/b/chart.yaml: ") && ran.stderr.contains("skipped"), "{}", ran.stderr);
    assert_eq!(ran.ok(), "");
    assert_eq!(names(&bench, "o"), ["a/deep/two.json", "a/one.yaml", "b/mixed.yml"]);
    for (file, name) in [("o/a/deep/two.json", "two"), ("o/a/one.yaml", "one"), ("o/b/mixed.yml", "three")] {
        let sealed = bench.read(file);
        assert_no_canary(&sealed);
        let plain = bench.unseal(&[], &sealed).ok();
        assert!(plain.contains(&format!("name\": \"{name}")) || plain.contains(&format!("name: {name}")), "{plain}");
        assert!(!sealed.contains("ConfigMap"), "only what is sealed: {sealed}");
    }
    assert!(bench.read("o/a/deep/two.json").starts_with('{'));
    // The plain files are as they were.
    let after: Vec<_> = state(&bench).into_iter().filter(|(name, _)| !name.starts_with("o/")).collect();
    assert_eq!(after, before);
    // From within the tree, and again over sealed files.
    let mut command = bench.command(BULLA);
    command.current_dir(bench.path("t")).args(["seal", "--cert"]).arg(vectors("sealed/keys/key1.crt"));
    run(
        {
            command.args(["-r", ".", "--out-dir", "../o"]);
            command
        },
        b"",
    )
    .ok();
    assert_eq!(names(&bench, "o").len(), 3);
}

#[test]
fn a_second_run_in_a_repository_changes_nothing_but_what_has_changed() {
    let bench = tree();
    let git = std::process::Command::new("git").args(["init", "-q"]).current_dir(bench.folder.path()).status();
    assert!(git.unwrap().success());
    let sealed = |bench: &Bench| ["o/a/one.yaml", "o/b/mixed.yml", "o/a/deep/two.json"].map(|file| bench.read(file));
    seal(&bench, &["-r", "t", "--out-dir", "o"]).ok();
    let first = sealed(&bench);
    seal(&bench, &["-r", "t", "--out-dir", "o"]).ok();
    assert_eq!(sealed(&bench), first, "known values keep their bytes");
    bench.write("t/a/one.yaml", secret("one").replace(CANARY, "another-Hunter2"));
    seal(&bench, &["-r", "t", "--out-dir", "o"]).ok();
    let third = sealed(&bench);
    assert_ne!(third[0], first[0]);
    assert_eq!(third[1..], first[1..]);
    // The same for one file: what `seal -w` has made, `--update` knows.
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    bench.bulla(&["seal", "--cert", &certificate, "t/a/one.yaml", "-w", "one.sealed.yaml"]).ok();
    let before = bench.read("one.sealed.yaml");
    bench.bulla(&["seal", "--cert", &certificate, "t/a/one.yaml", "--update", "one.sealed.yaml"]).ok();
    assert_eq!(bench.read("one.sealed.yaml"), before);
}

#[test]
fn in_place_only_the_secrets_change() {
    let bench = tree();
    let before = state(&bench);
    let ran = seal(&bench, &["-r", "t", "--in-place"]);
    assert!(ran.stderr.contains("stays in the history"), "{}", ran.stderr);
    ran.ok();
    let text = bench.read("t/b/mixed.yml");
    let (head, rest) = text.split_once("---\n# the password\n").unwrap();
    assert_eq!(head, "# the shop\nkind:   ConfigMap # odd spacing stays\nmetadata: {name: c}\n");
    let (sealed, tail) = rest.split_once("---\n").unwrap();
    assert_eq!(tail, "kind: Service\nspec: [1,   2]\n");
    bench.unseal(&[], sealed).ok();
    assert_no_canary(&text);
    let changed: Vec<String> =
        state(&bench).into_iter().zip(before).filter(|(new, old)| new != old).map(|((name, _), _)| name).collect();
    assert_eq!(changed, ["t/a/deep/two.json", "t/a/one.yaml", "t/b/mixed.yml"]);
    // Nothing is left to do.
    assert!(seal(&bench, &["-r", "t", "--in-place"]).stderr.contains("sealed 0 Secrets of 0 files"));
}

#[test]
fn rules_say_where_each_cluster_has_its_file() {
    let bench = tree();
    bench.write("one.pem", vector("sealed/keys/key1.crt"));
    bench.write("two.pem", vector("sealed/keys/key2.crt"));
    bench.write(
        ".bulla.yaml",
        "clusters:\n  one: {certificate: one.pem}\n  two: {certificate: two.pem}\nrules:\n\
         - path: t/a/*.yaml\n  clusters: [one, two]\n  out: '{dir}/{stem}.{cluster}.yaml'\n  scope: cluster-wide\n\
         - path: t/**\n  clusters: [two]\n  out: 'sealed/{stem}.yaml'\n",
    );
    bench.write("t/b/chart.yaml", "");
    let sealed = |args: &[&str]| bench.bulla(&[&["seal", "-r", "t"], args].concat());
    sealed(&[]).ok();
    for (file, key, annotated) in [
        ("t/a/one.one.yaml", "key1", true),
        ("t/a/one.two.yaml", "key2", true),
        ("sealed/two.yaml", "key2", false),
        ("sealed/mixed.yaml", "key2", false),
    ] {
        let text = bench.read(file);
        assert_eq!(text.contains("cluster-wide"), annotated, "{file}: {text}");
        let key = vectors(&format!("sealed/keys/{key}.key")).display().to_string();
        bench.bulla(&["unseal", "--key", &key, file]).ok();
    }
    // One cluster of several.
    for file in ["t/a/one.one.yaml", "t/a/one.two.yaml", "sealed/two.yaml", "sealed/mixed.yaml"] {
        std::fs::remove_file(bench.path(file)).unwrap();
    }
    sealed(&["--cluster", "one"]).ok();
    assert!(bench.path("t/a/one.one.yaml").exists() && !bench.path("t/a/one.two.yaml").exists());
    assert!(!bench.path("sealed/two.yaml").exists());

    let before = state(&bench);
    sealed(&["--cert", "one.pem"]).fails(1, &["(E0805)", "seals for one, two, but one certificate"]);
    sealed(&["--cluster", "three"]).fails(1, &["(E0804)"]);
    bench.bulla(&["seal", "t/a/one.yaml"]).fails(1, &["(E0805)"]);
    assert_eq!(state(&bench), before);
    // The rule's scope holds for one file as well; a flag wins.
    assert!(bench.bulla(&["seal", "--cluster", "two", "t/a/one.yaml"]).ok().contains("cluster-wide"));
    assert!(
        !bench.bulla(&["seal", "--cluster", "two", "--scope", "strict", "t/a/one.yaml"]).ok().contains("cluster-wide")
    );
    let two = bench.bulla(&["seal", "--cert", "one.pem", "t/a/one.yaml", "t/b/mixed.yml"]);
    two.fails(1, &["(E0203)"]);
}

#[test]
fn clashes_and_foreign_files_stop_everything_or_the_one_file() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("t/a")).unwrap();
    std::fs::create_dir_all(bench.path("t/b")).unwrap();
    bench.write("t/a/x.yaml", secret("x"));
    bench.write("t/b/x.yaml", secret("why"));
    let config = |out: &str| {
        bench.write(".bulla.yaml", format!("rules: [{{path: 't/**', out: '{out}'}}]\n"));
    };
    for (out, words) in [
        ("s/{stem}.yaml", &["(E0218)", "would both be sealed into"][..]),
        ("{dir}/{stem}.yaml", &["(E0218)", "would replace the plain"]),
        ("../{stem}.yaml", &["(E0218)", "outside of the repository"]),
    ] {
        config(out);
        let before = state(&bench);
        seal(&bench, &["-r", "t"]).fails(1, words);
        assert_eq!(state(&bench), before, "{out}");
    }
    // What is there already and is no sealed file stays, and the other one is sealed.
    config("s/{dir}/{stem}.yaml");
    std::fs::create_dir_all(bench.path("s/t/a")).unwrap();
    bench.write("s/t/a/x.yaml", "kind: ConfigMap\n");
    let ran = seal(&bench, &["-r", "t", "--json"]);
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains("holds more than SealedSecrets (E0218)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("1 of 2 files were not sealed (E0806)"), "{}", ran.stderr);
    let report: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&report["sealedFiles"], &report["failedFiles"], &report["secrets"]), (&1.into(), &1.into(), &1.into()));
    assert_eq!(report["files"][0]["status"], "failed");
    assert_eq!(report["files"][0]["error"]["code"], "E0218");
    assert_eq!(report["files"][1]["outputs"][0]["path"], "s/t/b/x.yaml");
    assert_eq!(report["files"][1]["secrets"][0], "shop/why");
    assert_no_canary(&ran.stdout);
    assert_eq!(bench.read("s/t/a/x.yaml"), "kind: ConfigMap\n");
    bench.unseal(&[], &bench.read("s/t/b/x.yaml")).ok();
}

#[test]
fn bad_secrets_in_a_tree_stop_it_before_the_first_file_is_written() {
    for (bad, words) in [
        (
            "kind: Secret\nmetadata: {namespace: x}\nstringData: {a: canary-Hunter2-tweet}\n",
            &["(E0205)", "bad.yaml"][..],
        ),
        ("kind: Secret\nmetadata: {name: x}\nstringData: {a: canary-Hunter2-tweet}\n", &["(E0206)"]),
        ("kind: Secret\nmetadata: {name: x, namespace: y}\ndata: {a: canary-Hunter2-tweet}\n", &["(E0210)"]),
        (
            "kind: Secret\nmetadata: {name: x, namespace: y}\nstringData: {a: canary-Hunter2-tweet, a: b}\n",
            &["(E0208)"],
        ),
        ("kind: Secret\nmetadata: {name: x, namespace: y}\n", &["(E0211)"]),
        (
            "kind: List\nitems: [{kind: Secret, metadata: {name: x, namespace: y}, stringData: {a: b}}]\n",
            &["(E0204)", "yq"],
        ),
    ] {
        let bench = Bench::new();
        std::fs::create_dir(bench.path("t")).unwrap();
        bench.write("t/a.yaml", secret("a"));
        bench.write("t/bad.yaml", bad);
        for place in [&["--in-place"][..], &["--out-dir", "o"]] {
            let before = state(&bench);
            seal(&bench, &[&["-r", "t"], place].concat()).fails(1, words);
            assert_eq!(state(&bench), before, "{bad}");
        }
    }
}

#[cfg(unix)]
#[test]
fn a_folder_that_cannot_be_written_fails_its_file_and_no_other() {
    use std::os::unix::fs::PermissionsExt as _;
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("t/a")).unwrap();
    std::fs::create_dir_all(bench.path("o")).unwrap();
    bench.write("t/a/x.yaml", secret("x"));
    bench.write("t/y.yaml", secret("y"));
    // A file where a folder should be: that stops root as well.
    bench.write("o/a", "");
    let ran = seal(&bench, &["-r", "t", "--out-dir", "o"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("(E0103)") && ran.stderr.contains("(E0806)"), "{}", ran.stderr);
    bench.unseal(&[], &bench.read("o/y.yaml")).ok();
    std::fs::set_permissions(bench.path("o/y.yaml"), std::fs::Permissions::from_mode(0o644)).unwrap();
    seal(&bench, &["t/y.yaml", "--out-dir", "o"]).ok();
    assert_eq!(std::fs::metadata(bench.path("o/y.yaml")).unwrap().permissions().mode() & 0o777, 0o644);
}

#[cfg(unix)]
#[test]
fn killed_at_any_moment_every_file_is_old_or_new() {
    let bench = Bench::new();
    std::fs::create_dir(bench.path("t")).unwrap();
    let plain: Vec<String> = (0..40).map(|index| secret(&format!("s{index}"))).collect();
    for round in 0..12_u64 {
        for (index, text) in plain.iter().enumerate() {
            bench.write(&format!("t/{index}.yaml"), text);
        }
        let mut command = bench.command(BULLA);
        command.args(["seal", "-q", "-r", "t", "--in-place", "--cert"]).arg(vectors("sealed/keys/key1.crt"));
        let mut child = command.stderr(std::process::Stdio::null()).spawn().unwrap();
        // Somewhere in the run, at another place each time.
        let pause = std::time::Duration::from_micros(round * 4_000);
        let begun = std::time::Instant::now();
        while begun.elapsed() < pause && child.try_wait().unwrap().is_none() {
            std::hint::spin_loop();
        }
        let _ = child.kill();
        child.wait().unwrap();
        for (index, old) in plain.iter().enumerate() {
            let text = bench.read(&format!("t/{index}.yaml"));
            if text != *old {
                assert!(text.contains("kind: SealedSecret") && text.ends_with('\n'), "{text}");
                assert!(!text.contains(CANARY));
                bench_unseals_eventually(&bench, &text, index);
            }
        }
        for entry in std::fs::read_dir(bench.path("t")).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            if name.contains(".bulla-") {
                assert_no_canary(&std::fs::read_to_string(&path).unwrap());
                std::fs::remove_file(path).unwrap();
            }
        }
    }
}

/// Opening all of them takes too long; each round looks at one.
fn bench_unseals_eventually(bench: &Bench, text: &str, index: usize) {
    if index == 0 {
        bench.unseal(&[], text).ok();
    }
}
