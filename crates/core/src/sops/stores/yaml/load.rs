//! From bytes to the tree, comments and all, in the order in which sops puts them.

use std::ops::Range;

use bulla_yaml::Limits;
use bulla_yaml::go3::{Comments, Document, Kind, Node, Scalar, ScalarStyle, Tagged, read_up_to_error, resolve_tagged};

use super::check::check;
use crate::sops::stores::Duplicates;
use crate::sops::{Branch, Comment, Error, Item, Key, Time, Tree, Value};

/// A file with the place of each leaf, for edits that keep everything else of the file.
pub struct Located {
    /// What [`Format::load_plain`](crate::sops::Format::load_plain) gives.
    pub tree: Tree,
    /// One for each leaf of `tree`, in the order of the walk: values (nulls too) and comments. Empty lists and maps have none.
    pub leaves: Vec<Leaf>,
    /// The nodes that the tree was made from, with the places of keys, lists and maps.
    pub documents: Vec<Document>,
    /// Comment lines of the file that go-yaml loses, and that are therefore not in the tree. In no order that matters.
    pub lost_comments: Vec<Range<usize>>,
}

/// Where a leaf stands in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leaf {
    /// The document, from 0.
    pub document: usize,
    /// The bytes of the token: quotes and the header of a block scalar included; a block scalar ends before the line break of its last line
    /// with text. A comment begins at its `#` and ends before the line break. Empty, at the place where it would stand, for a null
    /// that is not written.
    pub span: Range<usize>,
    /// The bytes of tag and anchor in front of the token (`!!str &a`), without the space behind them; empty if there are none.
    pub properties: Range<usize>,
    /// Whether it is a line of a comment.
    pub is_comment: bool,
    /// How the scalar is written. [`ScalarStyle::Plain`] for comments.
    pub style: ScalarStyle,
    /// Whether it stands in brackets or braces, where `,` `[` `]` `{` `}` end plain text.
    pub in_flow: bool,
    /// Whether it comes from an alias or merge key: its bytes are those of the anchored node, where the leaf stands for the first time.
    pub through_alias: bool,
    /// The bytes of the key that it is the value of; empty in lists and for comments.
    pub key: Range<usize>,
}

/// Aliases may make more of a file of configuration than of a manifest.
const LIMITS: Limits = Limits { max_bytes: 64 << 20, max_depth: 255, max_alias_nodes: 100_000, max_documents: 100_000 };

pub(in crate::sops::stores) fn load(bytes: &[u8], duplicates: Duplicates) -> Result<Tree, Error> {
    load_with(bytes, duplicates).map(|located| located.tree)
}

/// Reads a file and remembers where everything stands.
///
/// # Errors
/// [`Error::Unreadable`] with the line, worded as go-yaml words it; [`Error::Empty`].
pub fn load_located(bytes: &[u8]) -> Result<Located, Error> {
    load_with(bytes, Duplicates::Refused)
}

fn load_with(bytes: &[u8], duplicates: Duplicates) -> Result<Located, Error> {
    if bytes.is_empty() {
        return Err(Error::Empty);
    }
    let (reading, error) = read_up_to_error(bytes, &LIMITS);
    if let Some(error) = error {
        // sops decodes the first document before it reads any further.
        if let Some(root) = reading.documents.first().and_then(|document| document.root.as_ref()) {
            check(root, true).map_err(|problem| unreadable(0, &problem))?;
        }
        return Err(unreadable(error.document, &error));
    }
    if reading.documents.is_empty() {
        return Err(Error::Unreadable("EOF".to_owned()));
    }
    let mut load = Load { leaves: Vec::new(), document: 0, in_flow: false, through_alias: false };
    let mut tree = Tree::default();
    for (index, document) in reading.documents.iter().enumerate() {
        load.document = index;
        let refused = |problem: String| unreadable(index, &problem);
        if let Some(root) = document.root.as_ref().filter(|_| index == 0 || duplicates == Duplicates::Refused) {
            check(root, index == 0).map_err(refused)?;
        }
        tree.documents.push(load.document(document).map_err(refused)?);
    }
    let mut kept: Vec<usize> = load.leaves.iter().filter(|leaf| leaf.is_comment).map(|leaf| leaf.span.start).collect();
    kept.sort_unstable();
    let is_lost = |line: &Range<usize>| kept.binary_search(&line.start).is_err();
    let lost_comments = reading.comment_lines.into_iter().filter(is_lost).collect();
    Ok(Located { tree, leaves: load.leaves, documents: reading.documents, lost_comments })
}

