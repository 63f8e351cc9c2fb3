//! One object, from what is known to what is done: settled? -> desired -> plan -> apply -> report.
//!
//! The order of the steps lives here, no rule does: what may be written is `plan`'s, what is reported `conditions`', when it
//! is tried again the queue's.

use std::sync::Arc;
use std::time::Duration;

use bulla_core::sealed::{ObjectHints, OwnerReference, Scope, UnsealedSecret};
use tokio::time::Instant;

use crate::api::ApiFailure;
use crate::apply;
use crate::dialect::sealed_secret::{self, Unstated};
use crate::drift::{Repair, Repairs};
use crate::engine::Engine;
use crate::index::Live;
use crate::live::LiveSecret;
use crate::object::{ObjectKey, Observed, SecretRef};
use crate::plan::{self, Plan, Refusal};
use crate::queue::{Verdict, Wake};
use crate::report::applied::Applied;
use crate::report::conditions::{Failed, Outcome};
use crate::report::reason::Reason;
use crate::report::write::{self, Told};

/// What is remembered of an object between two tries. Nothing secret, and nothing that a restart could not do without.
#[derive(Default)]
pub(crate) struct Memory {
    uid: Box<str>,
    instance: Box<str>,
    /// What we wrote, or looked at last.
    applied: Option<Applied>,
    /// Why the object states no Secret, and what that was found from: without a change there is no need to ask RSA again.
    unstated: Option<(Asked, Unstated)>,
    repairs: Repairs,
    pub(crate) told: Option<Told>,
}

/// What decides whether an object opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Asked {
    generation: i64,
    scope: Option<Scope>,
    keys: u64,
}

impl Memory {
    /// Whether another key could mend the object.
    pub(crate) fn wants_key(&self) -> bool {
        self.unstated.as_ref().is_some_and(|(_, unstated)| unstated.wants_key)
    }
}

/// What became of a try.
struct Tried {
    outcome: Outcome,
    verdict: Verdict,
    /// The Secret was created or updated.
    wrote: bool,
    /// Likely gone in a moment: not worth a status yet.
    transient: bool,
}

/// Works on one object.
pub(crate) async fn reconcile(engine: &Engine, key: &ObjectKey) -> Verdict {
    engine.metrics.worked_on();
    let mut memory = engine.take_memory(key);
    let Some(object) = engine.index().sealed(key) else {
        // Gone: Kubernetes collects its Secret. What was remembered is dropped here.
        engine.metrics.forget(key, &memory.instance);
        return Verdict::Settled;
    };
    if memory.uid != object.uid || memory.instance != object.instance {
        engine.metrics.forget(key, &memory.instance);
        if memory.uid != object.uid {
            memory = Memory { uid: object.uid.clone(), ..Memory::default() };
        }
        memory.instance = object.instance.clone();
    }
    if object.terminating {
        engine.put_memory(key, memory);
        return Verdict::Settled;
    }
    let verdict = work(engine, &object, &mut memory).await;
    let keys = memory.unstated.as_ref().filter(|_| memory.wants_key()).map(|(asked, _)| asked.keys);
    engine.put_memory(key, memory);
    // A key that came while its memory was with us has woken everybody else.
    if keys.is_some_and(|keys| keys != engine.keys.ring().1) {
        engine.queue.wake(key, Wake::Mended);
    }
    verdict
}

async fn work(engine: &Engine, object: &Observed, memory: &mut Memory) -> Verdict {
    let live = engine.index().secret(&object.key);
    let record = memory.applied.clone().or_else(|| Applied::read(&object.status));
    let known = memory.applied.is_some();
    if let Some(record) = record.as_ref().filter(|record| is_settled(engine, object, &live, record, known)) {
        engine.metrics.condition(object, true);
        if !known {
            // After a restart: everything is as it was left.
            memory.applied = Some(record.clone());
            return Verdict::Settled;
        }
        let outcome = Outcome::Applied(on_record(object, record));
        return write::report(engine, object, &outcome, false, &mut memory.told).await.unwrap_or(Verdict::Settled);
    }
    if live == Live::Absent && record.is_some() && is_gone(engine, object).await {
        return Verdict::Settled;
    }
    let tried = attempt(engine, object, &live, record.as_ref(), memory).await;
    if let Outcome::Failed(failed) = &tried.outcome {
        if let Some(step) = failed.reason.step() {
            engine.metrics.failed(step, &object.key.namespace);
        }
        if tried.transient && engine.queue.failures(&object.key) == 0 {
            tracing::debug!(
                namespace = &*object.key.namespace,
                name = &*object.key.name,
                error = failed.error,
                "will retry"
            );
            return tried.verdict;
        }
    }
    engine.metrics.condition(object, matches!(tried.outcome, Outcome::Applied(_)));
    match write::report(engine, object, &tried.outcome, tried.wrote, &mut memory.told).await {
        Ok(_) => tried.verdict,
        // The Secret is done, the status is not: the next try finds the object settled and reports again.
        Err(verdict) => verdict,
    }
}

