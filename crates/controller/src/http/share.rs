//! The part of the RSA threads that callers of the endpoints get, so that reconciliation goes on whatever they send.
//!
//! A share is a number of quarters of all threads. It is kept by two simple means:
//! - so many requests as the share has whole threads, at least one, are worked on at the same time;
//! - where the share is less than one thread, its thread rests after each slice of work, so long that work and rest together
//!   come to the share: a quarter of two threads is half a thread, which rests as long as it worked.
//!
//! A request is worked on in slices of a few values, and every slice queues for a thread like any other job, so an object that
//! waits to be reconciled never waits for a whole request. The work belongs to the share, not to the connection: a client that
//! hangs up ends its request at the next slice, and its place is free only after the rest.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::{Semaphore, oneshot};

use crate::rsa_pool::{Broken, RsaPool};

/// A part of the RSA threads.
pub(crate) struct Share {
    pool: Arc<RsaPool>,
    places: Arc<Semaphore>,
    /// Threads times quarters: four of them are one thread.
    quarter_threads: u32,
}

impl Share {
    /// `quarters` quarters of `threads` threads.
    pub(crate) fn new(pool: Arc<RsaPool>, threads: usize, quarters: u32) -> Self {
        let quarter_threads = u32::try_from(threads.max(1)).unwrap_or(u32::MAX).saturating_mul(quarters.max(1));
        let places = (quarter_threads / 4).max(1);
        Self { pool, places: Arc::new(Semaphore::new(places as usize)), quarter_threads }
    }

    /// Calls `slice` on a thread of the pool until it returns false, and gives back what it worked on.
    ///
    /// # Errors
    /// [`Broken`] when a slice panics.
    pub(crate) async fn run<T, F>(&self, work: T, slice: F) -> Result<T, Broken>
    where
        T: Send + 'static,
        F: Fn(&mut T) -> bool + Send + Sync + 'static,
    {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| Broken)?;
        let (answer, result) = oneshot::channel();
        let (pool, quarter_threads) = (Arc::clone(&self.pool), self.quarter_threads);
        tokio::spawn(async move {
            let _place = place;
            let mut work = work;
            let slice = Arc::new(slice);
            while !answer.is_closed() {
                let slice = Arc::clone(&slice);
                let job = move || {
                    let start = Instant::now();
                    let more = slice(&mut work);
                    (work, more, start.elapsed())
                };
                let Ok((worked, more, busy)) = pool.run(1, job).await else { return };
                let pause = rest(quarter_threads, busy);
                if !more {
                    // Whoever no longer waits needs no answer.
                    let _ = answer.send(worked);
                    tokio::time::sleep(pause).await;
                    return;
                }
                work = worked;
                tokio::time::sleep(pause).await;
            }
        });
        result.await.map_err(|_| Broken)
    }
}

/// How long a thread rests that has worked for `busy`.
fn rest(quarter_threads: u32, busy: Duration) -> Duration {
    busy.saturating_mul(4_u32.saturating_sub(quarter_threads)) / quarter_threads.max(1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn work_and_rest_come_to_the_share() {
        let busy = Duration::from_millis(30);
        for (threads, quarters, expected) in
            [(1, 1, 90), (2, 1, 30), (3, 1, 10), (4, 1, 0), (64, 1, 0), (1, 2, 30), (2, 2, 0), (1, 4, 0)]
        {
            assert_eq!(rest(threads * quarters, busy), Duration::from_millis(expected), "{threads} {quarters}");
        }
    }

    fn share(threads: usize) -> (Arc<RsaPool>, Arc<Share>) {
        let pool = Arc::new(RsaPool::new(threads).unwrap());
        (Arc::clone(&pool), Arc::new(Share::new(pool, threads, 1)))
    }

    #[tokio::test]
    async fn however_many_ask_three_quarters_of_the_threads_stay_free() {
        let (pool, share) = share(8);
        let (running, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (release, gate) = mpsc::channel::<()>();
        let gate = Arc::new(std::sync::Mutex::new(gate));
        let flood: Vec<_> = (0..20)
            .map(|_| {
                let (share, running, most, gate) =
                    (Arc::clone(&share), Arc::clone(&running), Arc::clone(&most), Arc::clone(&gate));
                tokio::spawn(async move {
                    let slice = move |_: &mut ()| {
                        most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        let _ = gate.lock().unwrap().recv();
                        running.fetch_sub(1, Ordering::SeqCst);
                        false
                    };
                    share.run((), slice).await
                })
            })
            .collect();
        while running.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        // Six jobs that wait for each other need six threads.
        let meeting = Arc::new(std::sync::Barrier::new(6));
        let six = (0..6).map(|_| {
            let meeting = Arc::clone(&meeting);
            pool.run(1, move || meeting.wait().is_leader())
        });
        for met in futures::future::join_all(six).await {
            assert!(met.is_ok());
        }
        for _ in 0..20 {
            release.send(()).unwrap();
        }
        for caller in flood {
            assert_eq!(caller.await.unwrap(), Ok(()));
        }
        assert_eq!(most.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn a_share_of_less_than_a_thread_rests_after_each_slice() {
        let (_pool, share) = share(1);
        let start = tokio::time::Instant::now();
        let busy = share
            .run((0, Duration::ZERO), |(slices, busy)| {
                let start = Instant::now();
                while start.elapsed() < Duration::from_millis(2) {}
                *busy += start.elapsed();
                *slices += 1;
                *slices < 3
            })
            .await
            .unwrap()
            .1;
        assert_eq!(share.run((), |()| false).await, Ok(()));
        // The clock stands still but for the rests: three of them before the second request had its turn.
        assert!(start.elapsed() >= busy * 3, "{:?} {busy:?}", start.elapsed());
    }

    #[tokio::test]
    async fn a_caller_that_hangs_up_ends_its_work_and_a_panic_is_an_error() {
        let (_pool, share) = share(4);
        let (started, has_started) = mpsc::channel();
        let (release, gate) = mpsc::channel::<()>();
        let gate = std::sync::Mutex::new(gate);
        let endless = tokio::spawn({
            let share = Arc::clone(&share);
            async move {
                let slice = move |_: &mut ()| {
                    started.send(()).unwrap();
                    let _ = gate.lock().unwrap().recv();
                    true
                };
                share.run((), slice).await
            }
        });
        tokio::task::spawn_blocking(move || has_started.recv().map(|()| has_started)).await.unwrap().unwrap();
        endless.abort();
        let _ = endless.await;
        let next = tokio::spawn({
            let share = Arc::clone(&share);
            async move { share.run(7, |_| false).await }
        });
        tokio::task::yield_now().await;
        assert!(!next.is_finished(), "the place is taken as long as the slice runs");
        release.send(()).unwrap();
        assert_eq!(next.await.unwrap(), Ok(7));
        assert_eq!(share.run((), |()| panic!("a bug")).await, Err(Broken));
        assert_eq!(share.run(7, |_| false).await, Ok(7));
    }
}
