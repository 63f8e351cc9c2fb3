//! Which context, cluster and user are meant, and what the flags change in them: client-go's `getContext`, `getCluster`,
//! `getAuthInfo`.

use std::time::Duration;

use super::{Cluster, Context, Kubeconfig, Overrides, User};

/// What the flags and the kubeconfig come to.
#[derive(Default)]
pub(super) struct Resolved {
    pub(super) context: Context,
    pub(super) cluster: Cluster,
    pub(super) user: User,
}

/// The name of the context: the flag's, else the kubeconfig's own.
pub(super) fn context_name<'a>(config: &'a Kubeconfig, flag: &'a str) -> &'a str {
    if flag.is_empty() { &config.current_context } else { flag }
}

/// All three, or the first that a flag names and that is not there, in client-go's order.
///
/// # Errors
/// client-go's message.
pub(super) fn resolve(config: &Kubeconfig, flag: &str, overrides: &Overrides) -> Result<Resolved, String> {
    let context = context(config, flag, overrides);
    let names = context.clone().unwrap_or_default();
    let user = user(config, &names.user, overrides);
    let cluster = cluster(config, &names.cluster, overrides);
    Ok(Resolved { user: user?, context: context?, cluster: cluster? })
}

/// Whatever can be resolved; what cannot is empty.
pub(super) fn as_far_as_possible(config: &Kubeconfig, flag: &str, overrides: &Overrides) -> Resolved {
    let context = context(config, flag, overrides).unwrap_or_default();
    let user = user(config, or(&overrides.user, &context.user), overrides).unwrap_or_default();
    let cluster = cluster(config, or(&overrides.cluster, &context.cluster), overrides).unwrap_or_default();
    Resolved { context, cluster, user }
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}

fn context(config: &Kubeconfig, flag: &str, overrides: &Overrides) -> Result<Context, String> {
    let mut context = match config.contexts.get(context_name(config, flag)) {
        Some(context) => context.clone(),
        None if flag.is_empty() => Context::default(),
        None => return Err(format!("context {flag:?} does not exist")),
    };
    set(&mut context.cluster, &overrides.cluster);
    set(&mut context.user, &overrides.user);
    Ok(context)
}

fn user(config: &Kubeconfig, name: &str, overrides: &Overrides) -> Result<User, String> {
    let name = or(&overrides.user, name);
    let mut user = match config.users.get(name) {
        Some(user) => user.clone(),
        None if overrides.user.is_empty() => User::default(),
        None => return Err(format!("auth info {name:?} does not exist")),
    };
    // A certificate or key of the command line takes the place of the kubeconfig's, in whichever form that has it.
    if !overrides.client_certificate.is_empty() {
        user.client_certificate.clone_from(&overrides.client_certificate);
        user.client_certificate_data.clear();
    }
    if !overrides.client_key.is_empty() {
        user.client_key.clone_from(&overrides.client_key);
        user.client_key_data.clear();
    }
    set(&mut user.token, &overrides.token);
    set(&mut user.impersonate, &overrides.impersonate);
    set(&mut user.impersonate_uid, &overrides.impersonate_uid);
    if !overrides.impersonate_groups.is_empty() {
        user.impersonate_groups.clone_from(&overrides.impersonate_groups);
    }
    set(&mut user.username, &overrides.username);
    set(&mut user.password, &overrides.password);
    Ok(user)
}

fn cluster(config: &Kubeconfig, name: &str, overrides: &Overrides) -> Result<Cluster, String> {
    let name = or(&overrides.cluster, name);
    let mut cluster = match config.clusters.get(name) {
        Some(cluster) => cluster.clone(),
        None if overrides.cluster.is_empty() => Cluster::default(),
        None => return Err(format!("cluster {name:?} does not exist")),
    };
    set(&mut cluster.server, &overrides.server);
    set(&mut cluster.proxy_url, &overrides.proxy_url);
    cluster.disable_compression |= overrides.disable_compression;
    // How the server is known is said by the flags as a whole or not at all.
    if overrides.insecure || !overrides.certificate_authority.is_empty() {
        cluster.insecure = overrides.insecure;
        cluster.certificate_authority.clone_from(&overrides.certificate_authority);
        cluster.certificate_authority_data.clear();
    }
    // The kubeconfig's name belongs to the kubeconfig's server.
    if !overrides.tls_server_name.is_empty() || !overrides.server.is_empty() {
        cluster.tls_server_name.clone_from(&overrides.tls_server_name);
    }
    Ok(cluster)
}

fn set(field: &mut String, text: &str) {
    if !text.is_empty() {
        text.clone_into(field);
    }
}

/// How long one request may take; zero and nothing are no limit.
///
/// # Errors
/// client-go's message.
pub(super) fn parse_timeout(text: &str) -> Result<Option<Duration>, String> {
    const INVALID: &str = "Invalid timeout value. Timeout must be a single integer in seconds, or an integer followed by a \
                           corresponding time unit (e.g. 1s | 2m | 3h)";
    if text.is_empty() {
        return Ok(None);
    }
    let time = match text.parse::<i64>() {
        Ok(seconds) if seconds >= 0 => Duration::from_secs(seconds.unsigned_abs()),
        _ => go_duration(text).ok_or(INVALID)?,
    };
    Ok((!time.is_zero()).then_some(time))
}

