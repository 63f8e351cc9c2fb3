//! Semantic versions and constraints (Masterminds/semver v3.3.0).

use std::cmp::Ordering;
use std::fmt;
use std::rc::Rc;
use std::sync::LazyLock;

use regex::Regex;

use super::{lossy, text};
use crate::error::Fail;
use crate::function::{Function, function};
use crate::value::Value;

pub(crate) const FUNCTIONS: &[Function] = &[
    function("semver", "s", |_, args| Ok(Value::Version(Rc::new(Version::parse(&lossy(text(&args[0])?))?)))),
    function("semverCompare", "ss", |meter, args| {
        let constraint = lossy(text(&args[0])?);
        if constraint.len() > MAX_CONSTRAINT {
            return Err(Fail::Budget("constraint size"));
        }
        meter.charge(constraint.len() * 16)?;
        let alternatives = constraints(&constraint)?;
        let version = Version::parse(&lossy(text(&args[1])?))?;
        let fits = alternatives.iter().any(|all| all.iter().all(|one| one.check(&version)));
        Ok(Value::Bool(fits))
    }),
];

/// A version, with the text that it was read from.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Version {
    pub(crate) major: u64,
    pub(crate) minor: u64,
    pub(crate) patch: u64,
    pub(crate) pre: String,
    pub(crate) metadata: String,
    pub(crate) original: String,
}

/// Rewriting ranges takes the square of the length.
const MAX_CONSTRAINT: usize = 4096;

const TAIL: &str = r"(-([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?(\+([0-9A-Za-z\-]+(\.[0-9A-Za-z\-]+)*))?";
const OPERATORS: &str = r"=||!=|>|<|>=|=>|<=|=<|~|~>|\^";

fn constraint_version() -> String {
    format!(r"v?([0-9|x|X|\*]+)(\.[0-9|x|X|\*]+)?(\.[0-9|x|X|\*]+)?{TAIL}")
}

fn compiled(pattern: String) -> Option<Regex> {
    Regex::new(&pattern).ok()
}

// The patterns are constants that the vectors compile.
static VERSION: LazyLock<Option<Regex>> =
    LazyLock::new(|| compiled(format!(r"^v?([0-9]+)(\.[0-9]+)?(\.[0-9]+)?{TAIL}$")));
static ONE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    compiled(format!(r"^[\t\n\f\r ]*({OPERATORS})[\t\n\f\r ]*({})[\t\n\f\r ]*$", constraint_version()))
});
static FIND: LazyLock<Option<Regex>> =
    LazyLock::new(|| compiled(format!(r"({OPERATORS})[\t\n\f\r ]*({})", constraint_version())));
static RANGE: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let version = constraint_version();
    compiled(format!(r"[\t\n\f\r ]*({version})[\t\n\f\r ]+-[\t\n\f\r ]+({version})[\t\n\f\r ]*"))
});
static VALID: LazyLock<Option<Regex>> = LazyLock::new(|| {
    let one = format!(r"({OPERATORS})[\t\n\f\r ]*({})[\t\n\f\r ]*", constraint_version());
    compiled(format!(r"^([\t\n\f\r ]*{one})((?:[\t\n\f\r ]+|,[\t\n\f\r ]*){one})*$"))
});

const INVALID: Fail = Fail::new("Invalid Semantic Version");
const IMPROPER: Fail = Fail::new("improper constraint");

impl Version {
    fn parse(version: &str) -> Result<Self, Fail> {
        let captures = VERSION.as_ref().and_then(|regex| regex.captures(version)).ok_or(INVALID)?;
        let group = |index: usize| captures.get(index).map_or("", |group| group.as_str());
        let number = |index: usize| match group(index).trim_start_matches('.') {
            "" => Ok(0),
            digits => digits.parse::<u64>().map_err(|_| Fail::new("Error parsing version segment")),
        };
        let (pre, metadata) = (group(5), group(8));
        let leading_zero =
            |part: &str| part.len() > 1 && part.starts_with('0') && part.bytes().all(|byte| byte.is_ascii_digit());
        if !pre.is_empty() && pre.split('.').any(leading_zero) {
            return Err(Fail::new("Version segment starts with 0"));
        }
        Ok(Self {
            major: number(1)?,
            minor: number(2)?,
            patch: number(3)?,
            pre: pre.to_owned(),
            metadata: metadata.to_owned(),
            original: version.to_owned(),
        })
    }

    /// By precedence: build metadata does not count, a pre-release comes before its release.
    pub(crate) fn compare(&self, other: &Self) -> Ordering {
        let numbers = (self.major, self.minor, self.patch).cmp(&(other.major, other.minor, other.patch));
        numbers.then_with(|| match (self.pre.is_empty(), other.pre.is_empty()) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            (false, false) => compare_pre(&self.pre, &other.pre),
        })
    }

    /// The next major (0), minor (1) or patch (2) version.
    pub(crate) fn increment(&self, part: u8) -> Self {
        let mut next = Self { pre: String::new(), metadata: String::new(), ..self.clone() };
        match part {
            0 => (next.major, next.minor, next.patch) = (self.major.wrapping_add(1), 0, 0),
            1 => (next.minor, next.patch) = (self.minor.wrapping_add(1), 0),
            // A pre-release is followed by its release.
            _ if !self.pre.is_empty() => {}
            _ => next.patch = self.patch.wrapping_add(1),
        }
        let prefix = if self.original.starts_with('v') { "v" } else { "" };
        next.original = format!("{prefix}{next}");
        next
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)?;
        if !self.pre.is_empty() {
            write!(f, "-{}", self.pre)?;
        }
        if !self.metadata.is_empty() {
            write!(f, "+{}", self.metadata)?;
        }
        Ok(())
    }
}

