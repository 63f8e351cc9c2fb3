//! The part of JSONPath that printer columns are written in: `.a.b`, `.a\.b`, `['a']`, `[0]`, `[-1]`, `[*]`, and filters
//! such as `[?(@.type=="Ready")]`.

use serde_json::Value;

#[derive(Clone, Debug, PartialEq)]
enum Step {
    Field(String),
    /// Negative from the end.
    Index(i64),
    All,
    /// Elements in which the path leads to this text.
    Where(Vec<Step>, String),
}

/// A parsed path.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Path(Vec<Step>);

impl Path {
    pub(super) fn parse(text: &str) -> Option<Self> {
        steps(text).map(Self)
    }

    /// Everything that the path leads to.
    pub(super) fn find<'a>(&self, value: &'a Value) -> Vec<&'a Value> {
        find(&self.0, value)
    }
}

fn find<'a>(steps: &[Step], value: &'a Value) -> Vec<&'a Value> {
    let mut found = vec![value];
    for step in steps {
        found = found.into_iter().flat_map(|value| follow(step, value)).collect();
    }
    found
}

fn follow<'a>(step: &Step, value: &'a Value) -> Vec<&'a Value> {
    match (step, value) {
        (Step::Field(name), Value::Object(map)) => map.get(name).into_iter().collect(),
        (Step::Index(index), Value::Array(list)) => {
            let place = if *index < 0 { index + i64::try_from(list.len()).unwrap_or(0) } else { *index };
            usize::try_from(place).ok().and_then(|place| list.get(place)).into_iter().collect()
        }
        (Step::All, Value::Array(list)) => list.iter().collect(),
        (Step::All, Value::Object(map)) => map.values().collect(),
        (Step::Where(steps, wanted), Value::Array(list)) => list
            .iter()
            .filter(|item| find(steps, item).first().and_then(|value| value.as_str()) == Some(wanted.as_str()))
            .collect(),
        _ => Vec::new(),
    }
}

fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = text;
    while let Some(next) = rest.chars().next() {
        match next {
            '.' => {
                let (name, length) = name(&rest[1..]);
                rest = &rest[1 + length..];
                match name.as_str() {
                    // `.['a']` is the same as `['a']`; `..` descends, which no column needs.
                    "" if rest.starts_with('[') => (),
                    "" => return None,
                    "*" => steps.push(Step::All),
                    _ => steps.push(Step::Field(name)),
                }
            }
            '[' => {
                let end = closing(rest)?;
                steps.push(bracket(rest[1..end].trim())?);
                rest = &rest[end + 1..];
            }
            _ => return None,
        }
    }
    Some(steps)
}

/// The name at the start, and how many bytes it takes: a backslash takes the meaning of a dot away.
fn name(text: &str) -> (String, usize) {
    let mut name = String::new();
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match character {
            '\\' => name.extend(characters.next().map(|(_, escaped)| escaped)),
            '.' | '[' => return (name, index),
            other => name.push(other),
        }
    }
    (name, text.len())
}

/// The place of the bracket that ends the one at the start; brackets in quotes do not count.
fn closing(text: &str) -> Option<usize> {
    let mut quote = None;
    for (index, character) in text.char_indices() {
        match (quote, character) {
            (None, ']') => return Some(index),
            (None, '\'' | '"') => quote = Some(character),
            (Some(open), _) if open == character => quote = None,
            _ => (),
        }
    }
    None
}

fn bracket(text: &str) -> Option<Step> {
    if text == "*" {
        return Some(Step::All);
    }
    if let Some(name) = unquote(text) {
        return Some(Step::Field(name.to_owned()));
    }
    if let Some(filter) = text.strip_prefix("?(").and_then(|text| text.strip_suffix(')')) {
        let (path, wanted) = filter.split_once("==")?;
        let path = steps(path.trim().strip_prefix('@')?)?;
        return Some(Step::Where(path, unquote(wanted.trim())?.to_owned()));
    }
    text.parse().ok().map(Step::Index)
}

fn unquote(text: &str) -> Option<&str> {
    ['\'', '"'].into_iter().find_map(|quote| text.strip_prefix(quote)?.strip_suffix(quote))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_lead_to_values() {
        let object = json!({
            "metadata": { "labels": { "a.b/c": "dotted" } },
            "status": { "conditions": [{ "type": "Synced", "status": "True" }, { "type": "Ready", "status": "False" }] },
        });
        for (path, expected) in [
            (".status.conditions[0].status", json!(["True"])),
            (".status.conditions[-1].status", json!(["False"])),
            (".status.conditions[5].status", json!([])),
            (".status.conditions[*].type", json!(["Synced", "Ready"])),
            (".status.conditions[?(@.type==\"Ready\")].status", json!(["False"])),
            (".status.conditions[?(@.type == 'Nope')].status", json!([])),
            (".metadata.labels['a.b/c']", json!(["dotted"])),
            (".metadata.labels.a\\.b/c", json!(["dotted"])),
            (".nothing.at.all", json!([])),
        ] {
            let path = Path::parse(path).unwrap_or_else(|| panic!("{path} should parse"));
            assert_eq!(json!(path.find(&object)), expected, "{path:?}");
        }
        for path in ["status", ".a[", ".a[x]", "..a", ".", ".a[?(b)]"] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
    }
}
