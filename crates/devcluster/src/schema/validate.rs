//! What is wrong with a value, in the real API server's words: each error with its path, and with the value, since custom
//! objects hold no plaintext that their author did not put there.
//!
//! What did not change is not blamed: a field that was wrong before its schema got stricter does not hold up other changes.

use serde_json::{Map, Value};

use super::{Kind, ListType, Rules, Schema, child, format};
use crate::status::FieldError;

impl Schema {
    /// The errors in an object of Kubernetes; `old` is what it replaces.
    pub(crate) fn check_object(
        &self,
        object: &Map<String, Value>,
        old: Option<&Map<String, Value>>,
    ) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.fields(object, old, "", &mut errors);
        errors
    }

    /// The errors in the status of an object, which is written on its own.
    pub(crate) fn check_status(&self, object: &Map<String, Value>, old: &Map<String, Value>) -> Vec<FieldError> {
        match (self.properties.get("status"), object.get("status")) {
            (Some(schema), Some(status)) => {
                let mut errors = schema.check(status, old.get("status"), "status");
                // The real one looks at the status alone, and its texts speak of it so.
                errors.iter_mut().for_each(|error| error.shorten("status."));
                errors
            }
            _ => Vec::new(),
        }
    }

    pub(super) fn check(&self, value: &Value, old: Option<&Value>, at: &str) -> Vec<FieldError> {
        let mut errors = Vec::new();
        self.value(value, old, at, &mut errors);
        errors
    }

    fn value(&self, value: &Value, old: Option<&Value>, at: &str, errors: &mut Vec<FieldError>) {
        if old == Some(value) || (value.is_null() && (self.nullable || self.kind == Kind::Any)) {
            return;
        }
        if let Some(wanted) = self.other_type(value) {
            errors.push(FieldError::wrong_type(at, type_name(value), wanted));
            self.rules.check_allowed(value, at, errors);
            return;
        }
        self.junctors(value, at, errors);
        match value {
            Value::Object(map) => {
                if self.embedded {
                    for name in ["apiVersion", "kind"] {
                        if map.get(name).and_then(Value::as_str).unwrap_or_default().is_empty() {
                            errors.push(FieldError::required(child(at, name), ""));
                        }
                    }
                }
                self.fields(map, old.and_then(Value::as_object), at, errors);
            }
            Value::Array(list) => self.list(list, old.and_then(Value::as_array), at, errors),
            Value::String(text) => self.rules.check_text(text, at, errors),
            Value::Number(number) => self.rules.check_number(self.kind, number, at, errors),
            Value::Null | Value::Bool(_) => (),
        }
        self.rules.check_allowed(value, at, errors);
    }

    /// The type that is wanted, if it is another than the value's.
    fn other_type(&self, value: &Value) -> Option<&'static str> {
        let (fits, wanted) = match self.kind {
            Kind::Any => (true, ""),
            Kind::Object => (value.is_object(), "object"),
            Kind::Array => (value.is_array(), "array"),
            Kind::String => (value.is_string(), "string"),
            Kind::Integer => (value.is_i64() || value.is_u64(), "integer"),
            Kind::Number => (value.is_number(), "number"),
            Kind::Boolean => (value.is_boolean(), "boolean"),
            Kind::IntOrString => (value.is_i64() || value.is_u64() || value.is_string(), "integer,string"),
        };
        (!fits).then_some(wanted)
    }

    fn fields(
        &self,
        map: &Map<String, Value>,
        old: Option<&Map<String, Value>>,
        at: &str,
        errors: &mut Vec<FieldError>,
    ) {
        for name in self.rules.required.iter().filter(|name| !map.contains_key(*name)) {
            errors.push(FieldError::required(child(at, name), ""));
        }
        if let Some(limit) = self.rules.min_properties.filter(|limit| map.len() < *limit) {
            let text = format!("Invalid value: {}: {at} in body should have at least {limit} properties", map.len());
            errors.push(FieldError::invalid_text(at, &text));
        }
        if let Some(limit) = self.rules.max_properties.filter(|limit| map.len() > *limit) {
            errors.push(FieldError::too_many(at, map.len(), limit));
        }
        for (name, value) in map {
            if let Some(schema) = self.field(name) {
                schema.value(value, old.and_then(|old| old.get(name)), &child(at, name), errors);
            }
        }
    }

    fn list(&self, list: &[Value], old: Option<&Vec<Value>>, at: &str, errors: &mut Vec<FieldError>) {
        if let Some(limit) = self.rules.min_items.filter(|limit| list.len() < *limit) {
            let text = format!("Invalid value: {}: {at} in body should have at least {limit} items", list.len());
            errors.push(FieldError::invalid_text(at, &text));
        }
        if let Some(limit) = self.rules.max_items.filter(|limit| list.len() > *limit) {
            errors.push(FieldError::too_many(at, list.len(), limit));
            return;
        }
        if let Some(items) = &self.items {
            for (index, item) in list.iter().enumerate() {
                let old = old.and_then(|old| self.counterpart(item, old));
                items.value(item, old, &format!("{at}[{index}]"), errors);
            }
        }
        self.duplicates(list, at, errors);
    }

    /// The element that `item` replaces, where elements can be told apart.
    fn counterpart<'a>(&self, item: &Value, old: &'a [Value]) -> Option<&'a Value> {
        match &self.list_type {
            ListType::Map(keys) => old.iter().find(|old| keys.iter().all(|key| old.get(key) == item.get(key))),
            ListType::Set => old.iter().find(|old| *old == item),
            ListType::Atomic => None,
        }
    }

    fn duplicates(&self, list: &[Value], at: &str, errors: &mut Vec<FieldError>) {
        let mut seen = std::collections::HashSet::new();
        for (index, item) in list.iter().enumerate() {
            let key = match &self.list_type {
                ListType::Map(keys) => {
                    let present = keys.iter().filter_map(|key| Some((key.clone(), item.get(key)?.clone())));
                    Value::Object(present.collect())
                }
                ListType::Set => item.clone(),
                ListType::Atomic if self.rules.unique_items => item.clone(),
                ListType::Atomic => return,
            };
            if !seen.insert(key.to_string()) {
                errors.push(FieldError::duplicate(format!("{at}[{index}]"), &key));
            }
        }
    }

    fn junctors(&self, value: &Value, at: &str, errors: &mut Vec<FieldError>) {
        let rules = &self.rules;
        let mut say = |text: String| errors.push(FieldError::invalid_text("<nil>", &text));
        let results =
            |all: &[Self]| -> Vec<Vec<FieldError>> { all.iter().map(|one| one.check(value, None, at)).collect() };
        let mut more = Vec::new();
        let any = results(&rules.any_of);
        if !any.is_empty() && any.iter().all(|errors| !errors.is_empty()) {
            say(format!("Invalid value: \"\": {at:?} must validate at least one schema (anyOf)"));
            more.extend(any.into_iter().min_by_key(Vec::len).into_iter().flatten());
        }
        let one = results(&rules.one_of);
        let valid = one.iter().filter(|errors| errors.is_empty()).count();
        if !one.is_empty() && valid != 1 {
            let found =
                if valid == 0 { "Found none valid".to_owned() } else { format!("Found {valid} valid alternatives") };
            say(format!("Invalid value: \"\": {at:?} must validate one and only one schema (oneOf). {found}"));
            if valid == 0 {
                more.extend(one.into_iter().min_by_key(Vec::len).into_iter().flatten());
            }
        }
        let all = results(&rules.all_of);
        let wrong = all.iter().filter(|errors| !errors.is_empty()).count();
        if wrong > 0 {
            let none = if wrong == all.len() { ". None validated" } else { "" };
            say(format!("Invalid value: \"\": {at:?} must validate all the schemas (allOf){none}"));
            more.extend(all.into_iter().flatten());
        }
        if rules.not.as_ref().is_some_and(|not| not.check(value, None, at).is_empty()) {
            say(format!("Invalid value: \"\": {at:?} must not validate the schema (not)"));
        }
        errors.extend(more);
    }
}

