//! The flat tree to typed nodes, as go-yaml v2 decodes into `interface{}`: aliases and merge keys are expanded, keys
//! become strings, of duplicate keys the last wins.

use std::collections::HashMap;

use zeroize::Zeroizing;

use crate::base64;
use crate::compose::{Graph, RawKind};
use crate::error::{Error, Warning};
use crate::limits::Limits;
use crate::node::{Document, Entry, Node, Style, Value};
use crate::number;
use crate::position::Position;
use crate::scalar::{Resolved, Schema, Tag};

/// Types the nodes of one document.
pub(crate) fn decode(graph: &Graph<'_>, schema: Schema, limits: &Limits) -> Result<Document, Error> {
    let mut decoder = Decoder { graph, schema, limits, warnings: Vec::new(), alias_nodes: 0, in_alias: None };
    let root = decoder.node(Graph::ROOT, 0)?;
    Ok(Document { root, warnings: decoder.warnings })
}

struct Decoder<'g, 'a> {
    graph: &'g Graph<'a>,
    schema: Schema,
    limits: &'g Limits,
    warnings: Vec<Warning>,
    alias_nodes: usize,
    /// The outermost alias that is being expanded.
    in_alias: Option<Position>,
}

/// How the keys of a mapping come into a map.
#[derive(Clone, Copy)]
struct Keys {
    /// Through a merge key.
    merged: bool,
    /// The map stands in the source; of those that an alias repeats, the first has said it all.
    warn: bool,
}

impl Decoder<'_, '_> {
    fn node(&mut self, index: usize, depth: usize) -> Result<Node, Error> {
        let raw = &self.graph.nodes[index];
        self.count(raw.span.position)?;
        let value = match &raw.kind {
            RawKind::Alias { target } => {
                return self.within_alias(raw.span.position, *target, |decoder| decoder.node(*target, depth));
            }
            RawKind::Scalar { text, tag } => self.scalar(text.as_str(), *tag, raw.style, raw.span.position)?,
            RawKind::Sequence(children) => {
                self.enter(index, depth)?;
                let items = children.iter().map(|&child| self.node(child, depth + 1)).collect::<Result<_, _>>()?;
                self.leave(index);
                Value::Sequence(items)
            }
            RawKind::Mapping(children) => {
                let mut map = MapBuilder::default();
                let warn = self.in_alias.is_none();
                self.mapping(index, children, &mut map, Keys { merged: false, warn }, depth)?;
                Value::Mapping(map.entries)
            }
        };
        Ok(Node { value, span: raw.span, style: raw.style })
    }

    /// Adds the keys of a mapping to `map`.
    fn mapping(
        &mut self,
        index: usize,
        children: &[usize],
        map: &mut MapBuilder,
        keys: Keys,
        depth: usize,
    ) -> Result<(), Error> {
        self.enter(index, depth)?;
        for pair in children.chunks_exact(2) {
            let (key_index, value_index) = (pair[0], pair[1]);
            if self.is_merge(key_index) {
                self.merge(value_index, map, Keys { merged: true, ..keys }, depth + 1)?;
                continue;
            }
            let (key, key_is_coerced) = self.key(key_index)?;
            let key_span = self.graph.nodes[key_index].span;
            let value = self.node(value_index, depth + 1)?;
            let warning = map.insert(Entry { key, key_span, key_is_coerced, value }, keys.merged);
            if keys.warn {
                self.warnings.extend(warning);
            }
        }
        self.leave(index);
        Ok(())
    }

    /// go-yaml v2 writes merged keys over what stands before the merge key; of a list the first map wins.
    fn merge(&mut self, index: usize, map: &mut MapBuilder, keys: Keys, depth: usize) -> Result<(), Error> {
        let raw = &self.graph.nodes[index];
        match &raw.kind {
            RawKind::Sequence(children) => {
                for &child in children.iter().rev() {
                    self.merge_map(child, map, keys, depth)?;
                }
                Ok(())
            }
            _ => self.merge_map(index, map, keys, depth),
        }
    }

    fn merge_map(&mut self, index: usize, map: &mut MapBuilder, keys: Keys, depth: usize) -> Result<(), Error> {
        let raw = &self.graph.nodes[index];
        self.count(raw.span.position)?;
        let refused = Error::MergeNotAMap { position: raw.span.position };
        match &raw.kind {
            RawKind::Mapping(children) => self.mapping(index, children, map, keys, depth),
            RawKind::Alias { target } => match &self.graph.nodes[*target].kind {
                RawKind::Mapping(children) => self.within_alias(raw.span.position, *target, |decoder| {
                    decoder.mapping(*target, children, map, keys, depth)
                }),
                _ => Err(refused),
            },
            _ => Err(refused),
        }
    }

    /// A plain `<<`, or one with the tag `!!merge`.
    fn is_merge(&self, index: usize) -> bool {
        let raw = &self.graph.nodes[index];
        match &raw.kind {
            RawKind::Scalar { text, tag } if text.as_str() == "<<" => match tag {
                None => raw.style == Style::Plain,
                Some(tag) => *tag == Tag::Merge,
            },
            _ => false,
        }
    }

