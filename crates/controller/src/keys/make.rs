//! Makes new keys: the first one, one on demand, one when it is due. A new key is stored first and served after.
//!
//! Two replicas that find at the same time that a key is missing or due give its Secret the same name, so the API server lets only
//! one of them create it, and the other one takes what the first has made (sealed-secrets 10.3, #1364).

use std::sync::Arc;
use std::time::Duration;

use bulla_core::sealed::{Fingerprint, KeyState, MAX_CLOCK_SKEW, NewKey, RingKey, generate_key};
use http::Method;
use jiff::{SignedDuration, Timestamp};

use crate::Error;
use crate::api::{self, ApiFailure};
use crate::diagnosis::{Patient, Trouble};
use crate::keys::follow::LOADING;
use crate::keys::registry::KeyRegistry;
use crate::keys::renewal::{Occasion, renewal_due, tick_after};
use crate::keys::secret::{self, Naming};
use crate::keys::store::{Certificate, StoredKey};
use crate::live::LiveSecret;

/// How long the wall clock is trusted to run as fast as the timers do.
const LOOK: Duration = Duration::from_secs(60);

/// Why a key is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// None seals.
    First,
    /// The newest one is too old.
    Due(Occasion),
    /// Somebody wants one.
    Demand,
}

/// How long a start takes at most until it is known whether this replica leads, if nobody else does.
const DECIDED: Duration = Duration::from_secs(3);

/// Why a key was not made.
pub(super) enum NotMade {
    Follower,
    Crypto(bulla_core::Error),
    Refused(ApiFailure),
}

impl NotMade {
    pub(super) fn trouble(&self) -> Trouble {
        match self {
            Self::Follower => Trouble::Other("another replica leads".to_owned()),
            Self::Crypto(error) => Trouble::Other(error.to_string()),
            Self::Refused(failure) => Trouble::of_request(failure),
        }
    }
}

impl KeyRegistry {
    /// Makes a new key on demand, stores it, and seals with it from now on.
    pub(crate) async fn renew(&self) -> Result<Fingerprint, Error> {
        // Right after a start nobody knows yet who leads.
        let _ = tokio::time::timeout(DECIDED, self.leading.clone().wait_for(|leading| *leading)).await;
        self.make_key(Cause::Demand).await.map_err(|not_made| match not_made {
            NotMade::Follower => Error::NotLeading,
            NotMade::Crypto(error) => Error::Key(error),
            NotMade::Refused(failure) => {
                Error::StoreKey { namespace: self.config.namespace.clone(), reason: failure.to_string() }
            }
        })
    }

    /// Makes a new key whenever one is due, for ever.
    pub(crate) async fn keep_fresh(&self) {
        let (mut changes, mut leading) = (self.changes(), self.leading.clone());
        let mut settings = self.config.keys.clone();
        let mut tick = None;
        let mut making = Patient::default();
        loop {
            changes.borrow_and_update();
            let now = Timestamp::now();
            let newest = self.newest_since().filter(|_| self.is_loaded());
            let decision = renewal_due(newest, tick, &settings, now);
            tick = decision.tick;
            let wait = match decision.renew.filter(|_| self.may_write()) {
                Some(occasion) => match self.make_key(Cause::Due(occasion)).await {
                    Ok(_) => {
                        making.recovered(LOADING);
                        match (occasion, settings.renew_period.map(SignedDuration::try_from)) {
                            (Occasion::Cutoff(_), _) => settings.cutoff = None,
                            (Occasion::Period(at), Some(Ok(period))) => tick = Some(tick_after(at, period, now)),
                            (Occasion::Period(_), _) => {}
                        }
                        continue;
                    }
                    Err(not_made) => making.fell_ill(LOADING, not_made.trouble()),
                },
                None => {
                    let until = decision.look_again.map_or(LOOK, |at| {
                        Duration::try_from(at.duration_since(now)).unwrap_or_default().max(Duration::from_millis(10))
                    });
                    if decision.renew.is_some() { LOOK } else { until.min(LOOK) }
                }
            };
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                // The sender lives as long as the registry.
                _ = changes.changed() => {}
                // Whoever begins to lead may find one due.
                Ok(()) = leading.changed() => {}
            }
        }
    }

    /// Whether this replica is the one that writes.
    pub(super) fn may_write(&self) -> bool {
        *self.leading.borrow()
    }

    pub(super) async fn make_key(&self, cause: Cause) -> Result<Fingerprint, NotMade> {
        if !self.may_write() {
            return Err(NotMade::Follower);
        }
        let naming = naming(cause, &self.config.key_prefix);
        match self.make_named(naming.clone()).await {
            Err(NotMade::Refused(failure)) if failure.says_already_exists() => {
                let Naming::Fixed(name) = naming else { return Err(NotMade::Refused(failure)) };
                self.load(&name).await.map_err(NotMade::Refused)?;
                match self.sealing_key_of(&name) {
                    Some(fingerprint) => {
                        tracing::info!(secretname = name, %fingerprint, "another replica has made the key");
                        Ok(fingerprint)
                    }
                    // What has the name does not seal: it holds no key, or somebody has put it aside.
                    None => self.make_named(Naming::Generated).await,
                }
            }
            made => made,
        }
    }

    async fn make_named(&self, naming: Naming) -> Result<Fingerprint, NotMade> {
        let newest = self.newest_begins();
        let request = NewKey {
            size: self.config.key_size,
            not_before: begin_after(newest, Timestamp::now()),
            validity: SignedDuration::try_from(self.config.key_ttl).unwrap_or(SignedDuration::MAX),
            common_name: self.config.my_cn.clone(),
        };
        let config = self.config.clone();
        let made = self.pool.run(1, move || {
            let key = generate_key(&request)?;
            let body = secret::to_body(&key, &config, &naming);
            Ok::<_, bulla_core::Error>((key, body, request.not_before))
        });
        let made = made.await.unwrap_or(Err(bulla_core::Error::KeyGeneration));
        let (key, body, not_before) = made.map_err(NotMade::Crypto)?;
        let path = format!("/api/v1/namespaces/{}/secrets", self.config.namespace);
        let answer = api::send(&self.client, Method::POST, &path, Some(body)).await.map_err(NotMade::Refused)?;
        let unclear = || NotMade::Refused(ApiFailure::Transport("the answer cannot be read".to_owned()));
        let written = LiveSecret::from_body(&answer).ok_or_else(unclear)?;
        let name = written.text("name").to_owned();
        let fingerprint = key.key.fingerprint().clone();
        tracing::info!(namespace = self.config.namespace, name, "New key written");
        tracing::info!(certificate = key.certificate_pem, "Certificate generated");
        let stored = StoredKey {
            certificate: Some(Certificate::from(&key.certificate)),
            ring: Arc::new(RingKey { key: key.key, since: not_before }),
            state: KeyState::Active,
            created: written.text("creationTimestamp").parse().unwrap_or(not_before),
        };
        self.insert(name, stored);
        Ok(fingerprint)
    }
}

