//! Refresh tokens of a former back end: what is known of them, and their adoption.

use daemun_engine::{
    audit::AuditKind,
    foreign::{Adopted, Adoption, ForeignId, ForeignState},
    ids::{AccountId, SessionId},
    ports::{Rotated, Rotation},
    session::{Session, decide},
};
use rusqlite::{Connection, params};

use crate::{
    accounts,
    rows::{Fault, execute, one},
    sessions,
    writer::Tx,
};

/// What is known of a token.
pub(crate) fn state(
    connection: &Connection,
    contract: &str,
    token: ForeignId,
) -> Result<Option<ForeignState>, Fault> {
    one(
        connection,
        "foreign_tokens",
        "SELECT token, state, session FROM foreign_tokens WHERE contract = ?1 AND token = ?2",
        params![contract, token.0],
        |row| {
            let name: Box<str> = row.get(1)?;
            match &*name {
                "listed" => Ok(ForeignState::Listed),
                "dead" => Ok(ForeignState::Dead),
                "adopted" => row
                    .parsed(2, |bytes: [u8; 16]| SessionId::from_slice(&bytes))
                    .map(ForeignState::Adopted),
                _ => Err(row.corrupt(1)),
            }
        },
    )
}

/// Presents a foreign token: opens its session the first time, and asks that session ever after.
pub(crate) fn adopt(tx: &Tx<'_>, adoption: Adoption) -> Result<Adopted, Fault> {
    let contract = &adoption.session.contract;
    match state(tx.connection, contract, adoption.token)? {
        Some(ForeignState::Dead) => Ok(Adopted::Dead),
        None if adoption.listed_only => Ok(Adopted::Dead),
        None | Some(ForeignState::Listed) => begin(tx, adoption),
        Some(ForeignState::Adopted(session)) => {
            let rotation = Rotation {
                session,
                subject: adoption.session.subject,
                contract: adoption.session.contract,
                presented: adoption.presented,
                network: adoption.network,
                policy: adoption.policy,
                horizon: adoption.horizon,
            };
            Ok(Adopted::Judged(
                sessions::rotate(tx, &rotation)?,
                Vec::new(),
            ))
        }
    }
}

/// Opens the session, rotated already: one row, written once.
fn begin(tx: &Tx<'_>, adoption: Adoption) -> Result<Adopted, Fault> {
    if let Some(id) = adoption.session.subject.account()
        && let Some(refusal) = refusal(tx, id, &adoption)?
    {
        return Ok(refusal);
    }
    let revoked = if adoption.replaces {
        sessions::replace_others(tx, &adoption.session, adoption.horizon)?
    } else {
        Vec::new()
    };
    let mut session: Session = adoption.session;
    let verdict = decide(&mut session, adoption.presented, adoption.policy);
    sessions::begin(tx, &session, AuditKind::SessionAdopted)?;
    execute(
        tx.connection,
        "INSERT INTO foreign_tokens (contract, token, state, session, expires_at)
         VALUES (?1, ?2, 'adopted', ?3, ?4)
         ON CONFLICT (contract, token) DO UPDATE SET state = 'adopted', session = ?3",
        params![
            session.contract,
            adoption.token.0,
            session.id.as_bytes(),
            adoption.token_expires_at.unix_micros(),
        ],
    )?;
    let judged = Rotated::Judged {
        verdict,
        session: Box::new(session),
        revocation: None,
    };
    Ok(Adopted::Judged(judged, revoked))
}

/// Why a token of this account is not adopted.
fn refusal(tx: &Tx<'_>, id: AccountId, adoption: &Adoption) -> Result<Option<Adopted>, Fault> {
    let Some(account) = accounts::by_id(tx.connection, id)? else {
        return Ok(Some(Adopted::Refused));
    };
    if account.status.admits(adoption.presented.at).is_err() {
        return Ok(Some(Adopted::Refused));
    }
    Ok(account
        .cuts_off(adoption.issued_at)
        .then_some(Adopted::Dead))
}
