//! The route table: what a front-end developer wants to know about a contract, in plain text.

use std::{borrow::Cow, fmt::Write as _};

use daemun_engine::{
    policy::{KeyName, TokenSpec},
    profile::ProfileField,
    vocabulary::{Outcome, Slot},
};

use crate::{
    answer::{Answer, Body},
    contract::{Contract, Guard, GuardMode, Route},
    input::{InputPlan, Source},
    read::{duration::duration_text, fields::slot_name},
    template::{Value, Values},
};

pub(crate) fn explain(contract: &Contract) -> String {
    let mut text = String::new();
    // Writing into a String cannot fail.
    let _ = write_contract(contract, &mut text);
    text
}

/// Shows each slot by its name: `{"id":<account.id>}`.
pub(crate) struct SlotNames<'c>(pub(crate) &'c [ProfileField]);

impl Values for SlotNames<'_> {
    fn value(&self, slot: Slot) -> Value<'_> {
        Value::Json(Cow::Owned(format!("<{}>", slot_name(slot, self.0))))
    }
}

fn write_contract(contract: &Contract, out: &mut String) -> std::fmt::Result {
    writeln!(out, "{}: {}", contract.name, contract.summary)?;
    let locales: Vec<&str> = contract.locales.iter().map(|locale| locale.tag()).collect();
    writeln!(out, "languages: {}", locales.join(", "))?;
    let tokens = &contract.policy.tokens;
    write_token("access token", &tokens.access, out)?;
    write_token("refresh token", &tokens.refresh, out)?;
    for cookie in &contract.cookies {
        writeln!(out, "cookie: {}", cookie.name)?;
    }
    let common = common(contract);
    for route in &contract.routes {
        write_route(contract, route, &common, out)?;
    }
    if let Some(guard) = &contract.guard {
        write_guard(contract, guard, &common, out)?;
    }
    writeln!(out, "\nany of these")?;
    let common = common.into_iter();
    write_answers(
        contract,
        common.map(|(outcome, answer)| (outcome, String::new(), answer)),
        out,
    )
}

/// What every route answers alike: said once.
fn common(contract: &Contract) -> Vec<(Outcome, &Answer)> {
    let Some(first) = contract.routes.first() else {
        return Vec::new();
    };
    let outcomes = Outcome::OF_EVERY_ROUTE.iter();
    outcomes
        .map(|outcome| {
            let answers = contract
                .routes
                .iter()
                .map(|route| route.answer(*outcome, None));
            // The answer that most routes give.
            let most = answers
                .clone()
                .max_by_key(|answer| answers.clone().filter(|a| a == answer).count());
            (*outcome, most.unwrap_or(first.answer(*outcome, None)))
        })
        .collect()
}

fn write_token(name: &str, spec: &TokenSpec, out: &mut String) -> std::fmt::Result {
    let key = match spec.key {
        KeyName::Legacy => "the team's own secret",
        KeyName::Signing => "a published key",
        KeyName::Internal => "a key of daemun's own",
    };
    let claims: Vec<&str> = spec.claims.iter().map(|(name, _)| &**name).collect();
    writeln!(
        out,
        "{name}: {}, {key}, lives {}; {}",
        spec.algorithm,
        duration_text(spec.lifetime),
        claims.join(", ")
    )
}

