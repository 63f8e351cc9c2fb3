//! What goes when something goes: owners, finalizers, namespaces, CustomResourceDefinitions.
#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "the Secrets of these tests are throw-away, and helpers of tests are tests"
)]

mod common;

use std::pin::pin;

use common::{client, cluster, refusal, sealed, sealed_resource, sealed_secrets, secret, secrets, within};
use futures::TryStreamExt;
use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Secret};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::OwnerReference;
use kube::api::{
    DeleteParams, ListParams, ObjectMeta, Patch, PatchParams, PostParams, PropagationPolicy, WatchEvent, WatchParams,
};
use kube::core::DynamicObject;
use kube::{Api, ResourceExt};
use serde_json::json;

fn owner(name: &str, uid: &str) -> OwnerReference {
    OwnerReference {
        api_version: "bitnami.com/v1alpha1".into(),
        kind: "SealedSecret".into(),
        name: name.into(),
        uid: uid.into(),
        controller: Some(true),
        ..OwnerReference::default()
    }
}

fn owned(name: &str, owners: &[&DynamicObject]) -> Secret {
    let mut secret = secret(name);
    let references = owners.iter().map(|object| OwnerReference {
        controller: None,
        ..owner(&object.name_any(), object.metadata.uid.as_deref().unwrap_or_default())
    });
    secret.metadata.owner_references = Some(references.collect());
    secret
}

async fn names(api: &Api<Secret>) -> Vec<String> {
    api.list(&ListParams::default()).await.unwrap().iter().map(ResourceExt::name_any).collect()
}

#[tokio::test]
async fn dependents_go_with_their_last_owner() {
    let client = client(&cluster());
    let (sealed_secrets, secrets) = (sealed_secrets(&client), secrets(&client));
    let one = sealed_secrets.create(&PostParams::default(), &sealed("one")).await.unwrap();
    let two = sealed_secrets.create(&PostParams::default(), &sealed("two")).await.unwrap();
    secrets.create(&PostParams::default(), &owned("of-one", &[&one])).await.unwrap();
    secrets.create(&PostParams::default(), &owned("of-both", &[&one, &two])).await.unwrap();
    secrets.create(&PostParams::default(), &secret("free")).await.unwrap();

    sealed_secrets.delete("one", &DeleteParams::default()).await.unwrap();
    assert_eq!(names(&secrets).await, ["free", "of-both"]);
    assert_eq!(secrets.get("of-both").await.unwrap().owner_references().len(), 1, "the dead reference is dropped");
    sealed_secrets.delete("two", &DeleteParams::foreground()).await.unwrap();
    assert_eq!(names(&secrets).await, ["free"]);
}

#[tokio::test]
async fn orphaned_dependents_stay() {
    let client = client(&cluster());
    let (sealed_secrets, secrets) = (sealed_secrets(&client), secrets(&client));
    let one = sealed_secrets.create(&PostParams::default(), &sealed("one")).await.unwrap();
    secrets.create(&PostParams::default(), &owned("a", &[&one])).await.unwrap();
    let orphan = DeleteParams { propagation_policy: Some(PropagationPolicy::Orphan), ..DeleteParams::default() };
    sealed_secrets.delete("one", &orphan).await.unwrap();
    assert!(secrets.get("a").await.unwrap().owner_references().is_empty());
}

#[tokio::test]
async fn an_object_whose_owner_never_was_is_collected() {
    let secrets = secrets(&client(&cluster()));
    let mut events = pin!(secrets.watch(&WatchParams::default(), "0").await.unwrap());
    let mut stray = secret("stray");
    stray.metadata.owner_references = Some(vec![owner("x", "8f0e9c2e-0000-4000-8000-000000000000")]);
    secrets.create(&PostParams::default(), &stray).await.expect("the creation itself succeeds");
    assert_eq!(refusal(secrets.get("stray").await).0, 404);
    assert!(matches!(within("ADDED", events.try_next()).await.unwrap(), Some(WatchEvent::Added(_))));
    assert!(matches!(within("DELETED", events.try_next()).await.unwrap(), Some(WatchEvent::Deleted(_))));
}

