//! What client-go refuses before it connects (`ConfirmUsable`), all of it at once and in its words.

use std::io;
use std::path::Path;

use super::resolve::{Resolved, context_name};
use super::{Cluster, Kubeconfig, Overrides, Plugin, Trouble, User};
use crate::report::os_error;

/// Whether context, user and cluster can be used. `opens` tries to open a file.
///
/// # Errors
/// [`Trouble::Empty`] if nothing but the server is missing, else everything that is wrong.
pub(super) fn usable(
    config: &Kubeconfig,
    flag: &str,
    overrides: &Overrides,
    resolved: &Resolved,
    opens: &dyn Fn(&Path) -> io::Result<()>,
) -> Result<(), Trouble> {
    let mut problems = Vec::new();
    let context = context_name(config, flag);
    if !context.is_empty() && !config.contexts.contains_key(context) {
        problems.push(format!("context was not found for specified context: {context}"));
    }
    let named = |flag: &str, context: &str| if flag.is_empty() { context.to_owned() } else { flag.to_owned() };
    check_user(&named(&overrides.user, &resolved.context.user), &resolved.user, opens, &mut problems);
    let name = named(&overrides.cluster, &resolved.context.cluster);
    if is_empty(&resolved.cluster) {
        if problems.is_empty() {
            return Err(Trouble::Empty);
        }
        problems.push("cluster has no server defined".to_owned());
    } else {
        check_cluster(&name, &resolved.cluster, opens, &mut problems);
    }
    match aggregate(problems) {
        None => Ok(()),
        Some(problems) => Err(Trouble::Invalid(format!("invalid configuration: {problems}"))),
    }
}

/// Several messages in one, as Kubernetes prints them: each once, in brackets if there are two or more.
pub(super) fn aggregate(messages: Vec<String>) -> Option<String> {
    let mut unique: Vec<String> = Vec::new();
    for message in messages {
        if !unique.contains(&message) {
            unique.push(message);
        }
    }
    match unique.len() {
        0 => None,
        1 => unique.pop(),
        _ => Some(format!("[{}]", unique.join(", "))),
    }
}

fn is_empty(cluster: &Cluster) -> bool {
    let Cluster {
        server,
        tls_server_name,
        insecure,
        certificate_authority,
        certificate_authority_data,
        proxy_url,
        disable_compression,
        plugin_config,
        is_in_a_file,
    } = cluster;
    !insecure
        && !disable_compression
        && !is_in_a_file
        && plugin_config.is_none()
        && certificate_authority_data.is_empty()
        && [server, tls_server_name, certificate_authority, proxy_url].iter().all(|text| text.is_empty())
}

fn check_cluster(name: &str, cluster: &Cluster, opens: &dyn Fn(&Path) -> io::Result<()>, problems: &mut Vec<String>) {
    if cluster.server.is_empty() {
        problems.push(if name.is_empty() {
            "default cluster has no server defined".to_owned()
        } else {
            format!("no server found for cluster {name:?}")
        });
    }
    if let Err(problem) = check_proxy(&cluster.proxy_url) {
        problems.push(format!("invalid 'proxy-url' {:?} for cluster {name:?}: {problem}", cluster.proxy_url));
    }
    let file = &cluster.certificate_authority;
    if !file.is_empty() && !cluster.certificate_authority_data.is_empty() {
        problems.push(format!(
            "certificate-authority-data and certificate-authority are both specified for {name}. \
             certificate-authority-data will override."
        ));
    }
    problems.extend(unreadable("certificate-authority", file, name, opens));
}

/// A proxy that can be used, or none.
fn check_proxy(url: &str) -> Result<(), String> {
    if url.is_empty() {
        return Ok(());
    }
    let scheme = url.split_once("://").map_or("", |(scheme, _)| scheme);
    match scheme.to_ascii_lowercase().as_str() {
        "http" | "https" | "socks5" => Ok(()),
        scheme => Err(format!("unsupported scheme {scheme:?}, must be http, https, or socks5")),
    }
}

fn check_user(name: &str, user: &User, opens: &dyn Fn(&Path) -> io::Result<()>, problems: &mut Vec<String>) {
    let mut methods = Vec::new();
    if !user.token.is_empty() {
        methods.push("token");
    }
    if !user.username.is_empty() || !user.password.is_empty() {
        methods.push("basicAuth");
    }
    if !user.client_certificate.is_empty() || !user.client_certificate_data.is_empty() {
        if !user.client_certificate.is_empty() && !user.client_certificate_data.is_empty() {
            problems.push(format!(
                "client-cert-data and client-cert are both specified for {name}. client-cert-data will override."
            ));
        }
        if !user.client_key.is_empty() && !user.client_key_data.is_empty() {
            problems.push(format!(
                "client-key-data and client-key are both specified for {name}; client-key-data will override"
            ));
        }
        if user.client_key.is_empty() && user.client_key_data.is_empty() {
            problems.push(format!(
                "client-key-data or client-key must be specified for {name} to use the clientCert authentication method."
            ));
        }
        problems.extend(unreadable("client-cert", &user.client_certificate, name, opens));
        problems.extend(unreadable("client-key", &user.client_key, name, opens));
    }
    if let Some(plugin) = &user.exec {
        if user.auth_provider.is_some() {
            problems.push(format!("authProvider cannot be provided in combination with an exec plugin for {name}"));
        }
        check_plugin(name, plugin, problems);
    }
    if methods.len() > 1 {
        problems.push(format!(
            "more than one authentication method found for {name}; found [{}], only one is allowed",
            methods.join(" ")
        ));
    }
    let asks_for_more =
        !user.impersonate_uid.is_empty() || !user.impersonate_groups.is_empty() || !user.impersonate_extra.is_empty();
    if asks_for_more && user.impersonate.is_empty() {
        problems.push(format!("requesting uid, groups or user-extra for {name} without impersonating a user"));
    }
}

