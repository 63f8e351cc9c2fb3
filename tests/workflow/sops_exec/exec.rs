//! exec-env and exec-file.

use std::fs;
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use super::{ours, sides, steady};
use crate::support::{CANARY, assert_no_canary};

const VALUES: &str =
    "text: canary-Hunter2-tweet\nmulti: |\n  a\n  b\nint: 5\nfloat: 1.5\nwhole: 7.0\nyes: true\nnothing: null\n";

/// The command line behind `exec-…`, exit code, standard output, a part of standard error.
type Case<'c> = (&'c [&'c str], i32, &'c str, &'c str);

#[test]
fn values_are_in_the_environment_of_the_command() {
    let cases: [Case<'_>; 12] = [
        (
            &["a.yaml", "printf '%s|' \"$text\" \"$multi\" \"$int\" \"$float\" \"$whole\" \"$yes\" \"$nothing\""],
            0,
            "canary-Hunter2-tweet|a\nb\n|5|1.5|7.0|true|<nil>|",
            "",
        ),
        (&["a.yaml", "exit 3"], 3, "", "exit status 3\n"),
        (&["a.yaml", "kill -9 $$"], 255, "", "signal: killed\n"),
        (&["a.yaml", "no-such-program"], 127, "", "exit status 127\n"),
        (&["a.yaml", "echo \"$OWN\"; cat"], 0, "own\nfrom stdin", ""),
        (&["--pristine", "a.yaml", "echo \"[$OWN]$int\""], 0, "[]5\n", ""),
        (&["--same-process", "a.yaml", "echo $int; exit 4"], 4, "5\n", ""),
        (&["nested.yaml", "true"], 1, "", "cannot use complex value in environment; offending key a\n"),
        (&["equals.json", "true"], 1, "", "cannot use keys with '=' in environment: a=b\n"),
        (&["a.yaml"], 1, "", "error: missing file to decrypt\n"),
        (
            &["--background", "--same-process", "a.yaml", "true"],
            8,
            "",
            "Error: The --same-process flag cannot be used with --background\n",
        ),
        (&["missing.yaml", "true"], 2, "", "Error reading file: open missing.yaml: no such file or directory\n"),
    ];
    for side in sides() {
        side.encrypted("a.yaml", VALUES);
        side.encrypted("nested.yaml", "a:\n  b: 1\n");
        side.encrypted("equals.json", "{\"a=b\": \"x\"}");
        for (args, code, stdout, stderr) in &cases {
            let words = [&["exec-env"], *args].concat();
            let ran = side.sops_with(&words, &[("OWN", "own")], b"from stdin");
            let shown = format!("{}: {args:?}: {}", side.name(), ran.stderr);
            assert_eq!((ran.code, &*ran.stdout), (*code, *stdout), "{shown}");
            assert!(ran.stderr.ends_with(stderr), "{shown}");
            assert_no_canary(&ran.stderr);
        }
        let ran = side.sops(&["exec-env", "--background", "a.yaml", "echo started > done"]);
        let warning = "[CMD]\t time=T level=warning msg=\"exec-env's --background option is deprecated and will be removed in a \
                       future version of sops\"\n";
        assert_eq!((ran.code, &*steady(&side, &ran.stderr)), (0, warning), "{}", side.name());
        until(&side.bench.path("done"), "started\n");
    }
}

fn until(path: &Path, content: &str) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !fs::read_to_string(path).is_ok_and(|text| text == content) {
        assert!(Instant::now() < deadline, "{} does not become {content:?}", path.display());
        std::thread::sleep(Duration::from_millis(2));
    }
}

