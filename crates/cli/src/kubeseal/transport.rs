//! Why a connection failed, in the words of Go's `net`, `crypto/tls` and `crypto/x509`.

use std::error::Error;
use std::io;
use std::net::ToSocketAddrs as _;

use http::Uri;
use jiff::Timestamp;
use rustls::CertificateError;
use rustls::pki_types::UnixTime;

use super::Failure;
use crate::report::chain;

/// A failure to reach `server`, through `proxy` if there is one.
pub(super) fn words(error: &(dyn Error + 'static), server: &Uri, proxy: Option<&Uri>) -> String {
    let (target, prefix) = match proxy {
        Some(proxy) => (proxy, "proxyconnect tcp: "),
        None => (server, ""),
    };
    if let Some(error) = find::<rustls::Error>(error) {
        return tls(error);
    }
    let texts: Vec<String> = causes(error).map(ToString::to_string).collect();
    if texts.iter().any(|text| text.contains("dns error")) {
        return format!("{prefix}dial tcp: lookup {}: no such host", host_of(target));
    }
    if let Some(error) = find::<io::Error>(error)
        && let Some(words) = connect(error, target)
    {
        return format!("{prefix}{words}");
    }
    if texts.iter().any(|text| text.contains("before message completed") || text.contains("connection closed")) {
        return "EOF".to_owned();
    }
    chain(error)
}

/// A client that cannot be built: certificates and keys that cannot be used.
pub(super) fn not_built(error: &kube::Error) -> Failure {
    let kube::Error::Auth(error) = error else {
        let text = chain(error);
        return if text.contains("PEM") || text.contains("identity") {
            format!("tls: failed to find any PEM data in certificate input: {text}")
        } else {
            text
        };
    };
    // Only providers are left to kube; their errors may repeat what a program printed.
    match error {
        kube::client::AuthError::AuthExec(words) if words.starts_with("Authentication with provider") => {
            "no Auth Provider found for the name in the kubeconfig".to_owned()
        }
        _ => "getting credentials: the kubeconfig's auth-provider gives none".to_owned(),
    }
}

/// An error and its causes, also those that an [`io::Error`] carries.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    fn next<'a>(error: &&'a (dyn Error + 'static)) -> Option<&'a (dyn Error + 'static)> {
        let error: &'a (dyn Error + 'static) = *error;
        match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        }
    }
    std::iter::successors(Some(error), next)
}

/// The innermost cause of a type.
fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    causes(error).filter_map(|cause| cause.downcast_ref::<T>()).last()
}

fn connect(error: &io::Error, target: &Uri) -> Option<String> {
    let problem = match error.kind() {
        io::ErrorKind::ConnectionRefused => "connect: connection refused",
        io::ErrorKind::NetworkUnreachable => "connect: network is unreachable",
        io::ErrorKind::HostUnreachable => "connect: no route to host",
        io::ErrorKind::TimedOut => "i/o timeout",
        io::ErrorKind::ConnectionReset => {
            return Some(format!("read tcp: {}: connection reset by peer", address_of(target)));
        }
        io::ErrorKind::UnexpectedEof => return Some("EOF".to_owned()),
        _ => return None,
    };
    Some(format!("dial tcp {}: {problem}", address_of(target)))
}

fn host_of(target: &Uri) -> &str {
    target.host().unwrap_or_default().trim_matches(['[', ']'])
}

/// The address that Go would name: the first of IPv4, else the first.
fn address_of(target: &Uri) -> String {
    let port = target.port_u16().unwrap_or(if target.scheme_str() == Some("https") { 443 } else { 80 });
    let host = host_of(target);
    let addresses: Vec<_> = (host, port).to_socket_addrs().into_iter().flatten().collect();
    let first = addresses.iter().find(|address| address.is_ipv4()).or_else(|| addresses.first());
    first.map_or_else(|| format!("{host}:{port}"), ToString::to_string)
}

fn tls(error: &rustls::Error) -> String {
    match error {
        rustls::Error::InvalidCertificate(error) => format!("tls: failed to verify certificate: x509: {}", x509(error)),
        rustls::Error::InvalidMessage(_) => "http: server gave HTTP response to HTTPS client".to_owned(),
        rustls::Error::AlertReceived(alert) => format!("remote error: tls: {alert:?}"),
        other => format!("tls: {other}"),
    }
}

