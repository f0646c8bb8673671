//! Accounts: making them, finding them, changing their password hash and status.

use async_trait::async_trait;
use daemun_engine::{
    account::{Account, PasswordHash, Profile, Status},
    address::{Email, Identifier, Phone},
    audit::{AuditEvent, AuditKind},
    ids::AccountId,
    ports::{
        Accounts, CodeAttempt, CodeRedeemed, CodeSent, NewAccount, NewCode, NewNotice, Registered,
        RoleChange, StatusChange, Stored, Taken, nickname_key,
    },
    revocation::Revocation,
    time::Timestamp,
};
use rusqlite::{Connection, params};

use crate::{
    SqliteStore, codes,
    import::json,
    revocations,
    rows::{Columns, Fault, execute, many, one},
    upkeep,
    writer::{Guard, Tx},
};

macro_rules! select_account {
    ($rest:literal) => {
        concat!(
            "SELECT id, email, phone, nickname, status, status_since, suspended_until, erase_at, \
             created_at, last_login_at, not_before, linked, password_hash, updated_at, roles, \
             profile, status_reason, \
             EXISTS (SELECT 1 FROM imported WHERE imported.account = accounts.id) \
             FROM accounts ",
            $rest
        )
    };
}

#[async_trait]
impl Accounts for SqliteStore {
    async fn register(&self, new: NewAccount) -> Stored<Registered> {
        self.write(Guard::Savepoint, move |tx| register(tx, new))
            .await
    }

    async fn replace_unverified(
        &self,
        id: AccountId,
        password: PasswordHash,
        nickname: Option<Box<str>>,
        profile: Profile,
    ) -> Stored<bool> {
        self.write(Guard::OneStatement, move |tx| {
            replace_unverified(tx, id, &password, nickname.as_deref(), &profile)
        })
        .await
    }

    async fn send_code(&self, code: NewCode) -> Stored<CodeSent> {
        self.write(Guard::Savepoint, move |tx| codes::send(tx, &code))
            .await
    }

    async fn notify(&self, notice: NewNotice) -> Stored<CodeSent> {
        self.write(Guard::Savepoint, move |tx| codes::notify(tx, &notice))
            .await
    }

    async fn redeem_code(&self, attempt: CodeAttempt) -> Stored<CodeRedeemed> {
        self.write(Guard::Savepoint, move |tx| codes::redeem(tx, &attempt))
            .await
    }

    async fn account_by_identifier(
        &self,
        identifier: &Identifier,
    ) -> Stored<Option<(Account, PasswordHash)>> {
        let identifier = identifier.clone();
        self.read(move |connection| by_identifier(connection, &identifier))
            .await
    }

    async fn taken(
        &self,
        identifier: Option<&Identifier>,
        nickname: Option<&str>,
    ) -> Stored<Taken> {
        let identifier = identifier.cloned();
        let key = nickname.map(nickname_key);
        self.read(move |connection| {
            let by_address = identifier.map(|address| id_by_identifier(connection, &address));
            let by_nickname = key.map(|key| nickname_owner(connection, &key));
            Ok(Taken {
                identifier: by_address.transpose()?.flatten().is_some(),
                nickname: by_nickname.transpose()?.flatten().is_some(),
            })
        })
        .await
    }

