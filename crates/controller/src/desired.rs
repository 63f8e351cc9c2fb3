//! The Secret that an object states: by RSA and templates, each on threads of its own, or from memory if it states none.

use std::sync::Arc;
use std::time::Instant;

use bulla_core::sealed::{ObjectHints, Scope, UnsealedSecret};

use crate::dialect::sealed_secret::{self, Unstated};
use crate::engine::Engine;
use crate::object::Observed;
use crate::report::applied::Applied;
use crate::report::reason::Reason;

/// What decides whether an object opens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Asked {
    generation: i64,
    scope: Option<Scope>,
    pub(crate) keys: u64,
}

/// Why an object states no Secret, and what that was found from: without a change there is no need to ask again.
pub(crate) type Remembered = Option<(Asked, Unstated)>;

/// The Secret that `object` states, or why it states none.
///
/// An object with templates has its place ([`Engine::renders`]) when this is called. It is given back here as soon as the
/// templates have run; by whoever calls, if what is remembered answers and nothing ran.
pub(crate) async fn desired(
    engine: &Engine,
    object: &Observed,
    record: Option<&Applied>,
    unstated: &mut Remembered,
) -> Result<UnsealedSecret, Unstated> {
    let (ring, keys) = engine.keys.ring();
    let asked = Asked { generation: object.generation, scope: object.scope(), keys };
    if let Some((before, unstated)) = unstated
        && *before == asked
    {
        return Err(unstated.clone());
    }
    let stated = match &object.sealed {
        Err(why) => Err(sealed_secret::unreadable(why)),
        Ok(sealed) => {
            let sealed = Arc::clone(sealed);
            let size = sealed.items.len();
            let last_key = record.and_then(Applied::last_key);
            let accept_deprecated_data = engine.config.accept_deprecated_data;
            let no_keys = ring.keys().is_empty();
            let work = move || {
                let start = Instant::now();
                let mut hints = ObjectHints::new(&sealed.namespace, sealed.created, last_key);
                let opened = sealed_secret::opened(&sealed, &ring, &mut hints, accept_deprecated_data);
                (opened, start.elapsed())
            };
            let opening = async {
                let opened = engine.pool.run(size, work).await.map(|(opened, took)| {
                    engine.metrics.running.unsealed(took);
                    opened
                });
                match opened? {
                    Ok(opened) if opened.has_templates() => {
                        engine.renders.run(&object.key.namespace, move || sealed_secret::rendered(opened)).await
                    }
                    Ok(opened) => Ok(sealed_secret::rendered(opened)),
                    Err(unstated) if no_keys && unstated.reason == Reason::WrongKey => {
                        Ok(Err(Unstated { reason: Reason::NoSealingKey, ..unstated }))
                    }
                    Err(unstated) => Ok(Err(unstated)),
                }
            };
            let stated = if object.has_templates() { engine.slots.aside(opening).await } else { opening.await };
            engine.leave_place(&object.key);
            match stated {
                Ok(stated) => stated,
                // Not remembered: a bug that depends on the object only is tried again, at the queue's pace.
                Err(broken) => return Err(sealed_secret::unreadable(&broken.to_string())),
            }
        }
    };
    *unstated = stated.as_ref().err().filter(|unstated| !unstated.may_pass).map(|unstated| (asked, unstated.clone()));
    stated
}
