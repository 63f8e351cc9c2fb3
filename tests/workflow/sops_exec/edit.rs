//! `sops edit`: editors are small shell scripts.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::exec::without_canary;
use super::{ALICE, Side, ours, sides, steady};
use crate::support::{CANARY, Ran, assert_no_canary};

/// Runs `sops edit` with the lines of a script as the editor; `$1` is the text.
fn edit(side: &Side, script: &str, args: &[&str], input: &str) -> Ran {
    side.bench.write("editor.sh", script);
    let editor = format!("sh '{}'", side.bench.path("editor.sh").display());
    let words = [&["edit"], args].concat();
    side.sops_with(&words, &[("EDITOR", &editor)], input.as_bytes())
}

#[test]
fn what_the_editor_saves_is_encrypted() {
    for side in sides() {
        side.encrypted("a.yaml", &format!("# note\nkey: {CANARY}\nother: x\n"));
        let before = side.bench.read("a.yaml");
        fs::set_permissions(side.bench.path("a.yaml"), std::os::unix::fs::PermissionsExt::from_mode(0o640)).unwrap();
        let script = "cat \"$1\"; stat -c '%a %n' \"$1\" | sed 's|/.*/|/|'; stat -c %a \"$(dirname \"$1\")\"; sed -i s/x/y/ \"$1\"";
        let ran = edit(&side, script, &["a.yaml"], "");
        let shown = format!("# note\nkey: {CANARY}\nother: x\n600 /a.yaml\n700\n");
        assert_eq!((ran.code, ran.stdout.as_str()), (0, &*shown), "{}: {}", side.name(), ran.stderr);
        assert_eq!(ran.stderr, "", "{}", side.name());
        assert_eq!(side.decrypted("a.yaml"), format!("# note\nkey: {CANARY}\nother: \"y\"\n"), "{}", side.name());
        assert_eq!(fs::metadata(side.bench.path("a.yaml")).unwrap().mode() & 0o777, 0o640);
        // What did not change keeps its ciphertext.
        let line = |text: &str| text.lines().find(|line| line.starts_with("key:")).unwrap().to_owned();
        assert_eq!(line(&side.bench.read("a.yaml")), line(&before), "{}", side.name());
        assert_eq!(side.left(), [""; 0], "{}", side.name());
    }
}

#[test]
fn nothing_is_written_unless_something_changed() {
    // Script, arguments, exit code, standard error.
    let cases = [
        ("true", "a.yaml", 200, "File has not changed, exiting.\n"),
        ("cp \"$1\" \"$1.new\"; mv \"$1.new\" \"$1\"", "a.yaml", 200, "File has not changed, exiting.\n"),
        ("exit 3", "a.yaml", 201, "Could not run editor: exit status 3\n"),
        ("kill -9 $$", "a.yaml", 201, "Could not run editor: signal: killed\n"),
        ("true", "plain.yaml", 1, "sops metadata not found\n"),
        ("true", "broken.yaml", 1, ""),
    ];
    for side in sides() {
        side.encrypted("a.yaml", "key: v\n");
        side.bench.write("plain.yaml", "key: v\n");
        side.bench.write("broken.yaml", "key: [\n");
        for (script, file, code, stderr) in &cases {
            let before = side.bench.read(file);
            let ran = edit(&side, script, &[file], "");
            assert_eq!(ran.code, *code, "{}: {script}: {}", side.name(), ran.stderr);
            assert!(ran.stderr.ends_with(stderr), "{}: {script}: {}", side.name(), ran.stderr);
            assert_eq!(side.bench.read(file), before);
        }
        for (variables, text) in [
            (
                &[("EDITOR", "no-such-editor")][..],
                "Could not run editor: exec: \"no-such-editor\": executable file not found in $PATH\n",
            ),
            (&[("EDITOR", "/no/such")], "Could not run editor: fork/exec /no/such: no such file or directory\n"),
            (&[("EDITOR", "x 'y")], "Could not run editor: invalid $EDITOR: x 'y\n"),
            (&[("EDITOR", "true"), ("SOPS_EDITOR", "false")], "Could not run editor: exit status 1\n"),
        ] {
            let ran = side.sops_with(&["edit", "a.yaml"], variables, b"");
            assert_eq!((ran.code, &*ran.stderr), (201, text), "{}", side.name());
        }
        assert_eq!(side.left(), [""; 0], "{}", side.name());
    }
}