/// sops reads the first document twice, and what it finds the first time it does not put into other words.
fn unreadable(document: usize, problem: &impl std::fmt::Display) -> Error {
    Error::Unreadable(match document {
        0 => problem.to_string(),
        _ => format!("Error unmarshaling input YAML: {problem}"),
    })
}

struct Load {
    leaves: Vec<Leaf>,
    document: usize,
    in_flow: bool,
    through_alias: bool,
}

impl Load {
    fn document(&mut self, document: &Document) -> Result<Branch, String> {
        let mut branch = Branch::new();
        self.above(&document.comments, &mut branch);
        if let Some(root) = &document.root {
            self.root(root, &mut branch)?;
        }
        self.below(&document.comments, &mut branch);
        Ok(branch)
    }

    fn root(&mut self, root: &Node, branch: &mut Branch) -> Result<(), String> {
        self.above(&root.comments, branch);
        match &root.kind {
            Kind::Mapping { entries, flow } => self.entries(entries, *flow, branch)?,
            Kind::Alias { target, .. } => {
                let outside = std::mem::replace(&mut self.through_alias, true);
                self.root(target, branch)?;
                self.through_alias = outside;
            }
            Kind::Sequence { .. } => return Err("YAML documents that are sequences are not supported".to_owned()),
            Kind::Scalar { .. } => {
                if !matches!(scalar(root)?, Value::Null) {
                    return Err("YAML documents that are values are not supported".to_owned());
                }
                // What go-yaml attaches to a null at the root stays behind: it returns before its foot.
                return Ok(());
            }
        }
        self.below(&root.comments, branch);
        Ok(())
    }

    fn entries(&mut self, entries: &[(Node, Node)], flow: bool, branch: &mut Branch) -> Result<(), String> {
        let outside = self.in_flow;
        self.in_flow |= flow;
        branch.reserve(entries.len());
        for (key, value) in entries {
            self.above(&key.comments, branch);
            // Lists and maps put their own comments inside of themselves.
            let with_comments = matches!(value.kind, Kind::Scalar { .. } | Kind::Alias { .. });
            if with_comments {
                self.items(&value.comments.head, &value.comments.head_spans, false, branch);
                self.items(&value.comments.line, &value.comments.line_spans, true, branch);
            }
            let name = name(key)?;
            let read = self.value(value, &key.span, with_comments)?;
            branch.push(Item { key: name, value: read });
            if with_comments {
                self.below(&value.comments, branch);
            }
            self.below(&key.comments, branch);
        }
        self.in_flow = outside;
        Ok(())
    }

    /// `commented`: somebody else has taken the node's own comments.
    fn value(&mut self, node: &Node, key: &Range<usize>, commented: bool) -> Result<Value, String> {
        match &node.kind {
            Kind::Scalar { style, .. } => {
                self.leaf(node.span.clone(), node.properties.clone(), false, *style, key.clone());
                scalar(node)
            }
            Kind::Alias { target, .. } => {
                let outside = std::mem::replace(&mut self.through_alias, true);
                let value = self.value(target, key, false)?;
                self.through_alias = outside;
                Ok(value)
            }
            Kind::Mapping { entries, flow } => {
                let mut branch = Branch::new();
                if !commented {
                    self.above(&node.comments, &mut branch);
                }
                self.entries(entries, *flow, &mut branch)?;
                if !commented {
                    self.below(&node.comments, &mut branch);
                }
                Ok(Value::Map(branch))
            }
            Kind::Sequence { items, flow } => {
                let mut list = Vec::with_capacity(items.len());
                if !commented {
                    self.elements(&node.comments.head, &node.comments.head_spans, false, &mut list);
                    self.elements(&node.comments.line, &node.comments.line_spans, false, &mut list);
                }
                let outside = self.in_flow;
                self.in_flow |= *flow;
                for item in items {
                    self.elements(&item.comments.head, &item.comments.head_spans, false, &mut list);
                    self.elements(&item.comments.line, &item.comments.line_spans, true, &mut list);
                    let value = self.value(item, &(0..0), true)?;
                    list.push(value);
                    self.elements(&item.comments.foot, &item.comments.foot_spans, false, &mut list);
                }
                self.in_flow = outside;
                if !commented {
                    self.elements(&node.comments.foot, &node.comments.foot_spans, false, &mut list);
                }
                Ok(Value::List(list))
            }
        }
    }

