//! What a render may use, and the meter that counts it.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::{Duration, Instant};

use zeroize::Zeroizing;

use crate::error::Fail;
use crate::value::{Depth, Elem, List, Map, Text, Value};

/// The limits of one render, shared by all templates of one object.
///
/// The defaults leave every manifest that people write far below them, and stop a hostile one within a second or so.
#[derive(Clone, Debug)]
pub struct Budget {
    /// Wall-clock time. It is looked at between steps, and between the matches of a regular expression; a password hash
    /// or a key that is being made is not interrupted.
    pub time: Duration,
    /// Actions, commands, arguments, loop turns, and values visited by functions that walk over values.
    pub steps: u64,
    /// Bytes that values may take up in sum, over the whole render.
    pub memory: usize,
    /// Bytes of output, all templates together. A Secret holds 1 MiB.
    pub output: usize,
    /// Templates that call templates, control structures and parentheses inside one another.
    pub depth: usize,
    /// Calls of `bcrypt`, `htpasswd` and `derivePassword`: each takes about a tenth of a second, by design.
    pub password_hashes: u32,
    /// Private keys: an elliptic-curve key counts 1, RSA-2048 counts 4, RSA-4096 counts 32.
    pub key_generation: u32,
}

impl Default for Budget {
    fn default() -> Self {
        Self {
            time: Duration::from_secs(5),
            steps: 1_000_000,
            memory: 32 << 20,
            output: 1 << 20,
            depth: 100,
            password_hashes: 8,
            key_generation: 64,
        }
    }
}

/// How deep functions follow lists in lists.
const MAX_VALUE_DEPTH: usize = 100;

/// Counts against a [`Budget`], holds every list and dictionary of the render, and notes whether it could come out otherwise.
pub(crate) struct Meter {
    budget: Budget,
    deadline: Instant,
    steps: Cell<u64>,
    memory: Cell<usize>,
    hashes: Cell<u32>,
    keys: Cell<u32>,
    value_depth: Cell<usize>,
    varies: Cell<bool>,
    lists: RefCell<Vec<Rc<List>>>,
    maps: RefCell<Vec<Rc<Map>>>,
}

impl Meter {
    pub(crate) fn new(budget: &Budget) -> Self {
        let now = Instant::now();
        Self {
            deadline: now.checked_add(budget.time).unwrap_or(now),
            budget: budget.clone(),
            steps: Cell::new(0),
            memory: Cell::new(0),
            hashes: Cell::new(0),
            keys: Cell::new(0),
            value_depth: Cell::new(0),
            varies: Cell::new(false),
            lists: RefCell::default(),
            maps: RefCell::default(),
        }
    }

    pub(crate) fn budget(&self) -> &Budget {
        &self.budget
    }

    /// One unit of work.
    pub(crate) fn step(&self) -> Result<(), Fail> {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() > self.budget.steps {
            return Err(Fail::Budget("steps"));
        }
        // Looking at the clock costs more than most steps.
        if self.steps.get().is_multiple_of(64) { self.check_time() } else { Ok(()) }
    }

    pub(crate) fn check_time(&self) -> Result<(), Fail> {
        if Instant::now() > self.deadline { Err(Fail::Budget("time")) } else { Ok(()) }
    }

    /// Announces `bytes` before they are allocated.
    pub(crate) fn charge(&self, bytes: usize) -> Result<(), Fail> {
        self.memory.set(self.memory.get().saturating_add(bytes));
        if self.memory.get() > self.budget.memory { Err(Fail::Budget("memory")) } else { Ok(()) }
    }

    pub(crate) fn charge_hash(&self) -> Result<(), Fail> {
        self.hashes.set(self.hashes.get() + 1);
        if self.hashes.get() > self.budget.password_hashes {
            return Err(Fail::Budget("password hashes"));
        }
        self.check_time()
    }

    /// Announces a private key, which is never the same twice.
    pub(crate) fn charge_key(&self, work: u32) -> Result<(), Fail> {
        self.vary();
        self.keys.set(self.keys.get().saturating_add(work));
        if self.keys.get() > self.budget.key_generation {
            return Err(Fail::Budget("key generation"));
        }
        self.check_time()
    }

    /// What is made now would come out otherwise the next time: it is random, or depends on the time.
    pub(crate) fn vary(&self) {
        self.varies.set(true);
    }

    /// Whether anything varied since this was asked last.
    pub(crate) fn take_varied(&self) -> bool {
        self.varies.take()
    }

