//! Every contract's OpenAPI document, held against the server that speaks it: [Schemathesis] makes
//! requests from the document, those that fit it and those that do not, and checks the answers.
//!
//! Which checks are off, and why, stands in `python/schemathesis.toml`; `python/contract_hooks.py`
//! adds ours. The requests are the same every time. `DAEMUN_TEST_SEED=7` makes others,
//! `DAEMUN_TEST_EXAMPLES=1000` more of them.
//!
//! [Schemathesis]: https://schemathesis.readthedocs.io

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use daemun_contract::{Contract, Source};
use daemun_engine::vocabulary::{Input, Operation, Outcome};
use serde_json::{Map, Value, json};

use crate::{
    anyone::{Held, Log, Person, Shown, contracts},
    harness::{Daemun, Start},
    python,
};

/// Requests per operation in the random phase, besides those made systematically.
const EXAMPLES: &str = "40";

const SEED: &str = "20261121";

/// Passing whatever is sent, once each, in any order.
const ALWAYS_REACHED: [Operation; 6] = [
    Operation::LogIn,
    Operation::Refresh,
    Operation::WhoAmI,
    Operation::ListSessions,
    Operation::Issue,
    Operation::Revoke,
];

#[tokio::test(flavor = "multi_thread")]
async fn f18_every_contract_keeps_what_its_openapi_document_says() {
    let daemun = Start::development()
        .with("DAEMUN_LOG", "info,daemun_http=debug")
        .go()
        .await;
    let log = Log::of(&daemun);
    let st = python::schemathesis();
    let staying = Person::new(&daemun, 0);
    let mut runs = Vec::new();
    for (nth, contract) in (1u32..).zip(contracts()) {
        let people = People {
            staying: &staying,
            leaving: Person::new(&daemun, nth * 10),
            named: Person::new(&daemun, nth * 10 + 1),
        };
        let told = people.told(&daemun, &contract, &log).await;
        let file = daemun.folder().join(format!("{}.json", contract.name));
        fs::write(&file, told.to_string()).expect("a file");
        runs.push((contract, file));
    }
    let outcomes: Vec<(String, Output)> = std::thread::scope(|scope| {
        let threads = runs.iter().map(|(contract, told)| {
            let (st, daemun) = (&st, &daemun);
            scope.spawn(move || (contract.name.to_string(), run(st, daemun, contract, told)))
        });
        let threads: Vec<_> = threads.collect();
        let ended = threads
            .into_iter()
            .map(|thread| thread.join().expect("it ran"));
        ended.collect()
    });
    let mut failed = String::new();
    for (name, output) in &outcomes {
        let said = String::from_utf8_lossy(&output.stdout);
        println!("{name}: {}", said.lines().last().unwrap_or_default());
        if !output.status.success() {
            failed += &format!(
                "{name}: {said}{}\n",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
    assert!(failed.is_empty(), "{failed}");
    let all = daemun.log();
    assert!(
        !all.contains("panicked") && !all.contains("\"ERROR\""),
        "{all}"
    );
    let reached = log.reached();
    for (contract, _) in &runs {
        assert_reached(contract, &reached);
    }
}

/// Whoever the requests are about.
struct People<'p> {
    /// Signed in to the end: no request names this person.
    staying: &'p Person,
    /// Signed in for requests that end sessions.
    leaving: Person,
    /// Named in requests.
    named: Person,
}

impl People<'_> {
    /// What the hooks are told, as `python/contract_hooks.py` has it.
    async fn told(&self, daemun: &Daemun, contract: &Contract, log: &Log) -> Value {
        let leaving = Held::by(daemun, contract, &self.leaving).await;
        let staying = Held::by(daemun, contract, self.staying).await;
        let named = Held::by(daemun, contract, &self.named).await;
        let leaves = leaving.shown(daemun, contract, log).await;
        let stays = staying.shown(daemun, contract, log).await;
        json!({
            "log": daemun.folder().join("log"),
            "staying": {
                "shown": stays.as_ref().map(shown_by),
                "fields": fields(contract, &self.named, &named),
            },
            "leaving": {
                "shown": leaves.as_ref().map(shown_by),
                "fields": fields(contract, &self.leaving, &leaving),
            },
        })
    }
}

fn fields(contract: &Contract, person: &Person, held: &Held) -> Map<String, Value> {
    let mut fields = Map::new();
    let plans = contract.routes.iter().flat_map(|route| &route.inputs);
    for plan in plans {
        for source in &plan.sources {
            let values: Vec<String> = match (plan.input, source) {
                (_, Source::Cookie { name, .. }) => {
                    held.cookie(name).into_iter().map(str::to_owned).collect()
                }
                (Input::Token | Input::AccessToken, _) => held.tokens.clone(),
                (input, _) => person.says(contract, input).into_iter().collect(),
            };
            if !values.is_empty() {
                fields.insert(source.wire_name().into(), values.into());
            }
        }
    }
    fields
}

fn shown_by(shown: &Shown) -> Value {
    match shown {
        Shown::Header(name, value) => json!({ "headers": { name: value }, "cookies": {} }),
        Shown::Cookie(name, value) => json!({ "headers": {}, "cookies": { name: value } }),
    }
}

fn run(st: &Path, daemun: &Daemun, contract: &Contract, told: &Path) -> Output {
    let name = &*contract.name;
    let python = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/python");
    let setting = |variable: &str, otherwise: &str| {
        std::env::var(variable).unwrap_or_else(|_| otherwise.into())
    };
    let examples = setting("DAEMUN_TEST_EXAMPLES", EXAMPLES);
    let seed = setting("DAEMUN_TEST_SEED", SEED);
    let mut command = Command::new(st);
    command
        .arg("--config-file")
        .arg(PathBuf::from(python).join("schemathesis.toml"))
        .args(["run", "--no-color", "--warnings", "off"])
        .args(["--seed", &seed, "--max-examples", &examples])
        .arg(daemun.url(&format!("/docs/{name}/openapi.json")))
        .env("SCHEMATHESIS_HOOKS", format!("{python}/contract_hooks.py"))
        .env("DAEMUN_TESTED", told)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("PYTHONHASHSEED", "0")
        .current_dir(daemun.folder());
    if says_what_failed_with_200(contract) {
        // They tell a failure by its status. `what_does_not_fit_is_not_done` stands in.
        let by_status = "negative_data_rejection,missing_required_header,ignored_auth";
        command.args(["--exclude-checks", by_status]);
    } else if contract
        .routes
        .iter()
        .any(|route| route.operation.needs_trust())
    {
        // In development whoever calls from this machine is trusted, and shows nothing.
        command.args(["--exclude-checks", "ignored_auth"]);
    }
    command.output().expect("it runs")
}

fn says_what_failed_with_200(contract: &Contract) -> bool {
    let mut routes = contract.routes.iter();
    routes.any(|route| route.answer(Outcome::BadRequest, None).status < 300)
}

/// Whoever is refused everywhere is not tested.
fn assert_reached(contract: &Contract, reached: &BTreeSet<(String, String, String)>) {
    for operation in ALWAYS_REACHED {
        if contract
            .routes
            .iter()
            .any(|route| route.operation == operation)
        {
            let ok = (&*contract.name, operation.name(), "ok");
            let found = reached
                .iter()
                .any(|(c, o, outcome)| (&**c, &**o, &**outcome) == ok);
            assert!(found, "{ok:?} was not reached: {reached:#?}");
        }
    }
}
