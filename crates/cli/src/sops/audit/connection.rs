//! Connection strings as lib/pq reads them, the library of the real tool: `postgres://…` and `host=… user=…`. It encrypts unless it is told
//! not to, and knows more words than tokio-postgres.

use std::path::PathBuf;

use tokio_postgres::config::{Host, SslMode};

/// Where to connect, and whom to believe.
pub(super) struct Target {
    pub(super) config: tokio_postgres::Config,
    /// `None`: without encryption.
    pub(super) tls: Option<Trust>,
}

/// What must hold for the certificate of the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Trust {
    pub(super) how: How,
    /// `sslrootcert`; the roots of the system if there is none.
    pub(super) roots: Option<PathBuf>,
    /// `sslcert` and `sslkey`
    pub(super) client: Option<(PathBuf, PathBuf)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum How {
    /// `require`: encryption, with whoever it is.
    #[default]
    Anybody,
    /// `verify-ca`: somebody whom the roots vouch for.
    Vouched,
    /// `verify-full`: and who has this name.
    Named,
}

/// Words that tokio-postgres knows. All others are settings of the session, as for lib/pq.
const KNOWN: [&str; 17] = [
    "user",
    "password",
    "dbname",
    "options",
    "application_name",
    "host",
    "hostaddr",
    "port",
    "connect_timeout",
    "tcp_user_timeout",
    "keepalives",
    "keepalives_idle",
    "keepalives_interval",
    "keepalives_retries",
    "target_session_attrs",
    "channel_binding",
    "load_balance_hosts",
];

/// Reads a connection string. No error repeats it: it has a password.
pub(super) fn parse(text: &str, user: &str) -> Result<Target, String> {
    let url = ["postgres://", "postgresql://"].iter().any(|scheme| text.starts_with(scheme));
    let (base, words) = if url { of_url(text) } else { ("", of_words(text)?) };
    let (mut mode, mut trust, mut kept) = ("require".to_owned(), Trust::default(), Vec::new());
    let (mut certificate, mut key) = (None, None);
    for (name, value) in words {
        match name.as_str() {
            "sslmode" => mode = value,
            "sslrootcert" => trust.roots = Some(value.into()),
            "sslcert" => certificate = Some(PathBuf::from(value)),
            "sslkey" => key = Some(PathBuf::from(value)),
            "sslinline" | "sslsni" | "sslnegotiation" | "binary_parameters" | "disable_prepared_binary_result" => {}
            "fallback_application_name" => kept.push(("application_name".to_owned(), value)),
            known if KNOWN.contains(&known) => kept.push((name, value)),
            _ => kept.push(("options".to_owned(), format!("-c {name}={value}"))),
        }
    }
    trust.client = certificate.zip(key);
    let text = if url { join_url(base, &kept) } else { join_words(&kept) };
    let mut config: tokio_postgres::Config = text.parse().map_err(|_| "the connection string is not one".to_owned())?;
    if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
        config.host("localhost");
    }
    if config.get_user().is_none() {
        config.user(user);
    }
    let local = !config.get_hosts().is_empty() && config.get_hosts().iter().all(|host| !matches!(host, Host::Tcp(_)));
    if local {
        mode = "disable".to_owned();
    }
    let (ssl, tls) = match mode.as_str() {
        "disable" => (SslMode::Disable, None),
        "allow" | "prefer" => (SslMode::Prefer, Some(trust)),
        // libpq: roots that are named are asked.
        "require" | "" if trust.roots.is_none() => (SslMode::Require, Some(trust)),
        "require" | "" | "verify-ca" => (SslMode::Require, Some(Trust { how: How::Vouched, ..trust })),
        "verify-full" => (SslMode::Require, Some(Trust { how: How::Named, ..trust })),
        other => {
            return Err(format!("pq: unsupported sslmode {other:?}; use disable, require, verify-ca or verify-full"));
        }
    };
    config.ssl_mode(ssl);
    Ok(Target { config, tls })
}

