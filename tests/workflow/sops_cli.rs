//! The command line of sops (`bulla sops …`): vectors of the real tool, what its scripts rely on, and writing in place. The same command lines
//! beside the real tool: `tests/sops`.

use std::path::{Path, PathBuf};

use crate::support::{BULLA, Bench, CANARY, Ran, run, vectors};

const RECIPIENT: &str = "age1ufcq49ytpa77ftszdzwf6s7verrymxyj3kcrtaj565suzc3n33vq0z4ru4";
const OTHER: &str = "age19rypeexxf7st9qf3egq5t44ak0ajuavv58m6mhm03tf9h3jrxehqmdqgcn";

/// A folder with the keys of the vectors.
struct Sops {
    bench: Bench,
    identities: Vec<&'static str>,
}

impl Sops {
    fn new() -> Self {
        Self::with(&["age-a.txt"])
    }

    fn with(identities: &[&'static str]) -> Self {
        Self { bench: Bench::new(), identities: identities.to_vec() }
    }

    fn command(&self, args: &[&str]) -> std::process::Command {
        let keys: Vec<String> = self
            .identities
            .iter()
            .map(|name| std::fs::read_to_string(vectors("sops/keys").join(name)).unwrap())
            .collect();
        let mut command = self.bench.command(BULLA);
        command.arg("sops").args(args).env("SOPS_AGE_KEY", keys.join("\n"));
        command
    }

    fn run(&self, args: &[&str]) -> Ran {
        self.run_with(args, b"")
    }

    fn run_with(&self, args: &[&str], input: &[u8]) -> Ran {
        run(self.command(args), input)
    }

    /// A file with the canary, encrypted for the vectors' first key.
    fn encrypted(&self, name: &str) -> PathBuf {
        let path = self.bench.write(name, format!("password: {CANARY}\nport: 8080\nlist:\n    - a\n    - b\n"));
        self.run(&["encrypt", "-i", "--age", RECIPIENT, name]).ok();
        assert!(!self.bench.read(name).contains(CANARY));
        path
    }

    fn decrypted(&self, name: &str) -> String {
        self.run(&["decrypt", name]).ok()
    }
}

fn files(folder: &Path) -> Vec<String> {
    let names = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.filter(|name| !name.starts_with(".cache")).collect();
    names.sort();
    names
}

#[test]
fn vectors_of_the_real_tool_open() {
    let sops = Sops::with(&["age-a.txt", "age-b.txt", "age-pq.txt"]);
    let mut opened = 0;
    for name in files(&vectors("sops/enc")) {
        let path = vectors("sops/enc").join(&name);
        let words = ["decrypt", path.to_str().unwrap()];
        // Other kinds of keys have tests of their own.
        if name.contains("pgp") || name.contains("ssh") || name == "shamir.mixed.yaml" {
            continue;
        }
        match name.as_str() {
            "bad.tampered-value.yaml" => {
                let text = "Error decrypting tree: Error walking tree: Could not decrypt value: Could not decrypt with AES_GCM: \
                            cipher: message authentication failed\n";
                assert!(sops.run(&words).fails(25, &[]).starts_with(text));
            }
            "bad.mac-removed-key.yaml" => {
                sops.run(&words).fails(51, &["MAC mismatch. File has "]);
                sops.run(&["decrypt", "--ignore-mac", words[1]]).ok();
            }
            _ => {
                let binary = ["--input-type", "binary", "--output-type", "binary"];
                let mut words = words.to_vec();
                if name.starts_with("bin.") {
                    words.extend(binary);
                }
                let output = sops.command(&words).output().unwrap();
                let expected = std::fs::read(vectors("sops/dec").join(&name)).unwrap();
                assert!(output.stdout == expected, "{name}: {}", String::from_utf8_lossy(&output.stderr));
                opened += 1;
            }
        }
    }
    assert!(opened >= 27, "{opened}");
}

#[test]
fn every_format_comes_back_through_files_and_streams() {
    let sops = Sops::new();
    for (name, plain) in [
        ("a.yaml", "a: 1\n# note\nb:\n    - x\n    - z: 2.5\n"),
        ("a.json", "{\n\t\"a\": 1,\n\t\"b\": [\n\t\t\"x\"\n\t]\n}\n"),
        ("a.env", "A=1\n# note\nB=x y\n"),
        ("a.ini", "[section]\nkey = value\n"),
        ("a.txt", "any bytes\n"),
    ] {
        sops.bench.write(name, plain);
        let sealed = sops.run(&["encrypt", "--age", RECIPIENT, name]).ok();
        let streamed =
            sops.run_with(&["encrypt", "--age", RECIPIENT, "--filename-override", name], plain.as_bytes()).ok();
        let device = sops
            .run_with(&["-e", "--age", RECIPIENT, "--filename-override", name, "/dev/stdin"], plain.as_bytes())
            .ok();
        for sealed in [sealed, streamed, device] {
            let back = sops.run_with(&["decrypt", "--filename-override", name], sealed.as_bytes()).ok();
            assert_eq!(back, plain, "{name}");
            let back = sops.run_with(&["--filename-override", name, "-d", "/dev/stdin"], sealed.as_bytes()).ok();
            assert_eq!(back, plain, "{name}");
        }
    }
}

#[test]
fn flags_may_follow_the_file_behind_a_command_only() {
    let sops = Sops::new();
    sops.encrypted("f.yaml");
    assert!(sops.run(&["decrypt", "f.yaml", "--output-type", "json"]).ok().starts_with('{'));
    let ran = sops.run(&["-d", "f.yaml", "--output-type", "json"]);
    assert_eq!(ran.stderr.lines().filter(|line| line.starts_with("[CMD]\t time=\"")).count(), 2, "{}", ran.stderr);
    assert!(ran.ok().starts_with("password:"));
    let ran = sops.run(&["--output-type=json", "-d", "f.yaml"]);
    assert!(ran.ok().starts_with('{'));
    let ran = sops.run(&["--age", RECIPIENT, "decrypt", "f.yaml"]);
    assert!(ran.stderr.contains("--age has no effect before the command"), "{}", ran.stderr);
    ran.ok();
    let ran = sops.run(&["decrypt", "--config", "x", "f.yaml"]);
    assert_eq!(ran.code, 1);
    assert!(
        ran.stdout.starts_with("Incorrect Usage: flag provided but not defined: -config\n\nNAME:\n"),
        "{}",
        ran.stdout
    );
    assert!(ran.stderr.contains("level=fatal msg=\"flag provided but not defined: -config\""), "{}", ran.stderr);
    let ran = sops.run(&["--verbose", "-d", "f.yaml"]);
    assert!(ran.stderr.contains("level=info msg=\"Data key recovered successfully\""), "{}", ran.stderr);
    assert!(!sops.run(&["decrypt", "f.yaml"]).stderr.contains("level="));
}

#[test]
fn help_version_and_completion_name_everything() {
    let sops = Sops::new();
    assert_eq!(sops.run(&["--version", "--disable-version-check"]).ok(), "sops 3.13.3\n");
    assert_eq!(sops.run(&["-v"]).ok(), "sops 3.13.3\n");
    assert!(sops.run(&["--version", "--check-for-updates"]).ok().starts_with("sops 3.13.3\n"));
    let help = sops.run(&["--help"]).ok();
    let commands = sops.run(&["--generate-bash-completion"]).ok();
    let named: Vec<&str> = commands.lines().collect();
    for command in [
        "completion",
        "exec-env",
        "exec-file",
        "publish",
        "keyservice",
        "filestatus",
        "groups",
        "updatekeys",
        "decrypt",
        "encrypt",
        "rotate",
        "edit",
        "set",
        "unset",
    ] {
        assert!(named.contains(&command), "{command}");
        assert!(help.contains(&format!("\n   {command} ")), "{command}");
        assert!(sops.run(&[command, "--help"]).ok().starts_with(&format!("NAME:\n   sops {command} - ")));
        assert!(sops.run(&["help", command]).ok().starts_with(&format!("NAME:\n   sops {command} - ")));
    }
    let flags = sops.run(&["decrypt", "--ext", "--generate-bash-completion"]).ok();
    assert!(flags.lines().all(|flag| flag == "--extract") && !flags.is_empty(), "{flags}");
    sops.run(&["help", "nope"]).fails(3, &["No help topic for 'nope'"]);
}

#[test]
fn mistakes_have_their_codes() {
    let sops = Sops::new();
    sops.encrypted("f.yaml");
    sops.bench.write("plain.yaml", "a: 1\n");
    sops.bench.write("empty.yaml", "");
    for (words, code, text) in [
        (&["decrypt", "plain.yaml"][..], 1, "sops metadata not found"),
        (&["decrypt", "empty.yaml"], 1, "sops metadata not found"),
        (&["decrypt", "missing.yaml"], 100, "Error: cannot operate on non-existent file \""),
        (&[], 100, "Error: no file specified"),
        (&["encrypt", "plain.yaml"], 1, "config file not found, or has no creation rules, and no keys provided"),
        (
            &["encrypt", "--age", RECIPIENT, "f.yaml"],
            203,
            "The file you have provided contains a top-level entry called 'sops'",
        ),
        (&["encrypt", "--age", RECIPIENT, "empty.yaml"], 92, "File cannot be completely empty"),
        (&["encrypt", "--age", RECIPIENT], 8, "Error: must specify --filename-override when reading from stdin"),
        (&["decrypt", "-i"], 8, "Error: cannot use --in-place when reading from stdin"),
        (&["decrypt", "-i", "/dev/stdin"], 8, "Error: cannot use --in-place when reading from stdin"),
        (&["set", "/dev/stdin", "[\"a\"]", "1"], 8, "Error: cannot use --in-place when reading from stdin"),
        (&["decrypt", "--extract", "q", "f.yaml"], 91, "error parsing --extract path: component q doesn't end with ]"),
        (&["decrypt", "--extract", "[\"x\"]", "f.yaml"], 1, "error truncating tree: component ['x'] not found"),
        (&["decrypt", "--extract", "[]", "f.yaml"], 91, "error parsing --extract path: "),
        (&["set", "f.yaml", "[\"a\"]", "[1]"], 7, "Invalid --set value format"),
        (&["set", "f.yaml", "[\"a\"]", "{"], 7, "Value for --set is not valid JSON"),
        (&["set", "f.yaml", "[\"a\"]", "1,\"b\":2"], 7, "Value for --set is not valid JSON"),
        (&["unset", "f.yaml", "[\"a\"]"], 1, "Key not found: a"),
        (&["--decryption-order", "age,age", "-d", "f.yaml"], 112, "Duplicate decryption key type: age"),
        (
            &["decrypt", "--enable-local-keyservice=false", "f.yaml"],
            128,
            "Failed to get the data key required to decrypt",
        ),
        (&["rotate", "--add-age", OTHER, "missing"], 49, "Error: cannot add or remove keys on non-existent file"),
        (&["updatekeys", "f.yaml"], 1, "config file not found"),
        (&["decrypt", "--output", "no/folder", "f.yaml"], 3, "Could not open output file for writing: open "),
        (&["groups", "delete", "-f", "f.yaml", "0"], 1, "this is the last key group"),
        (&["groups", "delete", "-f", "f.yaml", "7"], 1, "there is no key group 7"),
    ] {
        let before = sops.bench.read("f.yaml");
        let stderr = sops.run(words).fails(code, &[text]);
        assert!(code == 1 || stderr.starts_with(text), "{words:?}: {stderr}");
        assert_eq!(sops.bench.read("f.yaml"), before, "{words:?}");
    }
    assert_eq!(sops.run(&["filestatus", "empty.yaml"]).ok(), "{\"encrypted\":false}\n");
    let status = |name: &str| sops.run(&["filestatus", name]).ok();
    assert_eq!(
        (status("f.yaml").as_str(), status("plain.yaml").as_str()),
        ("{\"encrypted\":true}\n", "{\"encrypted\":false}\n")
    );
}

#[test]
fn nobody_has_the_key() {
    let sops = Sops::with(&["age-c.txt"]);
    let path = vectors("sops/enc/shamir.2of3.yaml");
    let stderr = sops.run(&["decrypt", path.to_str().unwrap()]).fails(128, &[]);
    assert!(
        stderr.starts_with(&format!(
            "Failed to get the data key required to decrypt the SOPS file.\n\nGroup 0: FAILED\n  {RECIPIENT}: FAILED\n    - | "
        )),
        "{stderr}"
    );
    assert!(stderr.contains("\n\nGroup 2: SUCCESS\n\nRecovery failed because the file was encrypted with a Shamir threshold of\n2, but only 1 part(s)"), "{stderr}");
}

#[test]
fn values_are_set_and_taken_out_and_the_rest_keeps_its_ciphertext() {
    let sops = Sops::new();
    sops.encrypted("f.yaml");
    let line = |name: &str| sops.bench.read("f.yaml").lines().find(|line| line.starts_with(name)).map(str::to_owned);
    let before = line("password:");
    sops.run(&["set", "f.yaml", "[\"port\"]", "7"]).ok();
    assert!(line("port:").unwrap().ends_with("type:float]"));
    sops.run(&["set", "f.yaml", "[\"new\"][\"list\"][3]", "{\"k\": [1, \"two\"]}"]).ok();
    sops.bench.write("value", "\"from a file\"");
    sops.run(&["set", "f.yaml", "[\"file\"]", "value", "--value-file"]).ok();
    sops.run_with(&["set", "--value-stdin", "f.yaml", "[\"stdin\"]"], b"true").ok();
    sops.run(&["--set", "[\"legacy\"] null", "f.yaml"]).ok();
    sops.run(&["unset", "f.yaml", "[\"list\"][0]"]).ok();
    assert_eq!(line("password:"), before);
    assert_eq!(
        sops.decrypted("f.yaml"),
        format!(
            "password: {CANARY}\nport: 7\nlist:\n    - b\nnew:\n    list:\n        - k:\n            - 1\n            - two\n\
             file: from a file\nstdin: true\nlegacy: null\n"
        )
    );
    let before = sops.bench.read("f.yaml");
    sops.run(&["set", "--idempotent", "f.yaml", "[\"stdin\"]", "true"]).ok();
    sops.run(&["unset", "--idempotent", "f.yaml", "[\"nope\"]"]).ok();
    assert_eq!(sops.bench.read("f.yaml"), before);
    sops.run(&["set", "f.yaml", "[\"stdin\"]", "true"]).ok();
    assert_ne!(sops.bench.read("f.yaml"), before);
}

#[test]
fn keys_follow_the_configuration() {
    let sops = Sops::new();
    sops.encrypted("f.yaml");
    sops.encrypted("g.yaml");
    sops.bench.write(".sops.yaml", format!("creation_rules:\n  - age: {RECIPIENT},{OTHER}\n"));
    let ran = sops.run(&["updatekeys", "f.yaml"]);
    assert_eq!(ran.code, 1, "nobody answered");
    assert!(
        ran.stdout.ends_with(&format!("Group 1\n    {RECIPIENT}\n+++ {OTHER}\nIs this okay? (y/n):")),
        "{}",
        ran.stdout
    );
    assert!(sops.run_with(&["updatekeys", "f.yaml"], b"y\n").stderr.contains("f.yaml synced with new keys\n"));
    let before = sops.bench.read("f.yaml");
    let ran = sops.run(&["updatekeys", "-y", "f.yaml", "missing", "g.yaml"]);
    assert!(ran.stderr.ends_with("failed updating 1 key(s)\n"), "{}", ran.stderr);
    assert_eq!((ran.code, sops.bench.read("f.yaml") == before), (1, true));
    for name in ["f.yaml", "g.yaml"] {
        Sops { bench: Bench::new(), identities: vec!["age-b.txt"] }
            .run(&["decrypt", sops.bench.path(name).to_str().unwrap()])
            .ok();
    }

    // A recipient that the rules do not have gets no new data key.
    sops.bench.write(".sops.yaml", format!("creation_rules:\n  - age: {RECIPIENT}\n"));
    let before = sops.bench.read("f.yaml");
    sops.run(&["rotate", "-i", "f.yaml"]).fails(8, &[OTHER, "--allow-unlisted-recipients"]);
    assert_eq!(sops.bench.read("f.yaml"), before);
    sops.run(&["rotate", "-i", "--rm-age", OTHER, "f.yaml"]).ok();
    assert!(!sops.bench.read("f.yaml").contains(OTHER));
    sops.run(&["rotate", "-i", "--allow-unlisted-recipients", "g.yaml"]).ok();
    assert!(sops.bench.read("g.yaml").contains(OTHER));
    sops.run(&["-r", "-i", "--allow-unlisted-recipients", "--rm-age", OTHER, "g.yaml"]).ok();
    assert_eq!(sops.decrypted("g.yaml"), sops.decrypted("f.yaml"));

    sops.run(&["groups", "add", "-i", "-f", "f.yaml", "--age", OTHER]).ok();
    sops.run(&["decrypt", "f.yaml"]).fails(128, &["Group 1: FAILED"]);
    Sops { bench: sops.bench, identities: vec!["age-a.txt", "age-b.txt"] }.decrypted("f.yaml");
}

#[test]
fn what_loses_data_under_sops_has_a_flag_each() {
    let sops = Sops::new();
    sops.bench.write("long.json", "{\"a\": 1} {\"b\": 2}");
    sops.bench.write("short.json", "{\"a\": [1, 2");
    sops.bench.write("twice.yaml", "a: 1\n---\nb: 1\nb: 2\n");
    sops.bench.write("plain.yaml", "a: 1\n");
    for (name, flag, extra) in [
        ("long.json", "--allow-text-after-json", ""),
        ("short.json", "--allow-truncated-json", ""),
        ("twice.yaml", "--allow-duplicate-keys", ""),
        ("plain.yaml", "--allow-invalid-regex", "--encrypted-regex=("),
    ] {
        let mut words = vec!["encrypt", "--age", RECIPIENT, name];
        words.extend((!extra.is_empty()).then_some(extra));
        let ran = sops.run(&words);
        assert!(ran.code != 0 && ran.stdout.is_empty() && ran.stderr.contains(flag), "{name}: {}", ran.stderr);
        words.push(flag);
        assert!(sops.run(&words).ok().contains("sops"), "{name}");
    }
    sops.encrypted("f.yaml");
    let text = sops.bench.read("f.yaml").replacen("type:str]", "type:str] more", 1);
    sops.bench.write("f.yaml", text);
    sops.run(&["decrypt", "f.yaml"]).fails(25, &["password:", "--allow-trailing-text"]);
    assert!(sops.run(&["decrypt", "--allow-trailing-text", "f.yaml"]).ok().contains(CANARY));
}

#[cfg(unix)]
#[test]
fn writing_in_place_keeps_what_a_file_is() {
    use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
    let sops = Sops::new();
    let path = sops.encrypted("f.yaml");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
    symlink("f.yaml", sops.bench.path("link.yaml")).unwrap();
    sops.run(&["set", "link.yaml", "[\"a\"]", "1"]).ok();
    assert!(std::fs::symlink_metadata(sops.bench.path("link.yaml")).unwrap().is_symlink());
    assert_eq!(std::fs::metadata(&path).unwrap().mode() & 0o777, 0o640);
    std::fs::hard_link(&path, sops.bench.path("hard.yaml")).unwrap();
    sops.run(&["rotate", "-i", "hard.yaml"]).ok();
    assert_eq!(sops.bench.read("f.yaml"), sops.bench.read("hard.yaml"));
    assert_eq!(std::fs::metadata(&path).unwrap().nlink(), 2);
    assert_eq!(files(sops.bench.folder.path()), ["f.yaml", "hard.yaml", "link.yaml"]);
}

#[cfg(target_os = "linux")]
#[test]
fn killed_at_any_moment_a_file_is_the_old_one_or_the_new_one() {
    use crate::harness::random::{Random, seed};
    use std::time::{Duration, Instant};
    const KILLS: u64 = 8;

    let sops = Sops::new();
    let mut random = Random::new(seed("BULLA_KILLS_SEED"));
    sops.encrypted("f.yaml");
    let plain = sops.decrypted("f.yaml");
    for words in [&["set", "f.yaml", "[\"port\"]", "1"][..], &["rotate", "-i", "f.yaml"], &["decrypt", "-i", "f.yaml"]]
    {
        let before = sops.bench.read("f.yaml");
        let start = Instant::now();
        sops.run(words).ok();
        let usual = start.elapsed();
        for kill in 0..KILLS {
            sops.bench.write("f.yaml", &before);
            let mut command = sops.command(words);
            command
                .stdin(std::process::Stdio::null())
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null());
            let mut child = command.spawn().unwrap();
            let micros = usize::try_from(usual.as_micros()).unwrap().max(1);
            std::thread::sleep(Duration::from_micros(u64::try_from(random.below(micros)).unwrap() + kill));
            let _ = child.kill();
            child.wait().unwrap();
            let after = sops.bench.read("f.yaml");
            if after != before {
                let back = if words[0] == "decrypt" { after } else { sops.decrypted("f.yaml") };
                assert_eq!(back.replace("port: 1\n", "port: 8080\n"), plain, "{words:?}");
            }
            for name in files(sops.bench.folder.path()) {
                let left = sops.bench.read(&name);
                assert!(words[0] == "decrypt" || !left.contains(CANARY), "{words:?} left plaintext in {name}");
                if name != "f.yaml" {
                    std::fs::remove_file(sops.bench.path(&name)).unwrap();
                }
            }
        }
        sops.bench.write("f.yaml", &before);
    }
}
