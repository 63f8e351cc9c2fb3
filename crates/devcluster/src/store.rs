//! The state: one table for each resource, one counter of resource versions for all, and for each table a ring of
//! its last changes.
//!
//! The ring serves three purposes. Watches read it with a cursor of their own, so a slow watcher costs no memory: it
//! falls out of the ring and is told 410. Lists go back in it to the snapshot that a `continue` token names. And what
//! has left it is "compacted". Where the state is to outlive the process, each change also goes into a log (`persist`).

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::ops::{Bound, Deref, DerefMut};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use tokio::sync::watch;

use crate::object::{Key, Object, Stored};
use crate::persist::{Changes, Kept, Log, StorageError};
use crate::resource::Resource;
use crate::status::{Answer, Failure, qualify};

/// A change of one object: from `before` to `after`. A deletion has both: `after` is the object's last state with the
/// resource version of the deletion, and `gone` is set.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) version: u64,
    pub(crate) before: Option<Arc<Stored>>,
    pub(crate) after: Arc<Stored>,
    pub(crate) gone: bool,
}

/// All objects of one resource.
pub(crate) struct Table {
    pub(crate) resource: Arc<Resource>,
    pub(crate) objects: BTreeMap<Key, Arc<Stored>>,
    ring: VecDeque<Change>,
    /// Requests that start before this version are told that it is too old.
    floor: u64,
    /// The version of the newest change that left the ring.
    dropped: u64,
    /// False once its CustomResourceDefinition is gone; watchers still read the last changes.
    served: bool,
    /// Wakes the watchers.
    wake: watch::Sender<u64>,
}

/// Where an object is: the resource's id and the key.
pub(crate) type Place = (Arc<str>, Key);

/// Everything that is stored.
pub(crate) struct State {
    pub(crate) version: u64,
    pub(crate) tables: BTreeMap<Arc<str>, Table>,
    /// Live objects by uid, for garbage collection.
    pub(crate) by_uid: HashMap<Arc<str>, Place>,
    /// Objects by the uid of an owner.
    pub(crate) by_owner: HashMap<Box<str>, HashSet<Place>>,
    history: usize,
    /// Where changes are kept, if they are.
    pub(crate) log: Option<Log>,
    /// What the first record of a new log says.
    pub(crate) kept: Option<Kept>,
    /// What has changed and is not in the log yet.
    pending: Changes,
    /// A change could not be kept: no more are made.
    broken: bool,
}

/// The state behind its lock. Critical sections are short and never wait for anything.
pub(crate) struct Store(RwLock<State>);

impl Store {
    pub(crate) fn new(state: State) -> Self {
        Self(RwLock::new(state))
    }

    // A panic while the lock was held cannot leave a half-written object: objects are immutable and put whole.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, State> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is changed through the guard is one record of the log: all of it is kept, or nothing.
    pub(crate) fn write(&self) -> Writing<'_> {
        Writing(self.0.write().unwrap_or_else(PoisonError::into_inner))
    }

    /// An error once a change could not be kept.
    pub(crate) fn intact(&self) -> Answer<()> {
        if self.read().broken {
            return Err(Failure::internal("the state cannot be written to the disk any more; see the log"));
        }
        Ok(())
    }
}

/// The locked state. When it is let go, what has changed goes into the log.
pub(crate) struct Writing<'a>(RwLockWriteGuard<'a, State>);

impl Deref for Writing<'_> {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl DerefMut for Writing<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.0
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        self.0.keep();
    }
}

impl State {
    pub(crate) fn new(history: usize, resources: impl Iterator<Item = Arc<Resource>>) -> Self {
        let mut state = Self {
            version: 1,
            tables: BTreeMap::new(),
            by_uid: HashMap::new(),
            by_owner: HashMap::new(),
            history,
            log: None,
            kept: None,
            pending: Changes::default(),
            broken: false,
        };
        for resource in resources {
            state.open_table(resource);
        }
        state
    }

