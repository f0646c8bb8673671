//! What came of an import, for a person and for a script.

use std::{fmt::Write as _, time::Duration};

use daemun_migrate::{
    mapping::Mapping,
    tally::Tally,
    tokens::{TokenList, TokenTally},
};
use serde_json::{Value, json};

use crate::report::table;

/// Everything that came of it.
pub(super) struct Report {
    pub(super) applied: bool,
    pub(super) accounts: Option<Accounts>,
    pub(super) tokens: Vec<(TokenList, TokenTally)>,
}

/// What came of the accounts.
pub(super) struct Accounts {
    pub(super) tally: Tally,
    pub(super) mapping: Mapping,
    pub(super) took: Duration,
    pub(super) first_remarks: Vec<String>,
}

impl Report {
    /// Whether it was stopped before its end.
    pub(super) fn was_stopped(&self) -> bool {
        let accounts = self
            .accounts
            .as_ref()
            .is_some_and(|accounts| accounts.tally.stopped);
        accounts || self.tokens.iter().any(|(_, tally)| tally.stopped)
    }

    /// The short form, for the audit trail.
    pub(super) fn detail(&self) -> String {
        let mut parts = Vec::new();
        if let Some(Accounts { tally, .. }) = &self.accounts {
            let Tally {
                created,
                updated,
                unchanged,
                skipped,
                ..
            } = tally;
            parts.push(format!(
                "created {created}, updated {updated}, unchanged {unchanged}, skipped {skipped}"
            ));
        }
        let tokens = self.tokens.iter();
        parts.extend(tokens.map(|(list, tally)| {
            format!(
                "{} tokens of {}: {}",
                list.state.name(),
                list.contract,
                tally.changed
            )
        }));
        parts.join("; ")
    }

    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        if let Some(accounts) = &self.accounts {
            text += &accounts.text(self.applied);
        }
        for (list, tally) in &self.tokens {
            let TokenTally {
                read,
                living,
                expired,
                unreadable,
                changed,
                ..
            } = tally;
            let (state, contract) = (list.state.name(), &list.contract);
            let _ = writeln!(
                text,
                "\n{state} tokens of `{contract}`: {living} kept of {read} read, {expired} are over, \
                 {unreadable} are no tokens; {changed} were not known before"
            );
        }
        if !self.applied {
            text += "\nNothing was written: --apply takes it over.\n";
        }
        text
    }

    pub(super) fn json(&self) -> Value {
        let tokens = self.tokens.iter().map(|(list, tally)| {
            json!({
                "contract": list.contract,
                "state": list.state.name(),
                "read": tally.read,
                "living": tally.living,
                "expired": tally.expired,
                "unreadable": tally.unreadable,
                "changed": tally.changed,
            })
        });
        json!({
            "applied": self.applied,
            "stopped": self.was_stopped(),
            "accounts": self.accounts.as_ref().map(Accounts::json),
            "tokens": tokens.collect::<Vec<_>>(),
        })
    }
}

impl Accounts {
    fn text(&self, applied: bool) -> String {
        let tally = &self.tally;
        let (seconds, rate) = (self.took.as_secs_f64(), self.rate());
        let mut text = format!(
            "{} rows read in {seconds:.1} s ({rate} a second)\n\n",
            tally.read
        );
        let outcomes = [
            (
                if applied {
                    "created"
                } else {
                    "would be created"
                },
                tally.created,
            ),
            (
                if applied {
                    "updated"
                } else {
                    "would be updated"
                },
                tally.updated,
            ),
            ("unchanged", tally.unchanged),
            ("given up here since", tally.withdrawn),
            ("not taken over", tally.skipped),
        ];
        text += &counted(
            "accounts",
            outcomes.into_iter().filter(|(_, count)| *count > 0),
        );
        text.push('\n');
        text += &counted("status", tally.statuses.iter().map(|(name, n)| (*name, *n)));
        if !tally.roles.is_empty() {
            text.push('\n');
            text += &counted("role", tally.roles.iter().map(|(name, n)| (&**name, *n)));
        }
        text.push('\n');
        text += &counted(
            "password hash",
            tally.makes.iter().map(|(name, n)| (*name, *n)),
        );
        self.remarks_shown(&mut text);
        let undecided = self.undecided();
        if undecided > 0 {
            let _ = writeln!(
                text,
                "\n{undecided} accounts are inactive, and it is not said what that means: that their address was\nnever proved (--inactive unverified), or that they were shut out (--inactive suspended)?\nNothing can be taken over until it is."
            );
        }
        text
    }

    fn remarks_shown(&self, text: &mut String) {
        if self.tally.remarks.is_empty() {
            return;
        }
        let rows = self.tally.remarks.iter().map(|((field, reason), count)| {
            [field.clone(), (*reason).to_owned(), count.to_string()]
        });
        let rows: Vec<[String; 3]> = rows.collect();
        let _ = write!(text, "\n{}\n", table(["field", "remark", "rows"], &rows));
        for remark in &self.first_remarks {
            let _ = writeln!(text, "  {remark}");
        }
        let all: u64 = self.tally.remarks.values().sum();
        let shown = u64::try_from(self.first_remarks.len()).unwrap_or(u64::MAX);
        if all > shown {
            let _ = writeln!(
                text,
                "  … and {} more: --report FILE has them all",
                all - shown
            );
        }
    }

    fn json(&self) -> Value {
        let tally = &self.tally;
        let remarks = tally.remarks.iter().map(
            |((field, reason), count)| json!({ "field": field, "reason": reason, "rows": count }),
        );
        let fields = self.mapping.named();
        let fields =
            fields.map(|(field, column)| json!({ "field": field.to_string(), "column": column }));
        json!({
            "read": tally.read,
            "created": tally.created,
            "updated": tally.updated,
            "unchanged": tally.unchanged,
            "withdrawn": tally.withdrawn,
            "skipped": tally.skipped,
            "inactive": tally.inactive,
            "undecided": self.undecided(),
            "statuses": tally.statuses,
            "roles": tally.roles,
            "hashes": tally.makes,
            "remarks": remarks.collect::<Vec<_>>(),
            "fields": fields.collect::<Vec<_>>(),
            "unmapped": self.mapping.unmapped().collect::<Vec<_>>(),
            "milliseconds": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        })
    }

    fn undecided(&self) -> u64 {
        let key = ("active".to_owned(), "undecided");
        self.tally.remarks.get(&key).copied().unwrap_or(0)
    }

    fn rate(&self) -> u128 {
        u128::from(self.tally.read) * 1_000 / self.took.as_millis().max(1)
    }
}

fn counted<'a>(heading: &str, counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let rows: Vec<[String; 2]> = counts
        .map(|(name, count)| [name.to_owned(), count.to_string()])
        .collect();
    table([heading, "rows"], &rows)
}
