//! The columns of the built-in kinds, as kube-apiserver has them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::{Heading, age, name_heading};
use crate::object::{Object, metadata_text};

/// The cells of one object, in the order of the headings.
pub(super) type Cells = fn(&Object, Timestamp) -> Vec<Value>;

const NONE: &str = "<none>";

/// Headings after the name, with their priorities, and what fills them.
pub(super) fn layout(plural: &str) -> (Vec<Heading>, Cells) {
    let (columns, cells): (&[(&str, i64)], Cells) = match plural {
        "secrets" => (&[("Type", 0), ("Data", 0), ("Age", 0)], secret),
        "configmaps" => (&[("Data", 0), ("Age", 0)], config_map),
        "namespaces" => (&[("Status", 0), ("Age", 0)], namespace),
        "leases" => (&[("Holder", 0), ("Age", 0)], lease),
        "endpoints" => (&[("Endpoints", 0), ("Age", 0)], endpoints),
        "services" => (
            &[("Type", 0), ("Cluster-IP", 0), ("External-IP", 0), ("Port(s)", 0), ("Age", 0), ("Selector", 1)],
            service,
        ),
        "pods" => (
            &[
                ("Ready", 0),
                ("Status", 0),
                ("Restarts", 0),
                ("Age", 0),
                ("IP", 1),
                ("Node", 1),
                ("Nominated Node", 1),
                ("Readiness Gates", 1),
            ],
            pod,
        ),
        "events" => {
            // The name comes last here.
            let columns = [
                ("Last Seen", 0),
                ("Type", 0),
                ("Reason", 0),
                ("Object", 0),
                ("Subobject", 1),
                ("Source", 1),
                ("Message", 0),
                ("First Seen", 1),
                ("Count", 1),
            ];
            let mut headings: Vec<Heading> = columns.into_iter().map(heading).collect();
            headings.push(name_heading(1));
            return (headings, event);
        }
        "customresourcedefinitions" => (&[("Created At", 0)], definition),
        _ => (&[("Age", 0)], plain),
    };
    let headings = std::iter::once(name_heading(0)).chain(columns.iter().copied().map(heading));
    (headings.collect(), cells)
}

fn heading((name, priority): (&str, i64)) -> Heading {
    let kind = if name == "Created At" { "date" } else { "string" };
    Heading {
        name: name.to_owned(),
        kind: kind.to_owned(),
        format: String::new(),
        description: format!("{name} of the object."),
        priority,
    }
}

fn at<'a>(object: &'a Object, path: &[&str]) -> Option<&'a Value> {
    let (first, rest) = path.split_first()?;
    rest.iter().try_fold(object.get(*first)?, |value, step| value.get(step))
}

fn text<'a>(object: &'a Object, path: &[&str]) -> &'a str {
    at(object, path).and_then(Value::as_str).unwrap_or_default()
}

fn list<'a>(object: &'a Object, path: &[&str]) -> impl Iterator<Item = &'a Value> + use<'a> {
    at(object, path).and_then(Value::as_array).into_iter().flatten()
}

fn count(object: &Object, field: &str) -> usize {
    object.get(field).and_then(Value::as_object).map_or(0, Map::len)
}

fn or_none(text: &str) -> &str {
    if text.is_empty() { NONE } else { text }
}

fn name(object: &Object) -> &str {
    metadata_text(object, "name")
}

fn created(object: &Object, now: Timestamp) -> String {
    age::since(Some(metadata_text(object, "creationTimestamp")), now)
}

fn plain(object: &Object, now: Timestamp) -> Vec<Value> {
    vec![json!(name(object)), json!(created(object, now))]
}

fn definition(object: &Object, _: Timestamp) -> Vec<Value> {
    vec![json!(name(object)), json!(metadata_text(object, "creationTimestamp"))]
}

fn secret(object: &Object, now: Timestamp) -> Vec<Value> {
    vec![json!(name(object)), json!(text(object, &["type"])), json!(count(object, "data")), json!(created(object, now))]
}

fn config_map(object: &Object, now: Timestamp) -> Vec<Value> {
    let data = count(object, "data") + count(object, "binaryData");
    vec![json!(name(object)), json!(data), json!(created(object, now))]
}

fn namespace(object: &Object, now: Timestamp) -> Vec<Value> {
    vec![json!(name(object)), json!(text(object, &["status", "phase"])), json!(created(object, now))]
}

fn lease(object: &Object, now: Timestamp) -> Vec<Value> {
    vec![json!(name(object)), json!(text(object, &["spec", "holderIdentity"])), json!(created(object, now))]
}

