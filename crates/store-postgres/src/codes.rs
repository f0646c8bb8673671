//! Codes: sending them without flooding anybody, and redeeming them once.
//!
//! Both lock the account's row first, so that what is counted by it is counted once at a time;
//! addresses, which several accounts may be sent to, have a lock of their own.

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

use crate::{
    accounts,
    db::{Fault, Tx},
    outbox,
    rows::{execute, one},
    upkeep,
};

/// Sends a code, unless it is too soon.
pub(crate) async fn send(tx: &Tx<'_>, code: &NewCode) -> Result<CodeSent, Fault> {
    let event = |kind| event(code.account, kind, code.now, &code.origin);
    if accounts::locked_status(tx, code.account).await?.is_none() {
        // Purged a moment ago: there is nobody to send it to.
        return Ok(CodeSent::Wait(code.policy.resend_gap));
    }
    let addressee = Addressee {
        account: code.account,
        purpose: code.purpose,
        target: &code.target,
    };
    if let Err(wait) = addressee.count(tx, &code.policy, code.now).await? {
        upkeep::record(tx, &event(AuditKind::CodeWithheld)).await?;
        return Ok(CodeSent::Wait(wait));
    }
    execute(
        tx,
        "INSERT INTO codes (account, purpose, target, hash, expires_at, tries_left)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (account, purpose, target) DO UPDATE
            SET hash = excluded.hash, expires_at = excluded.expires_at,
                tries_left = excluded.tries_left",
        &[
            &code.account.0,
            &code.purpose.name(),
            &code.target,
            &code.hash.as_stored(),
            &(code.now + code.policy.lifetime).unix_micros(),
            &i64::from(code.policy.tries),
        ],
    )
    .await?;
    outbox::put(tx, code.account, &code.message, code.now).await?;
    upkeep::record(tx, &event(AuditKind::CodeSent)).await?;
    Ok(CodeSent::Sent)
}

/// Sends a message without a code, under the same gap and cap.
pub(crate) async fn notify(tx: &Tx<'_>, notice: &NewNotice) -> Result<CodeSent, Fault> {
    let mut event = event(notice.account, notice.kind, notice.now, &notice.origin);
    let addressee = Addressee {
        account: notice.account,
        purpose: CodePurpose::ConfirmAddress,
        target: &notice.target,
    };
    accounts::locked_status(tx, notice.account).await?;
    let counted = addressee.count(tx, &notice.policy, notice.now).await?;
    let sent = match counted {
        Ok(()) => {
            outbox::put(tx, notice.account, &notice.message, notice.now).await?;
            CodeSent::Sent
        }
        Err(wait) => {
            event.detail = Some("withheld".into());
            CodeSent::Wait(wait)
        }
    };
    upkeep::record(tx, &event).await?;
    Ok(sent)
}

/// Judges a presented code, and does what the verdict says.
pub(crate) async fn redeem(tx: &Tx<'_>, attempt: &CodeAttempt) -> Result<CodeRedeemed, Fault> {
    let status = accounts::locked_status(tx, attempt.account).await?;
    let verdict = match stored_code(tx, attempt).await? {
        Some(stored) => judge(&stored, &attempt.hash, attempt.now),
        None => CodeVerdict::Dead,
    };
    let (account, purpose) = (attempt.account.0, attempt.purpose.name());
    let (kind, redeemed) = match verdict {
        CodeVerdict::Right => {
            let used_up = "DELETE FROM codes WHERE account = $1 AND purpose = $2 AND target = $3";
            execute(tx, used_up, &[&account, &purpose, &attempt.target]).await?;
            if status == Some(Status::Unverified) {
                let since = attempt.now;
                let status = Status::Active { since };
                accounts::write_status(tx, attempt.account, status, None, since).await?;
            }
            (AuditKind::CodeRedeemed, CodeRedeemed::Proved)
        }
        CodeVerdict::Wrong => {
            let tried = "UPDATE codes SET tries_left = tries_left - 1
                          WHERE account = $1 AND purpose = $2 AND target = $3";
            execute(tx, tried, &[&account, &purpose, &attempt.target]).await?;
            (AuditKind::CodeRefused, CodeRedeemed::Refused)
        }
        CodeVerdict::Dead => (AuditKind::CodeRefused, CodeRedeemed::Refused),
    };
    let event = event(attempt.account, kind, attempt.now, &attempt.origin);
    upkeep::record(tx, &event).await?;
    Ok(redeemed)
}

async fn stored_code(tx: &Tx<'_>, attempt: &CodeAttempt) -> Result<Option<StoredCode>, Fault> {
    let sql = "SELECT account, hash, expires_at, tries_left FROM codes
                WHERE account = $1 AND purpose = $2 AND target = $3 FOR UPDATE";
    let key = &attempt.account.0;
    let purpose = attempt.purpose.name();
    one(tx, "codes", sql, &[key, &purpose, &attempt.target], |row| {
        let hash: Vec<u8> = row.get(1)?;
        Ok(StoredCode {
            hash: CodeHash::from_stored(hash),
            expires_at: row.time(2)?,
            tries_left: row.parsed(3, |tries: i64| tries.try_into().ok())?,
        })
    })
    .await
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
    async fn count(
        &self,
        tx: &Tx<'_>,
        policy: &CodePolicy,
        now: Timestamp,
    ) -> Result<Result<(), Duration>, Fault> {
        let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        execute(tx, lock, &[&self.target]).await?;
        let names = [
            format!("account:{}", self.account),
            format!("address:{}", self.target),
        ];
        let mut counted = Vec::with_capacity(names.len());
        let mut wait = None;
        for name in names {
            match may_send(self.history(tx, &name).await?, policy, now) {
                Ok(history) => counted.push((name, history)),
                Err(time) => wait = wait.max(Some(time)),
            }
        }
        if let Some(wait) = wait {
            return Ok(Err(wait));
        }
        for (name, history) in counted {
            self.keep(tx, &name, history).await?;
        }
        Ok(Ok(()))
    }

    async fn history(&self, tx: &Tx<'_>, name: &str) -> Result<Option<SendHistory>, Fault> {
        let sql = "SELECT purpose, last_at, day_began, sent_in_day FROM sends
                    WHERE purpose = $1 AND recipient = $2";
        one(tx, "sends", sql, &[&self.purpose.name(), &name], |row| {
            Ok(SendHistory {
                last_at: row.time(1)?,
                day_began: row.time(2)?,
                sent_in_day: row.parsed(3, |sent: i64| sent.try_into().ok())?,
            })
        })
        .await
    }

    async fn keep(&self, tx: &Tx<'_>, name: &str, history: SendHistory) -> Result<(), Fault> {
        execute(
            tx,
            "INSERT INTO sends (purpose, recipient, last_at, day_began, sent_in_day)
             VALUES ($1, $2, $3, $4, $5)
             ON CONFLICT (purpose, recipient) DO UPDATE
                SET last_at = excluded.last_at, day_began = excluded.day_began,
                    sent_in_day = excluded.sent_in_day",
            &[
                &self.purpose.name(),
                &name,
                &history.last_at.unix_micros(),
                &history.day_began.unix_micros(),
                &i64::from(history.sent_in_day),
            ],
        )
        .await
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