    /// Puts what has changed into the log, and the log in order when it has grown.
    fn keep(&mut self) {
        if self.pending.is_empty() || self.broken {
            return;
        }
        let content = self.pending.take();
        let Some(mut log) = self.log.take() else { return };
        if let Err(error) = log.append(content) {
            tracing::error!(%error, "a change could not be written: no more are made");
            self.broken = true;
        } else if log.is_large()
            && let Err(error) = self.rewrite(&mut log)
        {
            tracing::warn!(%error, "the stored state could not be made smaller");
        }
        self.log = Some(log);
    }

    /// Puts all that is there into a new file.
    pub(crate) fn rewrite(&self, log: &mut Log) -> Result<(), StorageError> {
        let first = self.kept.as_ref().map(Kept::record);
        log.replace(first.into_iter().chain(self.records()))
    }

    /// Starts to serve `resource`, or changes how it is served and keeps its objects.
    pub(crate) fn open_table(&mut self, resource: Arc<Resource>) {
        let id: Arc<str> = resource.id().into();
        if let Some(table) = self.tables.get_mut(&id) {
            table.resource = resource;
            table.served = true;
            return;
        }
        let (wake, _) = watch::channel(self.version);
        let table = Table {
            resource,
            objects: BTreeMap::new(),
            ring: VecDeque::new(),
            floor: 0,
            dropped: 0,
            served: true,
            wake,
        };
        self.tables.insert(id, table);
    }

    /// Stops to serve a resource whose objects are gone already; its watches end.
    pub(crate) fn close_table(&mut self, id: &str) {
        if let Some(table) = self.tables.get_mut(id) {
            table.served = false;
            table.wake.send_replace(self.version);
        }
    }

    pub(crate) fn table(&self, id: &str) -> Answer<&Table> {
        self.tables.get(id).filter(|table| table.served).ok_or_else(Failure::no_such_path)
    }

    /// The table that serves `group` and `plural`.
    pub(crate) fn resource(&self, group: &str, plural: &str) -> Option<&Arc<Resource>> {
        self.table(&qualify(plural, group)).ok().map(|table| &table.resource)
    }

    /// Everything that is served.
    pub(crate) fn resources(&self) -> impl Iterator<Item = &Arc<Resource>> {
        self.tables.values().filter(|table| table.served).map(|table| &table.resource)
    }

    pub(crate) fn find(&self, id: &str, key: &Key) -> Option<&Arc<Stored>> {
        self.tables.get(id)?.objects.get(key)
    }

    /// Stores `object` as the newest version of `key`, whether it was there or not, and tells the watchers.
    pub(crate) fn put(&mut self, id: &str, object: Object) -> Answer<Arc<Stored>> {
        let strategy = self.table(id)?.resource.strategy;
        self.put_frozen(id, Stored::new(strategy, object, self.version + 1))
    }

    /// As [`Self::put`], for an object that was frozen as the next version.
    pub(crate) fn put_frozen(&mut self, id: &str, after: Stored) -> Answer<Arc<Stored>> {
        let (table_id, table) = match self.tables.get_key_value(id) {
            Some((table_id, _)) => (Arc::clone(table_id), self.tables.get_mut(id)),
            None => return Err(Failure::no_such_path()),
        };
        let Some(table) = table else { return Err(Failure::no_such_path()) };
        self.version = after.version;
        let after = Arc::new(after);
        let before = table.objects.insert(after.key.clone(), Arc::clone(&after));
        table.record(
            Change { version: self.version, before: before.clone(), after: Arc::clone(&after), gone: false },
            self.history,
        );
        if let Some(before) = before {
            self.forget(&table_id, &before);
        }
        if self.log.is_some() {
            self.pending.put(id, &after);
        }
        self.remember(&table_id, &after);
        Ok(after)
    }

    /// Takes an object out and tells the watchers. No cascade: that is `gc`.
    pub(crate) fn take(&mut self, id: &str, key: &Key) -> Option<Arc<Stored>> {
        let table_id = Arc::clone(self.tables.get_key_value(id)?.0);
        let table = self.tables.get_mut(id)?;
        let before = table.objects.remove(key)?;
        self.version += 1;
        let after = Arc::new(Stored::new(table.resource.strategy, before.thaw(), self.version));
        let change =
            Change { version: self.version, before: Some(Arc::clone(&before)), after: Arc::clone(&after), gone: true };
        table.record(change, self.history);
        if self.log.is_some() {
            self.pending.gone(id, key, after.version);
        }
        self.forget(&table_id, &before);
        Some(after)
    }

