//! Paths into a tree, `["a"]["b"][0]`, and what is done at them. Only the first document is looked at.

use bulla_core::sops::{Branch, Item, Key, Value};

use super::go;

/// A step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// A key of a map.
    Name(String),
    /// A place in a list.
    Index(i64),
}

/// Why something cannot be taken out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    /// It is not there.
    NotFound(String),
    /// The path leads through something that is neither map nor list.
    Other(String),
}

/// Reads a path. Text before the first bracket is part of it, as is everything between brackets; the reason of an error is the real tool's.
pub(crate) fn parse(text: &str) -> Result<Vec<Step>, String> {
    text.split('[').filter(|component| !component.is_empty()).map(step).collect()
}

fn step(component: &str) -> Result<Step, String> {
    let inner = component.strip_suffix(']').ok_or_else(|| format!("component {component} doesn't end with ]"))?;
    if inner.starts_with(['"', '\'']) {
        let mut letters = inner.chars();
        let (first, last) = (letters.next(), letters.next_back());
        if first != last {
            return Err(format!("component {component} is not quoted on both sides"));
        }
        return Ok(Step::Name(letters.as_str().to_owned()));
    }
    let number = inner.strip_prefix('+').unwrap_or(inner);
    number
        .parse()
        .ok()
        .filter(|_| !number.starts_with('+'))
        .map(Step::Index)
        .ok_or_else(|| format!("strconv.Atoi: parsing {}: invalid syntax", go::quote(inner)))
}

/// What stands at a path.
pub(crate) fn get<'a>(branch: &'a Branch, path: &[Step]) -> Result<&'a Value, String> {
    let (first, rest) = path.split_first().ok_or("the path is empty")?;
    rest.iter().try_fold(get_item(branch, first)?, |value, step| match (value, step) {
        (Value::Map(branch), step) => get_item(branch, step),
        (Value::List(list), Step::Index(index)) => at(list, *index).ok_or_else(|| out_of_bounds(*index)),
        (_, Step::Index(index)) => Err(not_a_list(*index)),
        (_, Step::Name(name)) => Err(not_found(name)),
    })
}

fn get_item<'a>(branch: &'a Branch, step: &Step) -> Result<&'a Value, String> {
    match step {
        Step::Name(name) => {
            branch.iter().find(|item| item.name() == Some(name)).map(|item| &item.value).ok_or_else(|| not_found(name))
        }
        Step::Index(index) => Err(not_a_list(*index)),
    }
}

fn at(list: &[Value], index: i64) -> Option<&Value> {
    list.get(usize::try_from(index).ok()?)
}

fn not_found(name: &str) -> String {
    format!("component ['{name}'] not found")
}

fn not_a_list(index: i64) -> String {
    format!("component [{index}] is integer, but tree part is not a slice")
}

fn out_of_bounds(index: i64) -> String {
    format!("component [{index}] accesses out of bounds")
}

/// Puts `value` at the path and says whether that changed anything. Maps and lists on the way are made; an index behind the end of a list
/// appends to it; a value that is neither map nor list gives way.
pub(crate) fn set(branch: &mut Branch, path: &[Step], value: Value) -> Result<bool, String> {
    let (first, rest) = path.split_first().ok_or("the path is empty")?;
    let Step::Name(name) = first else { return Err("a map has keys, and the path has an index for it".to_owned()) };
    match branch.iter_mut().find(|item| item.name() == Some(name)) {
        Some(item) => set_value(&mut item.value, rest, value),
        None => {
            branch.push(Item { key: Key::Name(name.clone()), value: grown(rest, value) });
            Ok(true)
        }
    }
}

fn set_value(at: &mut Value, path: &[Step], value: Value) -> Result<bool, String> {
    let Some((first, rest)) = path.split_first() else {
        let changed = *at != value;
        *at = value;
        return Ok(changed);
    };
    match (at, first) {
        (Value::Map(branch), _) => set(branch, path, value),
        (Value::List(list), Step::Index(index)) => {
            let index = usize::try_from(*index).map_err(|_| out_of_bounds(*index))?;
            match list.get_mut(index) {
                Some(element) => set_value(element, rest, value),
                None => {
                    list.push(grown(rest, value));
                    Ok(true)
                }
            }
        }
        (Value::List(_), Step::Name(name)) => Err(format!("a list has no key {}", go::quote(name))),
        (other, _) => {
            let new = grown(path, value);
            let changed = *other != new;
            *other = new;
            Ok(changed)
        }
    }
}

/// Maps and lists along the path, with `value` at its end.
fn grown(path: &[Step], value: Value) -> Value {
    path.iter().rev().fold(value, |value, step| match step {
        Step::Name(name) => Value::Map(vec![Item { key: Key::Name(name.clone()), value }]),
        Step::Index(_) => Value::List(vec![value]),
    })
}

/// Takes out what stands at the path.
pub(crate) fn unset(branch: &mut Branch, path: &[Step]) -> Result<(), Missing> {
    let (first, rest) = path.split_first().ok_or_else(|| Missing::Other("the path is empty".to_owned()))?;
    let name = match first {
        Step::Name(name) => name,
        Step::Index(index) => return Err(Missing::NotFound(format!("Key not found: {index}"))),
    };
    let at = branch
        .iter()
        .position(|item| item.name() == Some(name))
        .ok_or_else(|| Missing::NotFound(format!("Key not found: {name}")))?;
    if rest.is_empty() {
        branch.remove(at);
        return Ok(());
    }
    unset_value(&mut branch[at].value, rest)
}

