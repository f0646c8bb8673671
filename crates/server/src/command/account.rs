//! `daemun account`: make, look at, suspend, restore, withdraw, give roles.

use std::{
    io::{IsTerminal, Read},
    time::Duration,
};

use daemun_engine::{
    account::{Account, Status},
    address::{Email, Identifier, InvalidAddress, Phone},
    engine::Engine,
    ids::AccountId,
    operations::{AccountLifeError, By, CreateAccount, CreateAccountError},
    password::LONGEST,
    time::Timestamp,
};
use daemun_http::account_json;
use serde_json::json;
use zeroize::Zeroizing;

use super::operate::{self, account, failed, tell};
use crate::{
    cli,
    compose::Core,
    report::{Answer, Failure, Kind, Outcome, table},
};

/// How many accounts are read at a time.
const PAGE: u32 = 500;
/// No password is longer: what is read of standard input.
const LONGEST_BYTES: u64 = LONGEST as u64 * 16;

pub(super) async fn run(command: cli::Account) -> Outcome {
    match command {
        cli::Account::Create(create) => self::create(create).await,
        cli::Account::Show {
            account: which,
            place,
        } => {
            let core = operate::open(&place).await?;
            Ok(shown(&account(&core, &which).await?))
        }
        cli::Account::List { limit, place } => list(&operate::open(&place).await?, limit).await,
        cli::Account::Suspend {
            account: which,
            reason,
            until,
            place,
        } => {
            let core = operate::open(&place).await?;
            let until = until
                .map(|text| point(&text, core.engine.now()))
                .transpose()?;
            let id = account(&core, &which).await?.id;
            let suspended =
                core.engine
                    .suspend_account(&By::Operator, id, until, reason.as_deref());
            lived(&core, suspended.await)
        }
        cli::Account::Restore {
            account: which,
            place,
        } => {
            let core = operate::open(&place).await?;
            let id = account(&core, &which).await?.id;
            lived(&core, core.engine.restore_account(&By::Operator, id).await)
        }
        cli::Account::Withdraw(withdraw) => self::withdraw(withdraw).await,
        cli::Account::Role(cli::Role::Add(role)) => change_role(role, true).await,
        cli::Account::Role(cli::Role::Remove(role)) => change_role(role, false).await,
    }
}

async fn create(create: cli::CreateAccount) -> Outcome {
    let identifier = identifier(&create.address)?;
    let password = password(&mut std::io::stdin().lock())?;
    let core = operate::open_or_make(&create.place).await?;
    let least = core.contracts.iter().map(|c| c.policy.password_min).min();
    let input = CreateAccount {
        identifier,
        password: &password,
        password_min: least.unwrap_or(15),
        nickname: create.nickname.as_deref(),
        verified: create.verified,
    };
    let made = core.engine.create_account(&By::Operator, input).await;
    let account = made.map_err(not_made)?;
    tell(&core)?;
    Ok(shown(&account))
}

fn identifier(address: &cli::Address) -> Outcome<Identifier> {
    let bad = |text: &str, error: InvalidAddress| {
        Failure::new(Kind::Usage, format!("{text:?} is {error}"))
    };
    match (&address.email, &address.phone) {
        (Some(email), _) => Email::parse(email)
            .map(Identifier::Email)
            .map_err(|error| bad(email, error).mend("--email mina@example.com")),
        (None, phone) => {
            let phone = phone.as_deref().unwrap_or_default();
            Phone::parse(phone).map(Identifier::Phone).map_err(|error| {
                bad(phone, error).mend("--phone 01012345678, or --phone +821012345678")
            })
        }
    }
}

