//! What goes when something goes: dependents of a deleted owner, the contents of a deleted namespace, the objects of
//! a deleted CustomResourceDefinition, and objects whose last finalizer was taken off.
//!
//! All of it happens in the request that caused it, under the store's lock, so a test never has to wait. The real
//! cluster does the same a moment later; the events that watchers see are the same.

use std::collections::VecDeque;
use std::sync::Arc;

use serde_json::{Value, json};

use crate::clock;
use crate::object::{Key, Stored, map_mut, metadata_mut, references};
use crate::resource::Strategy;
use crate::status::{Answer, qualify};
use crate::store::{Place, State};

/// What becomes of the dependents of a deleted object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Propagation {
    /// They go too. Background and Foreground differ in timing only, and here there is none.
    Cascade,
    /// They stay, without their reference to the owner.
    Orphan,
}

/// What a deletion left behind.
pub(crate) enum Deleted {
    /// The object is gone; this was its last state.
    Gone(Arc<Stored>),
    /// It waits: for its finalizers, or (a namespace) for those of its contents.
    Waiting(Arc<Stored>),
}

/// Objects that may have to go because something else went. A queue, not recursion: a chain of owners may be long.
type Queue = VecDeque<Place>;

impl State {
    /// Deletes an object with everything that depends on it. Nothing is `None`.
    pub(crate) fn delete(&mut self, id: &str, key: &Key, propagation: Propagation) -> Answer<Option<Deleted>> {
        let mut queue = Queue::new();
        let deleted = self.delete_one(id, key, propagation, &mut queue)?;
        self.collect(queue)?;
        Ok(deleted)
    }

    /// After a write: an object that was only waiting for its finalizers goes, and one whose owners are all gone too.
    pub(crate) fn settle(&mut self, id: &str, object: &Stored) -> Answer<()> {
        let mut queue = Queue::new();
        if object.deleting && !object.finalizers {
            let waits =
                self.table(id)?.resource.strategy == Strategy::Namespace && !self.is_empty_namespace(&object.key.name);
            if !waits {
                self.remove(id, &object.key, &mut queue)?;
            }
        } else if !object.owners.is_empty() && !object.deleting && !self.has_owner(object) {
            self.delete_one(id, &object.key, Propagation::Cascade, &mut queue)?;
        }
        self.collect(queue)
    }

    fn collect(&mut self, mut queue: Queue) -> Answer<()> {
        while let Some((id, key)) = queue.pop_front() {
            let orphaned = self.find(&id, &key).is_some_and(|object| !object.deleting && !self.has_owner(object));
            if orphaned {
                self.delete_one(&id, &key, Propagation::Cascade, &mut queue)?;
            }
        }
        Ok(())
    }

    fn delete_one(
        &mut self,
        id: &str,
        key: &Key,
        propagation: Propagation,
        queue: &mut Queue,
    ) -> Answer<Option<Deleted>> {
        let Some(object) = self.find(id, key).cloned() else { return Ok(None) };
        if propagation == Propagation::Orphan {
            self.orphan_dependents(&object.uid)?;
        }
        if self.table(id)?.resource.strategy == Strategy::Namespace {
            let marked = self.mark(id, &object, |object| {
                map_mut(object, "status").insert("phase".into(), json!("Terminating"));
            })?;
            self.empty_namespace(&key.name, queue)?;
            if !marked.finalizers && self.is_empty_namespace(&key.name) {
                self.remove(id, key, queue)?;
            }
            // As the real one, which answers before the namespace is gone: with the terminating object.
            return Ok(Some(Deleted::Waiting(marked)));
        }
        if object.finalizers {
            return Ok(Some(Deleted::Waiting(self.mark(id, &object, |_| ())?)));
        }
        Ok(self.remove(id, key, queue)?.map(Deleted::Gone))
    }

    /// Whether any owner of `object` exists where `object` may refer to it.
    fn has_owner(&self, object: &Stored) -> bool {
        object.owners.iter().any(|owner| {
            self.by_uid
                .get(&**owner)
                .is_some_and(|(_, key)| key.namespace.is_empty() || key.namespace == object.key.namespace)
        })
    }

