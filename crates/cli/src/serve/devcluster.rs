//! `bulla devcluster`: the Kubernetes API in memory, for `kubectl` and for tests. Nothing in it outlives the process, unless
//! `--data` names a folder.

use std::net::SocketAddr;
use std::path::PathBuf;

use bulla_devcluster::{DevCluster, ServeOptions, Server, Storage};

use super::StopSignals;
use crate::cluster;
use crate::io::{Console, Target};
use crate::report::{Code, Report, Result, chain, os_error};

/// What to serve, and where.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// Where the kubeconfig goes.
    pub(crate) kubeconfig: PathBuf,
    /// The address; port 0 takes any free port.
    pub(crate) listen: SocketAddr,
    /// Allows addresses that other machines can reach.
    pub(crate) insecure_expose: bool,
    /// Where the state is kept, if it is.
    pub(crate) data: Option<PathBuf>,
}

impl Options {
    /// The folder of the state, and beside the kubeconfig its key: whoever has the one alone has nothing.
    fn storage(&self) -> Option<Storage> {
        let mut key = self.kubeconfig.clone().into_os_string();
        key.push(".key");
        self.data.clone().map(|folder| Storage { folder, key: key.into() })
    }
}

/// Serves until SIGINT or SIGTERM. Prints one line when ready.
pub(crate) fn run(options: &Options, console: Console) -> Result<()> {
    cluster::prepare_tls();
    cluster::block_on(async {
        let stop = StopSignals::listen()?;
        let server = serve(&new_cluster(options.storage().as_ref())?, options).await?;
        let path = options.kubeconfig.display().to_string();
        let line = format!("ready at https://{}, kubeconfig {}\n", server.local_addr(), path.escape_debug());
        Target::Stdout.write(line.as_bytes())?;
        if options.insecure_expose {
            console.warn("other machines can reach this cluster, and whoever has the kubeconfig may do everything");
        }
        stop.wait().await;
        server.shutdown().await;
        Ok(())
    })
}

/// A cluster that knows SealedSecrets, with what is stored.
pub(crate) fn new_cluster(storage: Option<&Storage>) -> Result<DevCluster> {
    let definition = bulla_yaml::read_one(bulla_controller::CRD_YAML.as_bytes(), &bulla_yaml::Limits::default())
        .and_then(|document| document.root.to_json())
        .map_err(|error| Report::new(Code::Internal, format!("the SealedSecret CRD does not parse: {error}")))?;
    let options = bulla_devcluster::Options { crds: vec![definition], ..bulla_devcluster::Options::default() };
    match storage {
        Some(storage) => DevCluster::open(options, storage),
        None => DevCluster::new(options),
    }
    .map_err(|error| report(&error))
}

/// Listens, and writes the kubeconfig.
pub(crate) async fn serve(cluster: &DevCluster, options: &Options) -> Result<Server> {
    let address = ServeOptions { listen: options.listen, insecure_expose: options.insecure_expose };
    let server = cluster.serve(address).await.map_err(|error| report(&error))?;
    server.write_kubeconfig(&options.kubeconfig).map_err(|error| report(&error))?;
    Ok(server)
}

fn report(error: &bulla_devcluster::Error) -> Report {
    use bulla_devcluster::Error;
    match error {
        Error::RefuseExposure { address } => Report::new(
            Code::DevclusterExposed,
            format!("{address} can be reached by other machines, and everybody with the token may do everything"),
        )
        .hint("use --listen 127.0.0.1:0, or add --insecure-expose if that is meant"),
        Error::AddressInUse { address, .. } => {
            Report::new(Code::PortTaken, format!("{address} is in use")).hint("any free port: --listen 127.0.0.1:0")
        }
        Error::Listen { address, source } => {
            Report::new(Code::PortTaken, format!("listen on {address}: {}", os_error(source)))
        }
        Error::WriteKubeconfig { path, source } => {
            let path = path.display().to_string();
            Report::new(Code::WriteFile, format!("{}: {}", path.escape_debug(), os_error(source)))
        }
        other => Report::new(Code::DevclusterFailed, chain(other)),
    }
}
