//! `bulla doctor`: each thing that can be wrong is found, with its code and its cure, and nothing else is.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;

use serde_json::{Value, json};

use crate::support::{Bench, Ran, assert_no_canary, secret, vector};

/// A work tree with `files` in it, and a home of its own.
fn repository(files: &[(&str, &str)]) -> Bench {
    let bench = Bench::new();
    fs::create_dir(bench.path(".git")).unwrap();
    add(&bench, files);
    bench
}

fn add(bench: &Bench, files: &[(&str, &str)]) {
    for (name, content) in files {
        fs::create_dir_all(bench.path(name).parent().unwrap()).unwrap();
        bench.write(name, content);
    }
}

/// Runs it, and gives the findings that must be attended to.
#[track_caller]
fn todo(ran: Ran) -> Vec<Value> {
    assert_eq!(ran.stderr, "");
    assert_no_canary(&ran.stdout);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|error| panic!("{error}: {}", ran.stdout));
    let findings = report["findings"].as_array().unwrap().clone();
    let found: Vec<Value> = findings.into_iter().filter(|finding| finding["level"] == "todo").collect();
    assert_eq!(report["todo"], found.len(), "{report}");
    assert_eq!(ran.code, if found.is_empty() { 0 } else { 2 }, "{report:#}");
    for finding in &found {
        assert!(finding["cure"].as_str().is_some_and(|cure| !cure.is_empty()), "no cure: {finding}");
        assert!(finding["code"].as_str().is_some_and(|code| code.starts_with('E')), "no code: {finding}");
    }
    found
}

#[track_caller]
fn only(ran: Ran, code: &str, words: &[&str]) {
    let found = todo(ran);
    assert_eq!(found.len(), 1, "{found:#?}");
    assert_eq!(found[0]["code"], code, "{found:#?}");
    let text = format!("{}\n{}", found[0]["message"].as_str().unwrap(), found[0]["cure"].as_str().unwrap());
    for words in words {
        assert!(text.contains(words), "{words:?} is not in:\n{text}");
    }
}

const OFFLINE: [&str; 3] = ["doctor", "--offline", "--json"];
const KEY: &str =
    "kind: Secret\nmetadata: {labels: {sealedsecrets.bitnami.com/sealed-secrets-key: active}}\ndata: {tls.key: eA==}\n";

#[test]
fn where_all_is_well_nothing_must_be_done() {
    let bench = repository(&[("certs/prod.pem", &vector("sealed/keys/key1.crt")), ("plain.yaml", &secret("plain"))]);
    bench.bulla(&["init", "-q"]).ok();
    let text = bench.bulla(&["doctor", "--offline"]);
    assert_eq!(text.code, 0, "{}", text.stdout);
    for said in [
        "tools\n",
        "  ok    git ",
        "core dumps of bulla are off",
        "certs/prod.pem: certificate SHA256:",
        "1 file holds plain",
    ] {
        assert!(text.stdout.contains(said), "{said:?} is not in:\n{}", text.stdout);
    }
    assert!(text.stdout.ends_with("nothing must be done\n"), "{}", text.stdout);
    assert_eq!(todo(bench.bulla(&OFFLINE)), [] as [Value; 0]);
    // No repository at all, and nobody's cluster.
    assert_eq!(todo(Bench::new().bulla(&["doctor", "--json"])), [] as [Value; 0]);
}

