//! The SealedSecret dialect: the Secret is what core's two steps of unsealing give, and a failure is put into upstream's words.

use bulla_core::sealed::{
    FailureClass, ItemErrors, KeyRing, ObjectHints, OpenedSecret, SealedSecret, UnsealError, UnsealOptions,
    UnsealedSecret, open,
};

use super::templates::render_templates;
use crate::report::reason::Reason;

/// Items that an explanation names: the status has room for some causes, not for the names of thousands of items.
const SHOWN_ITEMS: usize = 10;
/// Explanations that are given: the cure comes behind them.
const SHOWN_CAUSES: usize = 8;

/// Why an object states no Secret. Holds no byte of a value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unstated {
    pub(crate) reason: Reason,
    /// Upstream's words (sealed-secrets 4.2).
    pub(crate) error: String,
    /// For people.
    pub(crate) explanations: Vec<String>,
    /// Whether another key could mend it.
    pub(crate) wants_key: bool,
    /// Whether it may pass without any change, so that it has to be found out anew at each try.
    pub(crate) may_pass: bool,
}

/// The values of `object`. Costs RSA private operations: not for the async runtime.
pub(crate) fn opened(
    object: &SealedSecret,
    ring: &KeyRing,
    hints: &mut ObjectHints,
    accept_deprecated_data: bool,
) -> Result<OpenedSecret, Unstated> {
    let options = UnsealOptions { accept_deprecated_data, ..UnsealOptions::default() };
    open(object, ring, hints, options).map_err(|error| unstated(&error))
}

/// The Secret that an object states. May run templates: not for the async runtime if it does.
pub(crate) fn rendered(opened: OpenedSecret) -> Result<UnsealedSecret, Unstated> {
    opened.render(&render_templates).map_err(|error| unstated(&error))
}

fn unstated(error: &UnsealError) -> Unstated {
    let mut explanations = match error {
        UnsealError::Items(items) => items.explanations(SHOWN_ITEMS),
        UnsealError::Templates(templates) => templates.errors.values().cloned().collect(),
        _ => Vec::new(),
    };
    if let Some(more @ 1..) = explanations.len().checked_sub(SHOWN_CAUSES) {
        explanations.truncate(SHOWN_CAUSES);
        explanations.push(format!("and {more} more"));
    }
    let wants_key = matches!(error, UnsealError::Items(items) if items.iter().any(|(_, failure)| {
        matches!(failure.class(), FailureClass::WrongKey | FailureClass::WrongLabel)
    }));
    let may_pass = matches!(error, UnsealError::Templates(templates) if templates.out_of_time);
    Unstated { reason: reason(error), error: error.to_string(), explanations, wants_key, may_pass }
}

/// An object that could not even be read as a SealedSecret.
pub(crate) fn unreadable(why: &str) -> Unstated {
    Unstated {
        reason: Reason::Malformed,
        error: why.to_owned(),
        explanations: Vec::new(),
        wants_key: false,
        may_pass: false,
    }
}

fn reason(error: &UnsealError) -> Reason {
    match error {
        UnsealError::Items(items) => reason_of_items(items),
        UnsealError::DeprecatedDataOff | UnsealError::BothDataFields | UnsealError::DeprecatedDataMalformed => {
            Reason::DeprecatedData
        }
        UnsealError::Templates(_) => Reason::TemplateFailed,
        // Core may learn of more causes; until they have a name here they concern the object as a whole.
        _ => Reason::Malformed,
    }
}

/// Of several causes the one that a person can do most about comes first: a mangled text, then damage, then a wrong scope
/// or name. A missing key explains only what nothing else explains.
fn reason_of_items(items: &ItemErrors) -> Reason {
    let has = |class: FailureClass| items.iter().any(|(_, failure)| failure.class() == class);
    if has(FailureClass::Malformed) {
        Reason::Malformed
    } else if has(FailureClass::Damaged) {
        Reason::Damaged
    } else if has(FailureClass::WrongLabel) {
        Reason::WrongScope
    } else {
        Reason::WrongKey
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn failing(spec: Value) -> Unstated {
        let object =
            SealedSecret::from_json(&json!({"metadata": {"name": "a", "namespace": "ns"}, "spec": spec})).unwrap();
        opened(&object, &KeyRing::new([]), &mut ObjectHints::default(), false).and_then(rendered).err().unwrap()
    }

    #[test]
    fn every_failure_has_a_reason_and_upstreams_words() {
        use base64::Engine as _;
        let sealed = base64::engine::general_purpose::STANDARD.encode([&[1, 0][..], &[7; 300]].concat());
        for (spec, reason, error, wants_key) in [
            (json!({"encryptedData": {"a": sealed}}), Reason::WrongKey, "no key could decrypt secret (a)", true),
            (json!({"encryptedData": {"a": "!"}}), Reason::Malformed, "illegal base64 data at input byte 0 (a)", false),
            (
                json!({"encryptedData": {"a": sealed, "b": 1}}),
                Reason::Malformed,
                "no key could decrypt secret (a)\nencryptedData must hold text, found a number (b)",
                true,
            ),
            (
                json!({"encryptedData": {}, "template": {"data": {"k": "{{ fail .k }}", "l": "{{"}}}),
                Reason::TemplateFailed,
                "template: k:1:3: executing \"k\" at <fail .k>: error calling fail: the template called fail; its text is not shown (k)\ntemplate: l:1: unclosed action (l)",
                false,
            ),
            (
                json!({"data": "AgA="}),
                Reason::DeprecatedData,
                "using deprecated 'data' field, use 'encryptedData' or flip the feature flag",
                false,
            ),
        ] {
            let failed = failing(spec);
            assert_eq!((failed.reason, failed.error.as_str(), failed.wants_key), (reason, error, wants_key));
        }
    }
}
