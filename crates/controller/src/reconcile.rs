//! One object, from what is known to what is done: settled? -> desired -> plan -> apply -> report.
//!
//! The order of the steps lives here, no rule does: what may be written is `plan`'s, what is reported `conditions`', when it
//! is tried again the queue's.

use std::pin::pin;

use crate::api::ApiFailure;
use crate::apply;
use crate::collect::collect;
use crate::desired::{Remembered, desired};
use crate::drift::Repairs;
use crate::engine::Engine;
use crate::index::Live;
use crate::object::{ObjectKey, Observed};
use crate::queue::{Verdict, Wake};
use crate::recovery::Outage;
use crate::report;
use crate::report::applied::Applied;
use crate::report::conditions::{Failed, Outcome};
use crate::report::reason::Course;
use crate::report::telling;
use crate::report::write::Told;
use crate::write::{Done, Task, Unwritten, Write, failed_write, slow, verdict_of, write_secret};

/// What is remembered of an object between two tries. Nothing secret, and nothing that a restart could not do without.
#[derive(Default)]
pub(crate) struct Memory {
    uid: Box<str>,
    instance: Box<str>,
    /// What we wrote, or looked at last.
    applied: Option<Applied>,
    unstated: Remembered,
    repairs: Repairs,
    pub(crate) told: Option<Told>,
    /// When this replica wrote it down, see [`crate::replicas::gate::Gate::term`].
    term: u64,
}

impl Memory {
    /// What is remembered counts as long as nobody else has written since.
    pub(crate) fn of_term(self, term: u64) -> Self {
        if self.term == term { self } else { Self { term, uid: self.uid, instance: self.instance, ..Self::default() } }
    }

    /// Whether another key could mend the object.
    pub(crate) fn wants_key(&self) -> bool {
        self.unstated.as_ref().is_some_and(|(_, unstated)| unstated.wants_key)
    }
}

/// What became of a try.
struct Tried {
    outcome: Outcome,
    verdict: Verdict,
    write: Write,
    /// Likely gone in a moment: not worth a status yet.
    transient: bool,
    /// What it failed by, if others likely do, too.
    outage: Option<Outage>,
}

/// Works on one object.
pub(crate) async fn reconcile(engine: &Engine, key: &ObjectKey) -> Verdict {
    engine.metrics.worked_on();
    let mut memory = engine.take_memory(key);
    let object = engine.index().sealed(key);
    let was_replaced = !memory.uid.is_empty() && object.as_ref().is_none_or(|object| object.uid != memory.uid);
    if was_replaced
        && engine.config.old_gc_behavior
        && let Err(verdict) = collect(engine, key, &memory.uid, memory.applied.as_ref()).await
    {
        engine.put_memory(key, memory);
        return verdict;
    }
    let Some(object) = object else {
        // Gone: Kubernetes collects its Secret. What was remembered is dropped here.
        engine.metrics.forget(key, &memory.instance);
        engine.ended(key, None);
        engine.uses().remove(key);
        return Verdict::Settled;
    };
    if memory.uid != object.uid || memory.instance != object.instance {
        engine.metrics.forget(key, &memory.instance);
        if memory.uid != object.uid {
            if !memory.uid.is_empty() {
                engine.uses().remove(key);
            }
            memory = Memory { uid: object.uid.clone(), term: memory.term, ..Memory::default() };
        }
        memory.instance = object.instance.clone();
    }
    if object.terminating {
        engine.put_memory(key, memory);
        engine.ended(key, None);
        return Verdict::Settled;
    }
    let (verdict, outage) = work(engine, &object, &mut memory).await;
    // What was not tried says nothing about an outage.
    if verdict != Verdict::Parked {
        let told = outage.is_none() && verdict != Verdict::Conflict && engine.gate.may_write();
        if let Some(took) = engine.queue.answered(key).filter(|_| told) {
            engine.metrics.running.reconciled(took);
        }
        engine.ended(key, outage);
    }
    if let Some(record) = &memory.applied {
        engine.uses().set(key, record, object.items());
    }
    let keys = memory.unstated.as_ref().filter(|_| memory.wants_key()).map(|(asked, _)| asked.keys);
    engine.put_memory(key, memory);
    // A key that came while its memory was with us has woken everybody else.
    if keys.is_some_and(|keys| keys != engine.keys.ring().1) {
        engine.queue.wake(key, Wake::Mended);
    }
    verdict
}

/// What to do next, and the outage that the work ended in, if any.
async fn work(engine: &Engine, object: &Observed, memory: &mut Memory) -> (Verdict, Option<Outage>) {
    let record = memory.applied.clone().or_else(|| Applied::read(&object.status));
    let known = memory.applied.is_some();
    let looking = engine.live(&object.key);
    let live = match patiently(engine, object, record.is_some(), &mut memory.told, looking).await {
        Ok(live) => live,
        Err(failure) => {
            let transient = failure.is_transient();
            let tried = failed_try(failed_write(object, &failure, record.is_some()), verdict_of(&failure), transient);
            let tried = Tried { outage: Outage::of(&failure, &object.key.namespace), ..tried };
            return tell(engine, object, tried, memory).await;
        }
    };
    if let Some(record) = record.as_ref().filter(|record| is_settled(engine, object, &live, record, known)) {
        engine.metrics.condition(object, Course::Done);
        if !known {
            // After a restart: everything is as it was left.
            memory.applied = Some(record.clone());
            return (Verdict::Settled, None);
        }
        let outcome = Outcome::Applied(on_record(object, record));
        let told = report::write::report(engine, object, &outcome, Write::Nothing, &mut memory.told).await;
        return after_report(object, told, Verdict::Settled, None);
    }
    if live == Live::Absent && record.is_some() {
        let asking = is_gone(engine, object);
        if patiently(engine, object, false, &mut memory.told, asking).await {
            return (Verdict::Settled, None);
        }
    }
    // Opened and rendered are only so many at a time, so that nobody's templates hold up everybody's objects.
    if object.has_templates() && !engine.renders.enter(&object.key) {
        return (Verdict::Parked, None);
    }
    let tried = attempt(engine, object, &live, record.as_ref(), memory).await;
    tell(engine, object, tried, memory).await
}

