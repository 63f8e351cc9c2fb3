//! One run: commits, tampering and accidents, while requests fail; then quiet, and the truth is looked for.

use std::time::{Duration, Instant};

use bulla_core::sealed::GeneratedKey;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::chaos::{Chances, Chaos, Faults};
use crate::git::Git;
use crate::harness::api;
use crate::harness::random::{Random, count, seed};
use crate::harness::sealing::{base64, common_key, key_secret, new_key};
use crate::harness::world::{Watched, World};

/// Retries wait for 1, 2, 4 … seconds, so an unlucky object takes a while.
const PATIENCE: Duration = Duration::from_secs(150);

/// An accident of the process or of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Accident {
    /// kill -9, and a new start.
    Kill,
    /// All connections break.
    Drop,
    /// Nobody answers for a second or two.
    Down,
    /// A key Secret is deleted, and restored later.
    KeyDeleted,
    /// A key Secret is overwritten with garbage, and restored later.
    KeyMangled,
}

pub(crate) struct Run {
    pub(crate) world: World,
    pub(crate) git: Git,
    random: Random,
    controller: Option<Watched>,
    logs: String,
    old_key: GeneratedKey,
    stranger: GeneratedKey,
    lost_key: bool,
    faults: Faults,
    accidents: usize,
    name: &'static str,
    seed: u64,
}

/// The whole of a run of that name.
pub(crate) async fn run(name: &'static str, chances: Chances, accidents: &[Accident]) {
    let mut run = Run::begin(name).await;
    let chaos = Chaos::new(chances, run.seed, run.faults.clone());
    run.world.proxy.interfere(chaos);
    for number in 0..count("BULLA_FAULTS_STEPS", 24) {
        // At least one accident of each kind, if there are to be any.
        if let Some(accident) = accidents.get(number) {
            run.accident(*accident).await;
        }
        run.step(accidents).await;
    }
    run.heal().await;
    let wanted = !accidents.is_empty() || chances != Chances::default();
    assert_eq!(run.faults.count() + run.accidents > 0, wanted, "{name}: nothing went wrong");
    run.truth().await;
}

impl Run {
    pub(crate) async fn begin(name: &'static str) -> Self {
        let seed = seed("BULLA_FAULTS_SEED");
        let world = World::new().await;
        let old_key = new_key(Timestamp::now() - SignedDuration::from_hours(24 * 30));
        world.admin().post(&api::secrets(&world.own), &key_secret("old", &old_key)).await;
        let controller = world.start(&[]).await;
        let mut run = Self {
            world,
            git: Git::default(),
            random: Random::new(seed),
            controller: Some(controller),
            logs: String::new(),
            old_key,
            stranger: new_key(Timestamp::now()),
            lost_key: false,
            faults: Faults::default(),
            accidents: 0,
            name,
            seed,
        };
        for _ in 0..count("BULLA_FAULTS_OBJECTS", 12) {
            run.create().await;
        }
        run
    }

    async fn step(&mut self, accidents: &[Accident]) {
        if !accidents.is_empty() && self.random.percent(40) {
            let accident = *self.random.pick(accidents);
            self.accident(accident).await;
        }
        match self.random.below(10) {
            0 | 1 => self.create().await,
            2..=4 => self.edit(false).await,
            5 => self.edit(true).await,
            6 => self.delete().await,
            7 | 8 => self.tamper().await,
            _ => self.delete_secret().await,
        }
        // A moment in which things can go wrong.
        let moment = Duration::from_millis(self.random.below(150) as u64);
        tokio::time::sleep(moment).await;
    }

    fn seal(&mut self, name: &str, broken: bool) -> Value {
        let keys: &[&GeneratedKey] = if broken { &[&self.stranger] } else { &[common_key(), &self.old_key] };
        self.git.commit(&self.world, &mut self.random, name, keys, broken)
    }

    async fn create(&mut self) {
        let name = self.git.new_name();
        let sealed = self.seal(&name, false);
        self.world.create(&sealed).await;
    }

    fn any(&mut self) -> Option<String> {
        let names: Vec<String> = self.git.objects.keys().cloned().collect();
        (!names.is_empty()).then(|| self.random.pick(&names).clone())
    }

