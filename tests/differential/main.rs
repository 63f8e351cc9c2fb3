//! Upstream's controller and ours reconcile the same generated objects on a real API server, one after the other: the
//! Secrets and the condition `Synced` are equal, but for the short list in `outcome`.
//!
//!     tests/peers/with-cluster cargo test --workspace --test differential
//!
//! `BULLA_DIFFERENTIAL_OBJECTS` is how many (200), `BULLA_DIFFERENTIAL_SEED` repeats a run.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "the lint spares test functions, but not the hands that they share"
)]

mod generator;
#[path = "../harness/mod.rs"]
mod harness;
mod outcome;
mod swap;

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use futures::{StreamExt as _, stream};
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::sync::{Mutex, MutexGuard};

use crate::generator::{Case, NAMESPACES};
use crate::harness::api::{self, Api};
use crate::harness::process::{Controller, Launch};
use crate::harness::proxy::Proxy;
use crate::harness::random::{Random, count, seed};
use crate::harness::sealing::{common_key, key_secret, new_key};
use crate::harness::server::{Server, apply_our_definition, peers, real_cluster};
use crate::outcome::Outcome;

const PATIENCE: Duration = Duration::from_secs(120);
/// Nothing was written for so long: the controller is done.
const QUIET: Duration = Duration::from_millis(2500);

fn say(line: &str) {
    // libtest keeps what the print macros say.
    let _ = writeln!(std::io::stderr(), "differential: {line}");
}

#[tokio::test(flavor = "multi_thread")]
async fn both_controllers_make_the_same_secrets() {
    let Some(folder) = real_cluster() else {
        return say("not here: it needs the real peers, .ci/run runs it");
    };
    let _turn = turn().await;
    let (seed, objects) = (seed("BULLA_DIFFERENTIAL_SEED"), count("BULLA_DIFFERENTIAL_OBJECTS", 200));
    say(&format!("{objects} objects, BULLA_DIFFERENTIAL_SEED={seed}"));
    let server = Server::find().await;
    let keys = api::secrets("kube-system");
    server.admin.post(&keys, &key_secret("sealed-secrets-key1", common_key())).await;
    let mut owner = String::new();
    for name in NAMESPACES {
        let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
        let created = server.admin.post("/api/v1/namespaces", &namespace).await;
        owner = created["metadata"]["uid"].as_str().unwrap().to_owned();
    }
    let stranger = new_key(jiff::Timestamp::now());
    let mut cases = generator::cases(&mut Random::new(seed), objects, common_key(), &stranger);
    for case in &mut cases {
        for object in [Some(&mut case.sealed), case.second.as_mut(), case.existing.as_mut()].into_iter().flatten() {
            *object = with_owner(object, &owner);
        }
    }

    let theirs = Upstream::start(folder);
    let first = reconcile(&server.admin, &cases).await;
    drop(theirs);
    clear(&server.admin).await;

    let (mut ours, _folder) = ours(&server).await;
    let second = reconcile(&server.admin, &cases).await;
    ours.kill();
    assert!(!lacks_a_right(&ours.log()), "{}", ours.log());

    let mut known = BTreeMap::new();
    let mut differences = Vec::new();
    let mut synced = 0;
    for (case, rounds) in cases.iter().zip(first.iter().zip(&second)) {
        for (round, (theirs, ours)) in rounds.0.iter().zip(rounds.1).enumerate() {
            synced += usize::from(ours.is_synced());
            for difference in outcome::differences(case, theirs, ours) {
                match difference {
                    Ok(reason) => *known.entry(reason).or_insert(0) += 1,
                    Err(text) => {
                        let optional = |object: &Option<Value>| object.as_ref().map_or_else(String::new, shortened);
                        differences.push(format!(
                            "{}/{} in generation {}: {text}\n  object: {}\n  second: {}\n  existing: {}",
                            case.namespace,
                            case.name,
                            round + 1,
                            shortened(&case.sealed),
                            optional(&case.second),
                            optional(&case.existing),
                        ));
                    }
                }
            }
        }
    }
    let looked_at: usize = first.iter().map(Vec::len).sum();
    say(&format!("{looked_at} outcomes compared, {synced} of ours synced; expected differences: {known:?}"));
    assert!(synced * 3 > looked_at, "the generator makes hardly anything that opens");
    assert!(differences.is_empty(), "{} differences:\n{}", differences.len(), differences.join("\n"));
}

/// Both tests want the one set of keys in kube-system for themselves.
async fn turn() -> MutexGuard<'static, ()> {
    static TURN: Mutex<()> = Mutex::const_new(());
    TURN.lock().await
}

/// Our controller under upstream's name and rights, and its folder, which goes when that is dropped.
async fn ours(server: &Server) -> (Controller, TempDir) {
    let proxy = Proxy::start(server.controller.clone()).await;
    let folder = tempfile::tempdir().unwrap();
    let launch = Launch {
        server: format!("http://{}", proxy.address),
        folder: folder.path().to_owned(),
        namespace: "kube-system".to_owned(),
        flags: Vec::new(),
        variables: Vec::new(),
        stock_name: true,
    };
    let controller = launch.start().await;
    controller.ready().await;
    (controller, folder)
}

/// Whether the API server refused something for want of rights. (`Forbidden` alone is also its word for what is invalid.)
fn lacks_a_right(log: &str) -> bool {
    log.to_lowercase().contains("is forbidden: user")
}

