//! `[[route]]` and `[guard]`.

use daemun_engine::vocabulary::{Input, Operation};

use crate::{
    contract::{Guard, GuardMode, Route},
    input::Source,
    path::{Method, PathPattern},
    read::{
        collect,
        resolve::{Resolver, Shared, Terms, Who},
        sections::AccountRules,
        takes,
        {answers::Material, on},
        {
            entry::Entry,
            file::{Fields, File},
            say::instead,
        },
    },
};

const MODES: [(&str, GuardMode); 3] = [
    ("required", GuardMode::Required),
    ("if_present", GuardMode::IfPresent),
    ("off", GuardMode::Off),
];

/// `[guard]`, and what it is to routes that need no login.
pub(crate) struct GuardSection {
    pub(crate) guard: Guard,
    elsewhere: GuardMode,
}

pub(crate) fn guard<'f>(
    root: &Fields<'f>,
    material: &Material<'f>,
    shared: &Shared,
) -> Option<GuardSection> {
    let fields = root.get("guard")?.table("[guard]")?;
    let sources = fields
        .need("takes", "takes = \"header.Authorization Bearer\"")
        .map(|entry| guard_sources(&entry, material))
        .unwrap_or_default();
    let elsewhere = fields
        .get("elsewhere")
        .and_then(|entry| entry.word(&MODES))
        .unwrap_or(GuardMode::Off);
    let own = on::on(&fields, material, &Who::Guard.may(), "the guard");
    let resolver = Resolver {
        file: fields.file,
        who: Who::Guard,
        at: fields.at,
        own: &own,
        shared,
    };
    let answers = resolver.answers();
    fields.finish();
    Some(GuardSection {
        guard: Guard { sources, answers },
        elsewhere,
    })
}

fn guard_sources(entry: &Entry<'_>, material: &Material<'_>) -> Vec<Source> {
    let sources = takes::sources(entry, &material.cookies);
    for source in &sources {
        if !matches!(source, Source::Header { .. } | Source::Cookie { .. }) {
            entry.fault(
                "a guard takes its token from a header or a cookie",
                "\"header.Authorization Bearer\" or \"cookie.NAME\"",
            );
        }
    }
    sources
}

/// A route, and where it stands.
pub(crate) struct Placed {
    pub(crate) route: Route,
    pub(crate) at: usize,
}

pub(crate) fn routes<'f>(
    root: &Fields<'f>,
    material: &Material<'f>,
    guard: Option<&GuardSection>,
    shared: &Shared,
    accounts: &AccountRules,
) -> Vec<Placed> {
    let Some(entry) = root.need("route", "[[route]] with a method, a path and what it does") else {
        return Vec::new();
    };
    let mut routes = Vec::new();
    for fields in entry.tables() {
        routes.extend(route(&fields, material, guard, shared, accounts));
        fields.finish();
    }
    clashes(root.file, &routes);
    routes
}

fn route<'f>(
    fields: &Fields<'f>,
    material: &Material<'f>,
    guard: Option<&GuardSection>,
    shared: &Shared,
    accounts: &AccountRules,
) -> Vec<Placed> {
    let paths = paths(fields);
    let also_paths = also(fields);
    let summary = fields.get("summary").and_then(|entry| entry.text());
    let Some((operation, does_at)) = operation(fields) else {
        // Without an operation there is nothing to hold the rest against.
        for key in ["takes", "required", "guard", "on", "collect"] {
            fields.get(key);
        }
        return Vec::new();
    };
    let place = takes::Place {
        operation,
        methods: paths.iter().map(|(method, ..)| *method).collect(),
        paths: paths
            .iter()
            .map(|(_, path, _)| path)
            .chain(&also_paths)
            .collect(),
        cookies: &material.cookies,
        fields: &material.words.fields,
    };
    let inputs = takes::inputs(fields, &place);
    let takes_token = inputs.iter().any(|plan| plan.input == Input::Token);
    let guard_mode = guard_mode(fields, operation, takes_token, guard, does_at);
    let collect = collects(fields, operation);
    let terms = Terms {
        fields: &material.words.fields,
        confirm_address: accounts.confirm_at.is_none(),
        collect,
    };
    let who = Who::Route(operation, &inputs, terms);
    let own = on::on(fields, material, &who.may(), operation.name());
    let resolver = Resolver {
        file: fields.file,
        who,
        at: does_at,
        own: &own,
        shared,
    };
    resolver.check_own_fields(&inputs);
    let answers = resolver.answers();
    let needs_account = answers
        .all()
        .any(|(.., answer)| answer.slots().any(|slot| slot.needs_account()));
    paths
        .into_iter()
        .map(|(method, path, at)| {
            if method == Method::Get && operation.writes() {
                fields.file.fault(
                    at,
                    format!("{} changes something, and a GET must not", operation.name()),
                    format!("post = \"{path}\""),
                );
            }
            Placed {
                at,
                route: Route {
                    method,
                    path,
                    also_paths: also_paths.clone(),
                    operation,
                    summary: summary.unwrap_or(operation.summary()).into(),
                    line: fields.file.line(fields.at),
                    inputs: inputs.clone(),
                    guard: guard_mode,
                    needs_account,
                    collect,
                    answers: answers.clone(),
                },
            }
        })
        .inspect(|placed| {
            if collect {
                collect::check(fields.file, fields.at, &placed.route, accounts);
            }
        })
        .collect()
}

