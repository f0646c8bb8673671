//! Counters that several processes share.

use std::{sync::Arc, time::Duration};

use super::world::{at_once, now};
use crate::limits::{SharedCounters, Swap, Swapped};

type AnyCounters = Arc<dyn SharedCounters>;

const KEEP: Duration = Duration::from_secs(86_400);

async fn swap(
    counters: &AnyCounters,
    key: &[u8],
    expected: Option<&[u8]>,
    new: Option<&[u8]>,
) -> Swapped {
    let swap = Swap {
        key,
        expected,
        new,
        now: now(),
        keep: KEEP,
    };
    counters.swap(swap).await.unwrap()
}

fn found(value: &[u8]) -> Swapped {
    Swapped::Found(Some(value.into()))
}

/// Set where it is as expected, told where it is not; deleted like anything else.
pub async fn a_counter_is_set_by_who_knows_what_it_was(counters: AnyCounters) {
    let key = b"login";
    assert_eq!(
        swap(&counters, key, Some(b"1"), Some(b"2")).await,
        Swapped::Found(None)
    );
    assert_eq!(swap(&counters, key, None, Some(b"1")).await, Swapped::Done);
    assert_eq!(swap(&counters, key, None, Some(b"9")).await, found(b"1"));
    assert_eq!(
        swap(&counters, key, Some(b"8"), Some(b"9")).await,
        found(b"1")
    );
    assert_eq!(
        swap(&counters, key, Some(b"1"), Some(b"2")).await,
        Swapped::Done
    );
    assert_eq!(swap(&counters, key, Some(b"1"), None).await, found(b"2"));
    assert_eq!(swap(&counters, key, Some(b"2"), None).await, Swapped::Done);
    assert_eq!(
        swap(&counters, key, Some(b"2"), None).await,
        Swapped::Found(None)
    );
    assert_eq!(swap(&counters, key, None, None).await, Swapped::Done);
    assert_eq!(swap(&counters, key, None, Some(b"3")).await, Swapped::Done);
}

/// Each key is a counter of its own.
pub async fn counters_do_not_mix(counters: AnyCounters) {
    for key in [&b"a"[..], b"b", b"ab", b"a\0", b""] {
        assert_eq!(swap(&counters, key, None, Some(key)).await, Swapped::Done);
    }
    for key in [&b"a"[..], b"b", b"ab", b"a\0", b""] {
        assert_eq!(swap(&counters, key, None, Some(b"x")).await, found(key));
    }
}

/// Keys and values are bytes, not text, up to 64 of them.
pub async fn any_bytes_are_kept_as_they_are(counters: AnyCounters) {
    let all: Vec<u8> = (0..=255).collect();
    for bytes in all.chunks(64) {
        assert_eq!(
            swap(&counters, bytes, None, Some(bytes)).await,
            Swapped::Done
        );
        assert_eq!(swap(&counters, bytes, None, None).await, found(bytes));
        assert_eq!(
            swap(&counters, bytes, Some(bytes), Some(b"")).await,
            Swapped::Done
        );
        assert_eq!(
            swap(&counters, bytes, Some(b""), Some(b"1")).await,
            Swapped::Done
        );
    }
}

/// SECURITY 70: of those who found the same value one is served, and nobody's change is lost.
pub async fn s70_many_who_change_one_counter_change_it_one_after_another(counters: AnyCounters) {
    at_once(16, |_| {
        let counters = counters.clone();
        async move {
            let mut known: Option<Vec<u8>> = None;
            let mut changes = 0;
            while changes < 10 {
                let next = known.as_ref().map_or(1, |value| value[0] + 1);
                let expected = known.as_deref();
                match swap(&counters, b"busy", expected, Some(&[next])).await {
                    Swapped::Done => {
                        changes += 1;
                        known = Some(vec![next]);
                    }
                    Swapped::Found(value) => known = value,
                }
            }
        }
    })
    .await;
    assert_eq!(swap(&counters, b"busy", None, None).await, found(&[160]));
}
