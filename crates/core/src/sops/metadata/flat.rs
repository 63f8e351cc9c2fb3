//! Metadata in formats without nesting: `age__list_0__map_recipient`.

use std::collections::BTreeMap;

use crate::sops::{Branch, Error, Item, Value};

const MAP: &str = "__map_";
const LIST: &str = "__list_";

/// Nested maps and lists become one level of names. Comments and empty lists vanish.
pub(in crate::sops) fn flatten(branch: Branch) -> Branch {
    let mut flat = Branch::new();
    for item in branch {
        if let Some(name) = item.name() {
            let name = name.to_owned();
            descend(item.value, name, &mut flat);
        }
    }
    flat
}

fn descend(value: Value, name: String, flat: &mut Branch) {
    match value {
        Value::Map(branch) => {
            for item in branch {
                if let Some(key) = item.name() {
                    let name = format!("{name}{MAP}{key}");
                    descend(item.value, name, flat);
                }
            }
        }
        Value::List(items) => {
            for (index, item) in items.into_iter().filter(|item| !super::is_comment(item)).enumerate() {
                descend(item, format!("{name}{LIST}{index}"), flat);
            }
        }
        value => flat.push(Item::new(name, value)),
    }
}

/// The nesting that names describe.
///
/// # Errors
/// [`Error::Metadata`] for names that contradict each other.
pub(in crate::sops) fn unflatten(branch: Branch) -> Result<Branch, Error> {
    let mut root = Node::default();
    for item in branch {
        let Some(name) = item.name().map(str::to_owned) else { continue };
        let fail = |reason: &str| Error::Metadata(format!("Error while unflattening {name:?}: {reason}"));
        let mut steps = Vec::new();
        steps_of(&name, &mut steps);
        if steps.len() > MAX_DEPTH {
            return Err(fail("it is nested too deeply"));
        }
        let mut node = &mut root;
        for step in steps {
            node = match step {
                Step::Key(key) => node.keys.entry(key.to_owned()).or_default(),
                Step::Index(index) => node.indices.entry(index).or_default(),
            };
        }
        if node.value.replace(item.value).is_some() {
            return Err(fail("Duplicate value"));
        }
    }
    match root.settle()? {
        Value::Map(branch) => Ok(branch),
        _ => Err(Error::Metadata("Error while unflattening: Type mismatch".to_owned())),
    }
}

/// Metadata is six levels deep at most.
const MAX_DEPTH: usize = 16;

enum Step<'a> {
    Key(&'a str),
    Index(usize),
}

fn steps_of<'a>(name: &'a str, steps: &mut Vec<Step<'a>>) {
    let mut rest = name;
    let mut is_list = false;
    loop {
        let next = [MAP, LIST].into_iter().filter_map(|mark| Some((rest.find(mark)?, mark))).min();
        let step = &rest[..next.map_or(rest.len(), |(at, _)| at)];
        // What is no number counts as 0, as sops has it.
        steps.push(if is_list { Step::Index(step.parse().unwrap_or_default()) } else { Step::Key(step) });
        let Some((at, mark)) = next else { return };
        is_list = mark == LIST;
        rest = &rest[at + mark.len()..];
    }
}

#[derive(Default)]
struct Node {
    value: Option<Value>,
    keys: BTreeMap<String, Node>,
    indices: BTreeMap<usize, Node>,
}

impl Node {
    fn settle(self) -> Result<Value, Error> {
        let fail = |reason: &str| Err(Error::Metadata(format!("Error while unflattening: {reason}")));
        let kinds = usize::from(self.value.is_some())
            + usize::from(!self.keys.is_empty())
            + usize::from(!self.indices.is_empty());
        if kinds > 1 {
            return fail("Type mismatch");
        }
        if let Some(value) = self.value {
            return Ok(value);
        }
        if self.indices.is_empty() {
            let items = self.keys.into_iter().map(|(key, node)| Ok(Item::new(key, node.settle()?)));
            return Ok(Value::Map(items.collect::<Result<_, Error>>()?));
        }
        if self.indices.keys().enumerate().any(|(due, index)| due != *index) {
            return fail("Incomplete list");
        }
        Ok(Value::List(self.indices.into_values().map(Self::settle).collect::<Result<_, Error>>()?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_contradict_each_other_are_refused() {
        let unflatten = |names: &[&str]| {
            let branch = names.iter().map(|name| Item::new(*name, Value::text("x"))).collect();
            unflatten(branch).err().map(|error| error.to_string())
        };
        assert_eq!(unflatten(&["a__list_0__map_b", "a__list_1__map_b", "c"]), None);
        assert_eq!(unflatten(&["a__list_1"]).unwrap(), "Error while unflattening: Incomplete list");
        assert_eq!(unflatten(&["a", "a__map_b"]).unwrap(), "Error while unflattening: Type mismatch");
        assert_eq!(unflatten(&["a__list_0", "a__map_b"]).unwrap(), "Error while unflattening: Type mismatch");
        assert_eq!(unflatten(&["a", "a"]).unwrap(), "Error while unflattening \"a\": Duplicate value");
    }
}