#[test]
fn a_text_that_cannot_be_encrypted_goes_back_to_the_editor() {
    let bad = "Press enter to return to the editor, or Ctrl+C to exit.";
    for (first, message) in [
        ("a: [\\n", "Could not load tree, probably due to invalid syntax."),
        ("sops: 1\\n", "Tree not valid for encryption."),
    ] {
        for side in sides() {
            side.encrypted("a.yaml", "key: v\n");
            let script = format!(
                "if [ -e again ]; then echo 'key: w' > \"$1\"; else touch again; printf '{first}' > \"$1\"; fi"
            );
            let ran = edit(&side, &script, &["a.yaml"], "\n");
            let stderr = steady(&side, &ran.stderr);
            let expected = format!("[CMD]\t time=T level=error msg=\"{message} {bad}\" error=");
            assert!(stderr.starts_with(&expected), "{}: {stderr}", side.name());
            assert_eq!(ran.code, 0, "{}: {stderr}", side.name());
            assert_eq!(side.decrypted("a.yaml"), "key: w\n", "{}", side.name());
        }
    }
    // Nobody presses a key: the real tool would ask for ever.
    let side = ours();
    side.encrypted("a.yaml", "key: v\n");
    let before = side.bench.read("a.yaml");
    let ran = edit(&side, &format!("echo '{CANARY}: [' > \"$1\""), &["a.yaml"], "");
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    assert_no_canary(&ran.stderr);
    assert_eq!(side.bench.read("a.yaml"), before);
}

#[test]
fn a_new_file_begins_with_an_example() {
    let formats = ["a.yaml", "a.json", "a.env", "a.ini", "a.bin"];
    let mut seen: Vec<Vec<String>> = Vec::new();
    for side in sides() {
        let mut texts = Vec::new();
        for file in formats {
            let ran = edit(&side, "cat \"$1\"", &["--age", ALICE, file], "");
            assert_eq!(ran.code, 200, "{}: {file}: {}", side.name(), ran.stderr);
            assert!(!side.bench.path(file).exists(), "{}: {file}", side.name());
            texts.push(ran.stdout);
            let ran = edit(&side, "sed -i 's/Welcome/Hello/' \"$1\"", &["--age", ALICE, file], "");
            assert_eq!(ran.code, 0, "{}: {file}: {}", side.name(), ran.stderr);
            assert!(side.decrypted(file).contains("Hello to SOPS!"), "{}: {file}", side.name());
        }
        seen.push(texts);
        side.bench.write(".sops.yaml", format!("creation_rules: [{{age: {ALICE}, encrypted_regex: ^example}}]\n"));
        edit(&side, "sed -i 's/Welcome/Hello/' \"$1\"", &["b.yaml"], "").ok();
        assert!(side.bench.read("b.yaml").starts_with("hello: Hello to SOPS!"), "{}", side.name());
        side.bench.write(".sops.yaml", "creation_rules: [{path_regex: none}]\n");
        let ran = edit(&side, "true", &["c.yaml"], "");
        assert_eq!(
            (ran.code, &*ran.stderr),
            (1, "error loading config: no matching creation rules found\n"),
            "{}",
            side.name()
        );
        std::fs::remove_file(side.bench.path(".sops.yaml")).unwrap();
        let ran = edit(&side, "true", &["c.yaml"], "");
        let text =
            "config file not found, or has no creation rules, and no keys provided through command line options\n";
        assert_eq!((ran.code, &*ran.stderr), (1, text), "{}", side.name());
        let ran = edit(&side, "true", &["--kms", "arn:bad", "c.yaml"], "");
        assert_eq!(ran.code, 128, "{}: {}", side.name(), ran.stderr);
    }
    if let [ours, real] = seen.as_slice() {
        assert_eq!(ours, real);
    }
}

