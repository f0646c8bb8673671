//! Codes: sending them without flooding anybody, and redeeming them once.

use std::time::Duration;

use daemun_engine::{
    account::Status,
    audit::{AuditEvent, AuditKind},
    code::{
        CodeHash, CodePolicy, CodePurpose, CodeVerdict, SendHistory, StoredCode, judge, may_send,
    },
    ids::AccountId,
    ports::{CodeAttempt, CodeRedeemed, CodeSent, NewCode, NewNotice, Origin},
    time::Timestamp,
};
use rusqlite::params;

use crate::{
    accounts, outbox,
    rows::{Fault, execute, one},
    upkeep,
    writer::Tx,
};

/// Sends a code, unless it is too soon.
pub(crate) fn send(tx: &Tx<'_>, code: &NewCode) -> Result<CodeSent, Fault> {
    let event = |kind| event(code.account, kind, code.now, &code.origin);
    if accounts::status(tx.connection, code.account)?.is_none() {
        // Purged a moment ago: there is nobody to send it to.
        return Ok(CodeSent::Wait(code.policy.resend_gap));
    }
    let addressee = Addressee {
        account: code.account,
        purpose: code.purpose,
        target: &code.target,
    };
    if let Err(wait) = addressee.count(tx, &code.policy, code.now)? {
        upkeep::record(tx.connection, &event(AuditKind::CodeWithheld))?;
        return Ok(CodeSent::Wait(wait));
    }
    execute(
        tx.connection,
        "INSERT INTO codes (account, purpose, target, hash, expires_at, tries_left)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6)
         ON CONFLICT (account, purpose, target) DO UPDATE
            SET hash = excluded.hash, expires_at = excluded.expires_at,
                tries_left = excluded.tries_left",
        params![
            code.account.0,
            code.purpose.name(),
            code.target,
            code.hash.as_stored(),
            (code.now + code.policy.lifetime).unix_micros(),
            code.policy.tries,
        ],
    )?;
    outbox::put(tx, code.account, &code.message, code.now)?;
    upkeep::record(tx.connection, &event(AuditKind::CodeSent))?;
    Ok(CodeSent::Sent)
}

/// Sends a message without a code, under the same gap and cap.
pub(crate) fn notify(tx: &Tx<'_>, notice: &NewNotice) -> Result<CodeSent, Fault> {
    let mut event = event(notice.account, notice.kind, notice.now, &notice.origin);
    let addressee = Addressee {
        account: notice.account,
        purpose: CodePurpose::ConfirmAddress,
        target: &notice.target,
    };
    let counted = addressee.count(tx, &notice.policy, notice.now)?;
    let sent = match counted {
        Ok(()) => {
            outbox::put(tx, notice.account, &notice.message, notice.now)?;
            CodeSent::Sent
        }
        Err(wait) => {
            event.detail = Some("withheld".into());
            CodeSent::Wait(wait)
        }
    };
    upkeep::record(tx.connection, &event)?;
    Ok(sent)
}

/// Judges a presented code, and does what the verdict says.
pub(crate) fn redeem(tx: &Tx<'_>, attempt: &CodeAttempt) -> Result<CodeRedeemed, Fault> {
    let verdict = match stored_code(tx, attempt)? {
        Some(stored) => judge(&stored, &attempt.hash, attempt.now),
        None => CodeVerdict::Dead,
    };
    let key = params![attempt.account.0, attempt.purpose.name(), attempt.target];
    let (kind, redeemed) = match verdict {
        CodeVerdict::Right => {
            let used_up = "DELETE FROM codes WHERE account = ?1 AND purpose = ?2 AND target = ?3";
            execute(tx.connection, used_up, key)?;
            prove(tx, attempt)?;
            (AuditKind::CodeRedeemed, CodeRedeemed::Proved)
        }
        CodeVerdict::Wrong => {
            let tried = "UPDATE codes SET tries_left = tries_left - 1
                          WHERE account = ?1 AND purpose = ?2 AND target = ?3";
            execute(tx.connection, tried, key)?;
            (AuditKind::CodeRefused, CodeRedeemed::Refused)
        }
        CodeVerdict::Dead => (AuditKind::CodeRefused, CodeRedeemed::Refused),
    };
    let event = event(attempt.account, kind, attempt.now, &attempt.origin);
    upkeep::record(tx.connection, &event)?;
    Ok(redeemed)
}

