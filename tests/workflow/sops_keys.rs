//! Keys of sops files, from outside: SSH keys, plugins, gpg, what a person at the terminal is asked, and that no error holds a secret.

use std::path::PathBuf;
use std::process::Command;

use crate::support::{BULLA, Bench, CANARY, Ran, run, vectors};

/// A recipient and an identity of a plugin `test`, which [`PLUGIN`] knows: Bech32 of 32 zeros.
const PLUGIN_RECIPIENT: &str = "age1test1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqq8pw838";
const PLUGIN_IDENTITY: &str = "AGE-PLUGIN-TEST-1QQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQQ7JZC5K";

/// A plugin that keeps the file key in its stanza, reversed: enough to see both directions of the protocol.
const PLUGIN: &str = r#"#!/usr/bin/env python3
import base64, sys
def read():
    line = sys.stdin.buffer.readline().decode().rstrip("\n")
    words, body = line.split(" ")[1:], b""
    while True:
        part = sys.stdin.buffer.readline().decode().rstrip("\n")
        body += base64.b64decode(part + "=" * (-len(part) % 4))
        if len(part) < 64:
            return words, body
def write(words, body=b""):
    text = base64.b64encode(body).decode().rstrip("=")
    lines = [text[at:at + 64] for at in range(0, len(text), 64)] or [""]
    if len(lines[-1]) == 64:
        lines.append("")
    sys.stdout.write("-> " + " ".join(words) + "\n" + "\n".join(lines) + "\n")
    sys.stdout.flush()
def ask(words, body=b""):
    write(words, body)
    return read()
print("SECRET-ON-STDERR", file=sys.stderr)
machine, key, stanzas = sys.argv[1].split("=")[1], None, []
while True:
    words, body = read()
    if words[0] == "wrap-file-key":
        key = body
    if words[0] == "recipient-stanza" and words[2] == "test":
        stanzas.append(body)
    if words[0] == "done":
        break
if machine == "recipient-v1":
    ask(["recipient-stanza", "0", "test"], key[::-1])
elif stanzas:
    ask(["file-key", "0"], stanzas[0][::-1])
write(["done"])
"#;

struct Keys {
    bench: Bench,
    path: String,
}

impl Keys {
    fn new() -> Self {
        let bench = Bench::new();
        bench.write("plain.yaml", format!("password: {CANARY}\n"));
        let path = format!("{}:{}", bench.path("").display(), std::env::var("PATH").unwrap());
        Self { bench, path }
    }

    fn command(&self, args: &[&str], variables: &[(&str, &str)]) -> Command {
        let mut command = self.bench.command(BULLA);
        command.arg("sops").args(args).env("PATH", &self.path).envs(variables.iter().copied());
        command
    }

    fn run(&self, args: &[&str], variables: &[(&str, &str)]) -> Ran {
        run(self.command(args, variables), b"")
    }

    fn script(&self, name: &str, text: &str) -> PathBuf {
        let path = self.bench.write(name, text);
        std::fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        path
    }

    /// Encrypts for a recipient and decrypts again.
    fn round(&self, recipient: &str, variables: &[(&str, &str)]) {
        let encrypted = self.run(&["encrypt", "--age", recipient, "plain.yaml"], variables).ok();
        assert!(!encrypted.contains(CANARY) && encrypted.contains(recipient), "{encrypted}");
        self.bench.write("enc.yaml", encrypted);
        assert_eq!(self.run(&["decrypt", "enc.yaml"], variables).ok(), format!("password: {CANARY}\n"));
    }
}

fn key(name: &str) -> String {
    vectors("sops/keys").join(name).display().to_string()
}

fn public(name: &str) -> String {
    std::fs::read_to_string(key(name)).unwrap().trim().to_owned()
}

#[test]
fn ssh_keys_open_what_the_real_sops_wrote_and_what_we_write() {
    let keys = Keys::new();
    for (vector, name) in [("basic.agessh.yaml", "ssh_ed25519"), ("basic.agesshrsa.yaml", "ssh_rsa")] {
        let variables = [("SOPS_AGE_SSH_PRIVATE_KEY_FILE", &*key(name))];
        let file = vectors("sops/enc").join(vector);
        let opened = keys.run(&["decrypt", file.to_str().unwrap()], &variables).ok();
        assert_eq!(opened, std::fs::read_to_string(vectors("sops/dec").join(vector)).unwrap(), "{vector}");
        keys.round(&public(&format!("{name}.pub")), &variables);
    }
}

