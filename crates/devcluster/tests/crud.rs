//! Create, read, update and delete through `kube::Client`, in process.
#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "the Secrets of these tests are throw-away, and helpers of tests are tests"
)]

mod common;

use common::{client, cluster, labelled, refusal, sealed, sealed_secrets, secret, secrets};
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use kube::Api;
use kube::api::{DeleteParams, ListParams, ObjectMeta, PostParams, Preconditions};
use serde_json::json;

#[tokio::test]
async fn a_new_cluster_has_the_namespaces_of_a_new_cluster() {
    let namespaces: Api<Namespace> = Api::all(client(&cluster()));
    let names: Vec<_> = namespaces.list(&ListParams::default()).await.unwrap().items;
    let names: Vec<_> = names.into_iter().filter_map(|namespace| namespace.metadata.name).collect();
    assert_eq!(names, ["default", "kube-node-lease", "kube-public", "kube-system"]);
}

#[tokio::test]
async fn objects_are_created_read_replaced_and_deleted() {
    let cluster = cluster();
    let secrets = secrets(&client(&cluster));
    let created = secrets.create(&PostParams::default(), &secret("a")).await.unwrap();
    assert!(created.metadata.uid.is_some() && created.metadata.creation_timestamp.is_some());
    assert_eq!(created.metadata.namespace.as_deref(), Some("default"));
    assert_eq!(created.type_.as_deref(), Some("Opaque"));
    assert_eq!(secrets.get("a").await.unwrap(), created);

    let mut changed = created.clone();
    changed.string_data = Some([("other".to_owned(), "text".to_owned())].into());
    let replaced = secrets.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert!(replaced.string_data.is_none());
    assert_eq!(replaced.data.as_ref().unwrap()["other"].0, b"text");
    assert_ne!(replaced.metadata.resource_version, created.metadata.resource_version);

    let deleted = secrets.delete("a", &DeleteParams::default()).await.unwrap();
    assert!(deleted.right().is_some_and(|status| status.is_success()));
    assert_eq!(refusal(secrets.get("a").await), (404, "NotFound".into(), "secrets \"a\" not found".into()));
}

#[tokio::test]
async fn a_stale_write_is_a_conflict() {
    let secrets = secrets(&client(&cluster()));
    let first = secrets.create(&PostParams::default(), &secret("a")).await.unwrap();
    let mut changed = first.clone();
    changed.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    secrets.replace("a", &PostParams::default(), &changed).await.unwrap();
    let (code, reason, message) = refusal(secrets.replace("a", &PostParams::default(), &changed).await);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        "Operation cannot be fulfilled on secrets \"a\": the object has been modified; \
         please apply your changes to the latest version and try again"
    );
    changed.metadata.resource_version = None;
    secrets.replace("a", &PostParams::default(), &changed).await.expect("built-in kinds take unconditional updates");
}

#[tokio::test]
async fn creating_twice_and_creating_nowhere_are_refused() {
    let client = client(&cluster());
    let secrets = secrets(&client);
    secrets.create(&PostParams::default(), &secret("a")).await.unwrap();
    assert_eq!(
        refusal(secrets.create(&PostParams::default(), &secret("a")).await),
        (409, "AlreadyExists".into(), "secrets \"a\" already exists".into())
    );
    let elsewhere: Api<Secret> = Api::namespaced(client, "nowhere");
    assert_eq!(
        refusal(elsewhere.create(&PostParams::default(), &secret("a")).await),
        (404, "NotFound".into(), "namespaces \"nowhere\" not found".into())
    );
}

#[tokio::test]
async fn names_are_checked_and_generated() {
    let client = client(&cluster());
    let secrets = secrets(&client);
    let (code, reason, message) = refusal(secrets.create(&PostParams::default(), &secret("A_b")).await);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert!(
        message.starts_with("Secret \"A_b\" is invalid: metadata.name: Invalid value: \"A_b\": a lowercase RFC 1123"),
        "{message}"
    );
    let namespaces: Api<Namespace> = Api::all(client);
    let dotted = Namespace {
        metadata: ObjectMeta { name: Some("a.b".into()), ..ObjectMeta::default() },
        ..Namespace::default()
    };
    assert_eq!(refusal(namespaces.create(&PostParams::default(), &dotted).await).0, 422);

    let mut generated = secret("");
    generated.metadata.name = None;
    generated.metadata.generate_name = Some("x-".into());
    let name = secrets.create(&PostParams::default(), &generated).await.unwrap().metadata.name.unwrap();
    assert!(name.starts_with("x-") && name.len() == 7, "{name}");
    generated.metadata.generate_name = None;
    let (_, _, message) = refusal(secrets.create(&PostParams::default(), &generated).await);
    assert_eq!(message, "Secret \"\" is invalid: metadata.name: Required value: name or generateName is required");
}

