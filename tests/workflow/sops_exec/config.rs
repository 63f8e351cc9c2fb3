//! `.sops.yaml` under the name `sops`: lenient, with the real tool's texts and codes.

use std::fs;

use super::{ALICE, sides, steady};

const BOB: &str = "age19rypeexxf7st9qf3egq5t44ak0ajuavv58m6mhm03tf9h3jrxehqmdqgcn";

#[test]
fn what_is_wrong_with_it_is_told_as_the_real_tool_does() {
    let no_keys =
        "config file not found, or has no creation rules, and no keys provided through command line options\n";
    // The file, and standard error of `sops encrypt`, exit code 1.
    let cases = [
        (
            "creation_rules: foo",
            "error loading config: Could not unmarshal config file: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!str `foo` into []config.creationRule\n",
        ),
        (
            "a: 1\na: 2",
            "error loading config: Could not unmarshal config file: yaml: unmarshal errors:\n  line 2: mapping key \"a\" already defined at line 1\n",
        ),
        (
            "[]",
            "error loading config: Could not unmarshal config file: yaml: unmarshal errors:\n  line 1: cannot unmarshal !!seq into config.configFile\n",
        ),
        (
            "creation_rules: [{age: {a: b}}]",
            "invalid age key configuration: invalid age key configuration: expected string, []string, or nil, got map[string]interface {}\n",
        ),
        (
            "creation_rules: [{age: [1]}]",
            "invalid age key configuration: invalid age key configuration: expected string in list, got int\n",
        ),
        ("creation_rules: []", "error loading config: no matching creation rules found\n"),
        ("creation_rules: [{path_regex: ^x, age: a}]", "error loading config: no matching creation rules found\n"),
        ("creation_rules:", no_keys),
        ("", no_keys),
        ("creation_rules: [{}]", "Could not generate data key: [empty key group provided]\n"),
        ("creation_rules: [{key_groups: [{}]}]", "Could not generate data key: [empty key group provided]\n"),
        (
            "creation_rules: [{encrypted_regex: a, unencrypted_regex: b}]",
            "error loading config: cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, encrypted_comment_regex, or unencrypted_comment_regex for the same rule\n",
        ),
        (
            "creation_rules: [{hc_vault_transit_uri: foo}]",
            "missing scheme in Vault URL (should be like this: +https://vault.example.com:8200/v1/transit/keys/keyName), got: foo\n",
        ),
        (
            "creation_rules: [{azure_keyvault: 'https://a/b'}]",
            "could not parse \"https://a/b\" into a valid Azure Key Vault MasterKey []\n",
        ),
        ("creation_rules: [{hckms: [aa]}]", "invalid key ID format: expected 'region:key-uuid', got \"aa\"\n"),
        (
            "creation_rules: [{age: age1abc}]",
            "failed to parse input as Bech32-encoded age public key: malformed recipient \"age1abc\": separator '1' at invalid position: pos=3, len=7\n",
        ),
    ];
    for side in sides() {
        side.bench.write("f.yaml", "a: b\n");
        for (config, stderr) in &cases {
            side.bench.write(".sops.yaml", config);
            let ran = side.sops(&["encrypt", "f.yaml"]);
            assert_eq!((ran.code, &*ran.stderr), (1, *stderr), "{}: {config}", side.name());
        }
        // Every command that reads a file looks at the configuration; a broken one stops it.
        side.bench.write(".sops.yaml", "a: 1\na: 2");
        let ran = side.sops(&["decrypt", "f.yaml"]);
        assert!(ran.code == 1 && ran.stderr.starts_with("error loading config:"), "{}: {}", side.name(), ran.stderr);
        let ran = side.sops(&["--config", "none.yaml", "encrypt", "--age", ALICE, "f.yaml"]);
        let text = "could not read config file: open none.yaml: no such file or directory\n";
        assert_eq!((ran.code, &*ran.stderr), (1, text), "{}", side.name());
    }
}

#[test]
fn rules_choose_recipients_selectors_and_indent() {
    for side in sides() {
        fs::create_dir_all(side.bench.path("repo/deep/er")).unwrap();
        let repo = side.bench.path("repo");
        side.bench.write(
            "repo/.sops.yaml",
            format!(
                "unknown: 1\nkeys: [&bob {BOB}]\ncreation_rules:\n- path_regex: ^deep/.*\\.yaml$\n  age: '{ALICE},{BOB}'\n  encrypted_regex: ^s\n  \
                 mac_only_encrypted: true\n- path_regex: groups\n  shamir_threshold: 2\n  key_groups: [{{age: [{ALICE}], merge: [{{age: [{ALICE}]}}]}}, {{age: [*bob]}}]\n\
                 - age: [{BOB}]\n  typo_regex: x\nstores: {{yaml: {{indent: 2}}}}\n"
            ),
        );
        side.bench.write(".sops.yml", "");
        let encrypt = |from: &str, path: &str| {
            let mut command = side.command(&["encrypt", "--filename-override", path]);
            command.current_dir(repo.join(from));
            let ran = crate::support::run(command, b"secret: {b: 1}\nplain: 2\n");
            assert_eq!(ran.code, 0, "{}: {path}: {}", side.name(), ran.stderr);
            ran.stdout
        };
        let text = encrypt(".", "deep/er/a.yaml");
        assert!(text.contains("\nplain: 2\n") && text.contains("secret:\n  b: ENC["), "{}: {text}", side.name());
        assert!(text.contains(ALICE) && text.contains(BOB) && text.contains("mac_only_encrypted: true"), "{text}");
        // From the working directory upward, by the path below the file.
        let text = encrypt("deep/er", "a.yaml");
        assert!(text.contains("\nplain: 2\n") && text.contains("encrypted_regex: ^s"), "{}: {text}", side.name());
        let text = encrypt(".", "groups.yaml");
        assert_eq!(text.matches(ALICE).count(), 1, "{}: {text}", side.name());
        assert!(text.contains("shamir_threshold: 2") && text.contains("key_groups:"), "{text}");
        let text = encrypt(".", "other.yaml");
        assert!(
            text.contains(BOB) && !text.contains(ALICE) && text.contains("unencrypted_suffix: _unencrypted"),
            "{text}"
        );
    }
}

#[test]
fn another_name_is_pointed_out() {
    for side in sides() {
        side.bench.write(".sops.yml", "");
        let ran = side.sops_with(&["encrypt", "--age", ALICE, "--filename-override", "a.yaml"], &[], b"a: b\n");
        let stderr = steady(&side, &ran.stderr);
        let expected = "[CMD]\t time=T level=warning msg=\"ignoring \\\".sops.yml\\\" when searching for config file; the config file must be \
                        called \\\".sops.yaml\\\"\"\n";
        assert_eq!((ran.code, &*stderr), (0, expected), "{}", side.name());
    }
}

#[test]
fn completion_scripts_are_scripts() {
    for side in sides() {
        for (shell, begin) in [("bash", "complete "), ("zsh", "#compdef sops\n")] {
            let script = side.sops(&["completion", shell]).ok();
            assert!(script.contains(begin), "{}: {script}", side.name());
        }
        if !side.is_ours {
            continue;
        }
        let bin = side.bench.path("bin").display().to_string();
        let mut command = side.bench.command("bash");
        let path = format!("{bin}:{}", std::env::var("PATH").unwrap());
        let script = "source <(sops completion bash); COMP_WORDS=(sops enc); COMP_CWORD=1; _bulla_sops_words; echo \"${COMPREPLY[*]}\"";
        command.args(["-c", script]).env("PATH", path);
        assert_eq!(crate::support::run(command, b"").ok(), "encrypt\n");
    }
}
