//! The proxies of the environment: `HTTPS_PROXY`, `HTTP_PROXY`, `NO_PROXY`, upper case before lower case, by the rules of Go's
//! `net/http`.

use std::net::IpAddr;

use http::Uri;

/// The proxy for requests to `target`, if the environment names one.
pub(crate) fn from_environment(target: &Uri) -> Option<Uri> {
    choose(target, &|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
}

fn choose(target: &Uri, variable: &dyn Fn(&str) -> Option<String>) -> Option<Uri> {
    let either = |upper: &str, lower: &str| variable(upper).or_else(|| variable(lower));
    let (proxy, port) = match target.scheme_str() {
        Some("https") => (either("HTTPS_PROXY", "https_proxy")?, 443),
        // Under CGI this variable is a request's header.
        Some("http") if variable("REQUEST_METHOD").is_none() => (either("HTTP_PROXY", "http_proxy")?, 80),
        _ => return None,
    };
    let host = target.host()?.trim_matches(['[', ']']).to_ascii_lowercase();
    let port = target.port_u16().unwrap_or(port);
    if is_excepted(&host, port, &either("NO_PROXY", "no_proxy").unwrap_or_default()) {
        return None;
    }
    let proxy = if proxy.contains("://") { proxy } else { format!("http://{proxy}") };
    proxy.parse().ok()
}

/// Whether `host` is reached without proxy: this machine itself, and what the list names.
fn is_excepted(host: &str, port: u16, list: &str) -> bool {
    let address: Option<IpAddr> = host.parse().ok();
    if host == "localhost" || address.is_some_and(|address| address.is_loopback()) {
        return true;
    }
    list.split(',').map(|entry| entry.trim().to_ascii_lowercase()).filter(|entry| !entry.is_empty()).any(|entry| {
        if entry == "*" {
            return true;
        }
        if let (Some(address), Some((network, bits))) = (address, entry.split_once('/'))
            && let (Ok(network), Ok(bits)) = (network.parse(), bits.parse())
        {
            return is_in(address, network, bits);
        }
        let (name, its_port) = match entry.rsplit_once(':') {
            Some((name, its_port)) if !name.contains(':') || name.ends_with(']') => (name, its_port.parse().ok()),
            _ => (entry.as_str(), None),
        };
        if its_port.is_some_and(|its_port: u16| its_port != port) {
            return false;
        }
        let name = name.trim_matches(['[', ']']);
        if let (Some(address), Ok(other)) = (address, name.parse::<IpAddr>()) {
            return address == other;
        }
        let name = name.strip_prefix('*').filter(|name| name.starts_with('.')).unwrap_or(name);
        match name.strip_prefix('.') {
            Some(_) => host.ends_with(name),
            None => host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.')),
        }
    })
}

fn is_in(address: IpAddr, network: IpAddr, bits: u32) -> bool {
    let same = |a: u128, b: u128, width: u32| bits <= width && (bits == 0 || (a ^ b) >> (width - bits) == 0);
    match (address, network) {
        (IpAddr::V4(a), IpAddr::V4(b)) => same(a.to_bits().into(), b.to_bits().into(), 32),
        (IpAddr::V6(a), IpAddr::V6(b)) => same(a.to_bits(), b.to_bits(), 128),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scheme_chooses_the_variable() {
        let with = |target: &str, variables: &[(&str, &str)]| {
            let proxy = choose(&target.parse().unwrap(), &|name| {
                variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
            });
            proxy.map(|proxy| proxy.to_string())
        };
        let both = [("HTTPS_PROXY", "http://s:1"), ("http_proxy", "p:2"), ("HTTP_PROXY", "q:3")];
        assert_eq!(with("https://a.example", &both).as_deref(), Some("http://s:1/"));
        assert_eq!(with("http://a.example", &both).as_deref(), Some("http://q:3/"));
        assert_eq!(with("https://127.0.0.1:6443", &both), None);
        assert_eq!(with("https://[::1]:6443", &both), None);
        assert_eq!(with("https://a.example", &[("HTTP_PROXY", "q:3")]), None);
        assert_eq!(with("http://a.example", &[("HTTP_PROXY", "q:3"), ("REQUEST_METHOD", "GET")]), None);
        assert_eq!(with("https://a.example", &[("https_proxy", "p"), ("no_proxy", "example")]), None);
    }

    #[test]
    fn exceptions_are_names_addresses_and_networks() {
        for (host, list, expected) in [
            ("a.b", "", false),
            ("a.b", "*", true),
            ("a.b", "a.b", true),
            ("x.a.b", "a.b", true),
            ("xa.b", "a.b", false),
            ("a.b", ".a.b", false),
            ("x.a.b", ".a.b", true),
            ("x.a.b", "*.a.b", true),
            ("a.b", "c, A.B", true),
            ("a.b", "a.b:443", true),
            ("a.b", "a.b:444", false),
            ("10.1.2.3", "10.1.2.3", true),
            ("10.1.2.3", "10.0.0.0/8", true),
            ("11.1.2.3", "10.0.0.0/8", false),
            ("11.1.2.3", "0.0.0.0/0", true),
            ("11.1.2.3", "10.0.0.0/99", false),
            ("fd00::1", "fd00::/8", true),
            ("fd00::1", "[fd00::1]:443", true),
            ("fd00::1", "fd00::2", false),
        ] {
            assert_eq!(is_excepted(host, 443, list), expected, "{host} {list}");
        }
    }
}
