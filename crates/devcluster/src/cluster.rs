//! The cluster as its owner sees it: options, services, counters.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, OnceLock, PoisonError, RwLock};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;

use crate::access::{AccessRule, Account};
use crate::clock;
use crate::crud;
use crate::error::Error;
use crate::object::{Key, metadata_text};
use crate::persist::{Kept, Log, Storage, StorageError};
use crate::request::Target;
use crate::resource::{Resource, built_in};
use crate::service::DevClusterService;
use crate::status::Answer;
use crate::store::{State, Store};
use crate::tls::Authority;
use crate::write::Write;

const NAMESPACES: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// How a [`DevCluster`] starts out. The default is right for most tests.
#[derive(Clone, Debug)]
pub struct Options {
    /// CustomResourceDefinitions (`apiextensions.k8s.io/v1`, as JSON) that are there from the start.
    pub crds: Vec<Value>,
    /// How many changes of each resource are remembered: for watches that resume, watchers that lag behind, and the
    /// later pages of a list. What is older is answered with 410. Each remembered change may keep one old version of
    /// an object in memory.
    pub history: usize,
    /// How often a watch that allows bookmarks gets one.
    pub bookmark_interval: Duration,
    /// Whose token is which, beside the kubeconfig's: for TokenReviews, and for requests with such a token.
    pub accounts: Vec<Account>,
    /// Who may do what. Without rules, everybody may do everything.
    pub access: Vec<AccessRule>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            crds: Vec::new(),
            history: 4096,
            bookmark_interval: Duration::from_secs(60),
            accounts: Vec::new(),
            access: Vec::new(),
        }
    }
}

/// A Kubernetes API server in memory. Cheap to clone; all clones are the same cluster.
#[derive(Clone)]
pub struct DevCluster {
    pub(crate) inner: Arc<Inner>,
}