#[test]
fn what_is_wrong_in_the_repository_is_found_with_its_cure() {
    let (good, expired) = (vector("sealed/keys/key1.crt"), vector("keys/expired.crt"));
    let fingerprint = "SHA256:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    let prod = |more: &str| format!("clusters:\n  prod: {{certificate: c.pem, context: prod{more}}}\n");
    let pinned = prod(&format!(", fingerprint: \"{fingerprint}\""));
    let old = prod("") + "policy: {certificate-max-age: 1h}\n";
    let plain = prod("");
    for (files, code, words) in [
        (&[(".bulla.yaml", "cluster: {}\n")][..], "E0802", &["no key `cluster`", "did you mean `clusters`?"][..]),
        (&[(".bulla.yaml", "clusters: [\n")], "E0801", &[".bulla.yaml: line"]),
        (&[(".bulla.yaml", &plain)], "E0101", &["c.pem: no such file"]),
        (&[(".bulla.yaml", &plain), ("c.pem", "nonsense")], "E0302", &["c.pem"]),
        (&[(".bulla.yaml", &plain), ("c.pem", &expired)], "E0304", &["bulla cert fetch --context prod -w "]),
        (&[(".bulla.yaml", &pinned), ("c.pem", &good)], "E0310", &[fingerprint, "clusters.prod.fingerprint"]),
        (&[(".bulla.yaml", &old), ("c.pem", &good)], "E0823", &["none older than", "bulla cert fetch --context prod"]),
        (&[("backup.yaml", KEY)], "E0822", &["backup.yaml: a private sealing key", "git rm --cached backup.yaml"]),
    ] {
        let bench = repository(files);
        only(bench.bulla(&OFFLINE), code, words);
        let text = bench.bulla(&["doctor", "--offline"]);
        assert_eq!(text.code, 2);
        assert!(
            text.stdout.contains(&format!("({code})")) && text.stdout.ends_with("1 thing must be done\n"),
            "{}",
            text.stdout
        );
    }
    // What git ignores is nobody's business, and a rule without a file is worth a note.
    let bench = repository(&[
        (".gitignore", "backup.yaml\n"),
        ("backup.yaml", KEY),
        (".bulla.yaml", "rules:\n- path: nowhere/*.yaml\n"),
    ]);
    let text = bench.bulla(&["doctor", "--offline"]).ok();
    assert!(text.contains("the rule for nowhere/*.yaml has no file"), "{text}");
    bench.bulla(&["doctor", "nowhere"]).fails(1, &["(E0101)", "nowhere"]);
    bench.bulla(&["doctor", "--offline", "--context", "x"]).fails(3, &["(E0001)"]);
}

#[test]
fn a_state_folder_that_others_may_enter_is_found() {
    let bench = repository(&[]);
    add(&bench, &[(".local/state/bulla/memory.key", "x")]);
    let mode = |name: &str, mode| fs::set_permissions(bench.path(name), fs::Permissions::from_mode(mode)).unwrap();
    mode(".local/state/bulla", 0o700);
    mode(".local/state/bulla/memory.key", 0o644);
    only(bench.bulla(&OFFLINE), "E0821", &["memory.key: others may read", "chmod -R go= "]);
    mode(".local/state/bulla/memory.key", 0o600);
    assert_eq!(todo(bench.bulla(&OFFLINE)), [] as [Value; 0]);
}

/// An API server that answers questions about rights with `rights`, and knows `paths`.
fn serve(rights: bool, paths: Vec<(&'static str, String)>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    // Ends with the test's process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut head = Vec::new();
            loop {
                let mut line = String::new();
                if reader.read_line(&mut line).unwrap_or_default() < 3 {
                    break;
                }
                head.push(line.to_lowercase());
            }
            let Some(path) = head.first().and_then(|line| line.split(' ').nth(1)) else { continue };
            let length = head.iter().find_map(|line| line.strip_prefix("content-length: ")?.trim().parse().ok());
            reader.read_exact(&mut vec![0; length.unwrap_or_default()]).unwrap();
            let answer = if path.ends_with("selfsubjectaccessreviews") {
                Some(json!({"kind": "SelfSubjectAccessReview", "status": {"allowed": rights}}).to_string())
            } else {
                paths.iter().find(|(known, _)| path == *known).map(|(_, body)| body.clone())
            };
            let (status, body) = answer.map_or((404, String::new()), |body| (200, body));
            let head = format!("HTTP/1.1 {status} X\r\nContent-Length: {}\r\nConnection: close\r\n\r\n", body.len());
            let _ = stream.write_all((head + &body).as_bytes());
        }
    });
    address
}

