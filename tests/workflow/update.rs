//! `bulla seal --update`, and the memory behind it.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use crate::support::{BULLA, Bench, CANARY, Ran, assert_no_canary, run, secret, vectors};

/// A repository with a home and a state folder of its own.
pub(crate) struct Repo {
    pub(crate) bench: Bench,
}

impl Repo {
    pub(crate) fn new() -> Self {
        let repo = Self { bench: Bench::new() };
        fs::create_dir(repo.bench.path("repo")).unwrap();
        repo.git(&["init", "--quiet", "--initial-branch=main"]);
        repo
    }

    /// Runs git in the repository.
    #[track_caller]
    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = self.bench.command("git");
        command.current_dir(self.bench.path("repo")).args(args);
        for (name, value) in [("NAME", "a"), ("EMAIL", "a@example.com")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        run(command, b"").ok()
    }

    pub(crate) fn commit(&self) {
        self.git(&["add", "--all"]);
        self.git(&["commit", "--quiet", "--allow-empty", "-m", "x"]);
    }

    /// The lines that differ from the last commit, without the headers.
    pub(crate) fn diff(&self) -> Vec<String> {
        let lines = self.git(&["diff", "--unified=0"]);
        let changed = |line: &&str| {
            (line.starts_with('+') || line.starts_with('-')) && !line.starts_with("+++") && !line.starts_with("---")
        };
        lines.lines().filter(changed).map(str::to_owned).collect()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(BULLA);
        command.current_dir(self.bench.path("repo")).args(args);
        command
    }

    pub(crate) fn bulla(&self, args: &[&str], input: &str) -> Ran {
        run(self.command(args), input.as_bytes())
    }

    /// `bulla seal --cert key1.crt --update sealed.yaml …`
    pub(crate) fn update(&self, args: &[&str], input: &str) -> Ran {
        self.update_with("key1.crt", args, input)
    }

    fn update_with(&self, certificate: &str, args: &[&str], input: &str) -> Ran {
        let certificate = vectors("sealed/keys").join(certificate).display().to_string();
        let mut words = vec!["seal", "--cert", &certificate, "--update", "sealed.yaml"];
        words.extend(args);
        self.bulla(&words, input)
    }

    pub(crate) fn write(&self, text: &str) {
        self.bench.write("repo/sealed.yaml", text);
    }

    pub(crate) fn read(&self) -> String {
        self.bench.read("repo/sealed.yaml")
    }

    /// The plain form of the sealed file.
    pub(crate) fn plain(&self) -> String {
        let keys = ["key1.key", "key2.key"].map(|name| vectors("sealed/keys").join(name).display().to_string());
        let words = ["unseal", "--key", &keys[0], "--key", &keys[1], "sealed.yaml"];
        self.bulla(&words, "").ok()
    }

    /// No file of the repository, git's folder, the home or the state holds the canary.
    pub(crate) fn is_clean(&self) {
        look_through(self.bench.folder.path());
    }
}

fn look_through(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
        if entry.file_type().unwrap().is_dir() {
            look_through(&entry.path());
        } else if entry.file_type().unwrap().is_file() {
            assert_no_canary(&String::from_utf8_lossy(&fs::read(entry.path()).unwrap()));
        }
    }
}

/// A plain Secret with these lines under stringData.
fn plain(values: &[(&str, &str)]) -> String {
    let mut text =
        String::from("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\nstringData:\n");
    for (key, value) in values {
        text.push_str(&format!("  {key}: \"{value}\"\n"));
    }
    text
}

fn base64(text: &str) -> String {
    bulla_core::go_base64::encode(text.as_bytes())
}

