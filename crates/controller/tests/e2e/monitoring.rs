//! Dashboard and alert rules speak of metrics that there are: every name, label and label value in their expressions is one that
//! a running controller shows.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;

use bulla_controller::Config;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use super::key_backup;
use super::keys::labelled_keys;
use super::support::{KEY_LABEL, KEYS, SEALED, World, seal, until, within};

const DASHBOARD: &str = include_str!("../../../../deploy/monitoring/dashboard.json");
const RULES: &str = include_str!("../../../../deploy/monitoring/rules.yaml");
const ANY_PORT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 0);
/// Labels that Prometheus adds to what it scrapes.
const OF_THE_SCRAPE: [&str; 3] = ["instance", "job", "pod"];

/// Series by name, and the labels and values that were seen on them.
type Shown = BTreeMap<String, BTreeMap<String, BTreeSet<String>>>;

async fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream.write_all(format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes()).await.unwrap();
    let mut answer = String::new();
    within("an answer", stream.read_to_string(&mut answer)).await.unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

/// What a scrape in Prometheus' format shows of a controller to which all kinds of things have happened.
async fn scrape() -> Shown {
    let world = World::new();
    let folder = tempfile::tempdir().unwrap();
    let backed_up = key_backup::config(folder.path(), &age::x25519::Identity::generate());
    let config = Config { listen_addr: Some(ANY_PORT), listen_metrics_addr: Some(ANY_PORT), ..backed_up };
    let handle = world.start_with(config).await;
    until("a certificate", || async { handle.certificate_pem() }).await;
    world.post(SEALED, &seal(&handle, "good", &[("k", "v")])).await;
    world.until_reason("good", "Unsealed").await;
    let key = labelled_keys(&world).await[0]["metadata"]["name"].as_str().unwrap().to_owned();
    let compromised = json!({"metadata": {"labels": {"bulla.dev/key-state": "compromised"}}});
    world.edit(&format!("{KEYS}/{key}"), compromised).await;
    until("another certificate", || {
        let text = handle.metrics();
        std::future::ready(text.contains("keys{state=\"compromised\"} 1").then(|| handle.certificate_pem()).flatten())
    })
    .await;
    let mut bad = seal(&handle, "bad", &[("k", "v")]);
    bad["spec"]["encryptedData"]["k"] = json!("AgA=");
    world.post(SEALED, &bad).await;
    world.post(KEYS, &json!({"metadata": {"name": "no-key", "labels": {KEY_LABEL: "active"}}})).await;
    let addresses = handle.addresses();
    get(addresses.http.unwrap(), "/v1/cert.pem").await;
    until("everything has been seen", || {
        let text = handle.metrics();
        let seen = ["unseal_errors_total{", "keys{state=\"malformed\"} 1", "rights{right=\"leases\"}"];
        std::future::ready(seen.iter().all(|series| text.contains(series)).then_some(()))
    })
    .await;
    let text = get(addresses.metrics.unwrap(), "/metrics").await;
    let mut shown = Shown::new();
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let series = line.rsplit_once(' ').unwrap().0;
        let (name, labels) = series.split_once('{').unwrap_or((series, ""));
        let known = shown.entry(name.to_owned()).or_default();
        for (label, value) in matchers(labels.trim_end_matches('}')) {
            known.entry(label).or_default().insert(value);
        }
    }
    shown
}

/// `a="b",c="d"`.
fn matchers(text: &str) -> Vec<(String, String)> {
    let pairs = text.split("\",").filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (label, value) = pair.split_once("=\"").unwrap();
            (label.to_owned(), value.trim_end_matches('"').to_owned())
        })
        .collect()
}

/// The expressions with the place that they stand at.
fn expressions() -> Vec<(String, String)> {
    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let mut all = Vec::new();
    for panel in dashboard["panels"].as_array().unwrap() {
        for target in panel["targets"].as_array().unwrap() {
            all.push((panel["title"].as_str().unwrap().to_owned(), target["expr"].as_str().unwrap().to_owned()));
        }
    }
    let limits = bulla_yaml::Limits::default();
    let rules = bulla_yaml::read_one(RULES.as_bytes(), &limits).unwrap().root.to_json().unwrap();
    for rule in rules["spec"]["groups"][0]["rules"].as_array().unwrap() {
        assert!(rule["annotations"]["summary"].is_string() && rule["labels"]["severity"].is_string(), "{rule}");
        all.push((rule["alert"].as_str().unwrap().to_owned(), rule["expr"].as_str().unwrap().to_owned()));
    }
    all
}

/// What is wrong with an expression.
fn wrong(expression: &str, shown: &Shown) -> Vec<String> {
    let mut wrong = Vec::new();
    let word = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let mut rest = expression;
    let mut labels_of_all = BTreeSet::new();
    while let Some(start) = rest.find(word) {
        let end = rest[start..].find(|letter| !word(letter)).map_or(rest.len(), |length| start + length);
        let name = &rest[start..end];
        rest = &rest[end..];
        let group = ["by", "on", "group_left"].contains(&name).then(|| rest.trim_start().strip_prefix('(')).flatten();
        if let Some(group) = group {
            let (names, after) = group.split_once(')').unwrap();
            labels_of_all.extend(names.split(',').map(str::trim).filter(|name| !name.is_empty()).map(str::to_owned));
            rest = after;
            continue;
        }
        if !name.starts_with("sealed_secrets_controller_") && !name.starts_with("process_") {
            continue;
        }
        let Some(known) = shown.get(name) else {
            wrong.push(format!("there is no metric {name}"));
            continue;
        };
        if let Some(inside) = rest.strip_prefix('{') {
            let (inside, after) = inside.split_once('}').unwrap();
            for (label, value) in matchers(inside) {
                if !known.get(&label).is_some_and(|values| values.contains(&value)) {
                    wrong.push(format!("{name} has no {label}=\"{value}\": {known:?}"));
                }
            }
            rest = after;
        }
    }
    let anywhere = |label: &str| shown.values().any(|labels| labels.contains_key(label));
    wrong.extend(
        labels_of_all
            .iter()
            .filter(|label| !OF_THE_SCRAPE.contains(&label.as_str()) && !anywhere(label))
            .map(|label| format!("no metric has the label {label}")),
    );
    wrong
}

#[tokio::test(flavor = "multi_thread")]
async fn dashboard_and_rules_name_only_metrics_that_are_shown() {
    let shown = scrape().await;
    let found: Vec<String> = expressions()
        .iter()
        .flat_map(|(place, expression)| {
            wrong(expression, &shown).into_iter().map(move |wrong| format!("{place}: {wrong}")).collect::<Vec<_>>()
        })
        .collect();
    assert_eq!(found, Vec::<String>::new());

    // The check itself finds what is wrong.
    for bad in [
        "sealed_secrets_controller_unseal_requests > 0",
        "sum(rate(sealed_secrets_controller_objectz[5m]))",
        "sealed_secrets_controller_keys{state=\"actve\"}",
        "sum by (reasonn) (sealed_secrets_controller_objects)",
    ] {
        assert_eq!(wrong(bad, &shown).len(), 1, "{bad}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_metric_is_in_the_documentation() {
    let documentation = include_str!("../../../../docs/controller.md");
    let shown = scrape().await;
    let missing: Vec<&String> = shown
        .keys()
        .filter(|name| {
            let name = name.strip_prefix("sealed_secrets_controller_").unwrap_or(name);
            let family = ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name);
            !documentation.contains(&format!("`{family}`"))
        })
        .collect();
    assert_eq!(missing, Vec::<&String>::new());
}
