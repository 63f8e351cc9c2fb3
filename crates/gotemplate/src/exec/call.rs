//! Calling functions: argument counts, argument types, and where an error in a function is reported.

use super::{At, Failure, Run, State};
use crate::error::{Error, Fail};
use crate::function::{self, Function, Param};
use crate::methods::Method;
use crate::parse::node::{Operand, Term};
use crate::value::{Elem, Value};

impl<'t> State<'t> {
    pub(super) fn function(
        &mut self,
        dot: &Value,
        name: &'t str,
        node: At<'t>,
        args: &'t [Operand],
        last: Option<Value>,
    ) -> Run<Value> {
        let Some(function) = function::find(name) else {
            return self.error(format!("{name:?} is not a defined function"));
        };
        let params = function.params();
        self.count(name, &params, args, &last)?;
        if matches!(name, "and" | "or") {
            return self.short_circuit(dot, name == "or", args, last);
        }
        let values = self.arguments(dot, &params, args, last)?;
        let result = (function.call)(self.meter, &values);
        self.returned(name, node, result)
    }

    pub(super) fn method(
        &mut self,
        dot: &Value,
        receiver: &Value,
        method: &Method,
        node: At<'t>,
        args: &'t [Operand],
        last: Option<Value>,
    ) -> Run<Value> {
        let params = Function::parse(method.params);
        self.count(method.name, &params, args, &last)?;
        let values = self.arguments(dot, &params, args, last)?;
        let result = (method.call)(receiver, self.meter, &values);
        self.returned(method.name, node, result)
    }

    fn returned(&mut self, name: &str, node: At<'t>, result: Result<Value, Fail>) -> Run<Value> {
        let fail = match result {
            Ok(value) => return Ok(value),
            Err(fail) => fail,
        };
        self.at = node;
        Err(match fail {
            Fail::Budget(_) => self.fail(fail),
            Fail::Reason(reason) => Failure::new(Error::Execute {
                at: self.position(),
                function: Some(name.to_owned()),
                reason: reason.into_owned(),
            }),
        })
    }

    fn count(&self, name: &str, params: &(Vec<Param>, bool), args: &[Operand], last: &Option<Value>) -> Run<()> {
        let (params, variadic) = params;
        let given = args.len() + usize::from(last.is_some());
        if *variadic {
            let least = params.len() - 1;
            if given < least {
                let got = args.len();
                return self.error(format!("wrong number of args for {name}: want at least {least} got {got}"));
            }
        } else if given != params.len() {
            return self.error(format!("wrong number of args for {name}: want {} got {given}", params.len()));
        }
        Ok(())
    }

    fn short_circuit(&mut self, dot: &Value, or: bool, args: &'t [Operand], last: Option<Value>) -> Run<Value> {
        let mut value = Value::Invalid;
        for arg in args {
            value = self.argument(dot, Param::Reflect, arg)?;
            if value.truth() == or {
                return Ok(value);
            }
        }
        Ok(last.unwrap_or(value))
    }

    fn arguments(
        &mut self,
        dot: &Value,
        params: &(Vec<Param>, bool),
        args: &'t [Operand],
        last: Option<Value>,
    ) -> Run<Vec<Value>> {
        let (params, _) = params;
        let mut values = Vec::with_capacity(args.len() + 1);
        // The last parameter of a variadic function repeats.
        let param = |index: usize| params.get(index).or(params.last()).copied().unwrap_or(Param::Any);
        for (index, arg) in args.iter().enumerate() {
            values.push(self.argument(dot, param(index), arg)?);
        }
        if let Some(last) = last {
            values.push(self.validate(last, param(args.len()))?);
        }
        Ok(values)
    }

    /// An operand whose type nothing demands: the receiver of a chain.
    pub(super) fn untyped_argument(&mut self, dot: &Value, node: &'t Operand) -> Run<Value> {
        self.at = At::Operand(node);
        match &node.term {
            Term::Pipe(pipe) => self.pipeline(dot, pipe),
            Term::Identifier(name) => self.function(dot, name, At::Operand(node), &[], None),
            _ => self.error(format!("can't evaluate field of {node}")),
        }
    }

