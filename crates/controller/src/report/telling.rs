//! Is a failure told at once, or only if it comes twice? Pure.
//!
//! Most refusals of an API server are gone a second later, and a status that flips twice within that second wakes alerts for
//! nothing. But a status must be the truth within five seconds, so what is not retried soon is told.

use std::time::Duration;

use crate::queue::Verdict;

/// How long the truth may wait for the second try.
const SOON: Duration = Duration::from_millis(1500);

/// How long a request about a Secret may take before the status says that it is waited for.
pub(crate) const SLOW: Duration = Duration::from_secs(3);

/// Whether a failure that is `transient`, after `failures` in a row and before a try as `verdict` says, waits for that try.
pub(crate) fn waits(transient: bool, failures: u32, verdict: Verdict) -> bool {
    let soon = match verdict {
        Verdict::Retry | Verdict::Conflict => true,
        Verdict::RetryAfter(least) => least <= SOON,
        Verdict::Settled | Verdict::Parked | Verdict::Hold(_) => false,
    };
    transient && failures == 0 && soon
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_failure_that_is_soon_retried_waits() {
        let after = |seconds| Verdict::RetryAfter(Duration::from_secs(seconds));
        for (transient, failures, verdict, expected) in [
            (true, 0, Verdict::Retry, true),
            (true, 0, Verdict::Conflict, true),
            (true, 0, after(1), true),
            (true, 0, after(2), false),
            (true, 0, after(30), false),
            (true, 0, Verdict::Hold(Duration::ZERO), false),
            (true, 0, Verdict::Settled, false),
            (true, 1, Verdict::Retry, false),
            (true, 1, Verdict::Conflict, false),
            (true, 1, after(1), false),
            (true, 7, after(30), false),
            (false, 0, Verdict::Retry, false),
            (false, 0, after(1), false),
        ] {
            assert_eq!(waits(transient, failures, verdict), expected, "{transient} {failures} {verdict:?}");
        }
    }
}
