//! Finding a cluster and asking it. Built only for commands that need one: runtime, TLS and client cost more than all of
//! what works offline.

use std::future::Future;
use std::path::PathBuf;
use std::time::Duration;

use futures::AsyncReadExt as _;
use kube::Config;

use crate::kubeconfig::{self, Overrides, Plugins, Trouble};
use crate::report::{Code, Report, Result, chain};

/// Which cluster, from flags. Empty: `KUBECONFIG`, `~/.kube/config`, then the cluster that this runs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// A kubeconfig file.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of it.
    pub(crate) context: Option<String>,
    /// What takes the place of the kubeconfig's values. Most have none.
    pub(crate) overrides: Box<Overrides>,
}

/// Answers that take longer are given up.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Runs `work` on an async runtime of one thread.
pub(crate) fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Report::new(Code::Internal, format!("start the async runtime: {error}")))?;
    runtime.block_on(work)
}

/// Chooses AWS-LC for TLS, once per process.
pub(crate) fn prepare_tls() {
    // An error says only that a provider is there already.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The settings for the chosen cluster. The namespace of the context is in them.
pub(crate) async fn config(choice: &Choice) -> Result<Config> {
    prepared(choice, Plugins::Once)
}

/// The same for a process that stays: credentials that expire are renewed.
pub(crate) async fn config_that_stays(choice: &Choice) -> Result<Config> {
    prepared(choice, Plugins::Again)
}

fn prepared(choice: &Choice, plugins: Plugins) -> Result<Config> {
    prepare_tls();
    let mut config = kubeconfig::settings(choice, plugins).map_err(|trouble| without_cluster(&trouble))?.config;
    config.connect_timeout = Some(CONNECT_TIMEOUT);
    Ok(config)
}

/// Connections that take longer are given up.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// What mends missing credentials.
pub(crate) const LOG_IN: &str = "log in as this kubeconfig does it, then check with: kubectl auth whoami";

/// Why there is no connection, as a report.
pub(crate) fn without_cluster(trouble: &Trouble) -> Report {
    const HINT: &str = "check with: kubectl config view --minify; choose with --kubeconfig and --context";
    match trouble {
        Trouble::Empty => none_configured(),
        Trouble::NoSuchFile(message) => Report::new(Code::NoCluster, format!("the kubeconfig: {message}")).hint(HINT),
        Trouble::Invalid(message) => {
            Report::new(Code::Kubeconfig, format!("the kubeconfig cannot be used: {}", first_line(message))).hint(HINT)
        }
        Trouble::Credentials { message, .. } => Report::new(Code::NoCredentials, first_line(message)).hint(LOG_IN),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}

fn none_configured() -> Report {
    Report::new(Code::NoCluster, "no cluster is configured: no kubeconfig, and this does not run inside a cluster").hint(
        "name one: --kubeconfig FILE, or KUBECONFIG; or try without a cluster: bulla devcluster --kubeconfig dev.kubeconfig",
    )
}

/// A client for `config`.
pub(crate) fn client(config: Config) -> Result<kube::Client> {
    kube::Client::try_from(config).map_err(|error| match &error {
        kube::Error::Auth(_) => {
            Report::new(Code::NoCredentials, format!("log in to the cluster: {}", chain(&error))).hint(LOG_IN)
        }
        _ => Report::new(Code::Kubeconfig, format!("build a client: {}", chain(&error)))
            .hint("a certificate or key that the kubeconfig names cannot be read"),
    })
}

/// The body of the answer to a GET, as far as `limit` bytes.
pub(crate) async fn get(
    client: &kube::Client,
    path: &str,
    accept: &str,
    limit: u64,
) -> std::result::Result<Vec<u8>, kube::Error> {
    let request = http::Request::get(path)
        .header(http::header::ACCEPT, accept)
        .body(Vec::new())
        .map_err(kube::Error::HttpError)?;
    let work = async {
        let mut body = Vec::new();
        client
            .request_stream(request)
            .await?
            .take(limit)
            .read_to_end(&mut body)
            .await
            .map_err(kube::Error::ReadEvents)?;
        Ok(body)
    };
    match tokio::time::timeout(TIMEOUT, work).await {
        Ok(result) => result,
        Err(_) => Err(kube::Error::ReadEvents(std::io::ErrorKind::TimedOut.into())),
    }
}

/// A failed request to the API server as a report.
pub(crate) fn refused(what: &str, error: &kube::Error) -> Report {
    match error {
        kube::Error::Api(status) => {
            let message = status.message.lines().next().unwrap_or_default();
            Report::new(Code::ClusterRefused, format!("{what}: the cluster answered {}: {message}", status.code))
                .hint("check your rights: kubectl auth can-i get services/proxy -n NAMESPACE")
        }
        other => Report::new(Code::ClusterUnreachable, format!("{what}: {}", chain(other)))
            .hint("check that the cluster answers: kubectl version"),
    }
}
