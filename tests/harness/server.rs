//! The API server of a test: the embedded one, or a real one that `tests/peers/cluster` started.

use std::path::{Path, PathBuf};
use std::process::Command;

use bulla_devcluster::{DevCluster, Options};
use kube::Client;
use kube::config::{KubeConfigOptions, Kubeconfig};
use serde_json::json;

use super::api::Api;

/// An API server, seen by its administrator and by the controller.
pub(crate) struct Server {
    /// May do everything.
    pub(crate) admin: Api,
    /// May do what upstream's manifests allow, where there is RBAC.
    pub(crate) controller: Client,
    /// The folder of a real cluster.
    pub(crate) real: Option<PathBuf>,
}

/// The folder of the real cluster, if the tests are to use one.
pub(crate) fn real_cluster() -> Option<PathBuf> {
    match std::env::var("BULLA_CLUSTER").ok()?.as_str() {
        "real" => {
            Some(std::env::var_os("BULLA_CLUSTER_DIR").expect("BULLA_CLUSTER=real needs BULLA_CLUSTER_DIR").into())
        }
        other => panic!("BULLA_CLUSTER is {other:?}: it can be \"real\" or absent"),
    }
}

impl Server {
    pub(crate) async fn find() -> Self {
        // An error says only that another test was first.
        let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
        match real_cluster() {
            Some(folder) => Self::real(folder).await,
            None => Self::embedded(),
        }
    }

    /// Another, empty cluster of the same kind, which ends with the second value.
    pub(crate) async fn another() -> (Self, Option<Started>) {
        if real_cluster().is_none() {
            return (Self::embedded(), None);
        }
        let started = Started(tempfile::tempdir().expect("a folder for a cluster"));
        let folder = started.0.path().join("cluster");
        peers("cluster", &["start", &folder.display().to_string()], &[]);
        apply_our_definition(&folder);
        apply(&folder, "tests/peers/launcher/manifests/rbac.yaml");
        (Self::real(folder).await, Some(started))
    }

    fn embedded() -> Self {
        let crd = bulla_yaml::read_one(bulla_controller::CRD_YAML.as_bytes(), &bulla_yaml::Limits::default())
            .expect("our own manifest is YAML")
            .root
            .to_json()
            .expect("and can be JSON");
        let options =
            Options { crds: vec![crd], bookmark_interval: std::time::Duration::from_millis(500), ..Options::default() };
        let cluster = DevCluster::new(options).expect("a cluster in memory");
        let client = Client::new(cluster.trusted_service(), "default");
        Self { admin: Api(client.clone()), controller: client, real: None }
    }

    async fn real(folder: PathBuf) -> Self {
        let admin = Api(client(kubeconfig(&folder)).await);
        let request = json!({"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest",
            "spec": {"expirationSeconds": 3600}});
        let account = "/api/v1/namespaces/kube-system/serviceaccounts/sealed-secrets-controller/token";
        let answer = admin.post(account, &request).await;
        let token = answer["status"]["token"].as_str().expect("a token").to_owned();
        let mut config = kubeconfig(&folder);
        let user = config.auth_infos.first_mut().expect("the kubeconfig has a user");
        user.auth_info = Some(serde_json::from_value(json!({"token": token})).expect("a user with a token"));
        Self { admin, controller: client(config).await, real: Some(folder) }
    }
}

fn kubeconfig(folder: &Path) -> Kubeconfig {
    Kubeconfig::read_from(folder.join("kubeconfig")).expect("tests/peers/cluster wrote a kubeconfig")
}

async fn client(kubeconfig: Kubeconfig) -> Client {
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    Client::try_from(config.expect("a usable kubeconfig")).expect("a usable kubeconfig")
}

/// A cluster that a test has started.
pub(crate) struct Started(tempfile::TempDir);

impl Drop for Started {
    fn drop(&mut self) {
        let folder = self.0.path().join("cluster");
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers/cluster");
        // A panic here would hide the one that brought us here.
        let _ = Command::new(script).arg("stop").arg(folder).output();
    }
}

/// Puts our definition of SealedSecret in the place of upstream's, which drops the nulls of templates. Starting a controller with
/// `tests/peers/upstream-controller` applies upstream's.
pub(crate) fn apply_our_definition(cluster: &Path) {
    apply(cluster, "deploy/crd/sealedsecret.yaml");
}

/// Applies a manifest of this repository to a real cluster.
fn apply(cluster: &Path, manifest: &str) {
    let launcher = peers("build", &["launcher"], &[]);
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(manifest);
    let kubeconfig = cluster.join("kubeconfig");
    let applied = Command::new(launcher.trim()).arg("apply").args([&kubeconfig, &manifest]).status();
    assert!(applied.is_ok_and(|status| status.success()), "{} cannot be applied", manifest.display());
}

/// Runs a script of tests/peers, and returns what it printed.
pub(crate) fn peers(script: &str, arguments: &[&str], variables: &[(&str, &Path)]) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/peers").join(script);
    let output = Command::new(path).args(arguments).envs(variables.iter().copied()).output().expect("bash is there");
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "tests/peers/{script} {arguments:?}: {text}");
    text
}
