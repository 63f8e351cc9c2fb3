//! Flags about sealing keys, as the stock controller has them (sealed-secrets 10.1), and their resolution.
//!
//! A value that cannot be is an error of the command line. One exception is upstream's own: an unknown `--key-order-priority` is
//! logged, and the default applies.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use bulla_controller::{KeyBackup, KeyOrder, KeySettings, parse_cutoff, parse_key_annotations, parse_key_labels};
use bulla_core::age::{Recipient, Recipients};
use clap::{ArgAction, Args as ClapArgs};
use jiff::Timestamp;

use super::go_values;
use crate::report::{Code, Report, Result};

/// Flags about the life of sealing keys.
#[derive(Debug, ClapArgs)]
pub(crate) struct KeyArgs {
    /// Make a new sealing key when the newest one is this old, and then once in each such period; 0: never [default: 720h]
    #[arg(long, value_name = "DURATION", value_parser = go_values::duration, env = "SEALED_SECRETS_KEY_RENEW_PERIOD", hide_env_values = true)]
    key_renew_period: Option<Duration>,
    /// The deprecated name of --key-renew-period
    #[arg(long, value_name = "DURATION", value_parser = go_values::duration, hide = true, env = "SEALED_SECRETS_ROTATE_PERIOD", hide_env_values = true)]
    rotate_period: Option<Duration>,
    /// Make a new sealing key if the newest one is older than this moment, such as "Sat, 21 Nov 2026 15:04:05 +0000" (date -R)
    #[arg(long, value_name = "TIME", value_parser = cutoff, env = "SEALED_SECRETS_KEY_CUTOFF_TIME", hide_env_values = true)]
    key_cutoff_time: Option<Cutoff>,
    /// What makes a key the newest: CertNotBefore or SecretCreationTimestamp
    #[arg(
        long,
        value_name = "ORDER",
        default_value = "CertNotBefore",
        env = "SEALED_SECRETS_KEY_ORDER_PRIORITY",
        hide_env_values = true
    )]
    key_order_priority: String,
    /// Annotations of new key Secrets: name=value,name=value
    #[arg(long, value_name = "PAIRS", default_value = "", hide_default_value = true, value_parser = annotations, env = "SEALED_SECRETS_PRIVATEKEY_ANNOTATIONS", hide_env_values = true)]
    privatekey_annotations: Pairs,
    /// Labels of new key Secrets: name=value,name=value
    #[arg(long, value_name = "PAIRS", default_value = "", hide_default_value = true, value_parser = labels, env = "SEALED_SECRETS_PRIVATEKEY_LABELS", hide_env_values = true)]
    privatekey_labels: Pairs,
    /// Follow key Secrets that come, change and go: always done, whatever is said here
    #[arg(long, value_name = "BOOL", value_parser = go_values::boolean, num_args = 0..=1, require_equals = true, default_missing_value = "true", action = ArgAction::Set, env = "SEALED_SECRETS_WATCH_FOR_SECRETS", hide_env_values = true)]
    watch_for_secrets: Option<bool>,
    /// Whom sealing keys are backed up to: age1… or, against quantum computers, age1pq1…; may be repeated
    // Not parsed here: the command line's own errors repeat the value, and somebody may paste the secret half.
    #[arg(
        long,
        value_name = "RECIPIENT",
        requires = "key_backup_dir",
        value_delimiter = ',',
        env = "SEALED_SECRETS_KEY_BACKUP_RECIPIENT",
        hide_env_values = true
    )]
    key_backup_recipient: Vec<String>,
    /// Folder that outlives the cluster: each new sealing key is written there, encrypted, before it seals
    #[arg(
        long,
        value_name = "FOLDER",
        requires = "key_backup_recipient",
        env = "SEALED_SECRETS_KEY_BACKUP_DIR",
        hide_env_values = true
    )]
    key_backup_dir: Option<PathBuf>,
}

/// What is to be said about these flags once there is a log.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct KeyNotes {
    unknown_order: Option<String>,
    rotate_period: bool,
    watch_for_secrets: bool,
}

/// A type of its own, since an empty value means that there is none.
#[derive(Clone, Debug)]
struct Cutoff(Option<Timestamp>);

#[derive(Clone, Debug)]
struct Pairs(BTreeMap<String, String>);

