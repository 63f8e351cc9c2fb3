//! What Kubernetes accepts as names.

/// A DNS label: up to 63 lower-case letters, digits and hyphens.
pub(super) fn is_label(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let ends = text.bytes().next().is_some_and(inner) && text.bytes().last().is_some_and(inner);
    ends && text.len() <= 63 && text.bytes().all(|byte| inner(byte) || byte == b'-')
}

/// A DNS subdomain: up to 253 characters, labels with dots between them (each without a limit of its own).
pub(super) fn is_subdomain(text: &str) -> bool {
    let inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let part = |part: &str| {
        part.bytes().next().is_some_and(inner)
            && part.bytes().last().is_some_and(inner)
            && part.bytes().all(|byte| inner(byte) || byte == b'-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

/// A key of a Secret: up to 253 letters, digits, `-`, `_` and `.`, but neither `.` nor `..`, nor one that begins with `..`.
pub(super) fn is_item_key(text: &str) -> bool {
    let accepted = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.len() <= 253 && text.bytes().all(accepted) && text != "." && !text.starts_with("..")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_judged_as_kubernetes_judges_them() {
        for (text, label, subdomain, key) in [
            ("a", true, true, true),
            ("a-1", true, true, true),
            ("a.b", false, true, true),
            ("-a", false, false, true),
            ("a-", false, false, true),
            ("A", false, false, true),
            ("a_b", false, false, true),
            ("a..b", false, false, true),
            ("..a", false, false, false),
            (".", false, false, false),
            ("", false, false, false),
            ("a b", false, false, false),
            ("ä", false, false, false),
            (&"a".repeat(64), false, true, true),
            (&"a".repeat(254), false, false, false),
        ] {
            assert_eq!((is_label(text), is_subdomain(text), is_item_key(text)), (label, subdomain, key), "{text:?}");
        }
    }
}