/// A Secret that we wrote has gone: did somebody delete it, or did its SealedSecret go first, and the other watch has not
/// told yet? Then creating it again would make an orphan. Asked only before a recreation, which is rare.
async fn is_gone(engine: &Engine, object: &Observed) -> bool {
    match apply::read_sealed(&engine.client, &object.key).await {
        Ok(Some(fresh)) => fresh.uid != object.uid || fresh.terminating,
        Ok(None) => true,
        // Nobody knows: the recreation will meet the same trouble, and report it.
        Err(_) => false,
    }
}

/// Whether there is nothing to do: the Secret is the one that was written last, untouched, from what the object states now.
fn is_settled(engine: &Engine, object: &Observed, live: &Live, record: &Applied, known: bool) -> bool {
    let states_the_same =
        record.generation == object.generation && scope(object).is_some_and(|scope| *record.scope == *scope.as_str());
    let reported = known || object.status.is_synced(object.generation);
    let untouched = match live {
        Live::Present(secret) => secret.uid == record.secret && secret.resource_version == record.resource_version,
        Live::Absent => false,
        Live::Unknown => true,
    };
    states_the_same && reported && (untouched || object.ignores_drift || engine.config.skip_recreate)
}

/// An edit of the Secret that concerned nothing of ours is not worth a write: the record in the status may stay older than
/// the one in memory, as long as it speaks of the same.
fn on_record(object: &Observed, record: &Applied) -> Applied {
    match Applied::read(&object.status) {
        Some(written)
            if Applied { resource_version: record.resource_version.clone(), ..written.clone() } == *record =>
        {
            written
        }
        _ => record.clone(),
    }
}

fn scope(object: &Observed) -> Option<Scope> {
    object.sealed.as_ref().ok().map(|sealed| sealed.scope())
}

async fn attempt(
    engine: &Engine,
    object: &Observed,
    live: &Live,
    record: Option<&Applied>,
    memory: &mut Memory,
) -> Tried {
    // Whatever fails, does the Secret that was written last still stand?
    let holds = match (live, record) {
        (Live::Present(secret), Some(record)) => secret.uid == record.secret,
        (Live::Unknown, Some(_)) => true,
        _ => false,
    };
    let secret = match desired(engine, object, record, memory).await {
        Ok(secret) => secret,
        Err(unstated) => {
            let mut explanations = unstated.explanations;
            if !explanations.is_empty() {
                explanations.push(unstated.reason.cure().to_owned());
            }
            let failed = Failed { reason: unstated.reason, error: unstated.error, explanations, applied_holds: holds };
            return failed_try(failed, Verdict::Retry, false);
        }
    };
    let applied = write_secret(engine, object, &secret, live, record, &mut memory.repairs).await;
    match applied {
        Ok(Done { live, wrote, pause }) => {
            let scope = scope(object).unwrap_or_default();
            let record = Applied::new(&secret, object.generation, scope, &live.uid, &live.resource_version);
            engine.index().note_secret(&object.key, &live);
            let first_look = memory.applied.is_none();
            memory.applied = Some(record.clone());
            let shown = if wrote || first_look { record } else { on_record(object, &record) };
            Tried {
                outcome: Outcome::Applied(shown),
                verdict: pause.map_or(Verdict::Settled, Verdict::Hold),
                wrote,
                transient: false,
            }
        }
        Err(Unwritten::Refused(refusal, verdict)) => {
            let failed = Failed {
                reason: refusal.reason,
                error: refusal.error,
                explanations: vec![refusal.explanation],
                applied_holds: holds,
            };
            failed_try(failed, verdict, false)
        }
        Err(Unwritten::Failed(failure)) => {
            let verdict = verdict_of(&failure);
            failed_try(
                failed_write(object, &failure, holds),
                verdict,
                failure.is_transient() || verdict == Verdict::Conflict,
            )
        }
    }
}

