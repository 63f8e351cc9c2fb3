//! What goes wrong between the controller and the API server, and how often.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;

use crate::harness::proxy::{Asked, EventFate, Fate, Interference};
use crate::harness::random::Random;

/// Each number is a chance in percent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chances {
    /// A write is answered with 409, 429 or 500, and not done.
    pub(crate) refused_write: usize,
    /// A request gets no answer, and is not done.
    pub(crate) hung_up: usize,
    /// A request is done, and its answer breaks off somewhere.
    pub(crate) cut_answer: usize,
    /// A request waits for up to 600 ms.
    pub(crate) slow: usize,
    /// A watch ends in front of an event.
    pub(crate) ended_watch: usize,
    /// A watch ends with 410 in front of an event.
    pub(crate) gone: usize,
    /// A bookmark is lost (not the one that ends a streamed list: without it there is no list).
    pub(crate) lost_bookmark: usize,
}

/// How often something went wrong: a run without faults proves nothing.
#[derive(Clone, Default)]
pub(crate) struct Faults(Arc<AtomicUsize>);

impl Faults {
    fn one_more(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn count(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

pub(crate) struct Chaos {
    chances: Chances,
    random: Mutex<Random>,
    faults: Faults,
}

impl Chaos {
    pub(crate) fn new(chances: Chances, seed: u64, faults: Faults) -> Self {
        Self { chances, random: Mutex::new(Random::new(seed)), faults }
    }

    fn fate(&self, asked: &Asked) -> Fate {
        let mut random = self.random.lock().unwrap();
        if asked.is_write() && random.percent(self.chances.refused_write) {
            return match random.below(4) {
                0 => Fate::Refuse(409, None),
                1 => Fate::Refuse(429, Some(1)),
                2 => Fate::Refuse(429, None),
                _ => Fate::Refuse(500, None),
            };
        }
        if random.percent(self.chances.hung_up) {
            return Fate::HangUp;
        }
        if random.percent(self.chances.cut_answer) {
            return Fate::CutAnswer(random.below(400));
        }
        if random.percent(self.chances.slow) {
            return Fate::Slow(Duration::from_millis(random.below(600) as u64));
        }
        Fate::Pass
    }

    fn fate_of_event(&self, event: &Value) -> EventFate {
        let mut random = self.random.lock().unwrap();
        if event["type"] == "BOOKMARK" {
            let ends_list = &event["object"]["metadata"]["annotations"]["k8s.io/initial-events-end"];
            let lost = ends_list.is_null() && random.percent(self.chances.lost_bookmark);
            return if lost { EventFate::Skip } else { EventFate::Pass };
        }
        if random.percent(self.chances.ended_watch) {
            return EventFate::End;
        }
        if random.percent(self.chances.gone) {
            return EventFate::Gone;
        }
        EventFate::Pass
    }
}

impl Interference for Chaos {
    fn request(&self, asked: &Asked) -> Fate {
        let fate = self.fate(asked);
        if !matches!(fate, Fate::Pass) {
            self.faults.one_more();
        }
        fate
    }

    fn event(&self, _watch: &Asked, event: &Value) -> EventFate {
        let fate = self.fate_of_event(event);
        if fate != EventFate::Pass {
            self.faults.one_more();
        }
        fate
    }
}