#[test]
fn twice_in_a_row_is_an_empty_diff_and_one_change_is_one_line() {
    let repo = Repo::new();
    repo.update(&[], &plain(&[("user", "app"), ("password", CANARY)])).ok();
    let commented = format!("# what the shop needs\n{}# the end\n", repo.read());
    repo.write(&commented);
    repo.commit();

    let ran = repo.update(&[], &plain(&[("user", "app"), ("password", CANARY)]));
    assert!(ran.stderr.contains("sealed.yaml: nothing has changed, so nothing was written"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);

    repo.update(&[], &plain(&[("user", "app2"), ("password", CANARY)])).ok();
    let diff = repo.diff();
    assert_eq!(diff.len(), 2, "{diff:?}");
    assert!(diff.iter().all(|line| line[1..].starts_with("    user: Ag")), "{diff:?}");
    assert!(repo.plain().contains(&base64("app2")) && repo.plain().contains(&base64(CANARY)));
    repo.is_clean();
}

#[test]
fn values_come_and_go_and_everything_else_stays() {
    let repo = Repo::new();
    repo.update(&[], &plain(&[("a", "1"), ("b", "2"), ("c", "3")])).ok();
    let text = repo.read();
    let text = text.replace("    b: ", "    # about b\n    b: ").replace("kind:", "# a comment\nkind:");
    repo.write(&format!("apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: other}}   # odd layout\n{text}"));
    repo.commit();
    let ran = repo.update(&[], &plain(&[("a", "1"), ("c", "4"), ("d", "5")]));
    assert!(ran.stderr.contains("shop/db: 1 kept; sealed anew: c; added: d; removed: b"), "{}", ran.stderr);
    ran.ok();
    let diff = repo.diff();
    let begins: Vec<&str> = diff.iter().map(|line| line.split(" Ag").next().unwrap()).collect();
    for line in ["-    b:", "-    c:", "+    c:", "+    d:"] {
        assert!(begins.contains(&line), "{line} is not in {begins:?}");
    }
    assert!(!begins.iter().any(|line| line.contains("a:")), "{begins:?}");
    assert!(repo.read().contains("# odd layout") && repo.read().contains("# a comment"));
    repo.commit();
    repo.update(&[], &plain(&[("a", "1"), ("c", "4"), ("d", "5")])).ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
}

#[test]
fn what_was_sealed_elsewhere_is_not_known_and_sealed_anew() {
    let repo = Repo::new();
    repo.update(&[], &secret("db")).ok();
    repo.commit();
    // Another machine: the same repository, another state folder.
    fs::remove_dir_all(repo.bench.path(".local")).unwrap();
    repo.update(&[], &secret("db")).ok();
    assert_eq!(repo.diff().len(), 2);
    repo.commit();
    // From now on it is known here.
    repo.update(&[], &secret("db")).ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
    // The same home, another repository.
    fs::remove_dir_all(repo.bench.path("repo/.git/bulla")).unwrap();
    repo.update(&[], &secret("db")).ok();
    assert_eq!(repo.diff().len(), 2);
}

#[test]
fn a_new_certificate_seals_everything_anew() {
    let repo = Repo::new();
    let input = plain(&[("a", "1"), ("b", "2")]);
    repo.update(&[], &input).ok();
    repo.commit();
    repo.update_with("key2.crt", &[], &input).ok();
    assert_eq!(repo.diff().len(), 4, "{:?}", repo.diff());
    repo.commit();
    repo.update_with("key2.crt", &[], &input).ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
}

#[test]
fn another_scope_seals_everything_anew_and_none_is_kept_as_it_is() {
    let repo = Repo::new();
    let input = plain(&[("a", "1")]);
    repo.update(&["--scope", "namespace-wide"], &input).ok();
    repo.commit();
    repo.update(&[], &input).ok();
    assert_eq!(repo.diff(), [] as [&str; 0], "the scope of the file stays");
    let ran = repo.update(&["--scope", "strict"], &input);
    assert!(ran.stderr.contains("the scope was namespace-wide and is strict now"), "{}", ran.stderr);
    ran.ok();
    assert!(!repo.read().contains("namespace-wide"), "{}", repo.read());
    assert!(repo.plain().contains(&base64("1")));
    repo.update(&["--scope", "cluster-wide"], &input).ok();
    assert!(repo.read().contains("sealedsecrets.bitnami.com/cluster-wide: \"true\""), "{}", repo.read());
    assert!(repo.plain().contains(&base64("1")));
}

#[test]
fn labels_and_type_of_the_input_are_applied_and_those_of_the_file_stay() {
    let repo = Repo::new();
    repo.update(&[], &plain(&[("a", "1")])).ok();
    let text = repo.read().replace("    metadata:\n", "    metadata:\n      labels:\n        by-hand: \"yes\"\n");
    assert!(text.contains("by-hand"));
    repo.write(&text);
    repo.commit();
    let input = plain(&[("a", "1")]).replace("  namespace: shop\n", "  namespace: shop\n  labels: {team: shop}\n")
        + "type: example.com/db\nimmutable: true\n";
    let ran = repo.update(&[], &input);
    for words in [
        "labels of the template that the input does not have stay: by-hand",
        "the type was Opaque and is example.com/db now",
        "immutable is true now",
        "1 kept",
    ] {
        assert!(ran.stderr.contains(words), "{words}: {}", ran.stderr);
    }
    ran.ok();
    let diff = repo.diff();
    assert!(diff.iter().all(|line| line.starts_with('+')) && diff.len() == 3, "{diff:?}");
    assert!(diff.iter().any(|line| line.trim_start_matches('+').trim() == "team: shop"), "{diff:?}");
    repo.update(&[], &plain(&[("a", "1")])).ok();
    assert!(!repo.read().contains("example.com/db") && !repo.read().contains("immutable"), "{}", repo.read());
}

#[test]
fn several_documents_are_matched_by_name_and_new_ones_are_appended() {
    let repo = Repo::new();
    repo.update(&[], &format!("{}---\n{}", secret("one"), secret("two"))).ok();
    repo.commit();
    let ran = repo.update(&[], &format!("{}---\n{}---\n{}", secret("three"), secret("two"), secret("one")));
    assert!(ran.stderr.contains("sealed.yaml: shop/three is new in it"), "{}", ran.stderr);
    ran.ok();
    let diff = repo.diff();
    assert!(diff.iter().all(|line| line.starts_with('+')), "{diff:?}");
    assert_eq!(repo.plain().matches("name: ").count(), 3);
    repo.commit();
    repo.update(&[], &format!("{}---\n{}---\n{}", secret("three"), secret("two"), secret("one"))).ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
}

#[test]
fn json_and_worktrees_have_the_same_memory() {
    let repo = Repo::new();
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let update = |folder: &str, file: &str| {
        let mut command = repo.bench.command(BULLA);
        command.current_dir(repo.bench.path(folder)).args(["seal", "--cert", &certificate, "--update", file]);
        run(command, secret("db").as_bytes()).ok();
    };
    update("repo", "sealed.json");
    assert!(repo.bench.read("repo/sealed.json").starts_with('{'));
    repo.commit();
    repo.git(&["worktree", "add", "--quiet", "../second"]);
    let before = repo.bench.read("second/sealed.json");
    update("second", "sealed.json");
    assert_eq!(repo.bench.read("second/sealed.json"), before);
    assert!(!repo.bench.path("repo/.git/worktrees/second/bulla").exists());
    assert!(repo.bench.path("repo/.git/bulla/sealed").exists());
    assert_eq!(repo.git(&["status", "--porcelain"]), "", "nothing of it lies in the work tree");
}

#[test]
fn a_memory_that_is_damaged_or_hostile_costs_knowledge_only() {
    let repo = Repo::new();
    repo.update(&[], &secret("db")).ok();
    repo.commit();
    let path = repo.bench.path("repo/.git/bulla/sealed");
    let good = fs::read(&path).unwrap();
    fs::write(&path, [&b"\0\xff rubbish\n"[..], &good, b"half a li"].concat()).unwrap();
    let ran = repo.update(&[], &secret("db"));
    assert!(ran.stderr.contains("damaged lines are left out"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(repo.diff(), [] as [&str; 0], "the good line is known");
    assert!(!repo.update(&[], &secret("db")).stderr.contains("damaged"), "it was mended");

    fs::write(&path, vec![b'\n'; 20 << 20]).unwrap();
    repo.update(&[], &secret("db")).ok();
    assert_eq!(repo.diff().len(), 2);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let ran = repo.update(&[], &secret("db"));
    assert!(ran.stderr.contains("are not remembered"), "{}", ran.stderr);
    ran.ok();
}

#[test]
fn outside_of_a_repository_there_is_no_memory_and_one_note() {
    let bench = Bench::new();
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let words = ["seal", "--cert", &certificate, "--update", "sealed.yaml"];
    bench.bulla_with(&words, secret("db").as_bytes()).ok();
    let before = bench.read("sealed.yaml");
    let ran = bench.bulla_with(&words, secret("db").as_bytes());
    assert_eq!(ran.stderr.matches("not in a Git repository").count(), 1, "{}", ran.stderr);
    ran.ok();
    assert_ne!(bench.read("sealed.yaml"), before);
    assert!(!bench.path(".local").exists(), "no key is made for nothing");
}

#[test]
fn bad_input_is_explained_and_leaves_the_file_as_it_was() {
    let sealed = {
        let repo = Repo::new();
        repo.update(&[], &secret("db")).ok();
        repo.read()
    };
    let aliased = {
        let value = sealed.lines().find(|line| line.contains("password: ")).unwrap().to_owned();
        let anchored = value.replace("password: ", "password: &x ");
        sealed.replace(&value, &format!("{anchored}\n    again: *x"))
    };
    let deprecated = "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {name: db, namespace: shop}\nspec: {data: AgA=}\n";
    let cases: [(&str, String, String, &[&str]); 7] = [
        ("no YAML", "a: [".to_owned(), secret("db"), &["sealed.yaml", "(E0201)"]),
        (
            "twice",
            format!("{sealed}{sealed}"),
            secret("db"),
            &["shop/db is in it twice (document 1 and document 2)", "(E0241)"],
        ),
        ("an alias", aliased, plain(&[("password", "new"), ("again", "new")]), &["alias", "(E0224)"]),
        ("deprecated", deprecated.to_owned(), secret("db"), &["spec.data", "(E0406)"]),
        ("no Secret", sealed.clone(), "kind: ConfigMap\n".to_owned(), &["(E0203)"]),
        ("a merge", format!("<<<<<<< HEAD\n{sealed}"), secret("db"), &["unfinished"]),
        ("no name", sealed.clone(), "kind: Secret\nstringData: {a: b}\n".to_owned(), &["(E0205)"]),
    ];
    for (what, file, input, words) in cases {
        let repo = Repo::new();
        repo.write(&file);
        repo.update(&[], &input).fails(1, words);
        assert_eq!(repo.read(), file, "{what}: the file is as it was");
        repo.is_clean();
    }
    let repo = Repo::new();
    let twice = format!("{}---\n{}", secret("db"), secret("db"));
    repo.update(&[], &twice).fails(1, &["the input has the Secret shop/db twice", "(E0241)"]);
    assert!(!repo.bench.path("repo/sealed.yaml").exists());
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    repo.bulla(&["seal", "--cert", &certificate, "--from-cluster"], &secret("db")).fails(3, &["--update", "(E0001)"]);
    repo.update(&["-w", "other"], &secret("db")).fails(3, &["--update", "(E0001)"]);
    let repo = Repo::new();
    fs::create_dir(repo.bench.path("repo/sealed.yaml")).unwrap();
    repo.update(&[], &secret("db")).fails(1, &["sealed.yaml", "(E0101)"]);
}

#[cfg(unix)]
#[test]
fn on_a_full_disk_or_in_a_locked_folder_the_file_stays() {
    use std::os::unix::fs::PermissionsExt as _;
    let repo = Repo::new();
    repo.update(&[], &secret("db")).ok();
    let before = repo.read();
    repo.bench.write("input.yaml", plain(&[("password", "x"), ("more", "y"), ("and-more", "z")]));
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let seal = format!("exec {BULLA} seal --cert {certificate} --update sealed.yaml ../input.yaml");
    let mut command = repo.bench.command("sh");
    command.current_dir(repo.bench.path("repo"));
    // No file may grow beyond one block: what a full disk does, in the middle of the write.
    command.args(["-c", &format!("trap '' XFSZ; ulimit -f 1; {seal}")]);
    run(command, b"").fails(1, &["sealed.yaml: file too large", "(E0103)"]);
    assert_eq!(repo.read(), before);

    let lock = |mode| fs::set_permissions(repo.bench.path("repo"), fs::Permissions::from_mode(mode)).unwrap();
    lock(0o500);
    let ran = repo.update(&[], &plain(&[("password", "x")]));
    lock(0o700);
    // Root may write everywhere; everybody else finds the old file as it was.
    if ran.code != 0 {
        ran.fails(1, &["(E0103)", "permission denied"]);
        assert_eq!(repo.read(), before);
    }
    let left = fs::read_dir(repo.bench.path("repo")).unwrap().count();
    assert_eq!(left, 2, "the file and git's folder, nothing else");
}

/// The commands of docs/updating.md print what stands there, but for the notes about the certificate.
#[cfg(target_os = "linux")]
#[test]
fn the_guide_says_what_happens() {
    let guide = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/updating.md")).unwrap();
    let repo = Repo::new();
    repo.bench.write("repo/cert.pem", fs::read(vectors("sealed/keys/key1.crt")).unwrap());
    repo.bench.write("repo/.bulla.yaml", "clusters:\n  prod: {certificate: cert.pem}\n");
    repo.bench.write("repo/.gitignore", "db.yaml\n");
    repo.bench.write("repo/db.yaml", plain(&[]) + "  user: app\n  password: correct-horse\n");
    fs::create_dir(repo.bench.path("bin")).unwrap();
    std::os::unix::fs::symlink(BULLA, repo.bench.path("bin/bulla")).unwrap();
    let path = format!("{}:{}", repo.bench.path("bin").display(), std::env::var("PATH").unwrap());

    let (mut commands, mut edited) = (0, false);
    for block in guide.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap()) {
        // A cluster is asked in the tests of `live`.
        for step in block.split("$ ").skip(1).filter(|step| !step.contains("--from-cluster")) {
            let (line, expected) = step.split_once('\n').unwrap();
            let mut command = repo.bench.command("sh");
            command.current_dir(repo.bench.path("repo")).args(["-c", &format!("{line} 2>&1")]);
            command.env("PATH", &path).env("EDITOR", "sed -i 's/user: <.*/user: x/'");
            for (name, value) in [("NAME", "a"), ("EMAIL", "a@example.com")] {
                command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
            }
            let said = run(command, b"").ok();
            let said: Vec<&str> = said.lines().filter(|line| !line.contains("sealing with certificate")).collect();
            assert_eq!(said, expected.lines().collect::<Vec<_>>(), "{line}");
            commands += 1;
            edited |= line.starts_with("bulla edit");
        }
    }
    assert!(commands >= 6 && edited, "the guide has its commands");
    let template = guide.split("```yaml\n").nth(1).unwrap().split("```").next().unwrap();
    repo.git(&["checkout", "--quiet", "."]);
    let mut command = repo.command(&["edit", "db.sealed.yaml"]);
    command.env("EDITOR", "cp \"$1\" ../seen; true");
    run(command, b"").ok();
    let seen = repo.bench.read("seen");
    let word = seen.split("bytes, ").nth(1).unwrap().split('.').next().unwrap();
    let seen = seen.replace(word, "5f3a9c0d").replace("user: <sealed, 3 bytes", "user: <sealed, 4 bytes");
    assert!(seen.ends_with(template), "{seen}\n{template}");
}

#[test]
fn what_set_wrote_is_known_to_update() {
    let repo = Repo::new();
    repo.update(&[], &plain(&[("a", "1"), ("b", "2")])).ok();
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    repo.bulla(&["set", "sealed.yaml", "a", "--stdin", "--cert", &certificate], "3").ok();
    repo.commit();
    repo.update(&[], &plain(&[("a", "3"), ("b", "2")])).ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
}

#[cfg(unix)]
#[test]
fn a_key_that_others_may_read_is_refused() {
    use std::os::unix::fs::PermissionsExt as _;
    let repo = Repo::new();
    repo.update(&[], &secret("db")).ok();
    let before = repo.read();
    let key = repo.bench.path(".local/state/bulla/memory.key");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).unwrap();
    repo.update(&[], &secret("db")).fails(1, &["memory.key", "mode 644", "(E0240)", "chmod 600"]);
    assert_eq!(repo.read(), before);
    fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
    repo.update(&[], &secret("db")).ok();
    assert_eq!(repo.read(), before);
}

#[test]
fn an_unreachable_cluster_is_an_error_only_if_it_was_asked_for() {
    let repo = Repo::new();
    repo.update(&[], &secret("db")).ok();
    repo.commit();
    fs::remove_dir_all(repo.bench.path("repo/.git/bulla")).unwrap();
    let kubeconfig = "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {server: \"http://127.0.0.1:1\"}\n\
                      users:\n- name: u\n  user: {token: t}\ncontexts:\n- name: a\n  context: {cluster: c, user: u}\n";
    repo.bench.write("kubeconfig", kubeconfig);
    let words = ["--from-cluster", "--kubeconfig", "../kubeconfig"];
    repo.update(&words, &secret("db")).fails(1, &["read the SealedSecret shop/db", "(E0503)"]);
    assert_eq!(repo.diff(), [] as [&str; 0]);
    repo.update(&[], &secret("db")).ok();
    assert_eq!(repo.diff().len(), 2);
}

#[cfg(unix)]
#[test]
fn after_a_kill_the_file_is_the_old_or_the_new_one() {
    let repo = Repo::new();
    repo.update(&[], &plain(&[("a", "first"), ("b", CANARY)])).ok();
    let (mut old, mut killed) = (repo.read(), 0);
    for round in 0..30 {
        let input = plain(&[("a", &format!("round {round}")), ("b", CANARY)]);
        repo.bench.write("input.yaml", input.replace(CANARY, "without-a-canary"));
        let certificate = vectors("sealed/keys/key1.crt").display().to_string();
        let mut command = repo.command(&["seal", "--cert", &certificate, "--update", "sealed.yaml", "../input.yaml"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(std::time::Duration::from_micros(round * 700));
        let _ = child.kill();
        if child.wait().unwrap().code().is_none() {
            killed += 1;
        }
        let now = repo.read();
        if now != old {
            assert!(repo.plain().contains(&base64(&format!("round {round}"))), "whole and new");
        }
        old = now;
    }
    assert!(killed > 0, "no run was killed in time");
    // The next run works, whatever was left behind.
    repo.update(&[], &plain(&[("a", "last"), ("b", CANARY)])).ok();
    repo.commit();
    repo.update(&[], &plain(&[("a", "last"), ("b", CANARY)])).ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
    repo.is_clean();
}