    async fn account(&self, id: AccountId) -> Stored<Option<Account>> {
        self.read(move |connection| by_id(connection, id)).await
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Stored<Vec<Account>> {
        let after = after.map_or(i64::MIN, |id| id.0);
        self.read(move |connection| {
            let sql = select_account!("WHERE id > ?1 ORDER BY id LIMIT ?2");
            many(connection, "accounts", sql, params![after, limit], account)
        })
        .await
    }

    async fn accounts_by_cut_off(
        &self,
        (cut_off, id): (Timestamp, AccountId),
        limit: u32,
    ) -> Stored<Vec<Account>> {
        self.read(move |connection| {
            let sql = select_account!(
                "WHERE not_before >= ?1 AND (not_before > ?1 OR id > ?2) ORDER BY not_before, id LIMIT ?3"
            );
            let place = params![cut_off.unix_micros(), id.0, limit];
            many(connection, "accounts", sql, place, account)
        })
        .await
    }

    async fn replace_password_hash(
        &self,
        id: AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Stored<bool> {
        let (old, new) = (old.clone(), new.clone());
        self.write(Guard::Savepoint, move |tx| rehash(tx, id, &old, &new, now))
            .await
    }

    async fn admit(&self, id: AccountId, now: Timestamp) -> Stored<bool> {
        self.write(Guard::OneStatement, move |tx| admit(tx, id, now))
            .await
    }

    async fn change_role(&self, change: RoleChange) -> Stored<bool> {
        self.write(Guard::Savepoint, move |tx| change_role(tx, &change))
            .await
    }

    async fn set_status(&self, change: StatusChange) -> Stored<Option<Vec<Revocation>>> {
        self.write(Guard::Savepoint, move |tx| set_status(tx, &change))
            .await
    }
}

fn register(tx: &Tx<'_>, new: NewAccount) -> Result<Registered, Fault> {
    if let Some(id) = id_by_identifier(tx.connection, &new.identifier)? {
        return Ok(Registered::IdentifierTaken(id));
    }
    let nickname_key = new.nickname.as_deref().map(nickname_key);
    if let Some(key) = &nickname_key
        && nickname_owner(tx.connection, key)?.is_some()
    {
        return Ok(Registered::NicknameTaken);
    }
    let id = insert(tx, &new, nickname_key.as_deref())?;
    upkeep::record(
        tx.connection,
        &AuditEvent {
            at: new.now,
            kind: AuditKind::AccountCreated,
            contract: new.origin.contract,
            account: Some(id),
            session: None,
            network: new.origin.network,
            detail: None,
        },
    )?;
    if let Some(code) = new.code {
        codes::send(tx, &code(id))?;
    }
    Ok(Registered::Created(id))
}

fn insert(tx: &Tx<'_>, new: &NewAccount, nickname_key: Option<&str>) -> Result<AccountId, Fault> {
    let key = new.identifier.key();
    let (email, phone) = match &new.identifier {
        Identifier::Email(email) => (Some((email.as_str(), &key)), None),
        Identifier::Phone(phone) => (None, Some((phone.as_str(), &key))),
    };
    let (since, until) = new.status.times();
    execute(
        tx.connection,
        "INSERT INTO accounts (email, email_key, phone, phone_key, nickname, nickname_key,
                               password_hash, status, status_since, suspended_until, created_at,
                               updated_at, profile)
         VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?11, ?12)",
        params![
            email.map(|(text, _)| text),
            email.map(|(_, key)| key),
            phone.map(|(text, _)| text),
            phone.map(|(_, key)| key),
            new.nickname,
            nickname_key,
            new.password.as_stored(),
            new.status.name(),
            since,
            until,
            new.now.unix_micros(),
            json(&new.profile)?,
        ],
    )?;
    Ok(AccountId(tx.connection.last_insert_rowid()))
}

/// A nickname that is another's is not taken from them; the account keeps the one it had.
fn replace_unverified(
    tx: &Tx<'_>,
    id: AccountId,
    password: &PasswordHash,
    nickname: Option<&str>,
    profile: &Profile,
) -> Result<bool, Fault> {
    let key = nickname.map(nickname_key);
    let owner = match &key {
        Some(key) => nickname_owner(tx.connection, key)?,
        None => None,
    };
    let keeps_nickname = owner.is_some_and(|owner| owner != id);
    let changed = execute(
        tx.connection,
        "UPDATE accounts
            SET password_hash = ?2,
                nickname      = iif(?5, nickname, ?3),
                nickname_key  = iif(?5, nickname_key, ?4),
                profile       = ?6
          WHERE id = ?1 AND status = 'unverified'",
        params![
            id.0,
            password.as_stored(),
            nickname,
            key,
            keeps_nickname,
            json(profile)?,
        ],
    )?;
    Ok(changed == 1)
}

