//! The table of functions, and how their parameters are written down.

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::budget::Meter;
use crate::error::Fail;
use crate::value::Value;
use crate::{builtin, sprig};

/// The type of a parameter, as Go's function has it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Param {
    Text,
    Int,
    Uint,
    Float,
    Bool,
    /// `interface {}`
    Any,
    /// `reflect.Value`: tells a missing value from nil.
    Reflect,
    Dict,
    AnyList,
    Time,
    Duration,
    Version,
    Certificate,
}

impl Param {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Text => "string",
            Self::Int => "int",
            Self::Uint => "uint32",
            Self::Float => "float64",
            Self::Bool => "bool",
            Self::Any => "interface {}",
            Self::Reflect => "reflect.Value",
            Self::Dict => "map[string]interface {}",
            Self::AnyList => "[]interface {}",
            Self::Time => "time.Time",
            Self::Duration => "time.Duration",
            Self::Version => "*semver.Version",
            Self::Certificate => "sprig.certificate",
        }
    }
}

/// The Rust side of a function. Arguments have been counted and have the types of the parameters.
pub(crate) type Call = fn(&Meter, &[Value]) -> Result<Value, Fail>;

/// A function that templates can call.
#[derive(Clone, Copy)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    params: &'static str,
    pub(crate) call: Call,
}

/// One row of a table of functions. `params` has a letter for each parameter, and `*` after the last if it repeats:
/// `s` string, `i` int, `u` uint32, `f` float64, `b` bool, `a` anything, `v` reflect.Value, `m` dictionary, `l` list,
/// `t` time, `d` duration, `V` version, `c` certificate.
pub(crate) const fn function(name: &'static str, params: &'static str, call: Call) -> Function {
    Function { name, params, call }
}

impl Function {
    pub(crate) fn params(&self) -> (Vec<Param>, bool) {
        Self::parse(self.params)
    }

    /// The parameters, and whether the last one repeats.
    pub(crate) fn parse(params: &str) -> (Vec<Param>, bool) {
        let list = params.strip_suffix('*').unwrap_or(params);
        let param = |letter| match letter {
            's' => Param::Text,
            'i' => Param::Int,
            'u' => Param::Uint,
            'f' => Param::Float,
            'b' => Param::Bool,
            'v' => Param::Reflect,
            'm' => Param::Dict,
            'l' => Param::AnyList,
            't' => Param::Time,
            'd' => Param::Duration,
            'V' => Param::Version,
            'c' => Param::Certificate,
            _ => Param::Any,
        };
        (list.chars().map(param).collect(), params.ends_with('*'))
    }
}

/// Every function by name. sprig's come last: its `slice` replaces Go's, as in a FuncMap.
static FUNCTIONS: LazyLock<HashMap<&'static str, Function>> = LazyLock::new(|| {
    builtin::FUNCTIONS
        .iter()
        .chain(sprig::FUNCTIONS.iter().copied().flatten())
        .map(|function| (function.name, *function))
        .collect()
});

pub(crate) fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.get(name)
}

pub(crate) fn exists(name: &str) -> bool {
    FUNCTIONS.contains_key(name)
}

/// The names of all functions, for tests and documentation.
pub(crate) fn names() -> Vec<&'static str> {
    let mut names: Vec<_> = FUNCTIONS.keys().copied().collect();
    names.sort_unstable();
    names
}

#[cfg(test)]
mod tests {
    /// sprig's generic map has 211 names; three of them are left out. Go has 19, of which sprig replaces `slice`.
    #[test]
    fn every_function_of_sprig_and_go_is_there_and_no_other() {
        let names = super::names();
        for gone in ["env", "expandenv", "getHostByName"] {
            assert!(!names.contains(&gone), "{gone} must not exist");
        }
        assert_eq!(names.len(), 211 - 3 + 19 - 1, "{names:?}");
    }

    fn vectors() -> String {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/vectors/gotemplate/vectors.jsonl");
        std::fs::read_to_string(path).expect("the vectors")
    }

    fn words<'v>(rows: impl Iterator<Item = &'v str>) -> std::collections::HashSet<&'v str> {
        rows.flat_map(|row| row.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '_')).collect()
    }

    #[test]
    fn every_function_is_called_in_some_vector() {
        let vectors = vectors();
        let rows = || vectors.lines().filter(|row| row.starts_with("{\"template\":"));
        assert!(rows().count() > 5000, "{} templates", rows().count());
        let called = words(rows().filter(|row| !row.contains("\"parse\":")));
        for name in super::names() {
            assert!(called.contains(name), "{name} is called nowhere");
        }
    }

    /// What makes keys at random is tested in `tests/generated.rs`: every other function has a template in which it works.
    #[test]
    fn every_function_works_in_some_vector() {
        let vectors = vectors();
        let words = words(vectors.lines().filter(|row| row.contains("\"output\":")));
        let generated = ["buildCustomCert", "call", "fail", "genSelfSignedCert", "genSignedCert"];
        for name in super::names().into_iter().filter(|name| !generated.contains(name)) {
            assert!(words.contains(name), "{name} works nowhere");
        }
    }
}
