//! `bulla edit`: editors are small shell scripts.
#![cfg(target_os = "linux")]

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::support::{CANARY, Ran, assert_no_canary, run, vectors};
use crate::update::Repo;

/// What the file holds in most tests.
const PLAIN: &str = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: shop\nstringData:\n  user: app\n  \
                     password: \"canary-Hunter2-tweet\"\n  pin: \"010\"\ndata:\n  blob: AP8A\n";

fn repo() -> Repo {
    let repo = Repo::new();
    repo.update(&[], PLAIN).ok();
    repo.write(&format!("# for the shop\n{}", repo.read()));
    repo.commit();
    repo
}

/// `bulla edit` with the lines of a shell script as the editor; `$1` is the text.
fn command(repo: &Repo, script: &str, args: &[&str]) -> Command {
    repo.bench.write("editor.sh", script);
    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let mut command = repo.command(&["edit", "--cert", &certificate]);
    command.args(args).arg("sealed.yaml").env("EDITOR", "sh ../editor.sh").env("TMPDIR", repo.bench.folder.path());
    command
}

fn edit(repo: &Repo, script: &str, args: &[&str]) -> Ran {
    run(command(repo, script, args), b"")
}

/// With the key that opens everything.
fn with_key() -> Vec<String> {
    vec!["--key".to_owned(), vectors("sealed/keys/key1.key").display().to_string()]
}

fn edit_open(repo: &Repo, script: &str) -> Ran {
    let words = with_key();
    edit(repo, script, &words.iter().map(String::as_str).collect::<Vec<_>>())
}

fn base64(text: &str) -> String {
    bulla_core::go_base64::encode(text.as_bytes())
}

/// The first words of changed lines: `-user:`.
fn changed_keys(repo: &Repo) -> Vec<String> {
    let mut keys: Vec<String> = repo
        .diff()
        .iter()
        .map(|line| format!("{}{}", &line[..1], line[1..].trim().split(' ').next().unwrap_or_default()))
        .collect();
    keys.sort();
    keys
}

