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

/// The differences; `Ok` are those that are meant, with the reason.
pub(crate) fn differences(_case: &Case, theirs: &Outcome, ours: &Outcome) -> Vec<Result<&'static str, String>> {
    let mut found = Vec::new();
    if theirs.synced != ours.synced {
        found.push(Err(format!(
            "Synced is {}, ours {}: {:?} and {:?}",
            theirs.synced, ours.synced, theirs.message, ours.message
        )));
    } else if theirs.message != ours.message {
        found.push(Err(format!("the message is {:?}, ours {:?}", theirs.message, ours.message)));
    }
    match (&theirs.secret, &ours.secret) {
        (None, None) => {}
        (Some(theirs), Some(ours)) => {
            let fields = [
                ("data", &theirs.data, &ours.data),
                ("type", &theirs.kind, &ours.kind),
                ("immutable", &theirs.immutable, &ours.immutable),
                ("labels", &json!(theirs.labels), &json!(ours.labels)),
                ("annotations", &json!(theirs.annotations), &json!(ours.annotations)),
                ("ownerReferences", &theirs.owners, &ours.owners),
                ("finalizers", &theirs.finalizers, &ours.finalizers),
            ];
            for (field, theirs, ours) in fields {
                if theirs != ours {
                    found.push(Err(format!("{field}: {theirs}, ours {ours}")));
                }
            }
        }
        (theirs, ours) => {
            let is = |secret: &Option<Secret>| if secret.is_some() { "there" } else { "not there" };
            found.push(Err(format!("the Secret is {}, ours {}", is(theirs), is(ours))));
        }
    }
    found
}
