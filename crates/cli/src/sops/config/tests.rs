//! What the file says, as tables. The texts are those of sops 3.13.3, tried with it.

use bulla_core::sops::{KeyKind, KeySource};

use super::*;
use crate::report::Code;

const ALICE: &str = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
const BOB: &str = "age1lggyhqrw2nlhcxprm67z43rta597azn8gknawjehu9d9dl0jq3yqqvfafg";

fn config(text: &str) -> Config {
    parse(text).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(Path::new("/repo/.sops.yaml"), text.as_bytes())
}

fn creation(text: &str, path: &str) -> Result<Option<Creation>, String> {
    config(text).creation_for(Path::new(path), &[]).map_err(|failure| failure.text)
}

fn identities(group: &Group) -> Vec<String> {
    group.keys.iter().map(|key| key.source.identity()).collect()
}

#[test]
fn the_first_rule_that_matches_wins_by_the_path_below_the_file() {
    let text = format!(
        "creation_rules:\n  - path_regex: ^prod/.*\\.yaml$\n    age: {ALICE}\n  - path_regex: \\.ya?ml$\n    age: {BOB}\n"
    );
    let who = |path: &str| creation(&text, path).map(|found| identities(&found.unwrap().groups[0]));
    assert_eq!(who("/repo/prod/a.yaml"), Ok(vec![ALICE.to_owned()]));
    assert_eq!(who("/repo/dev/prod/a.yml"), Ok(vec![BOB.to_owned()]));
    assert_eq!(who("/repo/a/../prod/a.yaml"), Ok(vec![ALICE.to_owned()]), "paths are cleaned");
    assert_eq!(who("/elsewhere/a.yml"), Ok(vec![BOB.to_owned()]), "outside, the absolute path is what patterns see");
    let none = Err("error loading config: no matching creation rules found".to_owned());
    assert_eq!(who("/repo/a.txt"), none);
    let config = config(&text);
    assert_eq!(
        config.rule_of(Path::new("/repo/prod/a.yaml")),
        Matched::Rule {
            subject: "prod/a.yaml".to_owned(),
            number: 1,
            line: 2,
            pattern: Some("^prod/.*\\.yaml$".to_owned())
        }
    );
    assert_eq!(config.rule_of(Path::new("/repo/a.txt")), Matched::None { subject: "a.txt".to_owned(), tried: 2 });
}

#[test]
fn no_rules_are_no_file_and_an_empty_list_is_one() {
    for text in ["", "creation_rules:\n", "destination_rules: []\n", "other: 1\n"] {
        assert_eq!(creation(text, "/repo/a"), Ok(None), "{text}");
    }
    assert!(creation("creation_rules: []", "/repo/a").is_err());
}

#[test]
fn keys_are_written_in_every_way() {
    let text = format!(
        "creation_rules:\n- age: '{ALICE}, {BOB},'\n  pgp: [85D77543B3D624B63CEA9E6DBC17301B491B3F21, AB CD]\n  \
         kms: 'arn:aws:kms:eu-west-1:1:key/a+arn:aws:iam::2:role/b,arn:aws:kms:eu-west-1:1:key/c'\n  aws_profile: dev\n  \
         gcp_kms: projects/p/locations/l/keyRings/r/cryptoKeys/k\n  hckms: ['r1:u1', 'r2:u2']\n  \
         azure_keyvault: https://v.vault.azure.net/keys/k/1,https://v.vault.azure.net/keys/newest\n  \
         hc_vault_transit_uri: [http://localhost:8200/v1/eu/transit/keys/k]\n"
    );
    let context = vec![("App".to_owned(), "x".to_owned())];
    let found = config(&text).creation_for(Path::new("/repo/a"), &context).map_err(|failure| failure.text);
    let found = found.unwrap().unwrap();
    let kinds: Vec<KeyKind> = found.keys().map(|key| key.source.kind()).collect();
    use KeyKind::*;
    assert_eq!(
        kinds,
        [Age, Age, Pgp, Pgp, AwsKms, AwsKms, GcpKms, HuaweiKms, HuaweiKms, AzureKeyVault, AzureKeyVault, Vault]
    );
    assert_eq!(
        identities(&found.groups[0]),
        [
            ALICE,
            BOB,
            "85D77543B3D624B63CEA9E6DBC17301B491B3F21",
            "ABCD",
            "arn:aws:kms:eu-west-1:1:key/a+arn:aws:iam::2:role/b|App:x|dev",
            "arn:aws:kms:eu-west-1:1:key/c|App:x|dev",
            "projects/p/locations/l/keyRings/r/cryptoKeys/k",
            "r1:u1",
            "r2:u2",
            "https://v.vault.azure.net/keys/k/1",
            "https://v.vault.azure.net/keys/newest/",
            "http://localhost:8200/v1/eu/transit/keys/k",
        ]
    );
}