#[tokio::test]
async fn an_owner_in_another_namespace_is_no_owner() {
    let client = client(&cluster());
    let one = sealed_secrets(&client).create(&PostParams::default(), &sealed("one")).await.unwrap();
    let elsewhere: Api<Secret> = Api::namespaced(client, "kube-system");
    elsewhere.create(&PostParams::default(), &owned("a", &[&one])).await.unwrap();
    assert_eq!(refusal(elsewhere.get("a").await).0, 404);
}

#[tokio::test]
async fn a_long_chain_of_owners_goes_without_recursion() {
    let client = client(&cluster());
    let secrets = secrets(&client);
    let mut last = secrets.create(&PostParams::default(), &secret("s-0")).await.unwrap();
    for number in 1..3000 {
        let mut next = secret(&format!("s-{number}"));
        next.metadata.owner_references = Some(vec![owner("x", last.metadata.uid.as_deref().unwrap())]);
        last = secrets.create(&PostParams::default(), &next).await.unwrap();
    }
    secrets.delete("s-0", &DeleteParams::default()).await.unwrap();
    assert_eq!(names(&secrets).await, [""; 0]);
}

#[tokio::test]
async fn finalizers_hold_an_object_until_they_are_taken_off() {
    let secrets = secrets(&client(&cluster()));
    let mut held = secret("a");
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    secrets.create(&PostParams::default(), &held).await.unwrap();
    let answer = secrets.delete("a", &DeleteParams::default()).await.unwrap();
    let waiting = answer.left().expect("the object, not a Status, while it waits");
    assert!(waiting.metadata.deletion_timestamp.is_some());
    let more = json!({ "metadata": { "finalizers": ["example.com/hold", "example.com/more"] } });
    assert_eq!(refusal(secrets.patch("a", &PatchParams::default(), &Patch::Merge(more)).await).0, 422);
    let none = json!({ "metadata": { "finalizers": null } });
    secrets.patch("a", &PatchParams::default(), &Patch::Merge(none)).await.unwrap();
    assert_eq!(refusal(secrets.get("a").await).0, 404);
}

fn namespace(name: &str) -> Namespace {
    Namespace { metadata: ObjectMeta { name: Some(name.into()), ..ObjectMeta::default() }, ..Namespace::default() }
}

#[tokio::test]
async fn a_namespace_goes_with_its_contents() {
    let client = client(&cluster());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let made = namespaces.create(&PostParams::default(), &namespace("n")).await.unwrap();
    assert_eq!(made.labels()["kubernetes.io/metadata.name"], "n");
    assert_eq!(made.status.unwrap().phase.as_deref(), Some("Active"));
    let inside: Api<Secret> = Api::namespaced(client.clone(), "n");
    let configs: Api<ConfigMap> = Api::namespaced(client, "n");
    inside.create(&PostParams::default(), &secret("a")).await.unwrap();
    let mut events = pin!(inside.watch(&WatchParams::default(), "0").await.unwrap());
    assert!(matches!(within("ADDED", events.try_next()).await.unwrap(), Some(WatchEvent::Added(_))));

    let answer = namespaces.delete("n", &DeleteParams::default()).await.unwrap();
    assert_eq!(answer.left().unwrap().status.unwrap().phase.as_deref(), Some("Terminating"));
    assert!(matches!(within("DELETED", events.try_next()).await.unwrap(), Some(WatchEvent::Deleted(_))));
    assert_eq!(refusal(namespaces.get("n").await).0, 404);
    assert_eq!(configs.list(&ListParams::default()).await.unwrap().items.len(), 0);
}

