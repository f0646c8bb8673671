//! `daemun account`: make, look at, suspend, restore.

use std::io::Read;

use daemun_engine::{
    account::{Account, Status},
    address::{Email, Identifier, InvalidAddress, Phone},
    engine::Engine,
    ids::AccountId,
    operations::{CreateAccount, CreateAccountError},
    password::LONGEST,
};
use serde_json::{Value, json};
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
        cli::Account::Suspend { account, place } => {
            let core = operate::open(&place).await?;
            let since = core.engine.now();
            set_status(&core, &account, Status::Suspended { since, until: None }).await
        }
        cli::Account::Restore { account, place } => {
            restore(&operate::open(&place).await?, &account).await
        }
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
    let made = core.engine.create_account(input).await;
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

async fn set_status(core: &Core, which: &str, status: Status) -> Outcome {
    let id = account(core, which).await?.id;
    let gone = || Failure::new(Kind::NotFound, format!("account {id} is no more"));
    let set = core.engine.set_status(id, status).await;
    set.map_err(|error| failed(error, gone))?;
    tell(core)?;
    Ok(shown(&account(core, &id.to_string()).await?))
}

/// Only a suspension is taken back: an address is proved by its owner, and what an owner gave up
/// is not ours to bring back.
async fn restore(core: &Core, which: &str) -> Outcome {
    let account = account(core, which).await?;
    match account.status {
        Status::Active { .. } => Ok(shown(&account)),
        Status::Suspended { .. } => {
            let since = core.engine.now();
            set_status(core, which, Status::Active { since }).await
        }
        Status::Unverified | Status::Withdrawn { .. } => {
            let what = format!(
                "account {} is {}, not suspended",
                account.id,
                account.status.name()
            );
            Err(Failure::new(Kind::Failed, what))
        }
    }
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
    add("status", Some(status(account.status)));
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
    let text: String = lines
        .iter()
        .map(|(name, value)| format!("{name:<12}{value}\n"))
        .collect();
    Answer::new(text, account_json(account))
}

fn status(status: Status) -> String {
    match status {
        Status::Unverified => "unverified".into(),
        Status::Active { since } => format!("active since {since}"),
        Status::Suspended { since, until: None } => format!("suspended since {since}"),
        Status::Suspended {
            since,
            until: Some(until),
        } => format!("suspended since {since} until {until}"),
        Status::Withdrawn { since } => format!("withdrawn since {since}"),
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

/// An account, for scripts.
fn account_json(account: &Account) -> Value {
    json!({
        "id": account.id,
        "status": account.status.name(),
        "email": account.email,
        "phone": account.phone,
        "nickname": account.nickname,
        "created_at": account.created_at.to_string(),
        "last_login_at": account.last_login_at.map(|at| at.to_string()),
        "linked": account.linked,
    })
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
