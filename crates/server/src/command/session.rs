//! `daemun session`: list, end, and say why one is over.

use daemun_engine::{
    audit::{AuditEvent, AuditKind},
    ids::SessionId,
    operations::By,
    ports::RevokeTarget,
    session::{Session, Subject},
    time::Timestamp,
};
use daemun_http::{event_json, session_json, session_state, session_why};
use serde_json::json;

use super::operate::{self, failed, session_id, tell};
use crate::{
    cli,
    compose::Core,
    report::{Answer, Failure, Kind, Outcome, table},
};

/// How many sessions are read at a time.
const PAGE: u32 = 1_000;

pub(super) async fn run(command: cli::Session) -> Outcome {
    match command {
        cli::Session::List {
            account,
            limit,
            place,
        } => list(&operate::open(&place).await?, account.as_deref(), limit).await,
        cli::Session::Revoke {
            session,
            account,
            place,
        } => {
            let session = session.as_deref().map(session_id).transpose()?;
            revoke(&operate::open(&place).await?, session, account.as_deref()).await
        }
        cli::Session::Why { session, place } => {
            let id = session_id(&session)?;
            why(&operate::open(&place).await?, id).await
        }
    }
}

async fn list(core: &Core, account: Option<&str>, limit: Option<usize>) -> Outcome {
    let limit = limit.unwrap_or(usize::MAX);
    let account = match account {
        Some(which) => Some(operate::account(core, which).await?.id),
        None => None,
    };
    let mut sessions: Vec<Session> = Vec::new();
    while sessions.len() < limit {
        let after: Option<SessionId> = sessions.last().map(|session| session.id);
        let page = core.engine.sessions_listed(account, after, PAGE).await;
        let page =
            page.map_err(|error| failed(error, || Failure::new(Kind::NotFound, "no sessions")))?;
        let last = page.is_empty() || account.is_some();
        sessions.extend(page);
        if last {
            break;
        }
    }
    sessions.truncate(limit);
    let now = core.engine.now();
    let rows: Vec<[String; 6]> = sessions.iter().map(|session| row(session, now)).collect();
    let headings = [
        "session",
        "account",
        "contract",
        "state",
        "last used",
        "network",
    ];
    let json = sessions
        .iter()
        .map(|session| session_json(session, now))
        .collect();
    Ok(Answer::new(table(headings, &rows), json))
}

async fn revoke(core: &Core, session: Option<SessionId>, account: Option<&str>) -> Outcome {
    let (target, of) = match (session, account) {
        (Some(id), _) => (RevokeTarget::Session(id), format!("session {id}")),
        (None, which) => {
            let id = operate::account(core, which.unwrap_or_default()).await?.id;
            (RevokeTarget::Account(id), format!("account {id}"))
        }
    };
    let not_found = || {
        Failure::new(Kind::NotFound, format!("there is no {of}"))
            .mend("daemun session list, with the same --data or --config")
    };
    let revoked = core.engine.revoke(&By::Operator, target).await;
    let revoked = revoked.map_err(|error| failed(error, not_found))?;
    tell(core)?;
    let text = match (session, revoked) {
        (_, 0) => format!("{of}: all was over before"),
        (Some(_), _) => format!("{of} has ended"),
        (None, _) => format!("every session of {of} has ended"),
    };
    Ok(Answer::new(text, json!({ "revoked": revoked })))
}

async fn why(core: &Core, id: SessionId) -> Outcome {
    let not_found = || {
        Failure::new(Kind::NotFound, format!("nothing is known of session {id}"))
            .because("it never was, or it ended so long ago that it was cleared away")
            .mend("the retention settings say how long ended sessions are kept: docs/operations.md")
    };
    let found = core.engine.why(id).await;
    let (session, trail) = found.map_err(|error| failed(error, not_found))?;
    let now = core.engine.now();
    let sentence = session_why(session.as_ref(), now);
    let mut text = format!("{sentence}\n");
    if let Some(session) = &session {
        text += &format!(
            "\nsession     {id}\nof          {}\n",
            subject(&session.subject)
        );
        text += &format!(
            "contract    {}\nlogged in   {} from {}\n",
            session.contract, session.created_at, session.network
        );
        text += &format!("client      {}\n", session.user_agent);
        text += &format!(
            "refreshed   {} times, last {}\n",
            session.generation.saturating_sub(1),
            session.rotated_at
        );
    }
    let rows: Vec<[String; 4]> = trail.iter().map(trail_row).collect();
    if !rows.is_empty() {
        text += &format!("\n{}", table(["when", "what", "by", "detail"], &rows));
    }
    let json = json!({
        "id": id.to_string(),
        "why": sentence,
        "session": session.as_ref().map(|session| session_json(session, now)),
        "trail": trail.iter().map(event_json).collect::<Vec<_>>(),
    });
    Ok(Answer::new(text, json))
}

fn subject(subject: &Subject) -> String {
    match subject {
        Subject::Account(id) => format!("account {id}"),
        Subject::Caller(caller) => format!("{} ({})", caller.name, caller.kind),
    }
}

fn row(session: &Session, now: Timestamp) -> [String; 6] {
    [
        session.id.to_string(),
        session
            .subject
            .account()
            .map_or_else(|| "-".into(), |id| id.to_string()),
        session.contract.to_string(),
        session_state(session, now).into(),
        session.rotated_at.to_string(),
        session.network.to_string(),
    ]
}

fn trail_row(event: &AuditEvent) -> [String; 4] {
    let text = |text: &Option<Box<str>>| text.as_deref().unwrap_or("-").to_owned();
    let by = match (&*event.contract, &event.network) {
        (by, _) if by.starts_with(By::SERVICE) => by.into(),
        ("", None) => "an operator".into(),
        (_, network) => text(network),
    };
    [
        event.at.to_string(),
        AuditKind::name(event.kind).replace('_', " "),
        by,
        text(&event.detail),
    ]
}