/// The real tool shows them and then forgets what was changed.
#[test]
fn master_keys_can_be_edited() {
    let side = ours();
    side.encrypted("a.yaml", "key: v\nother: w\n");
    let script = "cp \"$1\" seen; sed -i 's/key: v/key: z/; s/_unencrypted/_clear/' \"$1\"";
    edit(&side, script, &["-s", "a.yaml"], "").ok();
    let seen = side.bench.read("seen");
    assert!(seen.starts_with("key: v\nother: w\nsops:\n") && seen.contains(ALICE), "{seen}");
    assert_eq!(side.decrypted("a.yaml"), "key: z\nother: w\n");
    assert!(side.bench.read("a.yaml").contains("unencrypted_suffix: _clear"));
}

/// An editor that stays open, having changed the text.
const STAYS: &str = "sed -i 's/tweet/tweet2/' \"$1\"; echo \"$1\" > where.new; mv where.new where; exec sleep 60";

#[test]
fn a_signal_ends_the_editor_and_leaves_nothing() {
    let side = ours();
    side.encrypted("a.yaml", &format!("key: {CANARY}\n"));
    side.bench.write("editor.sh", STAYS);
    let before = side.bench.read("a.yaml");
    let mut command = side.command(&["edit", "a.yaml"]);
    command.env("EDITOR", format!("sh '{}'", side.bench.path("editor.sh").display()));
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let deadline = std::time::Instant::now() + Duration::from_secs(20);
    while !side.bench.path("where").exists() {
        assert!(std::time::Instant::now() < deadline, "the editor does not start");
        std::thread::sleep(Duration::from_millis(2));
    }
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let path = side.bench.read("where");
    assert!(!std::path::Path::new(path.trim()).exists(), "{path} is still there");
    assert_eq!(side.bench.read("a.yaml"), before);
}

#[test]
fn a_kill_leaves_the_old_file_or_the_new_one_and_no_plaintext() {
    let side = ours();
    side.encrypted("a.yaml", &format!("key: {CANARY}\n"));
    side.bench.write("editor.sh", "sed -i 's/$/x/' \"$1\"");
    let memory = side.bench.path("tmp");
    for round in 0..12 {
        let before = side.decrypted("a.yaml");
        let mut command = side.command(&["edit", "a.yaml"]);
        command.env("EDITOR", format!("sh '{}'", side.bench.path("editor.sh").display()));
        let command = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 5));
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        let after = side.decrypted("a.yaml");
        let new = format!("{}x\n", before.trim_end());
        assert!(after == before || after == new, "{after}");
        without_canary(side.bench.folder.path());
    }
    assert_eq!(fs::read_dir(memory).unwrap().count(), 0, "the text is never in the temporary folder");
    // The next run removes what killed ones left in memory.
    edit(&side, "true", &["a.yaml"], "");
    let ours = |entry: &fs::DirEntry| {
        let mine = entry.metadata().is_ok_and(|found| found.uid() == rustix::process::geteuid().as_raw());
        mine && entry.file_name().to_string_lossy().starts_with("bulla-edit-") && entry.path().join("a.yaml").exists()
    };
    let left = fs::read_dir("/dev/shm").into_iter().flatten().flatten().filter(|entry| ours(entry));
    let left = left.filter(|entry| fs::File::open(entry.path()).is_ok_and(|lock| lock.try_lock().is_ok()));
    assert_eq!(left.count(), 0, "plaintext is left in memory");
}
