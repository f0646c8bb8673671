//! Refresh tokens of a former back end: what is known of them, and their adoption.

use daemun_engine::{
    audit::AuditKind,
    foreign::{Adopted, Adoption, ForeignId, ForeignState},
    ids::AccountId,
    ports::{Rotated, Rotation},
    session::{Session, cuts_off, decide},
};
use rusqlite::{Connection, params};

use crate::{
    accounts,
    rows::{Fault, one},
    sessions,
    writer::Tx,
};

/// What a former back end knew of a token.
pub(crate) fn state(
    connection: &Connection,
    contract: &str,
    token: ForeignId,
) -> Result<Option<ForeignState>, Fault> {
    one(
        connection,
        "foreign_tokens",
        "SELECT token, state FROM foreign_tokens WHERE contract = ?1 AND token = ?2",
        params![contract, token.0],
        |row| {
            row.parsed(1, |name: Box<str>| match &*name {
                "listed" => Some(ForeignState::Listed),
                "dead" => Some(ForeignState::Dead),
                _ => None,
            })
        },
    )
}

/// Presents a foreign token: opens its session the first time, and asks that session ever after.
pub(crate) fn adopt(tx: &Tx<'_>, adoption: Adoption) -> Result<Adopted, Fault> {
    if sessions::exists(tx.connection, adoption.session.id)? {
        let rotation = Rotation {
            session: adoption.session.id,
            subject: adoption.session.subject,
            contract: adoption.session.contract,
            presented: adoption.presented,
            network: adoption.network,
            policy: adoption.policy,
            horizon: adoption.horizon,
        };
        let judged = sessions::rotate(tx, &rotation)?;
        return Ok(Adopted::Judged(judged, Vec::new()));
    }
    match state(tx.connection, &adoption.session.contract, adoption.token)? {
        Some(ForeignState::Dead) => Ok(Adopted::Dead),
        None if adoption.listed_only => Ok(Adopted::Dead),
        None | Some(ForeignState::Listed) => begin(tx, adoption),
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
    let kept_until = Some(adoption.token_expires_at);
    sessions::begin(tx, &session, kept_until, AuditKind::SessionAdopted)?;
    let judged = Rotated::Judged {
        verdict,
        session: Box::new(session),
        revocation: None,
    };
    Ok(Adopted::Judged(judged, revoked))
}

/// Why a token of this account is not adopted.
fn refusal(tx: &Tx<'_>, id: AccountId, adoption: &Adoption) -> Result<Option<Adopted>, Fault> {
    let Some((status, cut_off)) = accounts::standing(tx.connection, id)? else {
        return Ok(Some(Adopted::Refused));
    };
    if status.admits(adoption.presented.at).is_err() {
        return Ok(Some(Adopted::Refused));
    }
    let is_cut_off = cuts_off(cut_off, adoption.issued_at);
    Ok(is_cut_off.then_some(Adopted::Dead))
}
