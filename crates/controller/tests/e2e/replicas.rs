//! Several replicas and one Lease: one writes, the others are ready to.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bulla_controller::{Config, Controller, Handle, LeaderElection, Reach, Replicas};
use http::{Method, Request};
use kube::client::Body;
use serde_json::json;
use tower::{BoxError, ServiceExt as _};

use super::support::{SEALED, SECRETS, World, base64, seal, until, within};

const LEASE: &str = "/apis/coordination.k8s.io/v1/namespaces/kube-system/leases/bulla-controller";

/// The way of one replica to the API server.
#[derive(Clone, Default)]
struct Link {
    /// Requests get lost, and nobody says so.
    cut: Arc<AtomicBool>,
    /// Writes that went through, but for those on the Lease and questions.
    writes: Arc<Mutex<Vec<String>>>,
}

impl Link {
    fn client(&self, world: &World) -> kube::Client {
        let (service, link) = (world.cluster.trusted_service(), self.clone());
        let service = tower::service_fn(move |request: Request<Body>| {
            let (service, link) = (service.clone(), link.clone());
            async move {
                if link.cut.load(Ordering::SeqCst) {
                    std::future::pending::<()>().await;
                }
                let path = request.uri().path();
                if request.method() != Method::GET && !path.contains("/leases") && !path.contains("reviews") {
                    link.writes.lock().unwrap().push(format!("{} {path}", request.method()));
                }
                service.oneshot(request).await.map_err(BoxError::from)
            }
        });
        kube::Client::new(service, "default")
    }

    fn writes(&self) -> Vec<String> {
        self.writes.lock().unwrap().clone()
    }
}

fn config(name: &str) -> Config {
    let replicas = Replicas {
        leader_election: LeaderElection::Auto,
        identity: Some(name.to_owned()),
        lease_duration: Duration::from_secs(2),
        renew_deadline: Duration::from_millis(1200),
        retry_period: Duration::from_millis(200),
        ..Replicas::default()
    };
    Config { reach: Reach { replicas, ..Reach::default() }, ..World::config() }
}

async fn start(world: &World, link: &Link, name: &str) -> Handle {
    let handle = Controller::new(link.client(world), config(name)).start().await.unwrap();
    within("the replica is ready", handle.ready()).await;
    handle
}

async fn until_leading(handle: &Handle) {
    until("the replica leads", || std::future::ready(handle.is_leading().then_some(()))).await;
}

