use super::*;
use crate::{ids::AccountId, revocation::RevokedThing, session::RevokeReason};

struct Dice;

impl Entropy for Dice {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        bytes.fill(7);
        Ok(())
    }
}

fn listening() -> Arc<Listening> {
    Arc::new(Listening {
        name: "campus".into(),
        service: ServiceCaller {
            id: "id".into(),
            name: "campus".into(),
        },
        network: "192.0.2.0/24".into(),
        since: Timestamp::EPOCH,
        told: AtomicU64::new(0),
        confirmed: AtomicU64::new(0),
    })
}

fn entry(seq: u64, until: i64) -> Revocation {
    Revocation {
        seq,
        thing: RevokedThing::AccountBefore(AccountId(1), Timestamp::EPOCH),
        reason: RevokeReason::LoggedOut,
        until: Timestamp::from_unix_seconds(until),
    }
}

#[test]
fn there_is_room_for_a_thousand_and_none_once_the_server_ends() {
    let telling = Telling::new(&Dice).unwrap();
    let first = telling.enter(&listening()).unwrap();
    for _ in 1..MOST_LISTENERS {
        telling.enter(&listening()).unwrap();
    }
    assert_eq!(telling.enter(&listening()), Err(NoRoom::Full));
    telling.listeners().all.remove(&first);
    assert!(telling.enter(&listening()).is_ok());
    telling.ending.store(true, Ordering::Release);
    telling.listeners().all.clear();
    assert_eq!(telling.enter(&listening()), Err(NoRoom::Ending));
}

#[test]
fn memory_reaches_back_as_far_as_nothing_is_missing() {
    let telling = Telling::new(&Dice).unwrap();
    let now = Timestamp::from_unix_seconds(10);
    telling.append(&[entry(3, 5), entry(4, 20), entry(9, 5)], now);
    let seqs = |at| {
        let page = telling.after(at)?;
        Some(page.iter().map(|entry| entry.seq).collect::<Vec<_>>())
    };
    assert_eq!(seqs(2), None, "what is over was let go of");
    assert_eq!(seqs(3), Some(vec![4, 9]));
    assert_eq!(seqs(4), Some(vec![9]));
    assert_eq!(seqs(9), Some(vec![]));
    let many: Vec<_> = (10..10 + KEPT as u64).map(|seq| entry(seq, 20)).collect();
    telling.append(&many, now);
    assert_eq!(seqs(8), None, "memory has an end");
    assert_eq!(seqs(9).unwrap().len(), MOST_ENTRIES);
}

#[test]
fn a_place_is_known_in_its_own_log_alone() {
    let telling = Telling::new(&Dice).unwrap();
    telling.append(&[entry(5, 20)], Timestamp::EPOCH);
    let known = |place| telling.place(Some(place)).1;
    assert_eq!(known("0707070707070707.5"), Some(5));
    assert_eq!(known("0707070707070707.0"), Some(0));
    for other in [
        "0707070707070707.6",
        "0707070707070708.5",
        "0707070707070707",
        "0707070707070707.",
        "0707070707070707.5 ",
        ".5",
        "",
    ] {
        assert_eq!(known(other), None, "{other}");
    }
    telling.replace("another", &[], Timestamp::EPOCH);
    assert!(telling.is_of("another"));
    assert_eq!(known("0707070707070707.5"), None);
    assert_eq!(known("another.5"), None, "it is empty");
    telling.replace("third", &[entry(6, 20)], Timestamp::EPOCH);
    assert_eq!(known("third.5"), Some(5));
    assert_eq!(known("another.0"), None);
}

#[test]
fn how_far_behind_is_what_was_confirmed_or_else_told() {
    let one = listening();
    one.told.store(7, Ordering::Release);
    let view = || one.view(|at| 9 - at);
    assert_eq!((view().behind, view().confirmed), (2, None));
    one.confirmed.store(4, Ordering::Release);
    assert_eq!((view().behind, view().confirmed), (6, Some(3)));
    assert_eq!(
        &*shown_name("campus\u{7}\u{1b}[1m \u{e9} x"),
        "campus[1m  x"
    );
    assert_eq!(shown_name(&"x".repeat(500)).len(), 64);
}

#[test]
fn what_nobody_follows_is_never_stale() {
    let telling = Telling::new(&Dice).unwrap();
    assert!(!telling.is_stale(Duration::ZERO));
    telling.was_read();
    assert!(!telling.is_stale(Duration::from_secs(3600)));
    std::thread::sleep(Duration::from_millis(2));
    assert!(telling.is_stale(Duration::from_millis(1)));
}
