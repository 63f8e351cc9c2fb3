//! Structural schemas: what an object of a kind may hold, and how its parts are merged.
//!
//! A schema is parsed once, from the `openAPIV3Schema` of a CustomResourceDefinition (`parse`, which also refuses what is
//! not structural). Then, in the order in which a written object meets them: `prune` drops what the schema does not know,
//! `default` fills in and drops nulls, `validate` finds what is wrong (`format` knows the formats). Expressions
//! (`x-kubernetes-validations`) are not evaluated. `built_in` says how built-in kinds are merged.

mod built_in;
mod default;
mod format;
mod parse;
mod prune;
mod validate;

use std::collections::BTreeMap;

use regex::Regex;
use serde_json::Value;

pub(crate) use built_in::{merging, merging_custom};
pub(crate) use parse::parse;

/// The type of a value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    /// No type is given: anything goes.
    #[default]
    Any,
    Object,
    Array,
    String,
    Integer,
    Number,
    Boolean,
    /// `x-kubernetes-int-or-string`
    IntOrString,
}

/// How two writers share a list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum ListType {
    /// The whole list belongs to one of them.
    #[default]
    Atomic,
    /// Each value on its own.
    Set,
    /// Each element on its own, told apart by these fields.
    Map(Vec<String>),
}

/// What a value may be.
#[derive(Clone, Debug, Default)]
pub(crate) struct Schema {
    pub(crate) kind: Kind,
    pub(crate) properties: BTreeMap<String, Schema>,
    /// The schema of all other fields.
    pub(crate) additional: Option<Box<Schema>>,
    pub(crate) items: Option<Box<Schema>>,
    /// Unknown fields are kept.
    pub(crate) open: bool,
    /// An object of Kubernetes inside an object: it has apiVersion, kind and metadata.
    pub(crate) embedded: bool,
    pub(crate) nullable: bool,
    pub(crate) default: Option<Value>,
    pub(crate) list_type: ListType,
    /// The object is merged as a whole.
    pub(crate) atomic: bool,
    rules: Box<Rules>,
}

/// The part of a schema that only validation reads.
#[derive(Clone, Debug, Default)]
struct Rules {
    required: Vec<String>,
    format: String,
    allowed: Option<Vec<Value>>,
    minimum: Option<f64>,
    maximum: Option<f64>,
    exclusive_minimum: bool,
    exclusive_maximum: bool,
    multiple_of: Option<f64>,
    min_length: Option<usize>,
    max_length: Option<usize>,
    pattern: Option<Regex>,
    min_items: Option<usize>,
    max_items: Option<usize>,
    unique_items: bool,
    min_properties: Option<usize>,
    max_properties: Option<usize>,
    all_of: Vec<Schema>,
    any_of: Vec<Schema>,
    one_of: Vec<Schema>,
    not: Option<Schema>,
}

impl Schema {
    /// The schema of the field `name`, if it is known.
    pub(crate) fn field(&self, name: &str) -> Option<&Self> {
        self.properties.get(name).or(self.additional.as_deref())
    }
}

/// A path with the field `name` added.
fn child(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}
