//! Counters, with labels from closed sets only: contract, operation, outcome.

use std::{collections::HashMap, time::Duration};

use daemun_contract::Contract;
use daemun_engine::vocabulary::{Operation, Outcome};
use metrics::{Counter, Gauge, Histogram, Key, Label, Level, Metadata, Recorder};
use metrics_exporter_prometheus::{
    BuildError, Matcher, PrometheusBuilder, PrometheusHandle, PrometheusRecorder,
};

const METADATA: Metadata<'static> = Metadata::new(module_path!(), Level::INFO, None);
const SECONDS: &[f64] = &[
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
];

/// Where counters are made and shown.
pub(crate) struct Metrics {
    recorder: PrometheusRecorder,
    handle: PrometheusHandle,
}

/// The counters of one contract, made once: counting is one atomic addition.
pub(crate) struct ContractMetrics {
    counters: HashMap<(Operation, Outcome), Counter>,
    durations: HashMap<Operation, Histogram>,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, BuildError> {
        let matcher = Matcher::Suffix("_seconds".to_owned());
        let recorder = PrometheusBuilder::new()
            .set_buckets_for_metric(matcher, SECONDS)?
            .build_recorder();
        let handle = recorder.handle();
        Ok(Self { recorder, handle })
    }

    pub(crate) fn of_contract(&self, contract: &Contract) -> ContractMetrics {
        let label = |operation: Operation| {
            [
                Label::new("contract", contract.name.to_string()),
                Label::from_static_parts("operation", operation.name()),
            ]
        };
        let mut counters = HashMap::new();
        let mut durations = HashMap::new();
        for route in &contract.routes {
            let operation = route.operation;
            let key = Key::from_parts("daemun_request_seconds", label(operation).to_vec());
            durations
                .entry(operation)
                .or_insert_with(|| self.recorder.register_histogram(&key, &METADATA));
            let all = operation
                .outcomes()
                .iter()
                .chain(Outcome::OF_EVERY_ROUTE)
                .chain(Outcome::OF_THE_GUARD);
            for outcome in all {
                let mut labels = label(operation).to_vec();
                labels.push(Label::from_static_parts("outcome", outcome.name()));
                let key = Key::from_parts("daemun_requests_total", labels);
                let made = || self.recorder.register_counter(&key, &METADATA);
                counters.entry((operation, *outcome)).or_insert_with(made);
            }
        }
        ContractMetrics {
            counters,
            durations,
        }
    }

    /// A gauge without labels.
    pub(crate) fn gauge(&self, name: &'static str) -> Gauge {
        self.recorder
            .register_gauge(&Key::from_static_name(name), &METADATA)
    }

    /// The page, in Prometheus' text format.
    pub(crate) fn page(&self) -> String {
        self.handle.run_upkeep();
        self.handle.render()
    }
}

impl ContractMetrics {
    pub(crate) fn count(&self, operation: Operation, outcome: Outcome, took: Duration) {
        if let Some(counter) = self.counters.get(&(operation, outcome)) {
            counter.increment(1);
        }
        if let Some(histogram) = self.durations.get(&operation) {
            histogram.record(took.as_secs_f64());
        }
    }
}
