//! Each test names the number in `docs/security.md` that it pins.

use std::{
    pin::pin,
    sync::{
        Barrier,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
    task::{Context, Poll, Waker},
    thread,
};

use proptest::prelude::*;

use super::*;

pub(super) const HOUR: Duration = Duration::from_secs(60 * 60);
pub(super) const DAY: Duration = Duration::from_secs(24 * 60 * 60);
pub(super) const MARY: Option<&str> = Some("mary@example.com");

/// Only accounts are limited.
fn by_account() -> Limits {
    let unlimited = LimitsConfig::unlimited();
    Limits::new(LimitsConfig {
        login: ScopeLimits {
            account: Some(FailureLimit::default()),
            address: None,
        },
        remembered: 1000,
        ..unlimited
    })
}

/// Only addresses are limited: five at once, one more every ten seconds.
fn by_address(daily: Option<u32>, only_failures: bool) -> Limits {
    Limits::new(LimitsConfig {
        login: ScopeLimits {
            account: None,
            address: Some(AddressLimit {
                burst: 5,
                every: Duration::from_secs(10),
                daily,
                only_failures,
            }),
        },
        remembered: 1000,
        ..LimitsConfig::unlimited()
    })
}

pub(super) fn noon() -> Timestamp {
    Timestamp::from_unix_seconds(1_800_000_000)
}

pub(super) fn client() -> IpAddr {
    IpAddr::from([192, 0, 2, 1])
}

/// What counters in memory are asked is answered at the first poll.
fn at_once<T>(asked: impl Future<Output = T>) -> T {
    match pin!(asked).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => panic!("it waits"),
    }
}

/// An attempt at counters in memory.
struct Held(Attempt);

impl Held {
    fn succeeded(self) {
        at_once(self.0.succeeded());
    }

    fn failed(self) {
        at_once(self.0.failed());
    }

    fn not_evaluated(self) {
        at_once(self.0.not_evaluated());
    }
}

fn begin(
    limits: &Limits,
    scope: Scope,
    account: Option<&str>,
    address: IpAddr,
    now: Timestamp,
) -> Result<Held, Throttled> {
    match at_once(limits.begin(scope, account, address, now)) {
        Ok(attempt) => Ok(Held(attempt)),
        Err(Refused::Throttled(throttled)) => Err(throttled),
        Err(Refused::Store(error)) => panic!("there is no store: {error}"),
    }
}

fn in_memory(limits: &Limits) -> &Local {
    match &limits.0 {
        Kept::Here(local) => local,
        Kept::Shared(_) => panic!("they are shared"),
    }
}

fn on_mary(limits: &Limits, now: Timestamp) -> Result<Held, Throttled> {
    begin(limits, Scope::Login, MARY, client(), now)
}

fn from(limits: &Limits, address: &str, now: Timestamp) -> Result<Held, Throttled> {
    begin(limits, Scope::Login, None, address.parse().unwrap(), now)
}

/// Lets `times` attempts on Mary's account fail, each as soon as it may be made. Returns when the
/// last was.
fn fail(limits: &Limits, times: u32, mut now: Timestamp) -> Timestamp {
    for _ in 0..times {
        if let Err(throttled) = on_mary(limits, now) {
            now = now + throttled.retry_after;
            on_mary(limits, now).unwrap().failed();
        }
    }
    now
}

fn wait(result: Result<Held, Throttled>) -> Duration {
    result
        .err()
        .map_or(Duration::ZERO, |throttled| throttled.retry_after)
}

#[test]
fn s70_ten_are_free_and_the_waits_grow_from_there() {
    let limits = by_account();
    let mut now = noon();
    for _ in 0..10 {
        on_mary(&limits, now).unwrap().failed();
    }
    for seconds in [30, 60, 120, 240, 480, 900, 900] {
        let throttled = on_mary(&limits, now).err().unwrap();
        assert_eq!(throttled.by, By::Account);
        assert_eq!(throttled.retry_after, Duration::from_secs(seconds));
        let almost = now + throttled.retry_after - Duration::from_micros(1);
        assert_eq!(wait(on_mary(&limits, almost)), Duration::from_micros(1));
        now = now + throttled.retry_after;
        on_mary(&limits, now).unwrap().failed();
    }
}

