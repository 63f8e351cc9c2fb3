//! One line of comma-separated values, as Go's `encoding/csv` reads it: what pflag's list flags are.

/// The values of the first line.
///
/// # Errors
/// Go's message.
pub(super) fn values(text: &str) -> Result<Vec<String>, String> {
    let line = text.split('\n').find(|line| !line.trim_end_matches('\r').is_empty()).unwrap_or_default();
    let mut values = Vec::new();
    let mut rest = line.trim_end_matches('\r');
    if rest.is_empty() {
        return Ok(values);
    }
    loop {
        let column = line.len() - rest.len();
        let (value, after) = match rest.strip_prefix('"') {
            Some(quoted) => quoted_value(quoted, column + 1)?,
            None => {
                let end = rest.find(',').unwrap_or(rest.len());
                if let Some(quote) = rest[..end].find('"') {
                    return Err(problem(column + quote + 1, "bare \" in non-quoted-field"));
                }
                (rest[..end].to_owned(), &rest[end..])
            }
        };
        values.push(value);
        match after.strip_prefix(',') {
            Some(more) => rest = more,
            None => return Ok(values),
        }
    }
}

/// The value behind a quote, and what stands behind its closing quote: a comma or nothing.
fn quoted_value(text: &str, column: usize) -> Result<(String, &str), String> {
    const LOOSE: &str = "extraneous or missing \" in quoted-field";
    let mut value = String::new();
    let mut rest = text;
    loop {
        let at = text.len() - rest.len() + column;
        let Some(quote) = rest.find('"') else { return Err(problem(at + rest.len() + 1, LOOSE)) };
        value.push_str(&rest[..quote]);
        rest = &rest[quote + 1..];
        match rest.strip_prefix('"') {
            Some(more) => {
                value.push('"');
                rest = more;
            }
            None if rest.is_empty() || rest.starts_with(',') => return Ok((value, rest)),
            None => return Err(problem(at + quote + 1, LOOSE)),
        }
    }
}

fn problem(column: usize, what: &str) -> String {
    format!("parse error on line 1, column {column}: {what}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_split_at_commas_outside_of_quotes() {
        for (text, expected) in [
            ("", &[][..]),
            ("a", &["a"]),
            ("a,b", &["a", "b"]),
            ("a,", &["a", ""]),
            (",", &["", ""]),
            ("\"a,b\",c", &["a,b", "c"]),
            ("\"a\"\"b\"", &["a\"b"]),
            (" a , b", &[" a ", " b"]),
            ("a\nb", &["a"]),
        ] {
            assert_eq!(values(text).unwrap(), expected, "{text:?}");
        }
    }

    #[test]
    fn stray_quotes_are_errors_in_the_words_of_go() {
        for (text, column, what) in [
            ("a\"b", 2, "bare \" in non-quoted-field"),
            ("\"a", 3, "extraneous or missing \" in quoted-field"),
            ("\"a\"b", 3, "extraneous or missing \" in quoted-field"),
        ] {
            assert_eq!(values(text).unwrap_err(), format!("parse error on line 1, column {column}: {what}"), "{text}");
        }
    }
}
