//! What is the accounts' store's alone, and what of it concerns sessions elsewhere.

use std::{sync::atomic::Ordering, time::Duration};

use async_trait::async_trait;

use super::{Apart, End};
use crate::{
    account::{Account, PasswordHash, Profile, Status},
    address::Identifier,
    audit::AuditEvent,
    ids::AccountId,
    import::{AccountBatch, ForeignToken, Import, Imported, ImportedAccount},
    nodes::{NodeReport, NodeSeen, Nodes},
    ports::{
        Accounts, AuditSubject, ClaimedMessage, CodeAttempt, CodeRedeemed, CodeSent, KeyChange,
        KeyStore, NewAccount, NewCode, NewNotice, Origin, Outbox, Registered, Retention,
        RoleChange, StatusChange, Stored, StoredKey, Taken, Upkeep,
    },
    revocation::Revocation,
    service_key::{ServiceKey, ServiceKeys},
    time::Timestamp,
};

#[async_trait]
impl Accounts for Apart {
    async fn register(&self, new: NewAccount) -> Stored<Registered> {
        self.accounts.register(new).await
    }

    async fn taken(
        &self,
        identifier: Option<&Identifier>,
        nickname: Option<&str>,
    ) -> Stored<Taken> {
        self.accounts.taken(identifier, nickname).await
    }

    async fn accounts_by_cut_off(
        &self,
        after: (Timestamp, AccountId),
        limit: u32,
    ) -> Stored<Vec<Account>> {
        self.accounts.accounts_by_cut_off(after, limit).await
    }

    async fn replace_unverified(
        &self,
        id: AccountId,
        password: PasswordHash,
        nickname: Option<Box<str>>,
        profile: Profile,
    ) -> Stored<bool> {
        self.accounts
            .replace_unverified(id, password, nickname, profile)
            .await
    }

    async fn send_code(&self, code: NewCode) -> Stored<CodeSent> {
        self.accounts.send_code(code).await
    }

    async fn notify(&self, notice: NewNotice) -> Stored<CodeSent> {
        self.accounts.notify(notice).await
    }

    async fn redeem_code(&self, attempt: CodeAttempt) -> Stored<CodeRedeemed> {
        self.accounts.redeem_code(attempt).await
    }

    async fn account_by_identifier(
        &self,
        identifier: &Identifier,
    ) -> Stored<Option<(Account, PasswordHash)>> {
        self.accounts.account_by_identifier(identifier).await
    }

    async fn account(&self, id: AccountId) -> Stored<Option<Account>> {
        self.accounts.account(id).await
    }

    async fn accounts(&self, after: Option<AccountId>, limit: u32) -> Stored<Vec<Account>> {
        self.accounts.accounts(after, limit).await
    }

    async fn replace_password_hash(
        &self,
        id: AccountId,
        old: &PasswordHash,
        new: &PasswordHash,
        now: Timestamp,
    ) -> Stored<bool> {
        self.accounts.replace_password_hash(id, old, new, now).await
    }

    async fn admit(&self, id: AccountId, now: Timestamp) -> Stored<bool> {
        self.accounts.admit(id, now).await
    }

    async fn set_status(&self, change: StatusChange) -> Stored<Option<Vec<Revocation>>> {
        let Some(decided) = self.accounts.set_status(change.clone()).await? else {
            return Ok(None);
        };
        if matches!(change.status, Status::Active { .. }) {
            return Ok(Some(decided));
        }
        let ending = End {
            reason: change.reason,
            now: change.now,
            until: change.now + change.horizon,
        };
        self.end_account(change.account, &decided, ending, &change.origin)
            .await
            .map(Some)
    }

    async fn change_role(&self, change: RoleChange) -> Stored<bool> {
        self.accounts.change_role(change).await
    }
}

