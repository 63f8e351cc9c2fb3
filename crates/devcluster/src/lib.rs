//! A Kubernetes API server in memory, for the quickstart and for hermetic tests.
//!
//! [`DevCluster`] serves namespaces, secrets, configmaps, serviceaccounts, events, services, pods, endpoints and
//! customresourcedefinitions, and every kind that a CustomResourceDefinition defines: create, read, update, patch,
//! delete, list and watch, with resource versions, generations and the status subresource, label and field selectors,
//! metadata-only requests, owner references and finalizers. It is honest enough for the real `kubectl`, and where it
//! is not, it refuses with a `Status` that says so. docs/devcluster.md has the whole list.
//!
//! It is **not** for anything that matters: everybody with the token may do everything, and nothing schedules or
//! runs pods. Nothing outlives the process, unless it is opened with a [`Storage`], which is encrypted. Secrets in it are throw-away. Even so, no value of a Secret is ever
//! logged or put into an error.
//!
//! There are two ways in. In process, [`DevCluster::trusted_service`] is a [`tower::Service`] that
//! `kube::Client::new` takes as it is: no port, no TLS, no token. From outside, [`DevCluster::serve`] listens on
//! loopback with TLS, and its [`Server`] writes a kubeconfig with the token that every request needs.
//!
//! ```
//! use bulla_devcluster::{DevCluster, Options};
//! use k8s_openapi::api::core::v1::ConfigMap;
//! use kube::api::{Api, PostParams};
//!
//! # tokio::runtime::Builder::new_current_thread().build()?.block_on(async {
//! let cluster = DevCluster::new(Options::default())?;
//! let client = kube::Client::new(cluster.trusted_service(), "default");
//! let configs: Api<ConfigMap> = Api::default_namespaced(client);
//! let mut config = ConfigMap::default();
//! config.metadata.name = Some("a".into());
//! configs.create(&PostParams::default(), &config).await?;
//! assert_eq!(cluster.requests().of("create", "configmaps"), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Inside, the way of a request is `service` -> `request` and `route` (what is asked) -> `crud`, `list`, `watch` (what
//! is done, on the locked `store`) -> `body` (the answer). `resource` is the table of kinds, `crd` adds to it, `gc`
//! says what goes when something goes, `validate` what is refused.

mod access;
mod apply;
mod body;
mod clock;
mod cluster;
mod crd;
mod crud;
mod discovery;
mod error;
mod gc;
mod kubeconfig;
mod list;
mod object;
mod patch;
mod persist;
mod protobuf;
mod request;
mod resource;
mod review;
mod route;
mod schema;
mod selector;
mod serve;
mod service;
mod status;
mod store;
mod table;
mod tls;
mod validate;
mod watch;
mod write;

pub use access::{AccessRule, Account};
pub use body::ResponseBody;
pub use cluster::{DevCluster, Options, RequestCounts};
pub use error::Error;
pub use persist::{Storage, StorageError};
pub use serve::{ServeOptions, Server};
pub use service::DevClusterService;