#[test]
fn groups_are_merged_and_have_each_key_once() {
    let text = format!(
        "keys:\n  - &team {{age: [{ALICE}]}}\ncreation_rules:\n- age: {BOB}\n  shamir_threshold: 2\n  mac_only_encrypted: true\n  \
         encrypted_regex: ^(data|stringData)$\n  key_groups:\n  - merge: [*team, {{merge: [*team], pgp: [AB CD, ABCD]}}]\n    age: [{ALICE}, {BOB}]\n    \
         kms: [{{arn: 'arn:aws:kms:r:1:key/k', role: 'arn:r', context: {{b: '2', a: null}}, aws_profile: p}}]\n  \
         - gcp_kms: [{{resource_id: g}}]\n    hckms: [{{key_id: 'r:u'}}]\n    azure_keyvault: [{{vaultUrl: 'https://v', key: k, version: '1'}}]\n    \
         hc_vault: ['https://v:8200/v1/transit/keys/k']\n"
    );
    let found = creation(&text, "/repo/a").unwrap().unwrap();
    assert_eq!(
        found.groups.iter().map(identities).collect::<Vec<_>>(),
        [
            vec![ALICE, "ABCD", BOB, "arn:aws:kms:r:1:key/k+arn:r|a:,b:2|p"],
            vec!["g", "r:u", "https://v/keys/k/1", "https://v:8200/v1/transit/keys/k"],
        ]
    );
    assert_eq!((found.shamir_threshold, found.mac_only_encrypted), (2, true));
    assert_eq!(found.selector, Some(Selector::EncryptedRegex("^(data|stringData)$".to_owned())));
}

#[test]
fn what_a_lenient_reader_refuses_it_refuses_in_the_words_of_the_real_tool() {
    let unmarshal = |line: &str| format!("yaml: unmarshal errors:\n  {line}");
    for (text, expected) in [
        ("creation_rules: foo", unmarshal("line 1: cannot unmarshal !!str `foo` into []config.creationRule")),
        ("[]", unmarshal("line 1: cannot unmarshal !!seq into config.configFile")),
        ("foo", unmarshal("line 1: cannot unmarshal !!str `foo` into config.configFile")),
        ("a: 1\na: 2", unmarshal("line 2: mapping key \"a\" already defined at line 1")),
        ("stores: {yaml: {indent: x}}", unmarshal("line 1: cannot unmarshal !!str `x` into int")),
        (
            "creation_rules: [{path_regex: [a], shamir_threshold: x, mac_only_encrypted: maybe}]",
            unmarshal(
                "line 1: cannot unmarshal !!seq into string\n  line 1: cannot unmarshal !!str `x` into int\n  \
                 line 1: cannot unmarshal !!str `maybe` into bool",
            ),
        ),
        (
            "creation_rules: [{key_groups: [{age: age1abcdefgh}]}]",
            unmarshal("line 1: cannot unmarshal !!str `age1abc...` into []string"),
        ),
    ] {
        assert_eq!(parse(text).err().as_deref(), Some(&*expected), "{text}");
    }
    for (rule, expected) in [
        (
            "age: {a: b}",
            "invalid age key configuration: invalid age key configuration: expected string, []string, or nil, got map[string]interface {}",
        ),
        (
            "age: 12",
            "invalid age key configuration: invalid age key configuration: expected string, []string, or nil, got int",
        ),
        (
            "gcp_kms: [1, 2]",
            "invalid gcpkms key configuration: invalid gcp_kms key configuration: expected string in list, got int",
        ),
        (
            "encrypted_regex: a, unencrypted_suffix: b",
            "error loading config: cannot use more than one of encrypted_suffix, unencrypted_suffix, encrypted_regex, unencrypted_regex, encrypted_comment_regex, or unencrypted_comment_regex for the same rule",
        ),
        (
            "hc_vault_transit_uri: foo",
            "missing scheme in Vault URL (should be like this: +https://vault.example.com:8200/v1/transit/keys/keyName), got: foo",
        ),
        (
            "hc_vault_transit_uri: 'https://a/b/v1/x/keys/z'",
            "running Vault with a prefixed URL is not supported! (Format has to be like https://vault.example.com:8200/v1/transit/keys/keyName)",
        ),
        (
            "hc_vault_transit_uri: 'https://a/v1/x/z'",
            "vault path does not seem to be formatted correctly: (eg. https://vault.example.com:8200/v1/transit/keys/keyName)",
        ),
        (
            "azure_keyvault: 'https://a/v1/x/z'",
            "could not parse \"https://a/v1/x/z\" into a valid Azure Key Vault MasterKey []",
        ),
        ("hckms: [aa]", "invalid key ID format: expected 'region:key-uuid', got \"aa\""),
        ("age: foo", "failed to parse input, unknown recipient type: \"foo\""),
    ] {
        assert_eq!(creation(&format!("creation_rules: [{{{rule}}}]"), "/repo/a"), Err(expected.to_owned()), "{rule}");
    }
    let broken = creation("creation_rules: [{path_regex: '('}]", "/repo/a").unwrap_err();
    assert!(broken.starts_with("can not compile regexp: error parsing regexp"), "{broken}");
}

