//! Who manages which field, and server-side apply.
//!
//! Every write is recorded in `metadata.managedFields`: a create, update or patch takes over the fields that it changes
//! (`record`); an apply states the fields that it wants, meets conflicts where others manage them, and gives up those that
//! it no longer states (`apply`). `fields` are sets of fields, `walk` relates them to values by a schema, `managers` is the
//! list in the metadata.

mod fields;
mod managers;
mod walk;

use serde_json::{Value, json};

use crate::object::{Object, metadata, metadata_mut};
use crate::schema::Schema;
use crate::status::{Answer, Failure};

use fields::{Fields, Step};
use managers::{Manager, Managers};

/// Fields that nobody manages: they are the server's, or say which object it is.
const NOBODYS: &[&[&str]] = &[
    &["apiVersion"],
    &["kind"],
    &["metadata"],
    &["metadata", "name"],
    &["metadata", "namespace"],
    &["metadata", "creationTimestamp"],
    &["metadata", "deletionTimestamp"],
    &["metadata", "deletionGracePeriodSeconds"],
    &["metadata", "selfLink"],
    &["metadata", "uid"],
    &["metadata", "generation"],
    &["metadata", "managedFields"],
    &["metadata", "resourceVersion"],
];

/// A write, as far as managers care.
pub(crate) struct Writer<'a> {
    pub(crate) manager: &'a str,
    pub(crate) api_version: String,
    /// The write is one of the status.
    pub(crate) status: bool,
    /// Parts of the object that this write does not reach.
    pub(crate) beyond: &'a [&'a str],
    pub(crate) schema: Option<&'a Schema>,
    pub(crate) now: String,
}

impl Writer<'_> {
    fn manager(&self, applies: bool) -> Manager {
        Manager {
            applies,
            name: self.manager.to_owned(),
            api_version: self.api_version.clone(),
            subresource: if self.status { "status".to_owned() } else { String::new() },
        }
    }

    /// Of `fields`, those that this write can manage.
    fn manageable(&self, fields: &Fields) -> Fields {
        let mut strip = Fields::default();
        for path in NOBODYS {
            strip.insert(&path.iter().map(|step| Step::Field((*step).to_owned())).collect::<Vec<_>>());
        }
        let mut fields = fields.without(&strip);
        fields.children.retain(|step, _| match step {
            Step::Field(name) if self.status => name == "status",
            Step::Field(name) => !self.beyond.contains(&name.as_str()),
            _ => true,
        });
        fields
    }
}

/// Records in `object` what a create, update or patch changed; without `before`, all of it. `reset` forgets everybody.
pub(crate) fn record(writer: &Writer<'_>, before: Option<&Object>, object: &mut Object, reset: bool) {
    let known = before.and_then(metadata).and_then(|metadata| metadata.get("managedFields"));
    let mut managers = Managers::read(known.filter(|_| !reset));
    let old = bare(before.cloned().unwrap_or_default());
    let difference = walk::compare(writer.schema, &old, &bare(object.clone()));
    let manager = writer.manager(false);
    let mut gone = difference.changed.clone();
    gone.union(&difference.removed);
    managers.take_away(&manager, &gone);
    if !reset {
        let mut fields = managers.get(&manager).cloned().unwrap_or_default().without(&difference.removed);
        fields.union(&writer.manageable(&difference.changed));
        managers.set(&manager, fields, &writer.now);
        managers.cap();
    }
    write(&managers, object);
}