    /// One level deeper into a value.
    pub(crate) fn nest(&self) -> Result<Depth<'_>, Fail> {
        Depth::enter(&self.value_depth, MAX_VALUE_DEPTH).ok_or(Fail::Budget("depth"))
    }

    pub(crate) fn text(&self, bytes: Vec<u8>) -> Result<Value, Fail> {
        self.charge(bytes.len())?;
        Ok(Value::Text(Text::from(bytes)))
    }

    fn list_of(&self, elem: Elem, nil: bool, items: Vec<Value>) -> Result<Value, Fail> {
        self.charge((items.len() + 4) * size_of::<Value>())?;
        let list = Rc::new(List { elem, nil, items: RefCell::new(items) });
        self.lists.borrow_mut().push(list.clone());
        Ok(Value::List(list))
    }

    pub(crate) fn list(&self, items: Vec<Value>) -> Result<Value, Fail> {
        self.list_of(Elem::Any, false, items)
    }

    pub(crate) fn typed_list(&self, elem: Elem, items: Vec<Value>) -> Result<Value, Fail> {
        self.list_of(elem, false, items)
    }

    pub(crate) fn nil_list(&self, elem: Elem) -> Result<Value, Fail> {
        self.list_of(elem, true, Vec::new())
    }

    pub(crate) fn texts(&self, items: impl IntoIterator<Item = Text>) -> Result<Value, Fail> {
        self.list_of(Elem::Text, false, items.into_iter().map(Value::Text).collect())
    }

    pub(crate) fn map(&self, elem: Elem, entries: BTreeMap<Text, Value>) -> Result<Value, Fail> {
        self.map_of(elem, false, entries)
    }

    pub(crate) fn nil_map(&self) -> Result<Value, Fail> {
        self.map_of(Elem::Any, true, BTreeMap::new())
    }

    fn map_of(&self, elem: Elem, nil: bool, entries: BTreeMap<Text, Value>) -> Result<Value, Fail> {
        self.charge((entries.len() + 1) * 3 * size_of::<Value>())?;
        let map = Rc::new(Map { elem, nil, entries: RefCell::new(entries) });
        self.maps.borrow_mut().push(map.clone());
        Ok(Value::Map(map))
    }

    pub(crate) fn buffer(&self) -> Buffer<'_> {
        Buffer { meter: self, bytes: Zeroizing::new(Vec::new()) }
    }
}

/// Empties every container while all of them are still held: no cycle is left, and no drop recurses.
impl Drop for Meter {
    fn drop(&mut self) {
        for list in self.lists.borrow().iter() {
            drop(list.items.take());
        }
        for map in self.maps.borrow().iter() {
            drop(map.entries.take());
        }
    }
}

/// Bytes under construction: each is charged before it is written, and growing leaves no copy behind.
pub(crate) struct Buffer<'m> {
    meter: &'m Meter,
    bytes: Zeroizing<Vec<u8>>,
}

impl<'m> Buffer<'m> {
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Fail> {
        self.meter.charge(bytes.len())?;
        grow(&mut self.bytes, bytes);
        Ok(())
    }

    pub(crate) fn push_str(&mut self, text: &str) -> Result<(), Fail> {
        self.push(text.as_bytes())
    }

    pub(crate) fn push_char(&mut self, character: char) -> Result<(), Fail> {
        self.push(character.encode_utf8(&mut [0; 4]).as_bytes())
    }

    pub(crate) fn repeat(&mut self, byte: u8, count: usize) -> Result<(), Fail> {
        self.meter.charge(count)?;
        grow(&mut self.bytes, &vec![byte; count]);
        Ok(())
    }

    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    pub(crate) fn meter(&self) -> &'m Meter {
        self.meter
    }

    pub(crate) fn into_text(self) -> Text {
        Text::from(self.bytes)
    }

    pub(crate) fn into_value(self) -> Value {
        Value::Text(self.into_text())
    }
}

/// Appends without leaving a copy of the old bytes behind when the buffer moves.
pub(crate) fn grow(buffer: &mut Zeroizing<Vec<u8>>, bytes: &[u8]) {
    let needed = buffer.len() + bytes.len();
    if needed > buffer.capacity() {
        let mut larger = Zeroizing::new(Vec::with_capacity((needed * 2).max(64)));
        larger.extend_from_slice(buffer);
        // The old buffer is cleared when it is dropped here.
        *buffer = larger;
    }
    buffer.extend_from_slice(bytes);
}
