//! The steps. Each begins with a cluster that is what the tree says, and ends with one.

use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::cluster::{Cluster, PATIENCE, POLL, condition, is_observed};
use crate::golden::{self, Content, Id, World};
use crate::leaks::Needles;
use crate::processes::{self, Controller, DevCluster};
use crate::repo::{Repo, fixtures};

/// Everything at once. Fields are dropped in this order: processes first, then the folders that they write to.
pub(crate) struct Story {
    controller: Controller,
    controllers: u32,
    devcluster: DevCluster,
    cluster: Cluster,
    /// What there should be, as of now.
    world: World,
    /// What the plain tree says.
    plain: World,
    needles: Needles,
    repo: Repo,
    certificate: PathBuf,
    /// What commands and dead controllers printed.
    printed: Vec<(String, String)>,
    folder: TempDir,
    started: Instant,
}

impl Story {
    /// A repository with the plain tree; an empty cluster with a controller.
    pub(crate) async fn begin() -> Self {
        let started = Instant::now();
        let folder = TempDir::with_prefix("bulla-gitops-run-").expect("a temporary folder");
        let repo = Repo::from_fixture();
        let devcluster = DevCluster::start(folder.path());
        let cluster = Cluster::connect(&devcluster.kubeconfig).await;
        let controller = Controller::start(folder.path(), 1, &devcluster.kubeconfig);
        let certificate = folder.path().join("cert.pem");
        fs::write(&certificate, controller.certificate()).expect("the folder is writable");
        let plain = golden::world();
        let story = Self {
            controller,
            controllers: 1,
            devcluster,
            cluster,
            needles: Needles::of(&plain),
            world: plain.clone(),
            plain,
            repo,
            certificate,
            printed: Vec::new(),
            folder,
            started,
        };
        story.progress("cluster and controller are ready");
        story
    }

    pub(crate) fn seals_the_whole_tree(&mut self) {
        let files = self.repo.secret_files();
        for file in &files {
            self.seal(file);
        }
        self.repo.commit("Seal everything");
        for file in self.repo.files() {
            let content = fs::read(self.repo.path().join(&file)).expect("Git lists files that are there");
            self.needles.assert_absent(&file, &content);
        }
        self.progress(&format!(
            "sealed {} files; none of {} plain values and forms of them is in the tree",
            files.len(),
            self.needles.len()
        ));
    }

    pub(crate) async fn applies_the_tree_in_the_order_of_git(&mut self) {
        let files = self.repo.files();
        for file in files.iter().filter(|file| file.starts_with("namespaces/") && file.ends_with("/namespaces.yaml")) {
            self.apply(file).await;
        }
        for file in files.iter().filter(|file| file.ends_with("/service-account.yaml")) {
            self.apply(file).await;
        }
        let mut ids = Vec::new();
        for file in self.repo.secret_files() {
            ids.extend(self.apply(&file).await);
        }
        ids.sort();
        assert!(ids.iter().eq(self.world.keys()), "the sealed tree has {ids:?}, the plain one {:?}", self.world.keys());
        self.settle().await;
        self.progress(&format!("applied {} SealedSecrets; every Secret is what the plain tree says", ids.len()));
    }

    pub(crate) async fn deleted_secrets_come_back(&mut self) {
        let ids: Vec<Id> = self.world.keys().step_by(3).take(12).cloned().collect();
        for id in &ids {
            self.delete_secret(id).await;
        }
        self.settle().await;
        self.progress(&format!("deleted {} Secrets; all came back", ids.len()));
    }

    /// Someone deletes each one the moment it is back: what the controller remembers of its own write is outdated when the
    /// write returns. Fewer times than the ten after which it slows down.
    pub(crate) async fn secrets_that_are_deleted_again_and_again_come_back(&mut self) {
        const TIMES: usize = 5;
        let ids: Vec<Id> = self.world.keys().step_by(4).cloned().collect();
        futures::future::join_all(ids.iter().map(|id| self.cluster.delete_as_often_as_it_comes(id, TIMES))).await;
        self.settle().await;
        self.progress(&format!(
            "deleted {} Secrets {TIMES} times, each as soon as it was back; all came back",
            ids.len()
        ));
    }

