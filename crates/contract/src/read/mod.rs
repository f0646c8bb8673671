//! From text to contract. Each submodule reads one part of the file; here they come together, and
//! what concerns more than one part is checked.

mod answers;
pub(crate) mod collect;
mod cookies;
pub(crate) mod duration;
mod entry;
pub(crate) mod fields;
pub(crate) mod file;
mod on;
mod resolve;
mod routes;
pub(crate) mod say;
mod sections;
mod takes;
mod tokens;
pub(crate) mod words;

pub(crate) use tokens::CLAIM_VALUES;

use daemun_engine::{
    policy::Policy,
    vocabulary::{Input, Operation, Outcome},
};
use toml_edit::Document;

use crate::{
    answer::MaxAge,
    contract::{Contract, Switch},
    fault::{Fault, Faults},
    read::{
        answers::Material,
        file::{Fields, File},
        resolve::Shared,
        routes::Placed,
        sections::AccountRules,
        tokens::Tokens,
        words::Words,
    },
};

/// Longer files are no contracts.
const LONGEST: usize = 1 << 20;

pub(crate) fn contract(source: &str, name: &str) -> Result<Contract, Faults> {
    if source.len() > LONGEST {
        return Err(one_fault(
            name,
            "the file is longer than 1 MiB",
            "a contract",
        ));
    }
    let file = File::new(name, source);
    let document = match Document::parse(source) {
        Ok(document) => document,
        Err(error) => {
            let at = error.span().map_or(0, |span| span.start);
            let message = error.message().trim().to_owned();
            file.fault_in_line(at, format!("this is no TOML: {message}"), "valid TOML");
            return Err(file.into_faults().unwrap_or(Faults(Vec::new())));
        }
    };
    let contract = {
        let root = Fields::new(&file, document.as_table(), 0, "the file");
        read(root)
    };
    match file.into_faults() {
        Some(faults) => Err(faults),
        None => Ok(contract),
    }
}

fn one_fault(file: &str, what: &str, write: &str) -> Faults {
    Faults(vec![Fault {
        file: file.into(),
        line: 1,
        column: None,
        what: what.into(),
        write: write.into(),
    }])
}

fn read(root: Fields<'_>) -> Contract {
    let head = sections::head(&root);
    let accounts = sections::accounts(&root);
    let sessions = sections::sessions(&root);
    let codes = sections::codes(&root, accounts.identifiers);
    let tokens = tokens::tokens(&root);
    let (callers, caller_switches) = sections::callers(&root);
    let (cookies, open_cookies) = cookies::cookies(&root);
    let material = Material {
        words: Words::read(&root, &head.locales, &accounts.fields),
        cookies,
        refresh_in_body: tokens.refresh_in_body,
    };
    let messages = words::messages(&root, &head.locales);
    let shared = Shared {
        on: on::on(&root, &material, &Outcome::ALL, "a request"),
        at: root.get("on").map_or(root.at, |entry| entry.at),
    };
    let guard = routes::guard(&root, &material, &shared);
    let routes = routes::routes(&root, &material, guard.as_ref(), &shared, &accounts);
    let policy = Policy {
        contract: head.name.as_str().into(),
        conceal: accounts.conceal,
        status_first: accounts.status_first,
        identifiers: accounts.identifiers,
        password_min: accounts.password_min,
        sessions,
        codes,
        tokens: tokens.profile.clone(),
        confirm_address: accounts.confirm_at.is_none(),
        nickname_max: accounts.nickname_max,
        fields: accounts.fields.clone(),
    };
    let contract = Contract {
        name: head.name.into(),
        summary: head.summary.into(),
        file: root.file.name().into(),
        locales: head.locales,
        absent: head.absent,
        callers,
        switches: switches(
            root.file,
            &policy,
            &accounts,
            &tokens,
            &open_cookies,
            &caller_switches,
        ),
        policy,
        guard: guard.map(|section| section.guard),
        cookies: material.cookies,
        messages,
        routes: Vec::new(),
    };
    check_cookie_ages(root.file, &contract, &tokens);
    check_keep(root.file, &contract, &routes);
    check_concealment(root.file, &contract, &routes);
    check_subjects(root.file, &contract, &routes);
    root.finish();
    Contract {
        routes: routes.into_iter().map(|placed| placed.route).collect(),
        ..contract
    }
}

/// A cookie that lives as long as a token must not be asked to outlive what browsers allow.
fn check_cookie_ages(file: &File<'_>, contract: &Contract, tokens: &Tokens) {
    let profile = &contract.policy.tokens;
    let has = |age| contract.cookies.iter().any(|cookie| cookie.max_age == age);
    let longest_refresh = contract
        .policy
        .sessions
        .keep
        .map_or(profile.refresh.lifetime, |keep| {
            keep.max(profile.refresh.lifetime)
        });
    for (age, lifetime, at) in [
        (
            MaxAge::Access,
            profile.access.lifetime,
            tokens.access_lifetime_at,
        ),
        (MaxAge::Refresh, longest_refresh, tokens.refresh_lifetime_at),
    ] {
        if has(age) && lifetime > cookies::LONGEST {
            file.fault(
                at,
                "this token stands in a cookie, and no browser keeps one for longer than 400 days",
                "400d at most, in `lifetime` and in `keep`",
            );
        }
    }
}

