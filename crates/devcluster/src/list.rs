//! Lists: selectors, pages, and the resource versions at which they may be read.
//!
//! All pages of a list are of one snapshot: a page goes back in the table's ring of changes to the version that the
//! first page had, and is answered 410 when the ring no longer reaches there.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use crate::body::ListBody;
use crate::object::{Key, Stored, View, append_json};
use crate::request::{Query, Shape, Target};
use crate::resource::Strategy;
use crate::selector::Selector;
use crate::status::{About, Answer, Failure, FieldError};
use crate::store::{State, Table};
use crate::table::Layout;

/// Objects of one snapshot.
pub(crate) struct Page {
    pub(crate) items: Vec<Arc<Stored>>,
    pub(crate) version: u64,
    next: Option<String>,
    remaining: Option<usize>,
}

/// A failure about list options, as the real API server words it.
pub(crate) fn invalid_options(errors: Vec<FieldError>) -> Failure {
    Failure::invalid(About { group: "meta.k8s.io", plural: "", kind: "ListOptions", name: "" }, errors)
}

/// Reads the page that `query` asks for.
pub(crate) fn page(state: &State, target: &Target, query: &Query) -> Answer<Page> {
    let selector = Selector::parse(&target.resource, query.text("labelSelector"), query.text("fieldSelector"))?;
    let limit = usize::try_from(query.number("limit")?.unwrap_or(0)).unwrap_or(usize::MAX);
    let table = state.table(&target.id())?;
    let start = Start::parse(state, query, limit > 0)?;
    let after = start.after.as_ref();

    if let (Some(name), None) = (selector.name(), start.snapshot) {
        return Ok(one(state, table, target, &selector, name));
    }
    let mut items: Vec<Arc<Stored>> = match start.snapshot {
        Some(version) if version < state.version => {
            let found = table.range_at(version, &target.namespace, after);
            found.map_err(|oldest| start.expired(version, oldest))?
        }
        _ => table.range(&target.namespace, after).filter(|object| selector.matches(object)).cloned().collect(),
    };
    items.retain(|object| selector.matches(object));
    let version = start.snapshot.unwrap_or(state.version);
    let (mut next, mut remaining) = (None, None);
    if limit > 0 && items.len() > limit {
        // As in the real one, the count is left out where selectors make it a guess.
        remaining = selector.is_empty().then(|| items.len() - limit);
        items.truncate(limit);
        next = items.last().map(|last| token(version, &last.key));
    }
    Ok(Page { items, version, next, remaining })
}

/// A list that can have one object at most in each namespace, by the object's name.
fn one(state: &State, table: &Table, target: &Target, selector: &Selector, name: &str) -> Page {
    let items = if target.namespace.is_empty() && target.resource.namespaced {
        table.range("", None).filter(|object| selector.matches(object)).cloned().collect()
    } else {
        let found = table.objects.get(&Key::new(&target.namespace, name));
        found.filter(|object| selector.matches(object)).cloned().into_iter().collect()
    };
    Page { items, version: state.version, next: None, remaining: None }
}

/// Where a list starts: at which version, after which key.
struct Start {
    /// The version to read at; the newest if there is none.
    snapshot: Option<u64>,
    after: Option<Key>,
}

