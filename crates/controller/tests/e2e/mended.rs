//! Whatever the cause was: once it is gone, the objects that it concerned come right within seconds, and until then the status
//! says so. New keys, deleted blockers and edited annotations have their tests where they belong.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use http::Method;

use super::support::{SEALED, SECRETS, World, base64, seal};

/// Fails what `matches` with `code`, for so long that the objects' own delays have become minutes, then no longer: all
/// of them come right.
async fn outlasts(code: u16, message: &'static str, matches: impl Fn(&Method, &str) -> bool + Send + Sync + 'static) {
    // Delays of their own would take over half a minute to the seventh try.
    const TRIES: usize = 7;
    const DEADLINE: Duration = Duration::from_secs(30);
    let world = World::new();
    let handle = world.start().await;
    let tries = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&tries);
    world.fail(move |method, path| {
        let hit = matches(method, path);
        // Counted for one object, failed for all.
        counted.fetch_add(usize::from(hit && !path.ends_with("/b/status")), Ordering::SeqCst);
        hit.then_some((code, message))
    });
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    let all_tried = async {
        while tries.load(Ordering::SeqCst) < TRIES {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(DEADLINE, all_tried).await.is_ok(), "its end is looked for: {code} {message}");
    world.post(SEALED, &seal(&handle, "b", &[("k", "v")])).await;
    world.heal();
    for name in ["a", "b"] {
        world.until_reason(name, "Unsealed").await;
        assert_eq!(world.secret(name).await.unwrap()["data"]["k"], base64("v"));
    }
}

fn creates_a_secret(method: &Method, path: &str) -> bool {
    method == Method::POST && path == SECRETS
}

/// A right that is granted, a namespace that is created, an API server that works again, for Secrets and for statuses: side
/// by side, since each takes its time.
#[tokio::test(flavor = "multi_thread")]
async fn the_end_of_whatever_no_watch_tells_is_noticed_within_seconds() {
    tokio::join!(
        outlasts(403, "secrets is forbidden: User \"x\" cannot create resource \"secrets\"", creates_a_secret),
        outlasts(404, "namespaces \"default\" not found", creates_a_secret),
        outlasts(503, "etcdserver: no leader", creates_a_secret),
        outlasts(503, "etcdserver: too slow", |method, path| method == Method::PUT && path.ends_with("/status")),
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_failure_that_is_not_retried_soon_is_told_at_once() {
    let world = World::new();
    let handle = world.start().await;
    world.fail(|method, path| creates_a_secret(method, path).then_some((429, "come back in 600")));
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    let status = world.until_reason("a", "ApiError").await;
    assert_eq!(status["conditions"][0]["message"], "come back in 600");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_does_not_come_is_told_and_waited_for() {
    let world = World::new();
    let handle = world.start().await;
    world.hang(creates_a_secret);
    world.post(SEALED, &seal(&handle, "a", &[("k", "v")])).await;
    let status = world.until_reason("a", "ApiError").await;
    assert_eq!(status["conditions"][0]["message"], "failed update: the API server has not answered yet");
    world.heal();
    world.until_reason("a", "Unsealed").await;
    assert_eq!(world.cluster.requests().of("create", "secrets"), 2, "the key and the Secret, which was sent once");
}