fn endpoints(object: &Object, now: Timestamp) -> Vec<Value> {
    const SHOWN: usize = 3;
    let mut all = Vec::new();
    for subset in list(object, &["subsets"]) {
        let of = |field: &str| subset.get(field).and_then(Value::as_array).into_iter().flatten();
        for port in of("ports").filter_map(|port| port.get("port")) {
            let address = |address: &Value| Some(format!("{}:{port}", address.get("ip")?.as_str()?));
            all.extend(of("addresses").filter_map(address));
        }
    }
    let more = all.len().saturating_sub(SHOWN);
    let mut shown = all.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(",");
    if more > 0 {
        shown = format!("{shown} + {more} more...");
    }
    vec![json!(name(object)), json!(or_none(&shown)), json!(created(object, now))]
}

fn service(object: &Object, now: Timestamp) -> Vec<Value> {
    let kind = match text(object, &["spec", "type"]) {
        "" => "ClusterIP",
        kind => kind,
    };
    let mut external: Vec<&str> = list(object, &["spec", "externalIPs"]).filter_map(Value::as_str).collect();
    if kind == "LoadBalancer" {
        let ingress = list(object, &["status", "loadBalancer", "ingress"]);
        let addresses = ingress.filter_map(|entry| entry.get("ip").or_else(|| entry.get("hostname"))?.as_str());
        external.splice(0..0, addresses);
    }
    let external = match (kind, external.is_empty()) {
        ("ExternalName", _) => or_none(text(object, &["spec", "externalName"])).to_owned(),
        ("LoadBalancer", true) => "<pending>".to_owned(),
        (_, true) => NONE.to_owned(),
        (_, false) => external.join(","),
    };
    let ports: Vec<String> = list(object, &["spec", "ports"])
        .map(|port| {
            let number = port.get("port").unwrap_or(&Value::Null);
            let protocol = port.get("protocol").and_then(Value::as_str).unwrap_or("TCP");
            match port.get("nodePort").and_then(Value::as_i64).filter(|port| *port > 0) {
                Some(node) => format!("{number}:{node}/{protocol}"),
                None => format!("{number}/{protocol}"),
            }
        })
        .collect();
    let selector: Vec<String> = at(object, &["spec", "selector"])
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .map(|(key, value)| format!("{key}={}", value.as_str().unwrap_or_default()))
        .collect();
    vec![
        json!(name(object)),
        json!(kind),
        json!(or_none(text(object, &["spec", "clusterIP"]))),
        json!(external),
        json!(or_none(&ports.join(","))),
        json!(created(object, now)),
        json!(or_none(&selector.join(","))),
    ]
}

fn pod(object: &Object, now: Timestamp) -> Vec<Value> {
    let containers = list(object, &["spec", "containers"]).count();
    let statuses: Vec<&Value> = list(object, &["status", "containerStatuses"]).collect();
    let ready = statuses.iter().filter(|status| status.get("ready") == Some(&Value::Bool(true))).count();
    let restarts: i64 = statuses.iter().filter_map(|status| status.get("restartCount")?.as_i64()).sum();
    let status = match (text(object, &["status", "reason"]), metadata_text(object, "deletionTimestamp")) {
        (_, deleted) if !deleted.is_empty() => "Terminating",
        ("", _) => text(object, &["status", "phase"]),
        (reason, _) => reason,
    };
    vec![
        json!(name(object)),
        json!(format!("{ready}/{containers}")),
        json!(status),
        json!(restarts.to_string()),
        json!(created(object, now)),
        json!(or_none(text(object, &["status", "podIP"]))),
        json!(or_none(text(object, &["spec", "nodeName"]))),
        json!(or_none(text(object, &["status", "nominatedNodeName"]))),
        json!(NONE),
    ]
}