fn rehash(
    tx: &Tx<'_>,
    id: AccountId,
    old: &PasswordHash,
    new: &PasswordHash,
    now: Timestamp,
) -> Result<bool, Fault> {
    let changed = execute(
        tx.connection,
        "UPDATE accounts SET password_hash = ?3 WHERE id = ?1 AND password_hash = ?2",
        params![id.0, old.as_stored(), new.as_stored()],
    )?;
    if changed == 1 {
        upkeep::record(
            tx.connection,
            &AuditEvent {
                at: now,
                kind: AuditKind::PasswordRehashed,
                contract: "".into(),
                account: Some(id),
                session: None,
                network: None,
                detail: None,
            },
        )?;
    }
    Ok(changed == 1)
}

fn set_status(tx: &Tx<'_>, change: &StatusChange) -> Result<Option<Vec<Revocation>>, Fault> {
    let Some(before) = status(tx.connection, change.account)? else {
        return Ok(None);
    };
    if change.expected.is_some_and(|expected| expected != before) {
        return Ok(None);
    }
    let words = change.words.as_deref();
    write_status(tx, change.account, change.status, words, change.now)?;
    upkeep::record(
        tx.connection,
        &AuditEvent {
            at: change.now,
            kind: AuditKind::StatusChanged,
            contract: change.origin.contract.clone(),
            account: Some(change.account),
            session: None,
            network: change.origin.network.clone(),
            detail: Some(change.status.name().into()),
        },
    )?;
    if matches!(change.status, Status::Active { .. }) {
        return Ok(Some(Vec::new()));
    }
    let ending = revocations::Ending {
        reason: change.reason,
        now: change.now,
        horizon: change.horizon,
        origin: &change.origin,
    };
    let was_in_use = before.admits(change.now).is_ok();
    revocations::end_account(tx, change.account, was_in_use, &ending).map(Some)
}

/// Remembers a login, where the account admits it.
pub(crate) fn admit(tx: &Tx<'_>, id: AccountId, now: Timestamp) -> Result<bool, Fault> {
    match status(tx.connection, id)? {
        Some(status) if status.admits(now).is_ok() => execute(
            tx.connection,
            "UPDATE accounts SET last_login_at = ?2 WHERE id = ?1",
            params![id.0, now.unix_micros()],
        )
        .map(|_| true),
        _ => Ok(false),
    }
}

/// Gives or takes a role, where that changes anything.
fn change_role(tx: &Tx<'_>, change: &RoleChange) -> Result<bool, Fault> {
    let Some(account) = by_id(tx.connection, change.account)? else {
        return Ok(false);
    };
    let mut roles = account.roles;
    if roles.contains(&change.role) == change.has {
        return Ok(false);
    }
    roles.retain(|role| *role != change.role);
    roles.extend(change.has.then(|| change.role.clone()));
    execute(
        tx.connection,
        "UPDATE accounts SET roles = ?2, updated_at = ?3 WHERE id = ?1",
        params![change.account.0, json(&roles)?, change.now.unix_micros()],
    )?;
    let sign = if change.has { '+' } else { '-' };
    upkeep::record(
        tx.connection,
        &AuditEvent {
            at: change.now,
            kind: AuditKind::RolesChanged,
            contract: change.origin.contract.clone(),
            account: Some(change.account),
            session: None,
            network: change.origin.network.clone(),
            detail: Some(format!("{sign}{}", change.role).into()),
        },
    )?;
    Ok(true)
}

/// Writes a status, its times and why it is so.
pub(crate) fn write_status(
    tx: &Tx<'_>,
    id: AccountId,
    status: Status,
    words: Option<&str>,
    now: Timestamp,
) -> Result<(), Fault> {
    let (since, until) = status.times();
    let erase_at = match status {
        Status::Withdrawn { erase_at, .. } => erase_at.map(Timestamp::unix_micros),
        _ => None,
    };
    execute(
        tx.connection,
        "UPDATE accounts SET status = ?2, status_since = ?3, suspended_until = ?4, erase_at = ?5,
                             status_reason = ?6, updated_at = ?7
          WHERE id = ?1",
        params![
            id.0,
            status.name(),
            since,
            until,
            erase_at,
            words,
            now.unix_micros()
        ],
    )
    .map(drop)
}

