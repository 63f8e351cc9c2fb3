//! `metadata.managedFields`: who manages which fields, since when, by which operation.

use serde_json::{Value, json};

use super::fields::Fields;

/// More managers than this that wrote by create, update or patch are put together as one.
const MAX_UPDATERS: usize = 10;

/// Who manages fields. Two entries with the same of all these are one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Manager {
    /// Server-side apply, else create, update or patch.
    pub(super) applies: bool,
    pub(super) name: String,
    pub(super) api_version: String,
    pub(super) subresource: String,
}

/// One entry.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub(super) manager: Manager,
    pub(super) fields: Fields,
    pub(super) time: String,
}

/// All entries.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Managers(pub(super) Vec<Entry>);

impl Manager {
    /// As conflicts name it.
    pub(super) fn shown(&self) -> String {
        let mut text = format!("{:?}", self.name);
        if !self.subresource.is_empty() {
            text.push_str(&format!(" with subresource {:?}", self.subresource));
        }
        if !self.applies {
            text.push_str(&format!(" using {}", self.api_version));
        }
        text
    }
}

impl Managers {
    pub(super) fn read(value: Option<&Value>) -> Self {
        let entries = value.and_then(Value::as_array).into_iter().flatten().map(|entry| {
            let text = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
            Entry {
                manager: Manager {
                    applies: text("operation") == "Apply",
                    name: text("manager"),
                    api_version: text("apiVersion"),
                    subresource: text("subresource"),
                },
                fields: Fields::from_value(entry.get("fieldsV1").unwrap_or(&Value::Null)),
                time: text("time"),
            }
        });
        Self(entries.collect())
    }

    /// The list, in the order of the real API server; `None` if nobody manages anything.
    pub(super) fn to_value(&self) -> Option<Value> {
        let mut entries: Vec<&Entry> = self.0.iter().filter(|entry| !entry.fields.is_empty()).collect();
        entries.sort_by_key(|entry| (!entry.manager.applies, &entry.time, &entry.manager));
        let shown = entries.into_iter().map(|Entry { manager, fields, time }| {
            let mut shown = json!({
                "manager": manager.name,
                "operation": if manager.applies { "Apply" } else { "Update" },
                "apiVersion": manager.api_version,
                "time": time,
                "fieldsType": "FieldsV1",
                "fieldsV1": fields.to_value(),
            });
            if !manager.subresource.is_empty() {
                shown["subresource"] = json!(manager.subresource);
            }
            shown
        });
        let shown: Vec<Value> = shown.collect();
        (!shown.is_empty()).then_some(Value::Array(shown))
    }

    pub(super) fn get(&self, manager: &Manager) -> Option<&Fields> {
        self.0.iter().find(|entry| entry.manager == *manager).map(|entry| &entry.fields)
    }

    /// Sets what a manager manages. Its time moves only if that changes, so that a write of nothing new is no write.
    pub(super) fn set(&mut self, manager: &Manager, fields: Fields, now: &str) {
        match self.0.iter_mut().find(|entry| entry.manager == *manager) {
            Some(entry) if entry.fields == fields => (),
            Some(entry) => (entry.fields, entry.time) = (fields, now.to_owned()),
            None => self.0.push(Entry { manager: manager.clone(), fields, time: now.to_owned() }),
        }
        self.0.retain(|entry| !entry.fields.is_empty());
    }

    /// Takes fields away from everybody but `manager`.
    pub(super) fn take_away(&mut self, manager: &Manager, fields: &Fields) {
        for entry in self.0.iter_mut().filter(|entry| entry.manager != *manager) {
            entry.fields = entry.fields.without(fields);
        }
        self.0.retain(|entry| !entry.fields.is_empty());
    }

    /// Puts the oldest updaters together, once there are too many.
    pub(super) fn cap(&mut self) {
        let updaters = |all: &[Entry]| all.iter().filter(|entry| !entry.manager.applies).count();
        while updaters(&self.0) > MAX_UPDATERS {
            let mut oldest: Vec<usize> = (0..self.0.len()).filter(|index| !self.0[*index].manager.applies).collect();
            oldest.sort_by_key(|index| (self.0[*index].manager.name != "ancient-changes", &self.0[*index].time));
            let [first, second, ..] = oldest[..] else { return };
            let second = self.0.remove(second);
            // Removing moved what stood behind it.
            let first = if first < self.0.len() { first } else { first - 1 };
            let merged = &mut self.0[first];
            merged.fields.union(&second.fields);
            merged.manager.name = "ancient-changes".to_owned();
            merged.time = merged.time.clone().max(second.time);
        }
    }
}
