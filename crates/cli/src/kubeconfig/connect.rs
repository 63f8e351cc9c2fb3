//! From a kubeconfig and flags to kube's `Config`: what client-go's `ClientConfig` does, in its order.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Uri;
use kube::config::{AuthInfo, AuthProviderConfig, Config, ExecConfig, ExecInteractiveMode};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use secrecy::SecretString;

use super::load::{check, in_a_pod, load};
use super::resolve::{Resolved, parse_timeout, resolve};
use super::{Cluster, Overrides, Plugin, Trouble, User, exec, prompt, proxy};
use crate::cluster::Choice;
use crate::io::input::read_file;
use crate::report::os_error;

/// How a credential plugin is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Plugins {
    /// Run once, now: for commands that are done in a moment.
    Once,
    /// Left to the client, which runs them again when a token expires: for what stays.
    Again,
}

/// How the API server is reached.
pub(crate) struct Settings {
    pub(crate) config: Config,
    /// How long one request may take, if somebody said so.
    pub(crate) timeout: Option<Duration>,
}

/// The settings that `choice` comes to; inside a pod, the pod's own if nothing else is configured.
pub(crate) fn settings(choice: &Choice, plugins: Plugins) -> Result<Settings, Trouble> {
    let kubeconfig = load(choice)?;
    let Choice { context, overrides, .. } = choice;
    let flag = context.as_deref().unwrap_or_default();
    let resolved = resolve(&kubeconfig, flag, overrides).map_err(Trouble::Invalid)?;
    match check(&kubeconfig, flag, overrides) {
        Ok(()) => {}
        Err(Trouble::Empty) if in_a_pod() => return pod(overrides),
        Err(trouble) => return Err(trouble),
    }
    let timeout = parse_timeout(&overrides.timeout).map_err(Trouble::Invalid)?;
    let Resolved { context, cluster, user } = resolved;
    let server = server_url(&cluster.server).map_err(Trouble::Invalid)?;
    let secure = server.scheme_str() == Some("https");
    let mut config = Config::new(server.clone());
    if !context.namespace.is_empty() {
        config.default_namespace = context.namespace;
    }
    config.proxy_url = match cluster.proxy_url.as_str() {
        "" => proxy::from_environment(&server),
        url => Some(url.parse().map_err(|_| Trouble::Invalid(format!("could not parse: {url}")))?),
    };
    config.disable_compression = cluster.disable_compression;
    config.auth_info = impersonation(&user);
    // Over plain HTTP nobody proves anything: a token would be everybody's.
    if secure {
        let authority = authority(&cluster)?;
        if !authority.is_empty() {
            config.root_cert = Some(certificates(&authority).map_err(Trouble::Invalid)?);
        }
        config.accept_invalid_certs = cluster.insecure;
        config.tls_server_name = Some(cluster.tls_server_name.clone()).filter(|name| !name.is_empty());
        identify(&mut config.auth_info, &user, &cluster, &authority, plugins)?;
    }
    Ok(Settings { config, timeout })
}