fn event(object: &Object, now: Timestamp) -> Vec<Value> {
    let first = |paths: &[&[&str]]| -> String {
        paths.iter().map(|path| text(object, path)).find(|text| !text.is_empty()).unwrap_or_default().to_owned()
    };
    let seen_first = first(&[&["firstTimestamp"], &["eventTime"]]);
    let seen_last = first(&[&["series", "lastObservedTime"], &["lastTimestamp"], &["firstTimestamp"], &["eventTime"]]);
    let count = at(object, &["series", "count"]).or_else(|| object.get("count")).and_then(Value::as_i64);
    let kind = text(object, &["involvedObject", "kind"]).to_lowercase();
    let involved = text(object, &["involvedObject", "name"]);
    let component = first(&[&["source", "component"], &["reportingComponent"]]);
    let host = first(&[&["source", "host"], &["reportingInstance"]]);
    let source = if host.is_empty() { component } else { format!("{component}, {host}") };
    vec![
        json!(age::since(Some(&seen_last), now)),
        json!(text(object, &["type"])),
        json!(text(object, &["reason"])),
        json!(if involved.is_empty() { kind } else { format!("{kind}/{involved}") }),
        json!(text(object, &["involvedObject", "fieldPath"])),
        json!(source),
        json!(text(object, &["message"]).trim()),
        json!(age::since(Some(&seen_first), now)),
        json!(count.filter(|count| *count > 0).unwrap_or(1)),
        json!(name(object)),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What kube-apiserver 1.36.3 answered for objects like these.
    #[test]
    fn cells_are_those_of_the_real_api_server() {
        let now = Timestamp::from_second(3600 * 4 + 60 * 26).unwrap();
        let epoch = "1970-01-01T00:00:00Z";
        for (plural, object, expected) in [
            ("secrets", json!({ "type": "Opaque", "data": { "a": "Yg==" } }), json!(["x", "Opaque", 1, "4h26m"])),
            ("configmaps", json!({ "data": { "a": "" }, "binaryData": { "b": "" } }), json!(["x", 2, "4h26m"])),
            ("namespaces", json!({ "status": { "phase": "Active" } }), json!(["x", "Active", "4h26m"])),
            ("serviceaccounts", json!({}), json!(["x", "4h26m"])),
            ("leases", json!({ "spec": { "holderIdentity": "me" } }), json!(["x", "me", "4h26m"])),
            ("customresourcedefinitions", json!({}), json!(["x", epoch])),
            (
                "services",
                json!({ "spec": { "type": "ClusterIP", "clusterIP": "None", "selector": { "b": "1", "a": "2" },
                    "ports": [{ "port": 53, "protocol": "UDP" }, { "port": 1, "nodePort": 31638, "protocol": "TCP" }] } }),
                json!(["x", "ClusterIP", "None", "<none>", "53/UDP,1:31638/TCP", "4h26m", "a=2,b=1"]),
            ),
            (
                "services",
                json!({ "spec": { "type": "ExternalName", "externalName": "example.org" } }),
                json!(["x", "ExternalName", "<none>", "example.org", "<none>", "4h26m", "<none>"]),
            ),
            (
                "services",
                json!({ "spec": { "type": "LoadBalancer", "clusterIP": "10.96.226.14", "ports": [{ "port": 53 }] } }),
                json!(["x", "LoadBalancer", "10.96.226.14", "<pending>", "53/TCP", "4h26m", "<none>"]),
            ),
            (
                "events",
                json!({ "type": "Normal", "reason": "Unsealed", "message": " hello\nworld ", "count": 3, "firstTimestamp": epoch,
                    "lastTimestamp": epoch, "source": { "component": "sealed-secrets", "host": "h" },
                    "involvedObject": { "kind": "SealedSecret", "name": "foo", "fieldPath": "spec.x" } }),
                json!([
                    "4h26m",
                    "Normal",
                    "Unsealed",
                    "sealedsecret/foo",
                    "spec.x",
                    "sealed-secrets, h",
                    "hello\nworld",
                    "4h26m",
                    3,
                    "x"
                ]),
            ),
            (
                "events",
                json!({ "type": "Warning", "reason": "X", "message": "m", "involvedObject": { "kind": "Pod", "name": "foo" } }),
                json!(["<unknown>", "Warning", "X", "pod/foo", "", "", "m", "<unknown>", 1, "x"]),
            ),
            (
                "pods",
                json!({ "spec": { "containers": [{}] }, "status": { "phase": "Pending" } }),
                json!(["x", "0/1", "Pending", "0", "4h26m", "<none>", "<none>", "<none>", "<none>"]),
            ),
            (
                "endpoints",
                json!({ "subsets": [{ "addresses": [{ "ip": "10.0.0.1" }], "ports": [{ "port": 443 }] }] }),
                json!(["x", "10.0.0.1:443", "4h26m"]),
            ),
        ] {
            let mut object = object.as_object().cloned().unwrap();
            object.insert("metadata".into(), json!({ "name": "x", "creationTimestamp": epoch }));
            let (headings, cells) = layout(plural);
            let cells = cells(&object, now);
            assert_eq!(headings.len(), cells.len(), "{plural}");
            assert_eq!(json!(cells), expected, "{plural}");
        }
    }
}