/// `collect`: whether the faults of all inputs are told at once.
fn collects(fields: &Fields<'_>, operation: Operation) -> bool {
    let Some(entry) = fields.get("collect") else {
        return false;
    };
    let collect = entry.boolean().unwrap_or(false);
    if collect && operation != Operation::SignUp {
        entry.fault(
            format!("{} tells of one fault at a time", operation.name()),
            "nothing; sign_up alone can tell of all faults at once",
        );
        return false;
    }
    collect
}

fn paths(fields: &Fields<'_>) -> Vec<(Method, PathPattern, usize)> {
    let mut paths = Vec::new();
    let mut named = false;
    for method in Method::ALL {
        let Some(entry) = fields.get(method.key()) else {
            continue;
        };
        named = true;
        if let Some(path) = entry.text().and_then(|text| path(&entry, text)) {
            paths.push((method, path, entry.at));
        }
    }
    if !named {
        fields.file.fault(
            fields.at,
            "this route has no method and path",
            "post = \"/login\", or get, put, patch, delete",
        );
    }
    paths
}

fn also(fields: &Fields<'_>) -> Vec<PathPattern> {
    let Some(entry) = fields.get("also") else {
        return Vec::new();
    };
    let texts = entry.texts();
    texts.iter().filter_map(|text| path(&entry, text)).collect()
}

fn path(entry: &Entry<'_>, text: &str) -> Option<PathPattern> {
    match PathPattern::parse(text) {
        Ok(path) => Some(path),
        Err(why) => {
            let what = format!("the path `{}` {why}", text.escape_default());
            entry.fault(what, "a path such as `/v1/sessions/{id}`");
            None
        }
    }
}

fn operation(fields: &Fields<'_>) -> Option<(Operation, usize)> {
    let entry = fields.need("does", "does = \"log_in\"")?;
    let name = entry.text()?;
    let found = Operation::ALL
        .into_iter()
        .find(|operation| operation.name() == name);
    if found.is_none() {
        let names: Vec<&str> = Operation::ALL
            .iter()
            .map(|operation| operation.name())
            .collect();
        entry.fault(
            format!("there is no operation `{name}`"),
            instead(name, &names),
        );
    }
    found.map(|operation| (operation, entry.at))
}

fn guard_mode(
    fields: &Fields<'_>,
    operation: Operation,
    takes_token: bool,
    guard: Option<&GuardSection>,
    at: usize,
) -> GuardMode {
    let stated = fields
        .get("guard")
        .and_then(|entry| Some((entry.word(&MODES)?, entry.at)));
    let must = operation.needs_guard() || (operation == Operation::LogOut && !takes_token);
    let mode = match (stated, operation) {
        (Some((mode, _)), _) => mode,
        (None, _) if must => GuardMode::Required,
        (None, Operation::Probe) => GuardMode::Off,
        (None, _) => guard.map_or(GuardMode::Off, |guard| guard.elsewhere),
    };
    if let Some((stated, at)) = stated {
        if must && stated != GuardMode::Required {
            fields.file.fault(
                at,
                format!("{} must know whom the request is from", operation.name()),
                if operation.needs_guard() {
                    "guard = \"required\", or nothing"
                } else {
                    "guard = \"required\", or a `token` in `takes`"
                },
            );
        }
        if operation == Operation::Probe && stated != GuardMode::Off {
            fields.file.fault(
                at,
                "a probe asks the guard itself, and is never refused by it",
                "nothing",
            );
        }
    }
    let asks = mode != GuardMode::Off || operation == Operation::Probe;
    if asks && guard.is_none() {
        fields.file.fault(
            at,
            format!(
                "{} needs a guard, and the contract has none",
                operation.name()
            ),
            "[guard] with takes = \"header.Authorization Bearer\"",
        );
    }
    mode
}

/// Routes of one contract that would get the same requests.
fn clashes(file: &File<'_>, routes: &[Placed]) {
    for (nth, later) in routes.iter().enumerate() {
        for earlier in routes.iter().take(nth) {
            if let Some(path) = crate::clash::shared_path(&earlier.route, &later.route) {
                file.fault(
                    later.at,
                    format!(
                        "{} {path} is the route of line {} already",
                        later.route.method,
                        file.line(earlier.at)
                    ),
                    "another path or method",
                );
            }
        }
        let all: Vec<&PathPattern> = later.route.paths().collect();
        let twice = all
            .iter()
            .enumerate()
            .find(|(n, path)| all.iter().take(*n).any(|other| other.same_paths_as(path)));
        if let Some((_, path)) = twice {
            file.fault(
                later.at,
                format!("{path} stands twice in one route; a path answers with and without its trailing slash by itself"),
                "it once",
            );
        }
    }
}