    fn argument(&mut self, dot: &Value, param: Param, node: &'t Operand) -> Run<Value> {
        self.step()?;
        self.at = At::Operand(node);
        let value = match &node.term {
            Term::Dot => dot.clone(),
            Term::Nil => {
                return match param {
                    Param::Any => Ok(Value::Nil),
                    Param::Reflect => Ok(Value::Invalid),
                    Param::Dict => self.nil_of(None),
                    Param::AnyList => self.nil_of(Some(Elem::Any)),
                    _ => self.error(format!("cannot assign nil to {}", param.name())),
                };
            }
            Term::Field(names) => self.fields(dot, dot.clone(), node, names, &[], None)?,
            Term::Variable(names) => self.variable(dot, node, names, &[], None)?,
            Term::Pipe(pipe) => self.argument_pipe(dot, node, pipe)?,
            Term::Identifier(name) => self.function(dot, name, At::Operand(node), &[], None)?,
            Term::Chain(inner, names) => self.chain(dot, node, inner, names, &[], None)?,
            _ => return self.literal(param, node),
        };
        self.validate(value, param)
    }

    fn argument_pipe(&mut self, dot: &Value, node: &'t Operand, pipe: &'t crate::parse::node::Pipe) -> Run<Value> {
        self.at = At::Operand(node);
        self.pipeline(dot, pipe)
    }

    /// A constant takes the parameter's type, if it can.
    fn literal(&mut self, param: Param, node: &'t Operand) -> Run<Value> {
        match (param, &node.term) {
            (Param::Any | Param::Reflect, Term::Bool(value)) | (Param::Bool, Term::Bool(value)) => {
                Ok(Value::Bool(*value))
            }
            (Param::Any | Param::Reflect | Param::Text, Term::Text { text, .. }) => Ok(Value::Text(text.0.clone())),
            (Param::Any | Param::Reflect, Term::Number(number)) => self.ideal(node, number),
            (Param::Int | Param::Duration, Term::Number(number)) if number.int.is_some() => {
                let int = number.int.unwrap_or_default();
                Ok(match param {
                    Param::Duration => Value::Named(crate::value::Named::Duration, int),
                    _ => Value::Int(int),
                })
            }
            (Param::Uint, Term::Number(number)) if number.uint.is_some() => {
                Ok(Value::Uint64(number.uint.unwrap_or_default()))
            }
            (Param::Float, Term::Number(number)) if number.float.is_some() => {
                Ok(Value::Float(number.float.unwrap_or_default()))
            }
            (Param::Bool, _) => self.error(format!("expected bool; found {node}")),
            (Param::Text, _) => self.error(format!("expected string; found {node}")),
            (Param::Int | Param::Duration, _) => self.error(format!("expected integer; found {node}")),
            (Param::Uint, _) => self.error(format!("expected unsigned integer; found {node}")),
            (Param::Float, _) => self.error(format!("expected float; found {node}")),
            _ => self.error(format!("can't handle {node} for arg of type {}", param.name())),
        }
    }

    /// Go's assignability, for the types that occur.
    fn validate(&mut self, value: Value, param: Param) -> Run<Value> {
        let fits = match (param, &value) {
            (Param::Any, Value::Invalid) => return Ok(Value::Nil),
            (Param::Any | Param::Reflect, _) => true,
            (Param::Dict, Value::Invalid) => return self.nil_of(None),
            (Param::AnyList, Value::Invalid) => return self.nil_of(Some(Elem::Any)),
            (_, Value::Invalid) => return self.error(format!("invalid value; expected {}", param.name())),
            (Param::Text, Value::Text(_))
            | (Param::Int, Value::Int(_))
            | (Param::Float, Value::Float(_))
            | (Param::Bool, Value::Bool(_))
            | (Param::Time, Value::Time(_))
            | (Param::Certificate, Value::Certificate(_))
            | (Param::Version, Value::Version(_))
            | (Param::Duration, Value::Named(crate::value::Named::Duration, _)) => true,
            (Param::Dict, Value::Map(map)) => map.elem == Elem::Any,
            (Param::AnyList, Value::List(list)) => list.elem == Elem::Any,
            _ => false,
        };
        if fits {
            return Ok(value);
        }
        let got = if matches!(value, Value::Nil) { "interface {}" } else { value.type_name() };
        self.error(format!("wrong type for value; expected {}; got {got}", param.name()))
    }
}
