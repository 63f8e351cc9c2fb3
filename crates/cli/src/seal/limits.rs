//! What the API server will say of the Secret, said before it is sealed: then it is a message here, not a condition there.

use bulla_core::sealed::PlainSecret;

use crate::report::{Code, Report, Result};

/// The API server's limit for the values of one Secret together, in bytes.
const MAX_DATA: usize = 1 << 20;
const MAX_KEY: usize = 253;

/// Checks keys and size, and what the type wants. `place` is where the Secret is from.
pub(super) fn check(place: &str, secret: &PlainSecret) -> Result<()> {
    for key in secret.data.keys() {
        if let Some(problem) = bad_key(key) {
            let key: String = key.chars().take(63).flat_map(char::escape_debug).collect();
            return Err(Report::new(Code::BadKeyName, format!("{place}: the key {key:?} {problem}")).hint(
                "a key of a Secret is made of letters, digits, `-`, `_` and `.`: rename it (--from-file KEY=PATH)",
            ));
        }
    }
    let size: usize = secret.data.values().map(bulla_core::secret::SecretBytes::len).sum();
    if size > MAX_DATA {
        return Err(Report::new(
            Code::ValueTooLarge,
            format!("{place}: the values have {size} bytes together, and a Secret may have {MAX_DATA}"),
        )
        .hint("split it into several Secrets, or keep the bulk elsewhere and only its key in the Secret"));
    }
    missing(secret).map_or(Ok(()), |problem| {
        Err(Report::new(Code::TypeNeeds, format!("{place}: {problem}"))
            .hint("the cluster would refuse such a Secret; add what is missing, or choose another --type"))
    })
}

/// What is wrong with the name of a key.
fn bad_key(key: &str) -> Option<&'static str> {
    if key.is_empty() {
        Some("is empty")
    } else if key.len() > MAX_KEY {
        Some("is longer than 253 characters")
    } else if !key.chars().all(|letter| letter.is_ascii_alphanumeric() || "-._".contains(letter)) {
        Some("has a character that no key may have")
    } else if key == "." || key.starts_with("..") {
        Some("would lead out of the folder that it is mounted into")
    } else {
        None
    }
}

/// A key that the type demands and the Secret does not have.
fn missing(secret: &PlainSecret) -> Option<String> {
    let has = |key: &str| secret.data.contains_key(key);
    let filled = |key: &str| secret.data.get(key).is_some_and(|value| !value.is_empty());
    let kind = secret.secret_type.as_deref().unwrap_or_default();
    let lacks = |key: &str| Some(format!("the type {kind} needs the key {key}"));
    let json = |key: &str| {
        let value = secret.data.get(key)?;
        let parsed = serde_json::from_slice::<serde::de::IgnoredAny>(value.expose());
        parsed.is_err().then(|| format!("the type {kind} needs JSON under {key}"))
    };
    match kind {
        "kubernetes.io/tls" if !has("tls.crt") => lacks("tls.crt"),
        "kubernetes.io/tls" if !has("tls.key") => lacks("tls.key"),
        "kubernetes.io/dockerconfigjson" if !has(".dockerconfigjson") => lacks(".dockerconfigjson"),
        "kubernetes.io/dockerconfigjson" => json(".dockerconfigjson"),
        "kubernetes.io/dockercfg" if !has(".dockercfg") => lacks(".dockercfg"),
        "kubernetes.io/dockercfg" => json(".dockercfg"),
        "kubernetes.io/basic-auth" if !has("username") && !has("password") => lacks("username or password"),
        "kubernetes.io/ssh-auth" if !filled("ssh-privatekey") => lacks("ssh-privatekey"),
        _ => None,
    }
}

/// Whether the API server takes `name` for a Secret.
pub(super) fn is_name(name: &str) -> bool {
    name.len() <= 253 && name.split('.').all(is_label)
}

/// Whether the API server takes `name` for a namespace.
pub(super) fn is_namespace(name: &str) -> bool {
    name.len() <= 63 && is_label(name)
}

fn is_label(label: &str) -> bool {
    let inside = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    !label.is_empty() && label.bytes().all(inside) && !label.starts_with('-') && !label.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_those_of_the_api_server() {
        for good in ["a", "A.b-c_9", ".hidden", "-", "_"] {
            assert_eq!(bad_key(good), None, "{good}");
        }
        for bad in ["", "a b", "a/b", "ä", "a=b", ".", "..", "..data", &"x".repeat(254)] {
            assert!(bad_key(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn names_are_those_of_the_api_server() {
        for good in ["a", "a-b", "a.b.c", "9"] {
            assert!(is_name(good), "{good}");
        }
        for bad in ["", "A", "a_b", "-a", "a-", "a..b", ".a", &"a".repeat(254)] {
            assert!(!is_name(bad), "{bad}");
        }
        assert!(!is_namespace("a.b"));
    }
}
