//! What the labels of a key Secret say that the key may do. `docs/controller.md` holds the same table, and a test keeps the two
//! equal.
//!
//! Two labels decide. Upstream's says whether the key is loaded at all. Ours narrows what a loaded key is used for; upstream's
//! controller does not know it, so after a swap back every key that is still labelled active opens and may seal again.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value};

use crate::sealed::{KEY_ACTIVE, KEY_LABEL};

/// A certificate that begins later than this from now is passed over: clocks differ a little, not by days.
pub const MAX_CLOCK_SKEW: Duration = Duration::from_secs(300);

/// Whether a certificate begins too late to be the newest now.
pub fn begins_in_the_future(not_before: Timestamp, now: Timestamp) -> bool {
    not_before > now.saturating_add(MAX_CLOCK_SKEW).unwrap_or(now)
}

/// On a key Secret: what the key is still used for. Absent means active.
pub const KEY_STATE_LABEL: &str = "bulla.dev/key-state";

/// What a Secret's labels say about it as a sealing key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyLabel {
    /// It is not labelled as a key.
    None,
    /// Labelled as a key, with another word than `active`: it is not loaded, whatever its name.
    Inactive,
    /// Labelled active: it is loaded.
    Active(KeyState),
}

impl KeyLabel {
    /// From the `metadata` of a Secret.
    pub fn from_metadata(metadata: &Map<String, Value>) -> Self {
        let label = |name: &str| metadata.get("labels").and_then(|labels| labels.get(name)).and_then(Value::as_str);
        match (label(KEY_LABEL), label(KEY_STATE_LABEL)) {
            (Some(KEY_ACTIVE), state) => Self::Active(KeyState::parse(state.unwrap_or_default())),
            (Some(_), _) => Self::Inactive,
            (None, _) => Self::None,
        }
    }
}

/// What a loaded key is used for. Every one of them opens: a key that must not even open is relabelled, and then not loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum KeyState {
    /// It seals and opens.
    Active,
    /// It opens.
    DecryptOnly,
    /// It opens, and somebody else may have it: whatever still uses it is to be sealed again, with another value.
    Compromised,
    /// It opens, and nothing should use it any more.
    Retired,
    /// A word from a newer version. Not to seal with the key is the careful reading.
    Unknown,
}

impl KeyState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Active, Self::DecryptOnly, Self::Compromised, Self::Retired, Self::Unknown];

    /// From the value of the label; an absent one is empty.
    pub fn parse(word: &str) -> Self {
        match word {
            "" | "active" => Self::Active,
            "decrypt-only" => Self::DecryptOnly,
            "compromised" => Self::Compromised,
            "retired" => Self::Retired,
            _ => Self::Unknown,
        }
    }

    /// The word in the label and in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::DecryptOnly => "decrypt-only",
            Self::Compromised => "compromised",
            Self::Retired => "retired",
            Self::Unknown => "unknown",
        }
    }

    /// Whether its certificate may be published.
    pub fn seals(self) -> bool {
        self == Self::Active
    }

    /// Whether an object that still uses it is something to mend.
    pub fn should_be_unused(self) -> bool {
        matches!(self, Self::Compromised | Self::Retired)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn label(labels: Value) -> KeyLabel {
        KeyLabel::from_metadata(json!({ "labels": labels }).as_object().unwrap())
    }

    #[test]
    fn two_labels_decide_what_a_key_may_do() {
        assert_eq!(label(json!({})), KeyLabel::None);
        assert_eq!(label(json!({KEY_STATE_LABEL: "compromised"})), KeyLabel::None, "ours alone makes no key");
        for word in ["compromised", "retired", "", "Active"] {
            assert_eq!(label(json!({KEY_LABEL: word, KEY_STATE_LABEL: "active"})), KeyLabel::Inactive, "{word}");
        }
        assert_eq!(label(json!({KEY_LABEL: "active"})), KeyLabel::Active(KeyState::Active));
        for (word, state) in [
            ("", KeyState::Active),
            ("active", KeyState::Active),
            ("decrypt-only", KeyState::DecryptOnly),
            ("compromised", KeyState::Compromised),
            ("retired", KeyState::Retired),
            ("something new", KeyState::Unknown),
        ] {
            assert_eq!(label(json!({KEY_LABEL: "active", KEY_STATE_LABEL: word})), KeyLabel::Active(state), "{word}");
        }
    }

    /// Every row of the documentation: what the code says, and what upstream's controller does, which knows its own label only.
    #[test]
    fn the_documentation_holds_the_table_of_states() {
        let yes = |answer: bool| if answer { "yes" } else { "no" };
        let mut table = String::from(
            "| state | opens | seals, and served at `/v1/cert.pem` | in backups | an object that uses it | upstream's controller after a \
             swap back |\n|---|---|---|---|---|---|\n",
        );
        for state in KeyState::ALL {
            let used = if state.should_be_unused() { "counted, and warned of" } else { "counted" };
            table.push_str(&format!(
                "| `{}` | yes | {} | yes | {used} | opens, and may seal |\n",
                state.as_str(),
                yes(state.seals())
            ));
        }
        table.push_str(
            "| upstream's label is not `active` | no | no | no | named by its condition when it fails | not loaded |\n",
        );
        let documentation = include_str!("../../../../docs/controller.md");
        assert!(documentation.contains(&table), "put this table into docs/controller.md:\n{table}");
    }

    #[test]
    fn only_an_active_key_seals() {
        for state in KeyState::ALL {
            assert_eq!(state.seals(), state == KeyState::Active, "{state:?}");
            assert_eq!(KeyState::parse(state.as_str()), state);
        }
    }
}