#[test]
fn s70_a_hundred_failures_lock_the_account_for_a_day() {
    let limits = by_account();
    let last = fail(&limits, 100, noon());
    assert!(
        last.since(noon()) > 20 * HOUR,
        "they took {:?}",
        last.since(noon())
    );
    assert_eq!(wait(on_mary(&limits, last)), DAY);
    assert_eq!(wait(on_mary(&limits, last + 23 * HOUR)), HOUR);
    on_mary(&limits, last + DAY).unwrap().failed();
}

#[test]
fn s70_success_forgets_the_failures_before_it() {
    let limits = by_account();
    let now = fail(&limits, 50, noon()) + HOUR;
    on_mary(&limits, now).unwrap().succeeded();
    for _ in 0..10 {
        on_mary(&limits, now).unwrap().failed();
    }
    assert_eq!(wait(on_mary(&limits, now)), Duration::from_secs(30));
}

#[test]
fn s70_an_attempt_that_is_dropped_counts_as_failed() {
    let limits = by_account();
    for _ in 0..10 {
        drop(on_mary(&limits, noon()).unwrap());
    }
    assert!(on_mary(&limits, noon()).is_err());
}

#[test]
fn f10_an_attempt_that_was_never_evaluated_does_not_count() {
    let limits = Limits::new(LimitsConfig::default());
    for _ in 0..1000 {
        on_mary(&limits, noon()).unwrap().not_evaluated();
    }
}

#[test]
fn s70_of_200_in_parallel_no_more_are_evaluated_than_may_fail() {
    let limits = by_account();
    let (evaluated, barrier) = (AtomicU32::new(0), Barrier::new(200));
    thread::scope(|scope| {
        for _ in 0..200 {
            scope.spawn(|| {
                barrier.wait();
                if let Ok(attempt) = on_mary(&limits, noon()) {
                    evaluated.fetch_add(1, SeqCst);
                    thread::yield_now();
                    attempt.failed();
                }
            });
        }
    });
    assert_eq!(evaluated.into_inner(), 10);
}

#[test]
fn s70_while_ten_are_under_way_there_is_no_eleventh() {
    let limits = by_account();
    let mut under_way: Vec<_> = (0..10).map(|_| on_mary(&limits, noon()).unwrap()).collect();
    assert_eq!(wait(on_mary(&limits, noon())), Duration::from_secs(1));
    under_way.pop().unwrap().not_evaluated();
    under_way.push(on_mary(&limits, noon()).unwrap());
    drop(under_way);

    let later = noon() + Duration::from_secs(30);
    let eleventh = on_mary(&limits, later).unwrap();
    assert!(on_mary(&limits, later + HOUR).is_err(), "one at a time");
    eleventh.succeeded();
    on_mary(&limits, later).unwrap().failed();
}

#[test]
fn s71_accounts_and_scopes_count_by_themselves() {
    let guess = LimitsConfig::default().login;
    let limits = Limits::new(LimitsConfig {
        login: guess,
        verify_code: guess,
        ..LimitsConfig::default()
    });
    fail(&limits, 10, noon());
    assert!(on_mary(&limits, noon()).is_err());
    let begin = |scope, account| begin(&limits, scope, account, client(), noon());
    begin(Scope::Login, Some("nobody@example.com"))
        .unwrap()
        .failed();
    begin(Scope::VerifyCode, MARY).unwrap().failed();
}

