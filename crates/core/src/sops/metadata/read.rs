//! Reading the entry, as weakly typed as sops does: names in any case, numbers and truth values as text and the other way round, one
//! element in place of a list. Comments are skipped, unknown names are noted.

use super::{EXTENSION, Metadata, is_comment, seconds};
use crate::sops::{Branch, Error, Group, Item, KeyKind, KeySource, MasterKey, Selector, Value};

impl Metadata {
    /// Reads the entry.
    ///
    /// # Errors
    /// [`Error::Metadata`] with what is wrong, [`Error::SeveralSelectors`].
    pub fn from_branch(branch: &Branch) -> Result<Self, Error> {
        let fields = Fields(branch);
        let mut selectors = Vec::new();
        for name in Selector::NAMES {
            if let Some(text) = fields.text(name)?.filter(|text| !text.is_empty()) {
                selectors.extend(Selector::new(name, text));
            }
        }
        let last_modified = fields.text("lastmodified")?.ok_or_else(|| bad("lastmodified is missing"))?;
        let last_modified = seconds(&last_modified)
            .ok_or_else(|| bad("lastmodified: it is no RFC 3339 time such as 2006-01-02T15:04:05Z"))?;
        let groups = groups(&fields)?;
        if selectors.len() > 1 {
            return Err(Error::SeveralSelectors);
        }
        let known = |name: &str| {
            Selector::NAMES
                .iter()
                .chain(&OTHERS)
                .chain(&KeyKind::ALL.map(KeyKind::name))
                .any(|known| known.eq_ignore_ascii_case(name))
        };
        Ok(Self {
            groups,
            shamir_threshold: fields.number("shamir_threshold")?.unwrap_or_default(),
            last_modified,
            mac: fields.text("mac")?.unwrap_or_default(),
            selector: selectors.pop().unwrap_or_default(),
            mac_only_encrypted: fields.truth("mac_only_encrypted")?.unwrap_or_default(),
            version: fields.text("version")?.unwrap_or_default(),
            extension: fields.get(EXTENSION).filter(|value| **value != Value::Null).cloned(),
            unknown: branch.iter().filter_map(Item::name).filter(|name| !known(name)).map(str::to_owned).collect(),
        })
    }
}

/// The names beside selectors and kinds of keys.
const OTHERS: [&str; 7] =
    ["key_groups", "shamir_threshold", "lastmodified", "mac", "version", "mac_only_encrypted", EXTENSION];

fn bad(text: impl Into<String>) -> Error {
    Error::Metadata(text.into())
}

/// The keys: lists at the top are one group, and then groups do not count.
fn groups(fields: &Fields<'_>) -> Result<Vec<Group>, Error> {
    let group = group(fields)?;
    if !group.keys.is_empty() {
        return Ok(vec![group]);
    }
    let groups = fields.maps("key_groups")?;
    if groups.is_empty() {
        return Err(bad("No keys found in file"));
    }
    groups.into_iter().map(|fields| self::group(&fields)).collect()
}

/// The keys of a group in the order that sops gives them.
fn group(fields: &Fields<'_>) -> Result<Group, Error> {
    const ORDER: [KeyKind; 7] = [
        KeyKind::AwsKms,
        KeyKind::GcpKms,
        KeyKind::HuaweiKms,
        KeyKind::AzureKeyVault,
        KeyKind::Vault,
        KeyKind::Pgp,
        KeyKind::Age,
    ];
    let mut keys = Vec::new();
    for kind in ORDER {
        for fields in fields.maps(kind.name())? {
            keys.push(key(kind, &fields)?);
        }
    }
    Ok(Group { keys })
}

fn key(kind: KeyKind, fields: &Fields<'_>) -> Result<MasterKey, Error> {
    let text = |name: &str| fields.text(name).map(Option::unwrap_or_default);
    let created_at = match kind {
        KeyKind::Age => None,
        _ => {
            let text = text("created_at")?;
            let wrong = || bad(format!("{}: created_at is no RFC 3339 time such as 2006-01-02T15:04:05Z", kind.name()));
            Some(seconds(&text).ok_or_else(wrong)?)
        }
    };
    let source = match kind {
        KeyKind::Age => KeySource::Age { recipient: text("recipient")? },
        KeyKind::Pgp => KeySource::Pgp { fingerprint: text("fp")? },
        KeyKind::AwsKms => KeySource::AwsKms {
            arn: text("arn")?,
            role: fields.text("role")?.filter(|role| !role.is_empty()),
            context: fields.pairs("context")?,
            profile: text("aws_profile")?,
        },
        KeyKind::GcpKms => KeySource::GcpKms { resource_id: text("resource_id")? },
        KeyKind::HuaweiKms => KeySource::HuaweiKms { key_id: text("key_id")? },
        KeyKind::AzureKeyVault => {
            KeySource::AzureKeyVault { vault_url: text("vault_url")?, name: text("name")?, version: text("version")? }
        }
        KeyKind::Vault => KeySource::Vault {
            address: text("vault_address")?,
            engine_path: text("engine_path")?,
            key_name: text("key_name")?,
        },
    };
    Ok(MasterKey { source, enc: text("enc")?, created_at })
}

