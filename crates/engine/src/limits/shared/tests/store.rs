//! Stores that fail, forget, or hold what is none of ours.

use super::*;

#[tokio::test]
async fn s70_a_counter_that_the_store_lost_still_counts_what_ends_now() {
    let counters = Arc::<Map>::default();
    let limits = node(&counters, by_account());
    let mut under_way = Vec::new();
    for _ in 0..10 {
        under_way.push(on_mary(&limits, noon()).await.unwrap());
    }
    counters.values.lock().unwrap().clear();
    for attempt in under_way {
        attempt.failed().await;
    }
    assert_eq!(wait(on_mary(&limits, noon()).await), seconds(30));
}

#[tokio::test]
async fn s88_while_the_store_is_down_nothing_is_let_in_and_after_nothing_is_forgotten() {
    let counters = Arc::<Map>::default();
    let limits = node(&counters, by_account());
    for _ in 0..9 {
        on_mary(&limits, noon()).await.unwrap().failed().await;
    }
    let under_way = on_mary(&limits, noon()).await.unwrap();
    counters.is_down.store(true, SeqCst);
    for _ in 0..20 {
        let refused = limits.begin(Scope::Login, MARY, client(), noon()).await;
        let Err(Refused::Store(StoreError::Unavailable(_))) = refused else {
            panic!("let in, or throttled");
        };
    }
    under_way.succeeded().await;
    counters.is_down.store(false, SeqCst);
    assert_eq!(wait(on_mary(&limits, noon()).await), seconds(1));
    // What could not be said counts as failed, and so do not those who were refused.
    on_mary(&limits, noon() + LEASE)
        .await
        .unwrap()
        .failed()
        .await;
    assert_eq!(wait(on_mary(&limits, noon() + LEASE).await), seconds(60));
}

#[test]
fn s88_counters_that_cannot_be_had_are_a_trouble_of_ours() {
    let refused = Refused::Store(unavailable("down"));
    let failure = Failure::from(&LogInError::from(refused));
    assert_eq!(failure.outcome, Outcome::Unavailable);
}

#[tokio::test]
async fn a_value_that_cannot_be_read_is_said_to_be_and_denies() {
    let counters = Arc::<Map>::default();
    let limits = node(&counters, by_account());
    on_mary(&limits, noon()).await.unwrap().failed().await;
    let sound: Vec<_> = counters.values.lock().unwrap().drain().collect();
    let [(key, (value, until))] = &sound[..] else {
        panic!("{} counters", sound.len());
    };
    let mut of_a_later_version = value.clone();
    of_a_later_version[0] += 1;
    let longer = [&value[..], &[0]].concat();
    let shorter = &value[..value.len() - 1];
    for bad in [&of_a_later_version[..], &longer, shorter, b"", b"10"] {
        let bad = (bad.to_vec(), *until);
        counters.values.lock().unwrap().insert(key.clone(), bad);
        let refused = limits.begin(Scope::Login, MARY, client(), noon()).await;
        assert!(matches!(
            refused,
            Err(Refused::Store(StoreError::Corrupt(_)))
        ));
    }
}

#[tokio::test]
async fn f10_where_the_account_cannot_be_counted_the_address_is_given_back() {
    let counters = Arc::<Map>::default();
    let mut config = by_address(None);
    config.login.account = by_account().login.account;
    let limits = node(&counters, config);
    on_mary(&limits, noon()).await.unwrap().failed().await;
    for (key, (value, _)) in counters.values.lock().unwrap().iter_mut() {
        if key[1] == Account::KIND {
            value.clear();
        }
    }
    for _ in 0..20 {
        let refused = limits.begin(Scope::Login, MARY, client(), noon()).await;
        assert!(matches!(refused, Err(Refused::Store(_))));
    }
}

/// Says of every value that it is another by now.
struct Fickle(AtomicU32);

#[async_trait]
impl SharedCounters for Fickle {
    async fn swap(&self, _: Swap<'_>) -> Stored<Swapped> {
        self.0.fetch_add(1, SeqCst);
        Ok(Swapped::Found(None))
    }
}

#[tokio::test]
async fn a_counter_that_never_stays_is_given_up() {
    let counters = Arc::new(Fickle(AtomicU32::new(0)));
    let key = MasterKey::new([7; 32]).hmac("limits");
    let limits = Limits::shared(by_account(), counters.clone(), key);
    let refused = limits.begin(Scope::Login, MARY, client(), noon()).await;
    assert!(matches!(
        refused,
        Err(Refused::Store(StoreError::Unavailable(_)))
    ));
    assert_eq!(counters.0.load(SeqCst), TRIES);
}
