//! Counters, with labels from closed sets only: contract, operation, outcome.
//!
//! Durations are kept in buckets of our own: the exporter's histograms hold every sample until
//! somebody fetches the page, which on a busy server that nobody watches is for ever.

use std::{
    fmt::Write as _,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use daemun_contract::Contract;
use daemun_engine::vocabulary::{Operation, Outcome};
use metrics::{Counter, Gauge, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle, PrometheusRecorder};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);
/// The upper bounds of the buckets, in microseconds.
const BOUNDS: [u64; 11] = [
    250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 500_000, 2_500_000,
];

/// Where counters are made and shown.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
    durations: Mutex<Vec<Arc<Durations>>>,
}

/// The counters of one contract, made once: counting is a few atomic additions.
pub(crate) struct ContractMetrics {
    counters: Vec<Option<Counter>>,
    durations: Vec<Option<Arc<Durations>>>,
}

/// How long requests took, counted by bucket.
struct Durations {
    contract: String,
    operation: Operation,
    buckets: [AtomicU64; BOUNDS.len() + 1],
    micros: AtomicU64,
}

impl Metrics {
    pub(crate) fn new() -> Self {
        let recorder = PrometheusBuilder::new().build_recorder();
        let handle = recorder.handle();
        Self {
            recorder,
            handle,
            durations: Mutex::default(),
        }
    }

    pub(crate) fn of_contract(&self, contract: &Contract) -> ContractMetrics {
        let mut made = ContractMetrics {
            counters: (0..Operation::ALL.len() * Outcome::COUNT)
                .map(|_| None)
                .collect(),
            durations: vec![None; Operation::ALL.len()],
        };
        for operation in contract.routes.iter().map(|route| route.operation) {
            if let Some(place @ None) = made.durations.get_mut(operation as usize) {
                let durations = Arc::new(Durations::new(contract, operation));
                self.durations
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .push(durations.clone());
                *place = Some(durations);
            }
            let all = operation
                .outcomes()
                .iter()
                .chain(Outcome::OF_EVERY_ROUTE)
                .chain(Outcome::OF_THE_GUARD);
            for outcome in all {
                if let Some(place @ None) = made.counters.get_mut(index(operation, *outcome)) {
                    *place = Some(self.counter(contract, operation, *outcome));
                }
            }
        }
        made
    }

    fn counter(&self, contract: &Contract, operation: Operation, outcome: Outcome) -> Counter {
        let labels = vec![
            Label::new("contract", contract.name.to_string()),
            Label::from_static_parts("operation", operation.name()),
            Label::from_static_parts("outcome", outcome.name()),
        ];
        self.recorder
            .register_counter(&Key::from_parts("daemun_requests_total", labels), &METADATA)
    }

    /// A gauge without labels.
    pub(crate) fn gauge(&self, name: &'static str) -> Gauge {
        self.recorder
            .register_gauge(&Key::from_static_name(name), &METADATA)
    }

    /// The page, in Prometheus' text format.
    pub(crate) fn page(&self) -> String {
        let mut page = self.handle.render();
        page.push_str("# TYPE daemun_request_seconds histogram\n");
        for durations in self
            .durations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
        {
            // Writing into a String cannot fail.
            let _ = durations.write(&mut page);
        }
        page
    }
}

impl ContractMetrics {
    pub(crate) fn count(&self, operation: Operation, outcome: Outcome, took: Duration) {
        if let Some(Some(counter)) = self.counters.get(index(operation, outcome)) {
            counter.increment(1);
        }
        if let Some(Some(durations)) = self.durations.get(operation as usize) {
            durations.add(took);
        }
    }
}

fn index(operation: Operation, outcome: Outcome) -> usize {
    operation as usize * Outcome::COUNT + outcome as usize
}

impl Durations {
    fn new(contract: &Contract, operation: Operation) -> Self {
        Self {
            contract: contract.name.to_string(),
            operation,
            buckets: Default::default(),
            micros: AtomicU64::new(0),
        }
    }

    fn add(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        let bucket = BOUNDS.partition_point(|bound| *bound < micros);
        if let Some(bucket) = self.buckets.get(bucket) {
            bucket.fetch_add(1, Ordering::Relaxed);
        }
        self.micros.fetch_add(micros, Ordering::Relaxed);
    }

    fn write(&self, page: &mut String) -> std::fmt::Result {
        let labels = format!(
            "contract=\"{}\",operation=\"{}\"",
            self.contract,
            self.operation.name()
        );
        let mut so_far = 0;
        for (place, bucket) in self.buckets.iter().enumerate() {
            so_far += bucket.load(Ordering::Relaxed);
            let bound = BOUNDS
                .get(place)
                .map_or_else(|| "+Inf".to_owned(), |bound| seconds(*bound));
            writeln!(
                page,
                "daemun_request_seconds_bucket{{{labels},le=\"{bound}\"}} {so_far}"
            )?;
        }
        writeln!(
            page,
            "daemun_request_seconds_sum{{{labels}}} {}",
            seconds(self.micros.load(Ordering::Relaxed))
        )?;
        writeln!(page, "daemun_request_seconds_count{{{labels}}} {so_far}")
    }
}

fn seconds(micros: u64) -> String {
    format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_page_counts_outcomes_and_durations() {
        let metrics = Metrics::new();
        let (name, source) = daemun_contract::builtin()[0];
        let contract = Contract::parse(source, name).unwrap();
        let counted = metrics.of_contract(&contract);
        for millis in [0, 3, 3, 9_000] {
            counted.count(
                Operation::Refresh,
                Outcome::Ok,
                Duration::from_millis(millis),
            );
        }
        counted.count(
            Operation::Refresh,
            Outcome::Reused,
            Duration::from_millis(1),
        );
        let page = metrics.page();
        let labels = format!("contract=\"{name}\",operation=\"refresh\"");
        for line in [
            format!("daemun_requests_total{{{labels},outcome=\"ok\"}} 4"),
            format!("daemun_requests_total{{{labels},outcome=\"reused\"}} 1"),
            format!("daemun_request_seconds_bucket{{{labels},le=\"0.000250\"}} 1"),
            format!("daemun_request_seconds_bucket{{{labels},le=\"0.001000\"}} 2"),
            format!("daemun_request_seconds_bucket{{{labels},le=\"0.005000\"}} 4"),
            format!("daemun_request_seconds_bucket{{{labels},le=\"2.500000\"}} 4"),
            format!("daemun_request_seconds_bucket{{{labels},le=\"+Inf\"}} 5"),
            format!("daemun_request_seconds_sum{{{labels}}} 9.007000"),
            format!("daemun_request_seconds_count{{{labels}}} 5"),
        ] {
            assert!(page.lines().any(|has| has == line), "{line}\n{page}");
        }
    }
}
