//! Create, read, update, delete: one object at a time. All functions work on the locked state, so each is atomic.

use std::sync::Arc;

use serde_json::{Map, Value, json};

use crate::apply;

use crate::clock;
use crate::crd;
use crate::gc::{Deleted, Propagation};
use crate::object::{Key, Object, Stored, map_mut, metadata, metadata_mut, metadata_text};
use crate::request::Target;
use crate::resource::{Resource, Strategy};
use crate::schema::Schema;
use crate::status::{About, Answer, Failure, FieldError};
use crate::store::State;
use crate::validate;
use crate::write::Write;

/// The largest object that etcd would take.
const MAX_OBJECT: usize = 3 << 19;
/// Deeper objects are refused: readers of lists and events have limits of their own (serde_json's is 128).
const MAX_DEPTH: usize = 100;
/// Fields of metadata that only the server writes.
const SERVER_FIELDS: &[&str] =
    &["uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "generation", "generateName"];

/// What a deletion asks for.
#[derive(Debug, Default)]
pub(crate) struct DeleteOptions {
    pub(crate) uid: Option<String>,
    pub(crate) version: Option<String>,
    pub(crate) orphan: bool,
    pub(crate) dry_run: bool,
}

pub(crate) fn get(state: &State, target: &Target) -> Answer<Arc<Stored>> {
    state.find(&target.id(), &target.key()).cloned().ok_or_else(|| Failure::not_found(target.about()))
}

pub(crate) fn create(state: &mut State, target: &Target, mut object: Object, write: &mut Write) -> Answer<Arc<Stored>> {
    normalise(target, &mut object, write)?;
    make(state, target, object, write)
}

/// Makes an object of a body in shape.
fn make(state: &mut State, target: &Target, mut object: Object, write: &Write) -> Answer<Arc<Stored>> {
    let resource = &*target.resource;
    if metadata_text(&object, "name").is_empty() && !metadata_text(&object, "generateName").is_empty() {
        let generated = format!("{}{}", metadata_text(&object, "generateName"), clock::suffix()?);
        metadata_mut(&mut object).insert("name".into(), Value::String(generated));
    }
    if !metadata_text(&object, "resourceVersion").is_empty() {
        return Err(Failure::new(500, "", "resourceVersion should not be set on objects to be created"));
    }
    let name = metadata_text(&object, "name").to_owned();
    if resource.namespaced {
        writable_namespace(state, target, &name)?;
    }
    let metadata = metadata_mut(&mut object);
    for field in SERVER_FIELDS.iter().filter(|field| **field != "generateName") {
        metadata.remove(*field);
    }
    metadata.insert("uid".into(), Value::String(clock::uid()?));
    metadata.insert("creationTimestamp".into(), Value::String(clock::now()));
    if resource.counts_generations() {
        metadata.insert("generation".into(), json!(1));
    }
    prepare_create(resource, &name, &mut object);
    check(state, target, &name, &mut object, None, write)?;
    if state.find(&target.id(), &Key::new(&target.namespace, &name)).is_some() {
        return Err(Failure::already_exists(resource.about(&name)));
    }
    if write.apply.is_none() {
        apply::record(&writer(target, write), None, &mut object, write.reset_managers);
    }
    store(state, target, object, None, write.dry_run)
}

/// Replaces an object, or (when the target is `/status`) its status.
pub(crate) fn update(state: &mut State, target: &Target, mut object: Object, write: &mut Write) -> Answer<Arc<Stored>> {
    normalise(target, &mut object, write)?;
    let old = get(state, target)?;
    replace(state, target, &old, object, write)
}

/// Applies a configuration: makes the object if it is not there. The flag says whether it was made.
pub(crate) fn apply(
    state: &mut State,
    target: &Target,
    config: Object,
    write: &mut Write,
) -> Answer<(Arc<Stored>, bool)> {
    let config = configuration(target, config, write)?;
    let force = write.apply.is_some_and(|apply| apply.force);
    let old = state.find(&target.id(), &target.key()).cloned();
    let before = old.as_ref().map(|old| old.thaw());
    let writer = writer(target, write);
    let mut object = apply::apply(&writer, before.as_ref(), &config, force)?;
    let managed = metadata_mut(&mut object).remove("managedFields");
    object.insert("apiVersion".into(), Value::String(target.api_version()));
    object.insert("kind".into(), Value::String(target.resource.kind.clone()));
    normalise(target, &mut object, write)?;
    if let Some(managed) = managed {
        metadata_mut(&mut object).insert("managedFields".into(), managed);
    }
    match old {
        Some(old) => Ok((replace(state, target, &old, object, write)?, false)),
        None if target.status => Err(Failure::not_found(target.about())),
        None => Ok((make(state, target, object, write)?, true)),
    }
}

/// A configuration that is to be applied, checked, with no more in it than its author stated.
fn configuration(target: &Target, mut config: Object, write: &mut Write) -> Answer<Object> {
    let resource = &*target.resource;
    let text = |name: &str| config.get(name).and_then(Value::as_str).unwrap_or_default();
    if text("apiVersion").is_empty() || text("kind").is_empty() {
        let message = format!("invalid object type: {}, Kind={}", text("apiVersion"), text("kind"));
        return Err(Failure::bad_request(message));
    }
    if metadata(&config).is_some_and(|metadata| metadata.contains_key("managedFields")) {
        return Err(Failure::bad_request("metadata.managedFields must be nil"));
    }
    let name = metadata_text(&config, "name");
    if !name.is_empty() && name != target.name {
        return Err(misnamed(name, target));
    }
    let mut whole = config.clone();
    normalise(target, &mut whole, write)?;
    if let Some(unknown) = write.unknown.first() {
        return Err(Failure::new(
            500,
            "",
            format!(
                "failed to create typed patch object ({}/{}; {}, Kind={}): .{unknown}: field not declared in schema",
                target.namespace,
                target.name,
                target.api_version(),
                resource.kind
            ),
        ));
    }
    // Of built-in kinds, data are in their canonical form now; what was filled in is nobody's statement.
    if resource.strategy != Strategy::Custom {
        let stated = config.contains_key("stringData");
        whole.retain(|field, _| config.contains_key(field) || (stated && field == "data"));
        config = whole;
    } else if let Some(metadata) = whole.remove("metadata") {
        config.insert("metadata".into(), metadata);
    }
    metadata_mut(&mut config).insert("name".into(), Value::String(target.name.clone()));
    Ok(config)
}

fn misnamed(name: &str, target: &Target) -> Failure {
    Failure::bad_request(format!(
        "the name of the object ({name}) does not match the name on the URL ({})",
        target.name
    ))
}

fn writer<'a>(target: &'a Target, write: &'a Write) -> apply::Writer<'a> {
    let resource = &*target.resource;
    let beyond: &[&str] = match resource.strategy {
        Strategy::Namespace => &["spec", "status"],
        Strategy::Pod | Strategy::Service => &["status"],
        _ if resource.splits_status() => &["status"],
        _ => &[],
    };
    apply::Writer {
        manager: &write.manager,
        api_version: target.api_version(),
        status: target.status,
        beyond,
        schema: resource.served_version(&target.version).map(|version| &*version.merging),
        now: clock::now(),
    }
}

/// Puts what a patch made of `old` in its place.
pub(crate) fn update_patched(
    state: &mut State,
    target: &Target,
    old: &Arc<Stored>,
    mut object: Object,
    write: &mut Write,
) -> Answer<Arc<Stored>> {
    normalise(target, &mut object, write)?;
    replace(state, target, old, object, write)
}

fn replace(
    state: &mut State,
    target: &Target,
    old: &Arc<Stored>,
    mut object: Object,
    write: &Write,
) -> Answer<Arc<Stored>> {
    let resource = &*target.resource;
    let name = metadata_text(&object, "name");
    if name.is_empty() && !write.patch {
        return Err(Failure::bad_request(format!(
            "the name of the object ({} based on URL) was undeterminable: name must be provided",
            target.name
        )));
    }
    if name != target.name {
        return Err(misnamed(name, target));
    }
    let uid = metadata_text(&object, "uid");
    if !uid.is_empty() && uid != &*old.uid {
        let group = if resource.group.is_empty() { String::new() } else { format!("{}/", resource.group) };
        let namespace = if resource.namespaced { format!("{}/", target.namespace) } else { String::new() };
        let why = format!(
            "StorageError: invalid object, Code: 4, Key: /registry/{group}{}/{namespace}{}, ResourceVersion: 0, \
             AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: {}",
            resource.plural, target.name, old.uid
        );
        return Err(Failure::conflict(target.about(), &why));
    }
    match metadata_text(&object, "resourceVersion") {
        "" if matches!(resource.strategy, Strategy::Custom | Strategy::Definition) => {
            let wrong = FieldError::invalid_plain("metadata.resourceVersion", "0: must be specified for an update");
            // The real one names the resource here, not the kind.
            let about = About { kind: &resource.plural, ..target.about() };
            return Err(Failure::invalid(about, vec![wrong]));
        }
        "" => (),
        version if version != old.version.to_string() => return Err(Failure::modified(target.about())),
        _ => (),
    }
    let before = old.thaw();
    let managed = metadata_mut(&mut object).remove("managedFields");
    object = if target.status { with_status(&before, object) } else { with_server_fields(resource, &before, object) };
    if old.deleting {
        no_new_finalizers(target, &before, &object)?;
    }
    check(state, target, &target.name, &mut object, Some(&before), write)?;
    if resource.counts_generations() && specification(resource, &object) != specification(resource, &before) {
        let generation = metadata(&before).and_then(|metadata| metadata.get("generation")).and_then(Value::as_u64);
        metadata_mut(&mut object).insert("generation".into(), json!(generation.unwrap_or(0) + 1));
    }
    match managed.filter(|_| write.apply.is_some()) {
        Some(managed) => drop(metadata_mut(&mut object).insert("managedFields".into(), managed)),
        None => apply::record(&writer(target, write), Some(&before), &mut object, write.reset_managers),
    }
    object.remove("apiVersion");
    object.remove("kind");
    metadata_mut(&mut object).insert("resourceVersion".into(), Value::String(old.version.to_string()));
    // A write that changes nothing is no write: the version stays, and nobody is told.
    if object == before {
        return Ok(Arc::clone(old));
    }
    store(state, target, object, Some(old), write.dry_run)
}

pub(crate) fn delete(state: &mut State, target: &Target, options: &DeleteOptions) -> Answer<Deleted> {
    let old = get(state, target)?;
    // Preconditions are told of the kind, not of the resource.
    let about = About { plural: &target.resource.kind, ..target.about() };
    if let Some(uid) = options.uid.as_deref().filter(|uid| **uid != *old.uid) {
        let why = format!(
            "the UID in the precondition ({uid}) does not match the UID in record ({}). \
             The object might have been deleted and then recreated",
            old.uid
        );
        return Err(Failure::conflict(about, &why));
    }
    if let Some(version) = options.version.as_deref().filter(|version| **version != old.version.to_string()) {
        let why = format!(
            "the ResourceVersion in the precondition ({version}) does not match the ResourceVersion in record ({}). \
             The object might have been modified",
            old.version
        );
        return Err(Failure::conflict(about, &why));
    }
    if target.resource.strategy == Strategy::Namespace
        && matches!(target.name.as_str(), "default" | "kube-system" | "kube-public")
    {
        return Err(Failure::forbidden(target.about(), "this namespace may not be deleted"));
    }
    if options.dry_run {
        return Ok(Deleted::Gone(old));
    }
    let propagation = if options.orphan { Propagation::Orphan } else { Propagation::Cascade };
    state.delete(&target.id(), &target.key(), propagation)?.ok_or_else(|| Failure::not_found(target.about()))
}

/// Stores a checked object, and lets follow what follows from it.
fn store(
    state: &mut State,
    target: &Target,
    mut object: Object,
    old: Option<&Arc<Stored>>,
    dry_run: bool,
) -> Answer<Arc<Stored>> {
    let resource = &*target.resource;
    if dry_run {
        let version = old.map_or(0, |old| old.version);
        if version == 0 {
            metadata_mut(&mut object).remove("resourceVersion");
        }
        return Ok(Arc::new(Stored::new(resource.strategy, object, version)));
    }
    let frozen = Stored::new(resource.strategy, object, state.version + 1);
    if frozen.size() > MAX_OBJECT {
        return Err(Failure::new(500, "InternalError", "etcdserver: request is too large"));
    }
    let definition = (resource.strategy == Strategy::Definition).then(|| crd::resource(&frozen.thaw())).flatten();
    let stored = state.put_frozen(&target.id(), frozen)?;
    if let Some(resource) = definition {
        state.open_table(Arc::new(resource));
    }
    state.settle(&target.id(), &stored)?;
    Ok(stored)
}

/// Brings a decoded body into shape: type, metadata, namespace, and the types of the fields that matter.
fn normalise(target: &Target, object: &mut Object, write: &mut Write) -> Answer<()> {
    let resource = &*target.resource;
    let wanted = [("kind", resource.kind.clone()), ("apiVersion", target.api_version())];
    for (field, wanted) in wanted {
        match object.get(field).map(|value| value.as_str().unwrap_or_default()) {
            None | Some("") if resource.strategy == Strategy::Custom => {
                return Err(Failure::bad_request(format!("Object '{field}' is missing in the body")));
            }
            None | Some("") => drop(object.insert(field.into(), Value::String(wanted))),
            Some(found) if found == wanted => (),
            Some(found) if field == "kind" => {
                return Err(Failure::bad_request(format!(
                    "{found} in version {:?} cannot be handled as a {wanted}: converting ({found}) to ({wanted}): unknown conversion",
                    target.version
                )));
            }
            Some(found) => {
                return Err(Failure::bad_request(format!(
                    "the API version in the data ({found}) does not match the expected API version ({wanted})"
                )));
            }
        }
    }
    if let Some(Value::Array(managers)) = metadata(object).and_then(|metadata| metadata.get("managedFields")) {
        // As the real one: a list with nothing in it, or with one empty entry, starts over.
        write.reset_managers = managers.iter().all(|entry| entry.as_object().is_some_and(Map::is_empty));
    }
    validate::metadata::normalise(resource, &target.version, object, &mut write.unknown)?;
    let namespace = metadata_text(object, "namespace");
    if resource.namespaced {
        if namespace.is_empty() {
            metadata_mut(object).insert("namespace".into(), Value::String(target.namespace.clone()));
        } else if namespace != target.namespace {
            return Err(Failure::bad_request(
                "the namespace of the provided object does not match the namespace sent on the request",
            ));
        }
    } else {
        metadata_mut(object).remove("namespace");
    }
    if depth(object) > MAX_DEPTH {
        return Err(Failure::bad_request(format!("the object is nested deeper than {MAX_DEPTH} levels")));
    }
    match resource.strategy {
        Strategy::Secret => validate::secret::normalise_secret(object, &mut write.unknown)?,
        Strategy::ConfigMap => validate::secret::normalise_config_map(object, &mut write.unknown)?,
        Strategy::Lease => validate::lease::normalise(object, &mut write.unknown)?,
        Strategy::Event => {
            // As Go writes them: always there.
            for field in ["reportingComponent", "reportingInstance"] {
                object.entry(field).or_insert_with(|| json!(""));
            }
            object.entry("eventTime").or_insert(Value::Null);
        }
        _ => {
            if let Some(schema) = schema(target).filter(|_| !write.unchecked) {
                schema.prune_object(object, &mut write.unknown);
                schema.fill_object(object);
            }
        }
    }
    write.judge(&resource.kind, &target.version, resource.strategy == Strategy::Custom)
}

fn schema(target: &Target) -> Option<&Schema> {
    target.resource.served_version(&target.version)?.schema.as_deref()
}

/// Fills in what the server fills in when an object is made.
fn prepare_create(resource: &Resource, name: &str, object: &mut Object) {
    if resource.splits_status() {
        object.remove("status");
    }
    match resource.strategy {
        Strategy::Namespace => {
            map_mut(metadata_mut(object), "labels")
                .insert("kubernetes.io/metadata.name".into(), Value::String(name.to_owned()));
            object.insert("spec".into(), json!({ "finalizers": ["kubernetes"] }));
            object.insert("status".into(), json!({ "phase": "Active" }));
        }
        Strategy::Pod => drop(object.insert("status".into(), json!({ "phase": "Pending" }))),
        Strategy::Service => drop(object.insert("status".into(), json!({ "loadBalancer": {} }))),
        _ => (),
    }
}

/// All checks of a complete object, against its predecessor if there is one.
fn check(
    state: &State,
    target: &Target,
    name: &str,
    object: &mut Object,
    before: Option<&Object>,
    write: &Write,
) -> Answer<()> {
    let resource = &*target.resource;
    let mut errors = metadata(object).map(|metadata| validate::metadata::check(resource, metadata)).unwrap_or_default();
    match resource.strategy {
        Strategy::Secret => errors.extend(validate::secret::check_secret(object)),
        Strategy::ConfigMap => errors.extend(validate::secret::check_config_map(object)),
        Strategy::Lease => errors.extend(validate::lease::check(object)),
        Strategy::Event if before.is_none() => errors.extend(check_event(object)),
        Strategy::Definition => errors.extend(crd::complete(state, object, before)),
        _ => (),
    }
    if let Some(schema) = schema(target).filter(|_| !write.unchecked) {
        errors.extend(match before {
            Some(before) if target.status => schema.check_status(object, before),
            _ => schema.check_object(object, before),
        });
    }
    if let Some(before) = before
        && matches!(resource.strategy, Strategy::Secret | Strategy::ConfigMap)
    {
        errors.extend(validate::secret::check_change(object, before));
    }
    if !errors.is_empty() {
        return Err(Failure::invalid(resource.about(name), errors));
    }
    Ok(())
}

fn check_event(event: &Object) -> Option<FieldError> {
    let namespace = metadata_text(event, "namespace");
    let involved = event.get("involvedObject").and_then(|involved| involved.get("namespace"));
    let involved = involved.and_then(Value::as_str).unwrap_or_default();
    let agrees = if involved.is_empty() { namespace == "default" } else { involved == namespace };
    (!agrees).then(|| FieldError::invalid("involvedObject.namespace", involved, "does not match event.namespace"))
}

fn writable_namespace(state: &State, target: &Target, name: &str) -> Answer<()> {
    let namespace = &target.namespace;
    match state.find("namespaces", &Key::new("", namespace)) {
        None => {
            let about = crate::status::About { group: "", plural: "namespaces", kind: "Namespace", name: namespace };
            Err(Failure::not_found(about))
        }
        Some(found) if found.deleting => {
            let why = format!("unable to create new content in namespace {namespace} because it is being terminated");
            let mut failure = Failure::forbidden(target.resource.about(name), &why);
            if let Some(details) = &mut failure.details {
                details["causes"] = json!([{
                    "reason": "NamespaceTerminating",
                    "message": format!("namespace {namespace} is being terminated"),
                    "field": "metadata.namespace",
                }]);
            }
            Err(failure)
        }
        Some(_) => Ok(()),
    }
}

/// `before` with the status of `object`.
fn with_status(before: &Object, mut object: Object) -> Object {
    let mut merged = before.clone();
    match object.remove("status") {
        Some(status) if !status.is_null() => drop(merged.insert("status".into(), status)),
        _ => drop(merged.remove("status")),
    }
    merged
}

/// `object` with everything that a client cannot change taken from `before`.
fn with_server_fields(resource: &Resource, before: &Object, mut object: Object) -> Object {
    let kept = metadata(before);
    let metadata = metadata_mut(&mut object);
    for field in SERVER_FIELDS {
        match kept.and_then(|kept| kept.get(*field)) {
            Some(value) => metadata.insert((*field).into(), value.clone()),
            None => metadata.remove(*field),
        };
    }
    if resource.splits_status() {
        match before.get("status") {
            Some(status) => object.insert("status".into(), status.clone()),
            None => object.remove("status"),
        };
    }
    if resource.strategy == Strategy::Namespace
        && let Some(spec) = before.get("spec")
    {
        object.insert("spec".into(), spec.clone());
    }
    object
}

/// What `generation` counts the changes of: all but metadata, and but status where that is written on its own.
fn specification<'a>(resource: &Resource, object: &'a Object) -> Vec<(&'a String, &'a Value)> {
    let skipped: &[&str] = if resource.splits_status() {
        &["apiVersion", "kind", "metadata", "status"]
    } else {
        &["apiVersion", "kind", "metadata"]
    };
    object.iter().filter(|(name, _)| !skipped.contains(&name.as_str())).collect()
}

fn no_new_finalizers(target: &Target, before: &Object, object: &Object) -> Answer<()> {
    let of = |object: &Object| -> Vec<String> {
        let list = metadata(object).and_then(|metadata| metadata.get("finalizers")).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    let old = of(before);
    let added: Vec<String> = of(object).into_iter().filter(|finalizer| !old.contains(finalizer)).collect();
    if added.is_empty() {
        return Ok(());
    }
    let why = format!(
        "no new finalizers can be added if the object is being deleted, found new finalizers []string{{{:?}}}",
        added.join(", ")
    );
    // Twice, as the real one: two of its checks find it.
    let wrong = || FieldError::forbidden("metadata.finalizers", &why);
    Err(Failure::invalid(target.about(), vec![wrong(), wrong()]))
}

fn depth(object: &Object) -> usize {
    // Bodies come out of serde_json, and patches keep to a depth of their own: this recursion is bounded.
    fn of(value: &Value) -> usize {
        match value {
            Value::Object(map) => 1 + map.values().map(of).max().unwrap_or(0),
            Value::Array(list) => 1 + list.iter().map(of).max().unwrap_or(0),
            _ => 0,
        }
    }
    1 + object.values().map(of).max().unwrap_or(0)
}
