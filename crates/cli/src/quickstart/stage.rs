//! What the story plays on: a folder, a cluster in memory that also listens, and the controller.

use std::net::SocketAddr;
use std::path::PathBuf;

use bulla_controller::{Config, Controller, Handle, LeaderElection, Reach, Replicas};
use bulla_devcluster::{DevCluster, Server};
use tempfile::TempDir;

use super::api::Api;
use super::broken;
use crate::report::{Code, Report, Result, os_error};
use crate::serve::{controller, devcluster};

/// Where the controller keeps its keys.
pub(super) const CONTROLLER_NAMESPACE: &str = "kube-system";

/// A folder that is removed at the end. It holds plain throw-away Secrets and the keys of a cluster that ends, too.
pub(super) struct Folder(TempDir);

impl Folder {
    pub(super) fn new() -> Result<Self> {
        tempfile::Builder::new().prefix("bulla-quickstart-").tempdir().map(Self).map_err(|error| {
            Report::new(Code::WriteFile, format!("make a temporary folder: {}", os_error(&error)))
                .hint("set TMPDIR to a folder that can be written")
        })
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(super) fn shown(&self) -> String {
        self.0.path().display().to_string()
    }

    pub(super) fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        crate::io::Target::File(self.path(name)).write(content)
    }

    pub(super) fn read(&self, name: &str) -> Result<Vec<u8>> {
        crate::io::read(&crate::io::Source::File(self.path(name))).map(|bytes| bytes.to_vec())
    }
}

/// The cluster and its API.
pub(super) struct Cluster {
    cluster: DevCluster,
    server: Server,
    pub(super) api: Api,
}

impl Cluster {
    /// Starts it on a free port of loopback, and writes the kubeconfig into the folder.
    pub(super) async fn start(folder: &Folder) -> Result<Self> {
        crate::cluster::prepare_tls();
        let cluster = devcluster::new_cluster(None)?;
        let options = devcluster::Options {
            kubeconfig: folder.path("kubeconfig"),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            insecure_expose: false,
            data: None,
        };
        let server = devcluster::serve(&cluster, &options).await?;
        let api = Api::new(client(&cluster));
        Ok(Self { cluster, server, api })
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.server.local_addr()
    }

    /// Starts the controller on free ports of loopback, and waits until it is ready.
    pub(super) async fn start_controller(&self) -> Result<Running> {
        let replicas = Replicas { leader_election: LeaderElection::Off, ..Replicas::default() };
        let loopback = Some(SocketAddr::from(([127, 0, 0, 1], 0)));
        let config = Config {
            namespace: CONTROLLER_NAMESPACE.to_owned(),
            listen_addr: loopback,
            listen_metrics_addr: loopback,
            reach: Reach { replicas, ..Reach::default() },
            ..Config::default()
        };
        let handle =
            Controller::new(client(&self.cluster), config).start().await.map_err(|error| controller::report(&error))?;
        let deadline = std::time::Duration::from_secs(60);
        tokio::time::timeout(deadline, handle.ready())
            .await
            .map_err(|_| broken(format!("the controller is not ready after {} s", deadline.as_secs())))?;
        let http = handle.addresses().http.ok_or_else(|| broken("the controller does not listen"))?;
        Ok(Running { handle, http })
    }

    pub(super) async fn stop(self) {
        self.server.shutdown().await;
    }
}

fn client(cluster: &DevCluster) -> kube::Client {
    kube::Client::new(cluster.trusted_service(), "default")
}

/// The controller at work.
pub(super) struct Running {
    pub(super) handle: Handle,
    pub(super) http: SocketAddr,
}

impl Running {
    pub(super) async fn stop(self) {
        self.handle.shutdown().await;
    }
}