/// Reads a password, without the line break that `echo` puts after it.
pub(super) fn password(input: &mut dyn Read) -> Outcome<Zeroizing<String>> {
    let mut text = Zeroizing::new(String::with_capacity(LONGEST * 16));
    input
        .take(LONGEST_BYTES)
        .read_to_string(&mut text)
        .map_err(|error| {
            Failure::new(
                Kind::Failed,
                "the password cannot be read from standard input",
            )
            .because(error)
        })?;
    let end = text.strip_suffix('\n').unwrap_or(&text);
    let end = end.strip_suffix('\r').unwrap_or(end).len();
    text.truncate(end);
    if text.is_empty() {
        return Err(
            Failure::new(Kind::Usage, "there is no password on standard input")
                .mend("printf %s 'the password' | daemun account create … --password-stdin"),
        );
    }
    Ok(text)
}

fn not_made(error: CreateAccountError) -> Failure {
    match error {
        CreateAccountError::IdentifierTaken(id) => {
            Failure::new(Kind::Conflict, format!("account {id} has this address already"))
                .mend(format!("daemun account show {id}"))
                .with("account", json!(id))
        }
        CreateAccountError::NicknameTaken => {
            Failure::new(Kind::Conflict, "another account has this nickname").mend("another --nickname")
        }
        CreateAccountError::WeakPassword(weak) => Failure::new(Kind::Failed, weak.to_string())
            .because("length is all that is asked for, and that it is not among the first that anybody tries")
            .mend("a longer password: a few words, say")
            .with("reason", weak.reason().into()),
        CreateAccountError::InvalidNickname => Failure::new(Kind::Failed, error.to_string()),
        CreateAccountError::Trouble(trouble) => trouble.into(),
    }
}

async fn withdraw(withdraw: cli::Withdraw) -> Outcome {
    let grace = match withdraw.now {
        true => Duration::ZERO,
        false => span(&withdraw.grace)?,
    };
    let core = operate::open(&withdraw.place).await?;
    let account = account(&core, &withdraw.account).await?;
    if withdraw.now && !withdraw.yes {
        confirm(&account)?;
    }
    let reason = withdraw.reason.as_deref();
    let withdrawn = core
        .engine
        .withdraw_account(&By::Operator, account.id, grace, reason);
    lived(&core, withdrawn.await)
}

async fn change_role(of: cli::RoleOf, has: bool) -> Outcome {
    let core = operate::open(&of.place).await?;
    let id = account(&core, &of.account).await?.id;
    let changed = core.engine.change_role(&By::Operator, id, &of.role, has);
    lived(&core, changed.await)
}

/// Asks whether it is meant; where nobody can be asked, it is not.
fn confirm(account: &Account) -> Outcome<()> {
    let what = format!(
        "everything personal about account {} would be gone for good",
        account.id
    );
    let refused = || Failure::new(Kind::Failed, what.clone()).mend("--yes, where that is meant");
    if !std::io::stdin().is_terminal() {
        return Err(refused());
    }
    crate::report::remark(&format!("{what}. Type its id to go on:"));
    let mut typed = String::new();
    let read = std::io::stdin().read_line(&mut typed);
    match read {
        Ok(_) if typed.trim() == account.id.to_string() => Ok(()),
        _ => Err(refused()),
    }
}

/// How a change of an account's life went.
fn lived(core: &Core, changed: Result<Account, AccountLifeError>) -> Outcome {
    let account = changed.map_err(|error| match error {
        AccountLifeError::NotFound => Failure::new(Kind::NotFound, error.to_string()),
        AccountLifeError::Conflict(why) => {
            Failure::new(Kind::Conflict, "the account stays as it is")
                .because(why)
                .with("reason", why.name().into())
        }
        AccountLifeError::Trouble(trouble) => trouble.into(),
        _ => Failure::new(Kind::Usage, error.to_string()),
    })?;
    tell(core)?;
    Ok(shown(&account))
}

/// A point in time, or how far off it is.
fn point(text: &str, now: Timestamp) -> Outcome<Timestamp> {
    let at = daemun_contract::duration(text).map(|span| now + span);
    at.or_else(|| Timestamp::from_rfc3339(text)).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("{text:?} is no time and no span"))
            .mend("--until 2026-12-01T00:00:00Z, or --until 7d")
    })
}