/// The pod's service account, with what flags can change of it.
fn pod(overrides: &Overrides) -> Result<Settings, Trouble> {
    let failed = |error: &(dyn std::error::Error + 'static)| Trouble::Invalid(crate::report::chain(error));
    let mut config = Config::incluster_env().map_err(|error| failed(&error))?;
    if !overrides.server.is_empty() {
        config.cluster_url = server_url(&overrides.server).map_err(Trouble::Invalid)?;
    }
    if !overrides.token.is_empty() {
        config.auth_info.token = Some(bearer(&overrides.token, &Cluster::default())?);
        config.auth_info.token_file = None;
    }
    if !overrides.certificate_authority.is_empty() {
        let pem = read_ca(&overrides.certificate_authority)?;
        config.root_cert = Some(certificates(&pem).map_err(Trouble::Invalid)?);
        config.root_cert_file = None;
    }
    let timeout = parse_timeout(&overrides.timeout).map_err(Trouble::Invalid)?;
    Ok(Settings { config, timeout })
}

/// A URL, or `host:port`, which is plain HTTP.
fn server_url(server: &str) -> Result<Uri, String> {
    let bad = |_| format!("host must be a URL or a host:port pair: {server:?}");
    if server.contains("://") {
        let url: Uri = server.parse().map_err(bad)?;
        return match (url.scheme_str(), url.authority()) {
            (Some("http" | "https"), Some(_)) => Ok(url),
            _ => Err(format!("host must be a URL or a host:port pair: {server:?}")),
        };
    }
    if server.trim_end_matches('/').contains('/') {
        return Err(format!("host must be a URL or a host:port pair: {server:?}"));
    }
    format!("http://{server}").parse().map_err(bad)
}

/// The certificate authority as PEM; nothing if none is named.
fn authority(cluster: &Cluster) -> Result<Vec<u8>, Trouble> {
    let named = !cluster.certificate_authority.is_empty() || !cluster.certificate_authority_data.is_empty();
    if named && cluster.insecure {
        return Err(Trouble::Invalid(
            "specifying a root certificates file with the insecure flag is not allowed".to_owned(),
        ));
    }
    if !cluster.certificate_authority_data.is_empty() || cluster.certificate_authority.is_empty() {
        return Ok(cluster.certificate_authority_data.clone());
    }
    read_ca(&cluster.certificate_authority)
}

fn read_ca(path: &str) -> Result<Vec<u8>, Trouble> {
    let failed = |error: std::io::Error| Trouble::Invalid(format!("open {path}: {}", os_error(&error)));
    let pem = read_file(Path::new(path)).map_err(failed)?.to_vec();
    // An empty file is a file that was named.
    if pem.is_empty() { Err(Trouble::Invalid(NOT_PEM.to_owned())) } else { Ok(pem) }
}

const NOT_PEM: &str = "unable to load root certificates: unable to parse bytes as PEM block";

fn certificates(pem: &[u8]) -> Result<Vec<Vec<u8>>, String> {
    let found: Result<Vec<_>, _> =
        CertificateDer::pem_slice_iter(pem).map(|item| item.map(|der| der.as_ref().to_vec())).collect();
    found.ok().filter(|found| !found.is_empty()).ok_or_else(|| NOT_PEM.to_owned())
}

fn impersonation(user: &User) -> AuthInfo {
    if user.impersonate.is_empty() {
        return AuthInfo::default();
    }
    let extra: HashMap<_, _> = user.impersonate_extra.clone().into_iter().collect();
    AuthInfo {
        impersonate: Some(user.impersonate.clone()),
        impersonate_uid: Some(user.impersonate_uid.clone()).filter(|uid| !uid.is_empty()),
        impersonate_groups: Some(user.impersonate_groups.clone()).filter(|groups| !groups.is_empty()),
        impersonate_user_extra: Some(extra).filter(|extra| !extra.is_empty()),
        ..AuthInfo::default()
    }
}

/// Credentials, in client-go's order of precedence.
fn identify(
    info: &mut AuthInfo,
    user: &User,
    cluster: &Cluster,
    authority: &[u8],
    plugins: Plugins,
) -> Result<(), Trouble> {
    if !user.client_certificate_data.is_empty() {
        info.client_certificate_data = Some(STANDARD.encode(&user.client_certificate_data));
    }
    info.client_certificate = given(&user.client_certificate);
    if info.client_certificate.is_some() || info.client_certificate_data.is_some() {
        if !user.client_key_data.is_empty() {
            info.client_key_data = Some(STANDARD.encode(&*user.client_key_data).into());
        }
        info.client_key = given(&user.client_key);
    }
    let has_certificate = info.client_certificate.is_some() || info.client_certificate_data.is_some();
    if !user.token.is_empty() {
        info.token = Some(bearer(&user.token, cluster)?);
    } else if !user.username.is_empty() || !user.password.is_empty() {
        info.username = Some(user.username.clone());
        info.password = Some(user.password.as_str().into());
    } else if !user.token_file.is_empty() {
        match plugins {
            Plugins::Once => info.token = Some(token_from(&user.token_file, cluster)?),
            Plugins::Again => info.token_file = Some(user.token_file.clone()),
        }
    } else if let Some(provider) = &user.auth_provider {
        let config = provider.config.iter().map(|(name, value)| (name.clone(), value.to_string()));
        info.auth_provider =
            Some(AuthProviderConfig { name: provider.name.clone(), config: config.collect(), ..Default::default() });
    } else if let Some(plugin) = user.exec.as_ref().filter(|_| !has_certificate) {
        match plugins {
            Plugins::Once => {
                exec::check_version(&plugin.api_version).map_err(Trouble::Invalid)?;
                let credential = exec::run(plugin, cluster, authority)
                    .map_err(|error| credentials(cluster, format!("getting credentials: {error}")))?;
                if !credential.token.is_empty() {
                    info.token = Some(bearer(&credential.token, cluster)?);
                }
                if let Some((certificate, key)) = credential.certificate {
                    info.client_certificate_data = Some(STANDARD.encode(certificate));
                    info.client_key_data = Some(STANDARD.encode(key.as_bytes()).into());
                }
            }
            Plugins::Again => info.exec = Some(for_kube(plugin, cluster, authority)),
        }
    } else if !has_certificate && let Some((name, password)) = prompt::ask().map_err(Trouble::Invalid)? {
        info.username = Some(name);
        info.password = Some(password.as_str().into());
    }
    Ok(())
}

fn credentials(cluster: &Cluster, message: String) -> Trouble {
    Trouble::Credentials { server: cluster.server.clone(), message }
}

fn given(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

fn token_from(path: &str, cluster: &Cluster) -> Result<SecretString, Trouble> {
    let failed = |error: std::io::Error| Trouble::Invalid(format!("open {path}: {}", os_error(&error)));
    let text = read_file(Path::new(path)).map_err(failed)?;
    bearer(String::from_utf8_lossy(&text).trim(), cluster)
}

/// A token that fits into a header: kube takes it for granted.
fn bearer(token: &str, cluster: &Cluster) -> Result<SecretString, Trouble> {
    if token.bytes().any(|byte| !(0x20..0x7F).contains(&byte)) {
        let message = "net/http: invalid header field value for \"Authorization\"";
        return Err(credentials(cluster, message.to_owned()));
    }
    Ok(token.into())
}

/// The plugin in kube's form.
fn for_kube(plugin: &Plugin, cluster: &Cluster, authority: &[u8]) -> ExecConfig {
    let env = plugin
        .env
        .iter()
        .map(|(name, value)| HashMap::from([("name".to_owned(), name.clone()), ("value".to_owned(), value.clone())]));
    let info = kube::config::ExecAuthCluster {
        server: Some(cluster.server.clone()),
        insecure_skip_tls_verify: Some(cluster.insecure).filter(|insecure| *insecure),
        certificate_authority_data: Some(authority.to_vec()).filter(|pem| !pem.is_empty()),
        proxy_url: given(&cluster.proxy_url),
        tls_server_name: given(&cluster.tls_server_name),
        config: cluster.plugin_config.clone(),
    };
    ExecConfig {
        api_version: Some(plugin.api_version.clone()),
        command: Some(plugin.command.clone()),
        args: Some(plugin.args.clone()),
        env: Some(env.collect()),
        install_hint: given(&plugin.install_hint),
        // What stays has no terminal to ask at.
        interactive_mode: Some(ExecInteractiveMode::Never),
        provide_cluster_info: plugin.provide_cluster_info,
        cluster: Some(info),
        ..ExecConfig::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_url_or_a_host_with_a_port() {
        for (server, expected) in [
            ("https://a:1", "https://a:1/"),
            ("https://a/b/c", "https://a/b/c"),
            ("http://a", "http://a/"),
            ("a:1", "http://a:1/"),
            ("a/", "http://a/"),
        ] {
            assert_eq!(server_url(server).map(|url| url.to_string()).as_deref(), Ok(expected), "{server}");
        }
        for server in ["ftp://a", "a/b", "https://", "a b"] {
            assert!(server_url(server).is_err(), "{server}");
        }
    }

    fn identified(user: User) -> Result<AuthInfo, Trouble> {
        let mut info = AuthInfo::default();
        identify(&mut info, &user, &Cluster::default(), b"", Plugins::Again).map(|()| info)
    }

    #[test]
    fn credentials_have_an_order() {
        let plugin = Plugin { command: "x".into(), ..Plugin::default() };
        let all = User {
            token: zeroize::Zeroizing::new("t".into()),
            token_file: "f".into(),
            exec: Some(plugin.clone()),
            ..User::default()
        };
        let info = identified(all.clone()).unwrap();
        assert!(info.token.is_some() && info.token_file.is_none() && info.exec.is_none());
        let info = identified(User { token: Default::default(), ..all.clone() }).unwrap();
        assert_eq!((info.token_file.as_deref(), info.exec.is_none()), (Some("f"), true));
        let only = User { token: Default::default(), token_file: String::new(), ..all };
        let info = identified(only.clone()).unwrap();
        assert_eq!(info.exec.unwrap().interactive_mode, Some(ExecInteractiveMode::Never));
        let with_certificate =
            User { client_certificate: "c".into(), client_key_data: zeroize::Zeroizing::new(b"k".to_vec()), ..only };
        let info = identified(with_certificate).unwrap();
        assert!(info.exec.is_none() && info.client_key_data.is_some() && info.client_certificate.is_some());
    }

    #[test]
    fn a_token_that_is_no_header_is_refused_without_repeating_it() {
        let user = User { token: zeroize::Zeroizing::new("hush\nx".into()), ..User::default() };
        let trouble = identified(user).map(drop).unwrap_err();
        assert!(matches!(&trouble, Trouble::Credentials { message, .. } if !message.contains("hush")), "{trouble:?}");
    }

    #[test]
    fn an_authority_is_data_or_a_file_and_not_for_those_who_do_not_check() {
        let data = Cluster { certificate_authority_data: b"x".to_vec(), ..Cluster::default() };
        assert_eq!(authority(&data), Ok(b"x".to_vec()));
        assert_eq!(authority(&Cluster::default()), Ok(Vec::new()));
        assert!(authority(&Cluster { insecure: true, ..data }).is_err());
        assert_eq!(certificates(b"x"), Err(NOT_PEM.to_owned()));
    }
}
