//! Text that grows by hand: the buffer that it outgrows is cleared.

use zeroize::Zeroizing;

/// A growing text that may hold plaintext.
pub(crate) struct Buffer(Zeroizing<String>);

impl Buffer {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(Zeroizing::new(String::with_capacity(capacity)))
    }

    pub(crate) fn push(&mut self, character: char) {
        self.reserve(character.len_utf8());
        self.0.push(character);
    }

    pub(crate) fn push_str(&mut self, text: &str) {
        self.reserve(text.len());
        self.0.push_str(text);
    }

    pub(crate) fn into_text(self) -> Zeroizing<String> {
        self.0
    }

    fn reserve(&mut self, additional: usize) {
        let needed = self.0.len() + additional;
        if needed > self.0.capacity() {
            let mut grown = Zeroizing::new(String::with_capacity(needed.max(self.0.capacity() * 2)));
            grown.push_str(&self.0);
            self.0 = grown;
        }
    }
}
