//! What is measured of each sealing key. As many series as there are key Secrets, written out at each scrape, so that a key that
//! is gone leaves none behind.

use std::fmt::Write as _;

use jiff::Timestamp;

use crate::keys::backup::BackupCounts;
use crate::keys::uses::Use;
use crate::metrics::PREFIX;

/// One key at the moment of a scrape.
#[derive(Clone, Debug)]
pub(crate) struct KeyReport {
    pub(crate) fingerprint: String,
    pub(crate) state: &'static str,
    /// Beginning and end of its certificate's validity, if it has one.
    pub(crate) validity: Option<(Timestamp, Timestamp)>,
    pub(crate) used: Use,
}

/// All keys at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub(crate) struct KeysReport {
    pub(crate) keys: Vec<KeyReport>,
    /// What the newest key is ordered by.
    pub(crate) last_renewal: Option<Timestamp>,
    /// Keys that are not backed up, and what became of backups; none if keys are not backed up.
    pub(crate) backup: Option<(usize, BackupCounts)>,
}

/// Appends it in OpenMetrics.
pub(super) fn write(text: &mut String, report: &KeysReport) {
    let mut family = |name: &str, help: &str, value: &dyn Fn(&KeyReport) -> Option<u64>| {
        let mut series = String::new();
        for key in &report.keys {
            if let Some(value) = value(key) {
                let (fingerprint, state) = (&key.fingerprint, key.state);
                let _ = writeln!(series, "{PREFIX}_{name}{{fingerprint=\"{fingerprint}\",state=\"{state}\"}} {value}");
            }
        }
        let _ = write!(text, "# HELP {PREFIX}_{name} {help}.\n# TYPE {PREFIX}_{name} gauge\n{series}");
    };
    family("key_objects", "SealedSecrets that this key opened", &|key| Some(key.used.objects));
    family("key_items", "Values that this key opened", &|key| Some(key.used.items));
    let seconds = |time: Timestamp| u64::try_from(time.as_second()).ok();
    family("key_not_before_timestamp_seconds", "When the key's certificate begins", &|key| seconds(key.validity?.0));
    family("key_not_after_timestamp_seconds", "When the key's certificate ends; the key opens beyond that", &|key| {
        seconds(key.validity?.1)
    });
    let mut one = |name: &str, help: &str, kind: &str, suffix: &str, value: u64| {
        let _ = write!(text, "# HELP {PREFIX}_{name} {help}.\n# TYPE {PREFIX}_{name} {kind}\n");
        let _ = writeln!(text, "{PREFIX}_{name}{suffix} {value}");
    };
    if let Some(last) = report.last_renewal.and_then(seconds) {
        one("key_last_renewal_timestamp_seconds", "When the newest key was made", "gauge", "", last);
    }
    if let Some((pending, counts)) = report.backup {
        let pending = u64::try_from(pending).unwrap_or(u64::MAX);
        one("key_backup_pending", "Keys that are not backed up yet", "gauge", "", pending);
        one("key_backup_failures", "Backups that failed", "counter", "_total", counts.failures);
        if let Some(last) = counts.last_success.and_then(seconds) {
            let help = "When a backup was last written and read back, or found";
            one("key_backup_last_success_timestamp_seconds", help, "gauge", "", last);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_has_its_series() {
        let at = |second| Timestamp::from_second(second).unwrap();
        let key = |fingerprint: &str, state, validity| KeyReport {
            fingerprint: fingerprint.to_owned(),
            state,
            validity,
            used: Use { objects: 2, items: 7 },
        };
        let report = KeysReport {
            keys: vec![key("SHA256:a", "active", Some((at(100), at(900)))), key("SHA256:b", "retired", None)],
            last_renewal: Some(at(100)),
            backup: Some((1, BackupCounts { failures: 3, last_success: Some(at(200)) })),
        };
        let mut text = String::new();
        write(&mut text, &report);
        for line in [
            "# TYPE sealed_secrets_controller_key_objects gauge",
            "sealed_secrets_controller_key_objects{fingerprint=\"SHA256:a\",state=\"active\"} 2",
            "sealed_secrets_controller_key_items{fingerprint=\"SHA256:b\",state=\"retired\"} 7",
            "sealed_secrets_controller_key_not_before_timestamp_seconds{fingerprint=\"SHA256:a\",state=\"active\"} 100",
            "sealed_secrets_controller_key_not_after_timestamp_seconds{fingerprint=\"SHA256:a\",state=\"active\"} 900",
            "sealed_secrets_controller_key_last_renewal_timestamp_seconds 100",
            "sealed_secrets_controller_key_backup_pending 1",
            "# TYPE sealed_secrets_controller_key_backup_failures counter",
            "sealed_secrets_controller_key_backup_failures_total 3",
            "sealed_secrets_controller_key_backup_last_success_timestamp_seconds 200",
        ] {
            assert!(text.lines().any(|found| found == line), "missing: {line}\n{text}");
        }
        assert!(!{
            let mut text = String::new();
            write(&mut text, &KeysReport { backup: None, ..report });
            text.contains("backup")
        });
        assert_eq!(text.matches("not_before_timestamp_seconds{").count(), 1, "no certificate, no time");
    }
}