#[test]
fn s72_an_ipv6_address_counts_by_its_64_and_an_ipv4_one_by_itself() {
    let limits = by_address(None, false);
    for host in 1..=5 {
        from(&limits, &format!("2001:db8:1:2::{host}"), noon())
            .unwrap()
            .failed();
    }
    let throttled = from(&limits, "2001:db8:1:2:ffff::1", noon()).err().unwrap();
    assert_eq!(throttled.by, By::Address);
    assert_eq!(throttled.retry_after, Duration::from_secs(10));
    from(&limits, "2001:db8:1:3::1", noon()).unwrap().failed();

    for _ in 0..5 {
        from(&limits, "192.0.2.1", noon()).unwrap().failed();
    }
    assert!(
        from(&limits, "::ffff:192.0.2.1", noon()).is_err(),
        "the same, mapped"
    );
    from(&limits, "192.0.2.2", noon()).unwrap().failed();
}

#[test]
fn an_address_regains_its_attempts_one_by_one() {
    let limits = by_address(None, false);
    for _ in 0..5 {
        from(&limits, "192.0.2.1", noon()).unwrap().failed();
    }
    let mut now = noon();
    for _ in 0..3 {
        assert_eq!(
            wait(from(&limits, "192.0.2.1", now)),
            Duration::from_secs(10)
        );
        now = now + Duration::from_secs(10);
        from(&limits, "192.0.2.1", now).unwrap().failed();
    }
}

#[test]
fn many_honest_people_can_share_an_address() {
    let limits = by_address(None, true);
    for _ in 0..1000 {
        from(&limits, "192.0.2.1", noon()).unwrap().succeeded();
    }
    for _ in 0..5 {
        from(&limits, "192.0.2.1", noon()).unwrap().failed();
    }
    assert!(from(&limits, "192.0.2.1", noon()).is_err());
}

#[test]
fn s75_an_address_has_a_daily_cap() {
    let limits = by_address(Some(20), false);
    let mut now = noon();
    for _ in 0..20 {
        from(&limits, "192.0.2.1", now).unwrap().succeeded();
        now = now + Duration::from_secs(60);
    }
    let end = noon() + DAY;
    assert_eq!(wait(from(&limits, "192.0.2.1", now)), end.since(now));
    from(&limits, "192.0.2.1", end).unwrap().succeeded();
}

#[test]
fn loopback_is_exempt_only_where_asked() {
    let config = LimitsConfig::default();
    for (exempt, address) in [
        (true, "127.0.0.1"),
        (true, "::1"),
        (true, "::ffff:127.0.0.9"),
    ] {
        let limits = Limits::new(LimitsConfig {
            exempt_loopback: exempt,
            ..config
        });
        for _ in 0..1000 {
            from(&limits, address, noon()).unwrap().failed();
        }
    }
    let limits = Limits::new(config);
    let refused = (0..1000).filter(|_| from(&limits, "127.0.0.1", noon()).is_err());
    assert!(refused.count() > 900);
}

#[test]
fn f08_a_clock_that_steps_back_neither_unlocks_nor_locks_for_longer() {
    for back in [HOUR, 365 * DAY] {
        let limits = by_account();
        let last = fail(&limits, 100, noon());
        let stepped = last - back;
        assert_eq!(wait(on_mary(&limits, stepped)), DAY);
        assert_eq!(wait(on_mary(&limits, stepped + HOUR)), 23 * HOUR);
        on_mary(&limits, stepped + DAY).unwrap().failed();

        let limits = by_address(Some(5), false);
        for _ in 0..5 {
            from(&limits, "192.0.2.1", noon()).unwrap().failed();
        }
        let stepped = noon() - back;
        assert_eq!(wait(from(&limits, "192.0.2.1", stepped)), DAY);
        from(&limits, "192.0.2.1", stepped + DAY).unwrap().failed();
    }
}

#[test]
fn f08_an_address_that_is_paced_stays_paced_when_the_clock_steps_back() {
    let limits = by_address(None, false);
    for _ in 0..5 {
        from(&limits, "192.0.2.1", noon()).unwrap().failed();
    }
    let stepped = noon() - 365 * DAY;
    assert_eq!(
        wait(from(&limits, "192.0.2.1", stepped)),
        Duration::from_secs(10)
    );
}

