use proptest::prelude::*;

use super::*;

const TIMING: Timing = Timing { lease: Duration::from_secs(15), deadline: Duration::from_secs(10) };
const SECOND: Duration = Duration::from_secs(1);

fn record(version: &str, holder: &str) -> Record {
    Record { version: version.to_owned(), holder: holder.to_owned(), duration: Some(TIMING.lease), transitions: 4 }
}

fn election() -> Election {
    Election::new("me".to_owned(), TIMING)
}

#[test]
fn what_is_read_decides_what_is_done() {
    let now = Instant::now();
    for (read, expected) in [
        (None, Step::Write(Claim { transitions: 0, taken: true })),
        (Some(record("1", "")), Step::Write(Claim { transitions: 5, taken: true })),
        (Some(record("1", "me")), Step::Write(Claim { transitions: 4, taken: false })),
        (Some(record("1", "other")), Step::Wait),
    ] {
        let mut election = election();
        assert_eq!(election.step(now), Step::Read);
        election.observed(read.clone(), now);
        assert_eq!(election.step(now), expected, "{read:?}");
        assert!(!election.may_write(now), "reading is not holding: {read:?}");
    }
}

#[test]
fn a_lease_has_run_out_when_it_was_seen_unchanged_for_as_long_as_it_lasts() {
    let start = Instant::now();
    let mut election = election();
    election.observed(Some(record("1", "other")), start);
    election.observed(Some(record("1", "other")), start + 14 * SECOND);
    assert_eq!(election.step(start + 14 * SECOND), Step::Wait);
    election.observed(Some(record("2", "other")), start + 14 * SECOND);
    assert_eq!(election.step(start + 28 * SECOND), Step::Wait, "it was renewed");
    assert!(matches!(election.step(start + 29 * SECOND), Step::Write(Claim { taken: true, .. })));
    let forgotten = Record { duration: None, ..record("3", "other") };
    election.observed(Some(forgotten), start + 30 * SECOND);
    assert_eq!(election.step(start + 44 * SECOND), Step::Wait, "a holder who says no duration has ours");
    assert_ne!(election.step(start + 45 * SECOND), Step::Wait);
}

#[test]
fn the_holder_stops_before_the_others_begin() {
    let sent = Instant::now();
    let mut election = election();
    election.observed(None, sent);
    election.written(Some(record("1", "me")), sent);
    assert!(election.may_write(sent + 9 * SECOND));
    assert!(!election.may_write(sent + 10 * SECOND));
    assert!(matches!(election.step(sent), Step::Write(Claim { taken: false, .. })), "the next step renews");
    election.failed();
    assert_eq!(election.step(sent), Step::Read, "nobody knows whether the request was carried out");
    assert!(election.may_write(sent + 9 * SECOND), "the last renewal counts");
    election.observed(Some(record("2", "other")), sent + SECOND);
    assert!(!election.may_write(sent + SECOND), "the Lease is lost");
}

#[test]
fn a_lease_that_is_deleted_under_its_holder_is_not_taken_at_once() {
    let now = Instant::now();
    let mut election = election();
    election.observed(Some(record("1", "other")), now);
    election.observed(None, now + SECOND);
    assert_eq!(election.step(now + 14 * SECOND), Step::Wait);
    assert!(matches!(election.step(now + 15 * SECOND), Step::Write(_)));
}

#[test]
fn who_resigns_writes_no_more_and_knows_whether_there_is_something_to_give_back() {
    let now = Instant::now();
    let mut election = election();
    assert_eq!(election.holds(), None);
    assert!(!election.resign(), "there is nothing to give back");
    election.written(Some(record("1", "me")), now);
    assert!(election.resign());
    assert!(!election.may_write(now));
    assert_eq!(election.holds(), Some(true));
    election.observed(Some(record("2", "other")), now);
    assert_eq!(election.holds(), Some(false));
}

/// The API server: one Lease with optimistic locking.
#[derive(Default)]
struct Store {
    lease: Option<Record>,
    counter: u64,
}

impl Store {
    /// What a conditional write of `holder` does; `None` is a conflict.
    fn write(&mut self, expected: Option<&str>, holder: &str, claim: Claim) -> Option<Record> {
        if self.lease.as_ref().map(|lease| lease.version.as_str()) != expected {
            return None;
        }
        self.counter += 1;
        let lease = Record {
            version: self.counter.to_string(),
            holder: holder.to_owned(),
            duration: Some(TIMING.lease),
            transitions: claim.transitions,
        };
        self.lease = Some(lease.clone());
        Some(lease)
    }
}

/// A request on its way.
struct Flight {
    step: Step,
    expected: Option<String>,
    sent: u64,
    arrives: u64,
    /// `None` once the API server has seen it.
    answer: Option<Answer>,
    returns: u64,
    lost_there: bool,
    lost_back: bool,
}

