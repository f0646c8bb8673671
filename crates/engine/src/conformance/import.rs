//! Taking over accounts and what was known of foreign tokens.

use super::world::*;
use crate::{
    account::{Account, PasswordHash, Status},
    address::{Email, Phone},
    foreign::{ForeignState, token_identity},
    ids::AccountId,
    import::{
        AccountBatch, Conflict, ForeignToken, Imported, ImportedAccount, ImportedStatus, Known,
    },
    ports::{Registered, Retention},
    time::Timestamp,
};

const ID: AccountId = AccountId(4_711);

/// When accounts were made at their source: years ago.
fn long_ago() -> Timestamp {
    now() - A_DAY * 900
}

/// An account of that id and address, in use.
fn source(id: AccountId, address: &str) -> ImportedAccount {
    ImportedAccount {
        id,
        email: Some(Email::parse(address).unwrap()),
        phone: None,
        nickname: None,
        password: hash("pbkdf2_sha256$1$a$b"),
        status: ImportedStatus::Active,
        created_at: Some(long_ago()),
        last_login_at: None,
        linked: [("kakao".into(), "k-1".into())].into(),
        roles: vec!["admin".into()],
        profile: [("school".into(), "대문고".into())].into(),
        row_digest: [1; 32],
        password_digest: [1; 32],
    }
}

fn someone() -> ImportedAccount {
    source(ID, "Someone@Example.com")
}

async fn import_at(
    store: &AnyStore,
    accounts: Vec<ImportedAccount>,
    at: Timestamp,
) -> Vec<Imported> {
    let batch = AccountBatch {
        accounts,
        now: at,
        horizon: HORIZON,
        origin: origin(),
    };
    store.import_accounts(batch).await.unwrap()
}

async fn import(store: &AnyStore, account: ImportedAccount) -> Imported {
    import_at(store, vec![account], now()).await[0]
}

async fn preview(store: &AnyStore, account: ImportedAccount) -> Imported {
    store.preview_import(vec![account]).await.unwrap()[0]
}

async fn password(store: &AnyStore, address: &str) -> String {
    let (_, password) = found(store, address).await.unwrap();
    password.as_stored().to_owned()
}

async fn found(store: &AnyStore, address: &str) -> Option<(Account, PasswordHash)> {
    store.account_by_identifier(&email(address)).await.unwrap()
}

/// Under its own id, with all there is of it.
pub async fn an_account_keeps_its_id_and_all_else(store: AnyStore) {
    let whole = ImportedAccount {
        phone: Some(Phone::parse("010-0000-0000").unwrap()),
        nickname: Some("햇살".into()),
        last_login_at: Some(long_ago() + A_DAY),
        ..someone()
    };
    assert_eq!(preview(&store, whole.clone()).await, Imported::Created);
    assert_eq!(store.account(ID).await.unwrap(), None, "only looked at");
    assert_eq!(import(&store, whole).await, Imported::Created);
    let (account, password) = found(&store, "someone@example.com").await.unwrap();
    assert_eq!(account.id, ID);
    assert_eq!(account.email.unwrap().as_str(), "Someone@Example.com");
    assert_eq!(account.phone.unwrap().as_str(), "01000000000");
    assert_eq!(account.nickname.as_deref(), Some("햇살"));
    let since = long_ago();
    assert_eq!(account.status, Status::Active { since });
    assert_eq!(account.created_at, long_ago());
    assert_eq!(account.last_login_at, Some(long_ago() + A_DAY));
    assert_eq!(account.not_before, None);
    assert_eq!(account.linked["kakao"].as_ref(), "k-1");
    assert_eq!(account.roles, ["admin".into()]);
    assert_eq!(account.profile["school"], "대문고");
    assert_eq!(password.as_stored(), "pbkdf2_sha256$1$a$b");
    assert_eq!(messages(&store, now()).await, [""; 0], "nobody gets mail");
}

/// Numbers go on after the highest that was brought.
pub async fn ids_go_on_after_the_highest(store: AnyStore) {
    import(&store, someone()).await;
    let next = unverified(&store, &email("next@example.com"), "111111").await;
    assert_eq!(next, AccountId(ID.0 + 1));
}

/// The same source again changes nothing.
pub async fn a_repeated_import_changes_nothing(store: AnyStore) {
    import(&store, someone()).await;
    let before = account(&store, ID).await;
    let again = import_at(&store, vec![someone()], now() + HOUR).await;
    assert_eq!(again, [Imported::Unchanged]);
    assert_eq!(preview(&store, someone()).await, Imported::Unchanged);
    assert_eq!(account(&store, ID).await, before);
}

/// What changed at the source changes here.
pub async fn what_changed_at_its_source_changes_here(store: AnyStore) {
    import(&store, someone()).await;
    let changed = ImportedAccount {
        email: Some(Email::parse("other@example.com").unwrap()),
        roles: Vec::new(),
        row_digest: [2; 32],
        ..someone()
    };
    assert_eq!(preview(&store, changed.clone()).await, Imported::Updated);
    let later = now() + HOUR;
    assert_eq!(
        import_at(&store, vec![changed.clone()], later).await,
        [Imported::Updated]
    );
    assert_eq!(found(&store, "someone@example.com").await, None);
    let (account, _) = found(&store, "other@example.com").await.unwrap();
    assert_eq!((account.id, account.updated_at), (ID, later));
    assert!(account.roles.is_empty());
    assert_eq!(import(&store, changed).await, Imported::Unchanged);
}

