//! Who is who, and who may do what: the accounts and rules that tests give a cluster.
//!
//! Without any, everything is as open as ever: whoever is let in may do everything. What a rule denies is denied twice, as
//! in a real cluster: the access reviews say so, and the request itself is answered with 403.

use std::fmt;

use aws_lc_rs::constant_time::verify_slices_are_equal;

/// The audience of the API server itself.
pub(crate) const API_AUDIENCE: &str = "https://kubernetes.default.svc";
const ADMINISTRATORS: &str = "system:masters";

/// The bearer of a token, as TokenReviews and the API know it.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Account {
    /// The bearer token. Never shown in `Debug`.
    pub token: String,
    /// For example `system:serviceaccount:default:build`.
    pub username: String,
    /// The uid, if it has one.
    pub uid: String,
    /// The groups, as given: nothing is added.
    pub groups: Vec<String>,
    /// Whom the token is for; empty for the API server itself, `https://kubernetes.default.svc`.
    pub audiences: Vec<String>,
}

impl Account {
    /// A ServiceAccount with the groups that it has in a real cluster, and a token for the API server.
    pub fn service_account(namespace: &str, name: &str, token: &str) -> Self {
        Self {
            token: token.to_owned(),
            username: format!("system:serviceaccount:{namespace}:{name}"),
            uid: format!("uid-of-{namespace}-{name}"),
            groups: vec![
                "system:serviceaccounts".to_owned(),
                format!("system:serviceaccounts:{namespace}"),
                "system:authenticated".to_owned(),
            ],
            audiences: Vec::new(),
        }
    }

    /// The same with a token for `audiences` instead of the API server.
    #[must_use]
    pub fn for_audiences(mut self, audiences: &[&str]) -> Self {
        self.audiences = audiences.iter().map(|&audience| audience.to_owned()).collect();
        self
    }

    /// Who the token of the kubeconfig, and every caller in this process, is.
    pub(crate) fn administrator(token: String) -> Self {
        Self {
            token,
            username: "kubernetes-admin".to_owned(),
            groups: vec![ADMINISTRATORS.to_owned(), "system:authenticated".to_owned()],
            ..Self::default()
        }
    }

    /// The audiences of the token, with the default filled in.
    pub(crate) fn audiences(&self) -> Vec<&str> {
        if self.audiences.is_empty() {
            return vec![API_AUDIENCE];
        }
        self.audiences.iter().map(String::as_str).collect()
    }
}

impl fmt::Debug for Account {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Account")
            .field("username", &self.username)
            .field("groups", &self.groups)
            .field("audiences", &self.audiences)
            .finish_non_exhaustive()
    }
}

/// The account that a token belongs to. Takes as long for a near miss as for any other.
pub(crate) fn bearer<'a>(accounts: &'a [Account], token: &[u8]) -> Option<&'a Account> {
    accounts
        .iter()
        .find(|account| !account.token.is_empty() && verify_slices_are_equal(account.token.as_bytes(), token).is_ok())
}

/// Allows or denies something to somebody. Of several rules, the first that fits decides; what no rule speaks of is
/// allowed, and so is everything to the group `system:masters` (the kubeconfig's user, and
/// [`DevCluster::trusted_service`](crate::DevCluster::trusted_service)). `*` stands for anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessRule {
    /// What the rule says.
    pub allow: bool,
    /// A user or one of its groups.
    pub subject: String,
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    pub verb: String,
    /// `secrets`, `sealedsecrets.bitnami.com`, `sealedsecrets.bitnami.com/status`; the path for what is no resource.
    pub resource: String,
    /// The namespace; "" for what is in none, and for requests across all of them.
    pub namespace: String,
}

impl AccessRule {
    /// `subject` may do this.
    pub fn allow(subject: &str, verb: &str, resource: &str, namespace: &str) -> Self {
        Self {
            allow: true,
            subject: subject.to_owned(),
            verb: verb.to_owned(),
            resource: resource.to_owned(),
            namespace: namespace.to_owned(),
        }
    }

    /// `subject` may not do this.
    pub fn deny(subject: &str, verb: &str, resource: &str, namespace: &str) -> Self {
        Self { allow: false, ..Self::allow(subject, verb, resource, namespace) }
    }

    fn fits(&self, question: &Question<'_>) -> bool {
        let is = |pattern: &str, text: &str| pattern == "*" || pattern == text;
        let subject = is(&self.subject, question.user) || question.groups.contains(&self.subject);
        subject
            && is(&self.verb, question.verb)
            && is(&self.resource, question.resource)
            && is(&self.namespace, question.namespace)
    }
}

/// May this user do this?
pub(crate) struct Question<'a> {
    pub(crate) user: &'a str,
    pub(crate) groups: &'a [String],
    pub(crate) verb: &'a str,
    pub(crate) resource: &'a str,
    pub(crate) namespace: &'a str,
}

impl Question<'_> {
    pub(crate) fn allowed_by(&self, rules: &[AccessRule]) -> bool {
        self.groups.iter().any(|group| group == ADMINISTRATORS)
            || rules.iter().find(|rule| rule.fits(self)).is_none_or(|rule| rule.allow)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_rule_that_fits_decides() {
        let rules = [
            AccessRule::allow("build", "get", "secrets", "a"),
            AccessRule::deny("build", "*", "secrets", "*"),
            AccessRule::deny("ops", "delete", "*", "a"),
        ];
        let staff = ["ops".to_owned()];
        let masters = ["system:masters".to_owned()];
        for (user, groups, verb, resource, namespace, allowed) in [
            ("build", &[][..], "get", "secrets", "a", true),
            ("build", &[], "get", "secrets", "b", false),
            ("build", &[], "list", "secrets", "a", false),
            ("build", &[], "list", "configmaps", "a", true),
            ("other", &[], "list", "secrets", "a", true),
            ("other", &staff, "delete", "configmaps", "a", false),
            ("other", &staff, "delete", "configmaps", "", true),
            ("build", &masters, "list", "secrets", "a", true),
        ] {
            let question = Question { user, groups, verb, resource, namespace };
            assert_eq!(question.allowed_by(&rules), allowed, "{user} {groups:?} {verb} {resource} in {namespace:?}");
        }
    }

    #[test]
    fn an_account_does_not_show_its_token() {
        let account = Account::service_account("a", "b", "hunter2");
        assert!(!format!("{account:?}").contains("hunter2"));
        assert!(bearer(std::slice::from_ref(&account), b"hunter2").is_some());
        assert!(bearer(&[account], b"hunter").is_none());
        assert!(bearer(&[Account::default()], b"").is_none(), "no token is nobody's");
    }
}