fn x509(error: &CertificateError) -> String {
    match error {
        CertificateError::UnknownIssuer => "certificate signed by unknown authority".to_owned(),
        CertificateError::ExpiredContext { time, not_after } => {
            format!(
                "certificate has expired or is not yet valid: current time {} is after {}",
                date(time),
                date(not_after)
            )
        }
        CertificateError::NotValidYetContext { time, not_before } => {
            format!(
                "certificate has expired or is not yet valid: current time {} is before {}",
                date(time),
                date(not_before)
            )
        }
        CertificateError::Expired | CertificateError::NotValidYet => {
            "certificate has expired or is not yet valid".to_owned()
        }
        CertificateError::NotValidForNameContext { expected, presented } => {
            let expected = expected.to_str();
            // `DnsName("a")`, `IpAddress(1.2.3.4)`
            let names: Vec<(bool, &str)> = presented
                .iter()
                .filter_map(|name| {
                    let (kind, name) = name.split_once('(')?;
                    Some((kind == "IpAddress", name.trim_end_matches(')').trim_matches('"')))
                })
                .collect();
            let is_address = expected.parse::<std::net::IpAddr>().is_ok();
            let fitting: Vec<&str> =
                names.iter().filter(|(address, _)| *address == is_address).map(|(_, name)| *name).collect();
            match (fitting.is_empty(), is_address) {
                (true, true) => {
                    format!("cannot validate certificate for {expected} because it doesn't contain any IP SANs")
                }
                (true, false) => format!("certificate is not valid for any names, but wanted to match {expected}"),
                (false, _) => format!("certificate is valid for {}, not {expected}", fitting.join(", ")),
            }
        }
        other => other.to_string(),
    }
}

fn date(time: &UnixTime) -> String {
    i64::try_from(time.as_secs())
        .ok()
        .and_then(|seconds| Timestamp::from_second(seconds).ok())
        .map_or_else(|| "?".to_owned(), |time| time.to_string())
}

/// What Go says of text that is not JSON, as far as its first letter shows it.
pub(super) fn bad_json(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    match text.trim_start().chars().next() {
        None => "unexpected end of JSON input".to_owned(),
        Some(letter) if !"{[\"-tfn".contains(letter) && !letter.is_ascii_digit() => {
            format!("invalid character '{}' looking for beginning of value", letter.escape_debug())
        }
        Some(_) => "the answer is not JSON".to_owned(),
    }
}

/// Text in double quotes, as Go's `%q` writes it.
pub(super) fn quoted(text: &str) -> String {
    let mut quoted = String::from('"');
    for letter in text.chars() {
        match letter {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            letter if (letter as u32) < 0x20 || letter as u32 == 0x7F => {
                quoted.push_str(&format!("\\x{:02x}", letter as u32));
            }
            letter if letter.is_control() => quoted.push_str(&format!("\\u{:04x}", letter as u32)),
            letter => quoted.push(letter),
        }
    }
    quoted.push('"');
    quoted
}

#[cfg(test)]
mod tests {
    use rustls::pki_types::ServerName;

    use super::*;

    #[test]
    fn connections_fail_in_the_words_of_go() {
        let server: Uri = "https://127.0.0.1:1".parse().unwrap();
        let proxy: Uri = "http://127.0.0.1:2".parse().unwrap();
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        assert_eq!(words(&refused, &server, None), "dial tcp 127.0.0.1:1: connect: connection refused");
        assert_eq!(
            words(&refused, &server, Some(&proxy)),
            "proxyconnect tcp: dial tcp 127.0.0.1:2: connect: connection refused"
        );
        let wrapped = io::Error::other(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer));
        assert_eq!(
            words(&wrapped, &server, None),
            "tls: failed to verify certificate: x509: certificate signed by unknown authority"
        );
    }

    #[test]
    fn certificates_fail_in_the_words_of_go() {
        let name = |expected: &str, presented: &[&str]| {
            x509(&CertificateError::NotValidForNameContext {
                expected: ServerName::try_from(expected.to_owned()).unwrap(),
                presented: presented.iter().map(|name| (*name).to_owned()).collect(),
            })
        };
        assert_eq!(
            name("10.0.0.1", &["DnsName(\"a.b\")"]),
            "cannot validate certificate for 10.0.0.1 because it doesn't contain any IP SANs"
        );
        assert_eq!(
            name("10.0.0.1", &["DnsName(\"a.b\")", "IpAddress(127.0.0.1)"]),
            "certificate is valid for 127.0.0.1, not 10.0.0.1"
        );
        assert_eq!(name("x.y", &["DnsName(\"a.b\")", "DnsName(\"c\")"]), "certificate is valid for a.b, c, not x.y");
        let at = |seconds| UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
        assert_eq!(
            x509(&CertificateError::ExpiredContext { time: at(86400), not_after: at(0) }),
            "certificate has expired or is not yet valid: current time 1970-01-02T00:00:00Z is after 1970-01-01T00:00:00Z"
        );
    }

    #[test]
    fn text_is_quoted_as_go_does_it() {
        assert_eq!(quoted("a \"b\"\\\n\u{1}é"), "\"a \\\"b\\\"\\\\\\n\\x01é\"");
    }
}
