//! Reviews: kinds that are only ever created. The answer is the object itself with a status; nothing is stored.
//!
//! `token` says who the bearer of a token is, `subject` who may do what. Here is what they share: the table of the kinds,
//! and how a body is read.

mod subject;
mod token;

use serde_json::{Value, json};

use crate::access::{AccessRule, Account};
use crate::object::Object;
use crate::status::{Answer, Failure, FieldError};

pub(crate) const VERSION: &str = "v1";

/// One kind of review.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Review {
    pub(crate) group: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) singular: &'static str,
    pub(crate) kind: &'static str,
}

/// Sorted by group and name, as discovery shows them.
pub(crate) const REVIEWS: &[Review] = &[
    Review { group: "authentication.k8s.io", plural: "tokenreviews", singular: "tokenreview", kind: "TokenReview" },
    Review {
        group: "authorization.k8s.io",
        plural: "selfsubjectaccessreviews",
        singular: "selfsubjectaccessreview",
        kind: "SelfSubjectAccessReview",
    },
    Review {
        group: "authorization.k8s.io",
        plural: "subjectaccessreviews",
        singular: "subjectaccessreview",
        kind: "SubjectAccessReview",
    },
];

/// What the answers depend on.
pub(crate) struct Known<'a> {
    pub(crate) caller: &'a Account,
    pub(crate) accounts: &'a [Account],
    pub(crate) rules: &'a [AccessRule],
}

impl Review {
    /// The kind at a path.
    pub(crate) fn find(group: &str, version: &str, plural: &str) -> Option<&'static Self> {
        REVIEWS.iter().find(|review| review.group == group && review.plural == plural && version == VERSION)
    }

    /// The kinds of a group.
    pub(crate) fn of(group: &str, version: &str) -> impl Iterator<Item = &'static Self> {
        REVIEWS.iter().filter(move |review| review.group == group && version == VERSION)
    }

    /// `tokenreviews.authentication.k8s.io`
    pub(crate) fn id(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    /// Answers the review in `body`.
    pub(crate) fn answer(&self, mut body: Object, known: &Known<'_>) -> Answer<Value> {
        let api_version = format!("{}/{VERSION}", self.group);
        for (field, wanted) in [("kind", self.kind), ("apiVersion", api_version.as_str())] {
            let given = body.get(field).and_then(Value::as_str).unwrap_or_default();
            if !given.is_empty() && given != wanted {
                return Err(Failure::bad_request(format!("the {field} {given:?} is not {wanted:?}")));
            }
        }
        let metadata = match body.remove("metadata") {
            Some(Value::Object(mut metadata)) => {
                metadata.retain(|_, value| !value.is_null());
                metadata
            }
            None | Some(Value::Null) => Object::new(),
            Some(_) => return Err(self.undecodable("metadata")),
        };
        let spec = match body.remove("spec") {
            Some(Value::Object(spec)) => spec,
            None | Some(Value::Null) => Object::new(),
            Some(_) => return Err(self.undecodable("spec")),
        };
        let (spec, status) = match self.kind {
            "TokenReview" => token::answer(self, &spec, known)?,
            _ => {
                if !metadata.is_empty() {
                    return Err(self.invalid("metadata", "Invalid value: must be empty"));
                }
                subject::answer(self, &spec, known)?
            }
        };
        Ok(json!({
            "kind": self.kind, "apiVersion": api_version, "metadata": metadata, "spec": spec, "status": status,
        }))
    }

    /// 422; the real one names no kind in these.
    fn invalid(&self, field: &str, text: &str) -> Failure {
        let about = crate::status::About { group: self.group, plural: "", kind: "", name: "" };
        Failure::invalid(about, vec![FieldError::invalid_text(field, text)])
    }

    fn undecodable(&self, field: &str) -> Failure {
        Failure::bad_request(format!(
            "{kind} in version {VERSION:?} cannot be handled as a {kind}: wrong type of field {field}",
            kind = self.kind
        ))
    }

    /// A text field; absent is "".
    fn text<'a>(&self, object: &'a Object, field: &str) -> Answer<&'a str> {
        match object.get(field) {
            None | Some(Value::Null) => Ok(""),
            Some(Value::String(text)) => Ok(text),
            Some(_) => Err(self.undecodable(field)),
        }
    }

    /// A list of texts; absent is empty.
    fn texts(&self, object: &Object, field: &str) -> Answer<Vec<String>> {
        match object.get(field) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::Array(list)) => list
                .iter()
                .map(|text| text.as_str().map(str::to_owned).ok_or_else(|| self.undecodable(field)))
                .collect(),
            Some(_) => Err(self.undecodable(field)),
        }
    }
}