/// A leader with the settled object `a`, and a follower.
async fn pair(world: &World) -> ((Link, Handle), (Link, Handle)) {
    let (first, second) = (Link::default(), Link::default());
    let leader = start(world, &first, "first").await;
    until_leading(&leader).await;
    world.post(SEALED, &seal(&leader, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
    let follower = start(world, &second, "second").await;
    ((first, leader), (second, follower))
}

#[tokio::test(flavor = "multi_thread")]
async fn one_replica_writes_and_the_other_takes_over_when_it_is_told_to_stop() {
    let world = World::new();
    let ((_, leader), (second, follower)) = pair(&world).await;
    assert_eq!(follower.certificate_pem(), leader.certificate_pem(), "it serves the certificate");
    world.post(SEALED, &seal(&follower, "b", &[("k", "v")])).await;
    world.until_reason("b", "Unsealed").await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("a", "it is put right", |secret| secret["data"]["k"] == base64("v")).await;
    assert_eq!(second.writes(), Vec::<String>::new());
    assert!(!follower.is_leading() && follower.metrics().contains("sealed_secrets_controller_leader 0"));
    assert!(leader.metrics().contains("sealed_secrets_controller_leader 1"));
    assert!(!follower.metrics().contains("condition_info{"), "what it does not look after it says nothing about");

    leader.shutdown().await;
    let lease = world.get(LEASE).await.unwrap();
    assert_ne!(lease["spec"]["holderIdentity"], "first", "given back, or taken already");
    until_leading(&follower).await;
    world.edit(&format!("{SECRETS}/b"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("b", "it is put right", |secret| secret["data"]["k"] == base64("v")).await;
    let lease = world.get(LEASE).await.unwrap();
    assert_eq!((&lease["spec"]["holderIdentity"], &lease["spec"]["leaseTransitions"]), (&json!("second"), &json!(1)));
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_the_follower_takes_over_without_opening_what_is_settled() {
    let world = World::new();
    let ((_, leader), (second, follower)) = pair(&world).await;
    // Dropped without a word: the Lease is not given back.
    drop(leader);
    until_leading(&follower).await;
    world.settled(&follower).await;
    assert_eq!((follower.private_operations(), second.writes()), (0, Vec::new()));
    assert!(follower.metrics().contains("name=\"a\",condition=\"Synced\""), "but it has looked at it");
    world.delete(&format!("{SECRETS}/a")).await;
    world.until_secret("a", "it is there again", |_| true).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_is_cut_off_stops_before_the_other_begins() {
    let world = World::new();
    let ((first, leader), (_, follower)) = pair(&world).await;
    first.cut.store(true, Ordering::SeqCst);
    until("the other leads", || {
        let both = follower.is_leading() && leader.is_leading();
        assert!(!both, "both may write");
        std::future::ready(follower.is_leading().then_some(()))
    })
    .await;
    let before = first.writes();
    world.post(SEALED, &seal(&follower, "b", &[("k", "v")])).await;
    world.until_reason("b", "Unsealed").await;
    first.cut.store(false, Ordering::SeqCst);
    // Back again, it follows: the new leader is the one that restores.
    world.edit(&format!("{SECRETS}/b"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("b", "it is put right", |secret| secret["data"]["k"] == base64("v")).await;
    assert_eq!(first.writes(), before);
    assert!(!leader.is_leading());
    within("it stops", leader.shutdown()).await;
    assert_eq!(
        world.get(LEASE).await.unwrap()["spec"]["holderIdentity"],
        "second",
        "nobody else's Lease is given back"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_comes_back_believes_what_the_other_one_wrote() {
    let world = World::new();
    let ((first, leader), (second, follower)) = pair(&world).await;
    let before = first.writes();
    first.cut.store(true, Ordering::SeqCst);
    until_leading(&follower).await;
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("a", "it is put right", |secret| secret["data"]["k"] == base64("v")).await;
    world.settled(&follower).await;
    first.cut.store(false, Ordering::SeqCst);
    follower.shutdown().await;
    until_leading(&leader).await;
    world.settled(&leader).await;
    assert_eq!(first.writes(), before, "it finds everything done");
    world.edit(&format!("{SECRETS}/a"), json!({"data": {"k": base64("changed")}})).await;
    world.until_secret("a", "it is put right", |secret| secret["data"]["k"] == base64("v")).await;
    assert!(second.writes().iter().any(|write| write == "PUT /api/v1/namespaces/default/secrets/a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_rights_for_leases_it_works_alone() {
    let world = World::new();
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    world.fail(move |_, path| {
        let lease = path.contains("/leases");
        counted.fetch_add(lease.into(), Ordering::SeqCst);
        (lease || path.contains("selfsubjectaccessreviews")).then_some((403, "forbidden"))
    });
    let config = |leader_election| {
        let mut config = config("alone");
        config.reach.replicas.leader_election = leader_election;
        config
    };
    let handle = world.start_with(config(LeaderElection::Auto)).await;
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    world.until_reason("a", "Unsealed").await;
    within("it stops, and has nothing to give back", handle.shutdown()).await;

    // Who demands the Lease writes nothing without it, and waits for the right.
    let handle = world.start_with(config(LeaderElection::Required)).await;
    world.delete(&format!("{SECRETS}/a")).await;
    let before = tries.load(Ordering::SeqCst);
    until("it has tried again", || std::future::ready((tries.load(Ordering::SeqCst) > before + 3).then_some(()))).await;
    assert!(world.secret("a").await.is_none() && !handle.is_leading());
    world.heal();
    world.until_secret("a", "it is restored as soon as the right is there", |_| true).await;
}
