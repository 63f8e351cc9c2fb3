//! What is in a record, before it is encrypted: JSON, one list of changes.
//!
//! ```text
//! [{"identity":{"token":"…","authority":{"certificate":"…","key":"…"}}}]
//! [{"put":"secrets","version":7,"object":{"metadata":{…},…}},{"gone":"secrets","version":8,"namespace":"a","name":"b"}]
//! ```
//!
//! The first record of a file has the identity. A new file ends with `{"reached":"","version":9}`: the cluster may have been
//! further than its newest object.

use std::sync::Arc;

use serde_json::{Value, json};

use crate::crd;
use crate::object::{Key, Stored, append_json};
use crate::store::State;
use crate::tls::Authority;

/// Records of a new file are about this large.
const RECORD: usize = 1 << 20;

/// What a cluster keeps beside its objects.
#[derive(Clone)]
pub(crate) struct Kept {
    pub(crate) token: String,
    pub(crate) authority: Authority,
}

/// The changes of one request.
#[derive(Debug, Default)]
pub(crate) struct Changes(Vec<u8>);

impl Changes {
    pub(crate) fn put(&mut self, table: &str, object: &Stored) {
        self.begin("put", table, object.version);
        self.0.extend_from_slice(b",\"object\":{");
        self.0.extend_from_slice(object.content());
        self.0.extend_from_slice(b"}}");
    }

    pub(crate) fn gone(&mut self, table: &str, key: &Key, version: u64) {
        self.begin("gone", table, version);
        for (name, text) in [("namespace", &key.namespace), ("name", &key.name)] {
            self.0.extend_from_slice(format!(",\"{name}\":").as_bytes());
            append_json(&mut self.0, &json!(&**text));
        }
        self.0.push(b'}');
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The content of a record with these changes, which are then forgotten.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let mut content = std::mem::take(&mut self.0);
        content.push(b']');
        content
    }

    fn begin(&mut self, what: &str, table: &str, version: u64) {
        self.0.push(if self.0.is_empty() { b'[' } else { b',' });
        self.0.extend_from_slice(format!("{{\"{what}\":").as_bytes());
        append_json(&mut self.0, &json!(table));
        self.0.extend_from_slice(format!(",\"version\":{version}").as_bytes());
    }
}

impl Kept {
    /// The content of the first record.
    pub(crate) fn record(&self) -> Vec<u8> {
        let Authority { certificate, key } = &self.authority;
        let mut content = Vec::new();
        let authority = json!({ "certificate": certificate, "key": key.as_str() });
        append_json(&mut content, &json!([{ "identity": { "token": self.token, "authority": authority } }]));
        content
    }

    fn read(value: &Value) -> Option<Self> {
        let text = |path: &str| value.pointer(path).and_then(Value::as_str).map(str::to_owned);
        let authority = Authority { certificate: text("/authority/certificate")?, key: text("/authority/key")?.into() };
        Some(Self { token: text("/token")?, authority })
    }
}

impl State {
    /// Does again what a record says; `None` if that makes no sense. The identity is put into `kept`.
    pub(crate) fn replay(&mut self, content: &[u8], kept: &mut Option<Kept>) -> Option<()> {
        let Ok(Value::Array(changes)) = serde_json::from_slice(content) else { return None };
        for change in changes {
            if let Some(identity) = change.get("identity") {
                *kept = Some(Kept::read(identity)?);
                continue;
            }
            let text = |name: &str| change.get(name).and_then(Value::as_str);
            let version = change.get("version").and_then(Value::as_u64)?;
            match (text("put"), text("gone")) {
                (None, None) if text("reached").is_some() => self.version = self.version.max(version),
                (Some(table), None) => {
                    let object = change.get("object")?.as_object()?.clone();
                    self.put_again(table, object, version)?;
                }
                (None, Some(table)) => self.take_again(table, &Key::new(text("namespace")?, text("name")?), version)?,
                _ => return None,
            }
        }
        Some(())
    }

    fn put_again(&mut self, table: &str, object: crate::object::Object, version: u64) -> Option<()> {
        let strategy = self.tables.get(table)?.resource.strategy;
        let stored = Stored::new(strategy, object, version);
        if strategy == crate::resource::Strategy::Definition {
            self.open_table(Arc::new(crd::resource(&stored.thaw())?));
        }
        self.put_frozen(table, stored).ok()?;
        Some(())
    }

    fn take_again(&mut self, table: &str, key: &Key, version: u64) -> Option<()> {
        if self.tables.get(table)?.resource.strategy == crate::resource::Strategy::Definition {
            let (plural, group) = key.name.split_once('.')?;
            self.close_table(&crate::status::qualify(plural, group));
        }
        self.version = version.checked_sub(1)?;
        self.take(table, key).map(drop)
    }

    /// The contents of the records of a new file, without the identity.
    pub(crate) fn records(&self) -> impl Iterator<Item = Vec<u8>> {
        // Definitions first: they open the tables of the others.
        let definitions = "customresourcedefinitions.apiextensions.k8s.io";
        let mut tables: Vec<_> = self.tables.iter().collect();
        tables.sort_by_key(|(id, _)| &***id != definitions);
        let mut objects =
            tables.into_iter().flat_map(|(id, table)| table.objects.values().map(move |object| (id, object)));
        let (mut version, mut ended) = (Some(self.version), false);
        std::iter::from_fn(move || {
            let mut changes = Changes::default();
            while changes.0.len() < RECORD && !ended {
                match objects.next() {
                    Some((id, object)) => changes.put(id, object),
                    None => ended = true,
                }
            }
            if ended && let Some(version) = version.take() {
                changes.begin("reached", "", version);
                changes.0.push(b'}');
            }
            (!changes.is_empty()).then(|| changes.take())
        })
    }
}