/// Waits until the file is there, and gives its content.
fn until_there(path: &Path) -> String {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        match fs::read_to_string(path) {
            Ok(text) if text.ends_with('\n') => return text.trim().to_owned(),
            _ => assert!(Instant::now() < deadline, "{} is not there in time", path.display()),
        }
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// An editor that says where the text is, and then stays open.
const STAYS: &str = "echo \"$1\" > ../where.new; mv ../where.new ../where; exec sleep 60";

/// Starts it, in a process group of its own, and waits until the editor is open; gives the text's path as well.
fn open_editor(repo: &Repo) -> (Child, PathBuf) {
    let _ = fs::remove_file(repo.bench.path("where"));
    let words = with_key();
    let mut command = command(repo, STAYS, &words.iter().map(String::as_str).collect::<Vec<_>>());
    command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let child = command.spawn().unwrap();
    let path = PathBuf::from(until_there(&repo.bench.path("where")));
    (child, path)
}

#[test]
fn without_keys_values_are_placeholders_and_one_change_is_one_line() {
    let repo = repo();
    let ran = edit(&repo, "cp \"$1\" ../seen; sed -i 's/user: .*/user: somebody/' \"$1\"", &[]);
    assert!(ran.stderr.contains("sealed.yaml: shop/db: sealed anew: user"), "{}", ran.stderr);
    assert_no_canary(&ran.stderr);
    assert_eq!(ran.ok(), "");
    let seen = repo.bench.read("seen");
    for line in ["  blob: <sealed, 3 bytes, ", "  password: <sealed, 20 bytes, ", "  pin: <sealed, 3 bytes, "] {
        assert!(seen.contains(line), "{line}: {seen}");
    }
    assert_eq!(changed_keys(&repo), ["+user:", "-user:"]);
    let plain = repo.plain();
    assert!(plain.contains(&base64("somebody")) && plain.contains(&base64(CANARY)) && plain.contains("AP8A"));
    assert!(repo.read().starts_with("# for the shop\n"));
    repo.is_clean();
}

#[test]
fn nothing_changed_is_nothing_written() {
    let repo = repo();
    for script in ["true", "touch \"$1\"", ": > \"$1\"", "cp \"$1\" \"$1.new\"; mv \"$1.new\" \"$1\""] {
        let before = fs::metadata(repo.bench.path("repo/sealed.yaml")).unwrap().modified().unwrap();
        let ran = edit_open(&repo, script);
        assert!(ran.stderr.contains("nothing has changed, so nothing was written"), "{script}: {}", ran.stderr);
        ran.ok();
        let after = fs::metadata(repo.bench.path("repo/sealed.yaml")).unwrap().modified().unwrap();
        assert_eq!(before, after, "{script}");
    }
    // The same value, typed again by somebody who cannot read it: this machine knows it.
    edit(&repo, "sed -i 's/user: .*/user: app/' \"$1\"", &[]).ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
    // Quotes and order are no change of a value.
    edit_open(&repo, "sed -i 's/user: app/user: \"app\"/; s/^#.*//' \"$1\"").ok();
    assert_eq!(repo.diff(), [] as [&str; 0]);
}

#[test]
fn with_a_recovery_key_values_are_shown_changed_added_and_removed() {
    let repo = repo();
    let script = "cp \"$1\" ../seen
        sed -i -e 's/canary-Hunter2-tweet/canary-Hunter2-tweet2/' -e '/ user: /d' -e 's/^stringData:/&\\n  lines: |\\n    a\\n    b/' \\
            -e 's/blob: AP8A/blob: AP8B/' \"$1\"";
    let ran = edit_open(&repo, script);
    assert!(ran.stderr.contains("removed: user"), "{}", ran.stderr);
    assert_no_canary(&ran.stderr);
    ran.ok();
    let seen = repo.bench.read("seen");
    fs::remove_file(repo.bench.path("seen")).unwrap();
    assert!(seen.contains("  password: canary-Hunter2-tweet\n  pin: \"010\"\n  user: app\n"), "{seen}");
    assert!(seen.contains("data:\n  blob: AP8A\n"), "{seen}");
    assert_eq!(changed_keys(&repo), ["+blob:", "+lines:", "+password:", "-blob:", "-password:", "-user:"]);
    let plain = repo.plain();
    for value in ["canary-Hunter2-tweet2", "a\nb\n", "010"] {
        assert!(plain.contains(&base64(value)), "{value:?}: {plain}");
    }
    assert!(!plain.contains("user:") && plain.contains("blob: AP8B"));
    fs::remove_file(repo.bench.path("editor.sh")).unwrap();
    repo.is_clean();
}

#[test]
fn a_placeholder_under_another_key_takes_its_ciphertext_along() {
    let repo = repo();
    edit(&repo, "sed -i 's/ user: / login: /' \"$1\"", &[]).ok();
    let diff = repo.diff();
    assert_eq!(changed_keys(&repo), ["+login:", "-user:"]);
    let ciphertext = |sign: char| diff.iter().find(|line| line.starts_with(sign)).unwrap().rsplit(' ').next().unwrap();
    assert_eq!(ciphertext('+'), ciphertext('-'));
    assert!(repo.plain().contains(&format!("login: {}", base64("app"))));
}

#[test]
fn every_document_of_a_file_is_there_and_json_stays_json() {
    let repo = Repo::new();
    repo.update(&[], &format!("{PLAIN}---\n{}", PLAIN.replace("name: db", "name: other"))).ok();
    repo.commit();
    edit(&repo, "sed -i '0,/pin: .*/s//pin: \"011\"/' \"$1\"", &[]).ok();
    assert_eq!(changed_keys(&repo), ["+pin:", "-pin:"]);
    assert!(repo.plain().contains(&base64("011")) && repo.plain().contains(&base64("010")));

    let certificate = vectors("sealed/keys/key1.crt").display().to_string();
    let json = repo.bulla(&["seal", "--cert", &certificate, "-o", "json"], PLAIN).ok();
    repo.write(&json);
    repo.commit();
    edit(&repo, "sed -i 's/pin: .*/pin: \"011\"/' \"$1\"", &[]).ok();
    assert_eq!(changed_keys(&repo), ["+\"pin\":", "-\"pin\":"]);
}

#[test]
fn the_text_is_in_memory_for_its_owner_only_and_goes_with_all_that_the_editor_left() {
    let repo = repo();
    let script = "folder=$(dirname \"$1\"); echo \"$folder $TMPDIR $(stat -f -c %T \"$1\") $(stat -c %a \"$folder\") $(stat -c %a \"$1\")\" > ../where
        cp \"$1\" \"$folder/.secret.yaml.swp\"; cp \"$1\" \"$1~\"; mkdir \"$folder/undo\"; cp \"$1\" \"$folder/undo/1\"
        sed -i 's/user: .*/user: x/' \"$1\"";
    edit_open(&repo, script).ok();
    let said = repo.bench.read("where");
    let words: Vec<&str> = said.split_whitespace().collect();
    assert_eq!(words[0], words[1], "temporary files of the editor lie there, too");
    assert_eq!(words[2..], ["tmpfs", "700", "600"]);
    assert!(!Path::new(words[0]).exists());
    repo.is_clean();
}

#[test]
fn what_cannot_be_used_is_explained_and_leaves_the_file_as_it_was() {
    let cases: [(&str, &[&str]); 11] = [
        ("sed -i 's/user: .*/user: [/' \"$1\"", &["the edited text cannot be used: line ", "(E0245)"]),
        ("sed -i 's/user: .*/user: 5/' \"$1\"", &["user is a number: write it in quotes", "(E0245)"]),
        ("sed -i 's/user: .*/user:/' \"$1\"", &["user has no value", "(E0245)"]),
        ("sed -i 's/ bytes/ byte/' \"$1\"", &["a placeholder was changed", "(E0245)"]),
        ("sed -i 's/name: db/name: other/' \"$1\"", &["no SealedSecret of this name", "(E0245)"]),
        ("echo 'type: x' >> \"$1\"", &["type cannot be changed here", "(E0245)"]),
        ("printf 'a: b' > \"$1\"", &["a cannot be changed here", "(E0245)"]),
        ("printf '\\377\\376' > \"$1\"", &["UTF", "(E0245)"]),
        ("exit 3", &["the editor ended with exit status: 3; nothing was changed", "(E0243)"]),
        ("rm \"$1\"", &["the editor left no file to read", "(E0243)"]),
        ("sed -i 's/user: .*/user: x/' \"$1\"; echo '# new' >> sealed.yaml", &["changed while", "(E0230)"]),
    ];
    for (script, words) in cases {
        let repo = repo();
        edit(&repo, script, &[]).fails(1, words);
        let diff = repo.diff();
        assert!(diff.is_empty() || diff == ["+# new"], "{script}: {diff:?}");
        repo.is_clean();
    }
}

#[test]
fn without_room_the_file_stays() {
    let repo = repo();
    let edit = command(&repo, "sed -i 's/user: .*/user: somebody/' \"$1\"", &[]);
    let words: Vec<&str> =
        std::iter::once(edit.get_program()).chain(edit.get_args()).map(|word| word.to_str().unwrap()).collect();
    // Blocks of 512 bytes: there is room for nothing, or for the text and not for the sealed file.
    for (blocks, expected) in [(0, "(E0244)"), (3, "(E0103)")] {
        let mut shell = repo.bench.command("sh");
        shell.current_dir(repo.bench.path("repo")).env("EDITOR", "sh ../editor.sh");
        shell.args(["-c", &format!("trap '' XFSZ; ulimit -f {blocks}; exec {}", words.join(" "))]);
        run(shell, b"").fails(1, &["file too large", expected]);
        assert_eq!(repo.diff(), [] as [&str; 0]);
        assert_eq!(
            fs::read_dir(repo.bench.path("repo")).unwrap().count(),
            2,
            "the file and git's folder, nothing else"
        );
    }
}

#[test]
fn what_cannot_be_edited_is_refused_before_the_editor_opens() {
    let repo = repo();
    let opened = "touch ../opened";
    let with = |change: &dyn Fn(&mut Command)| {
        let mut command = command(&repo, opened, &[]);
        change(&mut command);
        run(command, b"")
    };
    with(&|command| _ = command.env_remove("EDITOR")).fails(1, &["no editor is set", "(E0243)", "bulla set"]);
    with(&|command| _ = command.env("VISUAL", "no-such-editor")).fails(1, &["exit status: 127", "(E0243)"]);
    with(&|command| _ = command.args(["--key", "nowhere"])).fails(1, &["nowhere", "(E0101)"]);
    let text = repo.read();
    for (content, words) in [
        ("kind: ConfigMap\n".to_owned(), &["there is no SealedSecret in it", "(E0202)"][..]),
        (format!("{text}{}", text.trim_start_matches("# for the shop\n")), &["is in it twice", "(E0241)"]),
        ("a: [".to_owned(), &["(E0201)"]),
    ] {
        repo.write(&content);
        edit(&repo, opened, &[]).fails(1, words);
        assert_eq!(repo.read(), content);
    }
    fs::remove_file(repo.bench.path("repo/sealed.yaml")).unwrap();
    edit(&repo, opened, &[]).fails(1, &["sealed.yaml", "(E0101)"]);
    repo.write(&text);
    let key = vectors("sealed/keys/key1.crt").display().to_string();
    edit(&repo, opened, &["--key", &key]).fails(1, &["(E0402)"]);
    let kubeconfig = ["--from-cluster", "--kubeconfig", "nowhere"];
    edit(&repo, opened, &kubeconfig).fails(1, &["nowhere"]);
    assert!(!repo.bench.path("opened").exists());
}

#[test]
fn on_a_terminal_the_editor_is_opened_again_until_the_text_is_right_or_left_as_it_is() {
    let repo = repo();
    let on_terminal = |script: &str| {
        let inner = command(&repo, script, &[]);
        let words: Vec<String> = std::iter::once(inner.get_program())
            .chain(inner.get_args())
            .map(|word| format!("'{}'", word.to_str().unwrap()))
            .collect();
        let mut outer = repo.bench.command("script");
        outer.current_dir(repo.bench.path("repo")).env("EDITOR", "sh ../editor.sh");
        outer.args(["--quiet", "--return", "--command", &words.join(" "), "/dev/null"]);
        run(outer, b"")
    };
    let twice = "if [ -e ../second ]; then head -1 \"$1\" > ../first-line; sed -i 's/user: 5/user: \"5\"/' \"$1\"
        else touch ../second; sed -i 's/user: .*/user: 5/' \"$1\"; fi";
    let ran = on_terminal(twice);
    assert!(ran.stdout.contains("write it in quotes"), "{}", ran.stdout);
    ran.ok();
    let first_line = repo.bench.read("first-line");
    assert!(
        first_line.starts_with("# MISTAKE: line 14, column 9: user is a number: write it in quotes"),
        "{first_line}"
    );
    assert_eq!(changed_keys(&repo), ["+user:", "-user:"]);
    repo.commit();

    let ran = on_terminal("echo x >> ../count; sed -i 's/user: <.*/user: 5/' \"$1\"");
    assert_eq!(ran.code, 1, "{}", ran.stdout);
    assert!(ran.stdout.contains("(E0245)"), "{}", ran.stdout);
    assert_eq!(repo.bench.read("count").lines().count(), 2, "left as it is, it is given up");
    assert_eq!(repo.diff(), [] as [&str; 0]);
}

#[test]
fn a_signal_ends_it_and_nothing_stays_behind() {
    for (signal, to_group) in [(Signal::TERM, false), (Signal::HUP, false), (Signal::INT, true)] {
        let repo = repo();
        let (mut child, path) = open_editor(&repo);
        assert!(fs::read_to_string(&path).unwrap().contains(CANARY), "the text is there");
        let pid = Pid::from_child(&child);
        if to_group { kill_process_group(pid, signal) } else { kill_process(pid, signal) }.unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130), "{signal:?}");
        assert!(!path.exists() && !path.parent().unwrap().exists(), "{signal:?}");
        assert_eq!(repo.diff(), [] as [&str; 0]);
        repo.is_clean();
    }
}

