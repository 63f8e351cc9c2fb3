//! What came of an object, and where the two controllers may differ.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use crate::generator::Case;
use crate::harness::api::condition;

/// The Secret and the condition, without what differs from run to run.
#[derive(Debug)]
pub(crate) struct Outcome {
    /// `True` or `False`.
    synced: String,
    /// Lines of the message, sorted, with the keys in parentheses sorted.
    message: Vec<String>,
    secret: Option<Secret>,
}

#[derive(Debug)]
struct Secret {
    data: Value,
    kind: Value,
    immutable: Value,
    labels: Map<String, Value>,
    annotations: Map<String, Value>,
    owners: Value,
    finalizers: Value,
}

impl Outcome {
    pub(crate) fn new(sealed: &Value, secret: Option<&Value>) -> Self {
        let synced = condition(sealed, "Synced").unwrap();
        let mut message: Vec<String> =
            synced["message"].as_str().unwrap_or_default().lines().map(with_sorted_keys).collect();
        message.sort();
        let uid = &sealed["metadata"]["uid"];
        Self {
            synced: synced["status"].as_str().unwrap().to_owned(),
            message,
            secret: secret.map(|secret| Secret::new(secret, uid)),
        }
    }

    pub(crate) fn is_synced(&self) -> bool {
        self.synced == "True"
    }
}

impl Secret {
    fn new(secret: &Value, uid: &Value) -> Self {
        let metadata = &secret["metadata"];
        let map = |value: &Value| value.as_object().cloned().unwrap_or_default();
        let text = metadata["ownerReferences"].to_string().replace(uid.as_str().unwrap(), "OURS");
        Self {
            data: json!(map(&secret["data"])),
            kind: secret["type"].clone(),
            immutable: secret["immutable"].clone(),
            labels: map(&metadata["labels"]),
            annotations: map(&metadata["annotations"]),
            owners: serde_json::from_str(&text).unwrap(),
            finalizers: metadata["finalizers"].clone(),
        }
    }
}

fn with_sorted_keys(line: &str) -> String {
    let keys = line.strip_suffix(')').and_then(|line| line.rsplit_once(" ("));
    let Some((message, keys)) = keys else { return line.to_owned() };
    let keys: BTreeSet<&str> = keys.split(", ").collect();
    format!("{message} ({})", keys.into_iter().collect::<Vec<_>>().join(", "))
}

const NOT_MANAGED: &str = "already exists and is not managed by SealedSecret";
const SKIP_OWNER: &str = "sealedsecrets.bitnami.com/skip-set-owner-references";

/// The differences; `Ok` are those that are meant, with the reason.
pub(crate) fn differences(case: &Case, theirs: &Outcome, ours: &Outcome) -> Vec<Result<&'static str, String>> {
    // Upstream writes such a Secret once, and refuses it ever after.
    let skips = case.sealed["spec"]["template"]["metadata"]["annotations"][SKIP_OWNER] == "true";
    if skips && ours.is_synced() && theirs.message.iter().any(|line| line.ends_with(NOT_MANAGED)) {
        return vec![Ok("a Secret that was created without an owner is still known")];
    }
    let mut found = Vec::new();
    if theirs.synced != ours.synced {
        let (theirs, ours) =
            (format!("{} {:?}", theirs.synced, theirs.message), format!("{} {:?}", ours.synced, ours.message));
        found.push(Err(format!("Synced is {theirs}, ours {ours}")));
    } else if theirs.message != ours.message {
        let meant = meant_message(&theirs.message, &ours.message);
        let text = || format!("the message is {:?}, ours {:?}", theirs.message, ours.message);
        found.push(meant.ok_or_else(text));
    }
    match (&theirs.secret, &ours.secret) {
        (None, None) => {}
        (Some(theirs), Some(ours)) => secret_differences(case, theirs, ours, &mut found),
        (theirs, ours) => {
            let is = |secret: &Option<Secret>| if secret.is_some() { "there" } else { "not there" };
            found.push(Err(format!("the Secret is {}, ours {}", is(theirs), is(ours))));
        }
    }
    found
}