fn check_keep(file: &File<'_>, contract: &Contract, routes: &[Placed]) {
    let takes_keep = |placed: &&Placed| {
        let mut plans = placed.route.inputs.iter();
        plans.any(|plan| plan.input == Input::Keep)
    };
    if contract.policy.sessions.keep.is_none()
        && let Some(placed) = routes.iter().find(takes_keep)
    {
        file.fault(
            placed.at,
            "this route takes `keep`, and nothing says for how long",
            "keep = \"30d\" in [sessions]",
        );
    }
}

/// A contract is about accounts, or about subjects that callers name.
fn check_subjects(file: &File<'_>, contract: &Contract, routes: &[Placed]) {
    let for_callers = contract.policy.serves_callers();
    for placed in routes {
        let operation = placed.route.operation;
        if operation.needs_trust() && !for_callers {
            file.fault(
                placed.at,
                format!(
                    "{} is about subjects that callers name, and no claim says them",
                    operation.name()
                ),
                "sub = \"{{subject}}\" among the claims",
            );
        }
        if operation.is_about_accounts() && for_callers {
            file.fault(
                placed.at,
                format!(
                    "{} is about accounts, and the tokens are of subjects that callers name",
                    operation.name()
                ),
                "sub = \"{{account.id_text}}\" among the claims, or a contract of its own",
            );
        }
    }
}

/// Outcomes that a contract that conceals must answer alike, byte for byte.
const ALIKE: [(Operation, Outcome, &[Outcome]); 3] = [
    (Operation::SignUp, Outcome::Ok, &[Outcome::IdentifierTaken]),
    (
        Operation::ResendCode,
        Outcome::Ok,
        &[
            Outcome::UnknownAccount,
            Outcome::WrongPassword,
            Outcome::AlreadyVerified,
            Outcome::TooSoon,
        ],
    ),
    (
        Operation::LogIn,
        Outcome::WrongPassword,
        &[Outcome::UnknownAccount],
    ),
];

fn check_concealment(file: &File<'_>, contract: &Contract, routes: &[Placed]) {
    if !contract.policy.conceal {
        return;
    }
    for placed in routes {
        for (operation, model, others) in ALIKE {
            if placed.route.operation != operation {
                continue;
            }
            for other in others {
                let can = placed.route.answers.can.contains(other);
                if can && placed.route.answer(*other, None) != placed.route.answer(model, None) {
                    file.fault(
                        placed.at,
                        format!(
                            "with `conceal`, {} must answer `{}` exactly as `{}`, or it tells who has an account",
                            operation.name(),
                            other.name(),
                            model.name()
                        ),
                        format!("{} = \"{}\" in [route.on]; or conceal = false in [accounts]", other.name(), model.name()),
                    );
                }
            }
        }
    }
}

fn switches(
    file: &File<'_>,
    policy: &Policy,
    accounts: &AccountRules,
    tokens: &Tokens,
    open_cookies: &[usize],
    caller_switches: &[(&'static str, usize)],
) -> Vec<Switch> {
    let mut switches = Vec::new();
    let mut on = |name: &str, at: usize, meaning: &str| {
        switches.push(Switch {
            name: name.into(),
            line: file.line(at),
            meaning: meaning.into(),
        });
    };
    if !policy.conceal {
        on(
            "conceal = false",
            accounts.conceal_at,
            "strangers can find out which addresses have an account",
        );
    }
    if let Some(at) = accounts.status_first_at {
        on(
            "status_first = true",
            at,
            "without the password, strangers can find out that an account is not active",
        );
    }
    if let Some(at) = accounts.confirm_at {
        on(
            "confirm_address = false",
            at,
            "addresses are not proved: anybody can sign up with somebody else's",
        );
    }
    if let Some((true, at)) = tokens.refresh_in_body {
        on(
            "refresh_in_body = true",
            at,
            "a script that gets into a page can read the refresh token, which its cookie keeps from scripts",
        );
    }
    if let Some(at) = tokens.foreign_at {
        on(
            "accept_foreign = true",
            at,
            "whoever has the team's secret can mint access tokens for anybody; turn it off when the former back end is gone",
        );
    }
    if let Some(at) = tokens.personal_at {
        on(
            "personal_claims = true",
            at,
            "whoever holds or logs a token can read the account's e-mail address in it",
        );
    }
    for (name, at) in caller_switches {
        match *name {
            "open" => on(
                "open = true",
                *at,
                "anybody who reaches this server can mint tokens for anybody and log anybody out",
            ),
            _ => on(
                "loopback = \"always\"",
                *at,
                "every program of this machine can mint tokens for anybody; a proxy on it must not pass these routes on",
            ),
        }
    }
    for at in open_cookies {
        on(
            "http_only = false",
            *at,
            "a script that gets into a page can read this cookie",
        );
    }
    switches
}