impl Rules {
    fn check_allowed(&self, value: &Value, at: &str, errors: &mut Vec<FieldError>) {
        if let Some(allowed) = self.allowed.as_ref().filter(|allowed| !allowed.contains(value)) {
            errors.push(FieldError::unsupported_value(at, value, allowed));
        }
    }

    fn check_text(&self, text: &str, at: &str, errors: &mut Vec<FieldError>) {
        if let Some(limit) = self.max_length.filter(|limit| text.chars().count() > *limit) {
            errors.push(FieldError::too_long(at, limit));
        }
        let mut wrong = |why: String| errors.push(FieldError::invalid(at, text, &format!("{at} in body should {why}")));
        if let Some(limit) = self.min_length.filter(|limit| text.chars().count() < *limit) {
            wrong(format!("be at least {limit} chars long"));
        }
        if let Some(pattern) = self.pattern.as_ref().filter(|pattern| !pattern.is_match(text)) {
            wrong(format!("match '{pattern}'"));
        }
        if !format::fits(&self.format, text) {
            let why = format!("{at} in body must be of type {}: {text:?}", self.format);
            errors.push(FieldError::invalid(at, text, &why));
        }
    }

    fn check_number(&self, kind: Kind, number: &serde_json::Number, at: &str, errors: &mut Vec<FieldError>) {
        let range = match (kind, self.format.as_str()) {
            (Kind::Integer, "int32") => Some(i64::from(i32::MIN)..=i64::from(i32::MAX)),
            (Kind::Integer, _) => Some(i64::MIN..=i64::MAX),
            _ => None,
        };
        if range.is_some_and(|range| number.as_i64().is_none_or(|number| !range.contains(&number))) {
            let format = if self.format.is_empty() {
                " (default format)".to_owned()
            } else {
                format!(" with format {}", self.format)
            };
            let text = format!("Invalid value: \"\": Checked value must be of type integer{format} in {at}");
            errors.push(FieldError::invalid_text("<nil>", &text));
            return;
        }
        let Some(value) = number.as_f64() else { return };
        let mut wrong = |why: String| {
            errors
                .push(FieldError::invalid_text(at, &format!("Invalid value: {number}: {at} in body should be {why}")));
        };
        if let Some(factor) = self.multiple_of.filter(|factor| (value / factor).fract() != 0.0) {
            wrong(format!("a multiple of {factor}"));
        }
        if let Some(limit) = self.maximum {
            if self.exclusive_maximum && value >= limit {
                wrong(format!("less than {limit}"));
            } else if value > limit {
                wrong(format!("less than or equal to {limit}"));
            }
        }
        if let Some(limit) = self.minimum {
            if self.exclusive_minimum && value <= limit {
                wrong(format!("greater than {limit}"));
            } else if value < limit {
                wrong(format!("greater than or equal to {limit}"));
            }
        }
    }
}