#[test]
fn a_plugin_wraps_and_opens() {
    let keys = Keys::new();
    keys.script("age-plugin-test", PLUGIN);
    keys.round(PLUGIN_RECIPIENT, &[("SOPS_AGE_KEY", PLUGIN_IDENTITY)]);
}

#[test]
fn a_hostile_plugin_gives_an_error_without_its_secrets() {
    let keys = Keys::new();
    keys.script("age-plugin-test", PLUGIN);
    let encrypted = keys.run(&["encrypt", "--age", PLUGIN_RECIPIENT, "plain.yaml"], &[]).ok();
    keys.bench.write("enc.yaml", encrypted);
    for (what, text) in [
        ("exits", "#!/bin/sh\necho SECRET-ON-STDERR >&2\nexit 1\n"),
        ("garbage", "#!/bin/sh\necho SECRET-ON-STDOUT nonsense\n"),
        ("wrong key", "#!/bin/sh\nprintf -- '-> file-key 0\\nAAAA\\n'\n"),
        ("half a stanza", "#!/bin/sh\nprintf -- '-> error'\nexit 0\n"),
        ("no error kind", "#!/bin/sh\nprintf -- '-> error\\n\\n-> done\\n\\n'\n"),
        ("bytes", "#!/bin/sh\nprintf '\\377\\376\\n'\n"),
        ("not started", "#!/nonexistent/interpreter\n"),
    ] {
        keys.script("age-plugin-test", text);
        let ran = keys.run(&["decrypt", "enc.yaml"], &[("SOPS_AGE_KEY", PLUGIN_IDENTITY)]);
        assert_eq!((ran.code, ran.stdout.as_str()), (128, ""), "{what}: {}", ran.stderr);
        for secret in ["SECRET-ON", PLUGIN_IDENTITY, "panicked"] {
            assert!(!ran.stderr.contains(secret), "{what}: {}", ran.stderr);
        }
        let ran = keys.run(&["encrypt", "--age", PLUGIN_RECIPIENT, "plain.yaml"], &[]);
        assert!(ran.code != 0 && ran.stdout.is_empty(), "{what}: {}", ran.stderr);
        assert!(!ran.stderr.contains("SECRET-ON") && !ran.stderr.contains("panicked"), "{what}: {}", ran.stderr);
    }
    std::fs::remove_file(keys.bench.path("age-plugin-test")).unwrap();
    let ran = keys.run(&["decrypt", "enc.yaml"], &[("SOPS_AGE_KEY", PLUGIN_IDENTITY)]);
    let words = ran.stderr.split_whitespace().filter(|word| *word != "|").collect::<Vec<_>>().join(" ");
    assert!(words.contains(r#"test plugin: couldn't start plugin: "test" plugin not found"#), "{words}");
}

#[test]
fn another_identity_opens_a_file_although_a_plugin_is_missing_or_hangs() {
    let keys = Keys::new();
    keys.script("age-plugin-test", "#!/bin/sh\nexec sleep 600\n");
    let age = std::fs::read_to_string(key("age-a.txt")).unwrap();
    let age = age.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let both = format!("{PLUGIN_IDENTITY} {age}");
    let recipient = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
    keys.round(recipient, &[("SOPS_AGE_KEY", &both)]);
}

#[test]
fn no_error_holds_a_part_of_an_identity() {
    let keys = Keys::new();
    let file = vectors("sops/enc").join("basic.agepq.yaml");
    let age = std::fs::read_to_string(key("age-a.txt")).unwrap();
    let age = age.lines().find(|line| line.starts_with("AGE-SECRET-KEY-")).unwrap();
    let cut = &age[..age.len() - 1];
    let (command, quoted) = (format!("echo {cut}"), format!("echo '{cut}"));
    for variables in [
        [("SOPS_AGE_KEY", cut)],
        [("SOPS_AGE_KEY", age)],
        [("SOPS_AGE_KEY_CMD", &command)],
        [("SOPS_AGE_KEY_CMD", &quoted)],
        [("SOPS_AGE_KEY_CMD", age)],
        [("SOPS_AGE_SSH_PRIVATE_KEY_CMD", &command)],
    ] {
        let ran = keys.run(&["decrypt", file.to_str().unwrap()], &variables);
        assert_eq!(ran.code, 128, "{}", ran.stderr);
        assert!(!ran.stderr.contains(&age[20..40]), "{}", ran.stderr);
    }
    let ran = keys.run(&["encrypt", "--age", age, "plain.yaml"], &[]);
    assert!(ran.code != 0);
}
