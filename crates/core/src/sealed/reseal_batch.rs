//! The body of `/v1/reseal` and its answer: single values, each with the place that it is bound to.
//!
//! Single values, because whoever edits files in place needs nothing else, and nothing else of a file need leave the machine
//! that it is on.
//!
//! ```json
//! {"items":[{"id":"0","namespace":"shop","name":"db","scope":"strict","value":"AgB…"}]}
//! {"certificate":"SHA256:…","items":[{"id":"0","status":"resealed","value":"AgC…"}]}
//! ```

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::sealed::reseal::{ItemOutcome, Place};
use crate::sealed::scope::Scope;

/// The largest request in bytes.
pub const MAX_RESEAL_BYTES: usize = 10 << 20;
/// The most items of a request.
pub const MAX_RESEAL_ITEMS: usize = 500;
/// The most bytes of an `id`, a `namespace` or a `name`.
const MAX_NAME_BYTES: usize = 1024;

/// A list of values to be resealed.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResealRequest<'a> {
    /// The values.
    pub items: Vec<ResealItem<'a>>,
}

/// One sealed value.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResealItem<'a> {
    /// Comes back with the answer; chosen by the caller.
    pub id: Cow<'a, str>,
    /// `metadata.namespace` of the SealedSecret; may be empty for a cluster-wide one.
    pub namespace: Cow<'a, str>,
    /// `metadata.name` of the SealedSecret.
    pub name: Cow<'a, str>,
    /// The scope by its name; it is kept.
    #[serde(with = "scope_name")]
    pub scope: Scope,
    /// The sealed value, base64.
    pub value: Cow<'a, str>,
}

/// What became of the values, in the order of the request.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResealAnswer {
    /// Fingerprint of the newest key, with which all that did not fail are sealed now.
    pub certificate: String,
    /// One for each item.
    pub items: Vec<ResealedItem>,
}

/// What became of one value.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResealedItem {
    /// That of the request.
    pub id: String,
    /// `fresh`, `resealed` with `value`, or `failed`.
    #[serde(flatten)]
    pub status: ResealStatus,
}

/// What became of one value.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum ResealStatus {
    /// The newest key opens it: leave it.
    Fresh,
    /// Put this in its place.
    Resealed {
        /// The new sealed value, base64.
        value: String,
    },
    /// It does not open for this scope, namespace and name.
    Failed,
}

/// The body is not a request. Quotes nothing of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResealRequestError {
    /// Not JSON, or not of this form.
    #[error("not a list of items: line {line}, column {column}")]
    Malformed {
        /// Line, from 1.
        line: usize,
        /// Column, from 1.
        column: usize,
    },
    /// Too many items.
    #[error("more than {MAX_RESEAL_ITEMS} items")]
    TooMany,
    /// An identifier or a name is too long.
    #[error("an id, a namespace or a name has more than {MAX_NAME_BYTES} bytes")]
    TooLong,
    /// A name, or the namespace of an item that is not cluster-wide, is missing.
    #[error("an item that is not cluster-wide needs a namespace, and a strict one a name")]
    NoPlace,
}

impl ResealRequest<'static> {
    /// Reads a request. The values are copied, so that the body can go.
    ///
    /// # Errors
    /// [`ResealRequestError`].
    pub fn parse(body: &[u8]) -> Result<Self, ResealRequestError> {
        let request: Self = serde_json::from_slice(body)
            .map_err(|error| ResealRequestError::Malformed { line: error.line(), column: error.column() })?;
        if request.items.len() > MAX_RESEAL_ITEMS {
            return Err(ResealRequestError::TooMany);
        }
        for item in &request.items {
            if [&item.id, &item.namespace, &item.name].iter().any(|text| text.len() > MAX_NAME_BYTES) {
                return Err(ResealRequestError::TooLong);
            }
            if item.scope != Scope::ClusterWide && item.namespace.is_empty()
                || item.scope == Scope::Strict && item.name.is_empty()
            {
                return Err(ResealRequestError::NoPlace);
            }
        }
        Ok(request)
    }
}