    pub(crate) async fn edited_secrets_are_reverted(&mut self) {
        let ids = self.editable_secrets();
        for (index, id) in ids.iter().enumerate() {
            let key = self.world[id].data.keys().next().expect("a Secret has data").clone();
            let edit = match index % 3 {
                0 => json!({"data": {key: STANDARD.encode("edited by hand")}}),
                1 => json!({"data": {key: null}}),
                _ => json!({"data": {"added-by-hand": STANDARD.encode("nobody asked for it")}}),
            };
            self.cluster.patch("Secret", id, &edit).await;
        }
        // Labels and annotations that the tree states are stated, too.
        let labelled = id("payments-prod", "paypal");
        self.cluster.patch("Secret", &labelled, &json!({"metadata": {"labels": {"provider": "other"}}})).await;
        self.settle().await;
        self.progress(&format!("edited {} Secrets; all edits were reverted", ids.len() + 1));
    }

    pub(crate) async fn foreign_metadata_stays(&mut self) {
        let ids = [id("storefront-prod", "session"), id("payments-prod", "klarna"), id("databases", "redis")];
        for (index, id) in ids.iter().enumerate() {
            let mut patch = json!({"metadata": {
                "labels": {"ops.harbour.example/seen": "yes"},
                "annotations": {"ops.harbour.example/note": "a note by somebody else"},
            }});
            if index > 0 {
                // With something to repair beside it, so that the controller certainly writes.
                patch["data"] = json!({"added-by-hand": STANDARD.encode("nobody asked for it")});
            }
            self.cluster.patch("Secret", id, &patch).await;
            let expected = self.world.get_mut(id).expect("the tree has it");
            expected.labels.insert("ops.harbour.example/seen".to_owned(), "yes".to_owned());
            expected.annotations.insert("ops.harbour.example/note".to_owned(), "a note by somebody else".to_owned());
        }
        self.settle().await;
        self.progress("labels and annotations of others stay, also through repairs");
    }

