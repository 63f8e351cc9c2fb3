//! State that outlives the process: what comes back, what is on the disk, what happens to damaged files, and to a process
//! that is killed.
#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

mod common;
#[path = "common/api.rs"]
mod http_api;

use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Command, Stdio};

use bulla_devcluster::{DevCluster, Error, ServeOptions, Storage, StorageError};
use http::Method;
use http_api::Api;
use serde_json::{Value, json};
use tempfile::TempDir;

const SECRETS: &str = "/api/v1/namespaces/default/secrets";
const SEALED: &str = "/apis/bitnami.com/v1alpha1/namespaces/default/sealedsecrets";
const CANARY: &str = "canary-in-plain-sight";

struct Place {
    folder: TempDir,
}

impl Place {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn storage(&self) -> Storage {
        Storage { folder: self.folder.path().join("data"), key: self.folder.path().join("key") }
    }

    fn file(&self) -> std::path::PathBuf {
        self.storage().folder.join("cluster")
    }

    fn open(&self) -> Result<Api, Error> {
        DevCluster::open(common::options(), &self.storage()).map(Api)
    }

    fn refusal(&self) -> StorageError {
        match self.open() {
            Err(Error::OpenStorage(error)) => error,
            Err(other) => panic!("refused with {other}"),
            Ok(_) => panic!("it should not open"),
        }
    }
}

fn secret(name: &str) -> Value {
    json!({ "metadata": { "name": name }, "stringData": { "k": CANARY } })
}

async fn everything(api: &Api) -> Value {
    let mut all = json!({});
    for path in [SECRETS, SEALED, "/api/v1/namespaces", "/apis/apiextensions.k8s.io/v1/customresourcedefinitions"] {
        all[path] = api.get(path).await.1;
    }
    all
}

#[tokio::test]
async fn a_cluster_goes_on_where_it_was() {
    let place = Place::new();
    let api = place.open().unwrap();
    for name in ["a", "b"] {
        assert_eq!(api.post(SECRETS, &secret(name)).await.0, 201);
    }
    let sealed = json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "metadata": { "name": "s" }, "spec": { "x": 1 } });
    let (_, owner) = api.post(SEALED, &sealed).await;
    let mut owned = secret("owned");
    owned["metadata"]["ownerReferences"] = json!([{ "apiVersion": "bitnami.com/v1alpha1", "kind": "SealedSecret", "name": "s", "uid": owner["metadata"]["uid"] }]);
    api.post(SECRETS, &owned).await;
    api.merge(&format!("{SECRETS}/a"), &json!({ "metadata": { "labels": { "l": "v" } } })).await;
    assert_eq!(api.call(Method::DELETE, &format!("{SECRETS}/b"), "json", &json!({})).await.0, 200);
    let mut other = common::sealed_secret_crd();
    other["metadata"]["name"] = json!("others.bitnami.com");
    other["spec"]["names"] = json!({ "kind": "Other", "plural": "others" });
    let definitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
    assert_eq!(api.post(definitions, &other).await.0, 201);
    let kind = json!({ "apiVersion": "bitnami.com/v1alpha1", "kind": "Other", "metadata": { "name": "o" } });
    assert_eq!(api.post("/apis/bitnami.com/v1alpha1/namespaces/default/others", &kind).await.0, 201);
    let (before, token) = (everything(&api).await, api.0.token().to_owned());
    let server = api.0.serve(ServeOptions::default()).await.unwrap();
    let authority =
        |text: &str| text.lines().find(|line| line.contains("certificate-authority-data")).unwrap().to_owned();
    let authority_before = authority(server.kubeconfig());
    server.shutdown().await;
    assert!(matches!(place.refusal(), StorageError::InUse { .. }), "two at once would damage it");
    drop(api);

    let api = place.open().unwrap();
    assert_eq!(everything(&api).await, before);
    assert_eq!(api.0.token(), token);
    let server = api.0.serve(ServeOptions::default()).await.unwrap();
    assert_eq!(authority(server.kubeconfig()), authority_before);
    server.shutdown().await;
    assert_eq!(api.get("/apis/bitnami.com/v1alpha1/namespaces/default/others/o").await.0, 200);
    let version: u64 = before[SECRETS]["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    let watch = format!("{SECRETS}?watch=1&timeoutSeconds=1&resourceVersion={}", version - 1);
    assert_eq!(api.get(&watch).await.1["object"]["code"], 410, "what changed before the restart is not known any more");
    let (_, new) = api.post(SECRETS, &secret("new")).await;
    let new: u64 = new["metadata"]["resourceVersion"].as_str().unwrap().parse().unwrap();
    assert!(new > version, "versions go on");
    api.call(Method::DELETE, &format!("{SEALED}/s"), "json", &json!({})).await;
    assert_eq!(api.get(&format!("{SECRETS}/owned")).await.0, 404, "owners are known again");
    assert_eq!(api.call(Method::DELETE, &format!("{definitions}/others.bitnami.com"), "json", &json!({})).await.0, 200);
    let before = everything(&api).await;
    drop(api);
    let api = place.open().unwrap();
    assert_eq!(everything(&api).await, before);
    assert_eq!(api.get("/apis/bitnami.com/v1alpha1/namespaces/default/others").await.0, 404);
}