/// The later of two logins counts, wherever it was.
pub async fn the_later_login_counts(store: AnyStore) {
    let logged_in = |at| ImportedAccount {
        last_login_at: Some(at),
        ..someone()
    };
    import(&store, someone()).await;
    let there = logged_in(long_ago() + HOUR);
    assert_eq!(import(&store, there.clone()).await, Imported::Updated);
    assert_eq!(
        account(&store, ID).await.last_login_at,
        Some(long_ago() + HOUR)
    );
    opened(&store, ID).await;
    assert_eq!(import(&store, there).await, Imported::Unchanged);
    assert_eq!(account(&store, ID).await.last_login_at, Some(now()));
}

/// SECURITY 66: a hash that was made anew at a login here is not replaced by the old one, unless
/// the password is another.
pub async fn s66_an_upgraded_hash_gives_way_only_to_a_new_password(store: AnyStore) {
    import(&store, someone()).await;
    let (old, new) = (hash("pbkdf2_sha256$1$a$b"), hash("$argon2id$ours"));
    let upgraded = store.replace_password_hash(ID, &old, &new, now());
    assert!(upgraded.await.unwrap());
    let row_changed = ImportedAccount {
        row_digest: [2; 32],
        ..someone()
    };
    assert_eq!(import(&store, row_changed.clone()).await, Imported::Updated);
    assert_eq!(
        password(&store, "someone@example.com").await,
        "$argon2id$ours"
    );
    let password_changed = ImportedAccount {
        password: hash("pbkdf2_sha256$1$c$d"),
        password_digest: [2; 32],
        ..row_changed
    };
    assert_eq!(import(&store, password_changed).await, Imported::Updated);
    assert_eq!(
        password(&store, "someone@example.com").await,
        "pbkdf2_sha256$1$c$d"
    );
}

/// An account that was made here is nobody's to import over, and what is another's is not taken.
pub async fn what_is_anothers_is_not_taken(store: AnyStore) {
    let ours = active(&store, "ours@example.com").await;
    let theirs = source(ours, "theirs@example.com");
    let taken = Imported::Conflict(Conflict::IdTaken);
    assert_eq!(preview(&store, theirs.clone()).await, taken);
    assert_eq!(import(&store, theirs).await, taken);
    assert_eq!(
        password(&store, "ours@example.com").await,
        "$argon2id$first"
    );

    let phone = Some(Phone::parse("010-0000-0000").unwrap());
    let first = ImportedAccount {
        phone: phone.clone(),
        nickname: Some("Sunny".into()),
        ..someone()
    };
    import(&store, first).await;
    let other = AccountId(ID.0 + 1);
    let same_email = source(other, "OURS@example.com");
    let same_phone = ImportedAccount {
        phone,
        ..source(other, "a@example.com")
    };
    let same_nickname = ImportedAccount {
        nickname: Some("SUNNY".into()),
        ..source(other, "a@example.com")
    };
    for (account, conflict) in [
        (same_email, Conflict::EmailTaken(ours)),
        (same_phone, Conflict::PhoneTaken(ID)),
        (same_nickname, Conflict::NicknameTaken(ID)),
    ] {
        let conflict = Imported::Conflict(conflict);
        assert_eq!(preview(&store, account.clone()).await, conflict);
        assert_eq!(import(&store, account).await, conflict);
    }
    assert_eq!(store.account(other).await.unwrap(), None);
}

/// One account's conflict stops none of the others, and an update that conflicts writes nothing.
pub async fn a_conflict_stops_nobody_else(store: AnyStore) {
    let batch = vec![
        someone(),
        source(AccountId(2), "SOMEONE@example.com"),
        source(AccountId(3), "third@example.com"),
    ];
    assert_eq!(
        import_at(&store, batch, now()).await,
        [
            Imported::Created,
            Imported::Conflict(Conflict::EmailTaken(ID)),
            Imported::Created
        ]
    );
    let before = account(&store, ID).await;
    let into_thirds = ImportedAccount {
        email: Some(Email::parse("third@example.com").unwrap()),
        password: hash("pbkdf2_sha256$1$c$d"),
        row_digest: [2; 32],
        password_digest: [2; 32],
        ..someone()
    };
    let conflict = Imported::Conflict(Conflict::EmailTaken(AccountId(3)));
    assert_eq!(import(&store, into_thirds).await, conflict);
    assert_eq!(account(&store, ID).await, before);
    assert_eq!(
        password(&store, "someone@example.com").await,
        "pbkdf2_sha256$1$a$b"
    );
}