#[test]
fn what_a_killed_run_leaves_in_memory_the_next_one_removes() {
    let repo = repo();
    let (mut child, path) = open_editor(&repo);
    kill_process_group(Pid::from_child(&child), Signal::KILL).unwrap();
    child.wait().unwrap();
    assert!(path.exists(), "nobody could remove it");
    repo.is_clean();
    assert_eq!(repo.diff(), [] as [&str; 0]);

    // Another editor that is open meanwhile keeps its text.
    let (mut open, in_use) = open_editor(&repo);
    edit_open(&repo, "true").ok();
    assert!(!path.parent().unwrap().exists(), "the next run removes it");
    assert!(in_use.exists());
    kill_process_group(Pid::from_child(&open), Signal::INT).unwrap();
    open.wait().unwrap();
}

#[test]
fn after_a_kill_the_file_is_the_old_or_the_new_one() {
    let repo = repo();
    let (mut old, mut killed) = (repo.read(), 0);
    for round in 0..25u64 {
        let mut command = command(&repo, &format!("sed -i 's/user: .*/user: round-{round}/' \"$1\""), &[]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).process_group(0);
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_micros(round * 1500));
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        if child.wait().unwrap().code().is_none() {
            killed += 1;
        }
        let now = repo.read();
        if now != old {
            assert!(repo.plain().contains(&base64(&format!("round-{round}"))), "whole and new");
        }
        old = now;
    }
    assert!(killed > 0, "no run was killed in time");
    edit(&repo, "sed -i 's/user: .*/user: last/' \"$1\"", &[]).ok();
    assert!(repo.plain().contains(&base64("last")) && repo.plain().contains(&base64(CANARY)));
    repo.is_clean();
}
