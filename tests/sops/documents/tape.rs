//! The choices that make a document, kept so that a document that fails can be made again with fewer and smaller ones.

use crate::random::Random;

/// Chooses at random and remembers, or repeats what is given; behind its end everything is 0, the simplest choice.
pub(crate) struct Tape {
    choices: Vec<u32>,
    at: usize,
    random: Option<Random>,
}

impl Tape {
    pub(crate) fn random(seed: u64) -> Self {
        Self { choices: Vec::new(), at: 0, random: Some(Random::new(seed)) }
    }

    fn repeating(choices: &[u32]) -> Self {
        Self { choices: choices.to_vec(), at: 0, random: None }
    }

    /// A number below `end`, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let choice = match &mut self.random {
            Some(random) => {
                let choice = random.below(end) as u32;
                self.choices.push(choice);
                choice
            }
            None => self.choices.get(self.at).copied().unwrap_or_default(),
        };
        self.at += 1;
        (choice as usize).min(end - 1)
    }

    /// True in so many of a hundred cases; the simplest is not.
    pub(crate) fn percent(&mut self, percent: usize) -> bool {
        self.below(100) >= 100 - percent
    }

    pub(crate) fn pick<'a, T: ?Sized>(&mut self, choices: &[&'a T]) -> &'a T {
        choices[self.below(choices.len())]
    }

    /// What was chosen.
    pub(crate) fn choices(self) -> Vec<u32> {
        self.choices
    }
}

/// The smallest choices found within `tries` for which `make` gives something that `fails`, and that thing.
pub(crate) fn shrink<T>(
    choices: Vec<u32>,
    tries: usize,
    make: impl Fn(&mut Tape) -> T,
    mut fails: impl FnMut(&T) -> bool,
) -> T {
    let mut best = choices;
    let mut left = tries;
    let mut attempt = |candidate: &[u32]| {
        if left == 0 {
            return false;
        }
        left -= 1;
        fails(&make(&mut Tape::repeating(candidate)))
    };
    let mut changed = true;
    while changed {
        changed = false;
        for size in [64, 16, 4, 2, 1] {
            let mut start = best.len().saturating_sub(size);
            loop {
                let end = (start + size).min(best.len());
                let mut shorter = best.clone();
                shorter.drain(start..end);
                let mut simpler = best.clone();
                simpler[start..end].fill(0);
                if start < end && attempt(&shorter) {
                    (best, changed) = (shorter, true);
                } else if simpler != best && attempt(&simpler) {
                    (best, changed) = (simpler, true);
                } else if size == 1 && start < end && best[start] > 1 {
                    let mut smaller = best.clone();
                    smaller[start] /= 2;
                    if attempt(&smaller) {
                        (best, changed) = (smaller, true);
                    }
                }
                if start == 0 {
                    break;
                }
                start = start.saturating_sub(size);
            }
        }
        // One item less: its count, and the choices that made it.
        for at in 0..best.len() {
            for size in 1..24 {
                if best.get(at).is_none_or(|choice| *choice == 0) || at + 1 + size > best.len() {
                    break;
                }
                for skipped in [0, size, 2 * size] {
                    let start = at + 1 + skipped;
                    if start + size > best.len() {
                        break;
                    }
                    let mut fewer = best.clone();
                    fewer[at] -= 1;
                    fewer.drain(start..start + size);
                    if attempt(&fewer) {
                        (best, changed) = (fewer, true);
                        break;
                    }
                }
            }
        }
    }
    make(&mut Tape::repeating(&best))
}
