//! From the JSON of an `openAPIV3Schema` to a [`Schema`], with the errors that the real API server has for what is no
//! structural schema.

use regex::Regex;
use serde_json::{Map, Value};

use super::{Kind, ListType, Rules, Schema};
use crate::status::FieldError;

const KINDS: [&str; 6] = ["array", "boolean", "integer", "number", "object", "string"];
/// A schema that nests deeper is refused: objects nest no deeper than this either.
const MAX_DEPTH: usize = 100;

/// Where a part of a schema stands: inside `allOf` and its like, types are optional and only rules are allowed.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    Root,
    Field,
    Junctor,
}

/// Reads the schema of a version. `at` is its path in the definition.
pub(crate) fn parse(schema: &Value, at: &str, errors: &mut Vec<FieldError>) -> Schema {
    let mut parser = Parser { errors };
    let parsed = parser.schema(schema, at, Place::Root, 0);
    if parser.errors.is_empty() {
        check_defaults(&parsed, at, parser.errors);
    }
    parsed
}

struct Parser<'a> {
    errors: &'a mut Vec<FieldError>,
}

impl Parser<'_> {
    fn schema(&mut self, value: &Value, at: &str, place: Place, depth: usize) -> Schema {
        let Value::Object(map) = value else {
            self.wrong(at, "must be an object");
            return Schema::default();
        };
        if depth > MAX_DEPTH {
            self.wrong(at, "is nested too deep");
            return Schema::default();
        }
        let flag = |name: &str| map.get(name) == Some(&Value::Bool(true));
        let mut schema = Schema {
            kind: self.kind(map, at, place),
            open: flag("x-kubernetes-preserve-unknown-fields"),
            embedded: flag("x-kubernetes-embedded-resource"),
            nullable: flag("nullable"),
            default: map.get("default").cloned(),
            list_type: self.list_type(map, at),
            atomic: map.get("x-kubernetes-map-type").is_some_and(|kind| kind == "atomic"),
            rules: Box::new(self.rules(map, at, depth)),
            ..Schema::default()
        };
        for (name, property) in map.get("properties").and_then(Value::as_object).into_iter().flatten() {
            let at = format!("{at}.properties[{name}]");
            let within = if place == Place::Junctor { place } else { Place::Field };
            schema.properties.insert(name.clone(), self.schema(property, &at, within, depth + 1));
        }
        self.additional(map, at, place, depth, &mut schema);
        match map.get("items") {
            None | Some(Value::Null) if schema.kind == Kind::Array && place != Place::Junctor => {
                self.errors.push(FieldError::required(format!("{at}.items"), "must be specified"));
            }
            None | Some(Value::Null) => (),
            Some(items) => {
                let within = if place == Place::Junctor { place } else { Place::Field };
                schema.items = Some(Box::new(self.schema(items, &format!("{at}.items"), within, depth + 1)));
            }
        }
        schema
    }

    fn kind(&mut self, map: &Map<String, Value>, at: &str, place: Place) -> Kind {
        let int_or_string = map.get("x-kubernetes-int-or-string") == Some(&Value::Bool(true));
        let open = map.get("x-kubernetes-preserve-unknown-fields") == Some(&Value::Bool(true));
        let field = format!("{at}.type");
        let name = map.get("type").and_then(Value::as_str).unwrap_or_default();
        let kind = match name {
            "" if int_or_string => Kind::IntOrString,
            "" => {
                match place {
                    Place::Root => self.errors.push(FieldError::required(field, "must not be empty at the root")),
                    Place::Field if !open => {
                        self.errors.push(FieldError::required(field, "must not be empty for specified object fields"))
                    }
                    Place::Field | Place::Junctor => (),
                }
                return Kind::Any;
            }
            "object" => Kind::Object,
            "array" => Kind::Array,
            "string" => Kind::String,
            "integer" => Kind::Integer,
            "number" => Kind::Number,
            "boolean" => Kind::Boolean,
            other => {
                self.errors.push(FieldError::unsupported(field, other, &KINDS));
                return Kind::Any;
            }
        };
        if place == Place::Root && kind != Kind::Object {
            self.errors.push(FieldError::invalid(field, name, "must be object at the root"));
        }
        kind
    }

    fn additional(&mut self, map: &Map<String, Value>, at: &str, place: Place, depth: usize, schema: &mut Schema) {
        let field = format!("{at}.additionalProperties");
        match map.get("additionalProperties") {
            None | Some(Value::Null | Value::Bool(false)) => return,
            Some(Value::Bool(true)) => schema.additional = Some(Box::new(Schema { open: true, ..Schema::default() })),
            Some(value) => {
                let within = if place == Place::Junctor { place } else { Place::Field };
                schema.additional = Some(Box::new(self.schema(value, &field, within, depth + 1)));
            }
        }
        if place == Place::Root {
            self.errors.push(FieldError::forbidden(field.clone(), "must not be used at the root"));
        }
        if !schema.properties.is_empty() {
            let why = "additionalProperties and properties are mutual exclusive";
            self.errors.push(FieldError::forbidden(field, why));
        }
    }

    fn list_type(&mut self, map: &Map<String, Value>, at: &str) -> ListType {
        let kind = map.get("x-kubernetes-list-type").and_then(Value::as_str).unwrap_or("atomic");
        let keys: Vec<String> = map
            .get("x-kubernetes-list-map-keys")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
            .map(str::to_owned)
            .collect();
        match kind {
            "atomic" => ListType::Atomic,
            "set" => ListType::Set,
            "map" if keys.is_empty() => {
                let why = "must not be empty if x-kubernetes-list-type is map";
                self.errors.push(FieldError::required(format!("{at}.x-kubernetes-list-map-keys"), why));
                ListType::Atomic
            }
            "map" => ListType::Map(keys),
            other => {
                let field = format!("{at}.x-kubernetes-list-type");
                self.errors.push(FieldError::unsupported(field, other, &["atomic", "map", "set"]));
                ListType::Atomic
            }
        }
    }

    fn rules(&mut self, map: &Map<String, Value>, at: &str, depth: usize) -> Rules {
        let number = |name: &str| map.get(name).and_then(Value::as_f64);
        let count = |name: &str| map.get(name).and_then(Value::as_u64).and_then(|count| usize::try_from(count).ok());
        let flag = |name: &str| map.get(name) == Some(&Value::Bool(true));
        let required = map.get("required").and_then(Value::as_array).into_iter().flatten();
        let mut each = |name: &str| -> Vec<Schema> {
            let all = map.get(name).and_then(Value::as_array).into_iter().flatten().enumerate();
            all.map(|(index, value)| self.schema(value, &format!("{at}.{name}[{index}]"), Place::Junctor, depth + 1))
                .collect()
        };
        let (all_of, any_of, one_of) = (each("allOf"), each("anyOf"), each("oneOf"));
        let not = map.get("not").map(|value| self.schema(value, &format!("{at}.not"), Place::Junctor, depth + 1));
        Rules {
            required: required.filter_map(Value::as_str).map(str::to_owned).collect(),
            format: map.get("format").and_then(Value::as_str).unwrap_or_default().to_owned(),
            allowed: map.get("enum").and_then(Value::as_array).cloned(),
            minimum: number("minimum"),
            maximum: number("maximum"),
            exclusive_minimum: flag("exclusiveMinimum"),
            exclusive_maximum: flag("exclusiveMaximum"),
            multiple_of: number("multipleOf"),
            min_length: count("minLength"),
            max_length: count("maxLength"),
            pattern: self.pattern(map, at),
            min_items: count("minItems"),
            max_items: count("maxItems"),
            unique_items: flag("uniqueItems"),
            min_properties: count("minProperties"),
            max_properties: count("maxProperties"),
            all_of,
            any_of,
            one_of,
            not,
        }
    }

    fn pattern(&mut self, map: &Map<String, Value>, at: &str) -> Option<Regex> {
        let text = map.get("pattern")?.as_str().filter(|text| !text.is_empty())?;
        match Regex::new(text) {
            Ok(pattern) => Some(pattern),
            Err(_) => {
                let why = "must be a valid regular expression";
                self.errors.push(FieldError::invalid(format!("{at}.pattern"), text, why));
                None
            }
        }
    }

    fn wrong(&mut self, at: &str, why: &str) {
        self.errors.push(FieldError::invalid_plain(at, why));
    }
}

/// A default must be what its own schema allows.
fn check_defaults(schema: &Schema, at: &str, errors: &mut Vec<FieldError>) {
    if let Some(default) = &schema.default {
        let mut filled = default.clone();
        schema.fill(&mut filled);
        errors.extend(schema.check(&filled, None, &format!("{at}.default")));
    }
    for (name, property) in &schema.properties {
        check_defaults(property, &format!("{at}.properties[{name}]"), errors);
    }
    if let Some(additional) = &schema.additional {
        check_defaults(additional, &format!("{at}.additionalProperties"), errors);
    }
    if let Some(items) = &schema.items {
        check_defaults(items, &format!("{at}.items"), errors);
    }
}
