//! Lists and watches: pages, resume, 410, bookmarks, selectors, metadata only.
#![allow(
    clippy::disallowed_types,
    clippy::unwrap_used,
    reason = "the Secrets of these tests are throw-away, and helpers of tests are tests"
)]

mod common;

use std::collections::BTreeSet;
use std::pin::pin;
use std::time::Duration;

use bulla_devcluster::{DevCluster, Options};
use common::{client, cluster, labelled, options, refusal, secret, secrets, within};
use futures::{Stream, StreamExt, TryStreamExt};
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::core::PartialObjectMeta;
use kube::runtime::watcher;
use kube::{Api, Client, ResourceExt};
use serde_json::json;

fn names<K: ResourceExt>(items: &[K]) -> Vec<String> {
    items.iter().map(ResourceExt::name_any).collect()
}

async fn fill(secrets: &Api<Secret>, names: &[&str]) {
    for name in names {
        secrets.create(&PostParams::default(), &secret(name)).await.unwrap();
    }
}

/// `ADDED a`, `DELETED b`, `BOOKMARK`, `ERROR 410`.
fn told<K: ResourceExt>(event: &WatchEvent<K>) -> String {
    match event {
        WatchEvent::Added(object) => format!("ADDED {}", object.name_any()),
        WatchEvent::Modified(object) => format!("MODIFIED {}", object.name_any()),
        WatchEvent::Deleted(object) => format!("DELETED {}", object.name_any()),
        WatchEvent::Bookmark(_) => "BOOKMARK".to_owned(),
        WatchEvent::Error(status) => format!("ERROR {}", status.code),
    }
}

async fn next_told<K: ResourceExt>(events: &mut (impl Stream<Item = kube::Result<WatchEvent<K>>> + Unpin)) -> String {
    told(&within("the next event", events.try_next()).await.unwrap().expect("the watch ended"))
}

#[tokio::test]
async fn pages_are_of_one_snapshot() {
    let secrets = secrets(&client(&cluster()));
    fill(&secrets, &["a", "b", "c", "d", "e"]).await;
    let first = secrets.list(&ListParams::default().limit(2)).await.unwrap();
    assert_eq!(names(&first.items), ["a", "b"]);
    assert_eq!(first.metadata.remaining_item_count, Some(3));

    fill(&secrets, &["bb", "z"]).await;
    secrets.delete("d", &DeleteParams::default()).await.unwrap();
    secrets
        .patch("c", &PatchParams::default(), &Patch::Merge(json!({ "metadata": { "labels": { "new": "yes" } } })))
        .await
        .unwrap();

    let token = first.metadata.continue_.unwrap();
    let second = secrets.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(names(&second.items), ["c", "d"], "as they were when the list began");
    assert!(second.items[0].labels().is_empty(), "as it was when the list began");
    assert_eq!(second.metadata.resource_version, first.metadata.resource_version);
    let token = second.metadata.continue_.unwrap();
    let third = secrets.list(&ListParams::default().limit(2).continue_token(&token)).await.unwrap();
    assert_eq!(names(&third.items), ["e"]);
    assert_eq!(third.metadata.continue_, None);
}

#[tokio::test]
async fn a_compacted_continue_token_is_gone_and_a_wrong_one_is_refused() {
    let cluster = cluster();
    let secrets = secrets(&client(&cluster));
    fill(&secrets, &["a", "b", "c"]).await;
    let token = secrets.list(&ListParams::default().limit(1)).await.unwrap().metadata.continue_.unwrap();
    fill(&secrets, &["d"]).await;
    cluster.compact();
    let (code, reason, _) = refusal(secrets.list(&ListParams::default().limit(1).continue_token(&token)).await);
    assert_eq!((code, reason.as_str()), (410, "Expired"));
    for token in ["nonsense", "e30", "####"] {
        assert_eq!(refusal(secrets.list(&ListParams::default().continue_token(token)).await).0, 400, "{token}");
    }
}

