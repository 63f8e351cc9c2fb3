//! The kinds that are served: one row for each built-in kind, and one `Resource` for each established
//! CustomResourceDefinition. Everything else in the crate works on rows, not on kinds.

use std::sync::Arc;

use crate::schema::{self, Schema};
use crate::status::{About, qualify};
use crate::table::CustomColumn;

/// What is special about the objects of a resource when they are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Strategy {
    /// Stored as they come.
    Plain,
    /// `core/v1` Secret.
    Secret,
    /// `core/v1` ConfigMap.
    ConfigMap,
    /// `core/v1` Namespace.
    Namespace,
    /// `core/v1` Event.
    Event,
    /// `core/v1` Pod.
    Pod,
    /// `core/v1` Service.
    Service,
    /// `coordination.k8s.io/v1` Lease.
    Lease,
    /// A CustomResourceDefinition.
    Definition,
    /// An object of a CustomResourceDefinition.
    Custom,
}

/// One version of a resource.
#[derive(Clone, Debug)]
pub(crate) struct Version {
    pub(crate) name: String,
    pub(crate) served: bool,
    pub(crate) storage: bool,
    pub(crate) status: bool,
    /// What its objects may hold; `None` for kinds whose rules are in code.
    pub(crate) schema: Option<Arc<Schema>>,
    /// How its objects are merged, metadata included.
    pub(crate) merging: Arc<Schema>,
    /// The columns of its tables; empty for kinds whose columns are in code.
    pub(crate) columns: Vec<CustomColumn>,
}

/// One served resource.
#[derive(Clone, Debug)]
pub(crate) struct Resource {
    pub(crate) group: String,
    pub(crate) versions: Vec<Version>,
    pub(crate) plural: String,
    pub(crate) singular: String,
    pub(crate) kind: String,
    pub(crate) list_kind: String,
    pub(crate) short_names: Vec<String>,
    pub(crate) categories: Vec<String>,
    pub(crate) namespaced: bool,
    pub(crate) strategy: Strategy,
}

impl Resource {
    /// `secrets`, `sealedsecrets.bitnami.com`: the key of the resource's table, and its name in messages.
    pub(crate) fn id(&self) -> String {
        qualify(&self.plural, &self.group)
    }

    pub(crate) fn about<'a>(&'a self, name: &'a str) -> About<'a> {
        About { group: &self.group, plural: &self.plural, kind: &self.kind, name }
    }

    /// `v1` in the core group, else `group/version`.
    pub(crate) fn api_version(&self, version: &str) -> String {
        if self.group.is_empty() { version.to_owned() } else { format!("{}/{version}", self.group) }
    }

    pub(crate) fn served(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().filter(|version| version.served)
    }

    pub(crate) fn served_version(&self, name: &str) -> Option<&Version> {
        self.served().find(|version| version.name == name)
    }

    /// Whether status is written through `/status` only. The storage version decides.
    pub(crate) fn splits_status(&self) -> bool {
        self.versions.iter().any(|version| version.storage && version.status)
    }

    /// Whether `metadata.generation` counts changes of the specification.
    pub(crate) fn counts_generations(&self) -> bool {
        matches!(self.strategy, Strategy::Custom | Strategy::Definition)
    }

    /// The verbs of the main resource, for discovery.
    pub(crate) fn verbs(&self) -> &'static [&'static str] {
        match self.strategy {
            // The real API server has no deletecollection on these two.
            Strategy::Custom => &["delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"],
            Strategy::Namespace | Strategy::Service => &["create", "delete", "get", "list", "patch", "update", "watch"],
            _ => &["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
        }
    }
}

struct Row {
    group: &'static str,
    plural: &'static str,
    singular: &'static str,
    kind: &'static str,
    short: &'static [&'static str],
    categories: &'static [&'static str],
    namespaced: bool,
    status: bool,
    strategy: Strategy,
}

#[rustfmt::skip]
const ROWS: &[Row] = &[
    Row { group: "", plural: "namespaces", singular: "namespace", kind: "Namespace", short: &["ns"], categories: &[], namespaced: false, status: true, strategy: Strategy::Namespace },
    Row { group: "", plural: "secrets", singular: "secret", kind: "Secret", short: &[], categories: &[], namespaced: true, status: false, strategy: Strategy::Secret },
    Row { group: "", plural: "configmaps", singular: "configmap", kind: "ConfigMap", short: &["cm"], categories: &[], namespaced: true, status: false, strategy: Strategy::ConfigMap },
    Row { group: "", plural: "serviceaccounts", singular: "serviceaccount", kind: "ServiceAccount", short: &["sa"], categories: &[], namespaced: true, status: false, strategy: Strategy::Plain },
    Row { group: "", plural: "events", singular: "event", kind: "Event", short: &["ev"], categories: &[], namespaced: true, status: false, strategy: Strategy::Event },
    Row { group: "", plural: "services", singular: "service", kind: "Service", short: &["svc"], categories: &["all"], namespaced: true, status: true, strategy: Strategy::Service },
    Row { group: "", plural: "pods", singular: "pod", kind: "Pod", short: &["po"], categories: &["all"], namespaced: true, status: true, strategy: Strategy::Pod },
    Row { group: "", plural: "endpoints", singular: "endpoints", kind: "Endpoints", short: &["ep"], categories: &[], namespaced: true, status: false, strategy: Strategy::Plain },
    Row { group: "coordination.k8s.io", plural: "leases", singular: "lease", kind: "Lease", short: &[], categories: &[], namespaced: true, status: false, strategy: Strategy::Lease },
    Row { group: "apiextensions.k8s.io", plural: "customresourcedefinitions", singular: "customresourcedefinition", kind: "CustomResourceDefinition", short: &["crd", "crds"], categories: &["api-extensions"], namespaced: false, status: true, strategy: Strategy::Definition },
];

/// The built-in kinds.
pub(crate) fn built_in() -> impl Iterator<Item = Arc<Resource>> {
    ROWS.iter().map(|row| {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        Arc::new(Resource {
            group: row.group.to_owned(),
            versions: vec![Version {
                name: "v1".to_owned(),
                served: true,
                storage: true,
                status: row.status,
                schema: None,
                columns: Vec::new(),
                merging: Arc::new(schema::merging(row.plural)),
            }],
            plural: row.plural.to_owned(),
            singular: row.singular.to_owned(),
            kind: row.kind.to_owned(),
            list_kind: format!("{}List", row.kind),
            short_names: owned(row.short),
            categories: owned(row.categories),
            namespaced: row.namespaced,
            strategy: row.strategy,
        })
    })
}