/// SECURITY 33: whoever is shut out at the source is shut out here, sessions and all.
pub async fn s33_a_suspension_at_the_source_ends_sessions_here(store: AnyStore) {
    import(&store, someone()).await;
    let session = opened(&store, ID).await;
    let suspended = ImportedAccount {
        status: ImportedStatus::Suspended,
        row_digest: [2; 32],
        ..someone()
    };
    let later = now() + MINUTE;
    assert_eq!(
        import_at(&store, vec![suspended], later).await,
        [Imported::Updated]
    );
    let account = account(&store, ID).await;
    assert!(matches!(account.status, Status::Suspended { .. }));
    let session = store.session(session.id).await.unwrap().unwrap();
    assert!(session.revoked.is_some());
    assert!(!log(&store).await.is_empty());
}

/// What was decided here stands, whatever the source says; what the source decided may change there.
pub async fn s33_what_was_decided_here_stands(store: AnyStore) {
    import(&store, someone()).await;
    let change = status_change(ID, suspended(now()), now());
    store.set_status(change).await.unwrap().unwrap();
    let changed = ImportedAccount {
        row_digest: [2; 32],
        ..someone()
    };
    assert_eq!(import(&store, changed).await, Imported::Updated);
    assert_eq!(account(&store, ID).await.status, suspended(now()));

    let barred = ImportedAccount {
        status: ImportedStatus::Suspended,
        ..source(AccountId(2), "barred@example.com")
    };
    import(&store, barred.clone()).await;
    let restored = ImportedAccount {
        status: ImportedStatus::Active,
        row_digest: [2; 32],
        ..barred
    };
    assert_eq!(import(&store, restored).await, Imported::Updated);
    let since = long_ago();
    let status = account(&store, AccountId(2)).await.status;
    assert_eq!(status, Status::Active { since });
}

/// An account that its owner gave up here does not come back.
pub async fn s33_who_left_does_not_come_back(store: AnyStore) {
    import(&store, someone()).await;
    let since = now();
    let change = status_change(ID, withdrawn(since, None), since);
    store.set_status(change).await.unwrap().unwrap();
    let changed = ImportedAccount {
        nickname: Some("back again".into()),
        row_digest: [2; 32],
        password_digest: [2; 32],
        ..someone()
    };
    assert_eq!(preview(&store, changed.clone()).await, Imported::Withdrawn);
    assert_eq!(import(&store, changed).await, Imported::Withdrawn);
    assert_eq!(account(&store, ID).await.nickname, None);
}

/// However long ago somebody signed up without proving their address: a team's accounts are not
/// swept away as our own unfinished sign-ups are.
pub async fn imported_accounts_are_not_swept_away(store: AnyStore) {
    let unproved = ImportedAccount {
        status: ImportedStatus::Unverified,
        ..someone()
    };
    import(&store, unproved).await;
    let later = now() + A_DAY * 400;
    while store.purge(later, &Retention::default()).await.unwrap() > 0 {}
    assert_eq!(account(&store, ID).await.status, Status::Unverified);
    let again = store.register(sign_up(&email("someone@example.com"), "111111"));
    assert_eq!(again.await.unwrap(), Registered::IdentifierTaken(ID));
}

/// SECURITY 81: what is dead stays dead, and what was adopted stays adopted.
pub async fn s81_dead_wins_over_listed(store: AnyStore) {
    let token = token_identity(Some("a"), "");
    let known = |state| ForeignToken {
        contract: "conformance".into(),
        token,
        state,
        expires_at: now() + A_DAY,
    };
    let keep = |state| store.import_foreign_tokens(vec![known(state)]);
    let state = || store.foreign_token("conformance", token);
    assert_eq!(state().await.unwrap(), None);
    assert_eq!(keep(Known::Listed).await.unwrap(), 1);
    assert_eq!(state().await.unwrap(), Some(ForeignState::Listed));
    assert_eq!(keep(Known::Listed).await.unwrap(), 0);
    assert_eq!(keep(Known::Dead).await.unwrap(), 1);
    assert_eq!(keep(Known::Listed).await.unwrap(), 0);
    assert_eq!(state().await.unwrap(), Some(ForeignState::Dead));
    let elsewhere = store.foreign_token("another", token);
    assert_eq!(elsewhere.await.unwrap(), None);
}

/// Who was erased here stays so, however its source tells of it.
pub async fn who_was_erased_is_not_brought_back_by_an_import(store: AnyStore) {
    assert_eq!(import(&store, someone()).await, Imported::Created);
    let change = status_change(ID, withdrawn(now(), Some(now())), now());
    store.set_status(change).await.unwrap().unwrap();
    while store.erase_due(now()).await.unwrap() > 0 {}
    let tombstone = account(&store, ID).await;
    assert!(tombstone.is_erased());
    let changed = ImportedAccount {
        row_digest: [2; 32],
        password_digest: [2; 32],
        ..someone()
    };
    for again in [someone(), changed] {
        assert_eq!(preview(&store, again.clone()).await, Imported::Withdrawn);
        assert_eq!(import(&store, again).await, Imported::Withdrawn);
    }
    assert_eq!(account(&store, ID).await, tombstone);
}