#[tokio::test]
async fn lists_keep_to_the_version_they_are_asked_for() {
    let cluster = cluster();
    let secrets = secrets(&client(&cluster));
    fill(&secrets, &["a"]).await;
    let version = secrets.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    fill(&secrets, &["b"]).await;
    let exact = ListParams::default().at(&version).matching(kube::api::VersionMatch::Exact);
    assert_eq!(names(&secrets.list(&exact).await.unwrap().items), ["a"]);
    let newer = ListParams::default().at(&version).matching(kube::api::VersionMatch::NotOlderThan);
    assert_eq!(names(&secrets.list(&newer).await.unwrap().items), ["a", "b"]);
    let future = ListParams::default().at("999999").matching(kube::api::VersionMatch::NotOlderThan);
    assert_eq!(refusal(secrets.list(&future).await).0, 504);
    cluster.compact();
    assert_eq!(refusal(secrets.list(&exact).await).0, 410);
}

#[tokio::test]
async fn a_watch_resumes_where_it_was() {
    let secrets = secrets(&client(&cluster()));
    let version = secrets.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    fill(&secrets, &["a", "b"]).await;
    secrets.delete("a", &DeleteParams::default()).await.unwrap();
    let mut events = pin!(secrets.watch(&WatchParams::default(), &version).await.unwrap());
    let first = within("the first event", events.try_next()).await.unwrap().unwrap();
    assert_eq!(told(&first), "ADDED a");
    assert_eq!(next_told(&mut events).await, "ADDED b");
    assert_eq!(next_told(&mut events).await, "DELETED a");

    let WatchEvent::Added(object) = first else { panic!("an object was added") };
    let mut again = pin!(secrets.watch(&WatchParams::default(), &object.resource_version().unwrap()).await.unwrap());
    assert_eq!(next_told(&mut again).await, "ADDED b");

    fill(&secrets, &["c"]).await;
    assert_eq!(next_told(&mut events).await, "ADDED c");
}

#[tokio::test]
async fn a_watch_from_a_forgotten_version_gets_410() {
    let cluster = cluster();
    let secrets = secrets(&client(&cluster));
    fill(&secrets, &["a"]).await;
    cluster.compact();
    let mut events = pin!(secrets.watch(&WatchParams::default(), "1").await.unwrap());
    assert_eq!(next_told(&mut events).await, "ERROR 410");
    let mut future = pin!(secrets.watch(&WatchParams::default(), "99999").await.unwrap());
    assert_eq!(next_told(&mut future).await, "ERROR 410");
}

#[tokio::test]
async fn a_watcher_that_falls_behind_the_history_gets_410() {
    let cluster = DevCluster::new(Options { history: 4, ..options() }).unwrap();
    let secrets = secrets(&client(&cluster));
    let version = secrets.list(&ListParams::default()).await.unwrap().metadata.resource_version.unwrap();
    let mut events = pin!(secrets.watch(&WatchParams::default(), &version).await.unwrap());
    fill(&secrets, &["a"]).await;
    assert_eq!(next_told(&mut events).await, "ADDED a");
    // Nobody reads while this is written.
    fill(&secrets, &["b", "c", "d", "e", "f"]).await;
    assert_eq!(next_told(&mut events).await, "ERROR 410");
}

#[tokio::test]
async fn compaction_does_not_disturb_a_watcher_that_kept_up() {
    let cluster = cluster();
    let secrets = secrets(&client(&cluster));
    let mut events = pin!(secrets.watch(&WatchParams::default(), "0").await.unwrap());
    fill(&secrets, &["a"]).await;
    assert_eq!(next_told(&mut events).await, "ADDED a");
    cluster.compact();
    fill(&secrets, &["b"]).await;
    assert_eq!(next_told(&mut events).await, "ADDED b");
}

