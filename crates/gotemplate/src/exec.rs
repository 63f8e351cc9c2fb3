//! Walking the tree: text/template's execution, with the node at which an error is reported.
//!
//! This file holds the control structures; [`eval`] evaluates pipelines, fields and operands; [`call`] checks arguments
//! against parameter types and calls functions.

mod call;
mod eval;

use std::fmt;

use zeroize::Zeroizing;

use crate::budget::{Meter, grow};
use crate::error::{Error, Fail, Position};
use crate::parse::literal::quote;
use crate::parse::node::{Action, Body, Branch, Command, Node, Operand, Pipe, TemplateCall, Trees};
use crate::value::{Value, format};

/// How much of the template an error quotes.
const MAX_CONTEXT: usize = 200;

/// A failure on its way up.
pub(crate) type Failure = Box<Error>;

/// Runs the template `key` of `trees` on `data`. `source` is the text that the trees were parsed from; `output` is what
/// all templates of a render have written so far, which the budget counts.
pub(crate) fn execute(
    key: &str,
    source: &str,
    trees: &Trees,
    data: &Value,
    written: usize,
    meter: &Meter,
) -> Result<Zeroizing<Vec<u8>>, Failure> {
    let mut state = State {
        key,
        source,
        trees,
        meter,
        executing: key,
        at: At::Start,
        variables: vec![("$".to_owned(), data.clone())],
        depth: 0,
        written,
        out: Zeroizing::new(Vec::new()),
    };
    if let Some(body) = trees.get(key) {
        state.body(data, body)?;
    }
    Ok(state.out)
}

/// The node that an error is about.
#[derive(Clone, Copy)]
enum At<'t> {
    Start,
    Action(&'t Action),
    Branch(&'t Branch),
    Call(&'t TemplateCall),
    Pipe(&'t Pipe),
    Command(&'t Command),
    Operand(&'t Operand),
}

impl At<'_> {
    fn position(self) -> usize {
        match self {
            Self::Start => 0,
            Self::Action(node) => node.position,
            Self::Branch(node) => node.position,
            Self::Call(node) => node.position,
            Self::Pipe(node) => node.position,
            Self::Command(node) => node.position,
            Self::Operand(node) => node.position,
        }
    }
}

impl fmt::Display for At<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Start => Ok(()),
            Self::Action(node) => write!(f, "{{{{{}}}}}", node.pipe),
            Self::Branch(node) => node.fmt(f),
            Self::Call(node) => node.fmt(f),
            Self::Pipe(node) => node.fmt(f),
            Self::Command(node) => node.fmt(f),
            Self::Operand(node) => node.fmt(f),
        }
    }
}

/// Why a body ended.
#[derive(PartialEq)]
enum Flow {
    On,
    Break,
    Continue,
}

struct State<'t> {
    key: &'t str,
    source: &'t str,
    trees: &'t Trees,
    meter: &'t Meter,
    /// The name of the running template.
    executing: &'t str,
    at: At<'t>,
    variables: Vec<(String, Value)>,
    depth: usize,
    written: usize,
    out: Zeroizing<Vec<u8>>,
}

type Run<T> = Result<T, Failure>;

impl<'t> State<'t> {
    fn position(&self) -> Box<Position> {
        let offset = self.at.position().min(self.source.len());
        let before = self.source.get(..offset).unwrap_or_default();
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let mut context = self.at.to_string();
        if context.len() > MAX_CONTEXT {
            let end = (0..=MAX_CONTEXT).rev().find(|end| context.is_char_boundary(*end)).unwrap_or(0);
            context.truncate(end);
            context.push('…');
        }
        Box::new(Position {
            key: self.key.to_owned(),
            line: 1 + before.matches('\n').count(),
            column: offset - line_start,
            executing: self.executing.to_owned(),
            context,
        })
    }

    fn error<T>(&self, reason: impl Into<String>) -> Run<T> {
        Err(Box::new(Error::Execute { at: self.position(), function: None, reason: reason.into() }))
    }