#[test]
fn unknown_keys_and_words_of_old_yaml_do_not_disturb_a_lenient_reader() {
    let text =
        "creation_rules: [{mac_only_encrypted: yes, encrypted_rgx: a, age: '', shamir_threshold: }]\nother: {a: [1]}\n";
    let found = creation(text, "/repo/a").unwrap().unwrap();
    assert!(found.mac_only_encrypted && found.selector.is_none() && found.groups[0].keys.is_empty());
    let indents = config("stores: {yaml: {indent: 2}, json: {indent: 0}, json_binary: {indent: 3}}").indents();
    assert_eq!((indents.yaml, indents.json, indents.binary), (2, 0, 3));
    assert_eq!(config("stores: {dotenv: {}}").indents(), Indents::default());
}

#[test]
fn aliases_and_merge_keys_are_those_of_go_yaml() {
    let text = format!(
        "base: &base {{age: {ALICE}, encrypted_regex: a, mac_only_encrypted: true}}\nother: &other {{pgp: ABCD, age: {BOB}}}\n\
         creation_rules:\n- age: {BOB}\n  <<: *base\n  path_regex: one\n- <<: [*base, *other]\n  encrypted_regex: b\n"
    );
    let one = creation(&text, "/repo/one").unwrap().unwrap();
    assert_eq!(identities(&one.groups[0]), [BOB], "a map's own keys win");
    assert_eq!(one.selector, Some(Selector::EncryptedRegex("a".to_owned())));
    let two = creation(&text, "/repo/two").unwrap().unwrap();
    assert_eq!(identities(&two.groups[0]), [ALICE, "ABCD"], "the first of several maps wins");
    assert_eq!(two.selector, Some(Selector::EncryptedRegex("b".to_owned())));
    assert_eq!(
        parse("creation_rules: [{<<: 1}]").err().as_deref(),
        Some("yaml: map merge requires map or sequence of maps as the value")
    );
    let bomb: String =
        (1..12).map(|n| format!("l{n}: &l{n} [{}]\n", vec![format!("*l{}", n - 1); 9].join(","))).collect();
    let error = parse(&format!("l0: &l0 x\n{bomb}")).err().unwrap();
    assert!(error.contains("alias"), "{error}");
    // What nobody reads may be as it is; twice in a rule is an error.
    assert!(parse("keys: {a: 1, a: 2, <<: 1}\n").is_ok());
    let twice = "yaml: unmarshal errors:\n  line 2: mapping key \"age\" already defined at line 1";
    assert_eq!(parse("creation_rules: [{age: a,\n age: b}]").err().as_deref(), Some(twice));
}

proptest::proptest! {
    /// Names of keys and files come from anywhere: they are refused, and never the end of the process.
    #[test]
    fn no_text_stops_the_reader(text in "[a-z1:/,+ .v\\-]{0,60}", yaml in "(creation_rules|- |path_regex|age|key_groups|merge|: |\\[|\\]|\\{|\\}|\n  |\n|a|,|'|\\*x|&x |<<){0,40}") {
        let _ = keys::age(&text);
        let _ = keys::azure(&text);
        let _ = keys::vault(&format!("https://v{text}"));
        let _ = keys::vault(&text);
        let _ = keys::huawei(&text);
        let _ = keys::aws_kms(&text, &[], "");
        let _ = kms_context(&text);
        if let Ok(config) = parse(&yaml) {
            let _ = config.creation_for(Path::new("/repo/a"), &[]);
            let _ = config.destination_for(Path::new("a"));
            let _ = config.check();
        }
    }
}

