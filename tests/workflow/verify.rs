//! `bulla verify` on work trees: every rule has a file that breaks it, and one that does not.

use std::fs;

use bulla_core::go_base64;
use bulla_core::sealed::Scope;
use serde_json::Value;

use crate::reseal::{Controller, bench, keys, repository, sealed, value};
use crate::support::{Bench, CANARY, assert_no_canary, vector, vectors};

/// A good SealedSecret.
fn good(name: &str) -> String {
    sealed(&keys()[1], name, &["password"])
}

/// The rules that were broken, with file and line, in the order of the report.
fn findings(bench: &Bench, words: &[&str]) -> Vec<(String, String, u64)> {
    let ran = bench.bulla(&[&["verify", "-o", "json"], words].concat());
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}{}", ran.stdout, ran.stderr));
    let found: Vec<_> = report["findings"]
        .as_array()
        .unwrap()
        .iter()
        .map(|finding| {
            assert!(!finding["hint"].as_str().unwrap().is_empty());
            let text = |field: &str| finding[field].as_str().unwrap().to_owned();
            (text("rule"), text("file"), finding["line"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(ran.code, if found.is_empty() { 0 } else { 2 }, "{}", ran.stderr);
    assert_no_canary(&(ran.stdout + &ran.stderr));
    found
}

#[test]
fn every_rule_finds_what_it_is_for_and_nothing_else() {
    let v = value(&keys()[1], Scope::Strict, "shop", "db", CANARY);
    let large = go_base64::encode(&[&[2, 0][..], &[7; 600]].concat());
    let db = good("db");
    let annotated =
        |text: &str| db.replace("  namespace: shop\n", &format!("  namespace: shop\n  annotations:\n    {text}\n"));
    let templated = |text: &str| format!("{db}  template:\n    metadata: {text}\n");
    let with = |text: &str| format!("{db}    other: {text}\n");
    for (rule, line, text) in [
        ("BV001", 10, format!("{db}    x: [\n")),
        ("BV002", 2, format!("# a\n<<<<<<< HEAD\n{db}")),
        ("BV003", 10, with("'AgA%'")),
        ("BV003", 10, with("5")),
        ("BV003", 10, with("null")),
        ("BV004", 10, with("AQ==")),
        ("BV004", 10, with(&v[..80])),
        ("BV004", 10, with(&go_base64::encode(b"a plain password, in base64"))),
        ("BV005", 10, with(&large)),
        ("BV006", 8, annotated("sealedsecrets.bitnami.com/cluster-wide: true")),
        ("BV006", 8, annotated("sealedsecrets.bitnami.com/namespace-wide: \"yes\"")),
        (
            "BV006",
            9,
            annotated(
                "sealedsecrets.bitnami.com/cluster-wide: \"true\"\n    sealedsecrets.bitnami.com/namespace-wide: \"true\"",
            ),
        ),
        ("BV007", 11, templated("{annotations: {sealedsecrets.bitnami.com/cluster-wide: \"true\"}}")),
        ("BV008", 11, templated("{name: old}")),
        ("BV008", 11, templated("{namespace: old}")),
        ("BV009", 5, db.replace("name: db ", "name: Db ")),
        ("BV009", 6, db.replace("namespace: shop", "namespace: sh.op")),
        ("BV009", 5, db.replace("name: db ", "name: 12 ")),
        ("BV010", 5, db.replace("  namespace: shop\n", "")),
        ("BV011", 12, format!("{db}---\n{}", good("db"))),
        ("BV012", 10, db.replace("  encryptedData:\n", &format!("  encryptedData:\n    password: {v}\n"))),
        ("BV013", 21, format!("a: 1\n---\n{db}---\n{}", db.replace("name: db ", "name: copy "))),
        ("BV015", 1, format!("apiVersion: v1\nkind: Secret\nmetadata: {{name: s}}\nstringData: {{p: {CANARY}}}\n")),
        ("BV017", 10, format!("{db}    \"a b\": {v}\n")),
        ("BV018", 8, format!("{}  data: {v}\n", db.split("  encryptedData").next().unwrap())),
        ("BV020", 2, format!("{}  encryptedData: {{}}\n", db.split("  encryptedData").next().unwrap())),
    ] {
        let bench = bench();
        bench.write("f.yaml", &text);
        bench.write("good.yaml", good("other"));
        let found = findings(&bench, &["--cert", ".keys/new.pem"]);
        let rules: Vec<&str> = found.iter().map(|(rule, ..)| rule.as_str()).collect();
        let place = found.first().map(|(_, file, line)| (file.as_str(), *line));
        assert_eq!((rules.as_slice(), place), (&[rule][..], Some(("f.yaml", line))), "{text}");
        assert!(findings(&bench, &["--cert", ".keys/new.pem", "--ignore", rule]).is_empty(), "{rule}");
    }
}

#[test]
fn what_is_fine_is_not_found_fault_with() {
    let wide = value(&keys()[1], Scope::ClusterWide, "", "", CANARY);
    let object = |name: &str, metadata: &str| {
        format!(
            "apiVersion: bitnami.com/v1alpha1\nkind: SealedSecret\nmetadata: {{name: {name}, {metadata}annotations: {{sealedsecrets.bitnami.com/cluster-wide: \"true\"}}}}\nspec: {{encryptedData: {{k: {wide}}}}}\n"
        )
    };
    for (what, text) in [
        ("a good one", good("db")),
        ("wrapped", good("db").replace("password: ", "password: |\n      ").replace(" # password", "")),
        (
            "a cluster-wide value in two places, one without a namespace",
            format!("{}---\n{}", object("a", ""), object("b", "namespace: x, ")),
        ),
        ("a Secret of sops", vector("sops/enc/k8s.encregex.yaml")),
        ("a Secret without values", "kind: Secret\napiVersion: v1\nmetadata: {name: a}\n".to_owned()),
        (
            "a template alone",
            good("db").split("  encryptedData").next().unwrap().to_owned()
                + "  encryptedData: {}\n  template: {data: {a: b}}\n",
        ),
        ("another kind", "kind: Deployment\nspec: {a: 1, a: 2, secretName: Secret}\n".to_owned()),
        ("a template of a manifest", "kind: SealedSecret\nname: {{ .x }}\n{{- if y }}\n".to_owned()),
    ] {
        let bench = bench();
        bench.write("f.yaml", text);
        assert_eq!(findings(&bench, &["--cert", ".keys/new.pem"]), [], "{what}");
    }
}

#[test]
fn the_policy_of_the_repository_counts() {
    let bench = bench();
    for folder in ["eu", "us"] {
        fs::create_dir(bench.path(folder)).unwrap();
        bench.write(&format!("{folder}/db.yaml"), good("db"));
    }
    bench.write("plain.yaml", "apiVersion: v1\nkind: Secret\nmetadata: {name: s}\ndata: {p: eA==}\n");
    let found = findings(&bench, &[]);
    assert_eq!(found.iter().map(|f| f.0.as_str()).collect::<Vec<_>>(), ["BV015", "BV011"], "{found:?}");
    bench.write("old.pem", fs::read(bench.path(".keys/old.pem")).unwrap());
    bench.write("large.pem", fs::read(vectors("sealed/keys/key1.crt")).unwrap());
    let config = |policy: &str| {
        format!(
            "clusters: {{eu: {{certificate: old.pem}}, us: {{certificate: large.pem}}}}\nrules:\n- {{path: eu/*, clusters: [eu]}}\n- {{path: us/*, clusters: [us]}}\npolicy: {{{policy}}}\n"
        )
    };
    bench.write(".bulla.yaml", config("certificate-max-age: 30d"));
    let found = findings(&bench, &[]);
    let found: Vec<_> = found.iter().map(|(rule, file, _)| (rule.as_str(), file.as_str())).collect();
    assert_eq!(
        found,
        [("BV014", "old.pem"), ("BV015", "plain.yaml"), ("BV005", "us/db.yaml")],
        "no duplicates across clusters"
    );
    let severity = |policy: &str| {
        bench.write(".bulla.yaml", config(policy));
        let report: Value = serde_json::from_str(&bench.bulla(&["verify", "--json", "plain.yaml"]).stdout).unwrap();
        report["findings"]
            .as_array()
            .unwrap()
            .iter()
            .find(|f| f["rule"] == "BV015")
            .map(|f| f["severity"].as_str().unwrap().to_owned())
    };
    assert_eq!(severity("certificate-max-age: 90d").as_deref(), Some("error"), "deny is the default of the file");
    assert_eq!(severity("plain-secrets: warn").as_deref(), Some("warning"));
    assert_eq!(severity("plain-secrets: allow"), None);
    bench.write("large.pem", "nothing");
    assert!(findings(&bench, &["plain.yaml"]).iter().any(|(rule, file, _)| rule == "BV019" && file == "large.pem"));
    // By flag.
    assert_eq!(findings(&bench, &["--cert", ".keys/old.pem", "--max-age", "4w", "eu"])[0].0, "BV014");
    assert_eq!(findings(&bench, &["--cert", ".keys/old.pem", "--max-age", "90d", "eu"]), []);
}

#[test]
fn the_teams_repository_is_clean_once_it_is_sealed() {
    let (bench, files) = repository();
    let found = findings(&bench, &["repo"]);
    assert!(found.iter().all(|(rule, ..)| rule == "BV011" || rule == "BV010" || rule == "BV008"), "{found:?}");
    let report: Value = serde_json::from_str(&bench.bulla(&["verify", "repo", "--json"]).stdout).unwrap();
    assert!(report["summary"]["files"].as_u64().unwrap() >= files.len() as u64);
}

fn broken() -> Bench {
    let bench = bench();
    fs::create_dir(bench.path("my apps")).unwrap();
    bench.write("my apps/a&b.yaml", good("db") + "    \"<x>\": 'AgA%'\n");
    bench.write("good.yaml", good("other"));
    bench
}

#[test]
fn sarif_has_what_code_scanning_wants() {
    let report: Value = serde_json::from_str(&broken().bulla(&["verify", "-o", "sarif"]).stdout).unwrap();
    assert_eq!(report["version"], "2.1.0");
    assert!(report["$schema"].as_str().unwrap().contains("sarif-2.1.0"));
    let runs = report["runs"].as_array().unwrap();
    let driver = &runs[0]["tool"]["driver"];
    assert_eq!((runs.len(), driver["name"].as_str()), (1, Some("bulla")));
    let rules = driver["rules"].as_array().unwrap();
    for rule in rules {
        for field in ["id", "name"] {
            assert!(rule[field].is_string(), "{rule}");
        }
        for field in ["shortDescription", "fullDescription", "help"] {
            assert!(!rule[field]["text"].as_str().unwrap().is_empty(), "{rule}");
        }
        assert!(["error", "warning"].contains(&rule["defaultConfiguration"]["level"].as_str().unwrap()));
    }
    let results = runs[0]["results"].as_array().unwrap();
    assert_eq!(results.len(), 2, "{results:#?}");
    for result in results {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(!result["message"]["text"].as_str().unwrap().is_empty());
        let place = &result["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "my%20apps/a%26b.yaml");
        assert_eq!(place["region"]["startLine"], 10);
        assert!(place["region"]["startColumn"].as_u64().unwrap() > 0);
        assert_eq!(result["partialFingerprints"]["bulla/v1"].as_str().unwrap().len(), 16);
    }
}

#[test]
fn junit_and_text_say_the_same_and_nothing_breaks_out() {
    let bench = broken();
    let junit = bench.bulla(&["verify", "-o", "junit"]);
    assert_eq!(junit.code, 2);
    let text = junit.stdout;
    assert!(
        text.starts_with(
            "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites name=\"bulla verify\" tests=\"2\" failures=\"1\""
        ),
        "{text}"
    );
    assert!(
        text.contains("name=\"my apps/a&amp;b.yaml\"") && text.contains("&lt;x&gt;") && !text.contains("<x>"),
        "{text}"
    );
    assert_eq!(text.matches("<failure ").count(), 2);
    assert_eq!(text.matches("<testcase ").count(), 2);
    let text = bench.bulla(&["verify"]);
    assert!(text.stdout.starts_with("my apps/a&b.yaml:10:"), "{}", text.stdout);
    assert!(
        text.stdout.contains("error BV003: shop/db: <x>: illegal base64 data at input byte 3\n    hint: "),
        "{}",
        text.stdout
    );
    assert!(text.stderr.contains("2 findings"), "{}", text.stderr);
    assert_eq!(bench.bulla(&["verify", "-q", "good.yaml"]).stderr, "");
}

#[test]
fn what_cannot_be_done_is_no_finding() {
    let bench = bench();
    bench.write("f.yaml", good("db"));
    for (words, code, messages) in [
        (&["nowhere"][..], 1, &["nowhere: no such file", "E0101"][..]),
        (&["--cert", "nowhere", "f.yaml"], 1, &["nowhere", "E0101"]),
        (&["--cert", "f.yaml", "f.yaml"], 1, &["E0302"]),
        (&["--ignore", "BV999", "f.yaml"], 3, &["BV001 to BV032"]),
        (&["--max-age", "soon", "f.yaml"], 3, &["90d"]),
        (&["--online", "f.yaml"], 1, &["E0501"]),
        (&["--token-file", "x", "f.yaml"], 3, &["--online"]),
        (&["-o", "xml", "f.yaml"], 3, &["junit"]),
    ] {
        bench.bulla(&[&["verify"], words].concat()).fails(code, messages);
    }
    bench.write(".bulla.yaml", "what: 1\n");
    bench.bulla(&["verify", "f.yaml"]).fails(1, &[".bulla.yaml", "E08"]);
}

#[test]
fn the_controller_is_asked_whether_values_open() {
    let foreign = sealed(&keys()[2], "foreign", &["a", "b"]);
    let online = |controller: &Controller, words: &[&str]| {
        let bench = bench();
        bench.write("config", &controller.kubeconfig);
        bench.write("token", "a.b.c");
        bench.write("foreign.yaml", &foreign);
        bench.write("good.yaml", good("good"));
        let ran = bench.bulla(&[&["verify", "--json", "--online", "--kubeconfig", "config"], words].concat());
        let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_default();
        let found = report["findings"].as_array().cloned().unwrap_or_default();
        let found: Vec<_> =
            found.iter().map(|f| format!("{} {}:{}", f["rule"], f["file"], f["line"]).replace('"', "")).collect();
        (ran.code, found, ran.stderr)
    };
    // In batches each value has an answer of its own.
    let controller = Controller::start(None);
    let (code, found, _) = online(&controller, &["--token-file", "token"]);
    assert_eq!((code, found), (2, vec!["BV016 foreign.yaml:9".to_owned(), "BV016 foreign.yaml:10".to_owned()]));
    assert_eq!(controller.sent.lock().unwrap().len(), 1, "one request for all");
    // Object by object.
    for (status, code, objects) in [(200, 0, 0), (409, 2, 2)] {
        let (found_code, found, stderr) = online(&Controller::start(Some((status, ""))), &[]);
        assert_eq!((found_code, found.len()), (code, objects), "{stderr}");
    }
    let (code, found, stderr) = online(&Controller::start(Some((500, ""))), &[]);
    assert_eq!((code, found.len()), (1, 0), "a question without an answer is no finding");
    assert!(stderr.contains("E0415") && stderr.contains("--service-account"), "{stderr}");
}