#[tokio::test]
async fn what_leaves_the_selection_is_deleted_for_the_watcher() {
    let secrets = secrets(&client(&cluster()));
    let mut events = pin!(secrets.watch(&WatchParams::default().labels("team=a"), "0").await.unwrap());
    let label = async |value: &str| {
        let patch = json!({ "metadata": { "labels": { "team": value } } });
        secrets.patch("x", &PatchParams::default(), &Patch::Merge(patch)).await.unwrap();
    };
    fill(&secrets, &["x"]).await;
    label("a").await;
    assert_eq!(next_told(&mut events).await, "ADDED x");
    label("b").await;
    let left = within("DELETED", events.try_next()).await.unwrap().unwrap();
    let WatchEvent::Deleted(left) = left else { panic!("expected DELETED, got {}", told(&left)) };
    assert_eq!(left.labels()["team"], "a", "shown as the watcher knew it");
    assert_eq!(
        left.resource_version(),
        secrets.get("x").await.unwrap().resource_version(),
        "at the version of the change"
    );
    secrets.create(&PostParams::default(), &labelled("y", "team", "a")).await.unwrap();
    assert_eq!(next_told(&mut events).await, "ADDED y");
    secrets.delete("y", &DeleteParams::default()).await.unwrap();
    assert_eq!(next_told(&mut events).await, "DELETED y");
}

#[tokio::test]
async fn one_object_is_watched_by_its_name() {
    let secrets = secrets(&client(&cluster()));
    fill(&secrets, &["a", "b"]).await;
    let mut events = pin!(secrets.watch(&WatchParams::default().fields("metadata.name=b"), "0").await.unwrap());
    assert_eq!(next_told(&mut events).await, "ADDED b");
    secrets.delete("a", &DeleteParams::default()).await.unwrap();
    secrets.delete("b", &DeleteParams::default()).await.unwrap();
    assert_eq!(next_told(&mut events).await, "DELETED b");
}

#[tokio::test]
async fn selectors_narrow_a_list() {
    let secrets = secrets(&client(&cluster()));
    for (name, value) in [("a", "1"), ("b", "2"), ("c", "3")] {
        secrets.create(&PostParams::default(), &labelled(name, "l", value)).await.unwrap();
    }
    let listed = async |params: ListParams| names(&secrets.list(&params).await.unwrap().items);
    assert_eq!(listed(ListParams::default().labels("l in (1,3)")).await, ["a", "c"]);
    assert_eq!(listed(ListParams::default().fields("metadata.name!=b")).await, ["a", "c"]);
    assert_eq!(listed(ListParams::default().fields("metadata.name=b")).await, ["b"]);
    assert_eq!(listed(ListParams::default().fields("type=kubernetes.io/tls")).await, [""; 0]);
    assert_eq!(refusal(secrets.list(&ListParams::default().fields("data.x=1")).await).0, 400);
    assert_eq!(refusal(secrets.list(&ListParams::default().labels("a b")).await).0, 400);
}

#[tokio::test]
async fn bookmarks_come_in_time_and_say_how_far_the_watch_is() {
    let cluster = DevCluster::new(Options { bookmark_interval: Duration::from_millis(20), ..options() }).unwrap();
    let client = client(&cluster);
    let secrets = secrets(&client);
    let mut events = pin!(secrets.watch(&WatchParams::default(), "0").await.unwrap());
    // A change elsewhere moves the bookmark on.
    let namespaces: Api<Namespace> = Api::all(client.clone());
    let namespace: Namespace = serde_json::from_value(json!({ "metadata": { "name": "n" } })).unwrap();
    let made = namespaces.create(&PostParams::default(), &namespace).await.unwrap();
    within("a bookmark with the new version", async {
        loop {
            match events.try_next().await.unwrap().expect("the watch ended") {
                WatchEvent::Bookmark(bookmark)
                    if Some(&bookmark.metadata.resource_version) == made.metadata.resource_version.as_ref() =>
                {
                    break;
                }
                WatchEvent::Bookmark(_) => (),
                other => panic!("unexpected {}", told(&other)),
            }
        }
    })
    .await;
}

#[tokio::test]
async fn a_watch_ends_when_its_time_is_up() {
    let secrets = secrets(&client(&cluster()));
    let events =
        secrets.watch(&WatchParams { bookmarks: true, ..WatchParams::default().timeout(1) }, "0").await.unwrap();
    let told: Vec<String> =
        within("the end of the watch", events.map_ok(|event| told(&event)).try_collect()).await.unwrap();
    assert_eq!(told, ["BOOKMARK"], "a last bookmark, then the end");
}