    /// A failure outside of any function.
    fn fail(&self, fail: Fail) -> Failure {
        Box::new(match fail {
            Fail::Reason(reason) => Error::Execute { at: self.position(), function: None, reason: reason.into_owned() },
            Fail::Budget(limit) => Error::Budget { at: self.position(), limit },
        })
    }

    fn step(&self) -> Run<()> {
        self.meter.step().map_err(|fail| self.fail(fail))
    }

    /// One structure, pipeline or template deeper. The caller comes up again; after an error nobody does.
    fn deeper(&mut self) -> Run<()> {
        self.step()?;
        self.depth += 1;
        if self.depth > self.meter.budget().depth { Err(self.fail(Fail::Budget("depth"))) } else { Ok(()) }
    }

    fn write(&mut self, bytes: &[u8]) -> Run<()> {
        if self.written + self.out.len() + bytes.len() > self.meter.budget().output {
            return Err(self.fail(Fail::Budget("output")));
        }
        grow(&mut self.out, bytes);
        Ok(())
    }

    fn body(&mut self, dot: &Value, body: &'t Body) -> Run<Flow> {
        self.deeper()?;
        for node in &body.0 {
            self.step()?;
            let flow = self.node(dot, node)?;
            if flow != Flow::On {
                self.depth -= 1;
                return Ok(flow);
            }
        }
        self.depth -= 1;
        Ok(Flow::On)
    }

    fn node(&mut self, dot: &Value, node: &'t Node) -> Run<Flow> {
        match node {
            Node::Text(text) => self.write(text)?,
            Node::Action(action) => {
                self.at = At::Action(action);
                let value = self.pipeline(dot, &action.pipe)?;
                if action.pipe.variables.is_empty() {
                    self.at = At::Action(action);
                    self.print(&value)?;
                }
            }
            Node::If(branch) => return self.if_or_with(dot, branch, false),
            Node::With(branch) => return self.if_or_with(dot, branch, true),
            Node::Range(branch) => return self.range(dot, branch),
            Node::Template(call) => self.template(dot, call)?,
            Node::Break => return Ok(Flow::Break),
            Node::Continue => return Ok(Flow::Continue),
        }
        Ok(Flow::On)
    }

    fn print(&mut self, value: &Value) -> Run<()> {
        match value {
            Value::Invalid => self.write(b"<no value>"),
            Value::Text(text) => self.write(text),
            _ => {
                let text = format::sprint_one(value, self.meter).map_err(|fail| self.fail(fail))?;
                self.write(&text)
            }
        }
    }

    fn if_or_with(&mut self, dot: &Value, branch: &'t Branch, with: bool) -> Run<Flow> {
        self.at = At::Branch(branch);
        let mark = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let flow = match (&branch.otherwise, value.truth()) {
            (_, true) if with => self.body(&value, &branch.body)?,
            (_, true) => self.body(dot, &branch.body)?,
            (Some(otherwise), false) => self.body(dot, otherwise)?,
            (None, false) => Flow::On,
        };
        self.variables.truncate(mark);
        Ok(flow)
    }

    fn range(&mut self, dot: &Value, branch: &'t Branch) -> Run<Flow> {
        self.at = At::Branch(branch);
        let outer = self.variables.len();
        let value = self.pipeline(dot, &branch.pipe)?;
        let done = self.turns(branch, &value)?;
        let mut flow = Flow::On;
        if !done && let Some(otherwise) = &branch.otherwise {
            // A break here belongs to this loop in Go, too: the panic that carries it is caught by this range.
            flow = self.body(dot, otherwise)?;
            if flow == Flow::Break {
                flow = Flow::On;
            }
        }
        self.variables.truncate(outer);
        Ok(flow)
    }