fn prove(tx: &Tx<'_>, attempt: &CodeAttempt) -> Result<(), Fault> {
    match accounts::status(tx.connection, attempt.account)? {
        Some(Status::Unverified) => {
            let since = attempt.now;
            accounts::write_status(tx, attempt.account, Status::Active { since }, None, since)
        }
        _ => Ok(()),
    }
}

fn stored_code(tx: &Tx<'_>, attempt: &CodeAttempt) -> Result<Option<StoredCode>, Fault> {
    one(
        tx.connection,
        "codes",
        "SELECT account, hash, expires_at, tries_left FROM codes
          WHERE account = ?1 AND purpose = ?2 AND target = ?3",
        params![attempt.account.0, attempt.purpose.name(), attempt.target],
        |row| {
            let hash: Box<[u8]> = row.get(1)?;
            Ok(StoredCode {
                hash: CodeHash::from_stored(hash),
                expires_at: row.time(2)?,
                tries_left: row.get(3)?,
            })
        },
    )
}

/// Who is sent something, and counted under two names: the account's and the address's.
struct Addressee<'a> {
    account: AccountId,
    purpose: CodePurpose,
    target: &'a str,
}

impl Addressee<'_> {
    /// Counts one message more under both names; where either has had enough, how long to wait,
    /// and nothing is counted.
    fn count(
        &self,
        tx: &Tx<'_>,
        policy: &CodePolicy,
        now: Timestamp,
    ) -> Result<Result<(), Duration>, Fault> {
        let names = [
            format!("account:{}", self.account),
            format!("address:{}", self.target),
        ];
        let mut counted = Vec::with_capacity(names.len());
        let mut wait = None;
        for name in names {
            match may_send(self.history(tx, &name)?, policy, now) {
                Ok(history) => counted.push((name, history)),
                Err(time) => wait = wait.max(Some(time)),
            }
        }
        if let Some(wait) = wait {
            return Ok(Err(wait));
        }
        for (name, history) in counted {
            self.keep(tx, &name, history)?;
        }
        Ok(Ok(()))
    }

    fn history(&self, tx: &Tx<'_>, name: &str) -> Result<Option<SendHistory>, Fault> {
        one(
            tx.connection,
            "sends",
            "SELECT purpose, last_at, day_began, sent_in_day FROM sends
              WHERE purpose = ?1 AND recipient = ?2",
            params![self.purpose.name(), name],
            |row| {
                Ok(SendHistory {
                    last_at: row.time(1)?,
                    day_began: row.time(2)?,
                    sent_in_day: row.get(3)?,
                })
            },
        )
    }

    fn keep(&self, tx: &Tx<'_>, name: &str, history: SendHistory) -> Result<(), Fault> {
        execute(
            tx.connection,
            "INSERT INTO sends (purpose, recipient, last_at, day_began, sent_in_day)
             VALUES (?1, ?2, ?3, ?4, ?5)
             ON CONFLICT (purpose, recipient) DO UPDATE
                SET last_at = excluded.last_at, day_began = excluded.day_began,
                    sent_in_day = excluded.sent_in_day",
            params![
                self.purpose.name(),
                name,
                history.last_at.unix_micros(),
                history.day_began.unix_micros(),
                history.sent_in_day,
            ],
        )
        .map(drop)
    }
}

fn event(account: AccountId, kind: AuditKind, at: Timestamp, origin: &Origin) -> AuditEvent {
    AuditEvent {
        at,
        kind,
        contract: origin.contract.clone(),
        account: Some(account),
        session: None,
        network: origin.network.clone(),
        detail: None,
    }
}
