//! Values and sets of fields, by schema: which fields a value has, how two values differ, what one laid over another
//! makes, and a value without some of its fields.
//!
//! What no schema speaks of is taken as it looks: objects field by field, lists as a whole.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::fields::{Fields, Step};
use crate::schema::{ListType, Schema};

/// How a value is shared between writers.
enum Shared<'a> {
    /// As a whole.
    Whole,
    Fields(&'a Map<String, Value>),
    Elements(Vec<(Step, &'a Value)>),
}

fn shared<'a>(schema: Option<&Schema>, value: &'a Value) -> Shared<'a> {
    match value {
        Value::Object(map) if !schema.is_some_and(|schema| schema.atomic) => Shared::Fields(map),
        Value::Array(list) => match schema.map(|schema| &schema.list_type) {
            None | Some(ListType::Atomic) => Shared::Whole,
            Some(kind) => elements(kind, list).map_or(Shared::Whole, Shared::Elements),
        },
        _ => Shared::Whole,
    }
}

/// The elements with the steps that lead to them; `None` if two have the same, or one has none.
fn elements<'a>(kind: &ListType, list: &'a [Value]) -> Option<Vec<(Step, &'a Value)>> {
    let mut seen = BTreeMap::new();
    let mut elements = Vec::with_capacity(list.len());
    for item in list {
        let step = match kind {
            ListType::Set => Step::Value(item.to_string()),
            ListType::Map(keys) => {
                let found = keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
                let found: Map<String, Value> = found.collect();
                if found.is_empty() {
                    return None;
                }
                Step::Key(Value::Object(found).to_string())
            }
            ListType::Atomic => return None,
        };
        if seen.insert(step.clone(), ()).is_some() {
            return None;
        }
        elements.push((step, item));
    }
    Some(elements)
}

fn below<'a>(schema: Option<&'a Schema>, step: &Step) -> Option<&'a Schema> {
    match step {
        Step::Field(name) => schema?.field(name),
        _ => schema?.items.as_deref(),
    }
}

/// The fields of a value that somebody states.
pub(super) fn fields_of(schema: Option<&Schema>, value: &Value) -> Fields {
    let mut fields = Fields::default();
    match shared(schema, value) {
        Shared::Whole => fields.member = true,
        Shared::Fields(map) => {
            for (name, value) in map {
                let step = Step::Field(name.clone());
                let mut child = fields_of(below(schema, &step), value);
                let named = schema.is_some_and(|schema| schema.properties.contains_key(name));
                child.member |= !named || value.is_null() || value.as_object().is_some_and(Map::is_empty);
                fields.children.insert(step, child);
            }
        }
        Shared::Elements(elements) => {
            for (step, value) in elements {
                let mut child = fields_of(below(schema, &step), value);
                child.member = true;
                fields.children.insert(step, child);
            }
        }
    }
    fields
}

/// The fields in which two values differ.
#[derive(Debug, Default)]
pub(super) struct Difference {
    /// Added or changed.
    pub(super) changed: Fields,
    pub(super) removed: Fields,
}

/// What became of `old`.
pub(super) fn compare(schema: Option<&Schema>, old: &Value, new: &Value) -> Difference {
    let mut difference = Difference::default();
    compare_at(schema, Some(old), Some(new), &mut Vec::new(), &mut difference);
    difference
}

fn compare_at(
    schema: Option<&Schema>,
    old: Option<&Value>,
    new: Option<&Value>,
    path: &mut Vec<Step>,
    difference: &mut Difference,
) {
    if old == new {
        return;
    }
    let parts = |value: Option<&'_ Value>| -> Option<Vec<(Step, Value)>> {
        match value.map(|value| shared(schema, value)) {
            None => Some(Vec::new()),
            Some(Shared::Whole) => None,
            Some(Shared::Fields(map)) => {
                Some(map.iter().map(|(name, value)| (Step::Field(name.clone()), value.clone())).collect())
            }
            Some(Shared::Elements(all)) => Some(all.into_iter().map(|(step, value)| (step, value.clone())).collect()),
        }
    };
    let (ours, theirs) = (parts(old), parts(new));
    if let (Some(ours), Some(theirs)) = (ours, theirs)
        && !(ours.is_empty() && theirs.is_empty())
    {
        let theirs_by: BTreeMap<&Step, &Value> = theirs.iter().map(|(step, value)| (step, value)).collect();
        let ours_by: BTreeMap<&Step, &Value> = ours.iter().map(|(step, value)| (step, value)).collect();
        let steps: std::collections::BTreeSet<&Step> = ours_by.keys().chain(theirs_by.keys()).copied().collect();
        for step in steps {
            path.push(step.clone());
            let (old, new) = (ours_by.get(step).copied(), theirs_by.get(step).copied());
            compare_at(below(schema, step), old, new, path, difference);
            path.pop();
        }
        if old.is_some() && new.is_some() {
            return;
        }
    }
    if new.is_none() {
        difference.removed.insert(path);
    } else {
        difference.changed.insert(path);
    }
}

