//! Back to upstream's controller: whatever state ours gave a key, theirs still opens what was sealed with it, because the
//! upstream label stays `active`.

use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::{Upstream, lacks_a_right, ours, say, turn};
use crate::harness::api;
use crate::harness::sealing::{key_secret, new_key, sealed_object};
use crate::harness::server::{Server, real_cluster};
use crate::harness::until;
use bulla_core::sealed::{Scope, SealingCertificate};

const NAMESPACE: &str = "swap";
const STATES: [&str; 4] = ["active", "decrypt-only", "compromised", "retired"];

#[tokio::test(flavor = "multi_thread")]
async fn upstreams_controller_opens_what_keys_of_every_state_sealed() {
    let Some(folder) = real_cluster() else {
        return say("not here: it needs the real peers, .ci/run runs it");
    };
    let _turn = turn().await;
    let server = Server::find().await;
    let admin = &server.admin;
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE}});
    admin.post("/api/v1/namespaces", &namespace).await;
    for (age, state) in STATES.into_iter().enumerate() {
        let hours = 1 + i64::try_from(age).unwrap();
        let key = new_key(Timestamp::now() - SignedDuration::from_hours(hours));
        let mut secret = key_secret(&format!("swap-{state}"), &key);
        secret["metadata"]["labels"]["bulla.dev/key-state"] = state.into();
        admin.post(&api::secrets("kube-system"), &secret).await;
        let certificate = SealingCertificate::from_pem(key.certificate_pem.as_bytes()).unwrap();
        let object = sealed_object(&certificate, Scope::Strict, (NAMESPACE, state), &[("k", state)]);
        admin.post(&api::sealed_secrets(NAMESPACE), &object).await;
    }
    let all_opened = async |who: &str| {
        for state in STATES {
            until(&format!("{who} opens what the {state} key sealed"), || async {
                let sealed = admin.get(&api::sealed_secret(NAMESPACE, state)).await?;
                let secret = admin.get(&api::secret(NAMESPACE, state)).await?;
                (api::synced(&sealed) == Some("True") && secret["data"]["k"].is_string()).then_some(())
            })
            .await;
        }
    };
    let (mut controller, _folder) = ours(&server).await;
    all_opened("our controller").await;
    controller.kill();
    assert!(!lacks_a_right(&controller.log()), "{}", controller.log());

    for state in STATES {
        admin.delete(&api::secret(NAMESPACE, state)).await;
    }
    let theirs = Upstream::start(folder);
    all_opened("upstream's controller").await;
    drop(theirs);
}
