//! The order of the steps. Each takes what the steps before it gave, and the command that is printed is the one that does the
//! same in a terminal.

use super::stage::{CONTROLLER_NAMESPACE, Cluster, Folder, Running};
use super::steps::{self, NAMESPACE};
use super::teller::{Outcome, Teller};
use crate::report::Result;
use crate::serve::StopSignals;

/// Everything that runs at the end of the story.
pub(super) struct Scene {
    folder: Folder,
    cluster: Cluster,
    controller: Running,
}

impl Scene {
    /// Leaves it running until SIGINT or SIGTERM.
    pub(super) async fn keep(&self, teller: &Teller) -> Result<()> {
        let stop = StopSignals::listen()?;
        let kubeconfig = self.folder.path("kubeconfig");
        teller.note(&format!("The cluster goes on until Ctrl-C. KUBECONFIG={}", kubeconfig.display()));
        stop.wait().await;
        Ok(())
    }

    /// Stops everything in order, and removes the folder.
    pub(super) async fn end(self) {
        self.controller.stop().await;
        self.cluster.stop().await;
    }
}

/// Tells the story.
pub(super) async fn tell(teller: &Teller) -> Result<Scene> {
    let folder = Folder::new()?;
    teller.remark(&format!("All files are in {}\n", folder.shown()));

    let cluster = teller
        .step("devcluster", "bulla devcluster --kubeconfig kubeconfig &", async {
            let cluster = Cluster::start(&folder).await?;
            let detail = format!("a Kubernetes API in memory at https://{}", cluster.address());
            Ok(Outcome::new(cluster, detail))
        })
        .await?;
    let command = format!("bulla controller --kubeconfig kubeconfig --namespace {CONTROLLER_NAMESPACE} &");
    let controller = teller
        .step("controller", &command, async {
            let running = cluster.start_controller().await?;
            let detail = format!("ready; it made a sealing key and serves the certificate at http://{}", running.http);
            Ok(Outcome::new(running, detail))
        })
        .await?;

    seal_and_apply(teller, &folder, &cluster, &controller).await?;
    break_things(teller, &folder, &cluster).await?;
    renew(teller, &folder, &cluster, &controller).await?;

    teller.remark(&format!("It all happened, in {:.1} s.", teller.seconds()));
    Ok(Scene { folder, cluster, controller })
}

async fn seal_and_apply(teller: &Teller, folder: &Folder, cluster: &Cluster, controller: &Running) -> Result<()> {
    let fetch = format!("bulla cert fetch --url http://{}/v1/cert.pem -w cert.pem", controller.http);
    teller.step("fetch-certificate", &fetch, steps::fetch_certificate(folder, controller, "cert.pem")).await?;
    teller
        .step(
            "seal",
            "bulla seal --cert cert.pem sample.yaml -w sealed.yaml && cat sealed.yaml",
            steps::seal(folder, "sample.yaml", "cert.pem", "sealed.yaml"),
        )
        .await?;
    let apply = format!("kubectl create namespace {NAMESPACE} && kubectl apply -f sealed.yaml");
    teller.step("apply", &apply, steps::apply(folder, &cluster.api)).await?;
    let wait = format!("kubectl wait --for=condition=Synced sealedsecrets --all -n {NAMESPACE}");
    teller.step("synced", &wait, steps::wait_until_synced(&cluster.api)).await?;
    let read = format!("kubectl get secrets -n {NAMESPACE} -o yaml");
    teller.step("read-back", &read, steps::read_back(&cluster.api)).await
}

async fn break_things(teller: &Teller, folder: &Folder, cluster: &Cluster) -> Result<()> {
    let delete = format!("kubectl delete secret app -n {NAMESPACE}");
    teller.step("restore", &delete, steps::delete_and_see_it_restored(&cluster.api)).await?;
    teller
        .step(
            "refuse-renamed",
            "yq 'select(.metadata.name==\"app\") | .metadata.name=\"stolen\"' sealed.yaml | kubectl apply -f -",
            steps::rename_and_see_it_refused(folder, &cluster.api),
        )
        .await
}

async fn renew(teller: &Teller, folder: &Folder, cluster: &Cluster, controller: &Running) -> Result<()> {
    let renewed =
        teller.step("renew-key", "kill -USR1 $(pgrep -f 'bulla controller')", steps::renew(controller)).await?;
    let fetch = format!("bulla cert fetch --url http://{}/v1/cert.pem -w cert-2.pem", controller.http);
    teller.step("fetch-new-certificate", &fetch, steps::fetch_certificate(folder, controller, "cert-2.pem")).await?;
    let backup = format!(
        "kubectl get secret -n {CONTROLLER_NAMESPACE} -l sealedsecrets.bitnami.com/sealed-secrets-key -o json > keys.json"
    );
    teller.step("backup-keys", &backup, steps::back_up_keys(folder, &cluster.api)).await?;
    teller
        .step(
            "reseal",
            "bulla unseal --key keys.json sealed.yaml | bulla seal --cert cert-2.pem -w resealed.yaml",
            steps::reseal(folder, renewed),
        )
        .await?;
    let apply = format!(
        "kubectl apply -f resealed.yaml && kubectl wait --for=condition=Synced sealedsecrets --all -n {NAMESPACE}"
    );
    teller.step("apply-resealed", &apply, steps::apply_resealed(folder, &cluster.api)).await
}
