//! The script that judges presented tokens against the function it is a twin of: whatever state a session is in and
//! whatever is presented, both say the same and leave the same behind.

use std::time::Duration;

use daemun_engine::{
    apart::{Put, SessionsApart},
    client::{ClientPrint, Network},
    ids::SessionId,
    ports::{Rotated, Rotation},
    session::{
        Burst, Presented, Recovery, RevokeReason, Revoked, RotationPolicy, Session, Verdict, decide,
    },
    time::Timestamp,
};
use daemun_store_redis::RedisStore;
use daemun_test_servers::Redis;
use proptest::{
    collection::vec,
    option,
    prelude::*,
    sample::select,
    test_runner::{Config, TestRunner},
};

use crate::world::{self, now, session};

/// A token presented some time after the one before, or before it: clocks step back.
#[derive(Clone, Debug)]
struct Step {
    generation: Generation,
    later: i64,
    by: ClientPrint,
    policy: RotationPolicy,
}

#[derive(Clone, Copy, Debug)]
enum Generation {
    /// So far from the current one.
    Current(i64),
    /// So far from where the burst before began.
    Before(i64),
    Exactly(u64),
}

#[test]
fn the_script_judges_as_the_engine_does() {
    let Some(redis) = Redis::start() else { return };
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let store = runtime.block_on(world::open(&redis));
    let mut runner = TestRunner::new(Config {
        cases: 3_000,
        failure_persistence: None,
        ..Config::default()
    });
    let both = (state(), vec(step(), 1..12));
    let number = std::cell::Cell::new(0);
    let mut seen = std::collections::BTreeSet::new();
    let seen_by = std::cell::RefCell::new(&mut seen);
    let compared = runner.run(&both, |(session, steps)| {
        number.set(number.get() + 1);
        let id = SessionId::new(
            now(),
            [&[0; 2][..], &u64::to_be_bytes(number.get())].concat()[..]
                .try_into()
                .unwrap(),
        );
        let session = Session { id, ..session };
        let verdicts = runtime.block_on(compare(&store, session, &steps))?;
        let names = verdicts.iter().map(|verdict| format!("{verdict:?}"));
        seen_by
            .borrow_mut()
            .extend(names.map(|name| name.split('(').next().unwrap().to_owned()));
        Ok(())
    });
    compared.unwrap();
    let all = "Expired Recovered Replayed Reused Revoked RolledForward Rotated";
    let seen: Vec<_> = seen.into_iter().collect();
    assert_eq!(seen.join(" "), all, "every verdict was compared");
}