fn unset_value(value: &mut Value, path: &[Step]) -> Result<(), Missing> {
    match (value, path) {
        (Value::Map(branch), _) => unset(branch, path),
        (Value::List(list), [Step::Index(index), rest @ ..]) => {
            let at = usize::try_from(*index).ok().filter(|at| *at < list.len());
            let at = at.ok_or_else(|| Missing::NotFound(format!("Index {index} out of bounds")))?;
            if rest.is_empty() {
                list.remove(at);
                return Ok(());
            }
            unset_value(&mut list[at], rest)
        }
        (Value::List(_), [Step::Name(name), ..]) => {
            Err(Missing::Other(format!("a list has no key {}", go::quote(name))))
        }
        (other, _) => {
            let step = match path.first() {
                Some(Step::Name(name)) => name.clone(),
                Some(Step::Index(index)) => format!("%!s(int={index})"),
                None => String::new(),
            };
            Err(Missing::Other(format!("Unsupported type: {} for item '{step}'", other.go_type())))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Step {
        Step::Name(text.to_owned())
    }

    fn sample() -> Branch {
        vec![
            Item::new("a", Value::Map(vec![Item::new("b", Value::List(vec![Value::Int(1), Value::text("two")]))])),
            Item::new("n", Value::Int(7)),
        ]
    }

    #[test]
    fn paths_are_read_as_the_real_tool_reads_them() {
        for (text, expected) in [
            (r#"["a"]["b"][0]"#, Ok(vec![name("a"), name("b"), Step::Index(0)])),
            ("['a b']", Ok(vec![name("a b")])),
            ("", Ok(vec![])),
            (r#"[""]"#, Ok(vec![name("")])),
            ("[-1]", Ok(vec![Step::Index(-1)])),
            ("q", Err("component q doesn't end with ]")),
            (r#"["a[0]"]"#, Err("component \"a doesn't end with ]")),
            ("[a]", Err("strconv.Atoi: parsing \"a\": invalid syntax")),
            // These end the real tool with a panic.
            ("[]", Err("strconv.Atoi: parsing \"\": invalid syntax")),
            (r#"["]"#, Err("component \"] is not quoted on both sides")),
            (r#"["é]"#, Err("component \"é] is not quoted on both sides")),
        ] {
            assert_eq!(parse(text), expected.map_err(str::to_owned), "{text}");
        }
    }

    #[test]
    fn values_are_found() {
        let tree = sample();
        let found = |path: &str| get(&tree, &parse(path).unwrap()).map(Value::go_type);
        assert_eq!(found(r#"["a"]["b"][1]"#), Ok("string"));
        for (path, reason) in [
            (r#"["x"]"#, "component ['x'] not found"),
            (r#"["a"]["b"][2]"#, "component [2] accesses out of bounds"),
            (r#"["a"]["b"][-1]"#, "component [-1] accesses out of bounds"),
            (r#"["n"]["x"]"#, "component ['x'] not found"),
            (r#"["n"][0]"#, "component [0] is integer, but tree part is not a slice"),
            ("[0]", "component [0] is integer, but tree part is not a slice"),
        ] {
            assert_eq!(found(path), Err(reason.to_owned()), "{path}");
        }
    }

    #[test]
    fn values_are_set() {
        let change = |path: &str, value: Value| {
            let mut tree = sample();
            let changed = set(&mut tree, &parse(path).unwrap(), value);
            (tree, changed)
        };
        let (tree, changed) = change(r#"["a"]["b"][9]"#, Value::Int(3));
        assert_eq!(changed, Ok(true));
        assert!(get(&tree, &parse(r#"["a"]["b"][2]"#).unwrap()).is_ok_and(|value| *value == Value::Int(3)));
        let (tree, changed) = change(r#"["x"]["y"][4]["z"]"#, Value::Bool(true));
        assert_eq!(changed, Ok(true));
        assert!(get(&tree, &parse(r#"["x"]["y"][0]["z"]"#).unwrap()).is_ok_and(|value| *value == Value::Bool(true)));
        let (tree, changed) = change(r#"["n"]["m"]"#, Value::Null);
        assert_eq!(changed, Ok(true));
        assert!(get(&tree, &parse(r#"["n"]["m"]"#).unwrap()).is_ok_and(|value| *value == Value::Null));
        assert_eq!(change(r#"["n"]"#, Value::Int(7)).1, Ok(false));
        assert_eq!(change(r#"["n"]"#, Value::Float(7.0)).1, Ok(true));
        assert!(change(r#"["a"]["b"]["q"]"#, Value::Null).1.is_err());
        assert!(change(r#"["a"]["b"][-1]"#, Value::Null).1.is_err());
        assert!(change("[0]", Value::Null).1.is_err());
        assert!(change("", Value::Null).1.is_err());
    }

    #[test]
    fn values_are_taken_out() {
        let change = |path: &str| {
            let mut tree = sample();
            unset(&mut tree, &parse(path).unwrap()).map(|()| tree.len())
        };
        let missing = |text: &str| Err(Missing::NotFound(text.to_owned()));
        assert_eq!(change(r#"["n"]"#), Ok(1));
        assert_eq!(change(r#"["a"]["b"][0]"#), Ok(2));
        assert_eq!(change(r#"["q"]"#), missing("Key not found: q"));
        assert_eq!(change(r#"["a"]["b"][2]"#), missing("Index 2 out of bounds"));
        assert_eq!(change(r#"["n"]["x"]"#), Err(Missing::Other("Unsupported type: int for item 'x'".to_owned())));
        assert!(matches!(change(r#"["a"]["b"]["x"]"#), Err(Missing::Other(_))));
        assert!(matches!(change(""), Err(Missing::Other(_))));
    }
}
