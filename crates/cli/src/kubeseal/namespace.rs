//! The namespace that is meant: by flag, else by the kubeconfig's context, as client-go decides it.

use super::flags::Flags;
use super::place;
use crate::kubeconfig::{self, Trouble};

/// `-n` or `SEALED_SECRETS_NAMESPACE`; `ns/x` is `x`, as kubectl takes it.
pub(super) fn explicit(flags: &Flags) -> Option<String> {
    let namespace = flags.text("namespace")?;
    let name = ["namespaces/", "namespace/", "ns/"].iter().find_map(|prefix| namespace.strip_prefix(prefix));
    Some(name.unwrap_or(&namespace).to_owned())
}

/// The explicit namespace, else the context's, else `default` if a context can be used at all. With an explicit namespace no
/// kubeconfig is read.
///
/// # Errors
/// client-go's message when there is no configuration, or a broken one.
pub(super) fn effective(flags: &Flags) -> Result<String, Trouble> {
    match explicit(flags) {
        Some(namespace) => Ok(namespace),
        None => kubeconfig::namespace(&place::choice(flags)),
    }
}
