//! The values that templates compute with: Go's types, as far as text/template and sprig can produce them.
//!
//! A [`Value`] is what Go's engine holds in a `reflect.Value`: besides the typed values there are the invalid value (a
//! missing key) and the nil interface, which behave differently. Strings are bytes ([`Text`]), as in Go. Lists and
//! dictionaries are shared and mutable, as in Go; [`crate::budget::Meter`] holds every one of them until the render ends,
//! so that cycles do not leak and deep nestings are not dropped recursively.

pub(crate) mod compare;
pub(crate) mod float;
pub(crate) mod format;
pub(crate) mod json;
pub(crate) mod text;

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

pub(crate) use text::Text;

use crate::sprig::gotime::GoTime;
use crate::sprig::semver::Version;

/// One value. `Clone` is shallow: lists and dictionaries are references, as in Go.
#[derive(Clone)]
pub(crate) enum Value {
    /// Go's zero `reflect.Value`: what a missing key gives.
    Invalid,
    /// A nil in an interface: what a JSON null or `list nil` holds.
    Nil,
    Bool(bool),
    /// Go's `int`: number constants, indexes, `len`.
    Int(i64),
    Int64(i64),
    Uint8(u8),
    Uint64(u64),
    Float(f64),
    Complex(f64, f64),
    /// `time.Duration`, `time.Month`, `time.Weekday`: integers that print as words.
    Named(Named, i64),
    Text(Text),
    List(Rc<List>),
    Map(Rc<Map>),
    Time(Rc<GoTime>),
    Version(Rc<Version>),
    Certificate(Rc<Certificate>),
}

/// Integer types with names of their own.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Named {
    Duration,
    Month,
    Weekday,
}

/// What a list or a dictionary holds, which Go's type names show and its parameter types check.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Elem {
    Any,
    Text,
    Int,
    AnyList,
}

/// A Go slice.
pub(crate) struct List {
    pub(crate) elem: Elem,
    pub(crate) nil: bool,
    pub(crate) items: RefCell<Vec<Value>>,
}

/// A Go map with string keys.
pub(crate) struct Map {
    pub(crate) elem: Elem,
    pub(crate) nil: bool,
    pub(crate) entries: RefCell<BTreeMap<Text, Value>>,
}

/// sprig's pair of certificate and private key, both in PEM.
pub(crate) struct Certificate {
    pub(crate) cert: Text,
    pub(crate) key: Text,
}

impl List {
    /// A copy of the items, which are references.
    pub(crate) fn to_vec(&self) -> Vec<Value> {
        self.items.borrow().clone()
    }

    pub(crate) fn len(&self) -> usize {
        self.items.borrow().len()
    }
}

impl Map {
    pub(crate) fn get(&self, key: &[u8]) -> Option<Value> {
        self.entries.borrow().get(key).cloned()
    }

    pub(crate) fn len(&self) -> usize {
        self.entries.borrow().len()
    }

    /// A copy of the entries in the order of their keys.
    pub(crate) fn to_vec(&self) -> Vec<(Text, Value)> {
        self.entries.borrow().iter().map(|(key, value)| (key.clone(), value.clone())).collect()
    }
}

/// Go's `reflect.Kind`, as far as it occurs.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Invalid,
    Interface,
    Bool,
    Int,
    Uint,
    Float,
    Complex,
    Text,
    Slice,
    Map,
    Struct,
    Pointer,
}

