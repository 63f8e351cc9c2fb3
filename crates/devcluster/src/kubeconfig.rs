//! The kubeconfig: how `kubectl` and other clients find a served cluster, trust it, and prove who they are.

use std::io::{self, Write as _};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// The text of a kubeconfig. Nothing in it needs YAML quoting: an address, base64, and hexadecimal.
pub(crate) fn text(address: SocketAddr, authority: &str, token: &str) -> String {
    let authority = STANDARD.encode(authority);
    let mut reachable = address;
    if address.ip().is_unspecified() {
        let ip = if address.is_ipv4() { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { IpAddr::V6(Ipv6Addr::LOCALHOST) };
        reachable.set_ip(ip);
    }
    format!(
        "apiVersion: v1
kind: Config
current-context: bulla-devcluster
clusters:
- name: bulla-devcluster
  cluster:
    server: https://{reachable}
    certificate-authority-data: {authority}
users:
- name: bulla-devcluster
  user:
    token: {token}
contexts:
- name: bulla-devcluster
  context:
    cluster: bulla-devcluster
    user: bulla-devcluster
    namespace: default
"
    )
}

/// Writes `text` to `path`: at any moment the file there is the old one or the whole new one, and only its owner can
/// read it (mode 0600).
pub(crate) fn write(path: &Path, text: &str) -> io::Result<()> {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    // NamedTempFile creates with mode 0600.
    let mut file = tempfile::Builder::new().prefix(".kubeconfig-").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
