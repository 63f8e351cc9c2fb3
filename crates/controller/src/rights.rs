//! What the controller may do beyond the stock rights (sealed-secrets 14.2), asked once at the start. A right that is missing
//! switches something off, and is never fatal.

use http::Method;
use serde_json::{Value, json};

use crate::api::{self, ApiFailure};
use crate::diagnosis::{Patient, Trouble};

const REVIEWS: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// Whether something is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    Yes,
    No,
    /// The API server does not say: only a try can tell.
    Unknown,
}

/// The rights that unlock something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Rights {
    /// Leases in the controller's namespace: several replicas.
    pub(crate) leases: Granted,
    /// TokenReviews: callers of the HTTP endpoints can prove who they are.
    pub(crate) token_reviews: Granted,
    /// SubjectAccessReviews: and what they may do.
    pub(crate) access_reviews: Granted,
}

/// One right in the words of RBAC.
pub(crate) struct Rule {
    verbs: &'static [&'static str],
    group: &'static str,
    resource: &'static str,
    namespaced: bool,
}

const LEASES: Rule =
    Rule { verbs: &["get", "create", "update"], group: "coordination.k8s.io", resource: "leases", namespaced: true };
pub(crate) const TOKEN_REVIEWS: Rule =
    Rule { verbs: &["create"], group: "authentication.k8s.io", resource: "tokenreviews", namespaced: false };
pub(crate) const ACCESS_REVIEWS: Rule =
    Rule { verbs: &["create"], group: "authorization.k8s.io", resource: "subjectaccessreviews", namespaced: false };

impl Rights {
    /// Asks the API server, as long as it takes until it answers. `client` must pass no gate.
    pub(crate) async fn discover(client: &kube::Client, namespace: &str) -> Self {
        let (leases, token_reviews, access_reviews) = futures::join!(
            granted(client, namespace, &LEASES),
            granted(client, namespace, &TOKEN_REVIEWS),
            granted(client, namespace, &ACCESS_REVIEWS),
        );
        let rights = Self { leases, token_reviews, access_reviews };
        let (on, off, unlock) = rights.summary(namespace);
        if unlock.is_empty() {
            tracing::info!(on, "rights beyond the stock ones");
        } else {
            tracing::info!(on, off, unlock, "rights beyond the stock ones");
        }
        rights
    }

    /// Each right with its name.
    pub(crate) fn all(&self) -> [(&'static str, Granted); 3] {
        [("leases", self.leases), ("token_reviews", self.token_reviews), ("access_reviews", self.access_reviews)]
    }

    /// What is on, what is off, and the rules that would switch that on.
    fn summary(&self, namespace: &str) -> (String, String, String) {
        let all = [
            ("replicas", self.leases, &LEASES),
            ("token reviews", self.token_reviews, &TOKEN_REVIEWS),
            ("access reviews", self.access_reviews, &ACCESS_REVIEWS),
        ];
        let named = |wanted: bool| {
            let some = all.iter().filter(|(_, granted, _)| (*granted == Granted::Yes) == wanted);
            some.map(|(name, ..)| *name).collect::<Vec<_>>().join(", ")
        };
        let missing = all.iter().filter(|(_, granted, _)| *granted != Granted::Yes);
        let rules: Vec<String> = missing.map(|(.., rule)| rule.words(namespace)).collect();
        let on = named(true);
        (if on.is_empty() { "none".to_owned() } else { on }, named(false), rules.join("; "))
    }
}

impl Rule {
    fn words(&self, namespace: &str) -> String {
        let place = if self.namespaced { format!("in namespace {namespace}") } else { "in the cluster".to_owned() };
        format!("{} {}.{} {place}", self.verbs.join(","), self.resource, self.group)
    }
}

async fn granted(client: &kube::Client, namespace: &str, rule: &Rule) -> Granted {
    let mut patient = Patient::default();
    loop {
        match review(client, namespace, rule).await {
            Ok(granted) => return granted,
            Err(failure) if final_answer(&failure) => return Granted::Unknown,
            Err(failure) => {
                let resource = "selfsubjectaccessreviews.authorization.k8s.io";
                tokio::time::sleep(patient.fell_ill(resource, Trouble::of_request(&failure))).await;
            }
        }
    }
}

/// Asks once whether the controller has every verb of `rule`.
///
/// # Errors
/// As the first request that fails; what that means is the caller's to say.
pub(crate) async fn review(client: &kube::Client, namespace: &str, rule: &Rule) -> Result<Granted, ApiFailure> {
    for verb in rule.verbs {
        let mut attributes = json!({"verb": verb, "group": rule.group, "resource": rule.resource});
        if rule.namespaced {
            attributes["namespace"] = json!(namespace);
        }
        let review = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": attributes},
        });
        let answer = api::send(client, Method::POST, REVIEWS, Some(review.to_string().into())).await?;
        match verdict(&answer) {
            Granted::Yes => {}
            other => return Ok(other),
        }
    }
    Ok(Granted::Yes)
}

/// What the body of an answer says. An explicit no beats a yes.
fn verdict(answer: &[u8]) -> Granted {
    let answer: Value = serde_json::from_slice(answer).unwrap_or_default();
    let says = |field: &str| answer.get("status").and_then(|status| status.get(field)).and_then(Value::as_bool);
    match (says("allowed"), says("denied")) {
        (Some(true), Some(false) | None) => Granted::Yes,
        (Some(_), _) => Granted::No,
        (None, _) => Granted::Unknown,
    }
}

/// Credentials may still come; everything else that is not gone in a moment stays so.
fn final_answer(failure: &ApiFailure) -> bool {
    !failure.is_transient() && failure.code() != Some(401)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_explicit_no_beats_a_yes_and_no_answer_is_no_grant() {
        for (answer, granted) in [
            (r#"{"status": {"allowed": true}}"#, Granted::Yes),
            (r#"{"status": {"allowed": true, "denied": false}}"#, Granted::Yes),
            (r#"{"status": {"allowed": true, "denied": true}}"#, Granted::No),
            (r#"{"status": {"allowed": false}}"#, Granted::No),
            (r#"{"status": {"denied": true}}"#, Granted::Unknown),
            ("<html>", Granted::Unknown),
        ] {
            assert_eq!(verdict(answer.as_bytes()), granted, "{answer}");
        }
    }

    #[test]
    fn one_line_says_what_is_on_and_which_rule_would_unlock_the_rest() {
        let rights = Rights { leases: Granted::No, token_reviews: Granted::Yes, access_reviews: Granted::Unknown };
        let (on, off, unlock) = rights.summary("ns");
        assert_eq!((on.as_str(), off.as_str()), ("token reviews", "replicas, access reviews"));
        assert_eq!(
            unlock,
            "get,create,update leases.coordination.k8s.io in namespace ns; create subjectaccessreviews.authorization.k8s.io in \
             the cluster"
        );
        let all = Rights { leases: Granted::Yes, token_reviews: Granted::Yes, access_reviews: Granted::Yes };
        assert_eq!(all.summary("ns").2, "");
    }
}