#[test]
fn destinations_have_defaults_and_one_place() {
    let text = "destination_rules:\n- {path_regex: '(', s3_bucket: never}\n- {path_regex: s3/, s3_bucket: b, s3_prefix: p/}\n\
                - {path_regex: gcs/, gcs_bucket: g, omit_extensions: true, recreation_rule: {pgp: ABCD}}\n\
                - {path_regex: v1/, vault_path: x, vault_kv_mount_name: kv, vault_kv_version: 1, vault_address: 'http://v'}\n\
                - {path_regex: two/, vault_path: x, s3_bucket: y}\n- {path_regex: v2/, vault_path: x/}\n- {path_regex: none/}\n";
    let config = config(text);
    let found = |path: &str| config.destination_for(Path::new(path)).map_err(|failure| failure.text);
    let vault = |address: &str, mount: &str, version| {
        Some(Place::Vault { address: address.to_owned(), path: "x/".to_owned(), mount: mount.to_owned(), version })
    };
    assert_eq!(found("s3/a").unwrap().place, Some(Place::S3 { bucket: "b".to_owned(), prefix: "p/".to_owned() }));
    let gcs = found("gcs/a").unwrap();
    assert!(gcs.omit_extensions && identities(&gcs.recreation.groups[0]) == ["ABCD"]);
    assert_eq!(found("v1/a").unwrap().place, vault("http://v", "kv/", 1));
    assert_eq!(found("v2/a").unwrap().place, vault("", "secret/", 2));
    assert_eq!(found("none/a").unwrap().place, None);
    assert!(found("two/a").unwrap_err().contains("more than one destinations"));
    assert_eq!(found("x"), Err("error loading config: no matching destination found in config".to_owned()));
}

#[test]
fn flags_name_keys_in_their_own_order() {
    let flags = KeyFlags {
        kms: "arn:aws:kms:r:1:key/k".to_owned(),
        pgp: "AB CD,EF".to_owned(),
        age: format!("{ALICE},{BOB}"),
        hc_vault_transit: "https://v/v1/t/keys/k,".to_owned(),
        encryption_context: "b:2,a:1".to_owned(),
        ..KeyFlags::default()
    };
    use KeyKind::*;
    let kinds = |keys: &[bulla_core::sops::MasterKey]| keys.iter().map(|key| key.source.kind()).collect::<Vec<_>>();
    let group = flags.group().map_err(|failure| failure.text).unwrap().unwrap();
    assert_eq!(kinds(&group.keys), [AwsKms, Pgp, Pgp, Vault, Age, Age]);
    let KeySource::AwsKms { context, .. } = &group.keys[0].source else { panic!("no KMS key") };
    assert_eq!(context, &[("a".to_owned(), "1".to_owned()), ("b".to_owned(), "2".to_owned())]);
    let changes = flags.changes().map_err(|failure| failure.text).unwrap();
    assert_eq!(kinds(&changes), [AwsKms, Pgp, Pgp, Vault, Age, Age]);
    assert!(KeyFlags::default().group().map_err(|failure| failure.text).unwrap().is_none());
    let bad = KeyFlags { encryption_context: "a".to_owned(), ..KeyFlags::default() };
    let failure = bad.group().err().unwrap();
    assert_eq!((failure.code, &*failure.text), (6, "Invalid KMS encryption context format"));
    for (context, expected) in [("", false), ("a:b", true), ("a:b:c", false), ("a:b,", false), (":", true)] {
        assert_eq!(kms_context(context).is_some(), expected, "{context}");
    }
}

/// What the strict reading says: code, and a part of the message and hint.
fn strict(text: &str) -> Result<(), (Code, String)> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, text).unwrap();
    let config = check::read(&path).and_then(|config| config.check().map(|()| config));
    config.map(drop).map_err(|report| (report.code(), format!("{} ({})", report.message(), report.cure())))
}