fn check_plugin(name: &str, plugin: &Plugin, problems: &mut Vec<String>) {
    let needs = |what: &str| format!("{what} must be specified for {name} to use exec authentication plugin");
    if plugin.command.is_empty() {
        problems.push(needs("command"));
    }
    if plugin.api_version.is_empty() {
        problems.push(needs("apiVersion"));
    }
    for (variable, _) in &plugin.env {
        if variable.is_empty() {
            problems.push(needs("env variable name"));
        }
    }
    match plugin.interactive_mode.as_str() {
        "Never" | "IfAvailable" | "Always" => {}
        "" => problems.push(needs("interactiveMode")),
        other => problems.push(format!("invalid interactiveMode for {name}: {other:?}")),
    }
}

fn unreadable(what: &str, file: &str, name: &str, opens: &dyn Fn(&Path) -> io::Result<()>) -> Option<String> {
    if file.is_empty() {
        return None;
    }
    let error = opens(Path::new(file)).err()?;
    Some(format!("unable to read {what} {file} for {name} due to open {file}: {}", os_error(&error)))
}

#[cfg(test)]
mod tests {
    use super::super::file::read;
    use super::super::resolve::as_far_as_possible;
    use super::*;

    fn check(text: &str, flag: &str, change: impl FnOnce(&mut Overrides)) -> Result<(), Trouble> {
        let config = read(text.as_bytes()).unwrap_or_else(|error| panic!("{text}: {error}"));
        let mut overrides = Overrides::default();
        change(&mut overrides);
        let resolved = as_far_as_possible(&config, flag, &overrides);
        usable(&config, flag, &overrides, &resolved, &|path| {
            if path == Path::new("there") { Ok(()) } else { Err(io::Error::from_raw_os_error(2)) }
        })
    }

    fn with_user(user: &str) -> String {
        format!(
            "current-context: a\ncontexts: [{{name: a, context: {{cluster: c, user: u}}}}]\n\
             clusters: [{{name: c, cluster: {{server: 'https://h'}}}}]\nusers: [{{name: u, user: {user}}}]"
        )
    }

    #[test]
    fn without_a_server_there_is_no_configuration() {
        for text in ["", "clusters: [{name: c, cluster: {server: s}}]", "users: [{name: u, user: {token: t}}]"] {
            assert_eq!(check(text, "", |_| ()), Err(Trouble::Empty), "{text}");
        }
        assert_eq!(check("", "", |flags| flags.server = "x".into()), Ok(()));
        assert_eq!(
            check("clusters: [{name: c, cluster: {server: s}}]", "", |flags| flags.cluster = "c".into()),
            Ok(())
        );
    }

    #[test]
    fn everything_that_is_wrong_is_named_at_once() {
        let context = "context was not found for specified context: zz, cluster has no server defined";
        for (text, flag, message) in [
            ("current-context: zz".to_owned(), "", format!("[{context}]")),
            (with_user("{}"), "zz", format!("[{context}]")),
            (with_user("{}").replace("https://h", ""), "", "no server found for cluster \"c\"".to_owned()),
            (
                with_user("{token: t, username: x}"),
                "",
                "more than one authentication method found for u; found [token basicAuth], only one is allowed"
                    .to_owned(),
            ),
            (
                with_user("{as-uid: x}"),
                "",
                "requesting uid, groups or user-extra for u without impersonating a user".to_owned(),
            ),
            (
                with_user("{client-certificate: there, client-key: gone}"),
                "",
                "unable to read client-key gone for u due to open gone: no such file or directory".to_owned(),
            ),
            (
                with_user("{client-certificate: there}"),
                "",
                "client-key-data or client-key must be specified for u to use the clientCert authentication method."
                    .to_owned(),
            ),
            (
                with_user("{exec: {env: [{value: x}], interactiveMode: x}}"),
                "",
                "[command must be specified for u to use exec authentication plugin, \
                 apiVersion must be specified for u to use exec authentication plugin, \
                 env variable name must be specified for u to use exec authentication plugin, \
                 invalid interactiveMode for u: \"x\"]"
                    .to_owned(),
            ),
        ] {
            let message = format!("invalid configuration: {message}");
            assert_eq!(check(&text, flag, |_| ()), Err(Trouble::Invalid(message)), "{text}");
        }
        let proxy = check(&with_user("{}"), "", |flags| flags.proxy_url = "ftp://x".into()).unwrap_err();
        assert_eq!(
            proxy.message(),
            "invalid configuration: invalid 'proxy-url' \"ftp://x\" for cluster \"c\": unsupported scheme \"ftp\", must be \
             http, https, or socks5"
        );
        let v1 = with_user("{exec: {command: x, apiVersion: client.authentication.k8s.io/v1}}");
        assert_eq!(
            check(&v1, "", |_| ()).unwrap_err().message(),
            "invalid configuration: interactiveMode must be specified for u to use exec authentication plugin"
        );
    }

    #[test]
    fn what_is_complete_is_usable() {
        for user in [
            "{}",
            "{token: t}",
            "{username: a, password: b}",
            "{client-certificate: there, client-key-data: YQ==}",
            "{as: a, as-uid: b}",
            "{exec: {command: x, apiVersion: client.authentication.k8s.io/v1beta1}}",
        ] {
            assert_eq!(check(&with_user(user), "", |_| ()), Ok(()), "{user}");
        }
    }
}
