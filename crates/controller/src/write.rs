//! Carries out what `plan` decided about one Secret: reads it if that is needed, creates, updates or leaves it, and holds
//! repairs back where `drift` says so. What to write is `plan`'s, how it is sent `apply`'s.

use std::time::Duration;

use bulla_core::sealed::{OwnerReference, UnsealedSecret};
use tokio::time::Instant;

use crate::api::ApiFailure;
use crate::apply;
use crate::drift::blame::{Blame, blame};
use crate::drift::{Hand, Repair, Repairs};
use crate::engine::Engine;
use crate::index::Live;
use crate::live::LiveSecret;
use crate::object::{Observed, SecretRef};
use crate::plan::{self, Changes, Plan, Refusal, ownership, refusal};
use crate::queue::Verdict;
use crate::report::applied::Applied;
use crate::report::conditions::Failed;
use crate::report::events::{Event, corrected};
use crate::report::reason::Reason;
use crate::varying;

/// Why a Secret was not written.
pub(crate) enum Unwritten {
    Refused(Refusal, Verdict),
    Failed(ApiFailure),
}

/// The Secret is as it should be.
pub(crate) struct Done {
    /// Who it is now.
    pub(crate) live: SecretRef,
    /// It is ours only as long as its own annotations say so.
    pub(crate) lent: bool,
    pub(crate) write: Write,
    /// Others touch it so often that the next look has to wait.
    pub(crate) pause: Option<Duration>,
}

/// What a try did to the Secret.
#[derive(Debug, Default)]
pub(crate) enum Write {
    /// Nothing.
    #[default]
    Nothing,
    /// It was created, or made as a new generation states it.
    Written,
    /// An edit was put right; these events tell of it.
    Corrected(Vec<Event>),
}

/// What the work on one Secret is about.
#[derive(Clone, Copy)]
pub(crate) struct Task<'a> {
    pub(crate) object: &'a Observed,
    /// What the watch says of the Secret.
    pub(crate) live: &'a Live,
    /// What was written before.
    pub(crate) record: Option<&'a Applied>,
}