#[test]
fn the_command_reads_the_file_from_a_fifo_or_a_private_file() {
    let cases: [Case<'_>; 13] = [
        (&["a.env", "cat {}"], 0, "K=canary-Hunter2-tweet\n", ""),
        (&["a.env", "test -p {} && echo {} | sed 's|.*/.sops[^/]*/|.sops/|; s|[0-9]||g'"], 0, ".sops/tmp-file\n", ""),
        (&["--filename", "my.env", "a.env", "basename {}; cat {}"], 0, "my.env\nK=canary-Hunter2-tweet\n", ""),
        (
            &["--no-fifo", "a.env", "cat {} {}; stat -c %a {}; basename {} | cut -c1-8"],
            0,
            "K=canary-Hunter2-tweet\nK=canary-Hunter2-tweet\n600\ntmp-file\n",
            "",
        ),
        (
            &["--no-fifo", "--filename", "x.env", "a.env", "basename {}; stat -c %a {} $(dirname {})"],
            0,
            "x.env\n600\n700\n",
            "",
        ),
        (&["--output-type", "json", "a.env", "cat {}"], 0, "{\n\t\"K\": \"canary-Hunter2-tweet\"\n}\n", ""),
        // Nobody opens the fifo.
        (&["a.env", "true"], 0, "", ""),
        (&["a.env", "exit 9"], 9, "", "exit status 9\n"),
        (&["--filename", "../x", "a.env", "true"], 1, "", "The provided filename is not a local path.\n"),
        (&["--filename", "/x", "--no-fifo", "a.env", "true"], 1, "", "The provided filename is not a local path.\n"),
        (&["a.env"], 1, "", "error: missing file to decrypt\n"),
        (&["plain.env", "true"], 1, "", "sops metadata not found\n"),
        (&["a.env", "cat >/dev/null; wc -c < {}"], 0, "23\n", ""),
    ];
    for side in sides() {
        side.encrypted("a.env", &format!("K={CANARY}\n"));
        side.bench.write("plain.env", "A=1\n");
        for (args, code, stdout, stderr) in &cases {
            let words = [&["exec-file"], *args].concat();
            let ran = side.sops(&words);
            let shown = format!("{}: {args:?}: {}", side.name(), ran.stderr);
            assert_eq!((ran.code, &*ran.stdout), (*code, *stdout), "{shown}");
            assert!(ran.stderr.ends_with(stderr), "{shown}");
            assert_no_canary(&ran.stderr);
        }
        assert_eq!(side.left(), [""; 0], "{}: nothing is left", side.name());
        let ran = side.sops(&["exec-file", "--background", "a.env", "true"]);
        assert!(steady(&side, &ran.stderr).contains("exec-file's --background option is deprecated"), "{}", ran.stderr);
    }
}

#[test]
fn another_user_gets_the_values_as_oneself() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    for side in sides() {
        side.encrypted("a.env", "K=v\n");
        let open = std::os::unix::fs::PermissionsExt::from_mode(0o777);
        for folder in ["", "tmp"] {
            fs::set_permissions(side.bench.path(folder), Clone::clone(&open)).unwrap();
        }
        let ran = side.sops(&["exec-env", "--user", "nobody", "a.env", "id -un; id -gn; echo $USER $LOGNAME $K"]);
        let shown = format!("{}: {}", side.name(), ran.stderr);
        assert_eq!((ran.code, &*ran.stdout), (0, "nobody\nnogroup\nnobody nobody v\n"), "{shown}");
        let ran = side.sops(&["exec-file", "--user", "nobody", "a.env", "id -un; cat {}"]);
        assert_eq!((ran.code, &*ran.stdout), (0, "nobody\nK=v\n"), "{}: {}", side.name(), ran.stderr);
        let ran = side.sops(&["exec-env", "--user", "no-such-user", "a.env", "true"]);
        let expected = "[EXEC]\t time=T level=fatal msg=\"user: unknown user no-such-user\"\n";
        assert_eq!((ran.code, &*steady(&side, &ran.stderr)), (1, expected), "{}", side.name());
    }
}

/// The real tool dies of it and leaves the command behind.
#[test]
fn signals_reach_the_command_and_its_exit_code_comes_back() {
    let side = ours();
    side.encrypted("a.env", "K=v\n");
    for (args, signal, name) in [
        (&["exec-env"][..], Signal::TERM, "TERM"),
        (&["exec-file"][..], Signal::HUP, "HUP"),
        (&["exec-file", "--no-fifo"][..], Signal::TERM, "TERM"),
    ] {
        let _ = fs::remove_file(side.bench.path("ready"));
        let script = format!("trap 'exit 7' {name}; echo yes > ready; while :; do sleep 0.01; done");
        let mut command = side.command(&[args, &["a.env", &script]].concat());
        let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until(&side.bench.path("ready"), "yes\n");
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(7), "{args:?}");
        assert_eq!(side.left(), [""; 0], "{args:?}");
    }
}

/// With a fifo there never is a file with plaintext.
#[test]
fn a_kill_leaves_no_plaintext() {
    let side = ours();
    side.encrypted("a.env", &format!("K={CANARY}\n"));
    for round in 0..12 {
        let mut command = side.command(&["exec-file", "a.env", "cat {} > /dev/null; sleep 5"]);
        let command = command.process_group(0).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        std::thread::sleep(Duration::from_millis(round * 4));
        let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        child.wait().unwrap();
        without_canary(side.bench.folder.path());
    }
    assert_eq!(side.decrypted("a.env"), format!("K={CANARY}\n"), "the file is as it was");
}

/// No regular file below the folder holds the canary.
pub(super) fn without_canary(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(found) = fs::symlink_metadata(&path) else { continue };
        if found.is_dir() {
            without_canary(&path);
        } else if found.is_file() {
            let content = fs::read(&path).unwrap();
            let holds = content.windows(CANARY.len()).any(|window| window == CANARY.as_bytes());
            assert!(!holds, "plaintext in {}", path.display());
        }
    }
}
