//! What is wrong between the controller and its cluster, in words that name the cure. Logged once per change, and tried
//! again for ever.

use std::fmt;
use std::time::Duration;

use kube::runtime::watcher;

use crate::api::{ApiFailure, words_of};

/// Why something does not work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// No connection.
    Unreachable(String),
    /// The credentials are not accepted.
    Unauthorized,
    /// A right is missing; what the API server said names verb and resource.
    Forbidden(String),
    /// The API server does not know the resource.
    NoSuchResource,
    /// The API server cannot make sense of the question.
    Misunderstood(String),
    /// The API server asks for patience.
    Throttled(Option<Duration>),
    /// Another replica writes; nothing is wrong.
    Following,
    /// A watch has to start anew; nothing is wrong.
    Expired,
    /// Anything else.
    Other(String),
}

impl Trouble {
    /// From the failure of a watch.
    pub(crate) fn of_watch(error: &watcher::Error) -> Self {
        let cause = match error {
            watcher::Error::InitialListFailed(cause)
            | watcher::Error::WatchStartFailed(cause)
            | watcher::Error::WatchFailed(cause) => cause,
            watcher::Error::WatchError(status) => return Self::of_status(status.code, &status.message, None),
            watcher::Error::NoResourceVersion => return Self::Other("the answer has no resourceVersion".to_owned()),
        };
        match cause {
            kube::Error::Api(status) => {
                let seconds = status.details.as_ref().map_or(0, |details| details.retry_after_seconds);
                let retry_after = (seconds > 0).then(|| Duration::from_secs(seconds.min(3600).into()));
                Self::of_status(status.code, &status.message, retry_after)
            }
            // The parser's words may quote what it read.
            kube::Error::SerdeError(_) => Self::Other("the answer of the API server cannot be read".to_owned()),
            other => Self::Unreachable(words_of(other)),
        }
    }

    /// From the failure of a request.
    pub(crate) fn of_request(failure: &ApiFailure) -> Self {
        match failure {
            ApiFailure::Status { code, message, retry_after, .. } => Self::of_status(*code, message, *retry_after),
            ApiFailure::Transport(words) => Self::Unreachable(words.clone()),
            ApiFailure::NotLeading => Self::Following,
        }
    }

    fn of_status(code: u16, message: &str, retry_after: Option<Duration>) -> Self {
        let message = crate::report::conditions::shortened(message, 1024);
        match code {
            400 => Self::Misunderstood(message),
            401 => Self::Unauthorized,
            403 => Self::Forbidden(message),
            404 => Self::NoSuchResource,
            410 => Self::Expired,
            429 => Self::Throttled(retry_after),
            _ => Self::Other(message),
        }
    }

    /// Whether it is the same trouble as before, whatever its details are this time.
    pub(crate) fn is_like(&self, other: &Self) -> bool {
        std::mem::discriminant(self) == std::mem::discriminant(other)
    }

    /// Nothing that anybody has to hear of.
    fn is_harmless(&self) -> bool {
        matches!(self, Self::Expired | Self::Following)
    }

    /// What mends it. `resource` is what was asked for.
    pub(crate) fn cure(&self, resource: &str) -> String {
        match self {
            Self::Unreachable(_) => {
                "check the address in the kubeconfig (or KUBERNETES_SERVICE_HOST), the network policies, and whether the API \
                 server is up"
                    .to_owned()
            }
            Self::Unauthorized => {
                "the credentials have expired or belong to another cluster: renew the kubeconfig or the service account token"
                    .to_owned()
            }
            Self::Forbidden(_) => {
                format!("grant the controller's service account get, list and watch on {resource}: see deploy/")
            }
            Self::NoSuchResource if resource.starts_with("sealedsecrets") => {
                "install the definition: kubectl apply -f deploy/crd/sealedsecret.yaml".to_owned()
            }
            Self::NoSuchResource => format!("the API server does not serve {resource}: is this a Kubernetes cluster?"),
            Self::Misunderstood(_) => "check --label-selector, if it is given".to_owned(),
            Self::Throttled(_) | Self::Expired | Self::Following | Self::Other(_) => "nothing to do: it is tried again".to_owned(),
        }
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(words) => write!(f, "the API server cannot be reached: {words}"),
            Self::Unauthorized => f.write_str("the API server does not accept the credentials"),
            Self::Forbidden(words) | Self::Misunderstood(words) | Self::Other(words) => f.write_str(words),
            Self::NoSuchResource => f.write_str("the API server does not know the resource"),
            Self::Throttled(_) => f.write_str("the API server asks for patience"),
            Self::Following => f.write_str("another replica writes"),
            Self::Expired => f.write_str("the watch has to start anew"),
        }
    }
}

