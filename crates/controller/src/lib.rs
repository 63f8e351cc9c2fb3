//! The in-cluster controller of bulla: sealed objects in, native Kubernetes Secrets out.
//!
//! ```text
//! watch -> observe -> desired (dialect) -> plan (pure) -> apply -> report
//! ```
//!
//! What lives here: the watches and what is known of the cluster, the work queue, the rules for writing a Secret, status,
//! events, metrics, the sealing keys and the HTTP endpoints. What does not: the sealing format (`bulla_core::sealed`), flags,
//! and how a cluster is found; [`Controller::new`] takes a client, which may as well be an in-process API server.
//!
//! The controller works under the rights that Sealed Secrets' own manifests grant (sealed-secrets 14.2): it lists and watches
//! metadata of Secrets, reads single Secrets, writes with POST and PUT, and never patches. It deletes nothing but, where that
//! is asked for, the Secret of a deleted SealedSecret.
//!
//! Nothing here gives up: a failure is retried with capped exponential backoff until it is mended, and what may mend it
//! (a new key, a deleted blocker, an edited object) wakes just the objects that it concerns.

mod api;
mod apply;
mod collect;
mod config;
mod controller;
mod desired;
mod diagnosis;
mod dialect;
mod drift;
mod engine;
mod error;
mod http;
mod index;
mod keys;
mod live;
mod login;
mod metrics;
mod object;
mod pace;
mod places;
mod plan;
mod queue;
mod reconcile;
mod recovery;
mod renders;
mod replicas;
mod report;
mod rights;
mod rsa_pool;
mod slots;
mod varying;
mod watch;
mod write;

pub use api::{ApiFailure, send_as};
pub use config::keys::{KeyBackup, KeyOrder, KeySettings, parse_cutoff, parse_key_annotations, parse_key_labels};
pub use config::{Config, HttpConfig, LeaderElection, Objects, Reach, Replicas, RequestLimit, parse_listen_address};
pub use controller::{Addresses, Controller, Handle};
pub use dialect::templates::render_templates;
pub use error::Error;
pub use keys::backup::backup_file_name;
pub use login::login_failure;
pub use report::reason::reasons;

/// The CustomResourceDefinition of SealedSecret, identical in meaning to upstream's (sealed-secrets 3), as YAML.
pub const CRD_YAML: &str = include_str!("../../../deploy/crd/sealedsecret.yaml");
