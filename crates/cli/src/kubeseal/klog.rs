//! klog's flags: checked as klog checks them, without effect. The messages are Go's `flag`, `strconv` and klog's own.

/// Kinds of values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Klog {
    Bool,
    /// A number of 32 bits.
    Level,
    /// The name of a severity, or a number.
    Severity,
    /// A number without sign.
    Uint,
    /// `file.go:12`
    Trace,
    /// `pattern=N,…`
    Modules,
    Text,
}

impl Klog {
    /// Whether a value can be used.
    ///
    /// # Errors
    /// Go's message.
    pub(super) fn check(self, text: &str) -> Result<(), String> {
        match self {
            Self::Text => Ok(()),
            Self::Bool => super::flags::go_bool(text).map(drop).map_err(|_| "parse error".to_owned()),
            Self::Level => number(text),
            Self::Severity if ["INFO", "WARNING", "ERROR", "FATAL"].contains(&text.to_uppercase().as_str()) => Ok(()),
            Self::Severity => number(text),
            Self::Uint => uint(text),
            Self::Trace => trace(text),
            Self::Modules => modules(text),
        }
    }
}

fn number(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let problem = match text.parse::<i32>() {
        Ok(_) => return Ok(()),
        Err(_) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => "value out of range",
        Err(_) => "invalid syntax",
    };
    Err(format!("strconv.ParseInt: parsing {text:?}: {problem}"))
}

fn uint(text: &str) -> Result<(), String> {
    let (digits, base) = match text.get(..2).map(str::to_ascii_lowercase).as_deref() {
        Some("0x") => (&text[2..], 16),
        Some("0b") => (&text[2..], 2),
        Some("0o") => (&text[2..], 8),
        _ => (text, 10),
    };
    let well_formed = !digits.is_empty() && digits.chars().all(|digit| digit.is_digit(base));
    match u64::from_str_radix(digits, base) {
        Ok(_) if well_formed => Ok(()),
        _ if well_formed => Err("value out of range".to_owned()),
        _ => Err("parse error".to_owned()),
    }
}

fn trace(text: &str) -> Result<(), String> {
    const SYNTAX: &str = "syntax error: expect file.go:234";
    if text.is_empty() {
        return Ok(());
    }
    let parts: Vec<&str> = text.split(':').collect();
    let [file, line] = parts.as_slice() else { return Err(SYNTAX.to_owned()) };
    if !file.contains('.') {
        return Err(SYNTAX.to_owned());
    }
    match line.parse::<i64>() {
        Ok(line) if line > 0 => Ok(()),
        Ok(_) => Err("negative or zero value for level".to_owned()),
        Err(_) => Err(SYNTAX.to_owned()),
    }
}

fn modules(text: &str) -> Result<(), String> {
    const SYNTAX: &str = "syntax error: expect comma-separated list of filename=N";
    for part in text.split(',').filter(|part| !part.is_empty()) {
        match part.split('=').collect::<Vec<_>>().as_slice() {
            [pattern, level] if !pattern.is_empty() && !level.is_empty() => {
                level.parse::<i32>().map_err(|_| SYNTAX.to_owned())?;
            }
            _ => return Err(SYNTAX.to_owned()),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_checked_as_klog_checks_them() {
        for (kind, good, bad) in [
            (Klog::Bool, &["true", "0"][..], &[("x", "parse error")][..]),
            (
                Klog::Level,
                &["9", "-1"],
                &[
                    ("x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
                    ("", "strconv.ParseInt: parsing \"\": invalid syntax"),
                    ("0x10", "strconv.ParseInt: parsing \"0x10\": invalid syntax"),
                    ("99999999999", "strconv.ParseInt: parsing \"99999999999\": value out of range"),
                ],
            ),
            (
                Klog::Severity,
                &["info", "ERROR", "99"],
                &[("loud", "strconv.ParseInt: parsing \"loud\": invalid syntax")],
            ),
            (
                Klog::Uint,
                &["1800", "0x10"],
                &[("x", "parse error"), ("-1", "parse error"), ("99999999999999999999", "value out of range")],
            ),
            (
                Klog::Trace,
                &["", "a.go:5"],
                &[
                    ("x", "syntax error: expect file.go:234"),
                    ("a:b", "syntax error: expect file.go:234"),
                    ("a.go:0", "negative or zero value for level"),
                ],
            ),
            (
                Klog::Modules,
                &["", ",", "a=1,b=2"],
                &[
                    ("a", "syntax error: expect comma-separated list of filename=N"),
                    ("a=b", "syntax error: expect comma-separated list of filename=N"),
                    ("=1", "syntax error: expect comma-separated list of filename=N"),
                    ("a=1,b", "syntax error: expect comma-separated list of filename=N"),
                ],
            ),
            (Klog::Text, &["x"], &[]),
        ] {
            for text in good {
                assert_eq!(kind.check(text), Ok(()), "{kind:?} {text}");
            }
            for (text, message) in bad {
                assert_eq!(kind.check(text), Err((*message).to_owned()), "{kind:?} {text}");
            }
        }
    }
}
