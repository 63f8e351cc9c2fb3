//! Tables: what `kubectl get` prints. The lines are what the same commands print on a real cluster.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;
#[path = "common/session.rs"]
mod session;

use std::process::Stdio;

use bulla_devcluster::{DevCluster, Options};
use serde_json::json;
use session::Session;

/// With the columns of the real SealedSecret definition.
fn session() -> Option<Session> {
    let mut definition = common::sealed_secret_crd();
    definition["spec"]["versions"][0]["additionalPrinterColumns"] = json!([
        { "name": "Status", "type": "string", "jsonPath": ".status.conditions[0].message" },
        { "name": "Synced", "type": "string", "jsonPath": ".status.conditions[0].status" },
        { "name": "Age", "type": "date", "jsonPath": ".metadata.creationTimestamp" },
    ]);
    Session::of(DevCluster::new(Options { crds: vec![definition], ..Options::default() }).unwrap())
}

/// The words of each line; ages, which nobody can foretell, as `<age>`.
fn words(text: &str) -> Vec<Vec<String>> {
    let is_age = |word: &str| word.strip_suffix('s').is_some_and(|digits| digits.parse::<u32>().is_ok());
    let word = |word: &str| if is_age(word) { "<age>".to_owned() } else { word.to_owned() };
    text.lines().map(|line| line.split_whitespace().map(word).collect()).collect()
}

const OBJECTS: &str = "
apiVersion: v1
kind: Event
metadata: { name: e }
involvedObject: { kind: SealedSecret, name: x, namespace: default }
reason: Unsealed
message: done
type: Normal
---
{ apiVersion: v1, kind: Secret, metadata: { name: s }, data: { k: djE=, l: djE= } }
---
{ apiVersion: v1, kind: ConfigMap, metadata: { name: c }, data: { k: v1 } }
---
{ apiVersion: v1, kind: ServiceAccount, metadata: { name: a } }
---
{ apiVersion: v1, kind: Service, metadata: { name: v }, spec: { type: ClusterIP, clusterIP: None, selector: { a: b }, ports: [{ port: 80 }] } }
---
{ apiVersion: coordination.k8s.io/v1, kind: Lease, metadata: { name: l }, spec: { holderIdentity: me } }
---
{ apiVersion: bitnami.com/v1alpha1, kind: SealedSecret, metadata: { name: x }, spec: { encryptedData: { k: AgA } } }
";

#[test]
fn kubectl_prints_the_columns_of_each_kind() {
    let Some(session) = session() else { return };
    session.ok(&["create", "-f", &session.file("a.yaml", OBJECTS)]);
    let status = r#"{"status":{"conditions":[{"type":"Synced","status":"True","message":"fine"}]}}"#;
    for (arguments, expected) in [
        (&["get", "secrets"][..], "NAME TYPE DATA AGE\ns Opaque 2 <age>"),
        (&["get", "secret", "s"], "NAME TYPE DATA AGE\ns Opaque 2 <age>"),
        (&["get", "secrets", "-A"], "NAMESPACE NAME TYPE DATA AGE\ndefault s Opaque 2 <age>"),
        (&["get", "secrets", "--no-headers"], "s Opaque 2 <age>"),
        (&["get", "configmaps"], "NAME DATA AGE\nc 1 <age>"),
        (&["get", "serviceaccounts"], "NAME AGE\na <age>"),
        (&["get", "namespace", "default"], "NAME STATUS AGE\ndefault Active <age>"),
        (&["get", "services"], "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE\nv ClusterIP None <none> 80/TCP <age>"),
        (
            &["get", "services", "-o", "wide"],
            "NAME TYPE CLUSTER-IP EXTERNAL-IP PORT(S) AGE SELECTOR\nv ClusterIP None <none> 80/TCP <age> a=b",
        ),
        (&["get", "leases"], "NAME HOLDER AGE\nl me <age>"),
        (&["get", "events"], "LAST SEEN TYPE REASON OBJECT MESSAGE\n<unknown> Normal Unsealed sealedsecret/x done"),
        (&["get", "sealedsecrets"], "NAME STATUS SYNCED AGE\nx <age>"),
    ] {
        let expected: Vec<Vec<String>> =
            expected.lines().map(|line| line.split(' ').map(str::to_owned).collect()).collect();
        assert_eq!(words(&session.ok(arguments)), expected, "kubectl {}", arguments.join(" "));
    }
    session.ok(&["patch", "sealedsecret", "x", "--subresource=status", "--type=merge", "-p", status]);
    assert_eq!(words(&session.ok(&["get", "sealedsecret", "x"]))[1], ["x", "fine", "True", "<age>"]);
    let both = session.ok(&["get", "secrets,configmaps"]);
    assert!(both.contains("secret/s ") && both.contains("configmap/c "), "{both}");
    let chunks = session.ok(&["get", "namespaces", "--chunk-size=2"]);
    assert_eq!(chunks.lines().count(), 5, "{chunks}");
    let sorted = session.ok(&["get", "namespaces", "--sort-by=.metadata.name"]);
    assert_eq!(sorted.lines().count(), 5, "{sorted}");
}

#[test]
fn kubectl_watches_tables() {
    let Some(session) = session() else { return };
    session.ok(&["create", "-f", &session.file("a.yaml", OBJECTS)]);
    let arguments = ["get", "sealedsecrets", "-w", "--request-timeout=5s"];
    let watching = session.command(&arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    session.until("kubectl watches", |session| session.cluster.requests().of("watch", "sealedsecrets.bitnami.com") > 0);
    let status = r#"{"status":{"conditions":[{"type":"Synced","status":"True","message":"fine"}]}}"#;
    session.ok(&["patch", "sealedsecret", "x", "--subresource=status", "--type=merge", "-p", status]);
    let output = watching.wait_with_output().unwrap();
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    let expected = [vec!["NAME", "STATUS", "SYNCED", "AGE"], vec!["x", "<age>"], vec!["x", "fine", "True", "<age>"]];
    assert_eq!(words(&told), expected, "{told}");
}
