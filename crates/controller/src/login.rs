//! Why there are no credentials, in words that are safe to log. kube's own repeat what a credential plugin printed, its
//! arguments and its environment; each may hold a token.

use std::error::Error;

use kube::client::AuthError;

/// If `error` comes of a login that failed, why: to be said in place of the error's own words, and of those of its causes.
pub fn login_failure(error: &(dyn Error + 'static)) -> Option<String> {
    let mut causes = std::iter::successors(Some(error), |&error| error.source());
    causes.find_map(|cause| cause.downcast_ref::<AuthError>()).map(words)
}

fn words(error: &AuthError) -> String {
    match error {
        AuthError::AuthExecStart(cause) => format!("the credential plugin cannot be started: {cause}"),
        AuthError::AuthExecRun { out, .. } => format!("the credential plugin failed: {}", out.status),
        AuthError::AuthExecParse(_) => "the credential plugin printed no ExecCredential".to_owned(),
        AuthError::ReadTokenFile(cause, path) => format!("read the token file {}: {cause}", path.display()),
        _ => "the kubeconfig's way to log in does not work".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use kube::runtime::watcher;
    use serde_json::json;

    use crate::api::{self, ApiFailure};
    use crate::diagnosis::Trouble;
    use crate::{Controller, Error as Failure};

    const CANARY: &str = "canary-5c1d7a";

    fn config(command: &str, script: &str) -> kube::Config {
        let mut config = kube::Config::new(http::Uri::from_static("http://127.0.0.1:1"));
        let exec = json!({
            "apiVersion": "client.authentication.k8s.io/v1",
            "command": command,
            "args": ["-c", script, CANARY],
            "env": [{"name": "PASSWORD", "value": CANARY}],
            "interactiveMode": "Never",
        });
        config.auth_info = serde_json::from_value(json!({"exec": exec})).unwrap();
        config
    }

    #[tokio::test]
    async fn a_plugin_is_not_quoted_when_the_client_is_built() {
        for (command, script, expected) in [
            ("sh", "echo $PASSWORD; echo $PASSWORD >&2; exit 3", "the credential plugin failed: exit status: 3"),
            ("sh", "echo \"{token: $PASSWORD\"", "the credential plugin printed no ExecCredential"),
            ("/no/such/plugin", "", "the credential plugin cannot be started: No such file"),
            (
                "sh",
                "echo '{\"status\":{\"token\":\"canary-5c1d7a\\n\",\"expirationTimestamp\":\"canary-5c1d7a\"}}'",
                "",
            ),
        ] {
            let Err(error) = Controller::client(config(command, script)) else { panic!("{script}: there is a client") };
            assert!(matches!(&error, Failure::Login { reason } if reason.contains(expected)), "{script}");
            assert!(!format!("{error} {error:?} {}", api::words_of(&error)).contains(CANARY), "{script}");
        }
    }

    #[tokio::test]
    async fn a_plugin_is_not_quoted_when_its_token_is_renewed() {
        let folder = tempfile::tempdir().unwrap();
        let marker = folder.path().join("logged-out");
        let credential = r#"{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",
            "status":{"token":"t","expirationTimestamp":"2020-01-01T00:00:00Z"}}"#;
        let script = format!("test -e {} && echo $PASSWORD && exit 3; echo '{credential}'", marker.display());
        let client = Controller::client(config("sh", &script)).unwrap();
        std::fs::write(marker, "").unwrap();

        let failure = api::send(&client, http::Method::GET, "/api", None).await.map(drop).unwrap_err();
        assert_eq!(failure, ApiFailure::Transport("the credential plugin failed: exit status: 3".to_owned()));
        let request = http::Request::get("/api").body(Vec::new()).unwrap();
        let error = client.request_text(request).await.unwrap_err();
        assert!(error.to_string().contains(CANARY), "kube quotes the plugin no more; is all this still needed?");
        let trouble = Trouble::of_watch(&watcher::Error::WatchStartFailed(error));
        assert_eq!(trouble, Trouble::Unreachable("the credential plugin failed: exit status: 3".to_owned()));
    }
}