async fn follows(client: Client, config: watcher::Config) {
    let api = secrets(&client);
    fill(&api, &["a", "b", "c"]).await;
    let mut stream = pin!(watcher(api.clone(), config));
    let mut listed = BTreeSet::new();
    within("the initial list", async {
        loop {
            match stream.try_next().await.unwrap().unwrap() {
                watcher::Event::InitApply(object) => drop(listed.insert(object.name_any())),
                watcher::Event::InitDone => break,
                _ => (),
            }
        }
    })
    .await;
    assert_eq!(listed, ["a", "b", "c"].map(str::to_owned).into());
    fill(&api, &["d"]).await;
    let event = within("an applied object", stream.try_next()).await.unwrap().unwrap();
    assert!(matches!(event, watcher::Event::Apply(object) if object.name_any() == "d"));
    api.delete("a", &DeleteParams::default()).await.unwrap();
    let event = within("a deleted object", stream.try_next()).await.unwrap().unwrap();
    assert!(matches!(event, watcher::Event::Delete(object) if object.name_any() == "a"));
}

#[tokio::test]
async fn the_watcher_of_kube_lists_pages_and_watches() {
    follows(client(&cluster()), watcher::Config::default().page_size(2)).await;
}

#[tokio::test]
async fn the_watcher_of_kube_streams_lists() {
    follows(client(&cluster()), watcher::Config::default().streaming_lists()).await;
}

#[tokio::test]
async fn the_watcher_of_kube_recovers_from_a_compaction() {
    let cluster = DevCluster::new(Options { history: 2, ..options() }).unwrap();
    let api = secrets(&client(&cluster));
    let mut stream = pin!(watcher(api.clone(), watcher::Config::default()));
    let mut known = BTreeSet::new();
    within("the empty list", async {
        while !matches!(stream.try_next().await.unwrap().unwrap(), watcher::Event::InitDone) {}
    })
    .await;
    fill(&api, &["a", "b", "c", "d", "e"]).await;
    within("a new list after 410", async {
        while known.len() < 5 {
            let event = stream.next().await.unwrap();
            if let Ok(watcher::Event::InitApply(object) | watcher::Event::Apply(object)) = event {
                known.insert(object.name_any());
            }
        }
    })
    .await;
}

#[tokio::test]
async fn metadata_is_served_alone() {
    let client = client(&cluster());
    let full = secrets(&client);
    let metadata: Api<PartialObjectMeta<Secret>> = Api::default_namespaced(client);
    let created = full.create(&PostParams::default(), &labelled("a", "l", "v")).await.unwrap();

    let got = metadata.get("a").await.unwrap();
    assert_eq!(got.types.unwrap().kind, "PartialObjectMetadata");
    assert_eq!(got.metadata, created.metadata);
    let raw = serde_json::to_string(&metadata.list(&ListParams::default()).await.unwrap()).unwrap();
    assert!(raw.contains("PartialObjectMetadataList") && raw.contains("\"l\":\"v\"") && !raw.contains("data\":{\"key"));

    let mut events = pin!(metadata.watch(&WatchParams::default().labels("l=v"), "0").await.unwrap());
    assert_eq!(next_told(&mut events).await, "ADDED a");
    full.delete("a", &DeleteParams::default()).await.unwrap();
    let event = within("the deletion", events.try_next()).await.unwrap().unwrap();
    let WatchEvent::Deleted(object) = event else { panic!("expected a deletion") };
    assert_eq!(object.types.unwrap().kind, "PartialObjectMetadata");
}

#[tokio::test]
async fn ten_thousand_objects_are_listed_in_pieces() {
    let secrets = secrets(&client(&cluster()));
    for number in 0..10_000 {
        secrets.create(&PostParams::default(), &secret(&format!("s-{number:05}"))).await.unwrap();
    }
    assert_eq!(secrets.list(&ListParams::default()).await.unwrap().items.len(), 10_000);
    let mut events = pin!(secrets.watch(&WatchParams::default(), "0").await.unwrap());
    for number in 0..10_000 {
        assert_eq!(next_told(&mut events).await, format!("ADDED s-{number:05}"));
    }
}