/// A map whose values are taken weakly.
struct Fields<'a>(&'a Branch);

impl<'a> Fields<'a> {
    /// The value of a name; of several, the last; an exact spelling before others.
    fn get(&self, name: &str) -> Option<&'a Value> {
        let last = |matches: &dyn Fn(&str) -> bool| {
            self.0.iter().rev().find(|item| item.name().is_some_and(matches)).map(|item| &item.value)
        };
        last(&|found| found == name).or_else(|| last(&|found| found.eq_ignore_ascii_case(name)))
    }

    fn text(&self, name: &str) -> Result<Option<String>, Error> {
        Ok(Some(match self.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Text(text)) => {
                std::str::from_utf8(text).map_err(|_| bad(format!("{name}: it is no UTF-8")))?.to_owned()
            }
            Some(Value::Bool(value)) => u8::from(*value).to_string(),
            Some(Value::Int(number)) => number.to_string(),
            Some(Value::Float(number)) => number.to_string(),
            Some(other) => {
                let found = other.go_type();
                return Err(bad(format!(
                    "decoding failed due to the following error(s):\n\n'{name}' expected type 'string', got unconvertible type '{found}'"
                )));
            }
        }))
    }

    fn number(&self, name: &str) -> Result<Option<u32>, Error> {
        let wrong = || bad(format!("'{name}' expected a number from 0 to 255"));
        let number = match self.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Int(number)) => *number,
            Some(Value::Float(number)) if number.fract() == 0.0 && (0.0..256.0).contains(number) => *number as i64,
            Some(Value::Bool(value)) => i64::from(*value),
            Some(Value::Text(text)) if text.is_empty() => 0,
            Some(Value::Text(text)) => {
                std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or_else(wrong)?
            }
            Some(_) => return Err(wrong()),
        };
        u32::try_from(number).ok().filter(|number| *number <= 255).map(Some).ok_or_else(wrong)
    }

    fn truth(&self, name: &str) -> Result<Option<bool>, Error> {
        let wrong = || bad(format!("'{name}' expected true or false"));
        Ok(Some(match self.get(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Bool(value)) => *value,
            Some(Value::Int(number)) => *number != 0,
            Some(Value::Float(number)) => *number != 0.0,
            Some(Value::Text(text)) => match text.as_slice() {
                b"" | b"0" | b"f" | b"F" | b"false" | b"FALSE" | b"False" => false,
                b"1" | b"t" | b"T" | b"true" | b"TRUE" | b"True" => true,
                _ => return Err(wrong()),
            },
            Some(_) => return Err(wrong()),
        }))
    }

    /// A list of maps, or one map.
    fn maps(&self, name: &str) -> Result<Vec<Fields<'a>>, Error> {
        let map = |value: &'a Value| match value {
            Value::Map(branch) => Ok(Fields(branch)),
            other => Err(bad(format!("'{name}' expected a list of maps, got '{}' in it", other.go_type()))),
        };
        match self.get(name) {
            None | Some(Value::Null) => Ok(Vec::new()),
            Some(Value::List(items)) => items.iter().filter(|item| !is_comment(item)).map(map).collect(),
            Some(Value::Map(branch)) if branch.is_empty() => Ok(Vec::new()),
            Some(Value::Text(text)) if text.is_empty() => Ok(Vec::new()),
            Some(value) => Ok(vec![map(value)?]),
        }
    }

    /// Names and texts, sorted by name.
    fn pairs(&self, name: &str) -> Result<Vec<(String, String)>, Error> {
        let branch = match self.get(name) {
            None | Some(Value::Null) => return Ok(Vec::new()),
            Some(Value::Map(branch)) => branch,
            Some(other) => return Err(bad(format!("'{name}' expected a map, got '{}'", other.go_type()))),
        };
        let fields = Fields(branch);
        let mut pairs = Vec::new();
        for name in branch.iter().filter_map(Item::name) {
            pairs.push((name.to_owned(), fields.text(name)?.unwrap_or_default()));
        }
        pairs.sort();
        pairs.dedup_by(|later, first| later.0 == first.0);
        Ok(pairs)
    }
}
