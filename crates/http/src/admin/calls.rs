//! What the admin API does: each call reads its input, asks the engine once, and shows what came
//! of it.

use axum::http::{HeaderValue, Response, StatusCode, header};
use daemun_engine::{
    account::Account,
    address::{Email, Identifier, Phone},
    ids::{AccountId, SessionId},
    operations::{CreateAccount, GRACE, OperatorError},
    ports::RevokeTarget,
    time::Timestamp,
};
use serde_json::{Value, json};

use super::{
    Asked, Call, ROOT,
    fault::Fault,
    input::Members,
    json,
    shown::{account_json, event_json, session_json, session_why},
};
use crate::respond::Body;

/// The most a list shows at once, and what it shows unless asked.
const MOST: u32 = 200;
const USUAL: u32 = 50;

type Answer = Result<Response<Body>, Fault>;

impl Asked<'_> {
    pub(super) async fn answer(&self, call: Call) -> Answer {
        match call {
            Call::ListAccounts => self.list_accounts().await,
            Call::CreateAccount => self.create_account().await,
            Call::ShowAccount => self.show_account().await,
            Call::Suspend => self.suspend().await,
            Call::Restore => self.restore().await,
            Call::Withdraw => self.withdraw().await,
            Call::AddRole => self.change_role(true).await,
            Call::RemoveRole => self.change_role(false).await,
            Call::ListSessions => self.list_sessions().await,
            Call::EndSessions => self.end_sessions().await,
            Call::ShowSession => self.show_session().await,
            Call::EndSession => self.end_session().await,
            Call::Audit => self.audit().await,
        }
    }

    async fn list_accounts(&self) -> Answer {
        self.no_body()?;
        let query = self.query(&["after", "limit", "email", "phone"])?;
        let email = query.read("email", "an e-mail address", email)?;
        let phone = query.read("phone", "a phone number", phone)?;
        let after = query.read("after", "an account's id", |text| text.parse().ok())?;
        let limit = limit(&query)?;
        if email.is_some() && phone.is_some() {
            return Err(Fault::invalid("phone", "either this or `email`"));
        }
        let accounts = match email.or(phone) {
            Some(address) => match self.engine.find_account(&address).await {
                Ok(account) => vec![account],
                Err(OperatorError::NotFound) => Vec::new(),
                Err(error) => return Err(error.into()),
            },
            None => self.engine.list_accounts(after, limit).await?,
        };
        let is_full = u32::try_from(accounts.len()) == Ok(limit);
        let next = accounts.last().map(|account| account.id);
        let shown: Vec<Value> = accounts.iter().map(account_json).collect();
        let next = next.filter(|_| is_full);
        ok(&json!({ "accounts": shown, "next": next }))
    }

    async fn create_account(&self) -> Answer {
        let body = self.body(&["email", "phone", "password", "nickname", "verified"])?;
        let email = body.read("email", "an e-mail address", email)?;
        let phone = body.read("phone", "a phone number", phone)?;
        let identifier = match (email, phone) {
            (Some(address), None) | (None, Some(address)) => address,
            (None, None) => return Err(Fault::invalid("email", "needed, unless there is `phone`")),
            (Some(_), Some(_)) => return Err(Fault::invalid("phone", "either this or `email`")),
        };
        let password = body.text("password")?;
        let input = CreateAccount {
            identifier,
            password: password.ok_or_else(|| Fault::invalid("password", "needed"))?,
            password_min: self.password_min,
            nickname: body.text("nickname")?,
            verified: body.flag("verified")?,
        };
        let account = self.engine.create_account(&self.by, input).await?;
        let mut response = json(StatusCode::CREATED, &account_json(&account));
        if let Ok(place) = HeaderValue::try_from(format!("{ROOT}/accounts/{}", account.id)) {
            response.headers_mut().insert(header::LOCATION, place);
        }
        Ok(response)
    }

    async fn show_account(&self) -> Answer {
        self.nothing_else()?;
        let account = self.engine.show_account(self.account()?).await?;
        shown(&account)
    }

    async fn suspend(&self) -> Answer {
        let body = self.body(&["reason", "until"])?;
        let until = body.read(
            "until",
            "a time such as 2026-12-01T00:00:00Z",
            Timestamp::from_rfc3339,
        )?;
        let reason = body.text("reason")?;
        let id = self.account()?;
        let suspended = self.engine.suspend_account(&self.by, id, until, reason);
        shown(&suspended.await?)
    }

    async fn restore(&self) -> Answer {
        self.body(&[])?;
        let id = self.account()?;
        shown(&self.engine.restore_account(&self.by, id).await?)
    }

    async fn withdraw(&self) -> Answer {
        let body = self.body(&["reason", "grace"])?;
        let span = "a span such as 30d, or 0s to erase at once";
        let grace = body.read("grace", span, daemun_contract::duration)?;
        let grace = grace.unwrap_or(GRACE);
        let reason = body.text("reason")?;
        let id = self.account()?;
        let withdrawn = self.engine.withdraw_account(&self.by, id, grace, reason);
        shown(&withdrawn.await?)
    }

    async fn change_role(&self, has: bool) -> Answer {
        self.nothing_else()?;
        let role = self.params.get(1).map_or("", String::as_str);
        let id = self.account()?;
        let changed = self.engine.change_role(&self.by, id, role, has).await?;
        shown(&changed)
    }

    async fn list_sessions(&self) -> Answer {
        self.nothing_else()?;
        let id = self.account()?;
        self.engine.show_account(id).await?;
        let sessions = self.engine.sessions_listed(Some(id), None, MOST).await?;
        let now = self.engine.now();
        let sessions = sessions.iter().map(|session| session_json(session, now));
        let sessions: Vec<Value> = sessions.collect();
        ok(&json!({ "sessions": sessions }))
    }

    async fn end_sessions(&self) -> Answer {
        self.nothing_else()?;
        self.end(RevokeTarget::Account(self.account()?)).await
    }

    async fn show_session(&self) -> Answer {
        self.nothing_else()?;
        let id = self.session()?;
        let (session, trail) = self.engine.why(id).await?;
        let now = self.engine.now();
        ok(&json!({
            "id": id.to_string(),
            "why": session_why(session.as_ref(), now),
            "session": session.as_ref().map(|session| session_json(session, now)),
            "trail": trail.iter().map(event_json).collect::<Vec<_>>(),
        }))
    }

    async fn end_session(&self) -> Answer {
        self.nothing_else()?;
        self.end(RevokeTarget::Session(self.session()?)).await
    }

    async fn end(&self, target: RevokeTarget) -> Answer {
        let revoked = self.engine.revoke(&self.by, target).await?;
        ok(&json!({ "revoked": revoked }))
    }

    async fn audit(&self) -> Answer {
        self.no_body()?;
        let query = self.query(&["account", "limit"])?;
        let account = query.read("account", "an account's id", |text| text.parse().ok())?;
        let account = account.ok_or_else(|| Fault::invalid("account", "needed"))?;
        let trail = self.engine.trail_of(account, limit(&query)?).await?;
        ok(&json!({ "events": trail.iter().map(event_json).collect::<Vec<_>>() }))
    }

    fn account(&self) -> Result<AccountId, Fault> {
        let id = self.params.first().and_then(|text| text.parse().ok());
        id.ok_or(Fault::NotFound("There is no account of that id."))
    }

    fn session(&self) -> Result<SessionId, Fault> {
        let id = self.params.first().and_then(|text| text.parse().ok());
        id.ok_or(Fault::NotFound("There is no session of that id."))
    }

    fn query(&self, known: &[&str]) -> Result<Members, Fault> {
        Members::of_query(self.query, known)
    }

    fn body(&self, known: &[&str]) -> Result<Members, Fault> {
        self.query(&[])?;
        Members::of_body(&self.body, self.is_json, known)
    }

    fn no_body(&self) -> Result<(), Fault> {
        match self.body.is_empty() {
            true => Ok(()),
            false => Err(Fault::BadBody("This takes no body.".into())),
        }
    }

    fn nothing_else(&self) -> Result<(), Fault> {
        self.no_body()?;
        self.query(&[]).map(drop)
    }
}

fn ok(value: &Value) -> Answer {
    Ok(json(StatusCode::OK, value))
}

fn shown(account: &Account) -> Answer {
    ok(&account_json(account))
}

fn limit(query: &Members) -> Result<u32, Fault> {
    let read = |text: &str| text.parse().ok().filter(|n| (1..=MOST).contains(n));
    let limit = query.read("limit", "a number from 1 to 200", read)?;
    Ok(limit.unwrap_or(USUAL))
}

fn email(text: &str) -> Option<Identifier> {
    Email::parse(text).ok().map(Identifier::Email)
}

fn phone(text: &str) -> Option<Identifier> {
    Phone::parse(text).ok().map(Identifier::Phone)
}
