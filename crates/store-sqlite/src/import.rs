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
use rusqlite::{Connection, params};
use serde::Serialize;

use crate::{
    SqliteStore,
    accounts::{read_status, write_status},
    revocations,
    rows::{Fault, execute, one},
    writer::{Guard, Tx},
};

#[async_trait]
impl Import for SqliteStore {
    async fn import_accounts(&self, batch: AccountBatch) -> Stored<Vec<Imported>> {
        self.write(Guard::Savepoint, move |tx| {
            widen_cache(tx.connection)?;
            let accounts = batch.accounts.iter();
            accounts
                .map(|account| import(tx, account, &batch))
                .collect()
        })
        .await
    }

    async fn preview_import(&self, accounts: Vec<ImportedAccount>) -> Stored<Vec<Imported>> {
        self.read(move |connection| {
            let accounts = accounts.iter();
            accounts
                .map(|account| preview(connection, account))
                .collect()
        })
        .await
    }

    async fn import_foreign_tokens(&self, tokens: Vec<ForeignToken>) -> Stored<u64> {
        self.write(Guard::Savepoint, move |tx| {
            let mut changed = 0;
            for token in &tokens {
                changed += keep(tx, token)?;
            }
            Ok(u64::try_from(changed).unwrap_or(u64::MAX))
        })
        .await
    }
}

/// Addresses come in no order, so every account touches other pages of the indexes; a cache that
/// holds them spares reading each again. It is left wide, for who imports does not serve.
fn widen_cache(connection: &Connection) -> Result<(), Fault> {
    Ok(connection.execute_batch("PRAGMA cache_size = -65536")?)
}

fn import(tx: &Tx<'_>, account: &ImportedAccount, batch: &AccountBatch) -> Result<Imported, Fault> {
    let standing = standing(tx.connection, account.id)?;
    match judge(standing.as_ref(), account, batch.now) {
        Judgement::Leave(outcome) => Ok(outcome),
        Judgement::Create { status, created_at } => {
            create(tx, account, status, created_at, batch.now)
        }
        Judgement::Update(changes) => update(tx, account, standing.as_ref(), &changes, batch),
    }
}

fn preview(connection: &Connection, account: &ImportedAccount) -> Result<Imported, Fault> {
    let standing = standing(connection, account.id)?;
    let outcome = match judge(standing.as_ref(), account, Timestamp::EPOCH) {
        Judgement::Leave(outcome) => return Ok(outcome),
        Judgement::Create { .. } => Imported::Created,
        Judgement::Update(changes) if !changes.row => return Ok(Imported::Updated),
        Judgement::Update(_) => Imported::Updated,
    };
    let conflict = conflict(connection, account, &account.keys())?;
    Ok(conflict.map_or(outcome, Imported::Conflict))
}

fn standing(connection: &Connection, id: AccountId) -> Result<Option<Standing>, Fault> {
    // Two questions: most accounts of an import are new, and the second is then not asked.
    let account = one(
        connection,
        "accounts",
        "SELECT id, status, status_since, suspended_until, erase_at, created_at, last_login_at
           FROM accounts WHERE id = ?1",
        [id.0],
        |row| Ok((read_status(row, 1)?, row.time(5)?, row.maybe_time(6)?)),
    )?;
    let Some((status, created_at, last_login_at)) = account else {
        return Ok(None);
    };
    Ok(Some(Standing {
        status,
        created_at,
        last_login_at,
        source: digests(connection, id)?,
    }))
}

fn digests(connection: &Connection, id: AccountId) -> Result<Option<Digests>, Fault> {
    one(
        connection,
        "imported",
        "SELECT account, row_digest, password_digest FROM imported WHERE account = ?1",
        [id.0],
        |row| {
            Ok(Digests {
                row: row.get(1)?,
                password: row.get(2)?,
            })
        },
    )
}

fn create(
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
        tx.connection,
        "INSERT INTO accounts (id, email, email_key, phone, phone_key, nickname, nickname_key,
                               password_hash, status, status_since, suspended_until, created_at,
                               last_login_at, linked, roles, profile, updated_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)
         ON CONFLICT DO NOTHING",
        params![
            account.id.0,
            account.email.as_ref().map(|email| email.as_str()),
            keys.email,
            account.phone.as_ref().map(|phone| phone.as_str()),
            keys.phone,
            account.nickname,
            keys.nickname,
            account.password.as_stored(),
            status.name(),
            since,
            until,
            created_at.unix_micros(),
            account.last_login_at.map(Timestamp::unix_micros),
            json(&account.linked)?,
            json(&account.roles)?,
            json(&account.profile)?,
            now.unix_micros(),
        ],
    )?;
    if inserted == 0 {
        return in_the_way(tx.connection, account, &keys);
    }
    remember(tx, account)?;
    Ok(Imported::Created)
}

