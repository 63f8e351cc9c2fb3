//! The syntax of names, label keys and label values, with the real API server's words for what is wrong.

const SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
                         '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used \
                         for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
const LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
                     start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for \
                     validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const LABEL_1035: &str = "a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an \
                          alphabetic character, and end with an alphanumeric character (e.g. 'my-name',  or 'abc-123', \
                          regex used for validation is '[a-z]([-a-z0-9]*[a-z0-9])?')";
const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or \
                           '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or \
                           'my_value',  or '12345', regex used for validation is \
                           '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const QUALIFIED: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end \
                         with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for \
                         validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const DATA_KEY: &str = "a valid config key must consist of alphanumeric characters, '-', '_' or '.' (e.g. 'key.name',  \
                        or 'KEY_NAME',  or 'key-name', regex used for validation is '[-._a-zA-Z0-9]+')";

/// What is wrong with a DNS-1123 subdomain: the name of most objects.
pub(crate) fn subdomain_error(name: &str) -> Option<&'static str> {
    if name.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    (!name.split('.').all(is_label)).then_some(SUBDOMAIN)
}

/// What is wrong with a DNS-1123 label: the name of a namespace.
pub(crate) fn label_error(name: &str) -> Option<&'static str> {
    if name.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    (!is_label(name)).then_some(LABEL)
}

/// What is wrong with a DNS-1035 label: the name of a Service.
pub(crate) fn label_1035_error(name: &str) -> Option<&'static str> {
    if name.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    let starts_right = name.starts_with(|first: char| first.is_ascii_lowercase());
    (!(starts_right && is_label(name))).then_some(LABEL_1035)
}

/// What is wrong with the value of a label.
pub(crate) fn label_value_error(value: &str) -> Option<&'static str> {
    if value.len() > 63 {
        return Some("must be no more than 63 characters");
    }
    (!(value.is_empty() || is_name_part(value))).then_some(LABEL_VALUE)
}

/// What is wrong with the key of a label or an annotation.
pub(crate) fn qualified_name_error(key: &str) -> Option<&'static str> {
    let (prefix, name) = match key.split_once('/') {
        Some((prefix, name)) => (Some(prefix), name),
        None => (None, key),
    };
    if prefix == Some("") {
        return Some("prefix part must be non-empty");
    }
    if let Some(wrong) = prefix.and_then(subdomain_error) {
        return Some(wrong);
    }
    if name.is_empty() {
        return Some("name part must be non-empty");
    }
    if name.len() > 63 {
        return Some("name part must be no more than 63 characters");
    }
    (!is_name_part(name)).then_some(QUALIFIED)
}

/// What is wrong with a key in the data of a Secret or ConfigMap.
pub(crate) fn data_key_error(key: &str) -> Option<&'static str> {
    if key.len() > 253 {
        return Some("must be no more than 253 characters");
    }
    match key {
        "." => return Some("must not be '.'"),
        ".." => return Some("must not be '..'"),
        _ if key.starts_with("..") => return Some("must not start with '..'"),
        _ => (),
    }
    let valid = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
    (!valid).then_some(DATA_KEY)
}

pub(crate) fn is_qualified_name(key: &str) -> bool {
    qualified_name_error(key).is_none()
}

pub(crate) fn is_label_value(value: &str) -> bool {
    label_value_error(value).is_none()
}

fn is_label(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    let bytes = text.as_bytes();
    edge(bytes.first())
        && edge(bytes.last())
        && bytes.iter().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'-')
}

fn is_name_part(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.last().is_some_and(u8::is_ascii_alphanumeric)
        && bytes.iter().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_names() {
        let long = "a".repeat(254);
        for (name, valid) in [
            ("a", true),
            ("a-b.c-1", true),
            ("1", true),
            ("", false),
            ("A", false),
            ("a_b", false),
            ("-a", false),
            ("a-", false),
            ("a..b", false),
            (".a", false),
            ("ä", false),
            (&long, false),
            (&long[1..], true),
        ] {
            assert_eq!(subdomain_error(name).is_none(), valid, "subdomain {name:?}");
        }
        assert!(label_error("a.b").is_some());
        assert!(label_error(&"a".repeat(64)).is_some());
        assert!(label_1035_error("1a").is_some());
        assert!(label_1035_error("a1").is_none());
    }

    #[test]
    fn keys_and_values_of_labels() {
        for (key, valid) in [
            ("a", true),
            ("A_b.c", true),
            ("example.com/a", true),
            ("", false),
            ("/a", false),
            ("a/", false),
            ("a/b/c", false),
            ("Example.com/a", false),
            ("a b", false),
        ] {
            assert_eq!(is_qualified_name(key), valid, "label key {key:?}");
        }
        for (value, valid) in [("", true), ("A.b_c-1", true), ("-a", false), ("a/b", false)] {
            assert_eq!(is_label_value(value), valid, "label value {value:?}");
        }
    }

    #[test]
    fn keys_of_data() {
        for (key, valid) in [
            ("a", true),
            (".dockerconfigjson", true),
            ("..a", false),
            (".", false),
            ("", false),
            ("a b", false),
            ("a/b", false),
        ] {
            assert_eq!(data_key_error(key).is_none(), valid, "data key {key:?}");
        }
    }
}