#[tokio::test]
async fn nothing_is_on_the_disk_in_plain_text() {
    use base64::Engine as _;
    use std::os::unix::fs::PermissionsExt as _;
    let place = Place::new();
    let api = place.open().unwrap();
    api.post(SECRETS, &secret("a-name-that-tells")).await;
    let token = api.0.token().to_owned();
    drop(api);
    let encoded = base64::engine::general_purpose::STANDARD.encode(CANARY);
    let stored = fs::read(place.file()).unwrap();
    for needle in [CANARY, &encoded, &token, "a-name-that-tells", "secrets", "PRIVATE KEY"] {
        assert!(!stored.windows(needle.len()).any(|window| window == needle.as_bytes()), "{needle}");
    }
    for path in [place.file(), place.storage().key] {
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600, "{}", path.display());
    }
    assert_eq!(fs::metadata(place.storage().folder).unwrap().permissions().mode() & 0o777, 0o700);
}

/// The file after some writes, and how many Secrets there were after each.
async fn written(place: &Place) -> (Vec<u8>, Vec<(usize, usize)>) {
    let api = place.open().unwrap();
    let mut steps = vec![(fs::metadata(place.file()).unwrap().len() as usize, 0)];
    for count in 1..=3 {
        api.post(SECRETS, &secret(&format!("s{count}"))).await;
        steps.push((fs::metadata(place.file()).unwrap().len() as usize, count));
    }
    drop(api);
    (fs::read(place.file()).unwrap(), steps)
}

#[tokio::test]
async fn a_file_that_was_not_written_to_its_end_is_what_it_was_before() {
    let place = Place::new();
    let (whole, steps) = written(&place).await;
    for length in (steps[0].0..=whole.len()).step_by(7).chain(steps.iter().map(|step| step.0)) {
        fs::write(place.file(), &whole[..length]).unwrap();
        let api = place.open().unwrap();
        let expected = steps.iter().rev().find(|(size, _)| *size <= length).unwrap().1;
        let found = api.get(SECRETS).await.1["items"].as_array().unwrap().len();
        assert_eq!(found, expected, "{length} bytes of {}", whole.len());
        assert_eq!(api.post(SECRETS, &secret("after")).await.0, 201);
        drop(api);
        let again = place.open().unwrap().get(&format!("{SECRETS}/after")).await.0;
        assert_eq!(again, 200, "what is written behind a dropped end comes back");
    }
}

#[tokio::test]
async fn damage_and_a_wrong_key_are_told_and_nothing_is_overwritten() {
    let place = Place::new();
    let (whole, steps) = written(&place).await;
    for index in (0..whole.len()).step_by(11) {
        let mut damaged = whole.clone();
        damaged[index] ^= 0x20;
        fs::write(place.file(), &damaged).unwrap();
        let refusal = place.refusal();
        let fits = match index {
            0..20 => matches!(refusal, StorageError::Foreign { .. }),
            _ if index < steps[0].0 => matches!(refusal, StorageError::WrongKey { .. } | StorageError::Damaged { .. }),
            _ => matches!(refusal, StorageError::Damaged { .. }),
        };
        assert!(fits, "byte {index}: {refusal}");
        assert_eq!(fs::read(place.file()).unwrap(), damaged, "byte {index}: the file is left alone");
    }
    fs::write(place.file(), &whole).unwrap();
    let key = fs::read(place.storage().key).unwrap();
    fs::remove_file(place.storage().key).unwrap();
    assert!(matches!(place.refusal(), StorageError::KeyMissing { .. }));
    assert!(!place.storage().key.exists(), "no key is made for state that it cannot open");
    let other = Place::new();
    drop(other.open().unwrap());
    fs::copy(other.storage().key, place.storage().key).unwrap();
    assert!(matches!(place.refusal(), StorageError::WrongKey { .. }));
    assert_eq!(fs::read(place.file()).unwrap(), whole);
    fs::write(place.storage().key, key).unwrap();
    assert_eq!(place.open().unwrap().get(&format!("{SECRETS}/s3")).await.0, 200);
}