#[tokio::test]
async fn a_namespace_waits_for_the_finalizers_of_its_contents() {
    let client = client(&cluster());
    let namespaces: Api<Namespace> = Api::all(client.clone());
    namespaces.create(&PostParams::default(), &namespace("n")).await.unwrap();
    let inside: Api<Secret> = Api::namespaced(client, "n");
    let mut held = secret("a");
    held.metadata.finalizers = Some(vec!["example.com/hold".into()]);
    inside.create(&PostParams::default(), &held).await.unwrap();
    namespaces.delete("n", &DeleteParams::default()).await.unwrap();
    assert_eq!(namespaces.get("n").await.unwrap().status.unwrap().phase.as_deref(), Some("Terminating"));
    let (code, reason, message) = refusal(inside.create(&PostParams::default(), &secret("b")).await);
    assert_eq!((code, reason.as_str()), (403, "Forbidden"));
    assert!(message.contains("because it is being terminated"), "{message}");
    let none = json!({ "metadata": { "finalizers": null } });
    inside.patch("a", &PatchParams::default(), &Patch::Merge(none)).await.unwrap();
    assert_eq!(refusal(namespaces.get("n").await).0, 404);
}

#[tokio::test]
async fn a_definition_serves_its_kind_and_takes_it_along() {
    let client = client(&cluster());
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let sealed_secrets = sealed_secrets(&client);
    sealed_secrets.create(&PostParams::default(), &sealed("a")).await.unwrap();
    let mut events = pin!(sealed_secrets.watch(&WatchParams::default(), "0").await.unwrap());
    assert!(matches!(within("ADDED", events.try_next()).await.unwrap(), Some(WatchEvent::Added(_))));

    definitions.delete("sealedsecrets.bitnami.com", &DeleteParams::default()).await.unwrap();
    assert!(matches!(within("DELETED", events.try_next()).await.unwrap(), Some(WatchEvent::Deleted(_))));
    assert!(within("the end", events.try_next()).await.unwrap().is_none(), "the watch ends with the kind");
    assert_eq!(refusal(sealed_secrets.get("a").await).0, 404);

    let definition: CustomResourceDefinition = serde_json::from_value(common::sealed_secret_crd()).unwrap();
    let made = definitions.create(&PostParams::default(), &definition).await.unwrap();
    let conditions = made.status.unwrap().conditions.unwrap();
    assert!(conditions.iter().any(|condition| condition.type_ == "Established" && condition.status == "True"));
    sealed_secrets.create(&PostParams::default(), &sealed("a")).await.unwrap();
}

#[tokio::test]
async fn several_versions_of_a_kind_are_the_same_objects() {
    let client = client(&cluster());
    let definitions: Api<CustomResourceDefinition> = Api::all(client.clone());
    let mut next = definitions.get("sealedsecrets.bitnami.com").await.unwrap();
    let mut version = next.spec.versions[0].clone();
    version.name = "v1".into();
    version.storage = false;
    version.subresources = None;
    next.spec.versions.push(version);
    let changed = definitions.replace("sealedsecrets.bitnami.com", &PostParams::default(), &next).await.unwrap();
    assert_eq!(changed.metadata.generation, Some(2));
    sealed_secrets(&client).create(&PostParams::default(), &sealed("a")).await.unwrap();
    let mut resource = sealed_resource();
    (resource.version, resource.api_version) = ("v1".into(), "bitnami.com/v1".into());
    let newer: Api<DynamicObject> = Api::default_namespaced_with(client, &resource);
    assert_eq!(newer.get("a").await.unwrap().types.unwrap().api_version, "bitnami.com/v1");
    assert_eq!(refusal(newer.get_status("a").await).0, 404, "v1 has no status subresource");
}

#[tokio::test]
async fn definitions_that_cannot_be_served_are_refused() {
    let mut wrong = common::sealed_secret_crd();
    wrong["metadata"]["name"] = json!("other.bitnami.com");
    let options = bulla_devcluster::Options { crds: vec![wrong], ..bulla_devcluster::Options::default() };
    let error = bulla_devcluster::DevCluster::new(options).unwrap_err().to_string();
    assert!(error.contains("spec.names.plural"), "{error}");
    let error =
        bulla_devcluster::DevCluster::new(bulla_devcluster::Options { crds: vec![json!(1)], ..Default::default() });
    assert!(error.is_err());
}