fn meant_message(theirs: &[String], ours: &[String]) -> Option<&'static str> {
    let theirs_has = |words: &str| theirs.iter().any(|line| line.contains(words));
    let ours_has = |words: &str| ours.iter().any(|line| line.contains(words));
    if theirs_has("type: Invalid value") && ours_has("cannot change from") {
        return Some("a change of type is refused without a request, and both types are named");
    }
    if theirs_has("field is immutable when `immutable` is set") && ours_has("the target Secret is immutable") {
        return Some("an immutable Secret is refused without a request, in the words of upstream's event");
    }
    let is_template = |line: &&String| line.starts_with("template: ");
    let (their_templates, their_items): (Vec<_>, Vec<_>) = theirs.iter().partition(is_template);
    let (our_templates, our_items): (Vec<_>, Vec<_>) = ours.iter().partition(is_template);
    if their_items != our_items {
        return None;
    }
    if our_templates.is_empty() && !our_items.is_empty() {
        return Some("templates are not run without the values that they need");
    }
    let same = their_templates.len() == our_templates.len()
        && their_templates.iter().zip(&our_templates).all(|(theirs, ours)| {
            let place = |line: &str| line.split_once(": error calling ").map(|(place, _)| place.to_owned());
            let key = |line: &str| line.rsplit_once(" (").map(|(_, key)| key.to_owned());
            theirs == ours || (place(theirs).is_some() && place(theirs) == place(ours) && key(theirs) == key(ours))
        });
    same.then_some("a function's own words in an error are not passed on: they may quote a value")
}

fn secret_differences(case: &Case, theirs: &Secret, ours: &Secret, found: &mut Vec<Result<&'static str, String>>) {
    let existing = case.existing.as_ref().map(|secret| &secret["metadata"]);
    let is_foreign =
        |field: &str, name: &str, value: &Value| existing.is_some_and(|metadata| metadata[field][name] == *value);
    for (field, theirs, ours) in
        [("labels", &theirs.labels, &ours.labels), ("annotations", &theirs.annotations, &ours.annotations)]
    {
        let missing = theirs.iter().any(|(name, value)| ours.get(name) != Some(value));
        let mut more = ours.iter().filter(|(name, _)| !theirs.contains_key(*name));
        if missing || more.clone().any(|(name, value)| !is_foreign(field, name, value)) {
            found.push(Err(format!("{field}: {theirs:?}, ours {ours:?}")));
        } else if more.next().is_some() {
            found.push(Ok("labels and annotations of others stay"));
        }
    }
    if theirs.owners != ours.owners {
        let owners = |owners: &Value| owners.as_array().cloned().unwrap_or_default();
        let foreign = existing.map(|metadata| owners(&metadata["ownerReferences"])).unwrap_or_default();
        let kept: Vec<Value> = owners(&ours.owners).into_iter().filter(|owner| !foreign.contains(owner)).collect();
        found.push(if kept == owners(&theirs.owners) {
            Ok("owners that do not control stay")
        } else {
            Err(format!("ownerReferences: {}, ours {}", theirs.owners, ours.owners))
        });
    }
    if theirs.finalizers != ours.finalizers {
        found.push(if ours.finalizers.is_null() {
            Ok("finalizers of the template are not copied")
        } else {
            Err(format!("finalizers: {}, ours {}", theirs.finalizers, ours.finalizers))
        });
    }
    for (field, theirs, ours) in [
        ("data", &theirs.data, &ours.data),
        ("type", &theirs.kind, &ours.kind),
        ("immutable", &theirs.immutable, &ours.immutable),
    ] {
        if theirs != ours {
            found.push(Err(format!("{field}: {theirs}, ours {ours}")));
        }
    }
}
