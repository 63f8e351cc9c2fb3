//! A set of fields, as `managedFields` has it: a tree of steps, each of which may be a member itself.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::schema::Schema;

/// One step down from an object or a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Step {
    Field(String),
    /// The element of a list with these keys; as JSON, sorted.
    Key(String),
    /// The element of a set; as JSON.
    Value(String),
    /// The element of a list at this place. Nobody of ours writes it.
    Index(String),
}

/// A set of fields.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fields {
    pub(crate) member: bool,
    pub(crate) children: BTreeMap<Step, Fields>,
}

impl Fields {
    pub(crate) fn is_empty(&self) -> bool {
        !self.member && self.children.is_empty()
    }

    pub(crate) fn insert(&mut self, path: &[Step]) {
        let mut node = self;
        for step in path {
            node = node.children.entry(step.clone()).or_default();
        }
        node.member = true;
    }

    pub(crate) fn union(&mut self, other: &Self) {
        self.member |= other.member;
        for (step, theirs) in &other.children {
            self.children.entry(step.clone()).or_default().union(theirs);
        }
    }

    /// The members that `other` does not have.
    #[must_use]
    pub(crate) fn without(&self, other: &Self) -> Self {
        self.combine(other, |ours, theirs| ours && !theirs)
    }

    /// The members that both have.
    #[must_use]
    pub(crate) fn common(&self, other: &Self) -> Self {
        self.combine(other, |ours, theirs| ours && theirs)
    }

    fn combine(&self, other: &Self, member: fn(bool, bool) -> bool) -> Self {
        let empty = Self::default();
        let mut children = BTreeMap::new();
        for (step, ours) in &self.children {
            let combined = ours.combine(other.children.get(step).unwrap_or(&empty), member);
            if !combined.is_empty() {
                children.insert(step.clone(), combined);
            }
        }
        Self { member: member(self.member, other.member), children }
    }

    /// The same, with each field that the schema names a member as soon as something below it is one: a structure goes
    /// when its last field goes.
    #[must_use]
    pub(crate) fn with_named(&self, schema: Option<&Schema>) -> Self {
        let mut named = Self { member: self.member, children: BTreeMap::new() };
        for (step, child) in &self.children {
            let (below, is_named) = match step {
                Step::Field(name) => {
                    let below = schema.and_then(|schema| schema.field(name));
                    (below, schema.is_some_and(|schema| schema.properties.contains_key(name)))
                }
                _ => (schema.and_then(|schema| schema.items.as_deref()), false),
            };
            let mut child = child.with_named(below);
            child.member |= is_named;
            named.children.insert(step.clone(), child);
        }
        named
    }

    /// The members as paths, `.data.k` and `.metadata.finalizers[="a"]`.
    pub(crate) fn paths(&self) -> Vec<String> {
        let mut paths = Vec::new();
        self.collect("", &mut paths);
        paths
    }

    fn collect(&self, at: &str, paths: &mut Vec<String>) {
        if self.member {
            paths.push(at.to_owned());
        }
        for (step, child) in &self.children {
            let next = match step {
                Step::Field(name) => format!("{at}.{name}"),
                Step::Value(value) => format!("{at}[={value}]"),
                Step::Index(index) => format!("{at}[{index}]"),
                Step::Key(keys) => {
                    let keys: Map<String, Value> = serde_json::from_str(keys).unwrap_or_default();
                    let keys: Vec<String> = keys.iter().map(|(key, value)| format!("{key}={value}")).collect();
                    format!("{at}[{}]", keys.join(","))
                }
            };
            child.collect(&next, paths);
        }
    }

    /// `fieldsV1`
    pub(crate) fn to_value(&self) -> Value {
        let mut map = Map::new();
        if self.member && !self.children.is_empty() {
            map.insert(".".to_owned(), Value::Object(Map::new()));
        }
        for (step, child) in &self.children {
            let name = match step {
                Step::Field(name) => format!("f:{name}"),
                Step::Key(keys) => format!("k:{keys}"),
                Step::Value(value) => format!("v:{value}"),
                Step::Index(index) => format!("i:{index}"),
            };
            map.insert(name, child.to_value());
        }
        Value::Object(map)
    }

    /// Reads what [`Self::to_value`] wrote. The root is never a member.
    pub(crate) fn from_value(value: &Value) -> Self {
        let mut root = Self::read(value);
        root.member = false;
        root
    }

    fn read(value: &Value) -> Self {
        let mut fields = Self::default();
        let Value::Object(map) = value else { return fields };
        fields.member = map.is_empty() || map.contains_key(".");
        for (name, child) in map {
            let step = match name.split_once(':') {
                Some(("f", name)) => Step::Field(name.to_owned()),
                Some(("k", keys)) => Step::Key(keys.to_owned()),
                Some(("v", value)) => Step::Value(value.to_owned()),
                Some(("i", index)) => Step::Index(index.to_owned()),
                _ => continue,
            };
            fields.children.insert(step, Self::read(child));
        }
        fields
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn sets_are_read_and_written_as_managed_fields_has_them() {
        let text = json!({
            "f:data": { ".": {}, "f:k": {} },
            "f:metadata": { "f:finalizers": { "v:\"a/b\"": {} }, "f:ownerReferences": { "k:{\"uid\":\"1\"}": {} } },
        });
        let fields = Fields::from_value(&text);
        assert_eq!(fields.to_value(), text);
        let paths = [".data", ".data.k", ".metadata.finalizers[=\"a/b\"]", ".metadata.ownerReferences[uid=\"1\"]"];
        assert_eq!(fields.paths(), paths);
    }

    #[test]
    fn sets_are_combined_by_member() {
        let fields = |value: Value| Fields::from_value(&value);
        let both = fields(json!({ "f:a": { ".": {}, "f:b": {} }, "f:c": {} }));
        let one = fields(json!({ "f:a": { "f:b": {} } }));
        assert_eq!(both.without(&one).to_value(), json!({ "f:a": {}, "f:c": {} }));
        assert_eq!(both.common(&one).to_value(), json!({ "f:a": { "f:b": {} } }));
        let mut union = one.clone();
        union.union(&fields(json!({ "f:d": {} })));
        assert_eq!(union.to_value(), json!({ "f:a": { "f:b": {} }, "f:d": {} }));
        assert!(one.without(&both).is_empty());
    }
}