impl ResealItem<'_> {
    /// What the value is bound to.
    pub fn place(&self) -> Place<'_> {
        Place { scope: self.scope, namespace: &self.namespace, name: &self.name }
    }

    /// The answer for this item.
    pub fn answer(&self, outcome: ItemOutcome) -> ResealedItem {
        let status = match outcome {
            ItemOutcome::Fresh => ResealStatus::Fresh,
            ItemOutcome::Resealed(value) => ResealStatus::Resealed { value },
            ItemOutcome::Failed => ResealStatus::Failed,
        };
        ResealedItem { id: self.id.to_string(), status }
    }
}

/// A scope by its name. The empty name, which `--scope` takes for strict, is refused: a wire format says what it means.
mod scope_name {
    use serde::{Deserialize as _, Deserializer, Serializer, de::Error as _};

    use crate::sealed::scope::Scope;

    pub(super) fn serialize<S: Serializer>(scope: &Scope, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(scope.as_str())
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Scope, D::Error> {
        let name = std::borrow::Cow::<'_, str>::deserialize(deserializer)?;
        name.parse().ok().filter(|_| !name.is_empty()).ok_or_else(|| D::Error::custom("no scope has this name"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_reads_back_and_the_answer_has_the_documented_form() {
        let text = br#"{"items":[{"id":"0","namespace":"a","name":"b","scope":"namespace-wide","value":"Ag\u003d"}]}"#;
        let request = ResealRequest::parse(text).unwrap();
        let item = &request.items[0];
        assert_eq!(item.place(), Place { scope: Scope::NamespaceWide, namespace: "a", name: "b" });
        assert_eq!(item.value, "Ag=");
        let answers = [ItemOutcome::Fresh, ItemOutcome::Resealed("Ah=".to_owned()), ItemOutcome::Failed];
        let answer = ResealAnswer {
            certificate: "SHA256:x".to_owned(),
            items: answers.into_iter().map(|outcome| item.answer(outcome)).collect(),
        };
        let text = serde_json::to_string(&answer).unwrap();
        assert_eq!(
            text,
            r#"{"certificate":"SHA256:x","items":[{"id":"0","status":"fresh"},{"id":"0","status":"resealed","value":"Ah="},{"id":"0","status":"failed"}]}"#
        );
        assert_eq!(serde_json::from_str::<ResealAnswer>(&text).unwrap(), answer);
        let text = serde_json::to_vec(&request).unwrap();
        assert_eq!(ResealRequest::parse(&text).unwrap(), request);
    }

    #[test]
    fn what_is_no_request_is_refused_without_being_quoted() {
        let item = |id: &str, namespace: &str, name: &str, scope: &str| {
            format!(r#"{{"id":"{id}","namespace":"{namespace}","name":"{name}","scope":"{scope}","value":""}}"#)
        };
        let list = |items: &[String]| format!(r#"{{"items":[{}]}}"#, items.join(","));
        let long = "x".repeat(1025);
        for (body, expected) in [
            (String::new(), "not a list of items: line 1, column 0"),
            ("canary".to_owned(), "not a list of items: line 1, column 1"),
            (list(&[item("0", "a", "b", "wide")]), "not a list of items: line 1, column 61"),
            (list(&[item("0", "a", "b", "")]), "not a list of items: line 1, column 57"),
            (r#"{"items":[],"canary":1}"#.to_owned(), "not a list of items: line 1, column 20"),
            (list(&vec![item("0", "a", "b", "strict"); 501]), "more than 500 items"),
            (list(&[item(&long, "a", "b", "strict")]), "an id, a namespace or a name has more than 1024 bytes"),
            (list(&[item("0", "", "b", "strict")]), NO_PLACE),
            (list(&[item("0", "a", "", "strict")]), NO_PLACE),
            (list(&[item("0", "", "b", "namespace-wide")]), NO_PLACE),
        ] {
            assert_eq!(ResealRequest::parse(body.as_bytes()).unwrap_err().to_string(), expected);
        }
        for fine in [item("0", "", "", "cluster-wide"), item("0", "a", "", "namespace-wide")] {
            assert!(ResealRequest::parse(list(&[fine]).as_bytes()).is_ok());
        }
    }

    const NO_PLACE: &str = "an item that is not cluster-wide needs a namespace, and a strict one a name";
}
