//! Fills in defaults, and drops the nulls that a schema does not allow.

use serde_json::{Map, Value};

use super::Schema;

impl Schema {
    /// Fills in an object of Kubernetes.
    pub(crate) fn fill_object(&self, object: &mut Map<String, Value>) {
        self.fill_fields(object);
    }

    pub(super) fn fill(&self, value: &mut Value) {
        match value {
            Value::Object(map) => self.fill_fields(map),
            Value::Array(list) => {
                if let Some(items) = &self.items {
                    list.iter_mut().for_each(|item| items.fill(item));
                }
            }
            _ => (),
        }
    }

    fn fill_fields(&self, map: &mut Map<String, Value>) {
        map.retain(|name, value| {
            let unwanted = value.is_null() && self.field(name).is_some_and(|schema| !schema.nullable);
            !unwanted
        });
        for (name, schema) in &self.properties {
            if let Some(default) = schema.default.as_ref().filter(|_| !map.contains_key(name)) {
                map.insert(name.clone(), default.clone());
            }
        }
        for (name, value) in map.iter_mut() {
            if let Some(schema) = self.field(name) {
                schema.fill(value);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::schema::parse;

    #[test]
    fn defaults_are_filled_in_and_nulls_follow_nullable() {
        let schema = json!({ "type": "object", "properties": {
            "text": { "type": "string", "default": "d" },
            "null": { "type": "string", "nullable": true, "default": "d" },
            "plain": { "type": "string" },
            "nest": { "type": "object", "default": {}, "properties": { "a": { "type": "integer", "default": -1 } } },
            "bare": { "type": "object", "properties": { "a": { "type": "integer", "default": -1 } } },
            "map": { "type": "object", "additionalProperties": { "type": "string" } },
            "list": { "type": "array", "items": { "type": "object", "properties": { "a": { "type": "string", "default": "i" } } } },
        }});
        let schema = parse(&schema, "", &mut Vec::new());
        for (given, expected) in [
            (json!({}), json!({ "text": "d", "null": "d", "nest": { "a": -1 } })),
            (
                json!({ "text": null, "null": null, "plain": null, "nest": { "a": 1 } }),
                json!({ "text": "d", "null": null, "nest": { "a": 1 } }),
            ),
            (
                json!({ "text": "x", "null": "y", "bare": { "a": null }, "map": { "a": null, "b": "" }, "list": [{}] }),
                json!({ "text": "x", "null": "y", "nest": { "a": -1 }, "bare": { "a": -1 }, "map": { "b": "" }, "list": [{ "a": "i" }] }),
            ),
        ] {
            let mut object = given.as_object().cloned().unwrap();
            schema.fill_object(&mut object);
            assert_eq!(Value::Object(object), expected, "{given}");
        }
    }
}
