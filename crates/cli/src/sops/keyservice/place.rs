//! Where a key service is, and how Go words that nobody is there: the text stands in the errors of a file that does not open.

use std::io;
use std::path::PathBuf;

/// Where to connect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// A host and port.
    Tcp {
        /// `tcp`, `tcp4`, `tcp6`
        network: String,
        /// A name or address, without brackets.
        host: String,
        /// 443 if the URI has none, as for every gRPC address.
        port: u16,
    },
    /// A unix socket.
    Unix(PathBuf),
    /// A scheme that nobody can connect to. The real tool says so when the first key asks.
    Unknown(String),
}

impl Place {
    /// Reads a URI. `None` where Go's parser refuses it.
    pub(super) fn parse(uri: &str) -> Option<Self> {
        let is_control = |byte: u8| byte < b' ' || byte == 0x7f;
        if uri.bytes().any(is_control) {
            return None;
        }
        let (scheme, rest) = uri.split_once(':').unwrap_or(("", uri));
        let letters = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
        if uri.contains(':') && (!scheme.starts_with(|first: char| first.is_ascii_alphabetic()) || !letters(scheme)) {
            return None;
        }
        let (authority, path) = match rest.strip_prefix("//") {
            Some(rest) => rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len())),
            None => ("", rest),
        };
        let path = path.split(['?', '#']).next().unwrap_or_default();
        match scheme.to_ascii_lowercase().as_str() {
            "unix" => Some(Self::Unix(PathBuf::from(unescape(path)?))),
            network @ ("tcp" | "tcp4" | "tcp6") => {
                let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                let (host, port) = host_and_port(authority)?;
                Some(Self::Tcp { network: network.to_owned(), host: host.to_owned(), port: port.unwrap_or(443) })
            }
            other => Some(Self::Unknown(other.to_owned())),
        }
    }
}

/// `host:port`, `[::1]:port`, `host`.
fn host_and_port(text: &str) -> Option<(&str, Option<u16>)> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, rest) = rest.split_once(']')?;
        return match rest.strip_prefix(':') {
            Some(port) => Some((host, Some(port.parse().ok()?))),
            None => rest.is_empty().then_some((host, None)),
        };
    }
    match text.split_once(':') {
        Some((host, "")) => Some((host, None)),
        Some((host, port)) => Some((host, Some(port.parse().ok()?))),
        None => Some((text, None)),
    }
}

/// `%20` and the like.
fn unescape(path: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(path.len());
    let mut rest = path.bytes();
    while let Some(byte) = rest.next() {
        if byte != b'%' {
            bytes.push(byte);
            continue;
        }
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        let code = digit(rest.next())? * 16 + digit(rest.next())?;
        bytes.push(u8::try_from(code).ok()?);
    }
    String::from_utf8(bytes).ok()
}

/// An error of the operating system in Go's words: `connection refused`.
pub(super) fn errno(error: &io::Error) -> String {
    let text = error.to_string();
    let text = text.split(" (os error").next().unwrap_or_default();
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_lowercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_go_reads_them() {
        let tcp = |host: &str, port| Some(Place::Tcp { network: "tcp".to_owned(), host: host.to_owned(), port });
        for (uri, expected) in [
            ("tcp://127.0.0.1:5000", tcp("127.0.0.1", 5000)),
            ("tcp://[::1]:5000", tcp("::1", 5000)),
            ("TCP://host", tcp("host", 443)),
            ("tcp://user@host:1/path", tcp("host", 1)),
            ("tcp://host:99999", None),
            ("unix:///tmp/a%20b", Some(Place::Unix("/tmp/a b".into()))),
            ("unix:/tmp/a", Some(Place::Unix("/tmp/a".into()))),
            ("http://host", Some(Place::Unknown("http".to_owned()))),
            ("host", Some(Place::Unknown(String::new()))),
            ("127.0.0.1:5000", None),
            (":/x", None),
            ("unix:///%zz", None),
            ("tcp://a\nb", None),
        ] {
            assert_eq!(Place::parse(uri), expected, "{uri}");
        }
        assert_eq!(errno(&io::Error::from_raw_os_error(111)), "connection refused");
        assert_eq!(errno(&io::Error::from_raw_os_error(2)), "no such file or directory");
    }
}