async fn compare(
    store: &RedisStore,
    mut session: Session,
    steps: &[Step],
) -> Result<Vec<Verdict>, TestCaseError> {
    let put = Put {
        session: &session,
        kept_until: None,
        replaces: None,
    };
    prop_assert_eq!(store.put(put).await.unwrap(), Some(Vec::new()));
    let read = store.session(session.id).await.unwrap();
    prop_assert_eq!(read.as_ref(), Some(&session));
    let mut at = session.rotated_at;
    let mut verdicts = Vec::new();
    for step in steps {
        at = Timestamp::from_unix_micros(at.unix_micros() + step.later);
        let presented = Presented {
            generation: step.generation.of(&session),
            by: step.by,
            at,
        };
        let rotation = Rotation {
            session: session.id,
            subject: session.subject.clone(),
            contract: session.contract.clone(),
            presented,
            network: Network::of([192, 0, 2, 1].into()),
            policy: step.policy,
            horizon: world::HORIZON,
        };
        let before = session.clone();
        let expected = decide(&mut session, presented, step.policy);
        let Rotated::Judged {
            verdict,
            session: after,
            revocation,
        } = store.rotate(&rotation).await.unwrap()
        else {
            return Err(TestCaseError::fail("not judged"));
        };
        let context = format!("{presented:?} under {:?} on {before:?}", step.policy);
        prop_assert_eq!(verdict, expected, "{}", context);
        prop_assert_eq!(&*after, &session, "{}", context);
        prop_assert_eq!(revocation.is_some(), verdict == Verdict::Reused);
        let read = store.session(session.id).await.unwrap();
        prop_assert_eq!(read.as_ref(), Some(&session), "{}", context);
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

impl Generation {
    fn of(self, session: &Session) -> u64 {
        match self {
            Self::Current(off) => session.generation.saturating_add_signed(off),
            Self::Before(off) => session.burst.before.saturating_add_signed(off),
            Self::Exactly(generation) => generation,
        }
    }
}

/// Any state at all, also such as no session comes into.
fn state() -> impl Strategy<Value = Session> {
    let moments = (moment(), moment(), moment(), 0_i64..200_000_000);
    let generations = (generation(), generation(), generation(), generation());
    let recovered = option::of(client());
    let revoked = option::weighted(0.05, select(&RevokeReason::ALL[..]));
    (moments, generations, client(), recovered, revoked).prop_map(
        |(
            (rotated_at, burst_at, recovered_at, lasts),
            (generation, from, before, last),
            by,
            recovered,
            revoked,
        )| {
            Session {
                generation,
                rotated_at,
                rotated_by: by,
                burst: Burst {
                    from,
                    at: burst_at,
                    before,
                },
                recovered: recovered.map(|by| Recovery {
                    generation: last,
                    at: recovered_at,
                    by,
                }),
                expires_at: now() + Duration::from_micros(lasts.unsigned_abs()),
                revoked: revoked.map(|reason| Revoked {
                    at: recovered_at,
                    reason,
                }),
                ..session(0)
            }
        },
    )
}

/// Within a minute of now, to the microsecond, and often enough within a step of another.
fn moment() -> impl Strategy<Value = Timestamp> {
    let micros = prop_oneof![-3_i64..=3, -60_000_000_i64..=60_000_000];
    micros.prop_map(|off| Timestamp::from_unix_micros(now().unix_micros() + off))
}

fn generation() -> impl Strategy<Value = u64> {
    let edges = [
        0,
        1,
        u64::from(u32::MAX) - 1,
        u64::from(u32::MAX),
        u64::from(u32::MAX) + 1,
        (1 << 53) - 1,
        (1 << 53) + 1,
        u64::MAX - 1,
        u64::MAX,
    ];
    prop_oneof![
        6 => 0_u64..20,
        2 => (0_u64..20).prop_map(|off| (1 << 53) + off),
        1 => (0_u64..20).prop_map(|off| u64::from(u32::MAX) - 10 + off),
        1 => select(edges.to_vec()),
        1 => any::<u64>(),
    ]
}

fn client() -> impl Strategy<Value = ClientPrint> {
    prop_oneof![
        Just(ClientPrint([0; 8])),
        Just(ClientPrint([255; 8])),
        Just(ClientPrint([0, 255, b'}', b'\n', 128, 0, 0, 1]))
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let generation = prop_oneof![
        6 => (-3_i64..=1).prop_map(Generation::Current),
        2 => (-2_i64..=2).prop_map(Generation::Before),
        1 => generation().prop_map(Generation::Exactly),
    ];
    let later = prop_oneof![
        Just(0),
        -10_000_000_i64..30_000_000,
        select(&[999_999, 1_000_000, 1_000_001, 30_000_000, 30_000_001][..]),
    ];
    (generation, later, client(), policy()).prop_map(|(generation, later, by, policy)| Step {
        generation,
        later,
        by,
        policy,
    })
}

fn policy() -> impl Strategy<Value = RotationPolicy> {
    let grace = prop_oneof![
        Just(Duration::ZERO),
        Just(Duration::from_secs(1)),
        Just(Duration::from_nanos(1_000_000_999)),
        Just(Duration::from_secs(30)),
        Just(Duration::MAX),
    ];
    let gap = option::weighted(0.8, prop_oneof![0_u64..10, generation()]);
    (grace, gap, any::<bool>()).prop_map(|(grace, recovery_gap, any_client)| RotationPolicy {
        grace,
        recovery_gap,
        any_client,
    })
}
