//! `takes`: where an operation's inputs stand in a request.

use std::sync::Arc;

use daemun_engine::{
    profile::ProfileField,
    vocabulary::{Input, Operation},
};

use crate::{
    answer::Cookie,
    input::{InputPlan, Source},
    path::{Method, PathPattern},
    read::{
        answers::declared,
        fields::input_name,
        {entry::Entry, file::Fields, say::instead},
    },
    wire,
};

/// What a route is, as far as its inputs depend on it.
pub(crate) struct Place<'r> {
    pub(crate) operation: Operation,
    pub(crate) methods: Vec<Method>,
    pub(crate) paths: Vec<&'r PathPattern>,
    pub(crate) cookies: &'r [Arc<Cookie>],
    /// The fields the contract declares, which a sign-up may take.
    pub(crate) fields: &'r [ProfileField],
}

/// Reads `takes` and `required`.
pub(crate) fn inputs(fields: &Fields<'_>, place: &Place<'_>) -> Vec<InputPlan> {
    let mut plans = Vec::new();
    let takes = fields.get("takes");
    let at = takes.as_ref().map_or(fields.at, |entry| entry.at);
    let table =
        takes.and_then(|entry| entry.table(format!("`takes` of {}", place.operation.name())));
    for entry in table.map_or_else(Vec::new, |table| table.all()) {
        plans.extend(plan(&entry, place));
    }
    // A refresh that can fall back on the access token can do without a refresh token.
    if plans.iter().any(|plan| plan.input == Input::AccessToken) {
        let tokens = plans.iter_mut().filter(|plan| plan.input == Input::Token);
        tokens.for_each(|plan| plan.optional = true);
    }
    required(fields, place, &mut plans);
    for input in place.operation.required_inputs() {
        if !plans.iter().any(|plan| plan.input == *input) {
            fields.file.fault(
                at,
                format!(
                    "{} takes no `{}`, and cannot do without",
                    place.operation.name(),
                    input.name()
                ),
                format!("takes = {{ {0} = \"body.{0}\" }}", input.name()),
            );
        }
    }
    plans
}

fn plan(entry: &Entry<'_>, place: &Place<'_>) -> Option<InputPlan> {
    let operation = place.operation;
    let known: Vec<Input> = [operation.required_inputs(), operation.optional_inputs()].concat();
    let declared = (0..).zip(place.fields);
    let declared = declared.filter(|_| operation == Operation::SignUp);
    let known: Vec<Input> = known
        .into_iter()
        .chain(declared.map(|(nth, _)| Input::Profile(nth)))
        .collect();
    let named = |input: &Input| input_name(*input, place.fields);
    let Some(input) = known
        .iter()
        .copied()
        .find(|input| named(input) == entry.key)
    else {
        let names: Vec<String> = known.iter().map(named).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let what = format!("{} has no input `{}`", operation.name(), entry.key);
        entry.fault(what, instead(entry.key, &names));
        return None;
    };
    if let Input::Profile(nth) = input
        && let Some(field) = place.fields.get(usize::from(nth))
        && field.read_only
    {
        entry.fault(
            format!(
                "the field `{}` is read-only: no request sets it",
                field.name
            ),
            "nothing, or read_only = false",
        );
        return None;
    }
    let sources = sources(entry, place.cookies);
    for source in &sources {
        check(entry, input, source, place);
    }
    let first = sources.first();
    let wire_name = first.map_or(entry.key, Source::wire_name).into();
    Some(InputPlan {
        input,
        sources,
        optional: !operation.required_inputs().contains(&input),
        wire_name,
    })
}

fn required(fields: &Fields<'_>, place: &Place<'_>, plans: &mut [InputPlan]) {
    let Some(entry) = fields.get("required") else {
        return;
    };
    for name in entry.texts() {
        let taken: Vec<String> = plans
            .iter()
            .map(|plan| input_name(plan.input, place.fields))
            .collect();
        let taken: Vec<&str> = taken.iter().map(String::as_str).collect();
        match taken.iter().position(|taken| *taken == name) {
            Some(nth) => {
                if let Some(plan) = plans.get_mut(nth) {
                    plan.optional = false;
                }
            }
            None => entry.fault(
                format!(
                    "{} does not take `{name}`, so it cannot be required",
                    place.operation.name()
                ),
                instead(name, &taken),
            ),
        }
    }
}

/// A source, or a list of them.
pub(crate) fn sources(entry: &Entry<'_>, cookies: &[Arc<Cookie>]) -> Vec<Source> {
    let texts = entry.texts();
    if texts.is_empty() {
        entry.fault(
            format!("{} names no place", entry.called()),
            "\"body.NAME\"",
        );
    }
    let sources = texts.iter().filter_map(|text| source(entry, text, cookies));
    sources.collect()
}

const SOURCES: &str = "\"body.NAME\", \"query.NAME\", \"path.NAME\", \"cookie.NAME\", \"header.NAME\" or \"header.NAME SCHEME|SCHEME\"";

fn source(entry: &Entry<'_>, text: &str, cookies: &[Arc<Cookie>]) -> Option<Source> {
    let unknown = || {
        entry.fault(format!("`{text}` is no place in a request"), SOURCES);
        None
    };
    let Some((kind, rest)) = text.split_once('.') else {
        return unknown();
    };
    match kind {
        "body" if rest.split('.').all(|key| !key.is_empty()) => {
            Some(Source::Body(rest.split('.').map(Box::from).collect()))
        }
        "query" if !rest.is_empty() => Some(Source::Query(rest.into())),
        "path" if !rest.is_empty() => Some(Source::Path(rest.into())),
        "cookie" => {
            let cookie = declared(cookies, rest, |what, write| entry.fault(what, write))?;
            Some(Source::Cookie {
                name: cookie.name.clone(),
                codec: cookie.codec,
            })
        }
        "header" => {
            let (name, schemes) = rest.split_once(' ').unwrap_or((rest, ""));
            let schemes: Vec<Box<str>> = schemes
                .split('|')
                .map(str::trim)
                .filter(|scheme| !scheme.is_empty())
                .map(Box::from)
                .collect();
            let sound = wire::is_token(name) && schemes.iter().all(|scheme| wire::is_token(scheme));
            if !sound {
                return unknown();
            }
            Some(Source::Header {
                name: name.into(),
                schemes,
            })
        }
        _ => unknown(),
    }
}

fn check(entry: &Entry<'_>, input: Input, source: &Source, place: &Place<'_>) {
    match source {
        Source::Body(_) if place.methods.contains(&Method::Get) => entry.fault(
            "a GET has no body to take anything from",
            "another method, or another place",
        ),
        Source::Query(_)
            if matches!(
                input,
                Input::Token | Input::AccessToken | Input::Password | Input::Code
            ) =>
        {
            entry.fault(
                format!(
                    "a {} in the query ends up in logs and histories",
                    input.name()
                ),
                format!("\"body.{}\"", input.name()),
            );
        }
        Source::Path(name) => {
            for path in &place.paths {
                if !path.params().any(|param| param == &**name) {
                    entry.fault(
                        format!("the path `{path}` has no parameter `{name}`"),
                        format!("`{{{name}}}` in the path"),
                    );
                }
            }
        }
        _ => {}
    }
}