fn failed_try(failed: Failed, verdict: Verdict, transient: bool) -> Tried {
    Tried { outcome: Outcome::Failed(failed), verdict, wrote: false, transient }
}

/// The Secret that the object states, by RSA or from memory.
async fn desired(
    engine: &Engine,
    object: &Observed,
    record: Option<&Applied>,
    memory: &mut Memory,
) -> Result<UnsealedSecret, Unstated> {
    let (ring, keys) = engine.keys.ring();
    let asked = Asked { generation: object.generation, scope: scope(object), keys };
    if let Some((before, unstated)) = &memory.unstated
        && *before == asked
    {
        return Err(unstated.clone());
    }
    let stated = match &object.sealed {
        Err(why) => Err(sealed_secret::unreadable(why)),
        Ok(sealed) => {
            let sealed = Arc::clone(sealed);
            let last_key = record.and_then(Applied::last_key);
            let accept_deprecated_data = engine.config.accept_deprecated_data;
            let no_keys = ring.keys().is_empty();
            let work = move || {
                let mut hints = ObjectHints::new(&sealed.namespace, sealed.created, last_key);
                sealed_secret::desired(&sealed, &ring, &mut hints, accept_deprecated_data)
            };
            let size = object.sealed.as_ref().map_or(0, |sealed| sealed.items.len());
            match engine.pool.run(size, work).await {
                Ok(Err(unstated)) if no_keys && unstated.reason == Reason::WrongKey => {
                    Err(Unstated { reason: Reason::NoSealingKey, ..unstated })
                }
                Ok(stated) => stated,
                // Not remembered: a bug that depends on the object only is tried again, at the queue's pace.
                Err(broken) => return Err(sealed_secret::unreadable(&broken.to_string())),
            }
        }
    };
    memory.unstated = stated.as_ref().err().map(|unstated| (asked, unstated.clone()));
    stated
}

/// Why a Secret was not written.
enum Unwritten {
    Refused(Refusal, Verdict),
    Failed(ApiFailure),
}

/// The Secret is as it should be.
struct Done {
    /// Who it is now.
    live: SecretRef,
    wrote: bool,
    /// Others touch it so often that the next look has to wait.
    pause: Option<Duration>,
}

/// Creates, updates or leaves the Secret.
async fn write_secret(
    engine: &Engine,
    object: &Observed,
    secret: &UnsealedSecret,
    live: &Live,
    record: Option<&Applied>,
    repairs: &mut Repairs,
) -> Result<Done, Unwritten> {
    let owner = OwnerReference { name: &object.key.name, uid: &object.uid };
    // Not ours by metadata alone: then nobody else's values are read.
    if let Live::Present(present) = live {
        let ours = match &present.controller {
            Some(controller) => *controller == object.uid,
            None => record.is_some_and(|record| record.secret == present.uid),
        };
        if !ours {
            return Err(Unwritten::Refused(plan::not_managed(&object.key.name), Verdict::Retry));
        }
    }
    // A Secret that is thought absent is created without asking; the API server says so if it is there after all.
    let guess_absent = matches!((live, record), (Live::Absent, _) | (Live::Unknown, None));
    let mut found = if guess_absent { None } else { read(engine, object).await? };
    for _ in 0..2 {
        let undone = record.is_some_and(|record| {
            let same_secret = found.as_ref().is_none_or(|found| found.text("uid") == &*record.secret);
            record.generation == object.generation && same_secret
        });
        match plan::plan(secret, &owner, found.as_ref(), record) {
            Plan::Refuse(refusal) => return Err(Unwritten::Refused(refusal, Verdict::Retry)),
            Plan::Leave => {
                let now = Instant::now();
                let pause = undone.then(|| {
                    repairs.made(Repair::Look, now);
                    repairs.hold(Repair::Look, now)
                });
                return match found {
                    Some(found) => Ok(Done { live: found.reference(), wrote: false, pause: pause.flatten() }),
                    None => Err(Unwritten::Failed(ApiFailure::Transport("the Secret went away".to_owned()))),
                };
            }
            Plan::Create(manifest) => {
                hold(repairs, Repair::Recreate, undone, object)?;
                match apply::create(&engine.client, &object.key, &manifest, secret).await {
                    Ok(written) => {
                        wrote(engine, object, "created", undone.then_some(Repair::Recreate), repairs);
                        return Ok(Done { live: written, wrote: true, pause: None });
                    }
                    Err(failure) if already_exists(&failure) => found = read(engine, object).await?,
                    Err(failure) => return Err(Unwritten::Failed(failure)),
                }
            }
            Plan::Update(manifest, changes) => {
                hold(repairs, Repair::Revert, undone, object)?;
                let written = apply::update(&engine.client, &object.key, &manifest, secret).await;
                let written = written.map_err(Unwritten::Failed)?;
                tracing::debug!(namespace = &*object.key.namespace, name = &*object.key.name, ?changes, "Updating");
                wrote(engine, object, "updated", undone.then_some(Repair::Revert), repairs);
                return Ok(Done { live: written, wrote: true, pause: None });
            }
        }
    }
    // Created and deleted under our hands.
    Err(Unwritten::Failed(ApiFailure::Transport("the Secret comes and goes".to_owned())))
}

