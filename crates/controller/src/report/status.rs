//! `status` of a SealedSecret, as JSON (sealed-secrets 3). Read leniently: whatever other controllers put there is kept.

use serde::Serialize;
use serde_json::{Map, Value};

/// The first condition: upstream's, and the only one that its controller writes.
pub(crate) const SYNCED: &str = "Synced";
/// The same truth with the explanation for people.
pub(crate) const READY: &str = "Ready";
/// Present, and `True`, while it is tried again and likely to come right by itself.
pub(crate) const RECONCILING: &str = "Reconciling";
/// Present, and `True`, while a person or another object has to mend it.
pub(crate) const STALLED: &str = "Stalled";
/// The record of what was written, see [`super::applied`].
pub(crate) const APPLIED: &str = "Applied";

/// `status`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct SealedStatus {
    /// The generation of the object that the conditions speak of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) observed_generation: Option<i64>,
    /// `Synced` first.
    pub(crate) conditions: Vec<Condition>,
}

/// One entry of `status.conditions`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Condition {
    #[serde(rename = "type")]
    pub(crate) kind: Box<str>,
    /// `True`, `False` or `Unknown`.
    pub(crate) status: Box<str>,
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) reason: Box<str>,
    /// Left out when empty, as upstream does on success.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) message: Box<str>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) last_update_time: Box<str>,
    /// RFC 3339.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub(crate) last_transition_time: Box<str>,
}

impl SealedStatus {
    /// Reads what is readable; a condition without a type is dropped, since the API server would refuse to take it back.
    pub(crate) fn from_json(status: &Value) -> Self {
        let conditions = status.get("conditions").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        Self {
            observed_generation: status.get("observedGeneration").and_then(Value::as_i64),
            conditions: conditions.iter().filter_map(Value::as_object).filter_map(Condition::from_json).collect(),
        }
    }

    /// The first condition of a type.
    pub(crate) fn condition(&self, kind: &str) -> Option<&Condition> {
        self.conditions.iter().find(|condition| &*condition.kind == kind)
    }

    /// Whether it says of `generation` that all is well: `Synced` first and `True`, and no word of trouble.
    pub(crate) fn is_synced(&self, generation: i64) -> bool {
        self.observed_generation == Some(generation)
            && self.conditions.first().is_some_and(|first| &*first.kind == SYNCED && first.is_true())
            && [RECONCILING, STALLED].into_iter().all(|kind| self.condition(kind).is_none())
    }
}

impl Condition {
    fn from_json(condition: &Map<String, Value>) -> Option<Self> {
        let text = |field: &str| condition.get(field).and_then(Value::as_str).unwrap_or_default().into();
        let condition = Self {
            kind: text("type"),
            status: text("status"),
            reason: text("reason"),
            message: text("message"),
            last_update_time: text("lastUpdateTime"),
            last_transition_time: text("lastTransitionTime"),
        };
        (!condition.kind.is_empty()).then_some(condition)
    }

    pub(crate) fn is_true(&self) -> bool {
        &*self.status == "True"
    }

    /// Whether two conditions say the same, whenever they were written.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        (&self.kind, &self.status, &self.reason, &self.message)
            == (&other.kind, &other.status, &other.reason, &other.message)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_any_status_and_writes_back_what_it_read() {
        let status = json!({"observedGeneration": 4, "conditions": [
            {"type": "Synced", "status": "True", "lastUpdateTime": "2026-01-01T00:00:00Z"},
            {"type": "Foreign", "status": "Unknown", "reason": "X", "message": "m"},
        ]});
        let read = SealedStatus::from_json(&status);
        assert_eq!(serde_json::to_value(&read).unwrap(), status);
        assert!(read.is_synced(4) && !read.is_synced(5));
        for trouble in [RECONCILING, STALLED] {
            let mut read = read.clone();
            read.conditions.push(Condition { kind: trouble.into(), ..Condition::default() });
            assert!(!read.is_synced(4));
        }
        for odd in [json!(null), json!(1), json!({"conditions": 1}), json!({"conditions": [1, {}, {"type": 3}]})] {
            assert_eq!(SealedStatus::from_json(&odd), SealedStatus::default());
        }
    }
}
