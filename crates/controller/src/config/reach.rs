//! What a controller may touch, and when: which objects, as one of how many replicas, at which pace.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::Error;

/// Settings about the reach of one controller.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Which objects are its business.
    pub objects: Objects,
    /// How replicas agree on the one that writes.
    pub replicas: Replicas,
    /// How many requests a second it may send; `None`: as many as the work needs.
    pub limit: Option<RequestLimit>,
}

/// Which SealedSecrets are worked on (sealed-secrets 10.1).
#[derive(Clone, Debug)]
pub struct Objects {
    /// Those of every namespace; of the controller's own namespace otherwise. Has no effect beside additional namespaces.
    pub all_namespaces: bool,
    /// Those of these namespaces and of the controller's own.
    pub additional_namespaces: Vec<String>,
    /// Only objects with labels that this selector matches; empty: all. Also narrows the watch of Secrets.
    pub label_selector: String,
}

impl Default for Objects {
    fn default() -> Self {
        Self { all_namespaces: true, additional_namespaces: Vec::new(), label_selector: String::new() }
    }
}

impl Objects {
    /// The namespaces to watch, one by one; `None` is the cluster as a whole, with one watch.
    pub(crate) fn namespaces(&self, own: &str) -> Option<BTreeSet<String>> {
        if self.additional().next().is_none() && self.all_namespaces {
            return None;
        }
        let mut namespaces: BTreeSet<String> =
            self.additional().filter(|name| is_name(name)).map(str::to_owned).collect();
        namespaces.insert(own.to_owned());
        Some(namespaces)
    }

    /// Whether only objects of some labels are worked on, and the watches show no others.
    pub(crate) fn selects(&self) -> bool {
        !self.label_selector.trim().is_empty()
    }

    /// Names that no namespace can have.
    pub(crate) fn impossible(&self) -> impl Iterator<Item = &str> {
        self.additional().filter(|name| !is_name(name))
    }

    fn additional(&self) -> impl Iterator<Item = &str> {
        self.additional_namespaces.iter().map(|name| name.trim()).filter(|name| !name.is_empty())
    }
}

/// Whether a namespace can be called so; what cannot must not get into a path.
fn is_name(name: &str) -> bool {
    let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    name.len() <= 63 && name.bytes().all(legal) && !name.starts_with('-') && !name.ends_with('-')
}

/// Whether there may be other replicas.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeaderElection {
    /// A Lease is used if the rights for it are there; else the controller works as if it were alone.
    #[default]
    Auto,
    /// Nothing is written without the Lease.
    Required,
    /// The controller is alone.
    Off,
}

/// How replicas agree on the one that writes. The durations are those of client-go.
#[derive(Clone, Debug)]
pub struct Replicas {
    /// Whether there may be others.
    pub leader_election: LeaderElection,
    /// The Lease in the controller's namespace. Controllers with different objects need different ones.
    pub lease_name: String,
    /// Who this replica is. `None`: the host's name and random characters, so that no two are the same.
    pub identity: Option<String>,
    /// How long the others wait after the last sign of life of the replica that holds the Lease.
    pub lease_duration: Duration,
    /// How long a replica writes after its last renewal; less than `lease_duration`, so that it has stopped before
    /// another one begins.
    pub renew_deadline: Duration,
    /// How often the Lease is renewed, or looked at.
    pub retry_period: Duration,
}

impl Default for Replicas {
    fn default() -> Self {
        Self {
            leader_election: LeaderElection::default(),
            lease_name: "bulla-controller".to_owned(),
            identity: None,
            lease_duration: Duration::from_secs(15),
            renew_deadline: Duration::from_secs(10),
            retry_period: Duration::from_secs(2),
        }
    }
}

impl Replicas {
    /// Refuses durations with which two replicas could write at the same time, and names that no Lease can have.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let wrong = |reason| Err(Error::Replicas { reason });
        let legal = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'.');
        if self.lease_name.is_empty() || self.lease_name.len() > 253 || !self.lease_name.bytes().all(legal) {
            return wrong("the name of the Lease is no name of a Kubernetes object");
        }
        if self.lease_duration < Duration::from_secs(1) || self.lease_duration.subsec_nanos() != 0 {
            return wrong("the lease duration is not a whole number of seconds");
        }
        if self.renew_deadline >= self.lease_duration {
            return wrong("the renew deadline is not below the lease duration");
        }
        if self.retry_period.is_zero() || self.retry_period * 2 > self.renew_deadline {
            return wrong("the retry period is not below half of the renew deadline");
        }
        Ok(())
    }
}

/// At most so many requests a second, like client-go's limit.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RequestLimit {
    /// Requests a second in the long run; positive.
    pub per_second: f64,
    /// Requests that may go out at once.
    pub burst: u32,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_chosen_as_the_stock_controller_chooses_them() {
        let chosen = |all_namespaces: bool, additional: &[&str]| {
            let additional_namespaces = additional.iter().map(|&name| name.to_owned()).collect();
            let objects = Objects { all_namespaces, additional_namespaces, ..Objects::default() };
            objects.namespaces("own").map(|names| names.into_iter().collect::<Vec<_>>().join(","))
        };
        assert_eq!(chosen(true, &[]), None);
        assert_eq!(chosen(true, &["", " "]), None);
        assert_eq!(chosen(false, &[]).as_deref(), Some("own"));
        assert_eq!(chosen(true, &["b", " a ", "own"]).as_deref(), Some("a,b,own"));
        assert_eq!(chosen(false, &["b"]).as_deref(), Some("b,own"));
        // A name that cannot be one narrows all the same: the whole cluster is not what was asked for.
        assert_eq!(chosen(true, &["a/../b", "A", "-a"]).as_deref(), Some("own"));
    }

    #[test]
    fn durations_that_let_two_replicas_write_are_refused() {
        let seconds = Duration::from_secs;
        let check = |lease_duration, renew_deadline, retry_period| {
            Replicas { lease_duration, renew_deadline, retry_period, ..Replicas::default() }.check()
        };
        assert!(Replicas::default().check().is_ok());
        assert!(check(seconds(10), seconds(10), seconds(2)).is_err());
        assert!(check(seconds(15), seconds(3), seconds(2)).is_err());
        assert!(check(Duration::from_millis(15_500), seconds(10), seconds(2)).is_err());
        assert!(check(seconds(15), seconds(10), seconds(0)).is_err());
        assert!(Replicas { lease_name: "../x".to_owned(), ..Replicas::default() }.check().is_err());
    }
}