fn update(
    tx: &Tx<'_>,
    account: &ImportedAccount,
    standing: Option<&Standing>,
    changes: &Changes,
    batch: &AccountBatch,
) -> Result<Imported, Fault> {
    if changes.row {
        let keys = account.keys();
        if write_row(tx, account, &keys, changes, batch.now)? == 0 {
            return in_the_way(tx.connection, account, &keys);
        }
    }
    if changes.password {
        let sql = "UPDATE accounts SET password_hash = ?2 WHERE id = ?1";
        execute(
            tx.connection,
            sql,
            params![account.id.0, account.password.as_stored()],
        )?;
    }
    let sql = "UPDATE accounts SET last_login_at = ?2 WHERE id = ?1";
    let last_login = changes.last_login_at.map(Timestamp::unix_micros);
    execute(tx.connection, sql, params![account.id.0, last_login])?;
    if let (Some(status), Some(standing)) = (changes.status, standing) {
        write_status(tx, account.id, status, None, batch.now)?;
        end_what_is_over(tx, account.id, standing, status, batch)?;
    }
    remember(tx, account)?;
    Ok(Imported::Updated)
}

fn write_row(
    tx: &Tx<'_>,
    account: &ImportedAccount,
    keys: &AccountKeys,
    changes: &Changes,
    now: Timestamp,
) -> Result<usize, Fault> {
    execute(
        tx.connection,
        "UPDATE OR IGNORE accounts
            SET email = ?2, email_key = ?3, phone = ?4, phone_key = ?5, nickname = ?6,
                nickname_key = ?7, linked = ?8, roles = ?9, profile = ?10, updated_at = ?11,
                status_since = iif(status_since = created_at, ?12, status_since), created_at = ?12
          WHERE id = ?1",
        params![
            account.id.0,
            account.email.as_ref().map(|email| email.as_str()),
            keys.email,
            account.phone.as_ref().map(|phone| phone.as_str()),
            keys.phone,
            account.nickname,
            keys.nickname,
            json(&account.linked)?,
            json(&account.roles)?,
            json(&account.profile)?,
            now.unix_micros(),
            changes.created_at.unix_micros(),
        ],
    )
}

/// An account that was shut out at its source loses what it has here.
fn end_what_is_over(
    tx: &Tx<'_>,
    id: AccountId,
    standing: &Standing,
    status: Status,
    batch: &AccountBatch,
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
    revocations::end_account(tx, id, was_in_use, &ending).map(drop)
}

fn remember(tx: &Tx<'_>, account: &ImportedAccount) -> Result<(), Fault> {
    execute(
        tx.connection,
        "INSERT INTO imported (account, row_digest, password_digest) VALUES (?1, ?2, ?3)
         ON CONFLICT (account) DO UPDATE
            SET row_digest = excluded.row_digest, password_digest = excluded.password_digest",
        params![account.id.0, account.row_digest, account.password_digest],
    )
    .map(drop)
}

/// Who was in the way of a row that could not be written.
fn in_the_way(
    connection: &Connection,
    account: &ImportedAccount,
    keys: &AccountKeys,
) -> Result<Imported, Fault> {
    let conflict = conflict(connection, account, keys)?;
    let nobody = || Fault::Corrupt(format!("accounts: row {} fits nowhere", account.id));
    conflict.map(Imported::Conflict).ok_or_else(nobody)
}

fn conflict(
    connection: &Connection,
    account: &ImportedAccount,
    keys: &AccountKeys,
) -> Result<Option<Conflict>, Fault> {
    let owner = |sql: &str, key: &Option<String>| match key {
        Some(key) => one(
            connection,
            "accounts",
            sql,
            params![key, account.id.0],
            |row| row.get(0).map(AccountId),
        ),
        None => Ok(None),
    };
    if let Some(id) = owner(
        "SELECT id FROM accounts WHERE email_key = ?1 AND id <> ?2",
        &keys.email,
    )? {
        return Ok(Some(Conflict::EmailTaken(id)));
    }
    if let Some(id) = owner(
        "SELECT id FROM accounts WHERE phone_key = ?1 AND id <> ?2",
        &keys.phone,
    )? {
        return Ok(Some(Conflict::PhoneTaken(id)));
    }
    let nickname = owner(
        "SELECT id FROM accounts WHERE nickname_key = ?1 AND id <> ?2",
        &keys.nickname,
    )?;
    Ok(nickname.map(Conflict::NicknameTaken))
}

fn keep(tx: &Tx<'_>, token: &ForeignToken) -> Result<usize, Fault> {
    execute(
        tx.connection,
        "INSERT INTO foreign_tokens (contract, token, state, expires_at) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT (contract, token) DO UPDATE SET state = excluded.state
             WHERE foreign_tokens.state = 'listed' AND excluded.state = 'dead'",
        params![
            token.contract,
            token.token.0,
            token.state.name(),
            token.expires_at.unix_micros(),
        ],
    )
}

pub(crate) fn json(value: &impl Serialize) -> Result<String, Fault> {
    serde_json::to_string(value).map_err(|error| Fault::Corrupt(format!("accounts: {error}")))
}
