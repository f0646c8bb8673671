//! Accounts: making them, finding them, changing their password hash, roles and status.

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

use crate::{
    PostgresStore, changes, codes,
    db::{Fault, TRIES, Tx, transaction},
    revocations,
    rows::{Columns, all, execute, json, one},
    upkeep,
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
impl Accounts for PostgresStore {
    async fn register(&self, new: NewAccount) -> Stored<Registered> {
        Ok(self.register_account(new).await?)
    }

    async fn replace_unverified(
        &self,
        id: AccountId,
        password: PasswordHash,
        nickname: Option<Box<str>>,
        profile: Profile,
    ) -> Stored<bool> {
        let nickname = nickname.as_deref();
        let replace = async |keeps_nickname| {
            transaction!(
                self.inner.db,
                tx,
                replace_unverified(&tx, id, &password, nickname, &profile, keeps_nickname)
            )
        };
        match replace(false).await {
            // Somebody took the nickname at this very moment.
            Err(fault) if fault.is_taken() => Ok(replace(true).await?),
            done => Ok(done?),
        }
    }

    async fn send_code(&self, code: NewCode) -> Stored<CodeSent> {
        let sent = transaction!(self.inner.db, tx, codes::send(&tx, &code))?;
        self.message_was_put();
        Ok(sent)
    }

    async fn notify(&self, notice: NewNotice) -> Stored<CodeSent> {
        let sent = transaction!(self.inner.db, tx, codes::notify(&tx, &notice))?;
        self.message_was_put();
        Ok(sent)
    }

    async fn redeem_code(&self, attempt: CodeAttempt) -> Stored<CodeRedeemed> {
        Ok(transaction!(
            self.inner.db,
            tx,
            codes::redeem(&tx, &attempt)
        )?)
    }

    async fn account_by_identifier(
        &self,
        identifier: &Identifier,
    ) -> Stored<Option<(Account, PasswordHash)>> {
        let sql = match identifier {
            Identifier::Email(_) => select_account!("WHERE email_key = $1"),
            Identifier::Phone(_) => select_account!("WHERE phone_key = $1"),
        };
        let rows = self.inner.db.query(sql, &[&identifier.key()]).await?;
        let found = all("accounts", &rows, |row| {
            let hash = row.text(12)?;
            Ok((account(row)?, PasswordHash::from_stored(hash)))
        })?;
        Ok(found.into_iter().next())
    }

    async fn taken(
        &self,
        identifier: Option<&Identifier>,
        nickname: Option<&str>,
    ) -> Stored<Taken> {
        let email = identifier.and_then(|i| matches!(i, Identifier::Email(_)).then(|| i.key()));
        let phone = identifier.and_then(|i| matches!(i, Identifier::Phone(_)).then(|| i.key()));
        let nickname = nickname.map(nickname_key);
        let sql = "SELECT EXISTS (SELECT 1 FROM accounts WHERE email_key = $1)
                       OR EXISTS (SELECT 1 FROM accounts WHERE phone_key = $2),
                          EXISTS (SELECT 1 FROM accounts WHERE nickname_key = $3)";
        let rows = self
            .inner
            .db
            .query(sql, &[&email, &phone, &nickname])
            .await?;
        let found = all("accounts", &rows, |row| {
            Ok(Taken {
                identifier: row.get(0)?,
                nickname: row.get(1)?,
            })
        })?;
        Ok(found.into_iter().next().unwrap_or_default())
    }

    async fn account(&self, id: AccountId) -> Stored<Option<Account>> {
        let sql = select_account!("WHERE id = $1");
        let rows = self.inner.db.query(sql, &[&id.0]).await?;
        Ok(all("accounts", &rows, account)?.pop())
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Stored<Vec<Account>> {
        let after = after.map_or(i64::MIN, |id| id.0);
        let sql = select_account!("WHERE id > $1 ORDER BY id LIMIT $2");
        let rows = self
            .inner
            .db
            .query(sql, &[&after, &i64::from(limit)])
            .await?;
        Ok(all("accounts", &rows, account)?)
    }

    async fn accounts_by_cut_off(
        &self,
        (cut_off, id): (Timestamp, AccountId),
        limit: u32,
    ) -> Stored<Vec<Account>> {
        let sql = select_account!(
            "WHERE not_before >= $1 AND (not_before > $1 OR id > $2) ORDER BY not_before, id LIMIT $3"
        );
        let (cut_off, limit) = (cut_off.unix_micros(), i64::from(limit));
        let rows = self.inner.db.query(sql, &[&cut_off, &id.0, &limit]).await?;
        Ok(all("accounts", &rows, account)?)
    }

    async fn replace_password_hash(
        &self,
        id: AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Stored<bool> {
        Ok(transaction!(
            self.inner.db,
            tx,
            rehash(&tx, id, old, new, now)
        )?)
    }

    async fn admit(&self, id: AccountId, now: Timestamp) -> Stored<bool> {
        Ok(transaction!(self.inner.db, tx, admit(&tx, id, now))?)
    }

    async fn change_role(&self, change: RoleChange) -> Stored<bool> {
        Ok(transaction!(self.inner.db, tx, change_role(&tx, &change))?)
    }

    async fn set_status(&self, change: StatusChange) -> Stored<Option<Vec<Revocation>>> {
        Ok(transaction!(self.inner.db, tx, set_status(&tx, &change))?)
    }
}

impl PostgresStore {
    /// A code can be made only once, so its transaction is not begun again; a race for the same
    /// address, which leaves nobody to name, is.
    async fn register_account(&self, mut new: NewAccount) -> Result<Registered, Fault> {
        for _ in 0..TRIES {
            let mut client = self.inner.db.client().await?;
            let tx = client.transaction().await?;
            let Some(registered) = register(&tx, &mut new).await? else {
                continue;
            };
            tx.commit().await?;
            self.message_was_put();
            return Ok(registered);
        }
        let what = "an address is taken and given back all the time";
        Err(Fault::Pool(what.into()))
    }
}

/// `None` where somebody was in the way who is no more.
async fn register(tx: &Tx<'_>, new: &mut NewAccount) -> Result<Option<Registered>, Fault> {
    let nickname = new.nickname.as_deref().map(nickname_key);
    if let Some(taken) = in_the_way(tx, &new.identifier, nickname.as_deref()).await? {
        return Ok(Some(taken));
    }
    let Some(id) = insert(tx, new, nickname.as_deref()).await? else {
        return in_the_way(tx, &new.identifier, nickname.as_deref()).await;
    };
    let event = AuditEvent {
        at: new.now,
        kind: AuditKind::AccountCreated,
        contract: new.origin.contract.clone(),
        account: Some(id),
        session: None,
        network: new.origin.network.clone(),
        detail: None,
    };
    upkeep::record(tx, &event).await?;
    if let Some(code) = new.code.take() {
        codes::send(tx, &code(id)).await?;
    }
    Ok(Some(Registered::Created(id)))
}

async fn in_the_way(
    tx: &Tx<'_>,
    identifier: &Identifier,
    nickname_key: Option<&str>,
) -> Result<Option<Registered>, Fault> {
    let sql = match identifier {
        Identifier::Email(_) => "SELECT id FROM accounts WHERE email_key = $1",
        Identifier::Phone(_) => "SELECT id FROM accounts WHERE phone_key = $1",
    };
    let id = one(tx, "accounts", sql, &[&identifier.key()], |row| row.get(0)).await?;
    if let Some(id) = id {
        return Ok(Some(Registered::IdentifierTaken(AccountId(id))));
    }
    let owner = nickname_owner(tx, nickname_key).await?;
    Ok(owner.map(|_| Registered::NicknameTaken))
}

/// The account is borrowed as a whole, though nothing of it changes: the code it may bring can be
/// sent to another thread and not be shared with one.
async fn insert(
    tx: &Tx<'_>,
    new: &mut NewAccount,
    nickname_key: Option<&str>,
) -> Result<Option<AccountId>, Fault> {
    let key = new.identifier.key();
    let (email, phone) = match &new.identifier {
        Identifier::Email(email) => (Some((email.as_str(), &key)), None),
        Identifier::Phone(phone) => (None, Some((phone.as_str(), &key))),
    };
    let (since, until) = new.status.times();
    let sql = "INSERT INTO accounts (email, email_key, phone, phone_key, nickname, nickname_key,
                                     password_hash, status, status_since, suspended_until,
                                     created_at, updated_at, profile)
               VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)
               ON CONFLICT DO NOTHING RETURNING id";
    let id = one(
        tx,
        "accounts",
        sql,
        &[
            &email.map(|(text, _)| text),
            &email.map(|(_, key)| key),
            &phone.map(|(text, _)| text),
            &phone.map(|(_, key)| key),
            &new.nickname.as_deref(),
            &nickname_key,
            &new.password.as_stored(),
            &new.status.name(),
            &since,
            &until,
            &new.now.unix_micros(),
            &json(&new.profile)?,
        ],
        |row| row.get(0),
    )
    .await?;
    Ok(id.map(AccountId))
}

/// A nickname that is another's is not taken from them; the account keeps the one it had.
async fn replace_unverified(
    tx: &Tx<'_>,
    id: AccountId,
    password: &PasswordHash,
    nickname: Option<&str>,
    profile: &Profile,
    keeps_nickname: bool,
) -> Result<bool, Fault> {
    let key = nickname.map(nickname_key);
    let owner = nickname_owner(tx, key.as_deref()).await?;
    let keeps_nickname = keeps_nickname || owner.is_some_and(|owner| owner != id);
    let changed = execute(
        tx,
        "UPDATE accounts
            SET password_hash = $2,
                nickname      = CASE WHEN $5 THEN nickname ELSE $3 END,
                nickname_key  = CASE WHEN $5 THEN nickname_key ELSE $4 END,
                profile       = $6
          WHERE id = $1 AND status = 'unverified'",
        &[
            &id.0,
            &password.as_stored(),
            &nickname,
            &key,
            &keeps_nickname,
            &json(profile)?,
        ],
    )
    .await?;
    changes::tell_account(tx, id).await?;
    Ok(changed == 1)
}

async fn rehash(
    tx: &Tx<'_>,
    id: AccountId,
    old: &PasswordHash,
    new: &PasswordHash,
    now: Timestamp,
) -> Result<bool, Fault> {
    let sql = "UPDATE accounts SET password_hash = $3 WHERE id = $1 AND password_hash = $2";
    let changed = execute(tx, sql, &[&id.0, &old.as_stored(), &new.as_stored()]).await?;
    if changed == 1 {
        let event = AuditEvent {
            at: now,
            kind: AuditKind::PasswordRehashed,
            contract: "".into(),
            account: Some(id),
            session: None,
            network: None,
            detail: None,
        };
        upkeep::record(tx, &event).await?;
    }
    Ok(changed == 1)
}

async fn set_status(tx: &Tx<'_>, change: &StatusChange) -> Result<Option<Vec<Revocation>>, Fault> {
    let Some(before) = locked_status(tx, change.account).await? else {
        return Ok(None);
    };
    if change.expected.is_some_and(|expected| expected != before) {
        return Ok(None);
    }
    let words = change.words.as_deref();
    write_status(tx, change.account, change.status, words, change.now).await?;
    let event = AuditEvent {
        at: change.now,
        kind: AuditKind::StatusChanged,
        contract: change.origin.contract.clone(),
        account: Some(change.account),
        session: None,
        network: change.origin.network.clone(),
        detail: Some(change.status.name().into()),
    };
    upkeep::record(tx, &event).await?;
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
    let ended = revocations::end_account(tx, change.account, was_in_use, &ending).await?;
    Ok(Some(ending.log(tx, &ended).await?))
}

/// Gives or takes a role, where that changes anything.
async fn change_role(tx: &Tx<'_>, change: &RoleChange) -> Result<bool, Fault> {
    let sql = "SELECT roles FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    let roles = one(tx, "accounts", sql, &[&change.account.0], |row| row.json(0)).await?;
    let Some(mut roles): Option<Vec<Box<str>>> = roles else {
        return Ok(false);
    };
    if roles.contains(&change.role) == change.has {
        return Ok(false);
    }
    roles.retain(|role| *role != change.role);
    roles.extend(change.has.then(|| change.role.clone()));
    let sql = "UPDATE accounts SET roles = $2, updated_at = $3 WHERE id = $1";
    let now = change.now.unix_micros();
    execute(tx, sql, &[&change.account.0, &json(&roles)?, &now]).await?;
    let sign = if change.has { '+' } else { '-' };
    let event = AuditEvent {
        at: change.now,
        kind: AuditKind::RolesChanged,
        contract: change.origin.contract.clone(),
        account: Some(change.account),
        session: None,
        network: change.origin.network.clone(),
        detail: Some(format!("{sign}{}", change.role).into()),
    };
    upkeep::record(tx, &event).await?;
    changes::tell_account(tx, change.account).await?;
    Ok(true)
}

/// Remembers a login, where the account admits it. The row is locked from here on: a suspension at
/// the same moment comes before or after.
pub(crate) async fn admit(tx: &Tx<'_>, id: AccountId, now: Timestamp) -> Result<bool, Fault> {
    let status = locked_status(tx, id).await?;
    if status.is_none_or(|status| status.admits(now).is_err()) {
        return Ok(false);
    }
    let sql = "UPDATE accounts SET last_login_at = $2 WHERE id = $1";
    execute(tx, sql, &[&id.0, &now.unix_micros()]).await?;
    Ok(true)
}

/// Writes a status, its times and why it is so.
pub(crate) async fn write_status(
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
        tx,
        "UPDATE accounts SET status = $2, status_since = $3, suspended_until = $4, erase_at = $5,
                             status_reason = $6, updated_at = $7
          WHERE id = $1",
        &[
            &id.0,
            &status.name(),
            &since,
            &until,
            &erase_at,
            &words,
            &now.unix_micros(),
        ],
    )
    .await?;
    changes::tell_account(tx, id).await
}