#[tokio::test]
async fn status_and_specification_are_written_apart() {
    let sealed_secrets = sealed_secrets(&client(&cluster()));
    let mut object = sealed("a");
    object.data["status"] = json!({ "observedGeneration": 9 });
    let created = sealed_secrets.create(&PostParams::default(), &object).await.unwrap();
    assert_eq!(created.metadata.generation, Some(1));
    assert!(created.data.get("status").is_none(), "status is not taken on create");

    let mut changed = created.clone();
    changed.data["spec"]["encryptedData"]["c"] = json!("d");
    changed.data["status"] = json!({ "observedGeneration": 9 });
    let changed = sealed_secrets.replace("a", &PostParams::default(), &changed).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
    assert!(changed.data.get("status").is_none(), "status is not taken on update");

    let mut status = changed.clone();
    status.data["spec"] = json!({});
    status.data["status"] = json!({ "observedGeneration": 2 });
    let written = sealed_secrets.replace_status("a", &PostParams::default(), &status).await.unwrap();
    assert_eq!(written.metadata.generation, Some(2), "status does not count as a generation");
    assert_eq!(written.data["spec"], changed.data["spec"], "only status is taken");
    assert_eq!(written.data["status"]["observedGeneration"], 2);
    assert_eq!(refusal(sealed_secrets.replace_status("a", &PostParams::default(), &status).await).0, 409);

    let mut labelled = written.clone();
    labelled.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    let labelled = sealed_secrets.replace("a", &PostParams::default(), &labelled).await.unwrap();
    assert_eq!(labelled.metadata.generation, Some(2), "labels do not count as a generation");
    assert_eq!(labelled.data["status"]["observedGeneration"], 2);

    let mut unconditional = labelled.clone();
    unconditional.metadata.resource_version = None;
    let (code, _, message) = refusal(sealed_secrets.replace("a", &PostParams::default(), &unconditional).await);
    assert_eq!(code, 422);
    assert_eq!(
        message,
        "sealedsecrets.bitnami.com \"a\" is invalid: metadata.resourceVersion: Invalid value: 0: must be specified for an update"
    );
}

#[tokio::test]
async fn a_write_that_changes_nothing_is_no_write() {
    let sealed_secrets = sealed_secrets(&client(&cluster()));
    let created = sealed_secrets.create(&PostParams::default(), &sealed("a")).await.unwrap();
    let same = sealed_secrets.replace("a", &PostParams::default(), &created).await.unwrap();
    assert_eq!(same.metadata.resource_version, created.metadata.resource_version);
}

#[tokio::test]
async fn a_dry_run_checks_and_stores_nothing() {
    let secrets = secrets(&client(&cluster()));
    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let answered = secrets.create(&dry, &secret("a")).await.unwrap();
    assert!(answered.metadata.uid.is_some());
    assert_eq!(refusal(secrets.get("a").await).0, 404);
    assert_eq!(refusal(secrets.create(&dry, &secret("A")).await).0, 422);

    let created = secrets.create(&PostParams::default(), &secret("a")).await.unwrap();
    let mut changed = created.clone();
    changed.metadata.labels = Some([("a".to_owned(), "b".to_owned())].into());
    let answered = secrets.replace("a", &dry, &changed).await.unwrap();
    assert_eq!(answered.metadata.labels, changed.metadata.labels);
    assert_eq!(secrets.get("a").await.unwrap(), created);
    secrets.delete("a", &DeleteParams { dry_run: true, ..DeleteParams::default() }).await.unwrap();
    assert_eq!(secrets.get("a").await.unwrap(), created);
}

#[tokio::test]
async fn deletions_keep_their_preconditions() {
    let secrets = secrets(&client(&cluster()));
    let created = secrets.create(&PostParams::default(), &secret("a")).await.unwrap();
    let with = |uid: Option<&str>, version: Option<&str>| {
        DeleteParams::default()
            .preconditions(Preconditions { uid: uid.map(str::to_owned), resource_version: version.map(str::to_owned) })
    };
    assert_eq!(refusal(secrets.delete("a", &with(Some("other"), None)).await).0, 409);
    assert_eq!(refusal(secrets.delete("a", &with(None, Some("1"))).await).0, 409);
    let right = with(created.metadata.uid.as_deref(), created.metadata.resource_version.as_deref());
    secrets.delete("a", &right).await.unwrap();
}

#[tokio::test]
async fn a_collection_is_deleted_by_selector() {
    let secrets = secrets(&client(&cluster()));
    for (name, value) in [("a", "1"), ("b", "2"), ("c", "1")] {
        secrets.create(&PostParams::default(), &labelled(name, "l", value)).await.unwrap();
    }
    secrets.delete_collection(&DeleteParams::default(), &ListParams::default().labels("l=1")).await.unwrap();
    let left = secrets.list(&ListParams::default()).await.unwrap().items;
    assert_eq!(left.iter().map(|secret| secret.metadata.name.as_deref()).collect::<Vec<_>>(), [Some("b")]);
}

#[tokio::test]
async fn requests_are_counted() {
    let cluster = cluster();
    let client = client(&cluster);
    let before = cluster.requests();
    secrets(&client).create(&PostParams::default(), &secret("a")).await.unwrap();
    sealed_secrets(&client).list(&ListParams::default()).await.unwrap();
    let cost = cluster.requests().since(&before);
    assert_eq!(cost.of("create", "secrets"), 1);
    assert_eq!(cost.of("list", "sealedsecrets.bitnami.com"), 1);
    assert_eq!(cost.writes(), 1);
    assert_eq!(cost.iter().count(), 2);
}

#[tokio::test]
async fn immutable_objects_stay_as_they_are() {
    let client = client(&cluster());
    let configs: Api<ConfigMap> = Api::default_namespaced(client);
    let mut config = ConfigMap {
        metadata: ObjectMeta { name: Some("a".into()), ..ObjectMeta::default() },
        data: Some([("k".to_owned(), "v".to_owned())].into()),
        immutable: Some(true),
        ..ConfigMap::default()
    };
    configs.create(&PostParams::default(), &config).await.unwrap();
    config.data = Some([("k".to_owned(), "w".to_owned())].into());
    let (code, _, message) = refusal(configs.replace("a", &PostParams::default(), &config).await);
    assert_eq!(code, 422);
    assert_eq!(message, "ConfigMap \"a\" is invalid: data: Forbidden: field is immutable when `immutable` is set");
}