impl KeyArgs {
    /// # Errors
    /// A report about recipients that are none.
    pub(super) fn resolve(self) -> Result<(KeySettings, KeyNotes)> {
        let notes = KeyNotes {
            unknown_order: Some(&self.key_order_priority).filter(|name| KeyOrder::parse(name).is_none()).cloned(),
            rotate_period: self.rotate_period.is_some(),
            watch_for_secrets: self.watch_for_secrets.is_some(),
        };
        let defaults = KeySettings::default();
        let period = self.key_renew_period.or(self.rotate_period);
        let settings = KeySettings {
            renew_period: period
                .map_or(defaults.renew_period, |period| Some(period).filter(|period| !period.is_zero())),
            cutoff: self.key_cutoff_time.and_then(|cutoff| cutoff.0),
            order: KeyOrder::parse(&self.key_order_priority).unwrap_or_default(),
            annotations: self.privatekey_annotations.0,
            labels: self.privatekey_labels.0,
            backup: backup(&self.key_backup_recipient, self.key_backup_dir)?,
        };
        Ok((settings, notes))
    }
}

impl KeyNotes {
    /// Says it.
    pub(crate) fn log(&self) {
        if let Some(order) = &self.unknown_order {
            tracing::error!(order, "--key-order-priority: no such order, CertNotBefore is used");
        }
        if self.rotate_period {
            tracing::warn!("--rotate-period is deprecated: use --key-renew-period");
        }
        if self.watch_for_secrets {
            tracing::debug!("--watch-for-secrets: key Secrets are always watched");
        }
    }
}

/// Both or none, says the command line.
fn backup(recipients: &[String], folder: Option<PathBuf>) -> Result<Option<KeyBackup>> {
    let Some(folder) = folder else { return Ok(None) };
    let recipients: std::result::Result<Vec<_>, _> = recipients.iter().map(|text| Recipient::parse(text)).collect();
    let recipients = recipients.and_then(Recipients::new).map_err(|error| {
        Report::new(Code::ControllerSettings, format!("--key-backup-recipient: {error}"))
            .hint("make a pair with age-keygen, keep its file elsewhere, and give the controller the recipient alone")
    })?;
    Ok(Some(KeyBackup { folder, recipients }))
}

fn cutoff(text: &str) -> std::result::Result<Cutoff, bulla_controller::Error> {
    Some(text).filter(|text| !text.is_empty()).map(parse_cutoff).transpose().map(Cutoff)
}

fn annotations(text: &str) -> std::result::Result<Pairs, bulla_controller::Error> {
    parse_key_annotations(text).map(Pairs)
}

fn labels(text: &str) -> std::result::Result<Pairs, bulla_controller::Error> {
    parse_key_labels(text).map(Pairs)
}

#[cfg(test)]
mod tests {
    use clap::Parser as _;

    use super::*;

    #[derive(clap::Parser)]
    struct Flags {
        #[command(flatten)]
        keys: KeyArgs,
    }

    fn resolve(words: &[&str]) -> (KeySettings, KeyNotes) {
        let words = std::iter::once("controller").chain(words.iter().copied());
        Flags::try_parse_from(words)
            .unwrap_or_else(|error| panic!("{error}"))
            .keys
            .resolve()
            .unwrap_or_else(|report| panic!("{report:?}"))
    }

    #[test]
    fn without_flags_the_settings_are_upstreams() {
        assert_eq!(resolve(&[]), (KeySettings::default(), KeyNotes::default()));
    }

    #[test]
    fn each_flag_is_a_setting() {
        let hours = |hours: u64| Some(Duration::from_secs(hours * 3600));
        let period = |words: &[&str]| resolve(words).0.renew_period;
        assert_eq!(period(&["--key-renew-period", "1h30m"]), Some(Duration::from_secs(5400)));
        assert_eq!(period(&["--key-renew-period", "0"]), None);
        assert_eq!(period(&["--rotate-period=0s"]), None);
        assert_eq!(period(&["--rotate-period", "5h", "--key-renew-period", "6h"]), hours(6), "the new name wins");
        assert!(resolve(&["--rotate-period", "5h"]).1.rotate_period);

        let (settings, notes) = resolve(&[
            "--key-cutoff-time",
            "Sat, 21 Nov 2026 15:04:05 +0000",
            "--key-order-priority=SecretCreationTimestamp",
            "--privatekey-annotations",
            "a=b",
            "--privatekey-labels=c=d",
            "--watch-for-secrets",
        ]);
        assert_eq!(settings.cutoff.unwrap().to_string(), "2026-11-21T15:04:05Z");
        assert_eq!(settings.order, KeyOrder::SecretCreationTimestamp);
        assert_eq!((settings.annotations["a"].as_str(), settings.labels["c"].as_str()), ("b", "d"));
        assert!(notes.watch_for_secrets && notes.unknown_order.is_none());
        assert_eq!(resolve(&["--key-cutoff-time", ""]).0.cutoff, None);

        let (settings, notes) = resolve(&["--key-order-priority", "Alphabet"]);
        assert_eq!((settings.order, notes.unknown_order.as_deref()), (KeyOrder::CertNotBefore, Some("Alphabet")));
    }
}
