//! `daemun contract verify`: a contract held against a running server, from outside.
//!
//! The contract says which request ends in what and what that looks like. So it is also a test of
//! whatever server claims to keep it: the back end that a team has, before it moves; daemun itself,
//! after. [`plan`] makes cases of it, every outcome of every route that can be provoked from outside;
//! [`runner`] sends them and [`compare`] tells what is not as the contract says; what cannot be
//! provoked is listed with the reason, never left out.
//!
//! It is gentle, since the server may be in use: it sends few wrong passwords, makes accounts only
//! where it is allowed to, and ends no session but its own. It shows no token, password or code
//! ([`secrets`]).

mod case;
mod codes;
mod compare;
mod operations;
mod people;
mod plan;
mod report;
mod request;
mod routes;
mod runner;
mod secrets;
mod session;
mod why;
mod wire;

use daemun_contract::Contract;
use daemun_engine::policy::Locale;
use zeroize::Zeroizing;

use self::{
    case::{Case, Hold, Skipped},
    codes::Codes,
    compare::Difference,
    people::{Addresses, Person},
    plan::Means,
    runner::{Runner, Verdict},
    secrets::Secrets,
    wire::Wire,
};
use crate::report::{Failure, Kind, Outcome};

pub(crate) use self::report::Report;

/// What to verify, and with what.
pub(crate) struct Options {
    /// The server's URL.
    pub(crate) against: String,
    /// A test account: address and password.
    pub(crate) account: Option<(String, Zeroizing<String>)>,
    /// Whether accounts may be made, and after which pattern their addresses.
    pub(crate) sign_up: Option<Option<String>>,
    /// The command that tells codes.
    pub(crate) code_command: Option<String>,
    /// What trusted callers show.
    pub(crate) service_key: Option<Zeroizing<String>>,
    /// The routes and outcomes to verify; all where empty.
    pub(crate) only: Vec<String>,
    /// More headers for every request.
    pub(crate) headers: Vec<String>,
    /// The language; the contract's first where absent.
    pub(crate) locale: Option<String>,
}

/// Verifies a contract.
///
/// # Errors
/// Where it cannot be verified: the options are wrong, or the server cannot be reached.
pub(crate) async fn verify(contract: &Contract, options: Options) -> Outcome<Report> {
    let wire = Wire::new(&options.against, &options.headers)?;
    let means = Means {
        sign_up: options.sign_up.is_some(),
        here: wire.is_here(),
    };
    let (cases, skipped) = plan::plan(contract, means);
    let only = Only::of(contract, &options.only)?;
    let cases = cases.into_iter().enumerate();
    let mut cases: Vec<(usize, Case)> = cases.filter(|(_, case)| only.wants(case)).collect();
    cases.sort_by_key(|(_, case)| turn(case));
    let mut report = Report::new(contract, &options.against);
    let mut runner = runner(contract, options, wire, means)?;
    for (at, case) in &cases {
        let verdict = Box::pin(runner.run(case)).await?;
        tell(&mut report, &runner, (*at, case), verdict);
    }
    runner.finish().await;
    for skipped in skipped.iter().filter(|skipped| only.wants_skipped(skipped)) {
        report.not_provoked(contract, skipped);
    }
    report.sort();
    report.notes = notes(&runner);
    Ok(report)
}

/// Whoever is signed up goes first, then whoever logs in, then what changes nothing; what ends
/// sessions goes last.
fn turn(case: &Case) -> (u8, Hold) {
    use daemun_engine::vocabulary::Outcome as O;
    let makes = case.makes_accounts() && matches!(case.outcome, O::Ok);
    let opens = case.outcome == O::Ok && case.hold == Hold::Nothing;
    let first = match (makes, opens) {
        (true, _) => 0,
        (false, true) => 1,
        (false, false) => 2,
    };
    (first, case.hold)
}

