//! Whose counter is whose, and what the store learns of it.

use aws_lc_rs::digest;

use super::*;
use crate::address::{Identifier, IdentifierKinds};

#[tokio::test]
async fn s71_spellings_of_an_address_share_a_counter_and_others_do_not() {
    let [one, other] = nodes(by_account());
    let kinds = IdentifierKinds {
        email: true,
        phone: false,
    };
    let begin = |limits: &Limits, address: &str| {
        let identifier = Identifier::parse(address, kinds).unwrap();
        let (limits, key) = (limits.clone(), identifier.key());
        async move {
            throttling(
                limits
                    .begin(Scope::Login, Some(&key), client(), noon())
                    .await,
            )
        }
    };
    for _ in 0..5 {
        begin(&one, "mary@example.com")
            .await
            .unwrap()
            .failed()
            .await;
        begin(&other, "Mary@EXAMPLE.com")
            .await
            .unwrap()
            .failed()
            .await;
    }
    for limits in [&one, &other] {
        assert!(begin(limits, "MARY@example.com").await.is_err());
        begin(limits, "mary2@example.com")
            .await
            .unwrap()
            .not_evaluated()
            .await;
    }
}

#[tokio::test]
async fn s72_an_ipv6_address_counts_by_its_64_and_an_ipv4_one_by_itself() {
    let [one, other] = nodes(by_address(None));
    for host in 1..=5 {
        let address = format!("2001:db8:1:2::{host}");
        from(&one, &address, noon()).await.unwrap().failed().await;
        from(&one, "192.0.2.1", noon())
            .await
            .unwrap()
            .failed()
            .await;
    }
    let throttled = from(&other, "2001:db8:1:2:ffff::1", noon())
        .await
        .err()
        .unwrap();
    assert_eq!(throttled.by, By::Address);
    assert_eq!(throttled.retry_after, seconds(10));
    assert!(from(&other, "::ffff:192.0.2.1", noon()).await.is_err());
    from(&other, "2001:db8:1:3::1", noon())
        .await
        .unwrap()
        .failed()
        .await;
    from(&other, "192.0.2.2", noon())
        .await
        .unwrap()
        .failed()
        .await;
}

#[tokio::test]
async fn s34_what_the_store_holds_tells_neither_who_nor_from_where() {
    let counters = Arc::<Map>::default();
    let limits = node(&counters, LimitsConfig::default());
    let phone = "+447700900123";
    let begin = |limits: &Limits| {
        let limits = limits.clone();
        async move {
            limits
                .begin(Scope::Login, Some(phone), client(), noon())
                .await
        }
    };
    begin(&limits).await.unwrap().failed().await;
    let dump: Vec<u8> = {
        let values = counters.values.lock().unwrap();
        assert_eq!(values.len(), 2);
        let entries = values
            .iter()
            .map(|(key, (value, _))| [&key[..], value].concat());
        entries.collect::<Vec<_>>().concat()
    };
    let sha256 = digest::digest(&digest::SHA256, phone.as_bytes());
    let address = address_key(client()).to_be_bytes();
    for guess in [
        phone.as_bytes(),
        &sha256.as_ref()[..8],
        &address[8..],
        &[192, 0, 2, 1],
    ] {
        let is_there = dump.windows(guess.len()).any(|bytes| bytes == guess);
        assert!(!is_there, "{guess:02x?}");
    }

    let key = MasterKey::new([8; 32]).hmac("limits");
    let stranger = Limits::shared(LimitsConfig::default(), counters.clone(), key);
    begin(&stranger).await.unwrap().failed().await;
    assert_eq!(counters.len(), 4, "under another key all keys are others");
}