    /// The turns of a loop; `false` if there was none.
    fn turns(&mut self, branch: &'t Branch, value: &Value) -> Run<bool> {
        match value {
            Value::Invalid | Value::Nil => Ok(false),
            Value::List(list) => {
                let items = list.to_vec();
                for (index, item) in items.iter().enumerate() {
                    if !self.turn(branch, Value::Int(index as i64), item.clone())? {
                        break;
                    }
                }
                Ok(!items.is_empty())
            }
            Value::Map(map) => {
                let entries = map.to_vec();
                for (key, item) in &entries {
                    if !self.turn(branch, Value::Text(key.clone()), item.clone())? {
                        break;
                    }
                }
                Ok(!entries.is_empty())
            }
            Value::Int(end) | Value::Int64(end) | Value::Named(_, end) => {
                self.one_variable(branch, value)?;
                let end = *end;
                let mut number = 0;
                while number < end {
                    let item = match value {
                        Value::Int64(_) => Value::Int64(number),
                        Value::Named(name, _) => Value::Named(*name, number),
                        _ => Value::Int(number),
                    };
                    if !self.turn(branch, Value::Invalid, item)? {
                        break;
                    }
                    number += 1;
                }
                Ok(end > 0)
            }
            Value::Uint8(_) | Value::Uint64(_) => {
                self.one_variable(branch, value)?;
                let end = value.unsigned().unwrap_or(0);
                let mut number = 0;
                while number < end {
                    let item = match value {
                        Value::Uint8(_) => Value::Uint8(number as u8),
                        _ => Value::Uint64(number),
                    };
                    if !self.turn(branch, Value::Invalid, item)? {
                        break;
                    }
                    number += 1;
                }
                Ok(end > 0)
            }
            _ => self.error(format!("range can't iterate over a value of type {}", value.type_name())),
        }
    }

    fn one_variable(&self, branch: &Branch, value: &Value) -> Run<()> {
        if branch.pipe.variables.len() > 1 {
            return self.error(format!("can't use {} to iterate over more than one variable", value.type_name()));
        }
        Ok(())
    }

    /// One turn; `false` after a break.
    fn turn(&mut self, branch: &'t Branch, index: Value, item: Value) -> Run<bool> {
        self.step()?;
        let pipe = &branch.pipe;
        // With one variable it is the item; with two the first is the index.
        match (pipe.variables.as_slice(), pipe.assign) {
            ([], _) => {}
            ([only], true) => self.set_variable(only, item.clone())?,
            ([first, second], true) => {
                self.set_variable(first, index)?;
                self.set_variable(second, item.clone())?;
            }
            ([_], false) => self.set_top(1, item.clone()),
            _ => {
                self.set_top(1, item.clone());
                self.set_top(2, index);
            }
        }
        let mark = self.variables.len();
        let flow = self.body(&item, &branch.body)?;
        self.variables.truncate(mark);
        Ok(flow != Flow::Break)
    }

    fn template(&mut self, dot: &Value, call: &'t TemplateCall) -> Run<()> {
        self.at = At::Call(call);
        let Some((name, body)) = self.trees.get_key_value(&call.name) else {
            return self.error(format!("template {} not defined", quote(&call.name)));
        };
        let value = match &call.pipe {
            Some(pipe) => self.pipeline(dot, pipe)?,
            None => Value::Invalid,
        };
        self.deeper()?;
        let variables = std::mem::replace(&mut self.variables, vec![("$".to_owned(), value.clone())]);
        let executing = std::mem::replace(&mut self.executing, name);
        self.body(&value, body)?;
        self.executing = executing;
        self.variables = variables;
        self.depth -= 1;
        Ok(())
    }

    fn set_variable(&mut self, name: &str, value: Value) -> Run<()> {
        match self.variables.iter_mut().rev().find(|(known, _)| known == name) {
            Some((_, slot)) => {
                *slot = value;
                Ok(())
            }
            None => self.error(format!("undefined variable: {name}")),
        }
    }

    fn set_top(&mut self, from_top: usize, value: Value) {
        let index = self.variables.len().wrapping_sub(from_top);
        if let Some((_, slot)) = self.variables.get_mut(index) {
            *slot = value;
        }
    }
}

/// The error of a template that could not even begin.
pub(crate) fn over_budget(key: &str, limit: &'static str) -> Failure {
    let at = Position { key: key.to_owned(), line: 1, column: 0, executing: key.to_owned(), context: String::new() };
    Failure::new(Error::Budget { at: Box::new(at), limit })
}