#[tokio::test]
async fn the_file_does_not_grow_for_ever() {
    let place = Place::new();
    let api = place.open().unwrap();
    let mut largest = 0;
    for round in 0..60 {
        let data = json!({ "metadata": { "name": "x" }, "data": { "k": format!("{round}{}", "x".repeat(400_000)) } });
        let path = "/api/v1/namespaces/default/configmaps";
        let (code, answer) = match round {
            0 => api.post(path, &data).await,
            _ => api.merge(&format!("{path}/x"), &data).await,
        };
        assert!(code < 300, "{answer}");
        largest = largest.max(fs::metadata(place.file()).unwrap().len());
    }
    assert!(largest < 10 << 20, "{largest} bytes for one object of 400 kB");
    drop(api);
    let (_, found) = place.open().unwrap().get("/api/v1/namespaces/default/configmaps/x").await;
    assert!(found["data"]["k"].as_str().unwrap().starts_with("59x"));
    let names: Vec<_> = fs::read_dir(place.storage().folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names.len(), 2, "the file and the lock: {names:?}");
}

const CHILD: &str = "BULLA_TEST_PERSISTENCE_CHILD";

/// Not a test by itself: what the next test starts and kills. Each request makes a Secret and an owned one go together.
#[tokio::test]
async fn child_that_writes_until_it_is_killed() {
    let Some(folder) = std::env::var_os(CHILD) else { return };
    let storage = Storage { folder: Path::new(&folder).join("data"), key: Path::new(&folder).join("key") };
    let api = Api(DevCluster::open(common::options(), &storage).unwrap());
    let first = api.get(SECRETS).await.1["items"].as_array().unwrap().len();
    let mut out = std::io::stdout();
    for number in first.. {
        let filler = "x".repeat(100_000);
        let secret = json!({ "metadata": { "name": format!("s{number:06}") }, "stringData": { "k": filler } });
        if api.post(SECRETS, &secret).await.0 == 201 {
            writeln!(out, "\nwritten s{number:06}").unwrap();
            out.flush().unwrap();
        }
        // Changes of one request: the owner and what it owns go at once.
        let config = |name: &str| json!({ "metadata": { "name": name } });
        let configs = "/api/v1/namespaces/default/configmaps";
        let (_, owner) = api.post(configs, &config("owner")).await;
        let mut owned = config("owned");
        owned["metadata"]["ownerReferences"] =
            json!([{ "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": owner["metadata"]["uid"] }]);
        api.post(configs, &owned).await;
        api.call(Method::DELETE, &format!("{configs}/owner"), "json", &json!({})).await;
        if number % 20 == 19 {
            api.call(Method::DELETE, SECRETS, "json", &json!({})).await;
            writeln!(out, "\nemptied").unwrap();
            out.flush().unwrap();
        }
    }
}

#[tokio::test]
async fn a_killed_process_leaves_the_state_before_or_after_each_request() {
    let place = Place::new();
    let mut acknowledged = std::collections::BTreeSet::new();
    for round in 0..8 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "child_that_writes_until_it_is_killed", "--nocapture"])
            .env(CHILD, place.folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut seen = 0;
        for line in lines {
            let line = line.unwrap();
            if let Some(name) = line.strip_prefix("written ") {
                acknowledged.insert(name.to_owned());
                seen += 1;
            } else if line == "emptied" {
                acknowledged.clear();
            }
            // At another place each time: in the middle of whatever comes next.
            if seen > 5 + round * 3 {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        let api = place.open().unwrap();
        let (_, list) = api.get(SECRETS).await;
        let found: std::collections::BTreeSet<String> = list["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap().to_owned())
            .collect();
        // The deletion of all may have been the request under way.
        assert!(acknowledged.is_subset(&found) || found.is_empty(), "round {round}: {acknowledged:?} {found:?}");
        if found.is_empty() {
            acknowledged.clear();
        }
        let (_, configs) = api.get("/api/v1/namespaces/default/configmaps").await;
        let names: Vec<&str> = configs["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["metadata"]["name"].as_str().unwrap())
            .collect();
        assert_ne!(names, ["owned"], "round {round}: what an owner takes along does not stay behind");
        for path in ["/api/v1/namespaces/default/configmaps/owner", "/api/v1/namespaces/default/configmaps/owned"] {
            api.call(Method::DELETE, path, "json", &json!({})).await;
        }
    }
}