/// Counts, reports, and says when to come back.
async fn tell(engine: &Engine, object: &Observed, tried: Tried, memory: &mut Memory) -> (Verdict, Option<Outage>) {
    // Another replica tells what it finds.
    if !engine.gate.may_write() {
        return (Verdict::Retry, None);
    }
    if let Outcome::Failed(failed) = &tried.outcome {
        if let Some(step) = failed.reason.step() {
            engine.metrics.failed(step, &object.key.namespace);
        }
        if telling::waits(tried.transient, engine.queue.failures(&object.key), tried.verdict) {
            tracing::debug!(
                namespace = &*object.key.namespace,
                name = &*object.key.name,
                error = failed.error,
                "will retry"
            );
            return (tried.verdict, tried.outage);
        }
    }
    engine.metrics.condition(object, tried.outcome.reason().course());
    let told = report::write::report(engine, object, &tried.outcome, tried.write, &mut memory.told).await;
    after_report(object, told, tried.verdict, tried.outage)
}

/// Waits for the API server, and says so in the status if that takes long. `holds`: the Secret that was written last is
/// still there.
async fn patiently<T>(
    engine: &Engine,
    object: &Observed,
    holds: bool,
    told: &mut Option<Told>,
    asked: impl Future<Output = T>,
) -> T {
    let mut asked = pin!(asked);
    tokio::select! {
        answer = &mut asked => answer,
        () = tokio::time::sleep(telling::SLOW) => {
            let waiting = Outcome::Failed(slow(holds));
            engine.metrics.condition(object, waiting.reason().course());
            let telling = report::write::report(engine, object, &waiting, Write::Nothing, told);
            // Whether that could be told or not, the answer is what counts.
            tokio::join!(asked, telling).0
        }
    }
}

/// What was not told is told by another try: it finds the object settled, if the Secret is done, and reports again.
fn after_report(
    object: &Observed,
    told: Result<(), ApiFailure>,
    verdict: Verdict,
    outage: Option<Outage>,
) -> (Verdict, Option<Outage>) {
    let Err(failure) = told else { return (verdict, outage) };
    let verdict = failure.retry_after().map_or(Verdict::Retry, Verdict::RetryAfter);
    (verdict, Outage::of(&failure, &object.key.namespace))
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
        record.generation == object.generation && object.scope().is_some_and(|scope| *record.scope == *scope.as_str());
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
    let mut secret = match desired(engine, object, record, &mut memory.unstated).await {
        Ok(secret) => secret,
        Err(unstated) => {
            let mut explanations = unstated.explanations;
            if unstated.wants_key {
                explanations.splice(0..0, not_loaded(engine, record));
            }
            if !explanations.is_empty() {
                explanations.push(unstated.reason.cure().to_owned());
            }
            let failed = Failed { reason: unstated.reason, error: unstated.error, explanations, applied_holds: holds };
            return failed_try(failed, Verdict::Retry, false);
        }
    };
    let task = Task { object, live, record };
    let writing = write_secret(engine, task, &mut secret, &mut memory.repairs);
    match patiently(engine, object, holds, &mut memory.told, writing).await {
        Ok(Done { live, lent, write, pause }) => {
            let scope = object.scope().unwrap_or_default();
            let record = Applied::new(&secret, object.generation, scope, &live.uid, &live.resource_version);
            let record = Applied { lent, ..record };
            engine.index().note_secret(&object.key, &live);
            let first_look = memory.applied.is_none();
            memory.applied = Some(record.clone());
            let looked = matches!(write, Write::Nothing) && !first_look;
            let shown = if looked { on_record(object, &record) } else { record };
            Tried {
                outcome: Outcome::Applied(shown),
                verdict: pause.map_or(Verdict::Settled, Verdict::Hold),
                write,
                transient: false,
                outage: None,
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
            let transient = failure.is_transient() || verdict == Verdict::Conflict;
            let tried = failed_try(failed_write(object, &failure, holds), verdict, transient);
            Tried { outage: Outage::of(&failure, &object.key.namespace), ..tried }
        }
    }
}

/// Keys that opened the object before, and that somebody has labelled as not active since.
fn not_loaded(engine: &Engine, record: Option<&Applied>) -> Vec<String> {
    let keys = record.map_or(&[][..], |record| &record.keys);
    let explanation = |key: &str| {
        let (name, label) = engine.keys.shelved(key)?;
        Some(format!("was opened by key {key}, whose Secret {name:?} is labelled {label:?}: not loaded"))
    };
    keys.iter().filter_map(|key| explanation(key)).collect()
}

fn failed_try(failed: Failed, verdict: Verdict, transient: bool) -> Tried {
    Tried { outcome: Outcome::Failed(failed), verdict, write: Write::Nothing, transient, outage: None }
}
