//! What the controller can be told about its sealing keys: when a new one is made, which of them counts as the newest, and what
//! their Secrets carry (sealed-secrets 10.1, 10.3). Texts of flags become values here, once.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bulla_core::age::Recipients;
use bulla_core::sealed::{KEY_LABEL, KEY_STATE_LABEL};
use jiff::Timestamp;
use jiff::fmt::strtime;

use crate::Error;

/// Settings about sealing keys. The default is upstream's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySettings {
    /// A new key is made when the newest one is older than this, and then once in each such period. `None`: never.
    pub renew_period: Option<Duration>,
    /// A newest key that is older than this moment is replaced, once the moment has come.
    pub cutoff: Option<Timestamp>,
    /// What "newest" is decided by.
    pub order: KeyOrder,
    /// Further annotations of new key Secrets.
    pub annotations: BTreeMap<String, String>,
    /// Further labels of new key Secrets. The label that marks them as keys is always set beside these.
    pub labels: BTreeMap<String, String>,
    /// Where each key is backed up before it seals.
    pub backup: Option<KeyBackup>,
}

/// Where sealing keys are backed up, and to whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyBackup {
    /// A folder that outlives the cluster.
    pub folder: PathBuf,
    /// Who can open the files.
    pub recipients: Recipients,
}

impl Default for KeySettings {
    fn default() -> Self {
        Self {
            renew_period: Some(Duration::from_secs(720 * 3600)),
            cutoff: None,
            order: KeyOrder::default(),
            annotations: BTreeMap::new(),
            labels: BTreeMap::new(),
            backup: None,
        }
    }
}

/// What "newest" is decided by.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum KeyOrder {
    /// The beginning of the certificate's validity.
    #[default]
    CertNotBefore,
    /// The creation of the key Secret.
    SecretCreationTimestamp,
}

impl KeyOrder {
    /// The order with this name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        match name {
            "CertNotBefore" => Some(Self::CertNotBefore),
            "SecretCreationTimestamp" => Some(Self::SecretCreationTimestamp),
            _ => None,
        }
    }
}

/// Reads `--key-cutoff-time`: RFC 1123 with a numeric zone, as `date -R` prints it. The day of the week must be one, but need not
/// be the right one.
///
/// # Errors
/// [`Error::KeySetting`] for anything else.
pub fn parse_cutoff(text: &str) -> Result<Timestamp, Error> {
    const WEEK: [&str; 7] = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let moment = text
        .split_once(", ")
        .filter(|(day, _)| WEEK.contains(day))
        .and_then(|(_, rest)| strtime::parse("%d %b %Y %H:%M:%S %z", rest).ok()?.to_timestamp().ok());
    moment.ok_or_else(|| {
        let text: String = text.chars().take(100).collect();
        setting("--key-cutoff-time", format!("{text:?} is not a time such as \"Sat, 21 Nov 2026 15:04:05 +0000\""))
    })
}

/// Reads `--privatekey-annotations`: `name=value,name=value`.
///
/// # Errors
/// [`Error::KeySetting`] for a text or a name that the API server would refuse.
pub fn parse_key_annotations(text: &str) -> Result<BTreeMap<String, String>, Error> {
    parse_pairs("--privatekey-annotations", text, |_| true)
}

/// Reads `--privatekey-labels`: `name=value,name=value`. The label that marks a key Secret is passed over: it is always `active`.
///
/// # Errors
/// [`Error::KeySetting`] for a text, name or value that the API server would refuse, and for a state in which a new key would
/// never seal.
pub fn parse_key_labels(text: &str) -> Result<BTreeMap<String, String>, Error> {
    const FLAG: &str = "--privatekey-labels";
    let mut labels = parse_pairs(FLAG, text, |value| value.is_empty() || is_name(value))?;
    labels.remove(KEY_LABEL);
    if labels.contains_key(KEY_STATE_LABEL) {
        return Err(setting(FLAG, format!("{KEY_STATE_LABEL} says what a key may no longer do: a new key is active")));
    }
    Ok(labels)
}