fn runner(contract: &Contract, options: Options, wire: Wire, means: Means) -> Outcome<Runner<'_>> {
    let mut secrets = Secrets::default();
    let account = options.account.map(|(address, password)| Person {
        address,
        password,
        nickname: None,
    });
    if let Some(account) = &account {
        secrets.keep(&account.password, "password");
    }
    if let Some(key) = &options.service_key {
        secrets.keep(key, "key");
    }
    let kinds = contract.policy.identifiers;
    let pattern = options.sign_up.flatten();
    Ok(Runner {
        contract,
        locale: locale(contract, options.locale.as_deref())?,
        addresses: Addresses::new(pattern.as_deref(), kinds, means.here)?,
        wire,
        means,
        codes: options.code_command.map_or(Codes::Outbox, Codes::Command),
        service_key: options.service_key,
        account,
        newcomer: None,
        unproved: None,
        secrets,
        shared: None,
        ended: None,
        learnt: Vec::new(),
        made: Vec::new(),
        wrong_passwords: 0,
        given_up: Vec::new(),
        subject: people::nickname()?,
    })
}

fn locale(contract: &Contract, tag: Option<&str>) -> Outcome<usize> {
    let Some(tag) = tag else { return Ok(0) };
    let known = contract
        .locales
        .iter()
        .position(|locale| locale.tag() == tag);
    known.ok_or_else(|| {
        let tags: Vec<&str> = contract
            .locales
            .iter()
            .map(|locale| Locale::tag(*locale))
            .collect();
        let what = format!("{} does not speak `{tag}`", contract.name);
        Failure::new(Kind::Usage, what).mend(format!("--locale {}", tags.join(" or ")))
    })
}

fn tell(report: &mut Report, runner: &Runner<'_>, case: (usize, &Case), verdict: Verdict) {
    let contract = runner.contract;
    let (at, case) = case;
    match verdict {
        Verdict::Agrees => report.agrees(contract, at, case),
        Verdict::Differs(differences, instead) => {
            let hide = |difference: &Difference| {
                [&difference.at, &difference.is, &difference.says]
                    .map(|text| runner.secrets.hide(text))
            };
            let differences = differences.iter().map(hide).collect();
            let instead = instead.map(daemun_engine::vocabulary::Outcome::name);
            report.differs(contract, at, case, differences, instead);
        }
        Verdict::NotProvoked(why) => report.not_provoked(
            contract,
            &Skipped {
                route: case.route,
                outcome: case.outcome,
                input: case.input,
                by_guard: case.by_guard,
                why: runner.secrets.hide(&why),
            },
        ),
    }
}

/// What the run did besides asking.
fn notes(runner: &Runner<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    match runner.wrong_passwords {
        0 => {}
        1 => notes.push("sent one wrong password for the test account".into()),
        many => notes.push(format!("sent {many} wrong passwords for the test account")),
    }
    if !runner.made.is_empty() {
        notes.push(format!("made accounts: {}", runner.made.join(", ")));
    }
    notes
}

/// What was asked for with `--only`.
struct Only {
    outcomes: Vec<String>,
    /// Places of routes.
    routes: Vec<usize>,
}

impl Only {
    fn of(contract: &Contract, words: &[String]) -> Outcome<Self> {
        let mut only = Self {
            outcomes: Vec::new(),
            routes: Vec::new(),
        };
        for word in words {
            let routes = contract.routes.iter().enumerate();
            let named: Vec<usize> = routes
                .filter(|(_, route)| {
                    let with_method = format!("{} {}", route.method, route.path);
                    route.operation.name() == word
                        || *word == with_method
                        || route.paths().any(|path| path.as_str() == word)
                })
                .map(|(at, _)| at)
                .collect();
            if !named.is_empty() {
                only.routes.extend(named);
            } else if daemun_engine::vocabulary::Outcome::from_name(word).is_some() {
                only.outcomes.push(word.clone());
            } else {
                let what = format!("{} has no route and no outcome `{word}`", contract.name);
                let mend = format!("what `daemun contract explain {}` shows", contract.name);
                return Err(Failure::new(Kind::Usage, what).mend(mend));
            }
        }
        Ok(only)
    }

    fn has(&self, route: usize, outcome: &str) -> bool {
        (self.routes.is_empty() || self.routes.contains(&route))
            && (self.outcomes.is_empty() || self.outcomes.iter().any(|known| known == outcome))
    }

    fn wants(&self, case: &Case) -> bool {
        self.has(case.route, case.outcome.name())
    }

    fn wants_skipped(&self, skipped: &Skipped) -> bool {
        self.has(skipped.route, skipped.outcome.name())
    }
}
