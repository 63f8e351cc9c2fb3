//! The columns of custom kinds: `additionalPrinterColumns` of their definitions, or the age where there are none.

use jiff::Timestamp;
use serde_json::{Value, json};

use super::jsonpath::Path;
use super::{Heading, age};
use crate::status::FieldError;

const TYPES: [&str; 5] = ["boolean", "date", "integer", "number", "string"];

/// One column of a custom kind.
#[derive(Clone, Debug)]
pub(crate) struct Column {
    name: String,
    kind: String,
    format: String,
    description: String,
    priority: i64,
    path: Path,
}

/// Reads the columns of a version of a definition, with the errors of those that are wrong. `at` is the version's path.
pub(crate) fn columns(version: &Value, at: &str, errors: &mut Vec<FieldError>) -> Vec<Column> {
    let Some(given) = version.get("additionalPrinterColumns").and_then(Value::as_array) else {
        return vec![Column {
            name: "Age".to_owned(),
            kind: "date".to_owned(),
            format: String::new(),
            description: "Since when the object is there.".to_owned(),
            priority: 0,
            path: Path::parse(".metadata.creationTimestamp").unwrap_or_default(),
        }];
    };
    let mut columns = Vec::new();
    for (index, column) in given.iter().enumerate() {
        let at = format!("{at}.additionalPrinterColumns[{index}]");
        let text = |name: &str| column.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (name, kind, path) = (text("name"), text("type"), text("jsonPath"));
        for (field, value) in [("name", &name), ("type", &kind), ("jsonPath", &path)] {
            if value.is_empty() {
                errors.push(FieldError::required(format!("{at}.{field}"), ""));
            }
        }
        if !kind.is_empty() && !TYPES.contains(&kind.as_str()) {
            let why = "must be one of boolean,date,integer,number,string";
            errors.push(FieldError::invalid(format!("{at}.type"), &kind, why));
        }
        let Some(parsed) = Path::parse(&path) else {
            errors.push(FieldError::invalid(format!("{at}.jsonPath"), &path, "is not understood by devcluster"));
            continue;
        };
        let mut description = text("description");
        if description.is_empty() {
            description = format!("Custom resource definition column (in JSONPath format): {path}");
        }
        let priority = column.get("priority").and_then(Value::as_i64).unwrap_or(0);
        columns.push(Column { name, kind, format: text("format"), description, priority, path: parsed });
    }
    columns
}

impl Column {
    pub(super) fn heading(&self) -> Heading {
        Heading {
            name: self.name.clone(),
            kind: self.kind.clone(),
            format: self.format.clone(),
            description: self.description.clone(),
            priority: self.priority,
        }
    }

    /// The cell of an object; null where there is nothing, or something of another type.
    pub(super) fn cell(&self, object: &Value, now: Timestamp) -> Value {
        let found = self.path.find(object);
        let Some(first) = found.first() else { return Value::Null };
        match self.kind.as_str() {
            "string" => json!(found.iter().map(|value| shown(value)).collect::<Vec<_>>().join(" ")),
            "integer" if first.is_i64() || first.is_u64() => (*first).clone(),
            "number" if first.is_number() => (*first).clone(),
            "boolean" if first.is_boolean() => (*first).clone(),
            "date" => json!(age::since(first.as_str(), now)),
            _ => Value::Null,
        }
    }
}

fn shown(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_have_the_type_of_their_column() {
        let version = json!({ "additionalPrinterColumns": [
            { "name": "S", "type": "string", "jsonPath": ".s" }, { "name": "M", "type": "string", "jsonPath": ".m" },
            { "name": "I", "type": "integer", "jsonPath": ".i" }, { "name": "B", "type": "boolean", "jsonPath": ".b" },
            { "name": "Wrong", "type": "integer", "jsonPath": ".s" }, { "name": "None", "type": "string", "jsonPath": ".none" },
            { "name": "D", "type": "date", "jsonPath": ".d", "priority": 1 },
        ]});
        let mut errors = Vec::new();
        let columns = columns(&version, "spec.versions[0]", &mut errors);
        assert!(errors.is_empty(), "{errors:?}");
        let object = json!({ "s": "text", "m": { "a": 1 }, "i": 5, "b": true, "d": "1970-01-01T00:00:00Z" });
        let now = Timestamp::from_second(90).unwrap();
        let cells: Vec<Value> = columns.iter().map(|column| column.cell(&object, now)).collect();
        assert_eq!(json!(cells), json!(["text", "{\"a\":1}", 5, true, null, null, "90s"]));
        let wrong = json!({ "additionalPrinterColumns": [{ "name": "x", "type": "text", "jsonPath": "x" }, {}] });
        super::columns(&wrong, "spec.versions[0]", &mut errors);
        assert_eq!(errors.len(), 5, "{errors:?}");
    }
}
