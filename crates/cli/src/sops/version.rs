//! The version in a file's metadata: a semantic version, or one of the 1.x series.

use super::failure::Failure;

/// What we are, and write.
pub(crate) const OURS: &str = "3.13.3";

/// The first version whose KMS encryption contexts are right.
const CONTEXTS_FIXED: [u64; 3] = [3, 3, 0];

/// Refuses a file whose version cannot be read, in the words of the real tool.
pub(crate) fn check(version: &str) -> Result<(), Failure> {
    parse(version).map(drop)
}

/// Whether the file may have wrong encryption contexts.
pub(crate) fn has_context_bug(version: &str) -> bool {
    parse(version).is_ok_and(|version| version.is_none_or(|version| version < CONTEXTS_FIXED))
}

/// Whether a file of this version is older than what we write.
pub(crate) fn is_older(version: &str) -> bool {
    let ours = parse(OURS).ok().flatten();
    parse(version).is_ok_and(|version| version < ours)
}

/// The three numbers; `None` for the 1.x series, which was not numbered so.
fn parse(version: &str) -> Result<Option<[u64; 3]>, Failure> {
    if version.starts_with("1.") {
        return Ok(None);
    }
    let version = version.strip_prefix('v').unwrap_or(version);
    if version.is_empty() {
        return Err(Failure::generic("Version string empty"));
    }
    let parts: Vec<&str> = version.splitn(3, '.').collect();
    let [major, minor, rest] = parts[..] else {
        return Err(Failure::generic("No Major.Minor.Patch elements found"));
    };
    let end = rest.find(['-', '+']).unwrap_or(rest.len());
    let mut numbers = [0; 3];
    for ((name, text), number) in
        [("Major", major), ("Minor", minor), ("Patch", &rest[..end])].into_iter().zip(&mut numbers)
    {
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            let name = name.to_lowercase();
            return Err(Failure::generic(format!(
                "Invalid character(s) found in {name} number {}",
                super::go::quote(text)
            )));
        }
        if text.len() > 1 && text.starts_with('0') {
            return Err(Failure::generic(format!(
                "{name} number must not contain leading zeroes {}",
                super::go::quote(text)
            )));
        }
        *number = text.parse().map_err(|_| {
            let text = super::go::quote(text);
            Failure::generic(format!("strconv.ParseUint: parsing {text}: value out of range"))
        })?;
    }
    Ok(Some(numbers))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_as_the_real_tool_reads_them() {
        for (version, error) in [
            ("3.13.3", None),
            ("v3.0.0", None),
            ("1.14", None),
            ("3.3.0-rc.1+x", None),
            ("", Some("Version string empty")),
            ("3.3", Some("No Major.Minor.Patch elements found")),
            ("x.3.0", Some("Invalid character(s) found in major number \"x\"")),
            ("3.03.0", Some("Minor number must not contain leading zeroes \"03\"")),
        ] {
            assert_eq!(check(version).err().map(|failure| failure.text).as_deref(), error, "{version}");
        }
        assert!(
            has_context_bug("3.2.9") && has_context_bug("1.0") && !has_context_bug("3.3.0") && !has_context_bug("")
        );
        assert!(is_older("3.13.2") && is_older("1.9") && !is_older("3.13.3") && !is_older("4.0.0"));
    }
}