/// Creates, updates or leaves the Secret.
pub(crate) async fn write_secret(
    engine: &Engine,
    task: Task<'_>,
    secret: &mut UnsealedSecret,
    repairs: &mut Repairs,
) -> Result<Done, Unwritten> {
    let Task { object, live, record } = task;
    let owner = OwnerReference { name: &object.key.name, uid: &object.uid };
    // Not ours by metadata alone: then nobody else's values are read.
    if let Live::Present(present) = live
        && ownership::claim(owner.uid, secret.stated_owners(), present, record).is_none()
    {
        return Err(Unwritten::Refused(refusal::not_managed(&object.key.name), Verdict::Retry));
    }
    // A Secret that is thought absent is created without asking; the API server says so if it is there after all.
    let guess_absent = matches!((live, record), (Live::Absent, _) | (Live::Unknown, None));
    let mut found = if guess_absent { None } else { read(engine, object).await? };
    for _ in 0..2 {
        let undone = record.is_some_and(|record| {
            let same_secret = found.as_ref().is_none_or(|found| found.text("uid") == &*record.secret);
            record.generation == object.generation && same_secret
        });
        varying::keep(secret, object.generation, found.as_ref(), record);
        match plan::plan(secret, &owner, found.as_ref(), record) {
            Plan::Refuse(refusal) => return Err(Unwritten::Refused(refusal, Verdict::Retry)),
            Plan::Leave { lent } => {
                let Some(found) = found else { return Err(went_away()) };
                let pause = undone.then(|| {
                    repairs.made(Repair::Look, &[Hand::Somebody], Instant::now());
                    repairs.hold(Repair::Look, &[Hand::Somebody], Instant::now())
                });
                return Ok(Done { live: found.reference(), lent, write: Write::Nothing, pause: pause.flatten() });
            }
            Plan::Create(manifest) => {
                if undone {
                    hold(repairs, Repair::Recreate, &[Hand::Somebody], object)?;
                }
                match apply::create(&engine.client, &object.key, &manifest, secret).await {
                    Ok(live) => {
                        if undone {
                            repairs.made(Repair::Recreate, &[Hand::Somebody], Instant::now());
                        }
                        note(engine, object, "created", undone);
                        return Ok(Done { live, lent: manifest.lent, write: Write::Written, pause: None });
                    }
                    Err(failure) if failure.says_already_exists() => found = read(engine, object).await?,
                    Err(failure) => return Err(Unwritten::Failed(failure)),
                }
            }
            Plan::Update(manifest, changes) => {
                let Some(found) = found else { return Err(went_away()) };
                let blames = if undone { blame(found.managed_fields(), &changes) } else { Vec::new() };
                let hands: Vec<Hand> = blames.iter().map(|blame| blame.hand.clone()).collect();
                if undone {
                    hold(repairs, Repair::Revert, &hands, object)?;
                }
                let kept = found.items().filter(|_| manifest.merge);
                let written = apply::update(&engine.client, &object.key, &manifest, secret, kept).await;
                let live = written.map_err(Unwritten::Failed)?;
                if undone {
                    repairs.made(Repair::Revert, &hands, Instant::now());
                }
                note(engine, object, "updated", undone);
                note_changes(object, &changes);
                let write = if undone { Write::Corrected(events(repairs, &blames)) } else { Write::Written };
                return Ok(Done { live, lent: manifest.lent, write, pause: None });
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
fn hold(repairs: &mut Repairs, repair: Repair, hands: &[Hand], object: &Observed) -> Result<(), Unwritten> {
    let Some(wait) = repairs.hold(repair, hands, Instant::now()) else { return Ok(()) };
    let name = &object.key.name;
    let who: Vec<String> = hands.iter().map(Hand::to_string).collect();
    let (who, what) = (who.join(" and "), if repair == Repair::Recreate { "deleted" } else { "changed" });
    let times: usize = hands.iter().map(|hand| repairs.reverts(hand)).max().unwrap_or_default();
    let refusal = Refusal {
        reason: Reason::Drift,
        error: format!("failed update: Secret \"{name}\" is {what} by {who} again and again"),
        explanation: format!(
            "the Secret {name:?} was put right {times} times lately and {what} again by {who}: stop the other writer, or \
             annotate the SealedSecret with bulla.dev/drift: ignore"
        ),
    };
    Err(Unwritten::Refused(refusal, Verdict::Hold(repairs.next_look(wait))))
}

/// One event for each hand that none was written about lately.
fn events(repairs: &mut Repairs, blames: &[Blame]) -> Vec<Event> {
    let now = Instant::now();
    blames.iter().filter(|blame| repairs.is_news(&blame.hand, now)).map(corrected).collect()
}

fn note(engine: &Engine, object: &Observed, what: &'static str, repaired: bool) {
    engine.metrics.secret_written(repaired && what == "updated");
    tracing::info!(key = %object.key, what, repaired, "Updating");
}

fn note_changes(object: &Observed, changes: &Changes) {
    tracing::debug!(key = %object.key, ?changes, "what differs");
}

fn went_away() -> Unwritten {
    Unwritten::Failed(ApiFailure::Transport("the Secret went away".to_owned()))
}

/// When to try again after a request that failed.
pub(crate) fn verdict_of(failure: &ApiFailure) -> Verdict {
    match (failure.code(), failure.retry_after()) {
        (Some(409), _) => Verdict::Conflict,
        (_, Some(after)) => Verdict::RetryAfter(after),
        _ => Verdict::Retry,
    }
}

/// A request that has not been answered yet.
pub(crate) fn slow(holds: bool) -> Failed {
    Failed {
        reason: Reason::ApiError,
        error: "failed update: the API server has not answered yet".to_owned(),
        explanations: vec![
            "the API server has not answered a request about the Secret yet: it is waited for".to_owned(),
        ],
        applied_holds: holds,
    }
}

/// A request that failed, as the status tells it. `holds`: the Secret that was written last is still there.
pub(crate) fn failed_write(object: &Observed, failure: &ApiFailure, holds: bool) -> Failed {
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
    // What the API server says is passed on as it is, as upstream does.
    Failed { reason, error: words, explanations: vec![explanation], applied_holds: holds }
}
