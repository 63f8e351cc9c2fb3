//! Plain threads for RSA, so that private operations (milliseconds each) never block the async runtime.
//!
//! A job is one whole object: its values share a key, so they are opened one after another. The channel is bounded, and so
//! is memory. Large objects get half of the threads at most, so that one with a thousand values, or a hostile one, does
//! not keep everybody else waiting.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use tokio::sync::{Semaphore, mpsc, oneshot};

/// Values from which on an object counts as large.
const LARGE: usize = 64;
/// The deepest stack is that of RSA-8192 in AWS-LC.
const STACK_BYTES: usize = 1024 * 1024;

type Job = Box<dyn FnOnce() + Send>;

/// The pool. Its threads end when it is dropped.
pub(crate) struct RsaPool {
    jobs: mpsc::Sender<Job>,
    large: Semaphore,
}

/// A job panicked, or the pool is gone. The panic's message is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the cryptographic work broke off")]
pub(crate) struct Broken;

impl RsaPool {
    /// Starts `threads` threads, at least one.
    ///
    /// # Errors
    /// When the operating system gives no thread.
    pub(crate) fn new(threads: usize) -> io::Result<Self> {
        let threads = threads.max(1);
        let (jobs, queue) = mpsc::channel::<Job>(2 * threads);
        let queue = Arc::new(Mutex::new(queue));
        for number in 0..threads {
            let queue = Arc::clone(&queue);
            thread::Builder::new().name(format!("rsa-{number}")).stack_size(STACK_BYTES).spawn(move || {
                loop {
                    // One idle thread waits for the next job, the others wait for its turn.
                    let job = queue.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
                    match job {
                        // The submitter learns of a panic from the answer that never comes; the thread lives on.
                        Some(job) => drop(catch_unwind(AssertUnwindSafe(job))),
                        None => return,
                    }
                }
            })?;
        }
        Ok(Self { jobs, large: Semaphore::new((threads / 2).max(1)) })
    }

    /// Runs `work` on a thread of the pool. `size` is the number of values.
    ///
    /// # Errors
    /// [`Broken`] when the work panics.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        size: usize,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Broken> {
        let _turn = if size >= LARGE { Some(self.large.acquire().await.map_err(|_| Broken)?) } else { None };
        let (answer, result) = oneshot::channel();
        // A caller that no longer waits wants no work done either.
        let job: Job = Box::new(move || {
            if !answer.is_closed() {
                let _ = answer.send(work());
            }
        });
        self.jobs.send(job).await.map_err(|_| Broken)?;
        result.await.map_err(|_| Broken)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn runs_on_as_many_threads_as_asked_and_survives_a_panic() {
        let pool = Arc::new(RsaPool::new(2).unwrap());
        let meeting = Arc::new(Barrier::new(2));
        let both = (0..2).map(|_| {
            let (pool, meeting) = (Arc::clone(&pool), Arc::clone(&meeting));
            tokio::spawn(async move { pool.run(1, move || meeting.wait().is_leader()).await.unwrap() })
        });
        let leaders =
            futures::future::join_all(both).await.into_iter().filter(|leader| *leader.as_ref().unwrap()).count();
        assert_eq!(leaders, 1, "both threads met");
        for _ in 0..4 {
            assert_eq!(pool.run(1, || -> u8 { panic!("a bug") }).await, Err(Broken));
        }
        assert_eq!(pool.run(1, || 7).await, Ok(7));
    }

    #[tokio::test]
    async fn large_objects_leave_a_thread_for_the_others() {
        let pool = Arc::new(RsaPool::new(2).unwrap());
        let running = Arc::new(AtomicUsize::new(0));
        let gate = Arc::new(Barrier::new(2));
        let large: Vec<_> = (0..2)
            .map(|_| {
                let (pool, running, gate) = (Arc::clone(&pool), Arc::clone(&running), Arc::clone(&gate));
                tokio::spawn(async move {
                    let work = move || {
                        running.fetch_add(1, Ordering::SeqCst);
                        gate.wait();
                    };
                    pool.run(1000, work).await
                })
            })
            .collect();
        while running.load(Ordering::SeqCst) == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(pool.run(1, || 7).await, Ok(7));
        assert_eq!(running.load(Ordering::SeqCst), 1, "the second large one waits for the first");
        for _ in &large {
            let gate = Arc::clone(&gate);
            tokio::task::spawn_blocking(move || gate.wait()).await.unwrap();
        }
    }
}