/// The state of one thing that is tried again and again; says when there is news.
#[derive(Debug, Default)]
pub(crate) struct Patient {
    trouble: Option<Trouble>,
    failures: u32,
}

impl Patient {
    /// It failed. Returns how long to wait, and logs if this is another trouble than before.
    pub(crate) fn fell_ill(&mut self, resource: &str, trouble: Trouble) -> Duration {
        const FIRST: Duration = Duration::from_millis(250);
        const LONGEST: Duration = Duration::from_secs(15);
        // Nobody is bothered by a knock on a closed door, and what the server says when it is up again is waited for.
        const LONGEST_UNREACHABLE: Duration = Duration::from_secs(5);
        let longest = if matches!(trouble, Trouble::Unreachable(_)) { LONGEST_UNREACHABLE } else { LONGEST };
        let wait = FIRST.saturating_mul(1 << self.failures.min(10)).min(longest);
        self.failures = self.failures.saturating_add(1);
        let wait = match trouble {
            Trouble::Throttled(Some(least)) => wait.max(least),
            _ => wait,
        };
        let news = !self.trouble.as_ref().is_some_and(|known| known.is_like(&trouble));
        if news && !trouble.is_harmless() {
            let cure = trouble.cure(resource);
            tracing::warn!(resource, error = %trouble, %cure, "cannot go on, and keep trying");
        }
        self.trouble = Some(trouble);
        wait
    }

    /// It works.
    pub(crate) fn recovered(&mut self, resource: &str) {
        self.failures = 0;
        if self.trouble.take().is_some_and(|trouble| !trouble.is_harmless()) {
            tracing::info!(resource, "works again");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn api(code: u16) -> watcher::Error {
        let status = serde_json::json!({"code": code, "message": "m", "details": {"retryAfterSeconds": 40}});
        watcher::Error::InitialListFailed(kube::Error::Api(serde_json::from_value(status).unwrap()))
    }

    #[test]
    fn every_trouble_names_its_cure() {
        for (code, resource, expected) in [
            (400, "secrets", "--label-selector"),
            (401, "secrets", "renew the kubeconfig"),
            (403, "secrets", "get, list and watch on secrets"),
            (404, "sealedsecrets.bitnami.com", "kubectl apply -f deploy/crd/sealedsecret.yaml"),
            (404, "secrets", "is this a Kubernetes cluster?"),
            (429, "secrets", "tried again"),
            (500, "secrets", "tried again"),
        ] {
            let trouble = Trouble::of_watch(&api(code));
            assert!(trouble.cure(resource).contains(expected), "{code}: {}", trouble.cure(resource));
        }
        let refused = std::io::Error::new(std::io::ErrorKind::ConnectionRefused, "connection refused");
        let trouble = Trouble::of_watch(&watcher::Error::WatchStartFailed(kube::Error::Service(refused.into())));
        assert!(trouble.to_string().contains("connection refused"));
        assert!(trouble.cure("secrets").contains("KUBERNETES_SERVICE_HOST"));
    }

    #[test]
    fn waits_longer_with_each_failure_and_obeys_the_server() {
        let mut patient = Patient::default();
        let waits: Vec<_> = (0..9).map(|_| patient.fell_ill("secrets", Trouble::Unauthorized).as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 15000, 15000, 15000]);
        assert_eq!(patient.fell_ill("secrets", Trouble::Unreachable(String::new())), Duration::from_secs(5));
        patient.recovered("secrets");
        assert_eq!(patient.fell_ill("secrets", Trouble::of_watch(&api(429))), Duration::from_secs(40));
    }
}