#[test]
fn s70_a_million_accounts_neither_outgrow_the_bound_nor_push_out_a_locked_one() {
    let limits = by_account();
    let locked_at = fail(&limits, 100, noon());
    for n in 0..1_000_000 {
        let account = format!("nobody-{n}@example.com");
        let attempt = begin(&limits, Scope::Login, Some(&account), client(), locked_at);
        attempt.unwrap().failed();
    }
    assert!(in_memory(&limits).login.accounts.len() <= 1024);
    assert!(on_mary(&limits, locked_at).is_err(), "still locked");
}

#[test]
fn s72_any_number_of_addresses_stays_within_the_bound() {
    let limits = by_address(None, false);
    for n in 0..200_000_u32 {
        let address = (u128::from(n) << 64).to_be_bytes();
        let attempt = begin(&limits, Scope::Login, None, address.into(), noon());
        attempt.unwrap().failed();
    }
    assert!(in_memory(&limits).login.addresses.len() <= 1024);
}

#[test]
fn attempts_under_way_are_never_pushed_out() {
    let limits = Limits::new(LimitsConfig {
        remembered: 64,
        login: ScopeLimits {
            account: Some(FailureLimit::default()),
            address: None,
        },
        ..LimitsConfig::default()
    });
    let begin = |n: u32| {
        let account = n.to_string();
        begin(&limits, Scope::Login, Some(&account), client(), noon())
    };
    let under_way: Vec<_> = (0..64).map(|n| begin(n).unwrap()).collect();
    assert_eq!(wait(begin(64)), Duration::from_secs(1));
    drop(under_way);
    begin(64).unwrap().failed();
}

/// What may happen to an account, and how it ends.
#[derive(Clone, Debug)]
pub(super) enum Step {
    Begin,
    Succeed,
    Fail,
    NotEvaluated,
    Pass(u64),
    Back(u64),
}

pub(super) fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        6 => Just(Step::Begin),
        1 => Just(Step::Succeed),
        6 => Just(Step::Fail),
        1 => Just(Step::NotEvaluated),
        // 400 of them are less than a day, after which failures are forgotten.
        2 => (0..200_u64).prop_map(Step::Pass),
        1 => (0..200_000_u64).prop_map(Step::Back),
    ];
    prop::collection::vec(step, 0..400)
}

proptest! {
    /// Whatever happens: the failures since the last success and the attempts under way never
    /// exceed what is free, but for one at a time; and whoever waits as long as told is let in.
    #[test]
    fn s70_no_sequence_of_events_gets_around_the_limit(steps in steps()) {
        let limits = by_account();
        let (mut now, mut failed, mut under_way) = (noon(), 0_usize, Vec::new());
        for step in steps {
            match step {
                Step::Begin => if let Ok(attempt) = on_mary(&limits, now) {
                    under_way.push(attempt);
                    let beyond = failed + under_way.len() > 10;
                    prop_assert!(!beyond || under_way.len() == 1);
                },
                Step::Succeed => if let Some(attempt) = under_way.pop() {
                    attempt.succeeded();
                    failed = 0;
                },
                Step::Fail => if let Some(attempt) = under_way.pop() {
                    attempt.failed();
                    failed += 1;
                },
                Step::NotEvaluated => if let Some(attempt) = under_way.pop() {
                    attempt.not_evaluated();
                },
                Step::Pass(seconds) => now = now + Duration::from_secs(seconds),
                Step::Back(seconds) => now = now - Duration::from_secs(seconds),
            }
        }
        under_way.into_iter().for_each(Held::not_evaluated);
        let wait = match on_mary(&limits, now) {
            Ok(attempt) => {
                attempt.not_evaluated();
                Duration::ZERO
            }
            Err(throttled) => throttled.retry_after,
        };
        prop_assert!(wait <= DAY);
        prop_assert!(on_mary(&limits, now + wait).is_ok());
    }
}