    /// Forgets the history: every list or watch that starts before now is answered with 410.
    pub(crate) fn compact(&mut self) {
        let version = self.version;
        for table in self.tables.values_mut() {
            if let Some(newest) = table.ring.back() {
                table.dropped = newest.version;
            }
            table.ring = VecDeque::new();
            table.floor = version;
            // Watchers that have not read what was dropped must learn of it.
            table.wake.send_replace(version);
        }
    }

    fn remember(&mut self, table_id: &Arc<str>, object: &Stored) {
        let place = (Arc::clone(table_id), object.key.clone());
        for owner in &object.owners {
            self.by_owner.entry(owner.clone()).or_default().insert(place.clone());
        }
        self.by_uid.insert(Arc::clone(&object.uid), place);
    }

    fn forget(&mut self, table_id: &Arc<str>, object: &Stored) {
        self.by_uid.remove(&object.uid);
        if object.owners.is_empty() {
            return;
        }
        let place = (Arc::clone(table_id), object.key.clone());
        for owner in &object.owners {
            if let Some(places) = self.by_owner.get_mut(owner) {
                places.remove(&place);
                if places.is_empty() {
                    self.by_owner.remove(owner);
                }
            }
        }
    }
}

impl Table {
    fn record(&mut self, change: Change, history: usize) {
        let version = change.version;
        while self.ring.len() >= history.max(1) {
            if let Some(dropped) = self.ring.pop_front() {
                self.dropped = dropped.version;
                self.floor = self.floor.max(dropped.version);
            }
        }
        self.ring.push_back(change);
        self.wake.send_replace(version);
    }

    pub(crate) fn subscribe(&self) -> watch::Receiver<u64> {
        self.wake.subscribe()
    }

    pub(crate) fn is_served(&self) -> bool {
        self.served
    }

    /// Whether a request may start at `version`; if not, the oldest version at which it may.
    pub(crate) fn reaches(&self, version: u64) -> Result<(), u64> {
        if version < self.floor { Err(self.floor) } else { Ok(()) }
    }

    /// The changes after `version`, oldest first; an error with the oldest known version if some of them are forgotten.
    pub(crate) fn changes_after(&self, version: u64) -> Result<impl Iterator<Item = &Change>, u64> {
        if version < self.dropped {
            return Err(self.floor);
        }
        let start = self.ring.partition_point(|change| change.version <= version);
        Ok(self.ring.range(start..))
    }

    /// The objects of a namespace (all for ""), from the first key after `after`.
    pub(crate) fn range<'a>(
        &'a self,
        namespace: &'a str,
        after: Option<&Key>,
    ) -> impl Iterator<Item = &'a Arc<Stored>> + use<'a> {
        let first = Key::new(namespace, "");
        let start = match after {
            Some(after) if *after >= first => Bound::Excluded(after.clone()),
            _ => Bound::Included(first),
        };
        self.objects
            .range((start, Bound::Unbounded))
            .map(|(_, object)| object)
            .take_while(move |object| namespace.is_empty() || &*object.key.namespace == namespace)
    }

    /// As [`Self::range`], but as it was at `version`; an error with the oldest known version if that is forgotten.
    pub(crate) fn range_at(&self, version: u64, namespace: &str, after: Option<&Key>) -> Result<Vec<Arc<Stored>>, u64> {
        self.reaches(version)?;
        let mut undone: BTreeMap<&Key, Option<&Arc<Stored>>> = BTreeMap::new();
        for change in self.changes_after(version)? {
            undone.entry(&change.after.key).or_insert(change.before.as_ref());
        }
        if undone.is_empty() {
            return Ok(self.range(namespace, after).cloned().collect());
        }
        let mut found: BTreeMap<&Key, &Arc<Stored>> =
            self.range(namespace, after).map(|object| (&object.key, object)).collect();
        for (key, before) in undone {
            if !(namespace.is_empty() || &*key.namespace == namespace) || after.is_some_and(|after| key <= after) {
                continue;
            }
            match before {
                Some(before) => found.insert(key, before),
                None => found.remove(key),
            };
        }
        Ok(found.into_values().cloned().collect())
    }
}
