//! The real `kubectl` against a served cluster. Skipped with a line that says so when `kubectl` is not in PATH; with
//! `BULLA_REQUIRE_PEERS=1` that is a failure.
#![allow(clippy::unwrap_used, clippy::print_stderr, reason = "helpers of tests are tests, and a skip has to be seen")]

mod common;

#[path = "common/session.rs"]
mod session;

use std::process::Stdio;

use session::Session;

const MANIFESTS: &str = "
apiVersion: v1
kind: Secret
metadata: { name: a, labels: { app: x } }
data: { k: djE= }
---
apiVersion: v1
kind: ConfigMap
metadata: { name: a }
data: { k: v1 }
---
apiVersion: bitnami.com/v1alpha1
kind: SealedSecret
metadata: { name: a }
spec: { encryptedData: { k: AgA } }
---
apiVersion: v1
kind: ServiceAccount
metadata: { name: a }
";

#[test]
fn kubectl_creates_reads_changes_and_deletes() {
    let Some(session) = Session::start() else { return };
    assert_eq!(session.ok(&["create", "namespace", "demo"]), "namespace/demo created\n");
    assert_eq!(
        session.ok(&["-n", "demo", "create", "secret", "generic", "s", "--from-literal=k=v"]),
        "secret/s created\n"
    );
    assert_eq!(session.ok(&["-n", "demo", "create", "configmap", "c", "--from-literal=k=v"]), "configmap/c created\n");
    assert_eq!(session.ok(&["-n", "demo", "create", "serviceaccount", "b"]), "serviceaccount/b created\n");
    assert_eq!(session.ok(&["-n", "demo", "get", "secret", "s", "-o", "jsonpath={.data.k}"]), "dg==");
    assert_eq!(session.ok(&["-n", "demo", "get", "secrets", "-o", "name"]), "secret/s\n");
    assert!(session.ok(&["-n", "demo", "get", "secret", "s", "-o", "yaml"]).contains("type: Opaque"));
    assert!(session.ok(&["-n", "demo", "get", "secret", "s", "-o", "json"]).contains("\"kind\": \"Secret\""));
    let wide = session.ok(&["get", "secrets", "-A", "-o", "wide"]);
    assert!(wide.starts_with("NAMESPACE") && wide.contains("demo"), "{wide}");

    assert_eq!(session.ok(&["-n", "demo", "label", "secret", "s", "a=b"]), "secret/s labeled\n");
    assert_eq!(session.ok(&["-n", "demo", "annotate", "secret", "s", "a=b"]), "secret/s annotated\n");
    assert_eq!(session.ok(&["-n", "demo", "get", "secrets", "-l", "a=b", "-o", "name"]), "secret/s\n");
    assert_eq!(session.ok(&["-n", "demo", "get", "secrets", "--field-selector=type!=Opaque", "-o", "name"]), "");
    let merge = ["-n", "demo", "patch", "secret", "s", "--type=merge", "-p", r#"{"data":{"l":"dw=="}}"#];
    assert_eq!(session.ok(&merge), "secret/s patched\n");
    assert_eq!(session.ok(&merge), "secret/s patched (no change)\n");
    let json = ["-n", "demo", "patch", "secret", "s", "--type=json", "-p", r#"[{"op":"remove","path":"/data/k"}]"#];
    assert_eq!(session.ok(&json), "secret/s patched\n");
    assert_eq!(
        session.ok(&["-n", "demo", "patch", "secret", "s", "-p", r#"{"data":{"m":"dw=="}}"#]),
        "secret/s patched\n"
    );
    assert_eq!(
        session.ok(&["-n", "demo", "get", "secret", "s", "-o", "jsonpath={.data}"]),
        r#"{"l":"dw==","m":"dw=="}"#
    );

    assert_eq!(session.ok(&["-n", "demo", "delete", "secret", "s"]), "secret \"s\" deleted\n");
    assert_eq!(session.ok(&["delete", "namespace", "demo"]), "namespace \"demo\" deleted\n");
    session.ok(&["wait", "--for=delete", "namespace/demo", "--timeout=10s"]);
    assert!(session.refused(&["-n", "demo", "get", "configmap", "c"]).contains("namespaces \"demo\" not found"));
}

#[test]
fn kubectl_applies() {
    let Some(session) = Session::start() else { return };
    let all = |what: &str| {
        format!("secret/a {what}\nconfigmap/a {what}\nsealedsecret.bitnami.com/a {what}\nserviceaccount/a {what}\n")
    };
    let file = session.file("a.yaml", MANIFESTS);
    assert_eq!(session.ok(&["apply", "-f", &file]), all("created"));
    assert_eq!(session.ok(&["apply", "-f", &file]), all("unchanged"));
    let changed = MANIFESTS.replace("djE=", "djI=").replace("v1 }", "v2 }").replace("AgA", "AgB");
    let changed = session.file("b.yaml", &changed.replace("app: x", "app: z"));
    assert_eq!(
        session.ok(&["apply", "--dry-run=server", "-f", &changed]).matches("configured (server dry run)").count(),
        3
    );
    assert_eq!(session.output(&["diff", "-f", &changed]).status.code(), Some(1), "kubectl diff finds a difference");
    assert_eq!(session.ok(&["apply", "-f", &changed]).matches("configured").count(), 3);
    assert_eq!(session.output(&["diff", "-f", &changed]).status.code(), Some(0), "kubectl diff finds no difference");
    let read = ["get", "sealedsecret", "a", "-o", "jsonpath={.spec.encryptedData.k} {.metadata.generation}"];
    assert_eq!(session.ok(&read), "AgB 2");
    assert!(session.ok(&["replace", "-f", &file]).contains("secret/a replaced"));
    assert_eq!(session.ok(&["delete", "-f", &file]).lines().count(), 4);
    assert!(session.refused(&["delete", "-f", &file]).contains("secrets \"a\" not found"));
    session.ok(&["delete", "--ignore-not-found", "-f", &file]);
}

#[test]
fn kubectl_waits_for_conditions_and_deletions() {
    let Some(session) = Session::start() else { return };
    session.ok(&["wait", "--for=condition=established", "crd/sealedsecrets.bitnami.com", "--timeout=10s"]);
    session.ok(&["apply", "-f", &session.file("a.yaml", MANIFESTS)]);
    let wait = ["wait", "--for=condition=Synced", "sealedsecret/a", "--timeout=20s"];
    let waiting = session.command(&wait).stdout(Stdio::piped()).spawn().unwrap();
    session.until("kubectl waits", |session| session.cluster.requests().of("watch", "sealedsecrets.bitnami.com") > 0);
    let patch = r#"{"status":{"conditions":[{"type":"Synced","status":"True"}]}}"#;
    session.ok(&["patch", "sealedsecret", "a", "--subresource=status", "--type=merge", "-p", patch]);
    let output = waiting.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "sealedsecret.bitnami.com/a condition met\n");
    session.ok(&["wait", "--for=jsonpath={.status.conditions[0].type}=Synced", "sealedsecret/a", "--timeout=10s"]);

    let watches = |session: &Session| session.cluster.requests().of("watch", "sealedsecrets.bitnami.com");
    let before = watches(&session);
    let waiting = session
        .command(&["wait", "--for=delete", "sealedsecret/a", "--timeout=20s"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    session.until("kubectl waits", |session| watches(session) > before);
    session.ok(&["delete", "sealedsecret", "a"]);
    assert!(waiting.wait_with_output().unwrap().status.success(), "the wait for the deletion ends");
    let refused = session.refused(&["wait", "--for=condition=Synced", "sealedsecret/a", "--timeout=1s"]);
    assert!(refused.contains("not found"), "{refused}");
}

#[test]
fn kubectl_watches() {
    let Some(session) = Session::start() else { return };
    let arguments = ["get", "secrets", "-w", "--output-watch-events", "--request-timeout=4s"];
    let watching = session.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    session.until("kubectl watches", |session| session.cluster.requests().of("watch", "secrets") > 0);
    session.ok(&["create", "secret", "generic", "s"]);
    session.ok(&["delete", "secret", "s"]);
    let output = watching.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout);
    let kinds: Vec<&str> = told.lines().skip(1).filter_map(|line| line.split_whitespace().next()).collect();
    assert_eq!(kinds, ["ADDED", "DELETED"], "{told}");
}

#[test]
fn kubectl_discovers_kinds_and_new_ones() {
    let Some(session) = Session::start() else { return };
    let kinds = session.ok(&["api-resources"]);
    for kind in
        ["Secret", "ConfigMap", "Namespace", "ServiceAccount", "Event", "CustomResourceDefinition", "SealedSecret"]
    {
        assert!(kinds.contains(kind), "{kind} in {kinds}");
    }
    assert!(session.ok(&["api-versions"]).contains("bitnami.com/v1alpha1"));
    assert!(session.ok(&["version"]).contains("bulla-devcluster"));
    assert_eq!(session.ok(&["auth", "can-i", "create", "secrets"]), "yes\n");
    assert_eq!(session.ok(&["get", "--raw", "/readyz"]), "ok");
    session.ok(&["explain", "sealedsecrets"]);
    let definition = "
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: { name: widgets.example.com }
spec:
  group: example.com
  scope: Cluster
  names: { plural: widgets, kind: Widget, shortNames: [wd] }
  versions:
  - { name: v1, served: true, storage: true, schema: { openAPIV3Schema: { type: object, properties: { size: { type: integer } } } } }
";
    session.ok(&["apply", "-f", &session.file("crd.yaml", definition)]);
    session.ok(&["wait", "--for=condition=established", "crd/widgets.example.com", "--timeout=10s"]);
    let widget = session.file("w.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: w }\nsize: 1\n");
    session.ok(&["apply", "-f", &widget]);
    let wrong =
        session.file("wrong.yaml", "apiVersion: example.com/v1\nkind: Widget\nmetadata: { name: v }\nsiez: 1\n");
    assert!(session.refused(&["apply", "-f", &wrong]).contains("strict decoding error: unknown field \"siez\""));
    assert_eq!(session.ok(&["apply", "--validate=ignore", "-f", &wrong]), "widget.example.com/v created\n");
    session.ok(&["delete", "wd", "v"]);
    assert_eq!(session.ok(&["get", "wd", "-o", "name"]), "widget.example.com/w\n");
    session.ok(&["delete", "crd", "widgets.example.com"]);
    assert!(session.refused(&["get", "widgets.example.com"]).contains("the server doesn't have a resource type"));
}

#[test]
fn kubectl_describes_and_edits() {
    let Some(session) = Session::start() else { return };
    session.ok(&["apply", "-f", &session.file("a.yaml", MANIFESTS)]);
    let uid = session.ok(&["get", "sealedsecret", "a", "-o", "jsonpath={.metadata.uid}"]);
    let event =
        "apiVersion: v1\nkind: Event\nmetadata: { name: e }\nreason: Unsealed\nmessage: it is done\ntype: Normal
involvedObject: { apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, namespace: default, name: a, uid: UID }\n";
    session.ok(&["create", "-f", &session.file("e.yaml", &event.replace("UID", &uid))]);
    let secret = session.ok(&["describe", "secret", "a"]);
    assert!(secret.contains("Labels:       app=x") && secret.contains("k:  2 bytes"), "{secret}");
    let sealed = session.ok(&["describe", "sealedsecret", "a"]);
    assert!(sealed.contains("Encrypted Data:") && sealed.contains("it is done"), "{sealed}");
    let event = session.ok(&["describe", "event", "e"]);
    assert!(event.contains("Unsealed") && event.contains("SealedSecret"), "{event}");

    let editor = session.file("editor", "#!/bin/sh\nsed -i 's/djE=/djI=/; s/AgA/AgB/' \"$1\"\n");
    std::fs::set_permissions(&editor, std::os::unix::fs::PermissionsExt::from_mode(0o700)).unwrap();
    for (kind, shown) in [("secret", "secret/a edited\n"), ("sealedsecret", "sealedsecret.bitnami.com/a edited\n")] {
        let output = session.command(&["edit", kind, "a"]).env("EDITOR", &editor).output().unwrap();
        assert_eq!(String::from_utf8_lossy(&output.stdout), shown, "{}", String::from_utf8_lossy(&output.stderr));
    }
    assert_eq!(session.ok(&["get", "secret", "a", "-o", "jsonpath={.data.k}"]), "djI=");
    assert_eq!(session.ok(&["get", "sealedsecret", "a", "-o", "jsonpath={.spec.encryptedData.k}"]), "AgB");
    let patch = r#"{"imagePullSecrets":[{"name":"pull"}]}"#;
    assert_eq!(session.ok(&["patch", "serviceaccount", "a", "-p", patch]), "serviceaccount/a patched\n");
}

#[test]
fn kubectl_is_told_what_is_not_there() {
    let Some(session) = Session::start() else { return };
    for (arguments, expected) in [
        (&["get", "secret", "nope"][..], "Error from server (NotFound): secrets \"nope\" not found"),
        (&["get", "deployments"], "the server doesn't have a resource type \"deployments\""),
        (&["create", "namespace", "A"], "a lowercase RFC 1123 label must consist"),
        (&["create", "namespace", "default"], "namespaces \"default\" already exists"),
        (&["delete", "namespace", "default"], "this namespace may not be deleted"),
        (&["-n", "nope", "create", "secret", "generic", "s"], "namespaces \"nope\" not found"),
        (&["logs", "x"], "not found"),
        (&["create", "token", "default"], "is not served by devcluster"),
    ] {
        let refused = session.refused(arguments);
        assert!(refused.contains(expected), "kubectl {}: {refused}", arguments.join(" "));
    }
    let output = session.output(&["get", "all"]);
    assert!(output.status.success() && String::from_utf8_lossy(&output.stderr).contains("No resources found"));
    assert!(String::from_utf8_lossy(&session.output(&["get", "events"]).stderr).contains("No resources found"));
}

#[test]
fn kubectl_without_the_token_is_turned_away() {
    let Some(session) = Session::start() else { return };
    let path = session.home.path().join("config");
    let text = std::fs::read_to_string(&path).unwrap();
    let token = text.lines().find_map(|line| line.trim().strip_prefix("token: ")).unwrap().to_owned();
    std::fs::write(&path, text.replace(&token, "wrong")).unwrap();
    let refused = session.refused(&["get", "secrets"]);
    assert!(refused.contains("Unauthorized") || refused.contains("logged in"), "{refused}");
}
