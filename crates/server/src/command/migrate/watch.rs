//! Watching an import: how far it is, what is remarked on, and whether it is to stop.

use std::{
    fs::{File, OpenOptions},
    io::{BufWriter, IsTerminal, Write, stderr},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use daemun_migrate::{
    accounts::Watch,
    tally::{Remark, Tally},
};

use crate::{
    report::{Failure, Kind, Outcome, line, remark},
    signals,
};

/// How many remarks are shown to a person; a report file has them all.
const SHOWN: usize = 20;
/// How often a terminal is told how far it is, and how often a log.
const BRISK: Duration = Duration::from_millis(200);
const CALM: Duration = Duration::from_secs(5);

/// Set once it is to stop.
#[derive(Clone)]
pub(super) struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// Set by Ctrl-C or SIGTERM from now on; the second ends at once.
    pub(super) fn on_signals() -> Outcome<Self> {
        let flag = Self(Arc::new(AtomicBool::new(false)));
        let stop = signals::listen().map_err(|error| {
            Failure::new(Kind::Failed, "signals cannot be listened for").because(error)
        })?;
        let raised = flag.clone();
        tokio::spawn(async move {
            stop.asked().await;
            remark("\nstopping after this batch; again to stop at once");
            raised.0.store(true, Ordering::Release);
        });
        Ok(flag)
    }

    pub(super) fn is_set(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// Tells a person how far it is, and keeps what is remarked on.
pub(super) struct Onlooker {
    stop: StopFlag,
    began: Instant,
    told: Instant,
    is_terminal: bool,
    report: Option<BufWriter<File>>,
    report_failed: Option<std::io::Error>,
    pub(super) first_remarks: Vec<String>,
}

impl Onlooker {
    /// Watches from now on. A report is made anew, for its owner alone.
    pub(super) fn new(stop: StopFlag, report: Option<&Path>) -> Outcome<Self> {
        let open = |path: &Path| {
            let mut options = OpenOptions::new();
            options.write(true).create(true).truncate(true).mode(0o600);
            options.open(path).map(BufWriter::new).map_err(|error| {
                let what = format!("the report {} cannot be written", path.display());
                Failure::new(Kind::Failed, what).because(error)
            })
        };
        Ok(Self {
            stop,
            began: Instant::now(),
            told: Instant::now(),
            is_terminal: stderr().is_terminal(),
            report: report.map(open).transpose()?,
            report_failed: None,
            first_remarks: Vec::new(),
        })
    }

    /// How long it took, once the report is whole.
    pub(super) fn finish(mut self) -> Outcome<(Duration, Vec<String>)> {
        if self.is_terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
        let flushed = self.report.as_mut().map_or(Ok(()), Write::flush);
        match self.report_failed.take().or(flushed.err()) {
            Some(error) => Err(Failure::new(
                Kind::Failed,
                "the report could not be written to its end",
            )
            .because(error)),
            None => Ok((self.began.elapsed(), self.first_remarks)),
        }
    }

    fn tell(&mut self, tally: &Tally, expected: Option<u64>) {
        let interval = if self.is_terminal { BRISK } else { CALM };
        if self.told.elapsed() < interval {
            return;
        }
        self.told = Instant::now();
        let told = told(tally.read, expected, self.began.elapsed());
        if self.is_terminal {
            let _ = write!(stderr(), "\r\x1b[K{told}");
        } else {
            line(&mut stderr(), &told);
        }
    }
}

impl Watch for Onlooker {
    fn remark(&mut self, remark: &Remark) {
        if self.first_remarks.len() < SHOWN {
            self.first_remarks.push(remark.to_string());
        }
        if let Some(report) = &mut self.report
            && self.report_failed.is_none()
        {
            self.report_failed = writeln!(report, "{}", remark.to_json()).err();
        }
    }

    fn progress(&mut self, tally: &Tally, expected: Option<u64>) {
        self.tell(tally, expected);
    }

    fn is_stopped(&self) -> bool {
        self.stop.is_set()
    }
}

/// `120000 of 1000000 rows (12 %), 31000 a second, 28 s to go`.
fn told(read: u64, expected: Option<u64>, took: Duration) -> String {
    let rate = u128::from(read) * 1_000 / took.as_millis().max(1);
    match expected.filter(|expected| *expected > 0) {
        Some(expected) => {
            let left = u128::from(expected.saturating_sub(read)) / rate.max(1);
            let percent = u128::from(read) * 100 / u128::from(expected);
            format!("{read} of {expected} rows ({percent} %), {rate} a second, {left} s to go")
        }
        None => format!("{read} rows, {rate} a second"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_told_how_long_it_will_take() {
        let took = Duration::from_secs(4);
        assert_eq!(
            told(120_000, Some(1_000_000), took),
            "120000 of 1000000 rows (12 %), 30000 a second, 29 s to go"
        );
        assert_eq!(told(120_000, None, took), "120000 rows, 30000 a second");
    }
}