    async fn edit(&mut self, broken: bool) {
        let Some(name) = self.any() else { return };
        let sealed = self.seal(&name, broken);
        // A merge patch keeps items that the new object does not have.
        let path = self.world.sealed_path(&name);
        let replace = json!([{"op": "replace", "path": "/spec", "value": sealed["spec"]}]);
        let kind = "application/json-patch+json";
        self.world.admin().send(http::Method::PATCH, &path, kind, Some(&replace)).await.unwrap();
    }

    async fn delete(&mut self) {
        let Some(name) = self.any() else { return };
        self.git.objects.remove(&name);
        self.world.admin().delete(&self.world.sealed_path(&name)).await;
    }

    async fn tamper(&mut self) {
        let Some(name) = self.any() else { return };
        let stated = self.git.objects.get_mut(&name).expect("it was just picked");
        if stated.broken || stated.tampered == 2 {
            return;
        }
        stated.tampered += 1;
        let edit = json!({"data": {"password": base64("tampered"), "more": base64("more")}});
        let path = self.world.secret_path(&name);
        let kind = "application/merge-patch+json";
        // It may not be there yet.
        let _ = self.world.admin().send(http::Method::PATCH, &path, kind, Some(&edit)).await;
    }

    async fn delete_secret(&mut self) {
        let Some(name) = self.any() else { return };
        self.world.admin().delete(&self.world.secret_path(&name)).await;
    }

    async fn accident(&mut self, accident: Accident) {
        self.accidents += 1;
        match accident {
            Accident::Kill => self.restart().await,
            Accident::Drop => self.world.proxy.drop_connections(),
            Accident::Down => {
                self.world.proxy.down(true);
                tokio::time::sleep(Duration::from_millis(500 + self.random.below(1500) as u64)).await;
                self.world.proxy.down(false);
            }
            Accident::KeyDeleted | Accident::KeyMangled if self.lost_key => self.restore_key().await,
            Accident::KeyDeleted => {
                self.lost_key = true;
                self.world.admin().delete(&api::secret(&self.world.own, "old")).await;
            }
            Accident::KeyMangled => {
                self.lost_key = true;
                let garbage = json!({"data": {"tls.key": base64("garbage")}});
                self.world.admin().edit(&api::secret(&self.world.own, "old"), &garbage).await;
            }
        }
    }

    async fn restore_key(&mut self) {
        self.lost_key = false;
        self.world.admin().delete(&api::secret(&self.world.own, "old")).await;
        self.world.admin().post(&api::secrets(&self.world.own), &key_secret("old", &self.old_key)).await;
    }

    async fn restart(&mut self) {
        let mut controller = self.controller.take().expect("there is always one");
        controller.kill();
        self.logs += &controller.log();
        drop(controller);
        // Not waited for: it may have to fight for its readiness.
        self.controller = Some(self.world.start_unready(&self.world.launch(&[])).await);
    }

    /// Everything works again.
    pub(crate) async fn heal(&mut self) {
        self.world.proxy.clear();
        self.world.proxy.down(false);
        if self.lost_key {
            self.restore_key().await;
        }
    }

    /// Git decrypted equals the cluster, the status equals the truth, and no value is anywhere else.
    pub(crate) async fn truth(mut self) {
        let began = Instant::now();
        loop {
            let differences = self.git.differences(&self.world).await;
            if differences.is_empty() {
                break;
            }
            assert!(
                began.elapsed() < PATIENCE,
                "{}, BULLA_FAULTS_SEED={}: not the truth after {PATIENCE:?}:\n{}",
                self.name,
                self.seed,
                differences.join("\n")
            );
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        let after = began.elapsed();
        let controller = self.controller.take().expect("there is always one");
        let places = [
            ("log", self.logs + &controller.log()),
            ("statuses and events", self.world.proxy.told()),
            ("metrics", controller.metrics().await),
        ];
        for (place, text) in &places {
            for canary in &self.git.canaries {
                let seen = text.contains(canary) || text.contains(&base64(canary));
                assert!(!seen, "{}, BULLA_FAULTS_SEED={}: a value is in the {place}", self.name, self.seed);
            }
        }
        assert!(
            places[1].1.contains("observedGeneration") && places[1].1.contains("involvedObject"),
            "nothing was kept"
        );
        let requests = self.world.proxy.asked().len();
        crate::say(&format!(
            "{}: {} faults and {} accidents in {requests} requests, {} values; true {:.1} s after their end (BULLA_FAULTS_SEED={})",
            self.name,
            self.faults.count(),
            self.accidents,
            self.git.canaries.len(),
            after.as_secs_f64(),
            self.seed
        ));
    }
}