/// Go's `time.ParseDuration`; nothing below zero.
fn go_duration(text: &str) -> Option<Duration> {
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    let mut seconds = 0.0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        rest = &rest[end..];
        let end = rest.find(|letter: char| letter.is_ascii_digit() || letter == '.').unwrap_or(rest.len());
        let unit = match &rest[..end] {
            "ns" => 1e-9,
            "us" | "µs" | "μs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        rest = &rest[end..];
        seconds += number * unit;
    }
    (!text.is_empty()).then(|| Duration::try_from_secs_f64(seconds).ok())?
}

#[cfg(test)]
mod tests {
    use super::super::file::read;
    use super::*;

    const CONFIG: &str = "current-context: a\ncontexts: [{name: a, context: {cluster: c, user: u, namespace: ns}}, {name: b, context: {cluster: d, user: v}}]\n\
        clusters: [{name: c, cluster: {server: s, tls-server-name: t, certificate-authority-data: YQ==}}, {name: d, cluster: {server: s2, insecure-skip-tls-verify: true}}]\n\
        users: [{name: u, user: {token: t, client-key-data: YQ==, client-certificate-data: YQ==}}, {name: v, user: {username: x}}]";

    fn resolved(context: &str, change: impl FnOnce(&mut Overrides)) -> Result<Resolved, String> {
        let config = read(CONFIG.as_bytes())?;
        let mut overrides = Overrides::default();
        change(&mut overrides);
        resolve(&config, context, &overrides)
    }

    #[test]
    fn the_context_names_cluster_user_and_namespace() {
        let found = resolved("", |_| ()).unwrap();
        assert_eq!((found.cluster.server.as_str(), found.user.token.as_str()), ("s", "t"));
        assert_eq!(found.context.namespace, "ns");
        let found = resolved("b", |_| ()).unwrap();
        assert_eq!((found.cluster.server.as_str(), found.user.username.as_str()), ("s2", "x"));
        assert_eq!(found.context.namespace, "");
    }

    #[test]
    fn flags_choose_other_entries_and_change_them() {
        let found = resolved("", |flags| flags.cluster = "d".into()).unwrap();
        assert_eq!((found.cluster.server.as_str(), found.user.token.as_str()), ("s2", "t"));
        let found = resolved("", |flags| flags.user = "v".into()).unwrap();
        assert_eq!((found.cluster.server.as_str(), found.user.username.as_str()), ("s", "x"));
        let found = resolved("", |flags| flags.server = "x".into()).unwrap();
        assert_eq!((found.cluster.server.as_str(), found.cluster.tls_server_name.as_str()), ("x", ""));
        assert_eq!(found.cluster.certificate_authority_data, b"a");
        let found = resolved("", |flags| flags.tls_server_name = "y".into()).unwrap();
        assert_eq!((found.cluster.server.as_str(), found.cluster.tls_server_name.as_str()), ("s", "y"));
        let found = resolved("", |flags| flags.insecure = true).unwrap();
        assert!(found.cluster.insecure && found.cluster.certificate_authority_data.is_empty());
        let found = resolved("b", |flags| flags.certificate_authority = "ca".into()).unwrap();
        assert!(!found.cluster.insecure && found.cluster.certificate_authority == "ca");
        let found = resolved("", |flags| flags.client_key = "k".into()).unwrap();
        assert_eq!((found.user.client_key.as_str(), found.user.client_key_data.len()), ("k", 0));
        assert_eq!(found.user.client_certificate_data, b"a");
        let found = resolved("", |flags| flags.token = zeroize::Zeroizing::new("o".into())).unwrap();
        assert_eq!(found.user.token.as_str(), "o");
    }

    #[test]
    fn a_name_that_a_flag_gives_must_be_there() {
        for (change, message) in [
            (("", "x", ""), "cluster \"x\" does not exist"),
            (("", "", "x"), "auth info \"x\" does not exist"),
            (("x", "", ""), "context \"x\" does not exist"),
            (("x", "", "y"), "auth info \"y\" does not exist"),
            (("x", "y", ""), "context \"x\" does not exist"),
        ] {
            let (context, cluster, user) = change;
            let found = resolved(context, |flags| {
                flags.cluster = cluster.into();
                flags.user = user.into();
            });
            assert_eq!(found.map(drop).unwrap_err(), message, "{change:?}");
        }
        // What the file names and does not have is empty.
        let config = read(b"current-context: x").unwrap_or_default();
        assert!(resolve(&config, "", &Overrides::default()).is_ok());
    }

    #[test]
    fn timeouts_are_seconds_or_go_durations() {
        let seconds = |text| parse_timeout(text).map(|time| time.map(|time| time.as_secs_f64()));
        for (text, expected) in [
            ("", None),
            ("0", None),
            ("0s", None),
            ("5", Some(5.0)),
            ("1m30s", Some(90.0)),
            ("1.5h", Some(5400.0)),
            ("100ms", Some(0.1)),
        ] {
            assert_eq!(seconds(text), Ok(expected), "{text}");
        }
        for text in ["x", "-1", "5x", "1 s", "s", "-1s", "1s2"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
