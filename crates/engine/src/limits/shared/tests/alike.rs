//! One node judges as a process by itself does.

use proptest::prelude::*;
use tokio::runtime::Builder;

use super::*;
use crate::limits::tests::{Step, steps};

/// What came of asking for leave.
type Verdict = Result<(), (By, Duration)>;

/// The same attempts at one node over shared counters and at a process by itself.
struct Both {
    alone: Limits,
    shared: Limits,
    under_way: Vec<[Attempt; 2]>,
    now: Timestamp,
    /// When the last attempt was let in.
    last: Timestamp,
}

impl Both {
    async fn begin(&mut self) -> [Verdict; 2] {
        let begun = [
            on_mary(&self.alone, self.now).await,
            on_mary(&self.shared, self.now).await,
        ];
        let told = |begun: &Result<Attempt, Throttled>| match begun {
            Ok(_) => Ok(()),
            Err(throttled) => Err((throttled.by, throttled.retry_after)),
        };
        let verdicts = [told(&begun[0]), told(&begun[1])];
        if let [Ok(alone), Ok(shared)] = begun {
            self.under_way.push([alone, shared]);
            self.last = self.now;
        }
        verdicts
    }

    async fn end(&mut self, end: End) {
        for attempt in self.under_way.pop().into_iter().flatten() {
            match end {
                End::Succeeded => attempt.succeeded().await,
                End::Failed => attempt.failed().await,
                End::NotEvaluated => attempt.not_evaluated().await,
            }
        }
    }

    /// No lease runs out: a process by itself knows none.
    async fn pass(&mut self, span: Duration) {
        if (self.now + span).since(self.last) >= LEASE {
            self.end_all().await;
        }
        self.now = self.now + span;
    }

    async fn end_all(&mut self) {
        while !self.under_way.is_empty() {
            self.end(End::Failed).await;
        }
    }

    async fn take(&mut self, step: Step) -> [Verdict; 2] {
        match step {
            Step::Begin => return self.begin().await,
            Step::Succeed => self.end(End::Succeeded).await,
            Step::Fail => self.end(End::Failed).await,
            Step::NotEvaluated => self.end(End::NotEvaluated).await,
            Step::Pass(0..4) => self.pass(DAY).await,
            Step::Pass(span) => self.pass(seconds(span)).await,
            // By more than clocks may be apart, noticed at once, and with nothing under way.
            Step::Back(span) => {
                let back = SKEW + seconds(span + 1);
                self.end_all().await;
                self.now = self.now.min(self.last) - back;
                self.last = self.last.min(self.now);
                return self.begin().await;
            }
        }
        [Ok(()), Ok(())]
    }
}

proptest! {
    #[test]
    fn one_node_judges_as_a_process_by_itself(steps in steps(), by_whom in 0..3) {
        let config = match by_whom {
            0 => by_account(),
            1 => by_address(Some(20)),
            _ => by_address(None),
        };
        let runtime = Builder::new_current_thread().enable_time().build().unwrap();
        runtime.block_on(async {
            let [shared] = nodes(config);
            let mut both = Both {
                alone: Limits::new(config),
                shared,
                under_way: Vec::new(),
                now: noon(),
                last: noon(),
            };
            for step in steps {
                let [alone, shared] = both.take(step).await;
                prop_assert_eq!(alone, shared);
            }
            Ok(())
        })?;
    }
}
