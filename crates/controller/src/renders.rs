//! Where templates run: on threads that are neither the runtime's nor those of RSA, one at a time for each namespace.
//!
//! A render has its budget of time, so a namespace can keep one thread busy, and the others share the rest in turn. Who may
//! come here at all, and so hold decrypted items in memory while it waits for its turn, is [`Places`]'.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use tokio::sync::Semaphore;

use crate::object::ObjectKey;
use crate::places::Places;
use crate::rsa_pool::Broken;

/// The threads for templates, and the places before them.
pub(crate) struct Renders {
    places: Mutex<Places>,
    /// One render at a time for each namespace that renders.
    turns: Mutex<HashMap<Arc<str>, Arc<Semaphore>>>,
    threads: Arc<Semaphore>,
}

impl Renders {
    /// As many places as there are workers, half of them for one namespace.
    pub(crate) fn new(workers: usize) -> Self {
        let places = Self::places(workers);
        // Two at least: a namespace that keeps one busy must not be alone with it.
        let threads = thread::available_parallelism().map_or(2, usize::from).max(2);
        Self {
            places: Mutex::new(Places::new(places, places / 2)),
            turns: Mutex::default(),
            threads: Arc::new(Semaphore::new(threads)),
        }
    }

    /// Places for `workers` workers. So many tasks there must be beside the workers, since each place may hold one up.
    pub(crate) fn places(workers: usize) -> usize {
        workers.max(2)
    }

    /// Whether the object may be opened and rendered now. If not, it is named by a [`Renders::leave`] later on.
    pub(crate) fn enter(&self, key: &ObjectKey) -> bool {
        self.lock().enter(key)
    }

    /// The object needs no place any more. Returns those that got one: they have to be woken.
    pub(crate) fn leave(&self, key: &ObjectKey) -> Vec<ObjectKey> {
        self.lock().leave(key)
    }

    /// Objects that wait for a place.
    pub(crate) fn waiting(&self) -> usize {
        self.lock().waiting()
    }

    /// Runs `work` on a thread of its own when it is the turn of `namespace`.
    ///
    /// # Errors
    /// [`Broken`] when the work panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        namespace: &Arc<str>,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        let turn = Arc::clone(self.turns().entry(Arc::clone(namespace)).or_insert_with(|| Arc::new(Semaphore::new(1))));
        let turn = turn.acquire_owned().await.map_err(|_| Broken)?;
        let thread = Arc::clone(&self.threads).acquire_owned().await.map_err(|_| Broken)?;
        // The permits are the thread's: they come back when it is done, also if nobody waits for its answer any more.
        let answer = tokio::task::spawn_blocking(move || {
            let _permits = (turn, thread);
            work()
        });
        let answer = answer.await.map_err(|_| Broken);
        self.turns().retain(|_, turn| Arc::strong_count(turn) > 1);
        answer
    }

    // No statement leaves either map half changed.
    fn lock(&self) -> MutexGuard<'_, Places> {
        self.places.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<Arc<str>, Arc<Semaphore>>> {
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[tokio::test(flavor = "multi_thread")]
    async fn a_namespace_renders_one_at_a_time_and_another_one_beside_it() {
        let renders = Arc::new(Renders::new(4));
        let (slow, quick): (Arc<str>, Arc<str>) = ("slow".into(), "quick".into());
        let running = Arc::new(AtomicUsize::new(0));
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(Mutex::new(gate));
        let held: Vec<_> = (0..3)
            .map(|_| {
                let (renders, slow) = (Arc::clone(&renders), Arc::clone(&slow));
                let (running, gate) = (Arc::clone(&running), Arc::clone(&gate));
                let work = move || {
                    let alone = running.fetch_add(1, Ordering::SeqCst) == 0;
                    gate.lock().unwrap().recv().unwrap();
                    running.fetch_sub(1, Ordering::SeqCst);
                    alone
                };
                tokio::spawn(async move { renders.run(&slow, work).await })
            })
            .collect();
        while running.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(renders.run(&quick, || 7).await, Ok(7));
        for held in held {
            release.send(()).unwrap();
            assert_eq!(held.await.unwrap(), Ok(true), "each was alone");
        }
        assert!(renders.turns().is_empty(), "namespaces that render no more cost nothing");
    }

    #[tokio::test]
    async fn a_panic_is_an_answer_and_gives_the_turn_back() {
        let renders = Renders::new(1);
        let namespace: Arc<str> = "ns".into();
        for _ in 0..4 {
            assert_eq!(renders.run(&namespace, || -> u8 { panic!("a bug") }).await, Err(Broken));
        }
        assert_eq!(renders.run(&namespace, || 7).await, Ok(7));
    }
}
