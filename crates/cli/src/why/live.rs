//! What the cluster's controller says of the object: its conditions, put into words.

use kube::Error;
use serde_json::Value;

use super::explain::{Answer, Verdict};
use crate::cluster::{self, Choice};
use crate::report::{Code, Report, Result};
use crate::service_proxy::segment;
use crate::tree::Sealed;

/// An object cannot be larger.
const MAX_BYTES: u64 = 4 << 20;

/// Asks for the live object.
pub(super) fn ask(choice: &Choice, sealed: &Sealed<'_>) -> Result<Answer> {
    if sealed.namespace.is_empty() || sealed.name.is_empty() {
        return Err(Report::new(
            Code::NoNamespace,
            "the object has no namespace or no name to look for in the cluster",
        )
        .hint("say which with --namespace"));
    }
    let path = format!(
        "/apis/bitnami.com/v1alpha1/namespaces/{}/sealedsecrets/{}",
        segment(sealed.namespace),
        segment(sealed.name)
    );
    let answer = cluster::block_on(async {
        let client = cluster::client(cluster::config(choice).await?)?;
        match cluster::get(&client, &path, "application/json", MAX_BYTES).await {
            Ok(body) => Ok(Some(body)),
            Err(Error::Api(status)) if status.code == 404 => Ok(None),
            Err(error) => Err(cluster::refused(&format!("read the SealedSecret {}", sealed.id()), &error)
                .hint("you need `get` on sealedsecrets.bitnami.com in its namespace")),
        }
    })?;
    let Some(body) = answer else {
        return Ok(Answer::finding(
            format!("there is no SealedSecret {}", sealed.id()),
            "it is not applied yet, or elsewhere: kubectl get sealedsecrets -A",
        ));
    };
    let live: Value = serde_json::from_slice(&body).unwrap_or_default();
    let mut answer = of_object(&live);
    let same = sealed.items.iter().all(|item| live["spec"]["encryptedData"][item.key].as_str() == item.text());
    if !same {
        answer.words.push_str("; but it holds other ciphertexts than the file, so this is not about the file");
        answer.verdict = if answer.verdict == Verdict::Opens { Verdict::Unknown } else { answer.verdict };
    }
    Ok(answer)
}

/// From conditions to words. `reasons()` has the cause and the cure of each reason that bulla's controller gives; upstream's gives
/// none, and its message is all there is.
fn of_object(live: &Value) -> Answer {
    let conditions = live["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let Some(synced) = conditions.iter().find(|condition| condition["type"] == "Synced") else {
        return Answer::finding(
            "no controller has said anything of it yet",
            "is one running? kubectl get pods -A -l app.kubernetes.io/name=sealed-secrets; bulla doctor",
        );
    };
    let observed = live["status"]["observedGeneration"].as_i64();
    if observed.is_some_and(|observed| Some(observed) != live["metadata"]["generation"].as_i64()) {
        let words = "the controller has not looked at the newest version yet";
        return Answer { verdict: Verdict::Unknown, words: words.to_owned(), mend: None };
    }
    if synced["status"] == "True" {
        return Answer { verdict: Verdict::Opens, words: "it opens: Synced is True".to_owned(), mend: None };
    }
    let message = synced["message"].as_str().unwrap_or_default();
    let reason = synced["reason"].as_str().unwrap_or_default();
    match bulla_controller::reasons().find(|(word, ..)| *word == reason) {
        Some((word, cause, cure)) => Answer::finding(format!("{word}: {cause} The controller says: {message}"), cure),
        None => Answer::finding(
            format!("the controller says: {message}"),
            "with private keys more can be told: bulla why FILE --key keys.yaml",
        ),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn answer(condition: Value, observed: i64) -> Answer {
        of_object(
            &json!({"metadata": {"generation": 2}, "status": {"observedGeneration": observed, "conditions": [condition]}}),
        )
    }

    #[test]
    fn conditions_are_put_into_words() {
        let condition =
            |status: &str, reason: &str| json!({"type": "Synced", "status": status, "reason": reason, "message": "m"});
        assert_eq!(answer(condition("True", ""), 2).verdict, Verdict::Opens);
        assert_eq!(answer(condition("True", ""), 1).verdict, Verdict::Unknown);
        let known = answer(condition("False", "WrongKey"), 2);
        assert!(known.words.starts_with("WrongKey: ") && known.words.ends_with("m"), "{}", known.words);
        assert_eq!(known.verdict, Verdict::Finding);
        assert_eq!(answer(condition("False", ""), 2).words, "the controller says: m");
        assert!(of_object(&json!({})).words.contains("no controller"));
    }
}
