//! `kubeseal` finds the controller through the API server's service proxy, and the controller finds the API server as a pod
//! does (spec part 15): both kubeseals with both controllers.
//!
//! On a real API server only: the embedded one has no service proxy, and upstream's tools have to be there.

use std::io::Write as _;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::harness::api;
use crate::harness::sealing::{base64, common_key, key_secret};
use crate::harness::server::{apply_our_definition, peers};
use crate::harness::world::World;

/// A kubeseal, with the cluster that it asks.
struct Kubeseal<'a> {
    program: PathBuf,
    /// For failures: which controller answers.
    controller: &'a Path,
    cluster: &'a Path,
}

impl Kubeseal<'_> {
    /// Exit code, standard output, standard error.
    fn run(&self, arguments: &[&str], input: &str) -> (Option<i32>, String, String) {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("KUBECONFIG", self.cluster.join("kubeconfig"));
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("kubeseal");
        // Whoever does not read its input may close it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        (output.status.code(), text(output.stdout), text(output.stderr))
    }

    fn must(&self, arguments: &[&str], input: &str) -> String {
        let (code, stdout, stderr) = self.run(arguments, input);
        assert_eq!(
            code,
            Some(0),
            "{} {arguments:?} with {}: {stderr}",
            self.program.display(),
            self.controller.display()
        );
        stdout
    }
}

/// A controller that is registered as the Service's endpoint; stopped at the end, its log looked through.
pub(crate) struct Registered<'a>(&'a Path);

impl<'a> Registered<'a> {
    pub(crate) fn start(cluster: &'a Path, binary: &Path) -> Self {
        let flags = ["start", cluster.to_str().unwrap(), "--service-proxy"];
        peers("upstream-controller", &flags, &[("CONTROLLER", binary)]);
        Self(cluster)
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        peers("upstream-controller", &["stop", self.0.to_str().unwrap()], &[]);
        apply_our_definition(self.0);
        let log = std::fs::read_to_string(self.0.join("upstream-controller.log")).unwrap_or_default();
        if !std::thread::panicking() {
            assert!(!log.to_lowercase().contains("forbidden"), "{log}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_kubeseals_reach_both_controllers_through_the_api_server() {
    let world = World::new().await;
    let Some(cluster) = world.server.real.clone() else { return };
    world.admin().post(&api::secrets("kube-system"), &key_secret("service-proxy", common_key())).await;
    let upstreams = |name: &str| PathBuf::from(peers("build", &[name], &[]).lines().next().unwrap());
    let ours = |name: &str| {
        let link = world.folder.join(name);
        symlink(env!("CARGO_BIN_EXE_bulla"), &link).unwrap();
        link
    };
    let kubeseals = [ours("kubeseal"), upstreams("kubeseal")];
    for (number, controller) in [ours("controller"), upstreams("controller")].iter().enumerate() {
        let _registered = Registered::start(&cluster, controller);
        for (which, program) in kubeseals.iter().enumerate() {
            let name = format!("object-{number}-{which}");
            through(&world, &Kubeseal { program: program.clone(), controller, cluster: &cluster }, &name).await;
        }
    }
    world.admin().delete(&api::secret("kube-system", "service-proxy")).await;
}

async fn through(world: &World, kubeseal: &Kubeseal<'_>, name: &str) {
    assert_eq!(kubeseal.must(&["--fetch-cert"], ""), common_key().certificate_pem);

    let plain = json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": world.namespace},
        "data": {"password": base64("through-the-proxy")}});
    let sealed = kubeseal.must(&[], &plain.to_string());
    kubeseal.must(&["--validate"], &sealed);

    let mut renamed: Value = serde_json::from_str(&sealed).unwrap();
    renamed["metadata"]["name"] = json!("renamed");
    let (code, _, words) = kubeseal.run(&["--validate"], &renamed.to_string());
    assert_eq!(code, Some(1), "{words}");
    assert!(words.contains("unable to decrypt sealed secret"), "{words}");

    let again: Value = serde_json::from_str(&kubeseal.must(&["--re-encrypt"], &sealed)).unwrap();
    let before: Value = serde_json::from_str(&sealed).unwrap();
    assert_ne!(again["spec"]["encryptedData"]["password"], before["spec"]["encryptedData"]["password"]);
    world.create(&again).await;
    world.until_synced(name, "True").await;
    assert_eq!(world.secret(name).await.unwrap()["data"]["password"], base64("through-the-proxy"));
    world.admin().delete(&world.sealed_path(name)).await;
}