fn parse_pairs(
    flag: &'static str,
    text: &str,
    is_value: impl Fn(&str) -> bool,
) -> Result<BTreeMap<String, String>, Error> {
    if text.is_empty() {
        return Ok(BTreeMap::new());
    }
    let pair = |pair: &str| {
        let shown: String = pair.chars().take(100).collect();
        let (name, value) = pair
            .split_once('=')
            .ok_or_else(|| setting(flag, format!("{shown:?} has no '=': expected name=value,name=value")))?;
        if !is_qualified_name(name) {
            return Err(setting(flag, format!("{shown:?} does not begin with a name that Kubernetes takes")));
        }
        if !is_value(value) {
            return Err(setting(flag, format!("{shown:?} does not end with a value that Kubernetes takes")));
        }
        Ok((name.to_owned(), value.to_owned()))
    };
    text.split(',').map(pair).collect()
}

fn setting(flag: &'static str, reason: String) -> Error {
    Error::KeySetting { flag, reason }
}

/// `name` or `prefix/name`, the prefix a DNS name.
fn is_qualified_name(text: &str) -> bool {
    match text.split_once('/') {
        Some((prefix, name)) => {
            let is_label = |label: &str| {
                let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
                let edges = !label.starts_with('-') && !label.ends_with('-');
                !label.is_empty() && edges && label.bytes().all(legal)
            };
            prefix.len() <= 253 && prefix.split('.').all(is_label) && is_name(name)
        }
        None => is_name(text),
    }
}

fn is_name(text: &str) -> bool {
    let edge = |byte: Option<&u8>| byte.is_some_and(u8::is_ascii_alphanumeric);
    let bytes = text.as_bytes();
    let legal = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    bytes.len() <= 63 && edge(bytes.first()) && edge(bytes.last()) && bytes.iter().all(legal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cutoff_is_what_date_r_prints() {
        for (text, expected) in [
            ("Sat, 21 Nov 2026 15:04:05 +0000", "2026-11-21T15:04:05Z"),
            ("Sat, 21 Nov 2026 15:04:05 -0730", "2026-11-21T22:34:05Z"),
            ("Mon, 21 Nov 2026 15:04:05 +0000", "2026-11-21T15:04:05Z"),
        ] {
            assert_eq!(parse_cutoff(text).unwrap().to_string(), expected, "{text}");
        }
        for bad in [
            "",
            "now",
            "2026-11-21T15:04:05Z",
            "Sat, 21 Nov 2026 15:04:05 GMT",
            "Sat, 21 Nov 2026 15:04:05",
            "Sat, 31 Nov 2026 15:04:05 +0000",
            "Day, 21 Nov 2026 15:04:05 +0000",
            "21 Nov 2026 15:04:05 +0000",
        ] {
            assert!(parse_cutoff(bad).unwrap_err().to_string().contains("--key-cutoff-time"), "{bad}");
        }
    }

    #[test]
    fn pairs_are_what_kubernetes_takes() {
        let pairs = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect::<BTreeMap<_, _>>()
        };
        assert_eq!(parse_key_labels("").unwrap(), pairs(&[]));
        assert_eq!(
            parse_key_labels("team=sre,example.com/tier=,x=1").unwrap(),
            pairs(&[("team", "sre"), ("example.com/tier", ""), ("x", "1")])
        );
        assert_eq!(parse_key_annotations("note=a=b c/d").unwrap(), pairs(&[("note", "a=b c/d")]));
        assert_eq!(parse_key_labels(&format!("{KEY_LABEL}=off,a=b")).unwrap(), pairs(&[("a", "b")]), "always active");
        for bad in ["a", "a=b,", "=b", ",", "a b=c", "/a=b", "A.com/a=b", "a=b c", "bulla.dev/key-state=retired"] {
            assert!(parse_key_labels(bad).unwrap_err().to_string().contains("--privatekey-labels"), "{bad}");
        }
        assert!(parse_key_annotations(&format!("{}=v", "a".repeat(64))).is_err());
    }

    #[test]
    fn there_are_two_orders() {
        assert_eq!(KeyOrder::parse("CertNotBefore"), Some(KeyOrder::CertNotBefore));
        assert_eq!(KeyOrder::parse("SecretCreationTimestamp"), Some(KeyOrder::SecretCreationTimestamp));
        assert_eq!(KeyOrder::parse("certnotbefore"), None);
    }
}
