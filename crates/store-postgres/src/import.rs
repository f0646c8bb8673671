//! Taking over accounts and what was known of foreign refresh tokens, many at a time.

use async_trait::async_trait;
use daemun_engine::{
    account::Status,
    ids::AccountId,
    import::{
        AccountBatch, AccountKeys, Changes, Conflict, Digests, ForeignToken, Import, Imported,
        ImportedAccount, Judgement, Standing, judge,
    },
    ports::Stored,
    session::RevokeReason,
    time::Timestamp,
};

use crate::{
    PostgresStore,
    accounts::{read_status, write_status},
    changes,
    db::{Fault, Params, Tx, transaction},
    revocations::{self, Ended},
    rows::{execute, json, one},
};

#[async_trait]
impl Import for PostgresStore {
    async fn import_accounts(&self, batch: AccountBatch) -> Stored<Vec<Imported>> {
        Ok(transaction!(self.inner.db, tx, import_all(&tx, &batch))?)
    }

    async fn preview_import(&self, accounts: Vec<ImportedAccount>) -> Stored<Vec<Imported>> {
        Ok(transaction!(
            self.inner.db,
            tx,
            preview_all(&tx, &accounts)
        )?)
    }

    async fn import_foreign_tokens(&self, tokens: Vec<ForeignToken>) -> Stored<u64> {
        Ok(transaction!(self.inner.db, tx, keep_all(&tx, &tokens))?)
    }
}

async fn import_all(tx: &Tx<'_>, batch: &AccountBatch) -> Result<Vec<Imported>, Fault> {
    // A batch may take longer than a request may.
    tx.batch_execute("SET LOCAL statement_timeout = 0").await?;
    let mut outcomes = Vec::with_capacity(batch.accounts.len());
    let mut ended = Vec::new();
    for account in &batch.accounts {
        outcomes.push(import(tx, account, batch, &mut ended).await?);
    }
    if let Some(highest) = batch.accounts.iter().map(|account| account.id.0).max() {
        number_after(tx, highest).await?;
    }
    for (thing, reason) in ended {
        let until = batch.now + batch.horizon;
        revocations::log(tx, &[thing], reason, until).await?;
    }
    changes::tell(tx, changes::EVERYTHING).await?;
    Ok(outcomes)
}

/// Numbers that are given from now on are higher than `highest`.
async fn number_after(tx: &Tx<'_>, highest: i64) -> Result<(), Fault> {
    let sql = "SELECT setval('accounts_id_seq', $1) FROM accounts_id_seq
                WHERE last_value < $1 OR (last_value = $1 AND NOT is_called)";
    execute(tx, sql, &[&highest]).await.map(drop)
}

async fn import(
    tx: &Tx<'_>,
    account: &ImportedAccount,
    batch: &AccountBatch,
    ended: &mut Vec<(Ended, RevokeReason)>,
) -> Result<Imported, Fault> {
    let standing = standing(tx, account.id).await?;
    match judge(standing.as_ref(), account, batch.now) {
        Judgement::Leave(outcome) => Ok(outcome),
        Judgement::Create { status, created_at } => {
            create(tx, account, status, created_at, batch.now).await
        }
        Judgement::Update(changes) => {
            update(tx, account, standing.as_ref(), &changes, batch, ended).await
        }
    }
}

async fn preview_all(tx: &Tx<'_>, accounts: &[ImportedAccount]) -> Result<Vec<Imported>, Fault> {
    let mut outcomes = Vec::with_capacity(accounts.len());
    for account in accounts {
        outcomes.push(preview(tx, account).await?);
    }
    Ok(outcomes)
}

async fn preview(tx: &Tx<'_>, account: &ImportedAccount) -> Result<Imported, Fault> {
    let standing = standing(tx, account.id).await?;
    let outcome = match judge(standing.as_ref(), account, Timestamp::EPOCH) {
        Judgement::Leave(outcome) => return Ok(outcome),
        Judgement::Create { .. } => Imported::Created,
        Judgement::Update(changes) if !changes.row => return Ok(Imported::Updated),
        Judgement::Update(_) => Imported::Updated,
    };
    let conflict = conflict(tx, account, &account.keys()).await?;
    Ok(conflict.map_or(outcome, Imported::Conflict))
}

