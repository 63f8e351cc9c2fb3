//! Watches: a cursor into the ring of changes of one table.
//!
//! A watcher has no queue. It reads the ring when its reader asks for more, so a slow reader costs nothing; one that
//! falls out of the ring gets an `ERROR` event with 410 and lists again.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::Stream;
use serde_json::json;
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};

use crate::body::CHUNK;
use crate::cluster::Inner;
use crate::list::{invalid_options, parse_version};
use crate::object::{Stored, View, append_json};
use crate::request::{Query, Shape, Target};
use crate::resource::Strategy;
use crate::selector::Selector;
use crate::status::{Answer, Failure, FieldError};
use crate::store::Change;
use crate::table::Layout;

/// How long a watch lasts that does not say how long it should.
const DEFAULT_TIMEOUT: Duration = Duration::from_secs(45 * 60);
const MAX_TIMEOUT: Duration = Duration::from_secs(24 * 3600);

/// One open watch.
struct Watcher {
    cluster: Arc<Inner>,
    table: String,
    strategy: Strategy,
    namespace: String,
    selector: Selector,
    view: View,
    tables: Option<TableEvents>,
    /// Objects that the watch begins with, as `ADDED` events.
    initial: std::vec::IntoIter<Arc<Stored>>,
    /// The bookmark that ends the initial events is still to be sent.
    initial_end: bool,
    bookmarks: bool,
    next_bookmark: Instant,
    /// The last version whose changes were read.
    cursor: u64,
    wake: Receiver<u64>,
    shutdown: Receiver<bool>,
    deadline: Instant,
    ended: bool,
}

/// Events whose objects are tables of one row. The headings come with the first of them.
struct TableEvents {
    layout: Layout,
    headed: Cell<bool>,
}

/// Opens the watch that `query` asks for.
pub(crate) fn open(
    cluster: &Arc<Inner>,
    target: &Target,
    query: &Query,
    shape: Shape,
) -> Answer<impl Stream<Item = Bytes> + Send + use<>> {
    let selector = Selector::parse(&target.resource, query.text("labelSelector"), query.text("fieldSelector"))?;
    let from = Begin::parse(query)?;
    let timeout =
        query.number("timeoutSeconds")?.filter(|seconds| *seconds > 0).map_or(DEFAULT_TIMEOUT, Duration::from_secs);
    let view = match shape {
        Shape::Metadata => View::partial(),
        _ => View::full(&target.api_version(), &target.resource.kind),
    };
    let tables = match shape {
        Shape::Table(version) => {
            Some(TableEvents { layout: Layout::new(target, query, version)?, headed: Cell::new(false) })
        }
        _ => None,
    };
    let state = cluster.store.read();
    let table = state.table(&target.id())?;
    let mut refused = None;
    let (initial, cursor) = match from {
        Begin::Now { initial: false } => (Vec::new(), state.version),
        // From the future: a client that has seen another cluster. Only a new list helps it.
        Begin::After(version) | Begin::NotOlderThan(version) if version > state.version => {
            refused = Some(Failure::too_old(version, state.version));
            (Vec::new(), state.version)
        }
        Begin::Now { initial: true } | Begin::NotOlderThan(_) => {
            let objects = table.range(&target.namespace, None).filter(|object| selector.matches(object));
            (objects.cloned().collect(), state.version)
        }
        Begin::After(version) => {
            refused = table.reaches(version).err().map(|oldest| Failure::too_old(version, oldest));
            (Vec::new(), version)
        }
    };
    let bookmarks = query.flag("allowWatchBookmarks");
    let now = Instant::now();
    let watcher = Watcher {
        cluster: Arc::clone(cluster),
        table: target.id(),
        strategy: target.resource.strategy,
        namespace: target.namespace.clone(),
        selector,
        view,
        tables,
        initial: initial.into_iter(),
        initial_end: bookmarks && query.flag("sendInitialEvents"),
        bookmarks,
        next_bookmark: now + cluster.bookmark_interval,
        cursor,
        wake: table.subscribe(),
        shutdown: cluster.shutdown.subscribe(),
        deadline: now + timeout.min(MAX_TIMEOUT),
        ended: false,
    };
    Ok(futures::stream::unfold((watcher, refused), |(mut watcher, refused)| async move {
        if let Some(failure) = refused {
            watcher.ended = true;
            return Some((watcher.error(&failure), (watcher, None)));
        }
        let bytes = watcher.next().await?;
        Some((bytes, (watcher, None)))
    }))
}

/// Where a watch begins.
enum Begin {
    /// At the newest version, with or without the objects that are there.
    Now { initial: bool },
    /// With the objects that are there, provided that the server knows this version.
    NotOlderThan(u64),
    /// With the first change after this version.
    After(u64),
}

impl Begin {
    fn parse(query: &Query) -> Answer<Self> {
        let forbidden = |field: &str, why: &str| Err(invalid_options(vec![FieldError::forbidden(field, why)]));
        let matching = query.text("resourceVersionMatch");
        let version = parse_version(query.text("resourceVersion"))?;
        if !query.text("continue").is_empty() {
            return Err(Failure::bad_request("continue is not allowed for watch"));
        }
        if query.has("sendInitialEvents") {
            if matching != "NotOlderThan" {
                let why = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                return forbidden("resourceVersionMatch", why);
            }
            return Ok(match (query.flag("sendInitialEvents"), version) {
                (true, None | Some(0)) => Self::Now { initial: true },
                (true, Some(version)) => Self::NotOlderThan(version),
                (false, None | Some(0)) => Self::Now { initial: false },
                (false, Some(version)) => Self::After(version),
            });
        }
        if !matching.is_empty() {
            let why = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
            return forbidden("resourceVersionMatch", why);
        }
        Ok(match version {
            None | Some(0) => Self::Now { initial: true },
            Some(version) => Self::After(version),
        })
    }
}