/// A text for the report: ciphertexts cut.
fn shortened(object: &Value) -> String {
    fn cut(value: &Value) -> Value {
        match value {
            Value::String(text) if text.len() > 120 => json!(format!("{}…", text.chars().take(8).collect::<String>())),
            Value::Object(map) => map.iter().map(|(key, value)| (key.clone(), cut(value))).collect(),
            other => other.clone(),
        }
    }
    cut(object).to_string()
}

fn with_owner(object: &Value, uid: &str) -> Value {
    let text = object.to_string().replace("\"name\":\"FOREIGN-OWNER\"", &format!("\"name\":\"{}\"", NAMESPACES[2]));
    serde_json::from_str(&text.replace("FOREIGN-OWNER", uid)).unwrap()
}

/// Puts all cases to whichever controller runs. For each case what came of its first generation, and of its second.
async fn reconcile(admin: &Api, cases: &[Case]) -> Vec<Vec<Outcome>> {
    let began = Instant::now();
    let post = |path: String, object: Value| async move { admin.post(&path, &object).await };
    let existing = cases.iter().filter_map(|case| Some(post(api::secrets(case.namespace), case.existing.clone()?)));
    stream::iter(existing).buffer_unordered(8).collect::<Vec<_>>().await;
    let sealed = cases.iter().map(|case| post(api::sealed_secrets(case.namespace), case.sealed.clone()));
    stream::iter(sealed).buffer_unordered(8).collect::<Vec<_>>().await;
    settled(admin).await;
    let first = outcomes(admin, cases).await;

    let edits = cases.iter().filter_map(|case| {
        let (path, spec) = (api::sealed_secret(case.namespace, &case.name), case.second.clone()?);
        Some(async move {
            let mut whole = admin.get(&path).await.unwrap();
            whole["spec"] = spec;
            admin.put(&path, &whole).await
        })
    });
    stream::iter(edits).buffer_unordered(1).collect::<Vec<_>>().await;
    settled(admin).await;
    let second = outcomes(admin, cases).await;
    say(&format!("reconciled after {:.1} s", began.elapsed().as_secs_f64()));
    first
        .into_iter()
        .zip(second)
        .zip(cases)
        .map(|((first, second), case)| if case.second.is_some() { vec![first, second] } else { vec![first] })
        .collect()
}

async fn listed(admin: &Api, path: fn(&str) -> String) -> BTreeMap<(String, String), Value> {
    let mut found = BTreeMap::new();
    for namespace in NAMESPACES {
        for object in admin.items(&path(namespace)).await {
            let name = object["metadata"]["name"].as_str().unwrap().to_owned();
            found.insert((namespace.to_owned(), name), object);
        }
    }
    found
}

async fn outcomes(admin: &Api, cases: &[Case]) -> Vec<Outcome> {
    let (secrets, sealed) = (listed(admin, api::secrets).await, listed(admin, api::sealed_secrets).await);
    let id = |case: &Case| (case.namespace.to_owned(), case.name.clone());
    cases.iter().map(|case| Outcome::new(&sealed[&id(case)], secrets.get(&id(case)))).collect()
}

/// Waits until every object has a status for its generation, and nobody writes any more.
async fn settled(admin: &Api) {
    let deadline = Instant::now() + PATIENCE;
    let (mut last, mut since) = (BTreeMap::new(), Instant::now());
    loop {
        let sealed = listed(admin, api::sealed_secrets).await;
        let waiting: Vec<_> = sealed.iter().filter(|(_, sealed)| !api::is_observed(sealed)).map(|(id, _)| id).collect();
        let secrets = listed(admin, api::secrets).await;
        let versions: BTreeMap<_, _> = secrets
            .iter()
            .chain(&sealed)
            .map(|(id, object)| {
                ((id.clone(), object["kind"].to_string()), object["metadata"]["resourceVersion"].clone())
            })
            .collect();
        if versions != last {
            (last, since) = (versions, Instant::now());
        } else if waiting.is_empty() && since.elapsed() > QUIET {
            return;
        }
        assert!(Instant::now() < deadline, "not settled after {PATIENCE:?}; without a status: {waiting:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Leaves the namespaces as they were.
async fn clear(admin: &Api) {
    for namespace in NAMESPACES {
        admin.delete(&api::sealed_secrets(namespace)).await;
        for secret in admin.items(&api::secrets(namespace)).await {
            let path = api::secret(namespace, secret["metadata"]["name"].as_str().unwrap());
            if !secret["metadata"]["finalizers"].is_null() {
                admin.edit(&path, &json!({"metadata": {"finalizers": null}})).await;
            }
            admin.delete(&path).await;
        }
    }
    harness::until("the namespaces are empty", || async {
        let empty = listed(admin, api::secrets).await.is_empty() && listed(admin, api::sealed_secrets).await.is_empty();
        empty.then_some(())
    })
    .await;
}

/// Upstream's controller, stopped at the end.
struct Upstream(PathBuf);

impl Upstream {
    fn start(folder: PathBuf) -> Self {
        let cluster = folder.to_str().unwrap();
        // Its own limit of requests, and repetitions that change nothing, would cost minutes.
        let flags = ["start", cluster, "--", "--kubeclient-qps=-1", "--max-unseal-retries=1"];
        say(peers("upstream-controller", &flags, &[]).trim());
        apply_our_definition(&folder);
        Self(folder)
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        peers("upstream-controller", &["stop", self.0.to_str().unwrap()], &[]);
    }
}
