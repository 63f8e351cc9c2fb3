//! Label selectors (`a=b,c!=d,e in (x,y),!f`) and the simple field selectors (`metadata.name=x,type!=y`).

use crate::object::{Stored, selectable_names};
use crate::resource::Resource;
use crate::status::{Answer, Failure};

/// Which objects a list or a watch is about, beside the namespace.
#[derive(Debug, Default)]
pub(crate) struct Selector {
    labels: Vec<LabelTerm>,
    fields: Vec<FieldTerm>,
}

#[derive(Debug, PartialEq, Eq)]
struct LabelTerm {
    key: String,
    test: Test,
}

#[derive(Debug, PartialEq, Eq)]
enum Test {
    Exists,
    Absent,
    In(Vec<String>),
    NotIn(Vec<String>),
    Above(i64),
    Below(i64),
}

#[derive(Debug)]
struct FieldTerm {
    field: &'static str,
    value: String,
    equal: bool,
}

impl Selector {
    pub(crate) fn parse(resource: &Resource, labels: &str, fields: &str) -> Answer<Self> {
        Ok(Self { labels: parse_labels(labels)?, fields: parse_fields(resource, fields)? })
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.labels.is_empty() && self.fields.is_empty()
    }

    pub(crate) fn matches(&self, object: &Stored) -> bool {
        self.fields.iter().all(|term| (object.field(term.field) == term.value) == term.equal)
            && self.labels.iter().all(|term| term.test.matches(object.label(&term.key)))
    }

    /// The one name that can match, if the selector names one: a list needs no scan then.
    pub(crate) fn name(&self) -> Option<&str> {
        self.fields.iter().find(|term| term.equal && term.field == "metadata.name").map(|term| term.value.as_str())
    }
}

impl Test {
    fn matches(&self, label: Option<&str>) -> bool {
        match (self, label) {
            (Self::Exists, label) => label.is_some(),
            (Self::Absent, label) => label.is_none(),
            (Self::In(values), label) => label.is_some_and(|label| values.iter().any(|value| value == label)),
            (Self::NotIn(values), label) => label.is_none_or(|label| values.iter().all(|value| value != label)),
            (Self::Above(limit), label) => number(label).is_some_and(|number| number > *limit),
            (Self::Below(limit), label) => number(label).is_some_and(|number| number < *limit),
        }
    }
}

fn number(label: Option<&str>) -> Option<i64> {
    label?.parse().ok()
}

fn parse_labels(text: &str) -> Answer<Vec<LabelTerm>> {
    split_outside_brackets(text).into_iter().filter(|part| !part.trim().is_empty()).map(parse_label_term).collect()
}

/// Commas separate terms, except inside the brackets of `in (...)`.
fn split_outside_brackets(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0_usize, 0);
    for (index, byte) in text.bytes().enumerate() {
        match byte {
            b'(' => depth += 1,
            b')' => depth = depth.saturating_sub(1),
            b',' if depth == 0 => {
                parts.push(&text[start..index]);
                start = index + 1;
            }
            _ => (),
        }
    }
    parts.push(&text[start..]);
    parts
}

fn parse_label_term(term: &str) -> Answer<LabelTerm> {
    let term = term.trim();
    let wrong = || Failure::bad_request(format!("unable to parse requirement: {term:?} is not a label selector"));
    let make = |key: &str, test: Test| {
        let key = key.trim();
        if crate::validate::names::is_qualified_name(key) {
            Ok(LabelTerm { key: key.to_owned(), test })
        } else {
            Err(wrong())
        }
    };
    if let Some(key) = term.strip_prefix('!') {
        return make(key, Test::Absent);
    }
    if let Some(open) = term.find('(') {
        let values: Vec<String> = term[open + 1..]
            .strip_suffix(')')
            .ok_or_else(wrong)?
            .split(',')
            .map(|value| label_value(value).ok_or_else(wrong))
            .collect::<Answer<_>>()?;
        let head = term[..open].trim_end();
        // Longest first: `notin` ends with `in`.
        if let Some(key) = head.strip_suffix("notin").filter(|key| key.ends_with(char::is_whitespace)) {
            return make(key, Test::NotIn(values));
        }
        if let Some(key) = head.strip_suffix("in").filter(|key| key.ends_with(char::is_whitespace)) {
            return make(key, Test::In(values));
        }
        return Err(wrong());
    }
    if let Some((key, value)) = term.split_once("!=") {
        return make(key, Test::NotIn(vec![label_value(value).ok_or_else(wrong)?]));
    }
    if let Some((key, value)) = term.split_once("==").or_else(|| term.split_once('=')) {
        return make(key, Test::In(vec![label_value(value).ok_or_else(wrong)?]));
    }
    if let Some((key, value)) = term.split_once('>') {
        return make(key, Test::Above(value.trim().parse().map_err(|_| wrong())?));
    }
    if let Some((key, value)) = term.split_once('<') {
        return make(key, Test::Below(value.trim().parse().map_err(|_| wrong())?));
    }
    make(term, Test::Exists)
}