/// `over` laid over `value`: what it states counts, the rest stays.
pub(super) fn merge(schema: Option<&Schema>, value: &Value, over: &Value) -> Value {
    match (shared(schema, value), shared(schema, over)) {
        (Shared::Fields(old), Shared::Fields(new)) => {
            let mut merged = old.clone();
            for (name, new) in new {
                let schema = schema.and_then(|schema| schema.field(name));
                let value = old.get(name).map_or_else(|| new.clone(), |old| merge(schema, old, new));
                merged.insert(name.clone(), value);
            }
            Value::Object(merged)
        }
        (Shared::Elements(old), Shared::Elements(new)) => {
            let items = schema.and_then(|schema| schema.items.as_deref());
            let stays = |step: &Step| !new.iter().any(|(stated, _)| stated == step);
            let mut merged = Vec::new();
            let mut next = 0;
            for (step, over) in &new {
                // What only stands in the old list keeps its place before the next that both have.
                while let Some((_, value)) = old.get(next).filter(|(known, _)| stays(known)) {
                    merged.push((*value).clone());
                    next += 1;
                }
                match old.iter().position(|(known, _)| known == step) {
                    Some(place) => {
                        for (known, value) in old.iter().take(place).skip(next) {
                            if stays(known) {
                                merged.push((*value).clone());
                            }
                        }
                        next = next.max(place + 1);
                        merged.push(merge(items, old[place].1, over));
                    }
                    None => merged.push((*over).clone()),
                }
            }
            merged.extend(old.iter().skip(next).filter(|(step, _)| stays(step)).map(|(_, value)| (*value).clone()));
            Value::Array(merged)
        }
        _ => over.clone(),
    }
}

/// `value` without the members of `fields`.
pub(super) fn without(schema: Option<&Schema>, value: &Value, fields: &Fields) -> Value {
    let kept = |step: &Step, value: &Value| match fields.children.get(step) {
        Some(child) if child.member => None,
        Some(child) => Some(without(below(schema, step), value, child)),
        None => Some(value.clone()),
    };
    match shared(schema, value) {
        Shared::Whole => value.clone(),
        Shared::Fields(map) => {
            let kept = map.iter().filter_map(|(name, value)| {
                let value = kept(&Step::Field(name.clone()), value)?;
                Some((name.clone(), value))
            });
            Value::Object(kept.collect())
        }
        Shared::Elements(elements) => {
            Value::Array(elements.iter().filter_map(|(step, value)| kept(step, value)).collect())
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::schema::parse;

    fn schema() -> Schema {
        let schema = json!({ "type": "object", "properties": {
            "map": { "type": "object", "additionalProperties": { "type": "string" } },
            "atom": { "type": "object", "x-kubernetes-map-type": "atomic", "properties": { "a": { "type": "string" }, "b": { "type": "string" } } },
            "list": { "type": "array", "items": { "type": "string" } },
            "set": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } },
            "keyed": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["n"],
                "items": { "type": "object", "properties": { "n": { "type": "string" }, "v": { "type": "string" }, "w": { "type": "string" } } } },
        }});
        parse(&schema, "", &mut Vec::new())
    }

    #[test]
    fn values_have_fields_by_their_schema() {
        let value = json!({ "map": { "k": "v" }, "atom": { "a": "1" }, "list": ["x"], "set": ["x"], "keyed": [{ "n": "1", "v": "2" }], "other": { "z": [1] } });
        let expected = json!({
            "f:atom": {}, "f:list": {}, "f:map": { "f:k": {} }, "f:set": { "v:\"x\"": {} },
            "f:keyed": { "k:{\"n\":\"1\"}": { ".": {}, "f:n": {}, "f:v": {} } },
            "f:other": { ".": {}, "f:z": {} },
        });
        assert_eq!(fields_of(Some(&schema()), &value).to_value(), expected);
    }

    #[test]
    fn differences_name_what_is_new_and_what_is_gone() {
        let old = json!({ "map": { "k": "v", "l": "v" }, "list": ["x"], "set": ["x", "y"] });
        let new = json!({ "map": { "k": "w", "m": "v" }, "list": ["y"], "set": ["y", "z"], "atom": { "a": "1" }, "keyed": [{ "n": "1" }] });
        let difference = compare(Some(&schema()), &old, &new);
        assert_eq!(
            difference.changed.to_value(),
            json!({
                "f:map": { "f:k": {}, "f:m": {} }, "f:list": {}, "f:set": { "v:\"z\"": {} }, "f:atom": {},
                "f:keyed": { ".": {}, "k:{\"n\":\"1\"}": { ".": {}, "f:n": {} } },
            })
        );
        assert_eq!(difference.removed.to_value(), json!({ "f:map": { "f:l": {} }, "f:set": { "v:\"x\"": {} } }));
    }

    #[test]
    fn what_is_stated_is_laid_over_what_is_there() {
        let old = json!({ "map": { "k": "v", "l": "v" }, "atom": { "a": "1" }, "list": ["x"], "set": ["a", "b"],
            "keyed": [{ "n": "1", "v": "old" }, { "n": "2" }, { "n": "3" }] });
        let over = json!({ "map": { "k": "w" }, "atom": { "b": "2" }, "list": ["y"], "set": ["c", "b"],
            "keyed": [{ "n": "3", "v": "new" }, { "n": "1", "w": "more" }] });
        assert_eq!(
            merge(Some(&schema()), &old, &over),
            json!({ "map": { "k": "w", "l": "v" }, "atom": { "b": "2" }, "list": ["y"], "set": ["a", "c", "b"],
                "keyed": [{ "n": "2" }, { "n": "3", "v": "new" }, { "n": "1", "v": "old", "w": "more" }] })
        );
        let fields = Fields::from_value(
            &json!({ "f:map": { "f:k": {} }, "f:set": { "v:\"a\"": {} }, "f:keyed": { "k:{\"n\":\"2\"}": {} }, "f:list": {} }),
        );
        assert_eq!(
            without(Some(&schema()), &old, &fields),
            json!({ "map": { "l": "v" }, "atom": { "a": "1" }, "set": ["b"], "keyed": [{ "n": "1", "v": "old" }, { "n": "3" }] })
        );
    }
}
