//! Whose hand changed a Secret: read from `metadata.managedFields`, which the API server keeps and everybody may name
//! themselves in. What is read here is shown to people and counted, never believed. Pure.

use serde_json::Value;

use super::Hand;
use crate::plan::Changes;

/// Our own name in `managedFields`.
pub(crate) const FIELD_MANAGER: &str = "bulla";
/// Entries that are read. The API server merges old ones from ten of a kind on.
const MAX_ENTRIES: usize = 64;
/// The longest name that is shown; the API server takes none longer.
const MAX_NAME: usize = 128;
/// Fields of one hand that are named.
const MAX_FIELDS: usize = 10;

/// What one hand changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Blame {
    pub(crate) hand: Hand,
    /// `data key "password"`, `label "app"`: names, no values.
    pub(crate) fields: Vec<String>,
    /// Fields beyond those that are named.
    pub(crate) more: usize,
}

impl Blame {
    /// The fields in words.
    pub(crate) fn what(&self) -> String {
        let mut what = self.fields.join(", ");
        if self.more > 0 {
            what.push_str(&format!(" and {} more", self.more));
        }
        what
    }
}

/// One entry of `managedFields` that is not ours.
struct Entry<'a> {
    manager: &'a str,
    time: &'a str,
    fields: &'a Value,
}

/// Who made the differences that `changes` puts right, sorted by name. Never empty.
///
/// A field that is there belongs to whoever wrote it last. One that is gone belongs to nobody; it is put down to the one who
/// wrote last of all, if that was not before us.
pub(crate) fn blame(managed_fields: &Value, changes: &Changes) -> Vec<Blame> {
    let entries = managed_fields.as_array().map(Vec::as_slice).unwrap_or_default();
    let entries = || entries.iter().take(MAX_ENTRIES).filter_map(Entry::read);
    let ours =
        entries().filter(|entry| entry.manager == FIELD_MANAGER).map(|entry| entry.time).max().unwrap_or_default();
    let others: Vec<Entry<'_>> = entries().filter(|entry| entry.manager != FIELD_MANAGER).collect();
    let last = others.iter().filter(|entry| entry.time >= ours).max_by_key(|entry| entry.time);

    let mut blames: Vec<Blame> = Vec::new();
    let mut add = |path: &[&str], field: String| {
        let owner = others.iter().filter(|entry| entry.owns(path)).max_by_key(|entry| entry.time).or(last);
        let hand = owner.map_or(Hand::Somebody, |entry| Hand::Manager(shown(entry.manager)));
        let blame = match blames.iter_mut().position(|blame| blame.hand == hand) {
            Some(index) => &mut blames[index],
            None => {
                blames.push(Blame { hand, fields: Vec::new(), more: 0 });
                let last = blames.len() - 1;
                &mut blames[last]
            }
        };
        if blame.fields.len() < MAX_FIELDS { blame.fields.push(field) } else { blame.more += 1 }
    };
    for name in &changes.data {
        add(&["f:data", &format!("f:{name}")], format!("data key {name:?}"));
    }
    for name in &changes.labels {
        add(&["f:metadata", "f:labels", &format!("f:{name}")], format!("label {name:?}"));
    }
    for name in &changes.annotations {
        add(&["f:metadata", "f:annotations", &format!("f:{name}")], format!("annotation {name:?}"));
    }
    if changes.owner {
        add(&["f:metadata", "f:ownerReferences"], "the owner reference".to_owned());
    }
    blames.sort_by(|a, b| a.hand.cmp(&b.hand));
    blames
}

impl<'a> Entry<'a> {
    fn read(entry: &'a Value) -> Option<Self> {
        let text = |field: &str| entry.get(field).and_then(Value::as_str).unwrap_or_default();
        // `status` and its like are written by others than the Secret itself.
        let whole = text("subresource").is_empty() && !text("manager").is_empty();
        whole.then(|| Self {
            manager: text("manager"),
            // RFC 3339 in UTC to the second, as the API server writes it, sorts as text.
            time: text("time"),
            fields: entry.get("fieldsV1").unwrap_or(&Value::Null),
        })
    }

    fn owns(&self, path: &[&str]) -> bool {
        path.iter().try_fold(self.fields, |fields, step| fields.get(*step)).is_some()
    }
}

