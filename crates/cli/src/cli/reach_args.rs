//! Flags of `bulla controller` that say which objects are its business, as one of how many replicas, at which pace.

use bulla_controller::{LeaderElection, Objects, Reach, Replicas, RequestLimit};
use clap::{ArgAction, Args as ClapArgs, ValueEnum};

use super::go_values;

/// See [`Reach`].
#[derive(Debug, ClapArgs)]
pub(crate) struct ReachArgs {
    /// Work on the SealedSecrets of every namespace; with =false on those of the controller's own
    #[arg(long, value_name = "BOOL", default_value = "true", value_parser = go_values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_ALL_NAMESPACES", hide_env_values = true)]
    all_namespaces: bool,
    /// Work on the SealedSecrets of the controller's own namespace and of these, separated by commas
    #[arg(
        long,
        value_name = "NAMESPACES",
        default_value = "",
        hide_default_value = true,
        env = "SEALED_SECRETS_ADDITIONAL_NAMESPACES",
        hide_env_values = true
    )]
    additional_namespaces: String,
    /// Work only on SealedSecrets with these labels, and watch only Secrets that have them
    #[arg(
        long,
        value_name = "SELECTOR",
        default_value = "",
        hide_default_value = true,
        env = "SEALED_SECRETS_LABEL_SELECTOR",
        hide_env_values = true
    )]
    label_selector: String,
    /// Share the work with other replicas by a Lease: auto (if the rights are there), true (never write without it), false
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true,
        env = "SEALED_SECRETS_LEADER_ELECTION",
        hide_env_values = true
    )]
    leader_election: Election,
    /// Name of that Lease; controllers with different objects need different ones
    #[arg(
        long,
        value_name = "NAME",
        default_value = "bulla-controller",
        env = "SEALED_SECRETS_LEASE_NAME",
        hide_env_values = true
    )]
    lease_name: String,
    /// Requests a second to the API server, zero or less for no limit [default: no limit]
    #[arg(
        long,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        env = "SEALED_SECRETS_KUBECLIENT_QPS",
        hide_env_values = true
    )]
    kubeclient_qps: Option<f64>,
    /// Requests that may go out at once under that limit [default: 10]
    #[arg(
        long,
        value_name = "NUMBER",
        allow_negative_numbers = true,
        env = "SEALED_SECRETS_KUBECLIENT_BURST",
        hide_env_values = true
    )]
    kubeclient_burst: Option<i64>,
    /// Accepted for compatibility: nothing is ever given up
    #[arg(
        long,
        value_name = "NUMBER",
        hide = true,
        allow_negative_numbers = true,
        env = "SEALED_SECRETS_MAX_UNSEAL_RETRIES",
        hide_env_values = true
    )]
    max_unseal_retries: Option<i64>,
}

/// `--leader-election`
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Election {
    Auto,
    True,
    False,
}

impl ReachArgs {
    /// Flags that are accepted and do nothing, each with the reason.
    pub(crate) fn without_effect(&self) -> impl Iterator<Item = (&'static str, &'static str)> {
        self.max_unseal_retries.map(|_| ("--max-unseal-retries", "a failure is tried again for ever")).into_iter()
    }

    pub(crate) fn resolve(self) -> Reach {
        let names = self.additional_namespaces.split(',').map(str::trim).filter(|name| !name.is_empty());
        // Replicas that share a host's name would share the Lease; the name of a Pod is unique.
        let pod = std::env::var("POD_NAME").ok().filter(|name| !name.is_empty());
        Reach {
            objects: Objects {
                all_namespaces: self.all_namespaces,
                additional_namespaces: names.map(str::to_owned).collect(),
                label_selector: self.label_selector,
            },
            replicas: Replicas {
                leader_election: match self.leader_election {
                    Election::Auto => LeaderElection::Auto,
                    Election::True => LeaderElection::Required,
                    Election::False => LeaderElection::Off,
                },
                lease_name: self.lease_name,
                identity: pod,
                ..Replicas::default()
            },
            limit: limit(self.kubeclient_qps, self.kubeclient_burst),
        }
    }
}

/// client-go's burst is 10 unless it is given, and at least one request must get through.
fn limit(qps: Option<f64>, burst: Option<i64>) -> Option<RequestLimit> {
    let per_second = qps.filter(|qps| qps.is_finite() && *qps > 0.0)?;
    match burst.unwrap_or(10) {
        ..0 => None,
        burst => Some(RequestLimit { per_second, burst: u32::try_from(burst.max(1)).unwrap_or(u32::MAX) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_positive_rate_is_a_limit() {
        for (qps, burst, expected) in [
            (None, None, None),
            (None, Some(5), None),
            (Some(-1.0), None, None),
            (Some(0.0), None, None),
            (Some(f64::NAN), None, None),
            (Some(5.0), Some(-1), None),
            (Some(5.0), None, Some((5.0, 10))),
            (Some(0.5), Some(0), Some((0.5, 1))),
        ] {
            let limit = limit(qps, burst).map(|limit| (limit.per_second, limit.burst));
            assert_eq!(limit, expected, "{qps:?} {burst:?}");
        }
    }
}