async fn read(engine: &Engine, object: &Observed) -> Result<Option<LiveSecret>, Unwritten> {
    apply::read(&engine.client, &object.key).await.map_err(Unwritten::Failed)
}

/// Somebody undid what we wrote: repairs that come too often wait.
fn hold(repairs: &mut Repairs, repair: Repair, undone: bool, object: &Observed) -> Result<(), Unwritten> {
    let Some(wait) = repairs.hold(repair, Instant::now()).filter(|_| undone) else { return Ok(()) };
    let (name, times) = (&object.key.name, repairs.reverts());
    let refusal = Refusal {
        reason: Reason::Drift,
        error: format!("failed update: Secret \"{name}\" is changed by somebody else again and again"),
        explanation: format!(
            "the Secret {name:?} was put right {times} times lately and changed again: stop the other writer, or annotate the \
             SealedSecret with bulla.dev/drift: ignore"
        ),
    };
    Err(Unwritten::Refused(refusal, Verdict::Hold(wait)))
}

fn wrote(engine: &Engine, object: &Observed, what: &'static str, repair: Option<Repair>, repairs: &mut Repairs) {
    if let Some(repair) = repair {
        repairs.made(repair, Instant::now());
    }
    engine.metrics.secret_written(repair == Some(Repair::Revert));
    let repaired = repair.is_some();
    tracing::info!(namespace = &*object.key.namespace, name = &*object.key.name, what, repaired, "Secret written");
}

fn already_exists(failure: &ApiFailure) -> bool {
    matches!(failure, ApiFailure::Status { code: 409, reason, .. } if reason == "AlreadyExists")
}

fn verdict_of(failure: &ApiFailure) -> Verdict {
    match (failure.code(), failure.retry_after()) {
        (Some(409), _) => Verdict::Conflict,
        (_, Some(after)) => Verdict::RetryAfter(after),
        _ => Verdict::Retry,
    }
}

fn failed_write(object: &Observed, failure: &ApiFailure, holds: bool) -> Failed {
    let words = failure.to_string();
    // How upstream recognises it (sealed-secrets 6); the planner sees it first, unless the Secret changed meanwhile.
    let immutable = words.ends_with("field is immutable when `immutable` is set");
    let reason = match failure.code() {
        Some(403) => Reason::Forbidden,
        Some(422 | 400 | 413) if immutable => Reason::Immutable,
        Some(422 | 400 | 413) => Reason::Rejected,
        _ => Reason::ApiError,
    };
    let explanation = match reason {
        Reason::Forbidden if words.contains("being terminated") => format!("{words}: the namespace is being deleted"),
        Reason::Forbidden => format!("{words}: grant the controller create, get and update on secrets, see deploy/"),
        Reason::ApiError => format!("{words}: it is tried again until it works"),
        _ => format!("{}: {words}", object.key),
    };
    Failed { reason, error: format!("failed update: {words}"), explanations: vec![explanation], applied_holds: holds }
}