fn compare_pre(left: &str, right: &str) -> Ordering {
    let (mut left, mut right) = (left.split('.'), right.split('.'));
    loop {
        let order = match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (Some(_), None) => Ordering::Greater,
            (None, Some(_)) => Ordering::Less,
            (Some(left), Some(right)) => match (left.parse::<u64>(), right.parse::<u64>()) {
                _ if left == right => Ordering::Equal,
                (Ok(left), Ok(right)) if left > right => Ordering::Greater,
                (Ok(_), Ok(_)) => Ordering::Less,
                (Err(_), Err(_)) => left.cmp(right),
                (Ok(_), Err(_)) => Ordering::Less,
                (Err(_), Ok(_)) => Ordering::Greater,
            },
        };
        if order != Ordering::Equal {
            return order;
        }
    }
}

/// One comparison of a constraint.
struct Constraint {
    operator: String,
    version: Version,
    /// Some part is missing or a wildcard; which one.
    dirty: bool,
    minor_dirty: bool,
    patch_dirty: bool,
}

/// Alternatives of comparisons that must all hold.
fn constraints(text: &str) -> Result<Vec<Vec<Constraint>>, Fail> {
    let text = rewrite_ranges(text);
    let mut alternatives = Vec::new();
    for part in text.split("||") {
        if !VALID.as_ref().is_some_and(|regex| regex.is_match(part)) {
            return Err(IMPROPER);
        }
        let found: Vec<&str> =
            FIND.as_ref().map(|regex| regex.find_iter(part).map(|one| one.as_str()).collect()).unwrap_or_default();
        alternatives.push(found.into_iter().map(Constraint::parse).collect::<Result<_, _>>()?);
    }
    Ok(alternatives)
}

/// `1.2 - 2` is `>= 1.2, <= 2`.
fn rewrite_ranges(text: &str) -> String {
    let mut rewritten = text.to_owned();
    let Some(range) = RANGE.as_ref() else { return rewritten };
    for captures in range.captures_iter(text) {
        let group = |index: usize| captures.get(index).map_or("", |group| group.as_str());
        rewritten = rewritten.replacen(group(0), &format!(">= {}, <= {} ", group(1), group(11)), 1);
    }
    rewritten
}

impl Constraint {
    fn parse(text: &str) -> Result<Self, Fail> {
        let captures = ONE.as_ref().and_then(|regex| regex.captures(text)).ok_or(IMPROPER)?;
        let group = |index: usize| captures.get(index).map_or("", |group| group.as_str());
        let wild = |index: usize| matches!(group(index).trim_start_matches('.'), "" | "x" | "X" | "*");
        let (version, minor_dirty, patch_dirty) = if wild(3) {
            (format!("0.0.0{}", group(6)), false, false)
        } else if wild(4) {
            (format!("{}.0.0{}", group(3), group(6)), true, false)
        } else if wild(5) {
            (format!("{}{}.0{}", group(3), group(4), group(6)), false, true)
        } else {
            (group(2).to_owned(), false, false)
        };
        let version = Version::parse(&version).map_err(|_| Fail::new("constraint Parser Error"))?;
        let dirty = wild(3) || wild(4) || wild(5);
        Ok(Self { operator: group(1).to_owned(), version, dirty, minor_dirty, patch_dirty })
    }

    fn check(&self, version: &Version) -> bool {
        let wanted = &self.version;
        let excluded = !version.pre.is_empty() && wanted.pre.is_empty();
        let order = version.compare(wanted);
        match self.operator.as_str() {
            "!=" => self.not_equal(version),
            _ if excluded => false,
            ">" if !self.dirty => order.is_gt(),
            ">" => {
                if version.major != wanted.major {
                    version.major > wanted.major
                } else if self.minor_dirty {
                    false
                } else if self.patch_dirty {
                    version.minor > wanted.minor
                } else {
                    order.is_gt()
                }
            }
            "<" => order.is_lt(),
            ">=" | "=>" => order.is_ge(),
            "<=" | "=<" if !self.dirty => order.is_le(),
            "<=" | "=<" => {
                !(version.major > wanted.major
                    || version.major == wanted.major && version.minor > wanted.minor && !self.minor_dirty)
            }
            "~" | "~>" => self.tilde(version),
            "^" => self.caret(version),
            _ if self.dirty => self.tilde(version),
            _ => order.is_eq(),
        }
    }

    fn not_equal(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if self.dirty {
            if !version.pre.is_empty() && wanted.pre.is_empty() {
                return false;
            }
            if version.major != wanted.major {
                return true;
            }
            if self.minor_dirty {
                return false;
            }
            if version.minor != wanted.minor {
                return true;
            }
            if self.patch_dirty {
                return (!version.pre.is_empty() || !wanted.pre.is_empty())
                    && compare_pre(&version.pre, &wanted.pre).is_ne();
            }
            if version.patch != wanted.patch {
                return true;
            }
        }
        version.compare(wanted).is_ne()
    }

    fn tilde(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        let any = wanted.major == 0 && wanted.minor == 0 && wanted.patch == 0 && !self.minor_dirty && !self.patch_dirty;
        any || version.major == wanted.major && (version.minor == wanted.minor || self.minor_dirty)
    }

    fn caret(&self, version: &Version) -> bool {
        let wanted = &self.version;
        if version.compare(wanted).is_lt() {
            return false;
        }
        if wanted.major > 0 || self.minor_dirty {
            return version.major == wanted.major;
        }
        if version.major > 0 {
            return false;
        }
        if wanted.minor > 0 || self.patch_dirty {
            return version.minor == wanted.minor;
        }
        version.minor == 0 && version.patch == wanted.patch
    }
}