fn span(text: &str) -> Outcome<Duration> {
    daemun_contract::duration(text).ok_or_else(|| {
        Failure::new(Kind::Usage, format!("{text:?} is no span")).mend("--grace 30d")
    })
}

async fn list(core: &Core, limit: Option<usize>) -> Outcome {
    let accounts = accounts(&core.engine, limit.unwrap_or(usize::MAX)).await?;
    let rows: Vec<[String; 6]> = accounts.iter().map(row).collect();
    let headings = ["id", "status", "e-mail", "phone", "nickname", "created"];
    let json = accounts.iter().map(account_json).collect();
    Ok(Answer::new(table(headings, &rows), json))
}

async fn accounts(engine: &Engine, limit: usize) -> Outcome<Vec<Account>> {
    let mut accounts: Vec<Account> = Vec::new();
    while accounts.len() < limit {
        let after: Option<AccountId> = accounts.last().map(|account| account.id);
        let page = engine.list_accounts(after, PAGE).await;
        let page =
            page.map_err(|error| failed(error, || Failure::new(Kind::NotFound, "no accounts")))?;
        if page.is_empty() {
            break;
        }
        accounts.extend(page);
    }
    accounts.truncate(limit);
    Ok(accounts)
}

fn shown(account: &Account) -> Answer {
    let mut lines = vec![("account", account.id.to_string())];
    let mut add = |name, value: Option<String>| lines.extend(value.map(|value| (name, value)));
    add("status", Some(status(account)));
    add(
        "reason",
        account.status_reason.as_deref().map(str::to_owned),
    );
    add(
        "e-mail",
        account.email.as_ref().map(|email| email.as_str().into()),
    );
    add(
        "phone",
        account.phone.as_ref().map(|phone| phone.as_str().into()),
    );
    add("nickname", account.nickname.as_deref().map(str::to_owned));
    add("created", Some(account.created_at.to_string()));
    add(
        "last login",
        Some(
            account
                .last_login_at
                .map_or_else(|| "never".into(), |at| at.to_string()),
        ),
    );
    for (provider, id) in &account.linked {
        add("linked", Some(format!("{provider} {id}")));
    }
    if !account.roles.is_empty() {
        add("roles", Some(account.roles.join(", ")));
    }
    for (name, value) in &account.profile {
        add("profile", Some(format!("{name} {value}")));
    }
    let text: String = lines
        .iter()
        .map(|(name, value)| format!("{name:<12}{value}\n"))
        .collect();
    Answer::new(text, account_json(account))
}

fn status(account: &Account) -> String {
    match account.status {
        Status::Unverified => "unverified".into(),
        Status::Active { since } => format!("active since {since}"),
        Status::Suspended { since, until: None } => format!("suspended since {since}"),
        Status::Suspended {
            since,
            until: Some(until),
        } => format!("suspended since {since} until {until}"),
        Status::Withdrawn { since, .. } if account.is_erased() => {
            format!("withdrawn since {since}, and erased")
        }
        Status::Withdrawn {
            since,
            erase_at: Some(at),
        } => format!("withdrawn since {since}, to be erased at {at}"),
        Status::Withdrawn { since, .. } => format!("withdrawn since {since}"),
    }
}

fn row(account: &Account) -> [String; 6] {
    let text = |text: Option<&str>| text.unwrap_or("-").to_owned();
    [
        account.id.to_string(),
        account.status.name().into(),
        text(account.email.as_ref().map(Email::as_str)),
        text(account.phone.as_ref().map(Phone::as_str)),
        text(account.nickname.as_deref()),
        account.created_at.to_string(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_break_after_a_password_is_not_part_of_it() {
        for (input, expected) in [
            ("a b \n", "a b "),
            ("a\r\n", "a"),
            ("a\n\n", "a\n"),
            ("a", "a"),
        ] {
            assert_eq!(*password(&mut input.as_bytes()).unwrap(), expected);
        }
        assert_eq!(
            password(&mut "\n".as_bytes()).unwrap_err().kind,
            Kind::Usage
        );
    }
}