    pub(crate) async fn an_edited_file_changes_the_cluster_and_git_revert_changes_it_back(&mut self) {
        let before = self.world.clone();
        let files = ["apps/payments/overlays/prod-eu/secrets/providers.yaml", SESSION];
        let sealed = files.map(|file| self.repo.read(file));
        self.edit(files[0], "sk_live_51H8throwaway0123456789abcdef", "sk_live_rotated_ffeeddccbbaa");
        self.edit(SESSION, r#"'it''s-HRB-449-"quoted"'"#, "HRB-450-rotated-Größe");
        self.repo.commit("Rotate two values");
        self.expect_value("payments-prod", "stripe", "api-key", "sk_live_rotated_ffeeddccbbaa");
        self.expect_value("storefront-prod", "session", "TRACKING_ID", "HRB-450-rotated-Größe");
        self.apply_newest_commit().await;
        self.settle().await;

        self.repo.revert();
        for (file, sealed) in files.iter().zip(sealed) {
            assert!(self.repo.read(file) == sealed, "{file}: git revert did not bring the sealed file back");
        }
        self.world = before;
        self.apply_newest_commit().await;
        self.settle().await;
        self.progress("edited two files, and took that back with git revert");
    }

    pub(crate) async fn an_immutable_secret_refuses_new_values_until_git_revert(&mut self) {
        let id = id("monitoring", "grafana-admin");
        let file = "infrastructure/monitoring/overlays/prod-eu/secrets/grafana.yaml";
        self.edit(file, "grafana-root-7f", "grafana-root-8a-rotated");
        self.repo.commit("Rotate what cannot be rotated");
        self.apply_newest_commit().await;
        let sealed = self.refused(&id).await;
        assert_eq!(synced_reason(&sealed), "Immutable", "{sealed}");
        self.cluster.wait_until_equal(&self.world).await;

        self.repo.revert();
        self.apply_newest_commit().await;
        self.settle().await;
        self.progress("an immutable Secret refused a new value with reason Immutable, and git revert settled it");
    }

    pub(crate) async fn a_removed_file_takes_its_secrets_along_and_git_revert_brings_them_back(&mut self) {
        let files = [
            "apps/mailer/overlays/staging/secrets/dkim.yaml",
            "apps/mailer/overlays/prod-eu/secrets/smtp zugangsdaten (läuft 2027 ab).yaml",
            "infrastructure/database/overlays/prod-eu/secrets/postgres.yaml",
        ];
        let before = self.world.clone();
        let gone: Vec<Id> = ids_of(&self.world, |file| files.contains(&file));
        assert_eq!(gone.len(), 5);
        self.repo.git(&[&["rm", "--quiet", "--"], &files[..]].concat());
        self.repo.commit("Remove three files");
        for id in &gone {
            // A GitOps engine prunes what is no longer in the tree.
            self.cluster.delete("SealedSecret", id).await;
            self.world.remove(id);
        }
        self.settle().await;
        // Gone for good: nobody brings one back for an object that is no more.
        self.cluster.settled_versions().await;
        self.cluster.wait_until_equal(&self.world).await;

        self.repo.revert();
        self.world = before;
        gone.iter().for_each(|id| self.forget_foreign_metadata(id));
        self.apply_newest_commit().await;
        self.settle().await;

        // Deleted and applied again at once: the old Secret is in the way of the new object until it is collected.
        for id in &gone {
            self.cluster.delete("SealedSecret", id).await;
        }
        for file in files {
            self.apply(file).await;
        }
        self.settle().await;
        self.progress("removed three files, brought them back with git revert, and replaced their objects at once");
    }

    pub(crate) async fn a_crash_in_the_middle_loses_nothing(&mut self) {
        let before = self.world.clone();
        self.edit(SESSION, "prod-now-in-plain-c0ffee-42", "prod-edited-before-the-crash");
        self.repo.commit("Rotate a value just before a crash");
        self.expect_value("storefront-prod", "session", "SESSION_SECRET", "prod-edited-before-the-crash");
        let deleted =
            ids_of(&self.world, |file| file.starts_with("apps/storefront/") || file.starts_with("apps/search/"));
        for id in &deleted {
            self.delete_secret(id).await;
        }
        self.apply_newest_commit().await;
        self.kill_controller();

        for id in ids_of(&self.world, |file| file.starts_with("infrastructure/ingress/")) {
            self.delete_secret(&id).await;
        }
        let edited = id("payments-prod", "stripe");
        self.cluster
            .patch("Secret", &edited, &json!({"data": {"api-key": STANDARD.encode("edited while down")}}))
            .await;
        let removed = id("payments-dev", "stripe");
        self.cluster.delete("SealedSecret", &removed).await;
        let removed = self.world.remove_entry(&removed).expect("the tree has it");
        self.start_controller();
        self.settle().await;

        self.apply(&removed.1.file).await;
        self.world.insert(removed.0, removed.1);
        self.repo.revert();
        self.apply_newest_commit().await;
        let session = id("storefront-prod", "session");
        self.world.insert(session.clone(), before[&session].clone());
        self.forget_foreign_metadata(&session);
        self.settle().await;
        self.progress("killed the controller in the middle; what happened before and meanwhile was made good");
    }

    pub(crate) async fn a_restart_costs_settled_objects_no_write(&mut self) {
        // Twice: also what the restart itself writes must be written once only.
        for _ in 0..2 {
            let before = self.cluster.settled_versions().await;
            self.kill_controller();
            self.start_controller();
            // The queue is in order: when the last in line is mended, the others were looked at.
            let canary = id("storefront-staging", "session");
            self.delete_secret(&canary).await;
            self.settle().await;
            let mut after = self.cluster.settled_versions().await;
            after.retain(|(_, id), _| *id != canary);
            let written: Vec<_> =
                after.iter().filter(|(key, version)| before[key] != **version).map(|(key, _)| key).collect();
            assert!(written.is_empty(), "a restart wrote objects that were settled: {written:?}");
        }
        self.progress("restarted the controller twice; no settled object was written");
    }

    pub(crate) async fn a_renamed_strict_object_is_refused_and_harms_nobody(&mut self) {
        let old = [id("mailer-staging", "smtp"), id("identity-prod", "saml")];
        let new = [id("mailer-staging", "smtp-relay"), id("identity-prod", "saml-partner")];
        let files =
            ["apps/mailer/overlays/staging/secrets/smtp.yaml", "apps/identity/overlays/prod-eu/secrets/saml.yaml"];
        let untouched = self.cluster.settled_versions().await;

        for index in 0..2 {
            let moved = files[index].replace(&old[index].1, &new[index].1);
            self.repo.git(&["mv", files[index], &moved]);
            // The first editor changes the object's name only, the second one also the name in the template.
            let line = |indent: &str, id: &Id| format!("\n{indent}name: {}\n", id.1);
            let mut text = self.repo.read(&moved).replace(&line("  ", &old[index]), &line("  ", &new[index]));
            if index == 1 {
                text = text.replace(&line("      ", &old[index]), &line("      ", &new[index]));
            }
            self.repo.write(&moved, &text);
        }
        self.repo.commit("Rename two objects without sealing again");
        self.apply_newest_commit().await;
        for (index, id) in new.iter().enumerate() {
            let sealed = self.refused(id).await;
            let reason = synced_reason(&sealed);
            // Nothing in the second file says what the object was called.
            let expected = if index == 0 { "WrongScope" } else { "WrongKey" };
            assert_eq!(reason, expected, "{}/{}: {}", id.0, id.1, sealed["status"]);
            let message = condition(&sealed, "Synced").map(|synced| synced["message"].to_string()).unwrap_or_default();
            assert!(message.contains("no key could decrypt secret"), "scripts look for upstream's text: {message}");
        }
        self.cluster.wait_until_equal(&self.world).await;
        let now = self.cluster.settled_versions().await;
        for id in &old {
            let key = ("Secret", id.clone());
            assert_eq!(now.get(&key), untouched.get(&key), "the Secret of the old object was touched: {id:?}");
        }

        // Only when the old objects go, their Secrets go.
        let mut pruned = self.world.clone();
        for id in &old {
            self.cluster.delete("SealedSecret", id).await;
            pruned.remove(id);
        }
        self.cluster.wait_until_equal(&pruned).await;

        self.repo.revert();
        self.apply_newest_commit().await;
        for id in &new {
            self.cluster.delete("SealedSecret", id).await;
        }
        self.settle().await;
        self.progress("renamed two strict objects: refused, the old Secrets untouched, git revert restores");
    }

    pub(crate) async fn a_renamed_namespace_wide_object_opens(&mut self) {
        let (old, new) = (id("payments-staging", "stripe"), id("payments-staging", "stripe-eu"));
        let file = "apps/payments/overlays/staging/secrets/providers.yaml";
        let text = self.repo.read(file).replace("\n  name: stripe\n", "\n  name: stripe-eu\n");
        self.repo.write(file, &text);
        self.repo.commit("Rename an object within its namespace");
        self.apply_newest_commit().await;
        self.cluster.delete("SealedSecret", &old).await;
        let expected = self.world.remove(&old).expect("the tree has it");
        self.world.insert(new, expected);
        self.settle().await;
        self.progress("renamed a namespace-wide object: it opens under its new name");
    }

    pub(crate) async fn no_plain_value_was_seen_anywhere(&mut self) {
        let keys = self.cluster.sealing_keys().await;
        assert_eq!(keys.len(), 1, "one controller at a time makes one key: {:?}", keys.keys());
        for (id, key) in &keys {
            let data = golden::data(key);
            self.needles.add(&format!("the private key in {}/{}", id.0, id.1), &data["tls.key"]);
        }
        self.printed.push(("output of the devcluster".to_owned(), self.devcluster.process.output()));
        self.printed.push(("output of the controller".to_owned(), self.controller.process.output()));
        self.printed.push(("/metrics".to_owned(), self.controller.metrics()));
        for kind in ["SealedSecret", "Event"] {
            let objects = self.cluster.list(kind).await;
            self.printed.extend(objects.into_iter().map(|(id, object)| (format!("{kind} {id:?}"), object.to_string())));
        }
        for (place, text) in &self.printed {
            self.needles.assert_absent(place, text.as_bytes());
        }
        self.progress(&format!("no plain value in {} outputs, objects and events", self.printed.len()));
    }

    /// Everything is synced, and the Secrets are what they should be.
    async fn settle(&self) {
        let ids: Vec<Id> = self.world.keys().cloned().collect();
        self.cluster.wait_until_synced(&ids).await;
        self.cluster.wait_until_equal(&self.world).await;
    }

    /// Waits for the controller's refusal of an object.
    async fn refused(&self, id: &Id) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let sealed = self.cluster.get("SealedSecret", id).await.unwrap_or_default();
            if is_observed(&sealed) && condition(&sealed, "Synced").is_some_and(|synced| synced["status"] == "False") {
                return sealed;
            }
            assert!(Instant::now() < deadline, "{id:?} should be refused: {}", sealed["status"]);
            tokio::time::sleep(POLL).await;
        }
    }

    async fn apply(&self, file: &str) -> Vec<Id> {
        self.cluster.apply(file, &self.repo.read(file)).await
    }

    async fn apply_newest_commit(&self) {
        for file in self.repo.changed_files() {
            self.apply(&file).await;
        }
    }

    fn seal(&mut self, file: &str) {
        let printed = processes::seal(&self.certificate, &self.repo.path().join(file));
        self.printed.push((format!("output of bulla seal {file}"), printed));
    }

    /// Takes the plain file, changes it, and seals it into the place of the sealed one. All its values are sealed again.
    fn edit(&mut self, file: &str, from: &str, to: &str) {
        let path = fixtures().join("gitops-repo").join(file);
        let plain = fs::read_to_string(path).expect("the fixture has it");
        assert!(plain.contains(from), "{file} has no {from}");
        self.repo.write(file, &plain.replace(from, to));
        self.seal(file);
        self.needles.assert_absent(file, self.repo.read(file).as_bytes());
    }

    fn expect_value(&mut self, namespace: &str, name: &str, key: &str, value: &str) {
        let expected = self.world.get_mut(&id(namespace, name)).expect("the tree has it");
        let old = expected.data.insert(key.to_owned(), Content::Bytes(value.as_bytes().to_vec()));
        assert!(old.is_some(), "{namespace}/{name} has no key {key}");
        self.needles.extend(&self.world);
    }

    async fn delete_secret(&mut self, id: &Id) {
        self.cluster.delete("Secret", id).await;
        self.forget_foreign_metadata(id);
    }

    /// A Secret that is made anew has what the tree states, and nothing else.
    fn forget_foreign_metadata(&mut self, id: &Id) {
        if let Some(expected) = self.world.get_mut(id) {
            expected.labels.clone_from(&self.plain[id].labels);
            expected.annotations.clone_from(&self.plain[id].annotations);
        }
    }

    fn kill_controller(&mut self) {
        self.controller.process.kill();
        self.printed.push((format!("output of controller {}", self.controllers), self.controller.process.output()));
    }

    fn start_controller(&mut self) {
        self.controllers += 1;
        self.controller = Controller::start(self.folder.path(), self.controllers, &self.devcluster.kubeconfig);
    }

    /// Secrets that the API lets anybody edit in any way.
    fn editable_secrets(&self) -> Vec<Id> {
        let editable = self.world.iter().filter(|(_, secret)| secret.secret_type == "Opaque" && !secret.immutable);
        editable.map(|(id, _)| id.clone()).step_by(2).take(9).collect()
    }

    fn progress(&self, what: &str) {
        eprintln!("[{:5.1} s] {what}", self.started.elapsed().as_secs_f64());
    }
}

const SESSION: &str = "apps/storefront/overlays/prod-eu/secrets/session.yaml";

fn id(namespace: &str, name: &str) -> Id {
    (namespace.to_owned(), name.to_owned())
}

fn ids_of(world: &World, file: impl Fn(&str) -> bool) -> Vec<Id> {
    world.iter().filter(|(_, expected)| file(&expected.file)).map(|(id, _)| id.clone()).collect()
}

fn synced_reason(sealed: &Value) -> &str {
    condition(sealed, "Synced").and_then(|synced| synced["reason"].as_str()).unwrap_or("none")
}
