//! Which cluster, as whom, and where the controller is in it: the flags of kubectl and kubeseal's own.

use zeroize::Zeroizing;

use super::flags::Flags;
use crate::cert::fetch::{CONTROLLER_NAME, CONTROLLER_NAMESPACE};
use crate::cluster::Choice;
use crate::kubeconfig::Overrides;
use crate::service_proxy::Place;

/// Where the flags say that the controller is.
pub(super) fn of(flags: &Flags) -> Place {
    let text = |name: &str, default: &str| flags.text(name).unwrap_or_else(|| default.to_owned());
    Place {
        choice: choice(flags),
        namespace: text("controller-namespace", CONTROLLER_NAMESPACE),
        name: text("controller-name", CONTROLLER_NAME),
    }
}

/// The cluster, and what takes the place of the kubeconfig's values.
pub(super) fn choice(flags: &Flags) -> Choice {
    let text = |name: &str| flags.text(name).unwrap_or_default();
    Choice {
        kubeconfig: flags.path("kubeconfig").map(Into::into),
        context: flags.text("context"),
        overrides: Box::new(Overrides {
            cluster: text("cluster"),
            user: text("user"),
            server: text("server"),
            tls_server_name: text("tls-server-name"),
            insecure: flags.is_set("insecure-skip-tls-verify"),
            certificate_authority: text("certificate-authority"),
            client_certificate: text("client-certificate"),
            client_key: text("client-key"),
            token: Zeroizing::new(text("token")),
            impersonate: text("as"),
            impersonate_uid: text("as-uid"),
            impersonate_groups: flags.list("as-group").to_vec(),
            username: text("username"),
            password: Zeroizing::new(text("password")),
            timeout: text("request-timeout"),
            proxy_url: text("proxy-url"),
            disable_compression: flags.is_set("disable-compression"),
        }),
    }
}