/// The name of a value's type, as go-openapi calls it.
fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::schema::parse;
    use crate::status::{About, Failure};

    /// What kube-apiserver 1.36.3 answered to a definition with these schemas, one object after the other.
    #[test]
    fn errors_are_those_of_the_real_api_server() {
        let schema = json!({ "type": "object", "properties": { "spec": { "type": "object", "properties": {
            "s": { "type": "string", "minLength": 2, "maxLength": 4 },
            "p": { "type": "string", "pattern": "^a+$" },
            "e": { "type": "string", "enum": ["a", "b"] },
            "i": { "type": "integer", "minimum": 1, "maximum": 5 },
            "x": { "type": "integer", "minimum": 1, "exclusiveMinimum": true, "multipleOf": 3 },
            "i32": { "type": "integer", "format": "int32" },
            "b": { "type": "boolean" },
            "by": { "type": "string", "format": "byte" },
            "dt": { "type": "string", "format": "date-time" },
            "ios": { "x-kubernetes-int-or-string": true },
            "emb": { "type": "object", "x-kubernetes-embedded-resource": true, "x-kubernetes-preserve-unknown-fields": true },
            "map": { "type": "object", "minProperties": 1, "maxProperties": 2, "additionalProperties": { "type": "string", "maxLength": 2 } },
            "list": { "type": "array", "minItems": 1, "maxItems": 3, "items": { "type": "string", "maxLength": 3 } },
            "set": { "type": "array", "x-kubernetes-list-type": "set", "items": { "type": "string" } },
            "lm": { "type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"],
                    "items": { "type": "object", "required": ["name"], "properties": { "name": { "type": "string" } } } },
            "req": { "type": "object", "required": ["r1", "r2"], "properties": { "r1": { "type": "string" }, "r2": { "type": "string" } } },
            "any": { "type": "object", "properties": { "a": { "type": "string" } }, "anyOf": [{ "required": ["a"] }, { "required": ["b"] }] },
            "one": { "type": "object", "properties": { "a": { "type": "string" }, "b": { "type": "string" } },
                     "oneOf": [{ "required": ["a"] }, { "required": ["b"] }] },
            "not": { "type": "object", "properties": { "a": { "type": "string" } }, "not": { "required": ["a"] } },
        }}}});
        let mut wrong = Vec::new();
        let schema = parse(&schema, "", &mut wrong);
        assert!(wrong.is_empty(), "{wrong:?}");
        for (spec, expected) in [
            (json!({ "s": "a" }), r#"spec.s: Invalid value: "a": spec.s in body should be at least 2 chars long"#),
            (json!({ "s": "abcde" }), "spec.s: Too long: may not be more than 4 bytes"),
            (json!({ "p": "b" }), r#"spec.p: Invalid value: "b": spec.p in body should match '^a+$'"#),
            (json!({ "e": "c" }), r#"spec.e: Unsupported value: "c": supported values: "a", "b""#),
            (
                json!({ "e": 5 }),
                r#"[spec.e: Invalid value: "integer": spec.e in body must be of type string: "integer", spec.e: Unsupported value: 5: supported values: "a", "b"]"#,
            ),
            (json!({ "i": 0 }), "spec.i: Invalid value: 0: spec.i in body should be greater than or equal to 1"),
            (json!({ "i": 6 }), "spec.i: Invalid value: 6: spec.i in body should be less than or equal to 5"),
            (
                json!({ "i": "x" }),
                r#"spec.i: Invalid value: "string": spec.i in body must be of type integer: "string""#,
            ),
            (
                json!({ "x": 1 }),
                "[spec.x: Invalid value: 1: spec.x in body should be a multiple of 3, spec.x: Invalid value: 1: spec.x in body should be greater than 1]",
            ),
            (
                json!({ "i32": 3_000_000_000_u64 }),
                r#"<nil>: Invalid value: "": Checked value must be of type integer with format int32 in spec.i32"#,
            ),
            (
                json!({ "b": "x" }),
                r#"spec.b: Invalid value: "string": spec.b in body must be of type boolean: "string""#,
            ),
            (json!({ "by": "!!" }), r#"spec.by: Invalid value: "!!": spec.by in body must be of type byte: "!!""#),
            (
                json!({ "dt": "2026" }),
                r#"spec.dt: Invalid value: "2026": spec.dt in body must be of type date-time: "2026""#,
            ),
            (
                json!({ "ios": true }),
                r#"spec.ios: Invalid value: "boolean": spec.ios in body must be of type integer,string: "boolean""#,
            ),
            (json!({ "emb": { "a": 1 } }), "[spec.emb.apiVersion: Required value, spec.emb.kind: Required value]"),
            (json!({ "map": {} }), "spec.map: Invalid value: 0: spec.map in body should have at least 1 properties"),
            (json!({ "map": { "a": "", "b": "", "c": "" } }), "spec.map: Too many: 3: must have at most 2 items"),
            (json!({ "map": { "a": "123" } }), "spec.map.a: Too long: may not be more than 2 bytes"),
            (json!({ "list": [] }), "spec.list: Invalid value: 0: spec.list in body should have at least 1 items"),
            (json!({ "list": ["", "", "", ""] }), "spec.list: Too many: 4: must have at most 3 items"),
            (
                json!({ "list": [null] }),
                r#"spec.list[0]: Invalid value: "null": spec.list[0] in body must be of type string: "null""#,
            ),
            (json!({ "set": ["a", "a"] }), r#"spec.set[1]: Duplicate value: "a""#),
            (json!({ "lm": [{ "name": "a" }, { "name": "a" }] }), r#"spec.lm[1]: Duplicate value: {"name":"a"}"#),
            (json!({ "lm": [{}] }), "spec.lm[0].name: Required value"),
            (json!({ "req": {} }), "[spec.req.r1: Required value, spec.req.r2: Required value]"),
            (
                json!({ "any": {} }),
                r#"[<nil>: Invalid value: "": "spec.any" must validate at least one schema (anyOf), spec.any.a: Required value]"#,
            ),
            (
                json!({ "one": { "a": "", "b": "" } }),
                r#"<nil>: Invalid value: "": "spec.one" must validate one and only one schema (oneOf). Found 2 valid alternatives"#,
            ),
            (
                json!({ "not": { "a": "" } }),
                r#"<nil>: Invalid value: "": "spec.not" must not validate the schema (not)"#,
            ),
            (json!([]), r#"spec: Invalid value: "array": spec in body must be of type object: "array""#),
        ] {
            let object = json!({ "spec": spec });
            let errors = schema.check_object(object.as_object().unwrap(), None);
            let about = About { group: "", plural: "", kind: "K", name: "" };
            let message = Failure::invalid(about, errors).message;
            assert_eq!(message.strip_prefix("K \"\" is invalid: "), Some(expected), "{object}");
            let unchanged = schema.check_object(object.as_object().unwrap(), object.as_object());
            assert!(unchanged.is_empty(), "what did not change is not blamed: {unchanged:?}");
        }
        let fine = json!({ "spec": { "s": "abc", "ios": 1, "list": ["a"], "set": ["a", "b"], "x": 6, "unknown": Value::Null } });
        assert!(schema.check_object(fine.as_object().unwrap(), None).is_empty());
    }
}
