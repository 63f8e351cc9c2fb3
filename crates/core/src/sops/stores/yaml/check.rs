//! What go-yaml refuses when it decodes a document into a map: keys that are there twice, scalars that do not fit their tag.
//!
//! sops decodes the first document in this way before anything else, and never the later ones. Here later documents are checked for the same
//! things, because sops would lose the values. Messages are go-yaml's, without its line of the value.

use std::collections::HashMap;

use bulla_yaml::go3::{Kind, Node, resolve_tagged, short_name};
use bulla_yaml::go3::{Scalar, Tagged};

/// More are not listed: their number grows with the square of the keys.
const LISTED: usize = 20;

/// Checks a document. `first`: it also has to be a map.
pub(super) fn check(root: &Node, first: bool) -> Result<(), String> {
    let mut check = Check { first, type_errors: Vec::new() };
    let target = aliased(root);
    match &target.kind {
        Kind::Mapping { .. } => check.mapping(target, true)?,
        _ if !first => {
            check.value(target)?;
        }
        Kind::Scalar { .. } => match scalar_type(target)? {
            "!!null" => {}
            tag => check.refuse(target, tag, "map[string]interface {}"),
        },
        _ => check.refuse(target, "!!seq", "map[string]interface {}"),
    }
    if check.type_errors.is_empty() {
        return Ok(());
    }
    Err(format!("yaml: unmarshal errors:\n  {}", check.type_errors.join("\n  ")))
}

struct Check {
    first: bool,
    type_errors: Vec<String>,
}

impl Check {
    fn refuse(&mut self, node: &Node, tag: &str, into: &str) {
        if self.type_errors.len() < LISTED {
            let tag = if node.tag.is_empty() { tag } else { &node.tag };
            self.type_errors.push(format!("line {}: cannot unmarshal {tag} into {into}", node.line));
        }
    }

    fn value(&mut self, node: &Node) -> Result<(), String> {
        match &node.kind {
            Kind::Alias { target, .. } => self.value(target),
            Kind::Scalar { .. } => scalar_type(node).map(|_| ()),
            Kind::Sequence { items, .. } => items.iter().try_for_each(|item| self.value(item)),
            Kind::Mapping { entries, .. } => {
                let mut text_keys = true;
                for (key, _) in entries {
                    text_keys &= is_text(aliased(key));
                }
                self.mapping(node, text_keys)
            }
        }
    }

    fn mapping(&mut self, node: &Node, text_keys: bool) -> Result<(), String> {
        let Kind::Mapping { entries, .. } = &node.kind else { return Ok(()) };
        if self.duplicates(entries) {
            return Ok(());
        }
        let mut merge = None;
        for (key, value) in entries {
            if is_merge(key) {
                merge = Some(value);
                continue;
            }
            let named = aliased(key);
            let usable = match &named.kind {
                Kind::Scalar { .. } => scalar_type(named)? != "!!null" || !text_keys,
                Kind::Sequence { .. } if text_keys => {
                    self.refuse(named, "!!seq", "string");
                    false
                }
                Kind::Mapping { .. } if text_keys => {
                    self.refuse(named, "!!map", "string");
                    false
                }
                _ => {
                    self.value(named)?;
                    return Err("yaml: invalid map key".to_owned());
                }
            };
            if usable {
                self.value(value)?;
            }
        }
        merge.map_or(Ok(()), |merge| self.merge(merge, text_keys))
    }

    fn merge(&mut self, merge: &Node, text_keys: bool) -> Result<(), String> {
        let maps = match &merge.kind {
            Kind::Sequence { items, .. } => items.as_slice(),
            _ => std::slice::from_ref(merge),
        };
        for map in maps {
            let target = match &map.kind {
                Kind::Alias { target, .. } => target,
                _ => map,
            };
            if !matches!(target.kind, Kind::Mapping { .. }) {
                if !self.first {
                    // The key `<<` is one like others there: sops writes such files, and nothing is lost.
                    self.value(target)?;
                    continue;
                }
                return Err("yaml: map merge requires map or sequence of maps as the value".to_owned());
            }
            self.mapping(target, text_keys)?;
        }
        Ok(())
    }

    /// Two keys are the same if they are written alike, whatever their types; all lists are alike, and all maps.
    fn duplicates(&mut self, entries: &[(Node, Node)]) -> bool {
        let mut places: HashMap<(u8, &str), Vec<usize>> = HashMap::with_capacity(entries.len());
        let mut found = false;
        for (place, (key, _)) in entries.iter().enumerate() {
            let written = match &key.kind {
                Kind::Scalar { text, .. } => (0, text.as_str()),
                Kind::Alias { name, .. } => (1, name.as_str()),
                Kind::Sequence { .. } => (2, ""),
                Kind::Mapping { .. } => (3, ""),
            };
            let same = places.entry(written).or_default();
            found |= !same.is_empty();
            same.push(place);
        }
        if !found {
            return false;
        }
        let mut groups: Vec<((u8, &str), Vec<usize>)> = places.into_iter().filter(|(_, same)| same.len() > 1).collect();
        groups.sort_by(|(_, one), (_, other)| one.cmp(other));
        for ((_, text), same) in groups {
            for (index, &first) in same.iter().enumerate() {
                for &second in &same[index + 1..] {
                    if self.type_errors.len() >= LISTED {
                        return true;
                    }
                    let (first, second) = (entries[first].0.line, entries[second].0.line);
                    self.type_errors
                        .push(format!("line {second}: mapping key {text:?} already defined at line {first}"));
                }
            }
        }
        true
    }
}

fn aliased(node: &Node) -> &Node {
    match &node.kind {
        Kind::Alias { target, .. } => target,
        _ => node,
    }
}

fn is_merge(key: &Node) -> bool {
    let Kind::Scalar { text, style } = &key.kind else { return false };
    text.as_str() == "<<"
        && (key.tag == "!!merge"
            || key.tag.is_empty() && matches!(resolve_tagged(text, "", *style), Ok(Tagged::Scalar(Scalar::Merge))))
}

fn is_text(key: &Node) -> bool {
    matches!(&key.kind, Kind::Scalar { .. })
        && matches!(key.tag.as_str(), "" | "!!str" | "!!merge")
        && matches!(scalar_type(key), Ok("!!str" | "!!merge"))
}

/// The short tag of a scalar's type.
fn scalar_type(node: &Node) -> Result<&'static str, String> {
    let Kind::Scalar { text, style } = &node.kind else { return Ok("!!str") };
    match resolve_tagged(text, &node.tag, *style) {
        Ok(Tagged::Scalar(scalar)) => Ok(short_name(&scalar)),
        Ok(Tagged::Binary(_)) => Ok("!!binary"),
        Err(problem) => Err(format!("yaml: {problem}")),
    }
}
