//! Which objects may be opened and rendered at the same time. Pure.
//!
//! A template may take seconds, and everybody who may write SealedSecrets in some namespace may write one. So an object with
//! templates needs a place before it is worked on. A namespace has at most its share of the places, what gets none waits
//! without a worker, and a place that gets free goes to the namespace that has the fewest.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use crate::object::ObjectKey;

/// The places and who waits for one.
#[derive(Debug)]
pub(crate) struct Places {
    total: usize,
    share: usize,
    inside: HashMap<Arc<str>, HashSet<ObjectKey>>,
    taken: usize,
    /// Namespaces of which objects wait; the one that got a place last is the last.
    order: VecDeque<Arc<str>>,
    lines: HashMap<Arc<str>, VecDeque<ObjectKey>>,
    waiting: HashSet<ObjectKey>,
}

impl Places {
    /// `total` places, of which one namespace may have `share`.
    pub(crate) fn new(total: usize, share: usize) -> Self {
        Self {
            total,
            share,
            inside: HashMap::new(),
            taken: 0,
            order: VecDeque::new(),
            lines: HashMap::new(),
            waiting: HashSet::new(),
        }
    }

    /// Whether `key` has a place now. If not, it waits, and [`Places::leave`] of somebody else will name it.
    pub(crate) fn enter(&mut self, key: &ObjectKey) -> bool {
        if self.inside.get(&key.namespace).is_some_and(|inside| inside.contains(key)) {
            return true;
        }
        // Whoever waits does so because there is no place for its namespace, so this one overtakes nobody.
        if !self.waiting.contains(key) && self.has_room(&key.namespace) {
            self.seat(key.clone());
            return true;
        }
        if self.waiting.insert(key.clone()) {
            let line = self.lines.entry(Arc::clone(&key.namespace)).or_default();
            if line.is_empty() {
                self.order.push_back(Arc::clone(&key.namespace));
            }
            line.push_back(key.clone());
        }
        false
    }

    /// `key` needs its place no more, nor does it wait for one. Returns the objects that got one by that: they have to be
    /// woken, and give it back even if they turn out not to need it.
    pub(crate) fn leave(&mut self, key: &ObjectKey) -> Vec<ObjectKey> {
        if self.waiting.remove(key)
            && let Some(line) = self.lines.get_mut(&key.namespace)
        {
            line.retain(|waiting| waiting != key);
            self.drop_empty_line(&key.namespace);
        }
        if let Some(inside) = self.inside.get_mut(&key.namespace)
            && inside.remove(key)
        {
            self.taken -= 1;
            if inside.is_empty() {
                self.inside.remove(&key.namespace);
            }
        }
        let mut seated = Vec::new();
        while let Some(next) = self.next() {
            self.seat(next.clone());
            seated.push(next);
        }
        seated
    }

    /// Objects that wait.
    pub(crate) fn waiting(&self) -> usize {
        self.waiting.len()
    }

    fn has_room(&self, namespace: &Arc<str>) -> bool {
        self.taken < self.total && self.places_of(namespace) < self.share
    }

    fn places_of(&self, namespace: &Arc<str>) -> usize {
        self.inside.get(namespace).map_or(0, HashSet::len)
    }

    fn seat(&mut self, key: ObjectKey) {
        self.taken += 1;
        self.inside.entry(Arc::clone(&key.namespace)).or_default().insert(key);
    }

    /// The first of the line of the namespace with the fewest places.
    fn next(&mut self) -> Option<ObjectKey> {
        let fewest = self.order.iter().filter(|namespace| self.has_room(namespace));
        // Of equal ones the first: it got none for the longest time.
        let namespace = Arc::clone(fewest.min_by_key(|namespace| self.places_of(namespace))?);
        let key = self.lines.get_mut(&namespace)?.pop_front()?;
        self.waiting.remove(&key);
        self.order.retain(|waiting| *waiting != namespace);
        self.order.push_back(Arc::clone(&namespace));
        self.drop_empty_line(&namespace);
        Some(key)
    }

