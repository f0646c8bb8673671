//! Refresh tokens of a former back end: what is known of them, and their adoption.

use daemun_engine::{
    audit::AuditKind,
    foreign::{Adopted, Adoption, ForeignState},
    ids::AccountId,
    ports::{Rotated, Rotation},
    session::{cuts_off, decide},
};

use crate::{
    accounts,
    db::{Fault, Tx},
    rotation,
    rows::{Columns, execute, one},
    sessions,
};

/// What a former back end knew of a token.
pub(crate) const STATE: &str =
    "SELECT token, state FROM foreign_tokens WHERE contract = $1 AND token = $2";

pub(crate) fn state(row: &Columns<'_>) -> Result<ForeignState, Fault> {
    row.parsed(1, |name: String| match &*name {
        "listed" => Some(ForeignState::Listed),
        "dead" => Some(ForeignState::Dead),
        _ => None,
    })
}

/// Presents a foreign token: opens its session the first time, and asks that session ever after.
/// Whoever presents the same token at this very moment waits for its lock, and then finds a session.
pub(crate) async fn adopt(tx: &Tx<'_>, adoption: &Adoption) -> Result<Adopted, Fault> {
    let lock = "SELECT pg_advisory_xact_lock(hashtextextended($1, 2))";
    execute(tx, lock, &[&adoption.session.id.to_string()]).await?;
    let sql = "SELECT n FROM sessions WHERE id = $1";
    let id = &adoption.session.id.as_bytes()[..];
    if one(tx, "sessions", sql, &[&id], |_| Ok(()))
        .await?
        .is_some()
    {
        return present(tx, adoption).await;
    }
    let key: crate::db::Params<'_> = &[&&*adoption.session.contract, &&adoption.token.0[..]];
    match one(tx, "foreign_tokens", STATE, key, state).await? {
        Some(ForeignState::Dead) => Ok(Adopted::Dead),
        None if adoption.listed_only => Ok(Adopted::Dead),
        None | Some(ForeignState::Listed) => begin(tx, adoption).await,
    }
}

/// Presents it to the session there is.
async fn present(tx: &Tx<'_>, adoption: &Adoption) -> Result<Adopted, Fault> {
    let rotation = Rotation {
        session: adoption.session.id,
        subject: adoption.session.subject.clone(),
        contract: adoption.session.contract.clone(),
        presented: adoption.presented,
        network: adoption.network,
        policy: adoption.policy,
        horizon: adoption.horizon,
    };
    let judged = rotation::rotate(tx, &rotation).await?;
    Ok(Adopted::Judged(judged, Vec::new()))
}

/// Opens the session, rotated already: one row, written once.
async fn begin(tx: &Tx<'_>, adoption: &Adoption) -> Result<Adopted, Fault> {
    if let Some(id) = adoption.session.subject.account()
        && let Some(refusal) = refusal(tx, id, adoption).await?
    {
        return Ok(refusal);
    }
    let mut session = adoption.session.clone();
    let replaced = if adoption.replaces {
        sessions::end_others(tx, &session, adoption.horizon).await?
    } else {
        Vec::new()
    };
    let verdict = decide(&mut session, adoption.presented, adoption.policy);
    let kept_until = Some(adoption.token_expires_at);
    if !sessions::begin(tx, &session, kept_until, AuditKind::SessionAdopted).await? {
        let what = format!("sessions: {} began while it was locked", session.id);
        return Err(Fault::Corrupt(what));
    }
    let replaced = sessions::log_replaced(tx, &adoption.session, adoption.horizon, &replaced);
    let judged = Rotated::Judged {
        verdict,
        session: Box::new(session),
        revocation: None,
    };
    Ok(Adopted::Judged(judged, replaced.await?))
}

/// Why a token of this account is not adopted.
async fn refusal(
    tx: &Tx<'_>,
    id: AccountId,
    adoption: &Adoption,
) -> Result<Option<Adopted>, Fault> {
    let Some((status, cut_off)) = accounts::standing(tx, id).await? else {
        return Ok(Some(Adopted::Refused));
    };
    if status.admits(adoption.presented.at).is_err() {
        return Ok(Some(Adopted::Refused));
    }
    let is_cut_off = cuts_off(cut_off, adoption.issued_at);
    Ok(is_cut_off.then_some(Adopted::Dead))
}