/// Of somebody else's choice: cut, and without what a terminal would obey.
fn shown(name: &str) -> Box<str> {
    name.chars().take(MAX_NAME).map(|letter| if letter.is_control() { '?' } else { letter }).collect::<String>().into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn entry(manager: &str, second: u32, fields: Value) -> Value {
        json!({"manager": manager, "operation": "Update", "apiVersion": "v1", "time": format!("2026-01-01T00:00:{second:02}Z"),
            "fieldsType": "FieldsV1", "fieldsV1": fields})
    }

    fn changes(data: &[&str], labels: &[&str]) -> Changes {
        let boxed = |names: &[&str]| names.iter().map(|name| (*name).into()).collect();
        Changes { data: boxed(data), labels: boxed(labels), ..Changes::default() }
    }

    /// `name: fields` of each hand.
    fn told(managed_fields: &Value, changes: &Changes) -> Vec<String> {
        blame(managed_fields, changes).iter().map(|blame| format!("{}: {}", blame.hand, blame.what())).collect()
    }

    #[test]
    fn a_field_is_put_down_to_whoever_owns_it() {
        let fields = json!([
            entry("bulla", 1, json!({"f:data": {".": {}, "f:a": {}, "f:b": {}}})),
            entry("bot", 5, json!({"f:data": {"f:a": {}}, "f:metadata": {"f:labels": {"f:app": {}}}})),
            entry("old", 3, json!({"f:data": {"f:a": {}}})),
            entry("kubectl-edit", 4, json!({"f:data": {"f:b": {}}})),
        ]);
        assert_eq!(told(&fields, &changes(&["a"], &["app"])), ["\"bot\": data key \"a\", label \"app\""]);
        assert_eq!(
            told(&fields, &changes(&["b", "a"], &[])),
            ["\"bot\": data key \"a\"", "\"kubectl-edit\": data key \"b\""]
        );
        let annotated =
            json!([entry("x", 1, json!({"f:metadata": {"f:annotations": {"f:n": {}}, "f:ownerReferences": {}}}))]);
        let others = Changes { annotations: vec!["n".into()], owner: true, ..Changes::default() };
        assert_eq!(told(&annotated, &others), ["\"x\": annotation \"n\", the owner reference"]);
    }

    #[test]
    fn what_is_gone_is_put_down_to_whoever_wrote_last_after_us() {
        let with = |second| {
            json!([entry("bulla", 4, json!({})), entry("late", second, json!({})), entry("early", 1, json!({}))])
        };
        assert_eq!(told(&with(5), &changes(&["a"], &[])), ["\"late\": data key \"a\""]);
        assert_eq!(told(&with(4), &changes(&["a"], &[])), ["\"late\": data key \"a\""], "times are to the second");
        assert_eq!(told(&with(3), &changes(&["a"], &[])), ["somebody: data key \"a\""]);
    }

    #[test]
    fn we_and_subresources_are_never_blamed() {
        let mut scaled = entry("scaler", 9, json!({"f:data": {"f:a": {}}}));
        scaled["subresource"] = json!("status");
        let fields = json!([entry("bulla", 1, json!({"f:data": {"f:a": {}}})), scaled]);
        assert_eq!(told(&fields, &changes(&["a"], &[])), ["somebody: data key \"a\""]);
    }

    #[test]
    fn hostile_managed_fields_are_read_within_bounds() {
        for odd in [
            json!(null),
            json!(1),
            json!([1, {}, {"manager": 5}, {"manager": ""}]),
            json!([{"manager": "x", "fieldsV1": []}]),
        ] {
            assert_eq!(blame(&odd, &changes(&["a"], &[])).len(), 1, "{odd}");
        }
        let long = json!([entry(&format!("\u{1b}[2J{}", "x".repeat(5000)), 9, json!({}))]);
        let Hand::Manager(name) = &blame(&long, &changes(&["a"], &[]))[0].hand else { panic!("it has a name") };
        assert_eq!((name.chars().count(), name.contains('\u{1b}')), (MAX_NAME, false));
        let late =
            json!((0..200).map(|n| entry(&n.to_string(), 1, json!({"f:data": {"f:a": {}}}))).collect::<Vec<_>>());
        assert_eq!(told(&late, &changes(&["a"], &[])), ["\"63\": data key \"a\""]);
        let names: Vec<String> = (0..50).map(|n| n.to_string()).collect();
        let many = changes(&names.iter().map(String::as_str).collect::<Vec<_>>(), &[]);
        assert!(told(&json!([]), &many)[0].ends_with("data key \"9\" and 40 more"));
    }
}