/// What stands before the `?`, and the words behind it, decoded.
fn of_url(text: &str) -> (&str, Vec<(String, String)>) {
    let (base, query) = text.split_once('?').unwrap_or((text, ""));
    let words = query.split('&').filter(|word| !word.is_empty()).map(|word| {
        let (name, value) = word.split_once('=').unwrap_or((word, ""));
        (decode(name), decode(value))
    });
    (base, words.collect())
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let code = after.get(..2).and_then(|digits| std::str::from_utf8(digits).ok());
        match code.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(code) if byte == b'%' => {
                bytes.push(code);
                rest = &after[2..];
            }
            _ => {
                bytes.push(if byte == b'+' { b' ' } else { byte });
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

fn join_url(base: &str, words: &[(String, String)]) -> String {
    let encode = |text: &str| {
        text.bytes().fold(String::new(), |text, byte| match byte.is_ascii_alphanumeric() {
            true => format!("{text}{}", char::from(byte)),
            false => format!("{text}%{byte:02X}"),
        })
    };
    let words: Vec<String> = words.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
    if words.is_empty() { base.to_owned() } else { format!("{base}?{}", words.join("&")) }
}

/// `name=value name='a b'`, with `\` before quotes.
fn of_words(text: &str) -> Result<Vec<(String, String)>, String> {
    let mut words = Vec::new();
    let mut letters = text.chars().peekable();
    loop {
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        if letters.peek().is_none() {
            return Ok(words);
        }
        let mut name = String::new();
        while let Some(letter) = letters.next_if(|letter| *letter != '=') {
            name.push(letter);
        }
        if letters.next().is_none() {
            return Err("a word of the connection string has no value".to_owned());
        }
        while letters.next_if(|letter| letter.is_whitespace()).is_some() {}
        let quoted = letters.next_if_eq(&'\'').is_some();
        let mut value = String::new();
        loop {
            match letters.next() {
                Some('\\') => value.extend(letters.next()),
                Some('\'') if quoted => break,
                Some(letter) if !quoted && letter.is_whitespace() => break,
                Some(letter) => value.push(letter),
                None if quoted => return Err("a quote in the connection string is not closed".to_owned()),
                None => break,
            }
        }
        words.push((name.trim().to_owned(), value));
    }
}

fn join_words(words: &[(String, String)]) -> String {
    let quote = |text: &str| text.replace('\\', "\\\\").replace('\'', "\\'");
    let words: Vec<String> = words.iter().map(|(name, value)| format!("{name}='{}'", quote(value))).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<Host>, Option<String>, SslMode, Option<How>) {
        let target = parse(text, "me").unwrap_or_else(|error| panic!("{error}: {text}"));
        let user = target.config.get_user().map(str::to_owned);
        (target.config.get_hosts().to_vec(), user, target.config.get_ssl_mode(), target.tls.map(|trust| trust.how))
    }

    #[test]
    fn encryption_is_the_default_as_for_the_real_tool() {
        let tcp = |host: &str| vec![Host::Tcp(host.to_owned())];
        let me = Some("me".to_owned());
        for (text, expected) in [
            (
                "postgres://sops:s%40@db:5/audit",
                (tcp("db"), Some("sops".to_owned()), SslMode::Require, Some(How::Anybody)),
            ),
            ("postgres://db/a?sslmode=disable", (tcp("db"), me.clone(), SslMode::Disable, None)),
            (
                "postgres://db/a?sslmode=verify-full&search_path=x",
                (tcp("db"), me.clone(), SslMode::Require, Some(How::Named)),
            ),
            (
                "host=db sslmode=verify-ca sslrootcert='/a b'",
                (tcp("db"), me.clone(), SslMode::Require, Some(How::Vouched)),
            ),
            ("host=db sslrootcert=/a password='it\\'s'", (tcp("db"), me.clone(), SslMode::Require, Some(How::Vouched))),
            ("dbname=a", (tcp("localhost"), me.clone(), SslMode::Require, Some(How::Anybody))),
            ("host=/run/postgresql", (vec![Host::Unix("/run/postgresql".into())], me, SslMode::Disable, None)),
        ] {
            assert_eq!(read(text), expected, "{text}");
        }
    }

    #[test]
    fn no_error_repeats_the_password() {
        for text in [
            "host=db password=canary port=x",
            "password='canary",
            "postgres://u:canary@h:port/",
            "canary",
            "sslmode=x password=canary",
        ] {
            let error = parse(text, "me").err().unwrap_or_else(|| panic!("{text} was read"));
            assert!(!error.contains("canary"), "{error}");
        }
    }
}
