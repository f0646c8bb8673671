//! `[accounts.fields]`: what a team keeps about people besides what every account has.

use daemun_engine::{
    profile::{FieldKind, MOST_FIELDS, ProfileField},
    vocabulary::{Input, Slot},
};

use crate::read::{entry::Entry, file::Fields};

/// The longest text a field can be declared for, in code points.
const LONGEST_TEXT: u32 = 2_000;

/// The greatest whole number that every JSON reader keeps exactly.
const EXACT: i64 = (1 << 53) - 1;

/// The declared fields, in the order of the file.
pub(crate) fn fields(accounts: &Fields<'_>) -> Vec<ProfileField> {
    let Some(entry) = accounts.get("fields") else {
        return Vec::new();
    };
    let Some(table) = entry.table("[accounts.fields]") else {
        return Vec::new();
    };
    let fields: Vec<ProfileField> = table.all().iter().filter_map(field).collect();
    if fields.len() > MOST_FIELDS {
        let what = format!("{} fields are more than a contract may have", fields.len());
        entry.fault(what, format!("{MOST_FIELDS} at most"));
    }
    // With too many the file is refused; what refers to them is not at fault besides.
    fields.into_iter().take(usize::from(u8::MAX)).collect()
}

fn field(entry: &Entry<'_>) -> Option<ProfileField> {
    let table = entry.table(format!("[accounts.fields.{}]", entry.key))?;
    let named = entry.key.len() <= 40
        && entry.key.starts_with(|c: char| c.is_ascii_lowercase())
        && entry
            .key
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    if !named {
        entry.fault(
            format!("a field cannot be called `{}`", entry.key),
            "up to 40 lower-case letters, digits and `_`, a letter first",
        );
    }
    let kind = kind(&table);
    let default = table.get("default").and_then(|entry| {
        let value = entry.json()?;
        let taken = kind?.take(&value).ok().filter(|taken| *taken == value);
        if taken.is_none() {
            entry.fault(
                format!("{} is nothing that the field can hold", entry.called()),
                "a value of its type, or nothing for null",
            );
        }
        taken
    });
    let read_only = table.get("read_only").and_then(|entry| entry.boolean());
    table.finish();
    Some(ProfileField {
        name: entry.key.into(),
        kind: kind?,
        default: default.unwrap_or_default(),
        read_only: read_only.unwrap_or(false),
    })
}

fn kind(table: &Fields<'_>) -> Option<FieldKind> {
    let kinds = [
        (
            "integer",
            FieldKind::Integer {
                min: -EXACT,
                max: EXACT,
            },
        ),
        ("text", FieldKind::Text { max: 200 }),
        ("url", FieldKind::Url),
        ("boolean", FieldKind::Boolean),
        ("integers", FieldKind::Integers),
    ];
    let entry = table.need(
        "type",
        "type = \"integer\", \"text\", \"url\", \"boolean\" or \"integers\"",
    )?;
    match entry.word(&kinds)? {
        FieldKind::Integer { min, max } => {
            let bound = |key, bound| {
                let number = table.get(key).and_then(|entry| {
                    let number = entry.json()?.as_i64().filter(|n| n.abs() <= EXACT);
                    if number.is_none() {
                        entry.fault(
                            format!("{} is no whole number", entry.called()),
                            format!("{key} = 1"),
                        );
                    }
                    number
                });
                number.unwrap_or(bound)
            };
            Some(FieldKind::Integer {
                min: bound("min", min),
                max: bound("max", max),
            })
        }
        FieldKind::Text { max } => {
            let stated = table
                .get("max")
                .and_then(|entry| entry.number(1..LONGEST_TEXT + 1));
            Some(FieldKind::Text {
                max: stated.map_or(max, |number| number as usize),
            })
        }
        other => Some(other),
    }
}

/// What a contract calls an input: `profile.school` where it declared it.
pub(crate) fn input_name(input: Input, fields: &[ProfileField]) -> String {
    match input {
        Input::Profile(nth) => match fields.get(usize::from(nth)) {
            Some(field) => format!("profile.{}", field.name),
            None => input.name().to_owned(),
        },
        other => other.name().to_owned(),
    }
}

/// What a contract calls a value: `account.profile.school` where it declared the field.
pub(crate) fn slot_name(slot: Slot, fields: &[ProfileField]) -> String {
    match slot {
        Slot::AccountProfile(nth) => match fields.get(usize::from(nth)) {
            Some(field) => format!("account.profile.{}", field.name),
            None => slot.name().to_owned(),
        },
        other => other.name().to_owned(),
    }
}

/// The place of the field of that name among those declared.
pub(crate) fn place(name: &str, fields: &[ProfileField]) -> Option<u8> {
    let nth = fields.iter().position(|field| &*field.name == name)?;
    u8::try_from(nth).ok()
}

/// The values that show the declared fields.
pub(crate) fn slots(fields: &[ProfileField]) -> impl Iterator<Item = Slot> {
    (0..fields.len()).filter_map(|nth| u8::try_from(nth).ok().map(Slot::AccountProfile))
}