impl Watcher {
    /// The next piece of the stream: some events, each on a line of its own.
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if self.ended {
                return None;
            }
            if let Some(piece) = self.initial_piece() {
                return Some(piece);
            }
            self.wake.borrow_and_update();
            if let Some(piece) = self.changes() {
                return Some(piece);
            }
            if *self.shutdown.borrow_and_update() || Instant::now() >= self.deadline {
                return None;
            }
            let bookmark = if self.bookmarks { self.next_bookmark.min(self.deadline) } else { self.deadline };
            tokio::select! {
                woken = self.wake.changed() => woken.ok()?,
                closing = self.shutdown.changed() => closing.ok()?,
                () = sleep_until(bookmark) => {
                    if self.bookmarks && let Some(piece) = self.timed_bookmark() {
                        return Some(piece);
                    }
                }
            }
        }
    }

    fn initial_piece(&mut self) -> Option<Bytes> {
        let mut out = Vec::new();
        while out.len() < CHUNK {
            let Some(object) = self.initial.next() else { break };
            self.append("ADDED", &object, &mut out);
        }
        if self.initial.as_slice().is_empty() {
            // Frees the list's memory for the rest of the watch.
            self.initial = Vec::new().into_iter();
            if std::mem::take(&mut self.initial_end) {
                self.append_bookmark(self.cursor, true, &mut out);
            }
        }
        (!out.is_empty()).then(|| out.into())
    }

    /// Reads the ring from the cursor on.
    fn changes(&mut self) -> Option<Bytes> {
        let cluster = Arc::clone(&self.cluster);
        let mut found: Vec<Change> = Vec::new();
        {
            let state = cluster.store.read();
            let Some(table) = state.tables.get(self.table.as_str()) else {
                self.ended = true;
                return None;
            };
            match table.changes_after(self.cursor) {
                Err(oldest) => {
                    self.ended = true;
                    return Some(self.error(&Failure::too_old(self.cursor, oldest)));
                }
                Ok(changes) => {
                    let mut weight = 0;
                    let mut all = true;
                    for change in changes {
                        if weight >= CHUNK {
                            all = false;
                            break;
                        }
                        self.cursor = change.version;
                        if self.namespace.is_empty() || *self.namespace == *change.after.key.namespace {
                            weight += change.after.size() + 80;
                            found.push(change.clone());
                        }
                    }
                    if all {
                        self.cursor = state.version;
                        self.ended = !table.is_served();
                    }
                }
            }
        }
        let mut out = Vec::with_capacity(found.iter().map(|change| change.after.size() + 160).sum());
        for change in &found {
            self.append_change(change, &mut out);
        }
        (!out.is_empty()).then(|| out.into())
    }

    /// A change, as a watcher with this selector sees it: what leaves the selection is deleted for it.
    fn append_change(&self, change: &Change, out: &mut Vec<u8>) {
        let was = change.before.as_ref().is_some_and(|before| self.selector.matches(before));
        let is = !change.gone && self.selector.matches(&change.after);
        match (was, is) {
            (false, false) => (),
            (false, true) => self.append("ADDED", &change.after, out),
            (true, true) => self.append("MODIFIED", &change.after, out),
            (true, false) if change.gone => self.append("DELETED", &change.after, out),
            // It left the selection: the watcher is shown what it knew, at the version at which it left.
            (true, false) => {
                if let Some(before) = &change.before {
                    let left = Stored::new(self.strategy, before.thaw(), change.version);
                    self.append("DELETED", &left, out);
                }
            }
        }
    }

    fn append(&self, kind: &str, object: &Stored, out: &mut Vec<u8>) {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\",\"object\":");
        match &self.tables {
            Some(table) => {
                let metadata = json!({ "resourceVersion": object.version.to_string() });
                let first = !table.headed.replace(true);
                table.layout.append(&metadata, first, std::iter::once(object), out);
            }
            None => self.view.append(object, out),
        }
        out.extend_from_slice(b"}\n");
    }

    /// A bookmark because it is time for one, and once more just before the watch ends.
    fn timed_bookmark(&mut self) -> Option<Bytes> {
        self.next_bookmark = Instant::now() + self.cluster.bookmark_interval;
        // Changes first: a bookmark says that everything before it was sent.
        if let Some(piece) = self.changes() {
            return Some(piece);
        }
        let mut out = Vec::new();
        self.append_bookmark(self.cursor, false, &mut out);
        Some(out.into())
    }

    fn append_bookmark(&self, version: u64, initial_end: bool, out: &mut Vec<u8>) {
        let mut metadata = json!({ "resourceVersion": version.to_string() });
        if initial_end {
            metadata["annotations"] = json!({ "k8s.io/initial-events-end": "true" });
        }
        out.extend_from_slice(b"{\"type\":\"BOOKMARK\",\"object\":");
        if let Some(table) = &self.tables {
            let first = !table.headed.replace(true);
            table.layout.append(&metadata, first, std::iter::empty(), out);
            out.extend_from_slice(b"}\n");
            return;
        }
        out.extend_from_slice(self.view.head().as_bytes());
        out.extend_from_slice(b"\"metadata\":");
        append_json(out, &metadata);
        out.extend_from_slice(b"}}\n");
    }

    fn error(&self, failure: &Failure) -> Bytes {
        let mut out = Vec::new();
        append_json(&mut out, &json!({ "type": "ERROR", "object": failure.to_value() }));
        out.push(b'\n');
        out.into()
    }
}