    /// A key as sigs.k8s.io/yaml spells it in JSON, and whether it was no text before.
    fn key(&mut self, index: usize) -> Result<(String, bool), Error> {
        let raw = &self.graph.nodes[index];
        let target = match raw.kind {
            RawKind::Alias { target } => &self.graph.nodes[target],
            _ => raw,
        };
        let position = raw.span.position;
        let refused = |kind| Error::KeyType { position, kind };
        let RawKind::Scalar { text, tag } = &target.kind else {
            return Err(refused(match target.kind {
                RawKind::Sequence(_) => "a list",
                _ => "a map",
            }));
        };
        let key = match self.scalar(text.as_str(), *tag, target.style, position)? {
            Value::String(text) => return Ok((text.to_string(), false)),
            Value::Bool(value) => value.to_string(),
            Value::Int(value) => value.to_string(),
            Value::Float(value) if value.is_nan() => ".nan".to_owned(),
            Value::Float(value) => match number::format_g32(value).as_str() {
                "+Inf" => ".inf".to_owned(),
                "-Inf" => "-.inf".to_owned(),
                finite => finite.to_owned(),
            },
            Value::Uint(_) => return Err(refused("an integer above 9223372036854775807")),
            Value::Null | Value::Sequence(_) | Value::Mapping(_) => return Err(refused("null")),
        };
        Ok((key, true))
    }

    fn scalar(&self, text: &str, tag: Option<Tag>, style: Style, position: Position) -> Result<Value, Error> {
        let resolved = self
            .schema
            .resolve(tag, style == Style::Plain, text)
            .map_err(|_| Error::Tag { position, tag: tag.map_or("", Tag::name) })?;
        Ok(match resolved {
            Resolved::Null => Value::Null,
            Resolved::Bool(value) => Value::Bool(value),
            Resolved::Int(value) => Value::Int(value),
            Resolved::Uint(value) => Value::Uint(value),
            Resolved::Float(value) => Value::Float(value),
            Resolved::Text | Resolved::Timestamp => Value::String(Zeroizing::new(text.to_owned())),
            Resolved::Base64 => {
                let bytes = base64::decode(text).ok_or(Error::Binary { position, problem: "is not base64" })?;
                // Go would seal U+FFFD in place of each byte that is not UTF-8; a secret that changes in silence is worse
                // than an error.
                let text = std::str::from_utf8(&bytes)
                    .map_err(|_| Error::Binary { position, problem: "is not UTF-8 text, use `data` for bytes" })?;
                Value::String(Zeroizing::new(text.to_owned()))
            }
        })
    }

    fn within_alias<T>(
        &mut self,
        position: Position,
        target: usize,
        work: impl FnOnce(&mut Self) -> Result<T, Error>,
    ) -> Result<T, Error> {
        if self.graph.nodes[target].open.get() {
            return Err(Error::RecursiveAlias { position });
        }
        let outer = self.in_alias;
        self.in_alias.get_or_insert(position);
        let result = work(self);
        self.in_alias = outer;
        result
    }

    fn count(&mut self, _position: Position) -> Result<(), Error> {
        let Some(position) = self.in_alias else { return Ok(()) };
        self.alias_nodes += 1;
        if self.alias_nodes > self.limits.max_alias_nodes {
            return Err(Error::TooManyAliasNodes { position, limit: self.limits.max_alias_nodes });
        }
        Ok(())
    }

    fn enter(&self, index: usize, depth: usize) -> Result<(), Error> {
        let raw = &self.graph.nodes[index];
        if depth >= self.limits.depth() {
            return Err(Error::TooDeep {
                position: self.in_alias.unwrap_or(raw.span.position),
                limit: self.limits.depth(),
            });
        }
        raw.open.set(true);
        Ok(())
    }

    fn leave(&self, index: usize) {
        self.graph.nodes[index].open.set(false);
    }
}

/// Collects the entries of one map; shared with the JSON reader.
#[derive(Default)]
pub(crate) struct MapBuilder {
    pub(crate) entries: Vec<Entry>,
    index: HashMap<String, Slot>,
}

struct Slot {
    entry: usize,
    first: Position,
    merged: bool,
}

impl MapBuilder {
    /// The last value wins, at the place of the first.
    pub(crate) fn insert(&mut self, entry: Entry, merged: bool) -> Option<Warning> {
        let Some(slot) = self.index.get_mut(&entry.key) else {
            let slot = Slot { entry: self.entries.len(), first: entry.key_span.position, merged };
            self.index.insert(entry.key.clone(), slot);
            self.entries.push(entry);
            return None;
        };
        let position = entry.key_span.position;
        let warning = match (slot.merged, merged) {
            (false, false) => Some(Warning::DuplicateKey { position, key: entry.key.clone(), first: slot.first }),
            (false, true) => Some(Warning::MergeOverrides { position, key: entry.key.clone(), first: slot.first }),
            (true, _) => None,
        };
        if slot.merged && !merged {
            slot.first = position;
            slot.merged = false;
        }
        self.entries[slot.entry] = entry;
        warning
    }
}