async fn standing(tx: &Tx<'_>, id: AccountId) -> Result<Option<Standing>, Fault> {
    let sql = "SELECT id, status, status_since, suspended_until, erase_at, created_at,
                      last_login_at, row_digest, password_digest
                 FROM accounts LEFT JOIN imported ON account = id
                WHERE id = $1 FOR NO KEY UPDATE OF accounts";
    one(tx, "accounts", sql, &[&id.0], |row| {
        let digests = (row.maybe_bytes(7)?, row.maybe_bytes(8)?);
        Ok(Standing {
            status: read_status(row, 1)?,
            created_at: row.time(5)?,
            last_login_at: row.maybe_time(6)?,
            source: match digests {
                (Some(row), Some(password)) => Some(Digests { row, password }),
                _ => None,
            },
        })
    })
    .await
}

async fn create(
    tx: &Tx<'_>,
    account: &ImportedAccount,
    status: Status,
    created_at: Timestamp,
    now: Timestamp,
) -> Result<Imported, Fault> {
    let keys = account.keys();
    let (since, until) = status.times();
    // Hardly ever does one conflict, so that is asked only where nothing was inserted.
    let inserted = execute(
        tx,
        "INSERT INTO accounts (id, email, email_key, phone, phone_key, nickname, nickname_key,
                               password_hash, status, status_since, suspended_until, created_at,
                               last_login_at, linked, roles, profile, updated_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)
         ON CONFLICT DO NOTHING",
        &[
            &account.id.0,
            &account.email.as_ref().map(|email| email.as_str()),
            &keys.email,
            &account.phone.as_ref().map(|phone| phone.as_str()),
            &keys.phone,
            &account.nickname.as_deref(),
            &keys.nickname,
            &account.password.as_stored(),
            &status.name(),
            &since,
            &until,
            &created_at.unix_micros(),
            &account.last_login_at.map(Timestamp::unix_micros),
            &json(&account.linked)?,
            &json(&account.roles)?,
            &json(&account.profile)?,
            &now.unix_micros(),
        ],
    )
    .await?;
    if inserted == 0 {
        let conflict = conflict(tx, account, &keys).await?;
        let nobody = || Fault::Corrupt(format!("accounts: row {} fits nowhere", account.id));
        return conflict.map(Imported::Conflict).ok_or_else(nobody);
    }
    remember(tx, account).await?;
    Ok(Imported::Created)
}

async fn update(
    tx: &Tx<'_>,
    account: &ImportedAccount,
    standing: Option<&Standing>,
    changes: &Changes,
    batch: &AccountBatch,
    ended: &mut Vec<(Ended, RevokeReason)>,
) -> Result<Imported, Fault> {
    if changes.row {
        let keys = account.keys();
        if let Some(conflict) = conflict(tx, account, &keys).await? {
            return Ok(Imported::Conflict(conflict));
        }
        write_row(tx, account, &keys, changes, batch.now).await?;
    }
    if changes.password {
        let sql = "UPDATE accounts SET password_hash = $2 WHERE id = $1";
        execute(tx, sql, &[&account.id.0, &account.password.as_stored()]).await?;
    }
    let sql = "UPDATE accounts SET last_login_at = $2 WHERE id = $1";
    let last_login = changes.last_login_at.map(Timestamp::unix_micros);
    execute(tx, sql, &[&account.id.0, &last_login]).await?;
    if let (Some(status), Some(standing)) = (changes.status, standing) {
        write_status(tx, account.id, status, None, batch.now).await?;
        end_what_is_over(tx, account.id, standing, status, batch, ended).await?;
    }
    remember(tx, account).await?;
    Ok(Imported::Updated)
}

