//! What the differential suites share (tests/kubeseal, tests/sops): the cases as they are written (`case`), a single process
//! (`process`), what went in and came out (`outcome`), what must be equal (`compare`), the page of differences (`differences`), and
//! where the real tools are (`peer`).
#![allow(dead_code, reason = "each suite uses its own part")]

pub(crate) mod case;
pub(crate) mod compare;
pub(crate) mod differences;
pub(crate) mod outcome;
pub(crate) mod peer;
pub(crate) mod process;
#[path = "../cli/support/terminal.rs"]
mod terminal;

use std::sync::atomic::{AtomicUsize, Ordering};

/// `work` on every item, on a few threads; results in the order of the items.
pub(crate) fn in_parallel<T: Sync, R: Send>(items: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let next = AtomicUsize::new(0);
    let mut results: Vec<(usize, R)> = std::thread::scope(|scope| {
        let worker = || {
            let mut done = Vec::new();
            while let Some((at, item)) =
                Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|at| Some((at, items.get(at)?)))
            {
                done.push((at, work(item)));
            }
            done
        };
        // More than cores: some wait for a timeout.
        let workers: Vec<_> = (0..6).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap()).collect()
    });
    results.sort_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}