    fn drop_empty_line(&mut self, namespace: &Arc<str>) {
        if self.lines.get(namespace).is_some_and(VecDeque::is_empty) {
            self.lines.remove(namespace);
            self.order.retain(|waiting| waiting != namespace);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(text: &str) -> ObjectKey {
        let (namespace, name) = text.split_once('/').unwrap();
        ObjectKey::new(namespace, name)
    }

    /// Enters each; those that got a place.
    fn enter(places: &mut Places, keys: &[&str]) -> Vec<String> {
        keys.iter().filter(|text| places.enter(&key(text))).map(|text| (*text).to_owned()).collect()
    }

    fn leave(places: &mut Places, text: &str) -> Vec<String> {
        places.leave(&key(text)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_namespace_has_its_share_and_leaves_the_rest_to_others() {
        let mut places = Places::new(4, 2);
        assert_eq!(enter(&mut places, &["a/1", "a/2", "a/3", "b/1", "b/2", "c/1"]), ["a/1", "a/2", "b/1", "b/2"]);
        assert_eq!(enter(&mut places, &["a/1", "a/3"]), ["a/1"], "who has a place keeps it, who waits goes on waiting");
        assert_eq!(places.waiting(), 2);
    }

    #[test]
    fn a_free_place_goes_to_the_namespace_that_has_the_fewest() {
        let mut places = Places::new(4, 3);
        enter(&mut places, &["a/1", "a/2", "a/3", "b/1", "a/4", "a/5", "b/2", "c/1", "c/2"]);
        assert_eq!(leave(&mut places, "a/1"), ["c/1"]);
        assert_eq!(leave(&mut places, "a/2"), ["a/4"], "all have one each, and a waits longest");
        assert_eq!(leave(&mut places, "a/3"), ["b/2"], "all have one each, and a got its one later");
        assert_eq!(leave(&mut places, "a/4"), ["a/5"], "a has none left");
        assert_eq!(leave(&mut places, "b/1"), ["c/2"], "nobody else waits");
        assert!(places.enter(&key("c/2")), "the place is kept for who was named");
    }

    #[test]
    fn a_share_that_is_used_up_leaves_places_empty() {
        let mut places = Places::new(4, 1);
        enter(&mut places, &["a/1", "a/2", "b/1"]);
        assert_eq!(leave(&mut places, "b/1"), [] as [&str; 0]);
        assert_eq!(leave(&mut places, "a/1"), ["a/2"]);
    }

    #[test]
    fn who_leaves_before_its_turn_waits_no_more() {
        let mut places = Places::new(1, 1);
        enter(&mut places, &["a/1", "a/2", "b/1"]);
        assert_eq!(leave(&mut places, "a/2"), [] as [&str; 0]);
        assert_eq!(leave(&mut places, "b/1"), [] as [&str; 0]);
        assert_eq!(places.waiting(), 0);
        assert_eq!(leave(&mut places, "a/1"), [] as [&str; 0]);
        assert_eq!(leave(&mut places, "a/1"), [] as [&str; 0], "twice does no harm");
        assert_eq!((places.taken, places.inside.len(), places.lines.len(), places.order.len()), (0, 0, 0, 0));
    }

    #[test]
    fn everybody_gets_a_place_in_the_end_and_nothing_is_left_behind() {
        let mut places = Places::new(3, 2);
        let keys: Vec<String> = (0..60).map(|number| format!("{}/{number}", number % 7)).collect();
        let mut inside: VecDeque<String> = keys.iter().filter(|text| places.enter(&key(text))).cloned().collect();
        let mut done = 0;
        while let Some(first) = inside.pop_front() {
            assert!(inside.len() < 3);
            inside.extend(leave(&mut places, &first));
            done += 1;
        }
        assert_eq!(done, keys.len());
        assert_eq!((places.taken, places.inside.len(), places.lines.len(), places.order.len()), (0, 0, 0, 0));
    }
}