impl Value {
    pub(crate) fn text(bytes: impl Into<Text>) -> Self {
        Self::Text(bytes.into())
    }

    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Invalid => Kind::Invalid,
            Self::Nil => Kind::Interface,
            Self::Bool(_) => Kind::Bool,
            Self::Int(_) | Self::Int64(_) | Self::Named(..) => Kind::Int,
            Self::Uint8(_) | Self::Uint64(_) => Kind::Uint,
            Self::Float(_) => Kind::Float,
            Self::Complex(..) => Kind::Complex,
            Self::Text(_) => Kind::Text,
            Self::List(_) => Kind::Slice,
            Self::Map(_) => Kind::Map,
            Self::Time(_) | Self::Certificate(_) => Kind::Struct,
            Self::Version(_) => Kind::Pointer,
        }
    }

    /// The kind's name, as sprig's `kindOf` prints it.
    pub(crate) fn kind_name(&self) -> &'static str {
        match self {
            Self::Invalid | Self::Nil => "invalid",
            Self::Bool(_) => "bool",
            Self::Int(_) | Self::Named(Named::Month | Named::Weekday, _) => "int",
            Self::Int64(_) | Self::Named(Named::Duration, _) => "int64",
            Self::Uint8(_) => "uint8",
            Self::Uint64(_) => "uint64",
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Text(_) => "string",
            Self::List(_) => "slice",
            Self::Map(_) => "map",
            Self::Time(_) | Self::Certificate(_) => "struct",
            Self::Version(_) => "ptr",
        }
    }

    /// The type's name, as `%T` prints it.
    pub(crate) fn type_name(&self) -> &'static str {
        match self {
            Self::Invalid | Self::Nil => "<nil>",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Int64(_) => "int64",
            Self::Uint8(_) => "uint8",
            Self::Uint64(_) => "uint64",
            Self::Float(_) => "float64",
            Self::Complex(..) => "complex128",
            Self::Named(Named::Duration, _) => "time.Duration",
            Self::Named(Named::Month, _) => "time.Month",
            Self::Named(Named::Weekday, _) => "time.Weekday",
            Self::Text(_) => "string",
            Self::List(list) => match list.elem {
                Elem::Any => "[]interface {}",
                Elem::Text => "[]string",
                Elem::Int => "[]int",
                Elem::AnyList => "[][]interface {}",
            },
            Self::Map(map) if map.elem == Elem::Text => "map[string]string",
            Self::Map(_) => "map[string]interface {}",
            Self::Time(_) => "time.Time",
            Self::Version(_) => "*semver.Version",
            Self::Certificate(_) => "sprig.certificate",
        }
    }

    /// The signed integer inside, whatever its width.
    pub(crate) fn signed(&self) -> Option<i64> {
        match self {
            Self::Int(number) | Self::Int64(number) | Self::Named(_, number) => Some(*number),
            _ => None,
        }
    }

    /// The unsigned integer inside, whatever its width.
    pub(crate) fn unsigned(&self) -> Option<u64> {
        match self {
            Self::Uint8(number) => Some(u64::from(*number)),
            Self::Uint64(number) => Some(*number),
            _ => None,
        }
    }

    /// Whether this is a nil of some type. `Invalid` is one, too.
    pub(crate) fn is_nil(&self) -> bool {
        match self {
            Self::Invalid | Self::Nil => true,
            Self::List(list) => list.nil,
            Self::Map(map) => map.nil,
            _ => false,
        }
    }

    /// text/template's truth: everything but the zero values and what is empty.
    pub(crate) fn truth(&self) -> bool {
        match self {
            Self::Invalid | Self::Nil => false,
            Self::Bool(value) => *value,
            Self::Int(number) | Self::Int64(number) | Self::Named(_, number) => *number != 0,
            Self::Uint8(number) => *number != 0,
            Self::Uint64(number) => *number != 0,
            Self::Float(number) => *number != 0.0,
            Self::Complex(real, imaginary) => *real != 0.0 || *imaginary != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(list) => list.len() > 0,
            Self::Map(map) => map.len() > 0,
            Self::Time(_) | Self::Certificate(_) | Self::Version(_) => true,
        }
    }
}

/// Counts how deep a recursive walk over values is.
pub(crate) struct Depth<'c>(&'c Cell<usize>);

impl<'c> Depth<'c> {
    /// One level deeper; `None` beyond `limit`.
    pub(crate) fn enter(counter: &'c Cell<usize>, limit: usize) -> Option<Self> {
        if counter.get() >= limit {
            return None;
        }
        counter.set(counter.get() + 1);
        Some(Self(counter))
    }
}

impl Drop for Depth<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get().saturating_sub(1));
    }
}
