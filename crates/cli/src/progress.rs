//! Progress of long work: a bar on a terminal, plain lines elsewhere, nothing with `-q`.
//!
//! It goes to standard error. Work that is done within [`PATIENCE`] shows nothing at all.

use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::io::Console;

/// How long people wait without asking themselves what happens.
const PATIENCE: Duration = Duration::from_millis(500);
/// Between two plain lines.
const PAUSE: Duration = Duration::from_secs(5);

/// The progress of one piece of work; threads share it.
pub(crate) struct Progress {
    what: &'static str,
    total: u64,
    done: AtomicU64,
    began: Instant,
    shown: Shown,
}

enum Shown {
    Nothing,
    /// On a terminal; hidden until [`PATIENCE`] is over.
    Bar(ProgressBar),
    /// Elsewhere: when the last line was printed.
    Lines(Console, Mutex<Instant>),
}

impl Progress {
    /// For `total` things, named by `what`: `files resealed`.
    pub(crate) fn new(what: &'static str, total: usize, console: Console) -> Self {
        let total = total as u64;
        let began = Instant::now();
        let shown = if console.is_quiet() {
            Shown::Nothing
        } else if stderr().is_terminal() {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::hidden());
            // The template is a constant, so it has no error; without it indicatif's own is good enough.
            if let Ok(style) = ProgressStyle::with_template("bulla: {bar:30} {pos} of {len} {msg}, {eta} left") {
                bar.set_style(style);
            }
            bar.set_message(what);
            Shown::Bar(bar)
        } else {
            Shown::Lines(console, Mutex::new(began))
        };
        Self { what, total, done: AtomicU64::new(0), began, shown }
    }

    /// How many there are.
    pub(crate) fn total(&self) -> usize {
        usize::try_from(self.total).unwrap_or(usize::MAX)
    }

    /// One more is done.
    pub(crate) fn step(&self) {
        self.steps(1);
    }

    /// `count` more are done.
    pub(crate) fn steps(&self, count: usize) {
        let done = self.done.fetch_add(count as u64, Ordering::Relaxed) + count as u64;
        match &self.shown {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                if bar.is_hidden() && self.began.elapsed() >= PATIENCE {
                    bar.set_draw_target(ProgressDrawTarget::stderr());
                }
                bar.set_position(done);
            }
            Shown::Lines(console, last) => {
                // Whoever finds it taken has just been spared a line.
                let Ok(mut last) = last.try_lock() else { return };
                if due(*last, Instant::now()) && done < self.total {
                    *last = Instant::now();
                    console.note(&line(done, self.total, self.what));
                }
            }
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Shown::Bar(bar) = &self.shown {
            bar.finish_and_clear();
        }
    }
}

fn due(last: Instant, now: Instant) -> bool {
    now.saturating_duration_since(last) >= PAUSE
}

fn line(done: u64, total: u64, what: &str) -> String {
    format!("{done} of {total} {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_spaced_and_say_how_far_it_is() {
        let now = Instant::now();
        assert!(!due(now, now + Duration::from_secs(4)));
        assert!(due(now, now + Duration::from_secs(5)));
        assert_eq!(line(3, 10, "files resealed"), "3 of 10 files resealed");
    }

    #[test]
    fn quiet_shows_nothing_and_counts_all_the_same() {
        let progress = Progress::new("x", 3, Console::new(true));
        progress.steps(2);
        progress.step();
        assert_eq!(progress.done.load(Ordering::Relaxed), 3);
        assert!(matches!(progress.shown, Shown::Nothing));
    }
}