const VERSION: (&str, &str) = ("/version", r#"{"gitVersion": "v1.36.3"}"#);
const DEFINITION: (&str, &str) = ("/apis/bitnami.com/v1alpha1", r#"{"kind": "APIResourceList"}"#);
const SERVICE: (&str, &str) = (
    "/api/v1/namespaces/kube-system/services/sealed-secrets-controller",
    r#"{"kind": "Service", "spec": {"ports": [{"name": "web", "port": 8080}]}}"#,
);
const CERTIFICATE: &str =
    "/api/v1/namespaces/kube-system/services/http:sealed-secrets-controller:web/proxy/v1/cert.pem";

#[test]
fn the_cluster_is_asked_what_it_is_and_what_one_may() {
    let known = |known: &[(&'static str, &str)]| -> Vec<(&'static str, String)> {
        known.iter().map(|(path, body)| (*path, (*body).to_owned())).collect()
    };
    let certificate = vector("sealed/keys/key1.crt");
    let all = known(&[VERSION, DEFINITION, SERVICE, (CERTIFICATE, &certificate)]);
    let doctor = |bench: &Bench| bench.bulla(&["doctor", "--kubeconfig", "config", "--json"]);

    let bench = Bench::with_cluster(&serve(true, all.clone()));
    assert_eq!(todo(doctor(&bench)), [] as [Value; 0]);
    let text = bench.bulla(&["doctor", "--kubeconfig", "config"]).ok();
    for said in [
        "answers, Kubernetes v1.36.3",
        "SealedSecrets are known there",
        "controller kube-system/sealed-secrets-controller, certificate SHA256:",
        "you may get services/proxy in kube-system",
    ] {
        assert!(text.contains(said), "{said:?} is not in:\n{text}");
    }

    let bench = Bench::with_cluster(&serve(false, all.clone()));
    let text = bench.bulla(&["doctor", "--kubeconfig", "config"]).ok();
    assert!(text.contains("note  you may not list secrets in kube-system; without it: no keys list"), "{text}");

    // Another certificate than the one in the repository.
    let bench = Bench::with_cluster(&serve(true, all));
    add(
        &bench,
        &[("c.pem", &vector("sealed/keys/key2.crt")), (".bulla.yaml", "clusters:\n  prod: {certificate: c.pem}\n")],
    );
    only(
        doctor(&bench),
        "E0310",
        &["the cluster's newest certificate is SHA256:", "bulla cert fetch -w ", "bulla reseal"],
    );

    for (paths, code, words) in [
        (
            known(&[VERSION, SERVICE, (CERTIFICATE, &certificate)]),
            "E0824",
            &["does not know SealedSecrets", "kubectl apply"][..],
        ),
        (known(&[VERSION, DEFINITION]), "E0504", &["no Service sealed-secrets-controller", "--controller-namespace"]),
        (known(&[VERSION, DEFINITION, SERVICE, (CERTIFICATE, "<html>")]), "E0302", &["certificate of kube-system/"]),
    ] {
        only(doctor(&Bench::with_cluster(&serve(true, paths))), code, words);
    }
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    only(doctor(&Bench::with_cluster(&gone)), "E0503", &["kubectl version"]);
}

#[test]
fn a_credential_plugin_that_is_not_there_is_named() {
    let bench = Bench::with_cluster(&serve(true, Vec::new()));
    let exec = "exec: {apiVersion: client.authentication.k8s.io/v1, command: no-such-login, interactiveMode: Never}";
    bench.write("config", bench.read("config").replace("token: t", exec));
    let found = todo(bench.bulla(&["doctor", "--kubeconfig", "config", "--json"]));
    assert_eq!(found[0]["code"], "E0825", "{found:#?}");
    assert!(found[0]["message"].as_str().unwrap().contains("no-such-login"), "{found:#?}");
}

#[test]
fn every_cluster_that_the_repository_names_is_asked() {
    let bench = Bench::with_cluster("127.0.0.1:1");
    add(&bench, &[(".bulla.yaml", "clusters:\n  one: {context: a}\n  two: {context: b}\n")]);
    let mut command = bench.command(crate::support::BULLA);
    command.args(["doctor", "--json"]).env("KUBECONFIG", bench.path("config"));
    let found = todo(crate::support::run(command, b""));
    let codes: Vec<&str> = found.iter().map(|finding| finding["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["E0503", "E0502"], "{found:#?}");
}