/// What `config` makes of `live`, with the managers of the result. A conflict with other managers is a failure, unless
/// `force` takes their fields over.
pub(crate) fn apply(writer: &Writer<'_>, live: Option<&Object>, config: &Object, force: bool) -> Answer<Object> {
    let manager = writer.manager(true);
    let all_stated = walk::fields_of(writer.schema, &bare(config.clone()));
    let stated = writer.manageable(&all_stated);
    let Some(live) = live else {
        let mut managers = Managers::default();
        managers.set(&manager, stated, &writer.now);
        let mut object = config.clone();
        write(&managers, &mut object);
        return Ok(object);
    };
    let mut managers = Managers::read(metadata(live).and_then(|metadata| metadata.get("managedFields")));
    if managers.0.is_empty() {
        managers = before_first_apply(writer, live);
    }
    let (live, config) = (bare(live.clone()), bare(config.clone()));
    let last = managers.get(&manager).cloned().unwrap_or_default();
    managers.set(&manager, stated, &writer.now);
    let merged = walk::merge(writer.schema, &live, &config);
    let merged = given_up(writer.schema, &merged, &last, &all_stated, &managers);

    let difference = walk::compare(writer.schema, &live, &merged);
    let others = managers.0.iter().filter(|entry| entry.manager != manager);
    let conflicts: Vec<(&Manager, Fields)> = others
        .map(|entry| (&entry.manager, entry.fields.common(&difference.changed)))
        .filter(|(_, fields)| !fields.is_empty())
        .collect();
    if !conflicts.is_empty() && !force {
        return Err(conflict(&conflicts));
    }
    let mut gone = difference.changed.clone();
    gone.union(&difference.removed);
    managers.take_away(&manager, &gone);
    let Value::Object(mut object) = merged else {
        return Err(Failure::bad_request("the configuration must be an object"));
    };
    write(&managers, &mut object);
    Ok(object)
}

/// `merged` without what its manager stated the last time, states no longer, and nobody else manages.
fn given_up(schema: Option<&Schema>, merged: &Value, last: &Fields, stated: &Fields, managers: &Managers) -> Value {
    if last.is_empty() {
        return merged.clone();
    }
    let last = last.with_named(schema);
    let all = walk::fields_of(schema, merged).with_named(schema);
    let left = walk::fields_of(schema, &walk::without(schema, merged, &last)).with_named(schema);
    let mut managed = left;
    managed.union(&stated.with_named(schema));
    for entry in &managers.0 {
        managed.union(&entry.fields.with_named(schema));
    }
    let kept = walk::without(schema, merged, &all.without(&managed));
    let kept = walk::fields_of(schema, &kept).with_named(schema);
    walk::without(schema, merged, &all.without(&kept).common(&last))
}

/// Everything in an object that nobody manages is somebody's from before: so that it can be in conflict.
fn before_first_apply(writer: &Writer<'_>, live: &Object) -> Managers {
    let first = Writer {
        manager: "before-first-apply",
        api_version: writer.api_version.clone(),
        now: writer.now.clone(),
        ..*writer
    };
    let mut object = live.clone();
    record(&first, None, &mut object, false);
    Managers::read(metadata(&object).and_then(|metadata| metadata.get("managedFields")))
}

/// The object as it is compared: without who manages it.
fn bare(mut object: Object) -> Value {
    object.remove("apiVersion");
    object.remove("kind");
    if let Some(Value::Object(metadata)) = object.get_mut("metadata") {
        metadata.remove("managedFields");
    }
    Value::Object(object)
}

fn write(managers: &Managers, object: &mut Object) {
    let metadata = metadata_mut(object);
    match managers.to_value() {
        Some(list) => metadata.insert("managedFields".into(), list),
        None => metadata.remove("managedFields"),
    };
}

fn conflict(conflicts: &[(&Manager, Fields)]) -> Failure {
    let mut all: Vec<(String, String)> = conflicts
        .iter()
        .flat_map(|(manager, fields)| fields.paths().into_iter().map(|path| (manager.shown(), path)))
        .collect();
    all.sort();
    let message = match all.as_slice() {
        [(manager, path)] => format!("Apply failed with 1 conflict: conflict with {manager}: {path}"),
        many => {
            let mut lines = Vec::new();
            for (index, (manager, path)) in many.iter().enumerate() {
                if index == 0 || many[index - 1].0 != *manager {
                    lines.push(format!("conflicts with {manager}:"));
                }
                lines.push(format!("- {path}"));
            }
            format!("Apply failed with {} conflicts: {}", many.len(), lines.join("\n"))
        }
    };
    let causes: Vec<Value> = all
        .iter()
        .map(|(manager, path)| {
            json!({ "reason": "FieldManagerConflict", "message": format!("conflict with {manager}"), "field": path })
        })
        .collect();
    let mut failure = Failure::new(409, "Conflict", message);
    failure.details = Some(json!({ "causes": causes }));
    failure
}
