//! Where a value may be opened (spec part 2): the annotation picks what is tried, the ciphertext decides.

use bulla_core::sealed::Scope;
use serde_json::{Value, json};

use crate::harness::sealing::base64;
use crate::harness::world::World;

const NAMESPACE_WIDE: &str = "sealedsecrets.bitnami.com/namespace-wide";
const CLUSTER_WIDE: &str = "sealedsecrets.bitnami.com/cluster-wide";
const REFUSED: &str = "no key could decrypt secret (k)";

fn moved(mut sealed: Value, namespace: &str, name: &str) -> Value {
    sealed["metadata"]["namespace"] = json!(namespace);
    sealed["metadata"]["name"] = json!(name);
    sealed
}

#[tokio::test(flavor = "multi_thread")]
async fn a_strict_value_opens_under_its_name_only() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let sealed = world.seal("a", &[("k", "value-1")]);
    world.create(&sealed).await;
    world.create(&moved(sealed, &world.namespace, "b")).await;
    world.until_synced("a", "True").await;
    world.until_refused("b", REFUSED).await;
    assert!(world.secret("b").await.is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_namespace_wide_value_opens_under_any_name_of_its_namespace() {
    let mut world = World::new().await;
    let elsewhere = world.another_namespace("elsewhere").await;
    let _controller = world.start(&[]).await;
    let sealed = world.seal_as(Scope::NamespaceWide, "a", &[("k", "value-1")]);
    world.create(&moved(sealed.clone(), &world.namespace, "b")).await;
    world.until_synced("b", "True").await;
    world.create(&moved(sealed, &elsewhere, "a")).await;
    world.namespace = elsewhere;
    world.until_refused("a", REFUSED).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_wide_value_opens_everywhere() {
    let mut world = World::new().await;
    let elsewhere = world.another_namespace("elsewhere").await;
    let _controller = world.start(&[]).await;
    let sealed = world.seal_as(Scope::ClusterWide, "a", &[("k", "value-1")]);
    world.create(&moved(sealed, &elsewhere, "b")).await;
    world.namespace = elsewhere;
    world.until_synced("b", "True").await;
    assert_eq!(world.secret("b").await.unwrap()["data"]["k"], base64("value-1"));
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_exact_word_true_counts_and_cluster_wide_wins() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let with = |name: &str, scope: Scope, annotations: Value| {
        let mut sealed = world.seal_as(scope, name, &[("k", "value-1")]);
        sealed["metadata"]["annotations"] = annotations;
        sealed
    };
    world.create(&with("strict", Scope::Strict, json!({CLUSTER_WIDE: "True", NAMESPACE_WIDE: "yes"}))).await;
    world.create(&with("both", Scope::ClusterWide, json!({CLUSTER_WIDE: "true", NAMESPACE_WIDE: "true"}))).await;
    world.create(&with("wrong", Scope::NamespaceWide, json!({CLUSTER_WIDE: "true", NAMESPACE_WIDE: "true"}))).await;
    world.until_synced("strict", "True").await;
    world.until_synced("both", "True").await;
    world.until_refused("wrong", REFUSED).await;
}

/// Upstream ignores an edit of the annotation alone; here it mends the object.
#[tokio::test(flavor = "multi_thread")]
async fn an_edit_of_the_scope_annotation_alone_takes_effect() {
    let world = World::new().await;
    let _controller = world.start(&[]).await;
    let mut sealed = world.seal_as(Scope::ClusterWide, "a", &[("k", "value-1")]);
    sealed["metadata"]["annotations"] = json!({});
    world.create(&sealed).await;
    world.until_refused("a", REFUSED).await;
    world.admin().edit(&world.sealed_path("a"), &json!({"metadata": {"annotations": {CLUSTER_WIDE: "true"}}})).await;
    world.until_synced("a", "True").await;
    world.admin().edit(&world.sealed_path("a"), &json!({"metadata": {"annotations": {CLUSTER_WIDE: null}}})).await;
    world.until_refused("a", REFUSED).await;
}
