//! What the tests of `bulla keys` have: a cluster, a folder, two pairs of age keys, and eyes for private keys.

use std::path::Path;
use std::process::Command;

use bulla_core::sealed::{GeneratedKey, Scope};
use serde_json::{Value, json};

use crate::harness::api::{self, Api};
use crate::harness::sealing::{key_secret, sealed_object};
use crate::harness::world::World;
use crate::support::{BULLA, Bench, Ran, run, vector, vectors};

/// The public half of tests/vectors/age/a.txt.
pub(crate) fn recipient() -> String {
    let file = vector("age/a.txt");
    let line = file.lines().find_map(|line| line.strip_prefix("# public key: ")).unwrap();
    line.to_owned()
}

/// A cluster with nothing in it, and a folder to work in.
pub(crate) struct Desk {
    pub(crate) world: World,
    pub(crate) bench: Bench,
    /// What must not be seen: the middle of each private key.
    hidden: Vec<String>,
}

impl Desk {
    pub(crate) async fn new() -> Self {
        let world = World::without_key().await;
        let bench = Bench::new();
        std::fs::create_dir(bench.path(".kube")).unwrap();
        let kubeconfig = match &world.server.real {
            Some(folder) => std::fs::read_to_string(folder.join("kubeconfig")).unwrap(),
            None => format!(
                "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {{server: \"http://{}\"}}\n\
                 users:\n- name: u\n  user: {{}}\ncontexts:\n- name: a\n  context: {{cluster: c, user: u}}\n",
                world.proxy.address
            ),
        };
        bench.write(".kube/config", kubeconfig);
        for name in ["a.txt", "b.txt"] {
            std::fs::copy(vectors("age").join(name), bench.path(name)).unwrap();
        }
        Self { world, bench, hidden: Vec::new() }
    }

    /// A key that must not be seen.
    pub(crate) fn hide(&mut self, key: &GeneratedKey) {
        let pem = key.private_key_pem.expose();
        for line in pem.lines().skip(5).take(3) {
            self.hidden.push(line.to_owned());
        }
        let base64 = crate::harness::sealing::base64(pem);
        self.hidden.push(base64[300..360].to_owned());
    }

    /// A key Secret in the cluster, with more labels.
    pub(crate) async fn add(&mut self, name: &str, key: &GeneratedKey, labels: &Value) {
        self.hide(key);
        let mut secret = key_secret(name, key);
        for (label, value) in labels.as_object().unwrap() {
            secret["metadata"]["labels"][label] = value.clone();
        }
        self.api().post(&api::secrets(&self.world.own), &secret).await;
    }

    pub(crate) async fn seal(&self, key: &GeneratedKey, name: &str) -> Value {
        let sealed = self.sealed(key, name);
        self.world.create(&sealed).await
    }

    /// A SealedSecret of two values.
    pub(crate) fn sealed(&self, key: &GeneratedKey, name: &str) -> Value {
        let items = [("password", "canary-Hunter2-tweet"), ("user", "app")];
        sealed_object(&key.certificate, Scope::Strict, (&self.world.namespace, name), &items)
    }

    pub(crate) fn api(&self) -> &Api {
        self.world.admin()
    }

    pub(crate) async fn secrets(&self) -> Vec<Value> {
        let mut secrets = self.api().items(&api::secrets(&self.world.own)).await;
        secrets.sort_by_key(|secret| secret["metadata"]["name"].to_string());
        secrets
    }

    /// Name, upstream's label, our label of every key Secret.
    pub(crate) async fn labels(&self) -> Vec<(String, String, String)> {
        let label = |secret: &Value, name: &str| secret["metadata"]["labels"][name].as_str().unwrap_or("-").to_owned();
        let secrets = self.secrets().await;
        secrets
            .iter()
            .map(|secret| {
                let name = secret["metadata"]["name"].as_str().unwrap().to_owned();
                (name, label(secret, api::KEY_LABEL), label(secret, "bulla.dev/key-state"))
            })
            .collect()
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = self.bench.command(BULLA);
        command.arg("keys").args(args).env("SEALED_SECRETS_CONTROLLER_NAMESPACE", &self.world.own);
        command
    }

    /// `bulla keys …` in the folder.
    pub(crate) fn keys(&self, args: &[&str]) -> Ran {
        self.keys_with(args, "")
    }

    pub(crate) fn keys_with(&self, args: &[&str], input: &str) -> Ran {
        let ran = run(self.command(args), input.as_bytes());
        for text in [&ran.stdout, &ran.stderr] {
            self.shows_no_key(text);
            assert!(!text.contains("panicked"), "{text}");
        }
        ran
    }

    #[track_caller]
    pub(crate) fn shows_no_key(&self, text: &str) {
        for hidden in &self.hidden {
            assert!(!text.contains(hidden.as_str()), "a private key is shown:\n{text}");
        }
        assert!(!text.contains("AGE-SECRET-KEY-1HSC63"), "an identity is shown:\n{text}");
        crate::support::assert_no_canary(text);
    }

    /// No file of the folder holds a private key in the clear.
    pub(crate) fn disk_is_clean(&self) {
        let mut folders = vec![self.bench.folder.path().to_owned(), self.world.folder.clone()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
                if entry.is_dir() {
                    folders.push(entry);
                } else {
                    let text = String::from_utf8_lossy(&std::fs::read(&entry).unwrap()).into_owned();
                    for hidden in &self.hidden {
                        assert!(!text.contains(hidden.as_str()), "{} holds a private key", entry.display());
                    }
                }
            }
        }
    }

    /// Everything that is in the cluster as a plain backup, as kubectl prints it.
    pub(crate) async fn kubectl_backup(&self) -> String {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": self.secrets().await});
        bulla_yaml::write_yaml(&list)
    }

    pub(crate) fn git(&self, args: &[&str]) -> String {
        let mut command = self.bench.command("git");
        command.args(args);
        for (name, value) in [("NAME", "a"), ("EMAIL", "a@example.com")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        run(command, b"").ok()
    }

    pub(crate) fn write_yaml(&self, name: &str, object: &Value) {
        let path = self.bench.path(name);
        std::fs::create_dir_all(path.parent().unwrap_or(Path::new("."))).unwrap();
        std::fs::write(path, bulla_yaml::write_yaml(object)).unwrap();
    }
}

pub(crate) fn fingerprint(key: &GeneratedKey) -> String {
    key.key.fingerprint().to_string()
}
