//! The development outbox.

use daemun_mail::{Courier, DevOutbox};

use crate::support::{TestClock, letter, within};

fn outbox() -> DevOutbox {
    DevOutbox::new(TestClock::new())
}

#[tokio::test]
async fn letters_are_found_however_the_address_is_written() {
    let outbox = outbox();
    outbox.deliver(&letter("01012345678")).await.unwrap();
    outbox.deliver(&letter("Someone@한국.kr")).await.unwrap();
    for same in ["01012345678", "+821012345678", "010-1234-5678"] {
        assert_eq!(&*outbox.latest(same).unwrap().to, "01012345678");
    }
    for same in ["someone@한국.kr", "SOMEONE@xn--3e0b707e.kr"] {
        assert_eq!(&*outbox.latest(same).unwrap().to, "Someone@한국.kr");
    }
    assert_eq!(outbox.latest("somebody@한국.kr"), None);
    assert_eq!(outbox.latest("01012345679"), None);
}

#[tokio::test]
async fn the_last_five_hundred_are_kept_newest_first() {
    let outbox = outbox();
    for n in 1..=502 {
        let to = format!("{n}@example.com");
        outbox.deliver(&letter(&to)).await.unwrap();
    }
    let all = outbox.all();
    assert_eq!(all.len(), 500);
    assert_eq!((all[0].number, all[499].number), (502, 3));
    assert_eq!(outbox.latest("2@example.com"), None);
}

#[tokio::test]
async fn the_next_letter_can_be_waited_for() {
    let outbox = outbox();
    let waiting = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.next("a@example.com", 0).await }
    });
    outbox.deliver(&letter("b@example.com")).await.unwrap();
    outbox.deliver(&letter("a@example.com")).await.unwrap();
    let first = within(waiting).await.unwrap();
    assert_eq!(first.number, 2);

    // Already there: no waiting.
    assert!(within(outbox.next("a@example.com", 0)).await == first);

    let waiting = tokio::spawn({
        let outbox = outbox.clone();
        async move { outbox.next("a@example.com", first.number).await }
    });
    outbox.deliver(&letter("a@example.com")).await.unwrap();
    assert_eq!(within(waiting).await.unwrap().number, 3);
}