    fn above(&mut self, comments: &Comments, branch: &mut Branch) {
        self.items(&comments.head, &comments.head_spans, false, branch);
        self.items(&comments.line, &comments.line_spans, false, branch);
    }

    fn below(&mut self, comments: &Comments, branch: &mut Branch) {
        self.items(&comments.foot, &comments.foot_spans, false, branch);
    }

    fn items(&mut self, text: &str, places: &[Range<usize>], inline: bool, branch: &mut Branch) {
        self.lines(text, places, inline, |comment| branch.push(Item::comment(comment)));
    }

    fn elements(&mut self, text: &str, places: &[Range<usize>], inline: bool, list: &mut Vec<Value>) {
        self.lines(text, places, inline, |comment| list.push(Value::Comment(comment)));
    }

    /// Each line of a comment is a comment of its own.
    fn lines(&mut self, text: &str, places: &[Range<usize>], inline: bool, mut push: impl FnMut(Comment)) {
        let lines = text.split('\n').filter(|line| !line.is_empty());
        for (line, place) in lines.zip(places) {
            let text = line.strip_prefix('#').unwrap_or(line);
            push(Comment { inline, ..Comment::new(text) });
            self.leaf(place.clone(), 0..0, true, ScalarStyle::Plain, 0..0);
        }
    }

    fn leaf(
        &mut self,
        span: Range<usize>,
        properties: Range<usize>,
        is_comment: bool,
        style: ScalarStyle,
        key: Range<usize>,
    ) {
        let Self { document, in_flow, through_alias, .. } = *self;
        self.leaves.push(Leaf { document, span, properties, is_comment, style, in_flow, through_alias, key });
    }
}

/// The typed value of a scalar.
fn scalar(node: &Node) -> Result<Value, String> {
    let Kind::Scalar { text, style } = &node.kind else { return Ok(Value::Null) };
    let scalar = match resolve_tagged(text, &node.tag, *style) {
        Ok(Tagged::Scalar(scalar)) => scalar,
        Ok(Tagged::Binary(bytes)) => return Ok(Value::Text(bytes)),
        Err(problem) => return Err(format!("yaml: line {}: {problem}", node.line)),
    };
    Ok(match scalar {
        Scalar::Null => Value::Null,
        Scalar::Bool(value) => Value::Bool(value),
        Scalar::Int(value) => Value::Int(value),
        Scalar::Uint(value) => Value::Uint(value),
        Scalar::Float(value) => Value::Float(value),
        Scalar::Time(time) => match Time::parse(&time) {
            Some(time) => Value::Time(time),
            None => return Err(format!("yaml: line {}: the time zone of this timestamp cannot be written", node.line)),
        },
        Scalar::Merge | Scalar::Text => Value::text(text.as_bytes()),
    })
}

/// The key, as far as it is text.
fn name(key: &Node) -> Result<Key, String> {
    let (value, go_type) = match &key.kind {
        Kind::Alias { target, .. } => return name(target),
        Kind::Mapping { .. } => return Ok(Key::Other { go_type: "map[string]interface {}", text: "a map".to_owned() }),
        Kind::Sequence { .. } => return Ok(Key::Other { go_type: "[]interface {}", text: "a list".to_owned() }),
        Kind::Scalar { .. } => {
            let value = scalar(key)?;
            let go_type = value.go_type();
            (value, go_type)
        }
    };
    let text = match value {
        Value::Text(text) => {
            return match std::str::from_utf8(&text) {
                Ok(text) => Ok(Key::Name(text.to_owned())),
                Err(_) => Err(format!("yaml: line {}: the key is no text", key.line)),
            };
        }
        Value::Int(value) => value.to_string(),
        Value::Uint(value) => value.to_string(),
        Value::Bool(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Time(time) => time.as_str().to_owned(),
        _ => "null".to_owned(),
    };
    Ok(Key::Other { go_type, text })
}
