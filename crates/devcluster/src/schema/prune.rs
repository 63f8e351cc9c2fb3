//! Drops the fields that a schema does not know, and says which they were.

use serde_json::{Map, Value};

use super::{Kind, Schema, child};

/// What an object of Kubernetes has beside what its schema says.
const OBJECT_FIELDS: [&str; 3] = ["apiVersion", "kind", "metadata"];

impl Schema {
    /// Prunes an object of Kubernetes, whose metadata is somebody else's affair. The paths of what was dropped are added
    /// to `unknown`.
    pub(crate) fn prune_object(&self, object: &mut Map<String, Value>, unknown: &mut Vec<String>) {
        self.map(object, true, "", unknown);
    }

    fn prune(&self, value: &mut Value, at: &str, unknown: &mut Vec<String>) {
        match value {
            Value::Object(map) => self.map(map, self.embedded, at, unknown),
            Value::Array(list) => {
                if let Some(items) = &self.items {
                    for (index, item) in list.iter_mut().enumerate() {
                        items.prune(item, &format!("{at}[{index}]"), unknown);
                    }
                }
            }
            // `1.0` is a whole number, too: from here on it looks like one.
            Value::Number(number) if matches!(self.kind, Kind::Integer | Kind::IntOrString) => {
                if let Some(whole) = number.as_f64().filter(|_| number.is_f64()).and_then(whole) {
                    *value = Value::from(whole);
                }
            }
            _ => (),
        }
    }

    fn map(&self, map: &mut Map<String, Value>, is_object: bool, at: &str, unknown: &mut Vec<String>) {
        map.retain(|name, value| {
            if is_object && OBJECT_FIELDS.contains(&name.as_str()) {
                return true;
            }
            if let Some(schema) = self.field(name) {
                schema.prune(value, &child(at, name), unknown);
                return true;
            }
            if !self.open {
                unknown.push(child(at, name));
            }
            self.open
        });
    }
}

fn whole(number: f64) -> Option<i64> {
    // Beyond this, not every whole number has a float of its own.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    #[allow(clippy::cast_possible_truncation, reason = "checked to be whole and in range")]
    (number.fract() == 0.0 && number.abs() <= EXACT).then_some(number as i64)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::schema::parse;

    #[test]
    fn unknown_fields_go_where_the_schema_is_closed() {
        let schema = json!({ "type": "object", "properties": {
            "closed": { "type": "object", "properties": { "a": { "type": "string" } } },
            "open": { "type": "object", "x-kubernetes-preserve-unknown-fields": true,
                      "properties": { "k": { "type": "object", "properties": { "z": { "type": "string" } } } } },
            "map": { "type": "object", "additionalProperties": { "type": "object", "properties": { "q": { "type": "integer" } } } },
            "list": { "type": "array", "items": { "type": "object", "properties": { "n": { "type": "string" } } } },
            "inner": { "type": "object", "x-kubernetes-embedded-resource": true },
        }});
        let schema = parse(&schema, "", &mut Vec::new());
        let mut object = json!({
            "metadata": { "name": "x" }, "nonsense": 1,
            "closed": { "a": "1", "b": 2 }, "open": { "any": [1], "k": { "z": "", "y": 1 } },
            "map": { "m": { "q": 1.0, "r": 2 } }, "list": [{ "n": "" }, { "u": 1 }],
            "inner": { "kind": "K", "metadata": {}, "spec": {} },
        });
        let mut unknown = Vec::new();
        schema.prune_object(object.as_object_mut().unwrap(), &mut unknown);
        assert_eq!(unknown, ["closed.b", "inner.spec", "list[1].u", "map.m.r", "nonsense", "open.k.y"]);
        assert_eq!(object["map"]["m"].to_string(), r#"{"q":1}"#);
        assert_eq!(object["open"], json!({ "any": [1], "k": { "z": "" } }));
        assert_eq!(object["inner"], json!({ "kind": "K", "metadata": {} }));
    }
}
