//! `on` tables: an answer for each outcome, or the name of the outcome whose answer serves.

use std::{collections::BTreeMap, sync::Arc};

use daemun_engine::vocabulary::{Input, Outcome, Slot};

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
    pub(crate) by_field: Vec<(Input, Draft)>,
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
    if outcome.slots().contains(&Slot::Field) {
        for input in Input::ALL {
            let name = format!(
                "[{}.{}]",
                fields.name.trim_matches(['[', ']']),
                input.name()
            );
            if let Some(own) = fields.get(input.name()).and_then(|entry| entry.table(name)) {
                by_field.push((input, draft(own, material)));
            }
        }
    }
    let at = fields.at;
    let only_fields = !by_field.is_empty() && fields.get("status").is_none();
    let general = if only_fields {
        fields.finish();
        None
    } else {
        Some(draft(fields, material))
    };
    Some(Drafts {
        at,
        general,
        by_field,
    })
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