/// The status of an account and its cut-off, where there is one. The row is locked.
pub(crate) async fn standing(
    tx: &Tx<'_>,
    id: AccountId,
) -> Result<Option<(Status, Option<Timestamp>)>, Fault> {
    let sql = "SELECT id, status, status_since, suspended_until, erase_at, not_before
                 FROM accounts WHERE id = $1 FOR NO KEY UPDATE";
    one(tx, "accounts", sql, &[&id.0], |row| {
        Ok((read_status(row, 1)?, row.maybe_time(5)?))
    })
    .await
}

/// The status of an account, where there is one. The row is locked.
pub(crate) async fn locked_status(tx: &Tx<'_>, id: AccountId) -> Result<Option<Status>, Fault> {
    Ok(standing(tx, id).await?.map(|(status, _)| status))
}

async fn nickname_owner(tx: &Tx<'_>, key: Option<&str>) -> Result<Option<AccountId>, Fault> {
    let sql = "SELECT id FROM accounts WHERE nickname_key = $1";
    let owner = one(tx, "accounts", sql, &[&key], |row| row.get(0)).await?;
    Ok(owner.map(AccountId))
}

fn account(row: &Columns<'_>) -> Result<Account, Fault> {
    Ok(Account {
        id: AccountId(row.get(0)?),
        email: row.maybe_text(1)?.map(Email::from_stored),
        phone: row.maybe_text(2)?.map(Phone::from_stored),
        nickname: row.maybe_text(3)?,
        status: read_status(row, 4)?,
        status_reason: row.maybe_text(16)?,
        created_at: row.time(8)?,
        last_login_at: row.maybe_time(9)?,
        not_before: row.maybe_time(10)?,
        linked: row.json(11)?,
        updated_at: row.time(13)?,
        roles: row.json(14)?,
        profile: row.json(15)?,
        imported: row.get(17)?,
    })
}

/// Reads `status, status_since, suspended_until, erase_at`, the first of them at `at`.
pub(crate) fn read_status(row: &Columns<'_>, at: usize) -> Result<Status, Fault> {
    let name = row.text(at)?;
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