/// The same name wherever the same thing is missing; on demand another one each time.
fn naming(cause: Cause, prefix: &str) -> Naming {
    let seed = match cause {
        Cause::Demand => return Naming::Generated,
        Cause::First => "first".to_owned(),
        Cause::Due(Occasion::Period(at)) => format!("period {at}"),
        Cause::Due(Occasion::Cutoff(at)) => format!("cutoff {at}"),
    };
    Naming::Fixed(format!("{prefix}{}", suffix(&seed)))
}

/// Five letters and digits like those that the API server gives; FNV-1a, since all that counts is that it stays the same.
fn suffix(seed: &str) -> String {
    const ALPHABET: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";
    let mut hash = seed
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    let mut next = || {
        let letter = ALPHABET[usize::try_from(hash % 27).unwrap_or_default()];
        hash /= 27;
        char::from(letter)
    };
    (0..5).map(|_| next()).collect()
}

/// Certificates tell time in seconds, and the later one seals: a key that is made in the same second as the newest one begins
/// a second after it. Never so far ahead that it would be passed over as one from the future.
fn begin_after(newest: Option<Timestamp>, now: Timestamp) -> Timestamp {
    let second = SignedDuration::from_secs(1);
    let next = newest.and_then(|newest| newest.checked_add(second).ok()).unwrap_or(now);
    let latest = now.checked_add(MAX_CLOCK_SKEW - Duration::from_secs(1)).unwrap_or(now);
    next.clamp(now, latest)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_key_made_in_the_same_second_begins_a_second_later() {
        for (newest, expected) in
            [(None, 1000), (Some(900), 1000), (Some(1000), 1001), (Some(1005), 1006), (Some(5000), 1299)]
        {
            assert_eq!(begin_after(newest.map(at), at(1000)), at(expected));
        }
    }

    #[tokio::test]
    async fn who_does_not_lead_makes_no_key() {
        let service = tower::service_fn(|_: http::Request<kube::client::Body>| async {
            Err::<http::Response<kube::client::Body>, _>(std::io::Error::other("a follower asked the API server"))
        });
        let client = kube::Client::new(service, "default");
        let pool = Arc::new(crate::rsa_pool::RsaPool::new(1).unwrap());
        let (leads, leading) = tokio::sync::watch::channel(false);
        let registry = KeyRegistry::new(client, crate::Config::default(), pool, leading);
        for cause in [Cause::First, Cause::Demand, Cause::Due(Occasion::Period(at(1)))] {
            assert!(matches!(registry.make_key(cause).await, Err(NotMade::Follower)), "{cause:?}");
        }
        assert_eq!(registry.renew().await.unwrap_err().to_string(), Error::NotLeading.to_string());
        leads.send_replace(true);
        assert!(matches!(registry.renew().await, Err(Error::StoreKey { .. })), "now it tries");
    }

    #[test]
    fn replicas_give_the_same_name_to_what_the_same_occasion_asks_for() {
        let name = |cause| match naming(cause, "key-") {
            Naming::Fixed(name) => Some(name),
            Naming::Generated => None,
        };
        let period = |second| name(Cause::Due(Occasion::Period(at(second))));
        assert_eq!(name(Cause::Demand), None);
        assert_eq!(period(1), period(1));
        let mut names = vec![name(Cause::First), period(1), period(2), name(Cause::Due(Occasion::Cutoff(at(1))))];
        assert!(names.iter().flatten().all(|name| name.starts_with("key-") && name.len() == 9), "{names:?}");
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 4);
    }
}