#[test]
fn strict_reading_takes_what_can_be_meant() {
    for text in [
        "",
        "creation_rules:\n",
        &format!("keys: [&a {ALICE}]\nx-more: 1\ncreation_rules: [{{path_regex: a, age: [*a]}}, {{age: {BOB}}}]\n"),
        "creation_rules: [{encrypted_regex: '^data$', pgp: 85D77543B3D624B63CEA9E6DBC17301B491B3F21}]",
        &format!("creation_rules: [{{key_groups: [{{age: [{ALICE}]}}, {{age: [{BOB}]}}], shamir_threshold: 2}}]"),
        "destination_rules: [{vault_path: a, vault_kv_version: 1, recreation_rule: {}}]\nstores: {yaml: {indent: 2}, ini: }\n",
        "creation_rules: [{kms: 'arn:aws-cn:kms:cn-north-1:12:alias/k+arn:aws:iam::1:role/x, arn:aws:kms:r:1:key/k'}]",
    ] {
        assert_eq!(strict(text), Ok(()), "{text}");
    }
}

#[test]
fn strict_reading_refuses_what_cannot_be_meant_with_its_place() {
    use Code::{SopsConfigKey as Key, SopsConfigMalformed as Malformed, SopsConfigValue as Value};
    let group = format!("{{age: [{ALICE}]}}");
    for (text, code, parts) in [
        ("creation_rules: [\n", Malformed, &["line "][..]),
        ("a: 1\na: 2\n", Malformed, &["line 2", "\"a\" already defined at line 1"]),
        (
            "creation_rules: foo\n",
            Malformed,
            &["line 1, column 17", "creation_rules: found text, where a list is needed"],
        ),
        ("creation_rules:\n- age: 1\n", Malformed, &["line 2, column 8", "age: found a number", "a list of texts"]),
        ("creation_rule: []\n", Key, &["line 1, column 1", "`creation_rule` in the file", "`creation_rules`?"]),
        (
            "creation_rules:\n- encrypted_rgex: a\n",
            Key,
            &["line 2, column 3", "in a creation rule", "`encrypted_regex`?"],
        ),
        ("creation_rules:\n- key_groups:\n  - hc_vault_uris: []\n", Key, &["line 3, column 5", "in a key group"]),
        ("anything: 1\n", Key, &["known here: creation_rules", "`keys`"]),
        (
            "creation_rules:\n- path_regex: '('\n",
            Value,
            &["line 2, column 15", "creation_rules[0].path_regex", "single quotes"],
        ),
        ("creation_rules:\n- encrypted_regex: '['\n", Value, &["creation_rules[0].encrypted_regex: not a regular"]),
        (
            "creation_rules:\n- encrypted_regex: a\n  unencrypted_suffix: b\n",
            Value,
            &["line 2, column 20", "already has unencrypted_suffix"],
        ),
        (
            "creation_rules:\n- age: age1foo\n",
            Value,
            &["line 2, column 8", "age: failed to parse", "how it was copied"],
        ),
        ("creation_rules:\n- pgp: [me@example.org]\n", Value, &["line 2, column 9", "not the fingerprint"]),
        ("creation_rules:\n- kms: arn:aws:s3:::b\n", Value, &["not the ARN of a key"]),
        ("creation_rules:\n- gcp_kms: projects/p\n", Value, &["not the resource ID"]),
        ("creation_rules:\n- shamir_threshold: 2\n", Value, &["nothing to share"]),
        (
            &format!("creation_rules:\n- shamir_threshold: 3\n  key_groups: [{group}, {group}]\n"),
            Value,
            &["from 2 to 2"],
        ),
        (
            &format!("creation_rules:\n- age: {BOB}\n  key_groups: [{group}]\n"),
            Value,
            &["line 2, column 8", "has no effect"],
        ),
        ("creation_rules:\n- key_groups: [{kms: [{role: a}]}]\n", Value, &["kms", "`arn` is missing"]),
        (
            &format!("creation_rules:\n- age: {BOB}\n- path_regex: a\n"),
            Value,
            &["line 3, column 3", "never used", "line 2", "last"],
        ),
        ("destination_rules:\n- path_regex: a\n", Value, &["names no destination"]),
        ("destination_rules:\n- {s3_bucket: a, vault_path: b}\n", Value, &["already has s3_bucket"]),
        ("destination_rules:\n- {vault_path: b, vault_kv_version: 3}\n", Value, &["must be 1 or 2"]),
        ("stores: {yaml: {indent: 0}}\n", Value, &["stores.yaml.indent"]),
    ] {
        let (found, said) = strict(text).expect_err(text);
        assert_eq!(found, code, "{said}\n{text}");
        for part in parts {
            assert!(said.contains(part), "no {part:?} in: {said}");
        }
    }
}
