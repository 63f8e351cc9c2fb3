//! `.bulla.yaml`: what is understood, what is refused and in which words; and that the shipped JSON Schema says the same.
#![allow(clippy::unwrap_used, reason = "a test fails with what it got")]

use std::collections::BTreeSet;

use serde_json::Value;

use super::*;

const SAMPLE: &str = r#"
clusters:
  prod-eu: {certificate: certs/prod-eu.pem, fingerprint: "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU", context: prod-eu}
  prod-us: {context: prod-us}
rules:
  - path: apps/*/secrets/*.yaml
    format: sealedsecret
    clusters: [prod-eu]
    scope: strict
  - path: "global/**/*.{yaml,json}"
    clusters: [prod-eu, prod-us]
    out: "{dir}/sealed/{stem}.{cluster}.yaml"
    scope: namespace-wide
  - path: sops/**
    format: sops
policy:
  plain-secrets: deny
  certificate-max-age: 90d
"#;

fn parse(text: &str) -> Result<Config> {
    Config::parse(".bulla.yaml", PathBuf::from("/repo"), text)
}

fn message(text: &str) -> String {
    let text = parse(text).unwrap_err().render();
    anstream::adapter::strip_str(&text).to_string()
}

#[test]
fn the_sample_of_the_manual_is_understood() {
    let config = parse(SAMPLE).unwrap();
    let prod = config.cluster("prod-eu").unwrap();
    assert_eq!(prod.certificate.as_deref(), Some(Path::new("/repo/certs/prod-eu.pem")));
    assert_eq!(prod.context.as_deref(), Some("prod-eu"));
    assert_eq!(prod.fingerprint.as_ref().unwrap().as_str(), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
    assert_eq!(config.rules().len(), 3);
    assert_eq!(config.rules()[1].scope(), Some(Scope::NamespaceWide));
    assert_eq!(config.rules()[2].format, Format::Sops);
    assert_eq!(config.policy.plain_secrets, PlainSecrets::Deny);
    assert_eq!(config.policy.certificate_max_age, Some(jiff::SignedDuration::from_hours(90 * 24)));
    for empty in ["", "# nothing\n", "{}", "clusters:\nrules:\npolicy:\n"] {
        let config = parse(empty).unwrap();
        assert!(config.clusters().is_empty() && config.rules().is_empty(), "{empty:?}");
    }
}

#[test]
fn what_is_wrong_is_told_with_line_key_and_the_nearest_right_one() {
    for (text, expected) in [
        (
            "clusters:\n  a: {contxt: b}\n",
            &["line 2, column 7", "no key `contxt`", "did you mean `context`?", "(E0802)"][..],
        ),
        ("rule: []\n", &["line 1", "no key `rule`", "did you mean `rules`?"]),
        ("nonsense: 1\n", &["no key `nonsense`", "known here: clusters, rules, policy"]),
        ("rules:\n- path: a\n  scope: stict\n", &["line 3", "`stict` is none", "did you mean `strict`?", "(E0803)"]),
        ("rules:\n- path: a\n  format: age\n", &["line 3", "`age` is none", "one of: sealedsecret, sops"]),
        ("rules:\n- scope: strict\n", &["line 2", "the key `path` is missing", "(E0801)"]),
        ("rules:\n- path: a\n  path: b\n", &["line 3", "the key `path` is there twice"]),
        ("rules: 7\n", &["line 1", "(E0801)"]),
        ("clusters: [a]\n", &["line 1", "(E0801)"]),
        ("rules: [\n", &["(E0801)", "bulla.schema.json"]),
        ("clusters:\n  a: {}\n", &["line 2", "clusters.a: nothing is said about the cluster", "(E0803)"]),
        ("clusters:\n  a/b: {context: x}\n", &["clusters.a/b: the name of a cluster becomes part of file names"]),
        (
            "clusters:\n  a:\n    fingerprint: MD5:00\n",
            &["line 3, column 18", "clusters.a.fingerprint: not a fingerprint", "43 characters"],
        ),
        (
            "clusters: {prod-eu: {context: x}}\nrules:\n- path: a\n  clusters: [prod-ue]\n",
            &["line 4, column 14", "rules[0].clusters: there is no cluster prod-ue", "did you mean prod-eu?"],
        ),
        ("rules:\n- path: a\n  clusters: [a]\n", &["there is no cluster a", "describe it under `clusters:`"]),
        ("rules:\n- path: 'a{'\n", &["line 2", "rules[0].path: not a glob"]),
        ("rules:\n- path: /etc/*\n", &["relative to the folder of this file"]),
        ("rules:\n- path: a/../../b\n", &["relative to the folder of this file"]),
        ("rules:\n- path: ''\n", &["the path is empty"]),
        (
            "clusters: {a: {context: x}, b: {context: y}}\nrules:\n- path: p\n  clusters: [a, b]\n",
            &["line 3", "rules[0].out: missing", "{dir}/{stem}.{cluster}.yaml"],
        ),
        (
            "clusters: {a: {context: x}, b: {context: y}}\nrules:\n- path: p\n  clusters: [a, b]\n  out: '{stem}.y'\n",
            &["line 5", "does not name {cluster}"],
        ),
        ("rules:\n- path: p\n  out: '{stem}.{cluster}.yaml'\n", &["names {cluster}, but the rule has no clusters"]),
        ("rules:\n- path: p\n  out: '{name}.yaml'\n", &["{name} is not known"]),
        ("rules:\n- path: p\n  out: '{stem.yaml'\n", &["a `{` is not closed"]),
        ("rules:\n- path: p\n  out: all.yaml\n", &["does not name {stem}"]),
        ("rules:\n- path: p\n  out: '/{stem}'\n", &["relative to the folder"]),
        ("policy: {certificate-max-age: 90}\n", &["policy.certificate-max-age: not a length of time", "36h, 90d, 12w"]),
        ("policy: {certificate-max-age: 0d}\n", &["not a length of time"]),
        ("policy: {certificate-max-age: é}\n", &["not a length of time"]),
        ("policy: {plain-secrets: refuse}\n", &["`refuse` is none", "one of: deny, warn, allow"]),
        ("a: &x [*x]\n", &["(E080"]),
        ("a: 1\n---\nb: 2\n", &["(E080"]),
    ] {
        let message = message(text);
        assert!(message.starts_with("bulla: error: .bulla.yaml"), "{message}");
        for words in expected {
            assert!(message.contains(words), "{text}: {words:?} is not in {message}");
        }
    }
    let config = parse(SAMPLE).unwrap();
    let hint = config.cluster("prod-ue").unwrap_err().render();
    assert!(hint.contains("did you mean prod-eu?") || hint.contains("did you mean prod-us?"), "{hint}");
}

#[test]
fn the_first_rule_that_matches_wins_and_stars_stop_at_slashes() {
    let text = "rules:\n- path: a/*.yaml\n- path: a/**\n- path: ./*.yml\n";
    let config = parse(text).unwrap();
    let rule = |path: &str| config.rule(&Path::new("/repo").join(path)).map(Rule::pattern);
    for (path, expected) in [
        ("a/x.yaml", Some("a/*.yaml")),
        ("a/./x.yaml", Some("a/*.yaml")),
        ("a/b/x.yaml", Some("a/**")),
        ("x.yml", Some("*.yml")),
        ("b/x.yml", None),
        ("b", None),
    ] {
        assert_eq!(rule(path), expected, "{path}");
    }
    assert!(config.rule(Path::new("/elsewhere/a/x.yaml")).is_none());
}

#[test]
fn outputs_are_named_by_the_rule_and_stay_in_the_repository() {
    let config = parse(SAMPLE).unwrap();
    let rule = config.rule(Path::new("/repo/global/x/db.yaml")).unwrap();
    let outputs = rule.outputs(Path::new("global/x/db.yaml")).unwrap().unwrap();
    let paths: Vec<_> = outputs.iter().map(|output| output.path.to_str().unwrap()).collect();
    assert_eq!(paths, ["global/x/sealed/db.prod-eu.yaml", "global/x/sealed/db.prod-us.yaml"]);
    assert_eq!(outputs[1].cluster.as_deref(), Some("prod-us"));

    let config = parse("rules:\n- path: '**'\n  out: '{dir}/../sealed/{stem}.yaml'\n").unwrap();
    let rule = &config.rules()[0];
    assert_eq!(rule.outputs(Path::new("a/b.yaml")).unwrap().unwrap()[0].path, Path::new("sealed/b.yaml"));
    assert_eq!(rule.outputs(Path::new("b.yaml")).unwrap_err(), Path::new("./../sealed/b.yaml"));
    assert!(parse("rules:\n- path: '**'\n").unwrap().rules()[0].outputs(Path::new("a")).unwrap().is_none());
}

#[test]
fn a_sealed_file_belongs_to_the_cluster_that_its_name_says() {
    let config = parse(SAMPLE).unwrap();
    let cluster = |path: &str| config.cluster_of(&Path::new("/repo").join(path)).map(|cluster| cluster.name.as_str());
    assert_eq!(cluster("global/x/sealed/db.prod-us.yaml"), Some("prod-us"));
    assert_eq!(cluster("global/x/sealed/db.prod-eu.yaml"), Some("prod-eu"));
    assert_eq!(cluster("global/x/db.yaml"), None, "a plain file of a rule for two");
    assert_eq!(cluster("apps/web/secrets/db.yaml"), Some("prod-eu"));
    assert_eq!(cluster("other.yaml"), None, "two clusters, and no rule");
    let one = parse("clusters: {only: {context: x}}\n").unwrap();
    assert_eq!(one.cluster_of(Path::new("/repo/x.yaml")).unwrap().name, "only");
}

#[test]
fn the_file_is_looked_for_up_to_the_root_of_the_work_tree_only() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().canonicalize().unwrap();
    let deep = root.join("repo/a/b");
    std::fs::create_dir_all(&deep).unwrap();
    std::fs::write(root.join(FILE), "").unwrap();
    assert!(Config::find(&deep).unwrap().is_none(), "no work tree: only the folder itself");
    assert!(Config::find(&root).unwrap().is_some());

    std::fs::create_dir(root.join("repo/.git")).unwrap();
    assert!(Config::find(&deep).unwrap().is_none(), "the one above the work tree is not this repository's");
    std::fs::write(root.join("repo").join(FILE), "policy: {plain-secrets: warn}\n").unwrap();
    let config = Config::find(&deep).unwrap().unwrap();
    assert_eq!(config.folder(), root.join("repo"));
    assert_eq!(config.path(), root.join("repo/.bulla.yaml"));
    std::fs::write(root.join("repo/a").join(FILE), "x").unwrap();
    assert_eq!(Config::find(&deep).unwrap_err().code(), Code::ConfigMalformed);
}

#[test]
fn large_files_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(FILE);
    std::fs::write(&path, "#".repeat(MAX_BYTES + 1)).unwrap();
    assert_eq!(Config::read(&path).unwrap_err().code(), Code::ReadFile);
}

fn schema() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/bulla.schema.json");
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What a schema says of a map: its keys, and which of them must be there.
fn keys(schema: &Value) -> (BTreeSet<String>, BTreeSet<String>) {
    assert_eq!(schema["additionalProperties"], false, "strict, as the reader is");
    let names = schema["properties"].as_object().unwrap().keys().cloned().collect();
    let required = schema["required"].as_array().into_iter().flatten();
    (names, required.map(|name| name.as_str().unwrap().to_owned()).collect())
}

#[test]
fn the_schema_has_every_key_of_the_reader_and_no_other() {
    let schema = schema();
    let cluster = &schema["properties"]["clusters"]["additionalProperties"];
    let rule = &schema["properties"]["rules"]["items"];
    let policy = &schema["properties"]["policy"];
    for (place, schema, wrap) in [
        ("the file", &schema, "%\n"),
        ("a cluster", cluster, "clusters: {a: {%}}\n"),
        ("a rule", rule, "rules: [{%}]\n"),
        ("policy", policy, "policy: {%}\n"),
    ] {
        let (names, required) = keys(schema);
        // The reader lists the keys that it knows when it meets one that it does not.
        let error = file::parse(&wrap.replace('%', "no-such-key-anywhere: 1")).unwrap_err();
        let serde_saphyr::Error::SerdeUnknownField { expected, .. } = error.without_snippet() else {
            panic!("{place}: {error}")
        };
        assert_eq!(names, expected.iter().map(|name| (*name).to_owned()).collect(), "{place}");
        let missing = file::parse(&wrap.replace('%', "")).err().map(|error| match error.without_snippet() {
            serde_saphyr::Error::SerdeMissingField { field, .. } => (*field).to_owned(),
            other => panic!("{place}: {other}"),
        });
        assert_eq!(required, missing.into_iter().collect(), "{place}");
    }
}

#[test]
fn the_words_of_the_schema_are_those_of_the_reader() {
    let schema = schema();
    let rule = &schema["properties"]["rules"]["items"]["properties"];
    let policy = &schema["properties"]["policy"]["properties"];
    for (schema, wrap) in [
        (&rule["format"], "rules: [{path: a, format: %}]"),
        (&rule["scope"], "rules: [{path: a, scope: %}]"),
        (&policy["plain-secrets"], "policy: {plain-secrets: %}"),
    ] {
        let error = file::parse(&wrap.replace('%', "no-such-word")).unwrap_err();
        let serde_saphyr::Error::SerdeUnknownVariant { expected, .. } = error.without_snippet() else {
            panic!("{error}")
        };
        let words: Vec<&str> = schema["enum"].as_array().unwrap().iter().map(|word| word.as_str().unwrap()).collect();
        assert_eq!(&words, expected);
    }
}

/// Enough of JSON Schema for ours: what is used beyond it fails.
fn valid(schema: &Value, value: &Value) -> std::result::Result<(), String> {
    for (keyword, rule) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "$schema" | "$id" | "title" | "description" | "examples" | "default" => true,
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                other => panic!("type {other}"),
            },
            "enum" => rule.as_array().unwrap().contains(value),
            "pattern" => {
                regex::Regex::new(rule.as_str().unwrap()).unwrap().is_match(value.as_str().unwrap_or_default())
            }
            "minLength" => value.as_str().unwrap_or_default().len() >= usize::try_from(rule.as_u64().unwrap()).unwrap(),
            "minProperties" => {
                value.as_object().map_or(0, serde_json::Map::len) >= usize::try_from(rule.as_u64().unwrap()).unwrap()
            }
            "uniqueItems" => true,
            "required" => rule.as_array().unwrap().iter().all(|name| value.get(name.as_str().unwrap()).is_some()),
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    valid(rule, item)?;
                }
                true
            }
            "propertyNames" => {
                for name in value.as_object().into_iter().flatten().map(|(name, _)| name) {
                    valid(rule, &Value::from(name.as_str()))?;
                }
                true
            }
            "properties" => {
                for (name, rule) in rule.as_object().unwrap() {
                    if let Some(value) = value.get(name) {
                        valid(rule, value)?;
                    }
                }
                true
            }
            "additionalProperties" => {
                let known = schema.get("properties").and_then(Value::as_object);
                for (name, value) in value.as_object().into_iter().flatten() {
                    if known.is_some_and(|known| known.contains_key(name)) {
                        continue;
                    }
                    match rule {
                        Value::Bool(false) => return Err(format!("{name} is not known")),
                        rule => valid(rule, value)?,
                    }
                }
                true
            }
            other => panic!("the schema uses {other}"),
        };
        if !holds {
            return Err(format!("{keyword}: {value}"));
        }
    }
    Ok(())
}

#[test]
fn reader_and_schema_agree_on_samples() {
    let schema = schema();
    let json = |text: &str| {
        bulla_yaml::read_one(text.as_bytes(), &bulla_yaml::Limits::default()).unwrap().root.to_json().unwrap()
    };
    for good in [SAMPLE, "{}", "policy: {certificate-max-age: 36h}", "clusters: {a: {certificate: c.pem}}"] {
        parse(good).unwrap();
        valid(&schema, &json(good)).unwrap_or_else(|error| panic!("{good}: {error}"));
    }
    for bad in [
        "x: 1",
        "rules: [{}]",
        "rules: [{path: a, x: b}]",
        "rules: [{path: ''}]",
        "rules: [{path: a, scope: wide}]",
        "rules: [{path: a, out: x.yaml}]",
        "clusters: {a: {}}",
        "clusters: {'a b': {context: c}}",
        "clusters: {a: {fingerprint: SHA256:short}}",
        "policy: {certificate-max-age: 90}",
        "policy: {plain-secrets: never}",
    ] {
        assert!(parse(bad).is_err(), "the reader takes {bad}");
        assert!(valid(&schema, &json(bad)).is_err(), "the schema takes {bad}");
    }
}
