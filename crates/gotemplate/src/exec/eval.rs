//! Pipelines, commands, operands, fields and variables.

use super::{At, Run, State};
use crate::methods;
use crate::parse::literal::Number;
use crate::parse::node::{Command, Operand, Pipe, Term};
use crate::value::{Elem, Value};

impl<'t> State<'t> {
    /// The value of a pipeline; variables that it declares stay on the stack.
    pub(super) fn pipeline(&mut self, dot: &Value, pipe: &'t Pipe) -> Run<Value> {
        self.at = At::Pipe(pipe);
        self.deeper()?;
        let mut value = None;
        for command in &pipe.commands {
            let next = self.command(dot, command, value)?;
            // A nil in an interface is no value from here on.
            value = Some(if matches!(next, Value::Nil) { Value::Invalid } else { next });
        }
        let value = value.unwrap_or(Value::Invalid);
        for variable in &pipe.variables {
            if pipe.assign {
                self.set_variable(variable, value.clone())?;
            } else {
                self.variables.push((variable.clone(), value.clone()));
            }
        }
        self.depth -= 1;
        Ok(value)
    }

    fn command(&mut self, dot: &Value, command: &'t Command, last: Option<Value>) -> Run<Value> {
        self.step()?;
        let Some(first) = command.operands.first() else { return self.error("empty command") };
        let args = command.operands.get(1..).unwrap_or_default();
        match &first.term {
            Term::Field(names) => {
                self.at = At::Operand(first);
                return self.fields(dot, dot.clone(), first, names, args, last);
            }
            Term::Chain(inner, names) => return self.chain(dot, first, inner, names, args, last),
            Term::Identifier(name) => {
                self.at = At::Operand(first);
                return self.function(dot, name, At::Command(command), args, last);
            }
            Term::Pipe(pipe) => {
                self.not_a_function(first, args, &last)?;
                return self.pipeline(dot, pipe);
            }
            Term::Variable(names) => return self.variable(dot, first, names, args, last),
            _ => {}
        }
        self.at = At::Operand(first);
        self.not_a_function(first, args, &last)?;
        match &first.term {
            Term::Bool(value) => Ok(Value::Bool(*value)),
            Term::Dot => Ok(dot.clone()),
            Term::Number(number) => self.ideal(first, number),
            Term::Text { text, .. } => Ok(Value::Text(text.0.clone())),
            _ => self.error("nil is not a command"),
        }
    }

    fn not_a_function(&self, first: &Operand, args: &[Operand], last: &Option<Value>) -> Run<()> {
        if args.is_empty() && last.is_none() {
            return Ok(());
        }
        self.error(format!("can't give argument to non-function {first}"))
    }

    /// A number where nothing says which type it has.
    pub(super) fn ideal(&mut self, node: &'t Operand, number: &Number) -> Run<Value> {
        self.at = At::Operand(node);
        if let Some((real, imaginary)) = number.complex {
            return Ok(Value::Complex(real, imaginary));
        }
        let text = &number.text;
        let hex = text.len() > 2 && (text.starts_with("0x") || text.starts_with("0X")) && !text.contains(['p', 'P']);
        let looks_float = !hex && !text.starts_with('\'') && text.contains(['.', 'e', 'E', 'p', 'P']);
        match (number.float, number.int) {
            (Some(float), _) if looks_float => Ok(Value::Float(float)),
            (_, Some(int)) => Ok(Value::Int(int)),
            _ => self.error(format!("{text} overflows int")),
        }
    }

    pub(super) fn chain(
        &mut self,
        dot: &Value,
        node: &'t Operand,
        inner: &'t Operand,
        names: &'t [String],
        args: &'t [Operand],
        last: Option<Value>,
    ) -> Run<Value> {
        self.at = At::Operand(node);
        if matches!(inner.term, Term::Nil) {
            return self.error(format!("indirection through explicit nil in {node}"));
        }
        let receiver = self.untyped_argument(dot, inner)?;
        self.fields(dot, receiver, node, names, args, last)
    }

    pub(super) fn variable(
        &mut self,
        dot: &Value,
        node: &'t Operand,
        names: &'t [String],
        args: &'t [Operand],
        last: Option<Value>,
    ) -> Run<Value> {
        self.at = At::Operand(node);
        let Some((name, fields)) = names.split_first() else { return Ok(Value::Invalid) };
        let found = self.variables.iter().rev().find(|(known, _)| known == name).map(|(_, value)| value.clone());
        let Some(value) = found else { return self.error(format!("undefined variable: {name}")) };
        if fields.is_empty() {
            self.not_a_function(node, args, &last)?;
            return Ok(value);
        }
        self.fields(dot, value, node, fields, args, last)
    }

    /// `.a.b.c`: each name but the last without arguments.
    pub(super) fn fields(
        &mut self,
        dot: &Value,
        mut receiver: Value,
        node: &'t Operand,
        names: &'t [String],
        args: &'t [Operand],
        last: Option<Value>,
    ) -> Run<Value> {
        let Some((final_name, names)) = names.split_last() else { return Ok(receiver) };
        for name in names {
            receiver = self.field(dot, &receiver, node, name, &[], None)?;
        }
        self.field(dot, &receiver, node, final_name, args, last)
    }

    fn field(
        &mut self,
        dot: &Value,
        receiver: &Value,
        node: &'t Operand,
        name: &'t str,
        args: &'t [Operand],
        last: Option<Value>,
    ) -> Run<Value> {
        match receiver {
            Value::Invalid => return Ok(Value::Invalid),
            Value::Nil => return self.error(format!("nil pointer evaluating interface {{}}.{name}")),
            _ => {}
        }
        if let Some(method) = methods::find(receiver, name) {
            return self.method(dot, receiver, &method, At::Operand(node), args, last);
        }
        let has_args = !args.is_empty() || last.is_some();
        match receiver {
            Value::Map(map) => {
                if has_args {
                    return self.error(format!("{name} is not a method but has arguments"));
                }
                Ok(map.get(name.as_bytes()).unwrap_or(Value::Invalid))
            }
            Value::Certificate(pair) if matches!(name, "Cert" | "Key") => {
                if has_args {
                    return self.error(format!("{name} has arguments but cannot be invoked as function"));
                }
                Ok(Value::Text(if name == "Cert" { pair.cert.clone() } else { pair.key.clone() }))
            }
            _ => self.error(format!("can't evaluate field {name} in type {}", receiver.type_name())),
        }
    }

    /// The nil of a type that has one.
    pub(super) fn nil_of(&self, elem: Option<Elem>) -> Run<Value> {
        match elem {
            Some(elem) => self.meter.nil_list(elem),
            None => self.meter.nil_map(),
        }
        .map_err(|fail| self.fail(fail))
    }
}