fn label_value(text: &str) -> Option<String> {
    let text = text.trim();
    crate::validate::names::is_label_value(text).then(|| text.to_owned())
}

fn parse_fields(resource: &Resource, text: &str) -> Answer<Vec<FieldTerm>> {
    split_fields(text)
        .into_iter()
        .filter(|term| !term.is_empty())
        .map(|term| parse_field_term(resource, &term))
        .collect()
}

/// Terms with their escapes (`\,`, `\=`, `\\`) still in.
fn split_fields(text: &str) -> Vec<String> {
    let mut terms = vec![String::new()];
    let mut escaped = false;
    for character in text.chars() {
        if character == ',' && !escaped {
            terms.push(String::new());
            continue;
        }
        escaped = character == '\\' && !escaped;
        if let Some(last) = terms.last_mut() {
            last.push(character);
        }
    }
    terms
}

fn parse_field_term(resource: &Resource, term: &str) -> Answer<FieldTerm> {
    let (name, value, equal) = term
        .split_once("!=")
        .map(|(name, value)| (name, value, false))
        .or_else(|| term.split_once("==").map(|(name, value)| (name, value, true)))
        .or_else(|| term.split_once('=').map(|(name, value)| (name, value, true)))
        .ok_or_else(|| Failure::bad_request(format!("invalid selector: '{term}'; can't understand '{term}'")))?;
    let known = ["metadata.name", "metadata.namespace"];
    let field = known
        .iter()
        .chain(selectable_names(resource.strategy))
        .find(|field| **field == name.trim())
        .ok_or_else(|| unknown_field(name))?;
    Ok(FieldTerm { field, value: unescape(value), equal })
}

fn unknown_field(name: &str) -> Failure {
    Failure::bad_request(format!("field label not supported: {}", name.trim()))
}

fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        out.extend(if character == '\\' { characters.next() } else { Some(character) });
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::resource::Strategy;

    fn secret(labels: Value, kind: &str) -> Stored {
        let object = json!({ "metadata": { "name": "x", "namespace": "n", "labels": labels }, "type": kind });
        Stored::new(Strategy::Secret, object.as_object().cloned().unwrap(), 1)
    }

    fn resource() -> std::sync::Arc<Resource> {
        crate::resource::built_in().find(|resource| resource.plural == "secrets").unwrap()
    }

    #[test]
    fn label_selectors_select() {
        let object = secret(json!({ "env": "prod", "example.com/tier": "1", "n": "5" }), "Opaque");
        for (text, expected) in [
            ("", true),
            ("env", true),
            ("!env", false),
            ("!other", true),
            ("env=prod", true),
            ("env==prod", true),
            ("env = prod , n", true),
            ("env=dev", false),
            ("env!=dev", true),
            ("other!=dev", true),
            ("env in (dev, prod)", true),
            ("env in (dev)", false),
            ("env notin (dev,test)", true),
            ("env notin (prod)", false),
            ("other notin (prod)", true),
            ("example.com/tier=1,env in (prod),!x", true),
            ("n>4", true),
            ("n>5", false),
            ("n<6", true),
            ("env<6", false),
            ("env=", false),
        ] {
            let selector = Selector::parse(&resource(), text, "").unwrap();
            assert_eq!(selector.matches(&object), expected, "label selector {text:?}");
        }
    }

    #[test]
    fn wrong_selectors_are_refused() {
        for text in ["a in b", "a in (b", "(", "a b", "=x", "a=b c", "!", "a>x", "a in", "-a=b", "a(b)"] {
            assert_eq!(Selector::parse(&resource(), text, "").unwrap_err().code, 400, "label selector {text:?}");
        }
        for text in ["spec.x=1", "metadata.name", "data=x"] {
            assert_eq!(Selector::parse(&resource(), "", text).unwrap_err().code, 400, "field selector {text:?}");
        }
    }

    #[test]
    fn field_selectors_select() {
        let object = secret(json!({}), "kubernetes.io/tls");
        for (text, expected) in [
            ("metadata.name=x", true),
            ("metadata.name!=x", false),
            ("metadata.namespace==n,type=kubernetes.io/tls", true),
            ("type!=Opaque", true),
            ("type=a\\,b", false),
        ] {
            let selector = Selector::parse(&resource(), "", text).unwrap();
            assert_eq!(selector.matches(&object), expected, "field selector {text:?}");
        }
        assert_eq!(Selector::parse(&resource(), "", "metadata.name=x").unwrap().name(), Some("x"));
    }
}