impl Start {
    fn parse(state: &State, query: &Query, limited: bool) -> Answer<Self> {
        let version = query.text("resourceVersion");
        let matching = query.text("resourceVersionMatch");
        let forbidden = |why: &str| Err(invalid_options(vec![FieldError::forbidden("resourceVersionMatch", why)]));
        if query.has("sendInitialEvents") {
            let why = "sendInitialEvents is forbidden for list";
            return Err(invalid_options(vec![FieldError::forbidden("sendInitialEvents", why)]));
        }
        if !matches!(matching, "" | "Exact" | "NotOlderThan") {
            let allowed = &["Exact", "NotOlderThan", ""];
            return Err(invalid_options(vec![FieldError::unsupported("resourceVersionMatch", matching, allowed)]));
        }
        if !query.text("continue").is_empty() {
            if !matching.is_empty() {
                return forbidden("resourceVersionMatch is forbidden when continue is provided");
            }
            if !matches!(version, "" | "0") {
                return Err(Failure::bad_request("specifying resource version is not allowed when using continue"));
            }
            let (snapshot, after) = parse_token(query.text("continue"))?;
            if snapshot > state.version {
                return Err(invalid_token());
            }
            return Ok(Self { snapshot: Some(snapshot), after: Some(after) });
        }
        if !matching.is_empty() && version.is_empty() {
            return forbidden("resourceVersionMatch is forbidden unless resourceVersion is provided");
        }
        if matching == "Exact" && version == "0" {
            return forbidden("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"");
        }
        let number = parse_version(version)?.unwrap_or(0);
        if number > state.version {
            return Err(Failure::too_large_version(number, state.version));
        }
        // A limited list at a version means exactly that version, unless it says otherwise.
        let exact = number > 0 && (matching == "Exact" || (matching.is_empty() && limited));
        Ok(Self { snapshot: exact.then_some(number), after: None })
    }

    fn expired(&self, version: u64, oldest: u64) -> Failure {
        if self.after.is_some() {
            return Failure::expired(
                "The provided continue parameter is too old to display a consistent list result. You can start a new \
                 list without the continue parameter.",
            );
        }
        Failure::too_old(version, oldest)
    }
}

/// A resource version out of a query.
pub(crate) fn parse_version(text: &str) -> Answer<Option<u64>> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse()
        .map(Some)
        .map_err(|_| invalid_options(vec![FieldError::invalid("resourceVersion", text, "must be a whole number")]))
}

fn token(version: u64, last: &Key) -> String {
    let mut text = Vec::new();
    append_json(&mut text, &json!({ "v": "bulla", "rv": version, "ns": &*last.namespace, "name": &*last.name }));
    URL_SAFE_NO_PAD.encode(text)
}

fn parse_token(text: &str) -> Answer<(u64, Key)> {
    let read = || {
        let value: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(text).ok()?).ok()?;
        let key = Key::new(value.get("ns")?.as_str()?, value.get("name")?.as_str()?);
        Some((value.get("rv")?.as_u64()?, key))
    };
    read().ok_or_else(invalid_token)
}

fn invalid_token() -> Failure {
    Failure::bad_request("continue key is not valid")
}

impl Page {
    /// The list as a table.
    pub(crate) fn into_table(self, layout: &Layout) -> Vec<u8> {
        let mut out = Vec::with_capacity(1024);
        layout.append(&self.metadata(), true, self.items.iter().map(|item| &**item), &mut out);
        out.push(b'\n');
        out
    }

    fn metadata(&self) -> Value {
        let mut metadata = json!({ "resourceVersion": self.version.to_string() });
        if let Some(next) = &self.next {
            metadata["continue"] = json!(next);
        }
        if let Some(remaining) = self.remaining {
            metadata["remainingItemCount"] = json!(remaining);
        }
        metadata
    }

    /// The list as a body.
    pub(crate) fn into_body(self, target: &Target, shape: Shape) -> ListBody {
        let (kind, api_version, view) = match shape {
            Shape::Metadata => ("PartialObjectMetadataList", "meta.k8s.io/v1".to_owned(), View::partial()),
            _ if target.resource.strategy == Strategy::Custom => {
                let view = View::full(&target.api_version(), &target.resource.kind);
                (target.resource.list_kind.as_str(), target.api_version(), view)
            }
            _ => (target.resource.list_kind.as_str(), target.api_version(), View::headless()),
        };
        let mut metadata = self.metadata();
        if target.resource.strategy == Strategy::Custom && metadata.get("continue").is_none() {
            // Lists of custom kinds always have it.
            metadata["continue"] = json!("");
        }
        let mut head = Vec::with_capacity(256);
        head.extend_from_slice(View::full(&api_version, kind).head().as_bytes());
        head.extend_from_slice(b"\"metadata\":");
        append_json(&mut head, &metadata);
        head.extend_from_slice(b",\"items\":[");
        ListBody::new(head, view, self.items)
    }
}
