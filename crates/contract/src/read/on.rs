//! `on` tables: an answer for each outcome, or the name of the outcome whose answer serves.

use std::{collections::BTreeMap, sync::Arc};

use daemun_engine::vocabulary::{Input, Outcome, REASONS, Slot};

use crate::{
    answer::{Answer, Body},
    read::{
        answers::{Draft, Material, draft},
        entry::Entry,
        file::Fields,
        say::instead,
    },
};

/// What an `on` table says about an outcome.
pub(crate) enum Said {
    /// These answers.
    Answers(Drafts),
    /// That it is answered as another outcome is.
    As(Outcome, usize),
}

/// The answer to an outcome, and those for single inputs.
#[derive(Clone)]
pub(crate) struct Drafts {
    /// Where it stands.
    pub(crate) at: usize,
    /// The answer whatever the input.
    pub(crate) general: Option<Draft>,
    pub(crate) by_field: Vec<OfInput>,
}

/// The answer to an outcome for one input, for one reason why it is at fault, or for both.
#[derive(Clone)]
pub(crate) struct OfInput {
    pub(crate) input: Option<Input>,
    pub(crate) reason: Option<&'static str>,
    pub(crate) draft: Draft,
}

pub(crate) type On = BTreeMap<Outcome, Said>;

/// Reads `on` of `fields`, where one is. `may` are the outcomes it can speak of, and `whose` says
/// of what.
pub(crate) fn on<'f>(
    fields: &Fields<'f>,
    material: &Material<'f>,
    may: &[Outcome],
    whose: &str,
) -> On {
    let mut on = On::new();
    let name = match fields.name.trim_matches(['[', ']']) {
        "" => "[on]".to_owned(),
        name => format!("[{name}.on]"),
    };
    let Some(table) = fields.get("on").and_then(|entry| entry.table(name)) else {
        return on;
    };
    for entry in table.all() {
        let names: Vec<&str> = may.iter().map(|outcome| outcome.name()).collect();
        let Some(outcome) = Outcome::from_name(entry.key) else {
            let what = format!("there is no outcome `{}`", entry.key);
            entry.fault(what, instead(entry.key, &names));
            continue;
        };
        if !may.contains(&outcome) {
            let what = format!("{whose} never ends in `{}`", entry.key);
            entry.fault(what, instead(entry.key, &names));
        }
        let said = said(&entry, &table.name, material, outcome);
        // What is wrong with it has been told; that it is missing would be one fault too many.
        on.insert(
            outcome,
            said.unwrap_or_else(|| Said::Answers(stand_in(entry.at))),
        );
    }
    on
}

fn said<'f>(
    entry: &Entry<'f>,
    table: &str,
    material: &Material<'f>,
    outcome: Outcome,
) -> Option<Said> {
    if entry.is_text() {
        let name = entry.text()?;
        let Some(other) = Outcome::from_name(name) else {
            let names: Vec<&str> = Outcome::ALL.iter().map(|outcome| outcome.name()).collect();
            let what = format!("there is no outcome `{name}` to answer alike");
            entry.fault(what, instead(name, &names));
            return None;
        };
        return Some(Said::As(other, entry.at));
    }
    let name = format!("[{}.{}]", table.trim_matches(['[', ']']), entry.key);
    drafts(entry.table(name)?, material, outcome).map(Said::Answers)
}

fn drafts<'f>(fields: Fields<'f>, material: &Material<'f>, outcome: Outcome) -> Option<Drafts> {
    let mut by_field = Vec::new();
    let name = fields.name.trim_matches(['[', ']']).to_owned();
    if outcome.slots().contains(&Slot::Field) {
        for input in Input::ALL {
            let name = format!("[{name}.{}]", input.name());
            if let Some(own) = fields.get(input.name()).and_then(|entry| entry.table(name)) {
                of_input(own, material, outcome, input, &mut by_field);
            }
        }
        let declared = fields.get("profile");
        let declared = declared.and_then(|entry| entry.table(format!("[{name}.profile]")));
        if let Some(declared) = declared {
            for (nth, field) in (0..).zip(&material.words.fields) {
                let name = format!("[{name}.profile.{}]", field.name);
                let entry = declared.all().into_iter().find(|e| *e.key == *field.name);
                if let Some(own) = entry.and_then(|entry| entry.table(name)) {
                    of_input(own, material, outcome, Input::Profile(nth), &mut by_field);
                }
            }
            unknown_fields(&declared, material);
        }
    }
    let at = fields.at;
    let only_fields = !by_field.is_empty() && fields.get("status").is_none();
    let general = if only_fields {
        fields.finish();
        None
    } else {
        by_reason(&fields, material, outcome, None, &mut by_field);
        Some(draft(fields, material))
    };
    Some(Drafts {
        at,
        general,
        by_field,
    })
}

fn unknown_fields(table: &Fields<'_>, material: &Material<'_>) {
    let known: Vec<&str> = material.words.fields.iter().map(|f| &*f.name).collect();
    for entry in table.all() {
        if !known.contains(&entry.key) {
            let what = format!("the contract declares no field `{}`", entry.key);
            entry.fault(what, instead(entry.key, &known));
        }
    }
}

/// The answer for one input, and beneath it those for single reasons.
fn of_input<'f>(
    own: Fields<'f>,
    material: &Material<'f>,
    outcome: Outcome,
    input: Input,
    by_field: &mut Vec<OfInput>,
) {
    by_reason(&own, material, outcome, Some(input), by_field);
    by_field.push(OfInput {
        input: Some(input),
        reason: None,
        draft: draft(own, material),
    });
}

fn by_reason<'f>(
    fields: &Fields<'f>,
    material: &Material<'f>,
    outcome: Outcome,
    input: Option<Input>,
    by_field: &mut Vec<OfInput>,
) {
    let name = fields.name.trim_matches(['[', ']']);
    for (reason, _) in REASONS {
        let apt = match outcome {
            Outcome::MissingField => reason == "null",
            _ => outcome.slots().contains(&Slot::Reason),
        };
        let entry = if apt { fields.get(reason) } else { None };
        if let Some(table) = entry.and_then(|entry| entry.table(format!("[{name}.{reason}]"))) {
            by_field.push(OfInput {
                input,
                reason: Some(reason),
                draft: draft(table, material),
            });
        }
    }
}

fn stand_in(at: usize) -> Drafts {
    let answer = Answer {
        status: 500,
        content_type: None,
        headers: Vec::new(),
        cookies: Vec::new(),
        body: Body::Empty,
    };
    Drafts {
        at,
        general: Some(Draft {
            at,
            answer: Arc::new(answer),
            uses: Vec::new(),
        }),
        by_field: Vec::new(),
    }
}
