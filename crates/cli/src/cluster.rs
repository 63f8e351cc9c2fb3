//! Finding a cluster and asking it. Built only for commands that need one: runtime, TLS and client cost more than all of
//! what works offline.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures::AsyncReadExt as _;
use kube::config::{Config, KubeConfigOptions, Kubeconfig, KubeconfigError};

use crate::report::{Code, Report, Result, chain};

/// Which cluster, from flags. Empty: `KUBECONFIG`, `~/.kube/config`, then the cluster that this runs in.
#[derive(Clone, Debug, Default)]
pub(crate) struct Choice {
    /// A kubeconfig file.
    pub(crate) kubeconfig: Option<PathBuf>,
    /// A context of it.
    pub(crate) context: Option<String>,
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
    prepare_tls();
    let options = KubeConfigOptions { context: choice.context.clone(), ..KubeConfigOptions::default() };
    let mut config = match (&choice.kubeconfig, &choice.context) {
        (Some(path), _) => {
            let kubeconfig = Kubeconfig::read_from(path).map_err(|error| bad_kubeconfig(&error))?;
            Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| bad_kubeconfig(&error))?
        }
        (None, Some(_)) => Config::from_kubeconfig(&options).await.map_err(|error| bad_kubeconfig(&error))?,
        (None, None) => match Config::from_kubeconfig(&options).await {
            Ok(config) => config,
            Err(error) => Config::incluster_env().map_err(|_| nothing_found(&error))?,
        },
    };
    config.connect_timeout = Some(Duration::from_secs(10));
    Ok(config)
}

fn bad_kubeconfig(error: &KubeconfigError) -> Report {
    let message = match error {
        KubeconfigError::ReadConfig(error, path) => {
            format!("kubeconfig {}: {}", name_of(path), crate::report::os_error(error))
        }
        // The parser quotes the file, which holds tokens and keys.
        KubeconfigError::Parse(_) => "the kubeconfig is not valid YAML, or not a kubeconfig".to_owned(),
        KubeconfigError::FindPath => "there is no kubeconfig and no home directory to look in".to_owned(),
        other => format!("the kubeconfig cannot be used: {}", chain(other)),
    };
    let code = match error {
        KubeconfigError::ReadConfig(cause, _) if cause.kind() == std::io::ErrorKind::NotFound => Code::NoCluster,
        KubeconfigError::FindPath => Code::NoCluster,
        _ => Code::Kubeconfig,
    };
    Report::new(code, message).hint("check with: kubectl config view --minify; choose with --kubeconfig and --context")
}

/// A kubeconfig that is there and broken is the error; otherwise there is simply no cluster.
fn nothing_found(error: &KubeconfigError) -> Report {
    match error {
        KubeconfigError::ReadConfig(cause, _) if cause.kind() == std::io::ErrorKind::NotFound => none_configured(),
        KubeconfigError::FindPath => none_configured(),
        broken => bad_kubeconfig(broken),
    }
}

fn none_configured() -> Report {
    Report::new(Code::NoCluster, "no cluster is configured: no kubeconfig, and this does not run inside a cluster").hint(
        "name one: --kubeconfig FILE, or KUBECONFIG; or try without a cluster: bulla devcluster --kubeconfig dev.kubeconfig",
    )
}

fn name_of(path: &Path) -> String {
    path.display().to_string().escape_debug().to_string()
}

/// A client for `config`.
pub(crate) fn client(config: Config) -> Result<kube::Client> {
    kube::Client::try_from(config).map_err(|error| {
        Report::new(Code::Kubeconfig, format!("build a client: {}", chain(&error)))
            .hint("a certificate or key that the kubeconfig names cannot be read")
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
