//! The login of an image registry, as kubelet and kubectl know it: `.dockerconfigjson`.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bulla_core::secret::SecretBytes;
use bulla_yaml::{Limits, Node};
use zeroize::Zeroizing;

use super::build::{bad_source, shown, unreadable, without_line_break};
use crate::io::input::read_file;
use crate::io::{Source, read};
use crate::manifest::Format;
use crate::report::Result;

/// What the flags say.
#[derive(Debug)]
pub(crate) enum Registry {
    /// A login with a password from somewhere.
    Login {
        /// The registry.
        server: String,
        /// Its user.
        username: String,
        /// Rarely wanted.
        email: Option<String>,
        /// Where the password is.
        password: Source,
    },
    /// A whole file, as `docker login` makes it.
    File(PathBuf),
}

impl Registry {
    pub(super) fn reads_stdin(&self) -> bool {
        matches!(self, Self::Login { password: Source::Stdin, .. })
    }
}

/// The value of `.dockerconfigjson`.
pub(super) fn login(registry: &Registry) -> Result<SecretBytes> {
    match registry {
        Registry::File(path) => {
            let text = read_file(path).map_err(|error| unreadable(path, &error))?;
            check(&shown(path), &text)?;
            Ok(SecretBytes::from(text))
        }
        Registry::Login { server, username, email, password } => {
            let mut password = read(password)?;
            let end = without_line_break(&password);
            password.truncate(end);
            let password =
                std::str::from_utf8(&password).ok().filter(|password| !password.is_empty()).ok_or_else(|| {
                    bad_source("the registry's password is empty, or not UTF-8", "look at what is piped in")
                })?;
            Ok(SecretBytes::from(config(server, username, email.as_deref(), password)))
        }
    }
}

/// The fields and their order are kubectl's.
fn config(server: &str, username: &str, email: Option<&str>, password: &str) -> Zeroizing<Vec<u8>> {
    let pair = Zeroizing::new(format!("{username}:{password}"));
    let mut auth = Zeroizing::new(String::with_capacity(pair.len().div_ceil(3) * 4));
    STANDARD.encode_string(pair.as_bytes(), &mut auth);
    // No buffer is outgrown: six bytes are the longest escape of one.
    let size = 6 * (server.len() + username.len() + email.map_or(0, str::len) + password.len()) + auth.len() + 128;
    let mut text = Zeroizing::new(Vec::with_capacity(size));
    let mut put = |before: &str, value: &str| {
        text.extend_from_slice(before.as_bytes());
        // Writing text into memory does not fail.
        let _ = serde_json::to_writer(&mut *text, value);
    };
    put("{\"auths\":{", server);
    put(":{\"username\":", username);
    put(",\"password\":", password);
    if let Some(email) = email {
        put(",\"email\":", email);
    }
    put(",\"auth\":", &auth);
    text.extend_from_slice(b"}}}");
    text
}

/// A file of `docker login` may name a helper instead of holding passwords: a cluster could not use that.
fn check(name: &str, text: &[u8]) -> Result<()> {
    // The YAML crate's reader clears what it copies, and JSON's strings are what it reads first.
    let not_json = || bad_source(format!("{name}: is not JSON"), "it is mostly ~/.docker/config.json");
    if Format::of_text(text) != Format::Json {
        return Err(not_json());
    }
    let config = bulla_yaml::read_one(text, &Limits::default()).map_err(|_| not_json())?.root;
    let logins = config.get("auths").and_then(Node::entries).filter(|logins| !logins.is_empty());
    let Some(logins) = logins else {
        return Err(bad_source(format!("{name}: holds no logins (`auths`)"), "log in first: docker login REGISTRY"));
    };
    for login in logins {
        let has = |field: &str| login.value.get(field).and_then(Node::as_str).is_some_and(|text| !text.is_empty());
        if !has("auth") && !has("password") && !has("identitytoken") {
            let helper = if config.get("credsStore").is_some() || config.get("credHelpers").is_some() {
                ": a credential helper of this machine keeps it"
            } else {
                ""
            };
            return Err(bad_source(
                format!("{name}: the login of {} has no password in it{helper}", login.key.escape_debug()),
                "give it: --docker-registry REGISTRY --docker-username USER --docker-password-stdin",
            ));
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails with what it got")]
mod tests {
    use super::*;

    #[test]
    fn a_login_has_kubectls_fields() {
        let text = config("https://r.example/v1/", "u", Some("a@b"), "p\"w");
        assert_eq!(
            std::str::from_utf8(&text).unwrap(),
            r#"{"auths":{"https://r.example/v1/":{"username":"u","password":"p\"w","email":"a@b","auth":"dTpwInc="}}}"#
        );
        check("x", &text).unwrap();
    }

    #[test]
    fn files_without_passwords_are_refused() {
        for (text, words) in [
            ("x", "is not JSON"),
            ("{}", "holds no logins"),
            (r#"{"auths":{}}"#, "holds no logins"),
            (r#"{"auths":{"r":{}},"credsStore":"desktop"}"#, "a credential helper"),
            (r#"{"auths":{"r":{"auth":""}}}"#, "the login of r has no password in it"),
        ] {
            assert!(check("f", text.as_bytes()).unwrap_err().message().contains(words), "{text}");
        }
        check("f", br#"{"auths":{"r":{"identitytoken":"t"}}}"#).unwrap();
    }
}