enum Answer {
    Read(Option<Record>),
    Written(Option<Record>),
}

struct Replica {
    election: Election,
    flight: Option<Flight>,
    rests_until: u64,
    dead: bool,
}

/// Milliseconds of one step of the simulation.
const TICK: u64 = 100;

#[derive(Clone, Debug)]
struct Weather {
    there: u64,
    back: u64,
    lost_there: bool,
    lost_back: bool,
    dies: bool,
}

fn weather() -> impl Strategy<Value = Weather> {
    // Delays up to four seconds, and now and then one that outlasts every deadline.
    let delay = prop_oneof![8 => 0..5u64, 3 => 5..40u64, 1 => 40..250u64];
    (delay.clone(), delay, prop::bool::weighted(0.15), prop::bool::weighted(0.15), prop::bool::weighted(0.02)).prop_map(
        |(there, back, lost_there, lost_back, dies)| Weather {
            there: there * TICK,
            back: back * TICK,
            lost_there,
            lost_back,
            dies,
        },
    )
}

/// Runs three replicas for the given time; returns who may write at the end.
fn simulate(weathers: &[Weather], start: Instant, ticks: u64, calm_from: u64) -> Result<Option<usize>, TestCaseError> {
    let mut store = Store::default();
    let mut replicas: Vec<Replica> = (0..3)
        .map(|n| Replica {
            election: Election::new(format!("replica-{n}"), TIMING),
            flight: None,
            rests_until: n * TICK,
            dead: false,
        })
        .collect();
    let mut weathers = weathers.iter().cycle();
    let mut last = None;
    for now in (0..ticks).map(|tick| tick * TICK) {
        let at = |millis: u64| start + Duration::from_millis(millis);
        for replica in replicas.iter_mut().filter(|replica| !replica.dead) {
            let me = replica.election.me().to_owned();
            if let Some(flight) = &mut replica.flight {
                if flight.answer.is_none() && now >= flight.arrives {
                    flight.answer = Some(match flight.step {
                        _ if flight.lost_there => Answer::Written(None),
                        Step::Write(claim) => Answer::Written(store.write(flight.expected.as_deref(), &me, claim)),
                        _ => Answer::Read(store.lease.clone()),
                    });
                }
                // The client gives a request up after half of the deadline, whatever becomes of it.
                let given_up = now >= flight.sent + 5000;
                if now < flight.returns && !given_up {
                    continue;
                }
                let sent = at(flight.sent);
                let lost = given_up || flight.lost_there || flight.lost_back;
                match flight.answer.take().filter(|_| !lost) {
                    Some(Answer::Read(record)) => replica.election.observed(record, at(now)),
                    Some(Answer::Written(Some(record))) => {
                        replica.election.written(Some(record), sent);
                        replica.rests_until = now + 2000;
                    }
                    Some(Answer::Written(None)) => replica.election.failed(),
                    None => {
                        replica.election.failed();
                        replica.rests_until = now + 2000;
                        // It may still be on its way, and arrive after we stopped waiting.
                        if let Step::Write(claim) = flight.step
                            && !flight.lost_there
                            && now < flight.arrives
                        {
                            store.write(flight.expected.as_deref(), &me, claim);
                        }
                    }
                }
                replica.flight = None;
            }
            if now < replica.rests_until {
                continue;
            }
            let step = replica.election.step(at(now));
            if step == Step::Wait {
                replica.election.look_again();
                replica.rests_until = now + 2000;
                continue;
            }
            let calm = Weather { there: TICK, back: TICK, lost_there: false, lost_back: false, dies: false };
            let weather = if now >= calm_from { &calm } else { weathers.next().unwrap_or(&calm) };
            replica.dead = weather.dies && now < calm_from;
            replica.flight = Some(Flight {
                step,
                expected: replica.election.record().map(|record| record.version.clone()),
                sent: now,
                arrives: now + weather.there,
                answer: None,
                returns: now + weather.there + weather.back,
                lost_there: weather.lost_there,
                lost_back: weather.lost_back,
            });
        }
        let writing: Vec<usize> = (0..replicas.len()).filter(|n| replicas[*n].election.may_write(at(now))).collect();
        prop_assert!(writing.len() <= 1, "{writing:?} write at {now} ms");
        last = writing.first().copied();
        if replicas.iter().all(|replica| replica.dead) {
            return Ok(Some(usize::MAX));
        }
    }
    Ok(last)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn whatever_is_lost_or_late_never_two_write_and_in_calm_weather_one_does(
        weathers in prop::collection::vec(weather(), 1..60)
    ) {
        // Ten minutes, the last of them calm.
        let last = simulate(&weathers, Instant::now(), 6000, 5400)?;
        prop_assert!(last.is_some(), "nobody leads after a minute without faults");
    }
}
