//! What the cluster knows: `seal --update`, `edit` and `unseal` with `--from-cluster`, against the API server of the other
//! suites with a controller.
#![cfg(target_os = "linux")]

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::api;
use crate::harness::sealing::common_key;
use crate::harness::world::World;
use crate::support::{CANARY, Ran, run};
use crate::update::Repo;

/// A repository, and a cluster that its sealed file is applied to.
struct Shop {
    world: World,
    repo: Repo,
}

impl Shop {
    async fn new() -> Self {
        let world = World::new().await;
        let repo = Repo::new();
        repo.bench.write("cert.pem", &common_key().certificate_pem);
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\nclusters:\n- name: c\n  cluster: {{server: \"http://{}\"}}\n\
             users:\n- name: u\n  user: {{}}\ncontexts:\n- name: a\n  context: {{cluster: c, user: u}}\n",
            world.proxy.address
        );
        repo.bench.write("kubeconfig", kubeconfig);
        Self { world, repo }
    }

    fn plain(&self, values: &[(&str, &str)]) -> String {
        let namespace = &self.world.namespace;
        let mut text =
            format!("apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  namespace: {namespace}\nstringData:\n");
        values.iter().for_each(|(key, value)| text.push_str(&format!("  {key}: \"{value}\"\n")));
        text
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = self.repo.command(words);
        if words[0] != "unseal" {
            command.args(["--cert", "../cert.pem"]);
        }
        command.args(["--from-cluster", "--kubeconfig", "../kubeconfig"]);
        command
    }

    async fn bulla(&self, words: &[&str], input: &str) -> Ran {
        let (command, input) = (self.command(words), input.as_bytes().to_vec());
        tokio::task::spawn_blocking(move || run(command, &input)).await.unwrap()
    }

    async fn update(&self, input: &str) -> Ran {
        self.bulla(&["seal", "--update", "sealed.yaml"], input).await
    }

    async fn unseal(&self) -> Ran {
        self.bulla(&["unseal", "sealed.yaml"], "").await
    }

    async fn edit(&self, script: &str) -> Ran {
        self.repo.bench.write("editor.sh", script);
        let mut command = self.command(&["edit", "sealed.yaml"]);
        command.env("EDITOR", "sh ../editor.sh");
        tokio::task::spawn_blocking(move || run(command, b"")).await.unwrap()
    }

    /// What the file holds, as the API server takes it.
    fn object(&self) -> Value {
        let text = self.repo.read();
        bulla_yaml::read_one(text.as_bytes(), &bulla_yaml::Limits::default()).unwrap().root.to_json().unwrap()
    }

    async fn apply(&self) {
        let object = self.object();
        match self.world.admin().get(&self.world.sealed_path("db")).await {
            None => _ = self.world.create(&object).await,
            Some(mut live) => {
                live["spec"] = object["spec"].clone();
                self.world.admin().put(&self.world.sealed_path("db"), &live).await;
            }
        }
        self.world.until_synced("db", "True").await;
    }

    /// As on another machine: nothing is remembered.
    fn forget(&self) {
        let _ = fs::remove_dir_all(self.repo.bench.path("repo/.git/bulla"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_cluster_made_of_the_file_is_known() {
    let shop = Shop::new().await;
    let _controller = shop.world.start(&[]).await;
    let values = [("user", "app"), ("password", CANARY)];
    shop.world.hide(&values);
    shop.update(&shop.plain(&values)).await.ok();
    shop.repo.commit();

    let stderr = shop.unseal().await.fails(1, &["password: the cluster has no such SealedSecret", "(E0247)"]);
    assert!(stderr.contains("user: the cluster has no such SealedSecret"), "every value is named: {stderr}");
    shop.apply().await;

    shop.forget();
    let ran = shop.update(&shop.plain(&values)).await;
    assert!(ran.stderr.contains("nothing has changed"), "{}", ran.stderr);
    ran.ok();
    assert_eq!(shop.repo.diff(), [] as [&str; 0], "the cluster knows both");

    // What the cluster knew is remembered here: it is not asked again.
    let cert = shop.repo.bench.path("cert.pem").display().to_string();
    shop.repo.bulla(&["seal", "--cert", &cert, "--update", "sealed.yaml"], &shop.plain(&values)).ok();
    assert_eq!(shop.repo.diff(), [] as [&str; 0]);

    let plain = shop.unseal().await.ok();
    let secret =
        bulla_yaml::read_one(plain.as_bytes(), &bulla_yaml::Limits::default()).unwrap().root.to_json().unwrap();
    let live = shop.world.secret("db").await.unwrap();
    assert_eq!((&secret["data"], &secret["metadata"]["name"]), (&live["data"], &json!("db")));

    shop.edit("cp \"$1\" ../seen; sed -i 's/user: app$/user: other/' \"$1\"").await.ok();
    let seen = shop.repo.bench.read("seen");
    assert!(seen.contains(&format!("password: {CANARY}\n")) && seen.contains("user: app\n"), "{seen}");
    fs::remove_file(shop.repo.bench.path("seen")).unwrap();
    assert_eq!(shop.repo.diff().len(), 2, "only the user");
    shop.repo.is_clean();

    // The changed value is not in the cluster yet: a placeholder for it, and unseal fails closed.
    let ran = shop.edit("cp \"$1\" ../seen").await;
    assert!(ran.stderr.contains("user is not shown: the cluster has another ciphertext"), "{}", ran.stderr);
    ran.ok();
    let seen = shop.repo.bench.read("seen");
    assert!(seen.contains("user: <sealed, 5 bytes, ") && seen.contains(CANARY), "{seen}");
    shop.unseal().await.fails(1, &["user: the cluster has another ciphertext", "nothing was printed", "(E0247)"]);
    shop.apply().await;
    shop.unseal().await.ok();
}

#[tokio::test(flavor = "multi_thread")]
async fn without_flags_the_cluster_is_the_one_that_the_repository_names() {
    let shop = Shop::new().await;
    let _controller = shop.world.start(&[]).await;
    shop.update(&shop.plain(&[("user", "app")])).await.ok();
    shop.apply().await;
    let kubeconfig = shop.repo.bench.read("kubeconfig").replace("current-context: a", "current-context: elsewhere");
    shop.repo.bench.write("kubeconfig", kubeconfig);
    let unseal = || async {
        let mut command = shop.repo.command(&["unseal", "--from-cluster", "sealed.yaml"]);
        command.env("KUBECONFIG", "../kubeconfig");
        tokio::task::spawn_blocking(move || run(command, b"")).await.unwrap()
    };
    unseal().await.fails(1, &["elsewhere"]);
    shop.repo.bench.write("repo/.bulla.yaml", "clusters:\n  shop: {context: a}\n");
    assert!(unseal().await.ok().contains("user: YXBw"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_known_for_sure_is_sealed_anew() {
    let shop = Shop::new().await;
    let mut controller = shop.world.start(&[]).await;
    let values = [("user", "app"), ("password", CANARY)];
    shop.world.hide(&values);
    shop.update(&shop.plain(&values)).await.ok();
    shop.apply().await;
    shop.repo.commit();
    shop.unseal().await.ok();

    // Templated: the live value may be the template's.
    let mut live = shop.world.sealed("db").await;
    live["spec"]["template"]["data"] = json!({"user": "{{ .user }}"});
    shop.world.admin().put(&shop.world.sealed_path("db"), &live).await;
    shop.world.until_synced("db", "True").await;
    shop.unseal().await.fails(1, &["user: the key is templated"]);
    shop.forget();
    shop.update(&shop.plain(&values)).await.ok();
    assert_eq!(shop.repo.diff().len(), 2, "the user is sealed anew, the password stays: {:?}", shop.repo.diff());
    shop.repo.git(&["checkout", "--quiet", "."]);
    shop.apply().await;
    shop.unseal().await.ok();

    // Nobody at work: the SealedSecret is ahead of its status, and then the Secret is not what was made.
    controller.kill();
    let mut secret = shop.world.secret("db").await.unwrap();
    secret["data"]["user"] = json!("ZHJpZnRlZA==");
    shop.world.admin().put(&api::secret(&shop.world.namespace, "db"), &secret).await;
    let stderr = shop.unseal().await.fails(1, &["the live Secret was written after the controller looked at it"]);
    assert!(!stderr.contains("drifted"), "{stderr}");
    shop.forget();
    shop.update(&shop.plain(&[("user", "drifted"), ("password", CANARY)])).await.ok();
    assert_eq!(shop.repo.diff().len(), 4, "nothing is known of a Secret that somebody wrote to");
    shop.repo.git(&["checkout", "--quiet", "."]);

    let mut live = shop.world.sealed("db").await;
    live["spec"]["template"]["type"] = json!("example.com/other");
    shop.world.admin().put(&shop.world.sealed_path("db"), &live).await;
    shop.unseal().await.fails(1, &["not Synced at its generation"]);
    shop.world.admin().delete(&api::secret(&shop.world.namespace, "db")).await;
    shop.unseal().await.fails(1, &["the cluster has no Secret of this name"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn templates_of_the_file_are_rendered_on_what_the_cluster_knows() {
    let shop = Shop::new().await;
    let _controller = shop.world.start(&[]).await;
    shop.update(&shop.plain(&[("user", "app")])).await.ok();
    let with_template = |template: &str| {
        let text = shop.repo.read();
        let (head, tail) = text.split_once("  template:\n").unwrap();
        shop.repo.write(&format!("{head}  template:\n    data:\n      url: '{template}'\n{tail}"));
    };
    with_template("https://{{ .user }}@db");
    shop.apply().await;
    let plain = shop.unseal().await.ok();
    let live = shop.world.secret("db").await.unwrap();
    let url = live["data"]["url"].as_str().unwrap();
    assert!(plain.contains(&format!("url: {url}\n")), "{plain}");
    let text = shop.repo.read().replace("https://{{ .user }}@db", "{{ randAlphaNum 8 }}");
    shop.repo.write(&text);
    shop.unseal().await.fails(1, &["url: its template comes out otherwise each time"]);
}