/// The status of an account and its cut-off, where there is one.
pub(crate) fn standing(
    connection: &Connection,
    id: AccountId,
) -> Result<Option<(Status, Option<Timestamp>)>, Fault> {
    one(
        connection,
        "accounts",
        "SELECT id, status, status_since, suspended_until, erase_at, not_before
           FROM accounts WHERE id = ?1",
        [id.0],
        |row| Ok((read_status(row, 1)?, row.maybe_time(5)?)),
    )
}

/// The status of an account, where there is one.
pub(crate) fn status(connection: &Connection, id: AccountId) -> Result<Option<Status>, Fault> {
    one(
        connection,
        "accounts",
        "SELECT id, status, status_since, suspended_until, erase_at FROM accounts WHERE id = ?1",
        [id.0],
        |row| read_status(row, 1),
    )
}

fn id_by_identifier(
    connection: &Connection,
    identifier: &Identifier,
) -> Result<Option<AccountId>, Fault> {
    let sql = match identifier {
        Identifier::Email(_) => "SELECT id FROM accounts WHERE email_key = ?1",
        Identifier::Phone(_) => "SELECT id FROM accounts WHERE phone_key = ?1",
    };
    one(connection, "accounts", sql, [identifier.key()], |row| {
        row.get(0).map(AccountId)
    })
}

fn nickname_owner(connection: &Connection, key: &str) -> Result<Option<AccountId>, Fault> {
    let sql = "SELECT id FROM accounts WHERE nickname_key = ?1";
    one(connection, "accounts", sql, [key], |row| {
        row.get(0).map(AccountId)
    })
}

fn by_identifier(
    connection: &Connection,
    identifier: &Identifier,
) -> Result<Option<(Account, PasswordHash)>, Fault> {
    let sql = match identifier {
        Identifier::Email(_) => select_account!("WHERE email_key = ?1"),
        Identifier::Phone(_) => select_account!("WHERE phone_key = ?1"),
    };
    one(connection, "accounts", sql, [identifier.key()], |row| {
        let hash: Box<str> = row.get(12)?;
        Ok((account(row)?, PasswordHash::from_stored(hash)))
    })
}

/// The account of that id.
fn by_id(connection: &Connection, id: AccountId) -> Result<Option<Account>, Fault> {
    let sql = select_account!("WHERE id = ?1");
    one(connection, "accounts", sql, [id.0], account)
}

fn account(row: &Columns<'_>) -> Result<Account, Fault> {
    let email: Option<Box<str>> = row.get(1)?;
    let phone: Option<Box<str>> = row.get(2)?;
    Ok(Account {
        id: AccountId(row.get(0)?),
        email: email.map(Email::from_stored),
        phone: phone.map(Phone::from_stored),
        nickname: row.get(3)?,
        status: read_status(row, 4)?,
        status_reason: row.get(16)?,
        created_at: row.time(8)?,
        last_login_at: row.maybe_time(9)?,
        not_before: row.maybe_time(10)?,
        linked: row.parsed(11, |json: Box<str>| from_json(&json))?,
        updated_at: row.time(13)?,
        roles: row.parsed(14, |json: Box<str>| from_json(&json))?,
        profile: row.parsed(15, |json: Box<str>| from_json(&json))?,
        imported: row.get(17)?,
    })
}

fn from_json<T: serde::de::DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).ok()
}

/// Reads `status, status_since, suspended_until, erase_at`, the first of them at `at`.
pub(crate) fn read_status(row: &Columns<'_>, at: usize) -> Result<Status, Fault> {
    let name: Box<str> = row.get(at)?;
    let since = || row.time(at + 1);
    match &*name {
        "unverified" => Ok(Status::Unverified),
        "active" => Ok(Status::Active { since: since()? }),
        "suspended" => Ok(Status::Suspended {
            since: since()?,
            until: row.maybe_time(at + 2)?,
        }),
        "withdrawn" => Ok(Status::Withdrawn {
            since: since()?,
            erase_at: row.maybe_time(at + 3)?,
        }),
        _ => Err(row.corrupt(at)),
    }
}