#[async_trait]
impl Outbox for Apart {
    async fn claim_messages(
        &self,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Stored<Vec<ClaimedMessage>> {
        self.accounts.claim_messages(now, lease, limit).await
    }

    async fn message_sent(&self, id: i64, now: Timestamp) -> Stored<()> {
        self.accounts.message_sent(id, now).await
    }

    async fn message_failed(
        &self,
        id: i64,
        error: &str,
        retry_at: Option<Timestamp>,
    ) -> Stored<()> {
        self.accounts.message_failed(id, error, retry_at).await
    }

    async fn wait_for_message(&self) {
        self.accounts.wait_for_message().await;
    }
}

#[async_trait]
impl Upkeep for Apart {
    async fn record(&self, event: AuditEvent) -> Stored<()> {
        self.accounts.record(event).await
    }

    async fn audit(&self, about: AuditSubject, limit: u32) -> Stored<Vec<AuditEvent>> {
        self.accounts.audit(about, limit).await
    }

    async fn purge(&self, now: Timestamp, keep: &Retention) -> Stored<u64> {
        let sessions = self.sessions.purge(now, now - keep.sessions).await?;
        Ok(sessions + self.accounts.purge(now, keep).await?)
    }

    async fn erase(&self, account: AccountId, now: Timestamp) -> Stored<u64> {
        match self.sessions.forget(account).await? {
            0 => self.accounts.erase(account, now).await,
            forgotten => Ok(forgotten),
        }
    }

    async fn next_erasure(&self, now: Timestamp) -> Stored<Option<AccountId>> {
        self.accounts.next_erasure(now).await
    }

    async fn horizon(&self, at_least: Duration) -> Stored<Duration> {
        let horizon = self.accounts.horizon(at_least).await?;
        let micros = u64::try_from(horizon.as_micros()).unwrap_or(u64::MAX);
        self.horizon.store(micros, Ordering::Release);
        Ok(horizon)
    }

    async fn ping(&self) -> Stored<()> {
        self.accounts.ping().await?;
        self.sessions.ping().await
    }
}

#[async_trait]
impl Nodes for Apart {
    async fn node_says(&self, report: NodeReport) -> Stored<()> {
        self.accounts.node_says(report).await
    }

    async fn node_left(&self, id: &str) -> Stored<()> {
        self.accounts.node_left(id).await
    }

    async fn nodes(&self) -> Stored<Option<Vec<NodeSeen>>> {
        self.accounts.nodes().await
    }
}

#[async_trait]
impl KeyStore for Apart {
    async fn keys(&self) -> Stored<Vec<StoredKey>> {
        self.accounts.keys().await
    }

    async fn change_keys(&self, expected: &[Box<str>], change: KeyChange) -> Stored<bool> {
        self.accounts.change_keys(expected, change).await
    }
}

#[async_trait]
impl ServiceKeys for Apart {
    async fn add_service_key(&self, key: ServiceKey, origin: Origin) -> Stored<bool> {
        self.accounts.add_service_key(key, origin).await
    }

    async fn revoke_service_key(
        &self,
        name: &str,
        now: Timestamp,
        origin: Origin,
    ) -> Stored<Option<ServiceKey>> {
        self.accounts.revoke_service_key(name, now, origin).await
    }

    async fn service_keys(&self) -> Stored<Vec<ServiceKey>> {
        self.accounts.service_keys().await
    }
}

#[async_trait]
impl Import for Apart {
    async fn import_accounts(&self, batch: AccountBatch) -> Stored<Vec<Imported>> {
        let now = batch.now;
        let outcomes = self.accounts.import_accounts(batch).await?;
        self.carry_over(now).await?;
        Ok(outcomes)
    }

    async fn preview_import(&self, accounts: Vec<ImportedAccount>) -> Stored<Vec<Imported>> {
        self.accounts.preview_import(accounts).await
    }

    async fn import_foreign_tokens(&self, tokens: Vec<ForeignToken>) -> Stored<u64> {
        self.accounts.import_foreign_tokens(tokens).await
    }
}
