//! Work on many items at once, results in the order of the items.
//!
//! One thread per core takes the next item when it is done with one, so a large item does not hold up the others. Ctrl-C
//! stops the taking: what has been begun, the replacement of a file say, is finished, and the caller learns that the rest
//! was not. A second Ctrl-C ends the process at once. Nothing is set up for a single item.

use std::num::NonZero;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::thread;

use crate::report::{Code, Exit, Report, Result};

/// Set by the first Ctrl-C.
static INTERRUPTED: AtomicBool = AtomicBool::new(false);
/// Pieces of work that look at [`INTERRUPTED`]. While there is none, Ctrl-C ends the process as ever.
static WATCHING: AtomicUsize = AtomicUsize::new(0);

/// Does `work` for every item, and gives the results in the order of the items.
///
/// # Errors
/// [`Code::Interrupted`] when Ctrl-C came before every item was begun.
pub(crate) fn in_order<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Result<Vec<R>> {
    let total = items.len();
    let results: Vec<R> = each(items, work).into_iter().flatten().collect();
    if results.len() == total { Ok(results) } else { Err(interrupted(results.len(), total)) }
}

/// As [`in_order`]; an item that Ctrl-C kept from being begun has no result.
pub(crate) fn each<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    on_threads(cores(), items, work)
}

/// As [`each`], for work that waits for the disk now and then: there are more threads than cores, so that none is idle.
pub(crate) fn each_waiting<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    on_threads(2 * cores(), items, work)
}

fn on_threads<T: Sync, R: Send>(threads: usize, items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<Option<R>> {
    if items.len() < 2 {
        return items.iter().map(|item| Some(work(item))).collect();
    }
    let threads = threads.min(items.len());
    let _watch = Watch::begin();
    let next = AtomicUsize::new(0);
    let results: Mutex<Vec<Option<R>>> = Mutex::new(items.iter().map(|_| None).collect());
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !is_interrupted() {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(item) = items.get(index) else { break };
                    let result = work(item);
                    // A panic of a worker is passed on by the scope; what the others did is not damaged by it.
                    results.lock().unwrap_or_else(PoisonError::into_inner)[index] = Some(result);
                }
            });
        }
    });
    results.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// The error for work that was stopped by Ctrl-C.
pub(crate) fn interrupted(done: usize, total: usize) -> Report {
    Report::new(Code::Interrupted, format!("interrupted after {done} of {total}"))
        .hint("what is done stays done; the same command does the rest")
}

/// Whether Ctrl-C was pressed while work was under way.
pub(crate) fn is_interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// The number of threads that can be busy at the same time.
pub(crate) fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZero::get)
}

/// While one is there, Ctrl-C is noted instead of ending the process.
pub(crate) struct Watch(());

impl Watch {
    pub(crate) fn begin() -> Self {
        static LISTENING: OnceLock<()> = OnceLock::new();
        WATCHING.fetch_add(1, Ordering::SeqCst);
        LISTENING.get_or_init(listen);
        Self(())
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        WATCHING.fetch_sub(1, Ordering::SeqCst);
    }
}

/// Starts the thread that waits for Ctrl-C, and returns when it does. Where signals cannot be waited for, Ctrl-C keeps its
/// usual effect, which leaves every file old or new.
#[cfg(unix)]
fn listen() {
    use tokio::signal::unix::{SignalKind, signal};
    let (ready, wait) = std::sync::mpsc::channel::<()>();
    let listener = thread::Builder::new().name("interrupts".to_owned()).spawn(move || {
        let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else { return };
        runtime.block_on(async {
            let Ok(mut signals) = signal(SignalKind::interrupt()) else { return };
            drop(ready);
            while signals.recv().await.is_some() {
                let again = INTERRUPTED.swap(true, Ordering::SeqCst);
                if again || WATCHING.load(Ordering::SeqCst) == 0 {
                    std::process::exit(Exit::Interrupted.code().into());
                }
            }
        });
    });
    if listener.is_ok() {
        let _ = wait.recv();
    }
}

#[cfg(not(unix))]
fn listen() {
    let _ = Exit::Interrupted;
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    #[test]
    fn results_come_in_the_order_of_the_items() {
        let items: Vec<u64> = (0..200).collect();
        let work = |item: &u64| {
            // The first ones take longest.
            (*item..200).for_each(|_| thread::yield_now());
            item * 2
        };
        assert_eq!(in_order(&items, work).unwrap(), items.iter().map(|item| item * 2).collect::<Vec<_>>());
        assert_eq!(in_order(&[] as &[u64], work).unwrap(), [] as [u64; 0]);
        assert_eq!(in_order(&[7], |item| *item).unwrap(), [7]);
    }

    #[test]
    fn as_many_items_are_under_way_as_there_are_cores() {
        let (running, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let barrier = std::sync::Barrier::new(cores().min(8));
        in_order(&vec![(); barrier_size()], |()| {
            most.fetch_max(running.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
            barrier.wait();
            running.fetch_sub(1, Ordering::SeqCst);
        })
        .unwrap();
        assert_eq!(most.into_inner(), barrier_size());
    }

    fn barrier_size() -> usize {
        cores().min(8)
    }

    #[test]
    fn an_interruption_says_how_far_it_got() {
        let report = interrupted(3, 10);
        assert_eq!(report.message(), "interrupted after 3 of 10");
        assert_eq!(report.exit().code(), 130);
    }
}