fn write_route(
    contract: &Contract,
    route: &Route,
    common: &[(Outcome, &Answer)],
    out: &mut String,
) -> std::fmt::Result {
    let paths: Vec<&str> = route.paths().map(|path| path.as_str()).collect();
    writeln!(
        out,
        "\n{} {}\n  {} ({})",
        route.method,
        paths.join(", also "),
        route.summary,
        route.operation.name()
    )?;
    for plan in &route.inputs {
        writeln!(out, "  takes {}", taken(contract, plan))?;
    }
    if route.collect {
        writeln!(out, "  tells of all faults at once, their answers joined")?;
    }
    let sources = contract.guard.as_ref().map_or("", |_| match route.guard {
        GuardMode::Required => "  needs a good access token",
        GuardMode::IfPresent => "  an access token need not be there, but must be good",
        GuardMode::Off => "",
    });
    if !sources.is_empty() {
        writeln!(out, "{sources}")?;
    }
    let own = route
        .answers()
        .filter(|(outcome, _, answer)| !common.contains(&(*outcome, answer)));
    let answers = own.map(|(outcome, input, answer)| {
        let of = input.map_or(String::new(), |input| {
            format!(" ({})", contract.input_name(input))
        });
        (outcome, of, answer)
    });
    let by_reason = route.answers.by_reason();
    let by_reason = by_reason.map(|(outcome, input, reason, answer)| {
        let of = input.map_or(String::new(), |input| contract.input_name(input) + ", ");
        let of = format!(" ({of}{reason})");
        (outcome, of, answer)
    });
    let answers = answers.chain(by_reason);
    write_answers(contract, answers, out)
}

fn write_guard(
    contract: &Contract,
    guard: &Guard,
    common: &[(Outcome, &Answer)],
    out: &mut String,
) -> std::fmt::Result {
    let sources: Vec<String> = guard.sources.iter().map(place).collect();
    writeln!(out, "\nthe guard\n  takes {}", sources.join(", or "))?;
    let answers = guard
        .answers()
        .filter(|own| !common.contains(own))
        .map(|(outcome, answer)| (outcome, String::new(), answer));
    write_answers(contract, answers, out)
}

/// One line per different answer, with all it is given to.
fn write_answers<'a>(
    contract: &Contract,
    answers: impl Iterator<Item = (Outcome, String, &'a Answer)>,
    out: &mut String,
) -> std::fmt::Result {
    let fields = &contract.policy.fields;
    let mut lines: Vec<(&Answer, Vec<String>)> = Vec::new();
    for (outcome, of, answer) in answers {
        let name = format!("{}{of}", outcome.name());
        match lines.iter_mut().find(|(known, _)| *known == answer) {
            Some((_, names)) => names.push(name),
            None => lines.push((answer, vec![name])),
        }
    }
    for (answer, names) in lines {
        writeln!(out, "  {} {}", answer.status, names.join(", "))?;
        for cookie in &answer.cookies {
            let verb = if cookie.value.is_some() {
                "sets"
            } else {
                "clears"
            };
            writeln!(out, "      {verb} the cookie {}", cookie.cookie.name)?;
        }
        for (name, template) in &answer.headers {
            let mut value = Vec::new();
            template.render(0, &SlotNames(fields), &mut value);
            writeln!(out, "      {name}: {}", String::from_utf8_lossy(&value))?;
        }
        if answer.body != Body::Empty {
            let mut body = Vec::new();
            answer.render_body(0, &SlotNames(fields), &mut body);
            writeln!(out, "      {}", String::from_utf8_lossy(&body))?;
        }
    }
    Ok(())
}

fn taken(contract: &Contract, plan: &InputPlan) -> String {
    let sources: Vec<String> = plan.sources.iter().map(place).collect();
    let may = if plan.optional {
        " (may be left out)"
    } else {
        ""
    };
    format!(
        "{}: {}{may}",
        contract.input_name(plan.input),
        sources.join(", or ")
    )
}

/// A source in words.
pub(crate) fn place(source: &Source) -> String {
    match source {
        Source::Body(keys) => format!("`{}` of the body", keys.join(".")),
        Source::Header { name, schemes } if schemes.is_empty() => format!("header {name}"),
        Source::Header { name, schemes } => {
            format!("header {name}: {} …", schemes.join(" or "))
        }
        Source::Query(name) => format!("`{name}` of the query"),
        Source::Cookie { name, .. } => format!("cookie {name}"),
        Source::Path(name) => format!("`{name}` of the path"),
    }
}
