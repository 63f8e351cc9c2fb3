//! Writes what is to be told: the status, and an event on each transition.

use std::sync::atomic::Ordering;

use jiff::Timestamp;

use crate::api::ApiFailure;
use crate::apply;
use crate::engine::Engine;
use crate::object::Observed;
use crate::report::conditions::{Outcome, next_status};
use crate::report::events::{Event, event_of};
use crate::report::reason::Reason;
use crate::report::status::{SYNCED, SealedStatus};
use crate::write::Write;

/// Conflicts in a row before the queue takes over.
const TRIES: usize = 4;

/// What was told last about an object, so that the same is not told twice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Told {
    generation: i64,
    reason: Reason,
    error: String,
}

impl Told {
    fn of(outcome: &Outcome, generation: i64) -> Self {
        match outcome {
            Outcome::Applied(_) => Self { generation, reason: Reason::Unsealed, error: String::new() },
            Outcome::Failed(failed) => Self { generation, reason: failed.reason, error: failed.error.clone() },
        }
    }

    /// What the status says that an earlier run of the controller told.
    fn before(status: &SealedStatus) -> Option<Self> {
        let synced = status.condition(SYNCED)?;
        Some(Self {
            generation: status.observed_generation?,
            reason: Reason::parse(&synced.reason)?,
            error: synced.message.to_string(),
        })
    }
}

/// Tells of `outcome` and of what was done to the Secret.
///
/// # Errors
/// When the status could not be written: why.
pub(crate) async fn report(
    engine: &Engine,
    object: &Observed,
    outcome: &Outcome,
    write: Write,
    told: &mut Option<Told>,
) -> Result<(), ApiFailure> {
    let now = Timestamp::now();
    let telling = Told::of(outcome, object.generation);
    let before = told.take().or_else(|| Told::before(&object.status));
    let mut events = Vec::new();
    if matches!(write, Write::Written) || before.as_ref() != Some(&telling) {
        log(object, outcome);
        events.push(event_of(outcome));
    }
    if let Write::Corrected(corrections) = write {
        events.extend(corrections);
    }
    for event in events {
        write_event(engine, object, &event).await;
    }
    *told = Some(telling);
    if !engine.config.update_status {
        return Ok(());
    }
    write_status(engine, object, outcome, now).await.inspect_err(|failure| {
        if *failure == ApiFailure::NotLeading {
            return;
        }
        engine.metrics.status_failed(&object.key.namespace);
        tracing::error!("sealed-secret" = %object.key, error = %failure, "Error updating SealedSecret status");
    })
}

/// Best effort, as everywhere in Kubernetes.
async fn write_event(engine: &Engine, object: &Observed, event: &Event) {
    tracing::info!("{}", event.line(object));
    let event = event.to_json(object, Timestamp::now());
    if let Err(failure) = apply::write_event(&engine.client, &object.key.namespace, &event).await
        && failure != ApiFailure::NotLeading
        && !engine.events_refused.swap(true, Ordering::Relaxed)
    {
        tracing::warn!(error = %failure, "cannot write events: grant create on events; said once");
    }
}

async fn write_status(engine: &Engine, object: &Observed, outcome: &Outcome, now: Timestamp) -> Result<(), ApiFailure> {
    let key = &object.key;
    let (mut status, mut version) = (object.status.clone(), object.resource_version.to_string());
    for _ in 0..TRIES {
        let Some(next) = next_status(&status, object.generation, outcome, now) else { return Ok(()) };
        match apply::write_status(&engine.client, key, &object.uid, &version, &next).await {
            Ok(version) => {
                engine.index().note_status(key, &object.uid, &version, &next);
                return Ok(());
            }
            Err(failure) if failure.code() == Some(404) => return Ok(()),
            Err(failure) if failure.code() == Some(409) => match apply::read_sealed(&engine.client, key).await? {
                // Another object of the same name, or another controller that is ahead of us: not ours to tell.
                Some(fresh) if fresh.uid != object.uid => return Ok(()),
                Some(fresh) if fresh.status.observed_generation > Some(object.generation) => return Ok(()),
                Some(fresh) => (status, version) = (fresh.status, fresh.resource_version.into()),
                None => return Ok(()),
            },
            Err(failure) => return Err(failure),
        }
    }
    Err(ApiFailure::Transport("the object changes faster than its status can be written".to_owned()))
}

fn log(object: &Observed, outcome: &Outcome) {
    let (key, generation) = (&object.key, object.generation);
    match outcome {
        Outcome::Applied(_) => tracing::info!(%key, generation, "unsealed"),
        Outcome::Failed(failed) => {
            let reason = failed.reason.as_str();
            tracing::error!(%key, error = failed.error, reason, generation, "Error updating, will retry");
        }
    }
}