/// What the services and the server share.
pub(crate) struct Inner {
    pub(crate) store: Store,
    /// The kubeconfig's user first.
    pub(crate) accounts: Vec<Account>,
    rules: RwLock<Arc<[AccessRule]>>,
    /// Made when it is first needed, unless it was kept.
    authority: OnceLock<Authority>,
    pub(crate) bookmark_interval: Duration,
    /// True once open watches should end.
    pub(crate) shutdown: watch::Sender<bool>,
    requests: Mutex<BTreeMap<(&'static str, String), u64>>,
}

impl Inner {
    pub(crate) fn rules(&self) -> Arc<[AccessRule]> {
        Arc::clone(&self.rules.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// The account that comes with the kubeconfig.
    pub(crate) fn administrator(&self) -> Account {
        Account::administrator(self.token().to_owned())
    }

    pub(crate) fn authority(&self) -> Result<&Authority, Error> {
        match self.authority.get() {
            Some(authority) => Ok(authority),
            None => {
                let made = Authority::new()?;
                Ok(self.authority.get_or_init(|| made))
            }
        }
    }

    fn token(&self) -> &str {
        self.accounts.first().map_or("", |account| &account.token)
    }

    pub(crate) fn count(&self, verb: &'static str, resource: String) {
        let mut requests = self.requests.lock().unwrap_or_else(PoisonError::into_inner);
        *requests.entry((verb, resource)).or_default() += 1;
    }
}

impl DevCluster {
    /// Starts a cluster with the namespaces of a new one and the CustomResourceDefinitions of `options`.
    ///
    /// # Errors
    /// A definition that the API would refuse, or no random bytes for the token.
    pub fn new(options: Options) -> Result<Self, Error> {
        let state = State::new(options.history, built_in());
        let cluster = Self::with(state, &options, new_token()?, None);
        cluster.furnish(options.crds)?;
        Ok(cluster)
    }

    /// The same with what an earlier cluster left in `storage`: objects with their uids and versions, the token, and the
    /// authority of the certificates. Definitions of `options` that are not there yet are added.
    ///
    /// # Errors
    /// Those of [`Self::new`], and state that cannot be read; it is left as it is.
    pub fn open(options: Options, storage: &Storage) -> Result<Self, Error> {
        let mut state = State::new(options.history, built_in());
        let mut kept = None;
        let log = Log::open(storage, |record| state.replay(record, &mut kept)).map_err(Error::OpenStorage)?;
        // Watches and pages of before cannot go on: what changed since then is not known.
        state.compact();
        let kept = match kept {
            Some(kept) => kept,
            None if log.is_fresh() => Kept { token: new_token()?, authority: Authority::new()? },
            None => return Err(Error::OpenStorage(StorageError::Foreign { path: storage.folder.clone() })),
        };
        let fresh = log.is_fresh();
        let cluster = Self::with(state, &options, kept.token.clone(), Some(kept.authority.clone()));
        let mut log = Some(log);
        {
            let mut state = cluster.inner.store.write();
            state.kept = Some(kept);
            if !fresh {
                state.log = log.take();
            }
        }
        cluster.furnish(options.crds)?;
        if let Some(mut log) = log {
            let mut state = cluster.inner.store.write();
            state.rewrite(&mut log).map_err(Error::OpenStorage)?;
            state.log = Some(log);
        }
        cluster
            .inner
            .store
            .intact()
            .map_err(|failure| Error::PlantObject { name: String::new(), reason: failure.message })?;
        Ok(cluster)
    }

    fn with(state: State, options: &Options, token: String, authority: Option<Authority>) -> Self {
        let inner = Inner {
            store: Store::new(state),
            accounts: [vec![Account::administrator(token)], options.accounts.clone()].concat(),
            authority: authority.map(OnceLock::from).unwrap_or_default(),
            rules: RwLock::new(options.access.clone().into()),
            bookmark_interval: options.bookmark_interval.max(Duration::from_millis(1)),
            shutdown: watch::channel(false).0,
            requests: Mutex::new(BTreeMap::new()),
        };
        Self { inner: Arc::new(inner) }
    }

    /// Adds the namespaces of a new cluster and the definitions, if they are not there.
    fn furnish(&self, definitions: Vec<Value>) -> Result<(), Error> {
        let known = |id: &str, name: &str| self.inner.store.read().find(id, &Key::new("", name)).is_some();
        for name in NAMESPACES {
            if !known("namespaces", name) {
                let namespace = serde_json::json!({ "metadata": { "name": name } });
                self.load("", "namespaces", namespace).map_err(|_| Error::GenerateToken)?;
            }
        }
        for definition in definitions {
            let name = definition["metadata"]["name"].as_str().unwrap_or_default().to_owned();
            if known("customresourcedefinitions.apiextensions.k8s.io", &name) {
                continue;
            }
            self.load("apiextensions.k8s.io", "customresourcedefinitions", definition)
                .map_err(|failure| Error::LoadDefinition { name, reason: failure.message })?;
        }
        Ok(())
    }

    /// The API, for callers that pass the token of [`Self::token`] with each request.
    pub fn service(&self) -> DevClusterService {
        DevClusterService::new(Arc::clone(&self.inner), None)
    }

    /// The API without authentication: for callers in this process, such as `kube::Client::new`. They are the
    /// administrator, who may do everything whatever the rules say.
    pub fn trusted_service(&self) -> DevClusterService {
        self.trusted_service_as(self.inner.administrator())
    }

    /// The same for callers who are `account` and nobody else: [`Options::access`] holds for them.
    pub fn trusted_service_as(&self, account: Account) -> DevClusterService {
        DevClusterService::new(Arc::clone(&self.inner), Some(account))
    }

    /// Replaces [`Options::access`], from the next request on.
    pub fn set_access(&self, rules: Vec<AccessRule>) {
        *self.inner.rules.write().unwrap_or_else(PoisonError::into_inner) = rules.into();
    }

    /// The bearer token that [`Self::service`] and a [`Server`](crate::Server) demand.
    pub fn token(&self) -> &str {
        self.inner.token()
    }

    /// How many requests of each kind were made so far; the difference of two counts tells what some work cost.
    pub fn requests(&self) -> RequestCounts {
        RequestCounts(self.inner.requests.lock().unwrap_or_else(PoisonError::into_inner).clone())
    }

    /// Forgets all history, as etcd's compaction does: a list or watch from an earlier resource version gets 410.
    pub fn compact(&self) {
        self.inner.store.write().compact();
    }

    /// Stores a new custom object that its schema would refuse, as a real cluster has it from before its definition was
    /// changed. Neither validated nor pruned nor filled in; everything else is as for any new object.
    ///
    /// # Errors
    /// A kind that is not served, or metadata that the API would refuse.
    pub fn plant(&self, object: Value) -> Result<(), Error> {
        let text = |path: &str| object.pointer(path).and_then(Value::as_str).unwrap_or_default().to_owned();
        let (api_version, kind) = (text("/apiVersion"), text("/kind"));
        let (group, version) = api_version.split_once('/').unwrap_or(("", &api_version));
        let (name, namespace) = (text("/metadata/name"), text("/metadata/namespace"));
        let mut state = self.inner.store.write();
        let fits = |resource: &&Arc<Resource>| resource.group == group && resource.kind == kind;
        let resource = state.resources().find(fits).cloned();
        let planted = match (resource, object) {
            (Some(resource), Value::Object(object)) => {
                let namespace = match (resource.namespaced, namespace.is_empty()) {
                    (true, true) => "default".to_owned(),
                    _ => namespace,
                };
                let version = version.to_owned();
                let target = Target { resource, version, namespace, name: name.clone(), status: false };
                crud::create(&mut state, &target, object, &mut Write::unchecked()).map(drop)
            }
            _ => Err(crate::status::Failure::no_such_path()),
        };
        planted.map_err(|failure| Error::PlantObject { name, reason: failure.message })
    }

    fn load(&self, group: &str, plural: &str, object: Value) -> Answer<()> {
        let mut state = self.inner.store.write();
        let resource = state.resource(group, plural).cloned().ok_or_else(crate::status::Failure::no_such_path)?;
        let Value::Object(object) = object else {
            return Err(crate::status::Failure::bad_request("it must be a JSON object"));
        };
        let name = metadata_text(&object, "name").to_owned();
        let target = Target { resource, version: "v1".to_owned(), namespace: String::new(), name, status: false };
        crud::create(&mut state, &target, object, &mut Write::own()).map(drop)
    }
}

fn new_token() -> Result<String, Error> {
    let token = clock::random::<32>().map_err(|_| Error::GenerateToken)?;
    Ok(token.iter().map(|byte| format!("{byte:02x}")).collect())
}

impl fmt::Debug for DevCluster {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("DevCluster").finish_non_exhaustive()
    }
}

/// Counts of requests by verb and resource.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestCounts(BTreeMap<(&'static str, String), u64>);

impl RequestCounts {
    /// Requests with `verb` (`get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`) on
    /// `resource` (`secrets`, `sealedsecrets.bitnami.com`, `sealedsecrets.bitnami.com/status`).
    pub fn of(&self, verb: &str, resource: &str) -> u64 {
        self.iter().filter(|(v, r, _)| *v == verb && *r == resource).map(|(.., count)| count).sum()
    }

    /// Requests that could change something, on all resources. Reviews change nothing: they are questions.
    pub fn writes(&self) -> u64 {
        let reads = |verb: &str| matches!(verb, "get" | "list" | "watch");
        let asks = |resource: &str| resource.contains("reviews.auth");
        self.iter().filter(|(verb, resource, _)| !reads(verb) && !asks(resource)).map(|(.., count)| count).sum()
    }

    /// All counts: verb, resource, number.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str, u64)> {
        self.0.iter().map(|((verb, resource), count)| (*verb, resource.as_str(), *count))
    }

    /// What was added since `earlier`.
    pub fn since(&self, earlier: &Self) -> Self {
        let added = self.0.iter().filter_map(|(key, count)| {
            let new = count - earlier.0.get(key).copied().unwrap_or(0).min(*count);
            (new > 0).then(|| (key.clone(), new))
        });
        Self(added.collect())
    }
}