async fn write_row(
    tx: &Tx<'_>,
    account: &ImportedAccount,
    keys: &AccountKeys,
    changes: &Changes,
    now: Timestamp,
) -> Result<(), Fault> {
    execute(
        tx,
        "UPDATE accounts
            SET email = $2, email_key = $3, phone = $4, phone_key = $5, nickname = $6,
                nickname_key = $7, linked = $8, roles = $9, profile = $10, updated_at = $11,
                status_since = CASE WHEN status_since = created_at THEN $12 ELSE status_since END,
                created_at = $12
          WHERE id = $1",
        &[
            &account.id.0,
            &account.email.as_ref().map(|email| email.as_str()),
            &keys.email,
            &account.phone.as_ref().map(|phone| phone.as_str()),
            &keys.phone,
            &account.nickname.as_deref(),
            &keys.nickname,
            &json(&account.linked)?,
            &json(&account.roles)?,
            &json(&account.profile)?,
            &now.unix_micros(),
            &changes.created_at.unix_micros(),
        ],
    )
    .await
    .map(drop)
}

/// An account that was shut out at its source loses what it has here.
async fn end_what_is_over(
    tx: &Tx<'_>,
    id: AccountId,
    standing: &Standing,
    status: Status,
    batch: &AccountBatch,
    ended: &mut Vec<(Ended, RevokeReason)>,
) -> Result<(), Fault> {
    let reason = match status {
        Status::Active { .. } => return Ok(()),
        Status::Suspended { .. } => RevokeReason::Suspended,
        Status::Withdrawn { .. } => RevokeReason::Withdrawn,
        Status::Unverified => RevokeReason::Operator,
    };
    let ending = revocations::Ending {
        reason,
        now: batch.now,
        horizon: batch.horizon,
        origin: &batch.origin,
    };
    let was_in_use = standing.status.admits(batch.now).is_ok();
    let over = revocations::end_account(tx, id, was_in_use, &ending).await?;
    ended.extend(over.into_iter().map(|thing| (thing, reason)));
    Ok(())
}

async fn remember(tx: &Tx<'_>, account: &ImportedAccount) -> Result<(), Fault> {
    let sql = "INSERT INTO imported (account, row_digest, password_digest) VALUES ($1, $2, $3)
               ON CONFLICT (account) DO UPDATE
                  SET row_digest = excluded.row_digest,
                      password_digest = excluded.password_digest";
    let (row, password) = (&account.row_digest[..], &account.password_digest[..]);
    execute(tx, sql, &[&account.id.0, &row, &password])
        .await
        .map(drop)
}

async fn conflict(
    tx: &Tx<'_>,
    account: &ImportedAccount,
    keys: &AccountKeys,
) -> Result<Option<Conflict>, Fault> {
    let sql = "SELECT id, 0 FROM accounts WHERE email_key = $2 AND id <> $1
               UNION ALL SELECT id, 1 FROM accounts WHERE phone_key = $3 AND id <> $1
               UNION ALL SELECT id, 2 FROM accounts WHERE nickname_key = $4 AND id <> $1
               ORDER BY 2 LIMIT 1";
    let params: Params<'_> = &[&account.id.0, &keys.email, &keys.phone, &keys.nickname];
    one(tx, "accounts", sql, params, |row| {
        let owner = AccountId(row.get(0)?);
        Ok(match row.get::<i32>(1)? {
            0 => Conflict::EmailTaken(owner),
            1 => Conflict::PhoneTaken(owner),
            _ => Conflict::NicknameTaken(owner),
        })
    })
    .await
}

async fn keep_all(tx: &Tx<'_>, tokens: &[ForeignToken]) -> Result<u64, Fault> {
    tx.batch_execute("SET LOCAL statement_timeout = 0").await?;
    let sql = "INSERT INTO foreign_tokens (contract, token, state, expires_at)
               VALUES ($1, $2, $3, $4)
               ON CONFLICT (contract, token) DO UPDATE SET state = excluded.state
                  WHERE foreign_tokens.state = 'listed' AND excluded.state = 'dead'";
    let mut changed = 0;
    for token in tokens {
        let (contract, id) = (&*token.contract, &token.token.0[..]);
        let expires_at = token.expires_at.unix_micros();
        changed += execute(tx, sql, &[&contract, &id, &token.state.name(), &expires_at]).await?;
    }
    Ok(changed)
}