    /// Takes an object out, and queues what only it held.
    fn remove(&mut self, id: &str, key: &Key, queue: &mut Queue) -> Answer<Option<Arc<Stored>>> {
        if self.table(id)?.resource.strategy == Strategy::Definition {
            self.unserve(key, queue)?;
        }
        let Some(last) = self.take(id, key) else { return Ok(None) };
        for (table, dependent) in self.dependents(&last.uid) {
            let Some(dependent) = self.find(&table, &dependent).cloned() else { continue };
            if self.has_owner(&dependent) {
                self.drop_reference(&table, &dependent, &last.uid)?;
            } else {
                queue.push_back((table, dependent.key.clone()));
            }
        }
        self.finish_namespace(&key.namespace, queue)?;
        Ok(Some(last))
    }

    /// Sets the deletion timestamp, once.
    fn mark(
        &mut self,
        id: &str,
        object: &Arc<Stored>,
        change: impl FnOnce(&mut crate::object::Object),
    ) -> Answer<Arc<Stored>> {
        if object.deleting {
            return Ok(Arc::clone(object));
        }
        let mut marked = object.thaw();
        let metadata = metadata_mut(&mut marked);
        metadata.insert("deletionTimestamp".into(), Value::String(clock::now()));
        if id != "namespaces" {
            metadata.insert("deletionGracePeriodSeconds".into(), json!(0));
        }
        if let Some(generation) = metadata.get("generation").and_then(Value::as_u64) {
            metadata.insert("generation".into(), json!(generation + 1));
        }
        change(&mut marked);
        self.put(id, marked)
    }

    fn dependents(&self, uid: &str) -> Vec<Place> {
        let mut places: Vec<Place> = self.by_owner.get(uid).into_iter().flatten().cloned().collect();
        places.sort();
        places
    }

    fn orphan_dependents(&mut self, uid: &str) -> Answer<()> {
        for (table, key) in self.dependents(uid) {
            if let Some(dependent) = self.find(&table, &key).cloned() {
                self.drop_reference(&table, &dependent, uid)?;
            }
        }
        Ok(())
    }

    fn drop_reference(&mut self, id: &str, dependent: &Stored, uid: &str) -> Answer<()> {
        let mut object = dependent.thaw();
        let metadata = metadata_mut(&mut object);
        let kept: Vec<Value> = references(metadata)
            .filter(|owner| owner.get("uid").and_then(Value::as_str) != Some(uid))
            .map(|owner| Value::Object(owner.clone()))
            .collect();
        if kept.is_empty() {
            metadata.remove("ownerReferences");
        } else {
            metadata.insert("ownerReferences".into(), Value::Array(kept));
        }
        self.put(id, object).map(drop)
    }

    fn empty_namespace(&mut self, namespace: &str, queue: &mut Queue) -> Answer<()> {
        let contents: Vec<Place> = self
            .tables
            .iter()
            .filter(|(_, table)| table.resource.namespaced)
            .flat_map(|(id, table)| table.range(namespace, None).map(|object| (Arc::clone(id), object.key.clone())))
            .collect();
        for (id, key) in contents {
            // May be gone already, with an owner.
            self.delete_one(&id, &key, Propagation::Cascade, queue)?;
        }
        Ok(())
    }

    fn is_empty_namespace(&self, namespace: &str) -> bool {
        self.tables
            .values()
            .filter(|table| table.resource.namespaced)
            .all(|table| table.range(namespace, None).next().is_none())
    }

    /// Removes a terminating namespace once its last object is gone.
    fn finish_namespace(&mut self, namespace: &str, queue: &mut Queue) -> Answer<()> {
        if namespace.is_empty() {
            return Ok(());
        }
        let key = Key::new("", namespace);
        let finished = self
            .find("namespaces", &key)
            .is_some_and(|object| object.deleting && !object.finalizers && self.is_empty_namespace(namespace));
        if finished {
            self.remove("namespaces", &key, queue)?;
        }
        Ok(())
    }

    /// Removes all objects of a CustomResourceDefinition and stops to serve it. Their finalizers do not hold it up.
    fn unserve(&mut self, definition: &Key, queue: &mut Queue) -> Answer<()> {
        let Some((plural, group)) = definition.name.split_once('.') else { return Ok(()) };
        let id = qualify(plural, group);
        let Ok(table) = self.table(&id) else { return Ok(()) };
        let keys: Vec<Key> = table.objects.keys().cloned().collect();
        for key in keys {
            self.remove(&id, &key, queue)?;
        }
        self.close_table(&id);
        Ok(())
    }
}
