//! Writing files: the old one or the new one, never a part, whatever happens.
#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

mod support;

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::process::Stdio;
use std::time::{Duration, Instant};

use support::{BULLA, Bench, assert_no_canary, run, secret, vectors};

fn certificate() -> String {
    vectors("sealed/keys/key1.crt").display().to_string()
}

/// Names in the bench's folder.
fn names(bench: &Bench) -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(bench.folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

#[test]
fn new_files_are_for_their_owner_only_and_old_ones_keep_their_mode() {
    let bench = Bench::new();
    bench.seal(&["-w", "new.yaml"], &secret("a")).ok();
    let mode = |name: &str| std::fs::metadata(bench.path(name)).unwrap().mode() & 0o777;
    assert_eq!(mode("new.yaml"), 0o600);
    let old = bench.write("old.yaml", "old");
    std::fs::set_permissions(&old, std::fs::Permissions::from_mode(0o664)).unwrap();
    bench.seal(&["-w", "old.yaml"], &secret("a")).ok();
    assert_eq!(mode("old.yaml"), 0o664);
    let sealed = bench.read("new.yaml");
    bench.unseal(&["-w", "plain.yaml"], &sealed).ok();
    assert_eq!(mode("plain.yaml"), 0o600);
    assert_eq!(names(&bench), ["new.yaml", "old.yaml", "plain.yaml"]);
}

#[test]
fn a_symlink_stays_a_symlink() {
    let bench = Bench::new();
    bench.write("real.yaml", "old");
    std::os::unix::fs::symlink("real.yaml", bench.path("link.yaml")).unwrap();
    bench.seal(&["-w", "link.yaml"], &secret("a")).ok();
    assert!(std::fs::symlink_metadata(bench.path("link.yaml")).unwrap().is_symlink());
    assert!(bench.read("real.yaml").starts_with("---\n"));
}

#[test]
fn on_a_full_disk_the_old_file_stays() {
    let bench = Bench::new();
    bench.write("out.yaml", "old");
    bench.write("in.yaml", secret("a"));
    for personality in ["seal", "kubeseal -f"] {
        let mut command = bench.command("sh");
        // No file may grow beyond one block: what a full disk does, in the middle of the write.
        let flags = if personality == "seal" { "-q" } else { "" };
        let script = format!(
            "trap '' XFSZ; ulimit -f 1; exec {BULLA} {personality} in.yaml {flags} --cert {} -w out.yaml",
            certificate()
        );
        command.args(["-c", &script]);
        let many: String = (0..20).map(|index| format!("---\n{}", secret(&format!("s{index}")))).collect();
        bench.write("in.yaml", many);
        let ran = run(command, b"");
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains("out.yaml") && ran.stderr.contains("too large"), "{}", ran.stderr);
        assert_no_canary(&ran.stderr);
        assert_eq!(bench.read("out.yaml"), "old");
        assert_eq!(names(&bench), ["in.yaml", "out.yaml"], "nothing is left behind");
    }
}

#[test]
fn standard_output_that_is_full_is_an_error() {
    let bench = Bench::new();
    bench.write("in.yaml", secret("a"));
    let mut command = bench.command("sh");
    command.args(["-c", &format!("exec {BULLA} seal -q --cert {} in.yaml > /dev/full", certificate())]);
    run(command, b"").fails(1, &["(E0104)", "no space left on device"]);
}

#[test]
fn a_folder_that_cannot_be_written_is_an_error_before_the_old_file_is_touched() {
    let bench = Bench::new();
    bench
        .seal(&["-q", "-w", "missing/out.yaml"], &secret("a"))
        .fails(1, &["(E0103)", "missing/out.yaml: no such file"]);
    bench.seal(&["-q", "-w", "."], &secret("a")).fails(1, &["(E0103)", "is a directory"]);
    bench.seal(&["-q", "-w", "/proc/out.yaml"], &secret("a")).fails(1, &["(E0103)", "/proc/out.yaml"]);

    std::fs::create_dir(bench.path("locked")).unwrap();
    bench.write("locked/out.yaml", "old");
    std::fs::set_permissions(bench.path("locked"), std::fs::Permissions::from_mode(0o500)).unwrap();
    let ran = bench.seal(&["-q", "-w", "locked/out.yaml"], &secret("a"));
    std::fs::set_permissions(bench.path("locked"), std::fs::Permissions::from_mode(0o700)).unwrap();
    // Root may write everywhere; everybody else finds the old file as it was.
    if ran.code != 0 {
        ran.fails(1, &["(E0103)", "permission denied", "it is unchanged"]);
        assert_eq!(bench.read("locked/out.yaml"), "old");
    }
}

#[test]
fn devices_are_written_to_and_not_replaced() {
    let bench = Bench::new();
    bench.seal(&["-w", "/dev/null"], &secret("a")).ok();
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
    let sealed = bench.seal(&["-q", "-w", "/dev/stdout"], &secret("a"));
    assert!(sealed.ok().starts_with("---\n"));
}

/// Killed at many moments, the target is always the old file or a whole new one.
#[test]
fn after_a_kill_the_file_is_the_old_one_or_the_new_one() {
    let bench = Bench::new();
    let many: String = (0..200).map(|index| format!("---\n{}", secret(&format!("s{index}")))).collect();
    bench.write("in.yaml", many);
    let whole = |text: &str| {
        text == "old" || text.matches("kind: SealedSecret").count() == 200 && text.ends_with("namespace: shop\n")
    };
    let started = Instant::now();
    let mut command = bench.command(BULLA);
    command.args(["seal", "-q", "--cert", &certificate(), "in.yaml", "-w", "out.yaml"]);
    bench.write("out.yaml", "old");
    assert_eq!(run(command, b"").code, 0);
    let full = started.elapsed();

    let (mut killed, mut done) = (0, 0);
    for step in 0..40u32 {
        bench.write("out.yaml", "old");
        let mut command = bench.command(BULLA);
        command.args(["seal", "-q", "--cert", &certificate(), "in.yaml", "-w", "out.yaml"]);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        // Not a wait for a condition: the moment of the kill is what is varied.
        std::thread::sleep(full.mul_f64(f64::from(step) / 36.0).min(Duration::from_secs(5)));
        let _ = child.kill();
        let status = child.wait().unwrap();
        if status.success() {
            done += 1
        } else {
            killed += 1
        }
        let text = bench.read("out.yaml");
        assert!(whole(&text), "after a kill at step {step} the file has {} bytes", text.len());
    }
    assert!(killed > 0, "no run was killed ({done} done)");
}
