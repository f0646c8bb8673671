//! How sessions and entries of the log lie in Redis: packed bytes, big-endian, at fixed places as far as scripts look at them.
//!
//! A session's head has what changes, the tail what never does, so that a rotation rewrites 48 bytes in one stretch and the
//! append-only file grows by little more. `lua/session.lua` and `lua/rotate.lua` know the same places.

use std::time::Duration;

use daemun_engine::{
    client::ClientPrint,
    ids::{AccountId, SessionId},
    ports::Rotation,
    revocation::{Revocation, RevokedThing},
    session::{Burst, CallerSubject, Recovery, RevokeReason, Revoked, Session, Subject},
    time::Timestamp,
};

const VERSION: u8 = 1;
const ACCOUNT: u8 = 0;
const CALLER: u8 = 1;

/// A session, and until when it is kept beyond its own end.
pub(crate) fn session(session: &Session, kept_until: Option<Timestamp>) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(256);
    bytes.push(VERSION);
    bytes.extend(session.generation.to_be_bytes());
    bytes.extend(time(session.rotated_at));
    bytes.extend(session.rotated_by.0);
    bytes.extend(session.burst.from.to_be_bytes());
    bytes.extend(time(session.burst.at));
    bytes.extend(session.burst.before.to_be_bytes());
    bytes.push(u8::from(session.recovered.is_some()));
    let recovered = session.recovered.unwrap_or(Recovery {
        generation: 0,
        at: Timestamp::EPOCH,
        by: ClientPrint([0; 8]),
    });
    bytes.extend(recovered.generation.to_be_bytes());
    bytes.extend(time(recovered.at));
    bytes.extend(recovered.by.0);
    bytes.extend(session.revoked.map_or([0; 9], end));
    bytes.extend(time(session.expires_at));
    bytes.extend(micros(session.idle).to_be_bytes());
    let never = Timestamp::from_unix_micros(i64::MIN);
    bytes.extend(time(kept_until.unwrap_or(never)));
    bytes.extend(time(session.created_at));
    bytes.extend(identity(&session.subject, &session.contract));
    text(&mut bytes, &session.user_agent);
    text(&mut bytes, &session.network);
    bytes
}

/// Whom a session speaks of and through which contract, such that none is the beginning of another.
pub(crate) fn identity(subject: &Subject, contract: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(64);
    match subject {
        Subject::Account(id) => {
            bytes.push(ACCOUNT);
            text(&mut bytes, contract);
            text(&mut bytes, &id.to_string());
            text(&mut bytes, "");
        }
        Subject::Caller(caller) => {
            bytes.push(CALLER);
            text(&mut bytes, contract);
            text(&mut bytes, &caller.name);
            text(&mut bytes, &caller.kind);
        }
    }
    bytes
}

/// What a rotation presents, and how forgiving to be.
pub(crate) fn presented(rotation: &Rotation) -> Vec<u8> {
    let (presented, policy) = (rotation.presented, rotation.policy);
    let mut bytes = Vec::with_capacity(42);
    bytes.extend(presented.generation.to_be_bytes());
    bytes.extend(time(presented.at));
    bytes.extend(presented.by.0);
    bytes.extend(micros(policy.grace).to_be_bytes());
    bytes.push(u8::from(policy.recovery_gap.is_some()));
    bytes.extend(policy.recovery_gap.unwrap_or(0).to_be_bytes());
    bytes.push(u8::from(policy.any_client));
    bytes
}

/// When and why a session ended, as it stands in its head.
pub(crate) fn end(revoked: Revoked) -> [u8; 9] {
    let mut bytes = [reason_code(revoked.reason); 9];
    let (_, at) = bytes.split_at_mut(1);
    at.copy_from_slice(&time(revoked.at));
    bytes
}

/// An entry of the log without its number, which the script that adds it puts before it. That of a session lacks the id,
/// which follows in hexadecimal digits.
pub(crate) fn entry(thing: Thing, reason: RevokeReason, until: Timestamp) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(32);
    bytes.extend(time(until));
    bytes.push(reason_code(reason));
    match thing {
        Thing::Session => bytes.push(0),
        Thing::AccountBefore(id, before) => {
            bytes.push(1);
            bytes.extend(id.0.to_be_bytes());
            bytes.extend(time(before));
        }
        Thing::EverythingBefore(before) => {
            bytes.push(2);
            bytes.extend(time(before));
        }
    }
    bytes
}

/// What an entry is about.
#[derive(Clone, Copy)]
pub(crate) enum Thing {
    Session,
    AccountBefore(AccountId, Timestamp),
    EverythingBefore(Timestamp),
}

/// Reads a session; `None` where the bytes are none.
pub(crate) fn read_session(id: SessionId, bytes: &[u8]) -> Option<Session> {
    let mut bytes = Reader(bytes);
    if bytes.byte()? != VERSION {
        return None;
    }
    let generation = bytes.number()?;
    let rotated_at = bytes.time()?;
    let rotated_by = ClientPrint(bytes.take()?);
    let burst = Burst {
        from: bytes.number()?,
        at: bytes.time()?,
        before: bytes.number()?,
    };
    let has_recovered = bytes.byte()? == 1;
    let recovery = Recovery {
        generation: bytes.number()?,
        at: bytes.time()?,
        by: ClientPrint(bytes.take()?),
    };
    let reason = bytes.byte()?;
    let at = bytes.time()?;
    let revoked = match reason {
        0 => None,
        code => Some(Revoked {
            at,
            reason: reason_of(code)?,
        }),
    };
    let expires_at = bytes.time()?;
    let idle = Duration::from_micros(bytes.number()?);
    let _kept_until = bytes.time()?;
    let created_at = bytes.time()?;
    let kind = bytes.byte()?;
    let contract = bytes.text()?;
    let name = bytes.text()?;
    let named = bytes.text()?;
    let subject = match kind {
        ACCOUNT => Subject::Account(name.parse().ok()?),
        CALLER => Subject::Caller(CallerSubject::new(&name, &named)),
        _ => return None,
    };
    let session = Session {
        id,
        subject,
        contract,
        generation,
        rotated_at,
        rotated_by,
        burst,
        recovered: has_recovered.then_some(recovery),
        created_at,
        idle,
        expires_at,
        revoked,
        user_agent: bytes.text()?,
        network: bytes.text()?,
    };
    bytes.0.is_empty().then_some(session)
}

/// Reads an entry of the log; `None` where the bytes are none.
pub(crate) fn read_entry(bytes: &[u8]) -> Option<Revocation> {
    let mut bytes = Reader(bytes);
    let seq = bytes.number()?;
    let until = bytes.time()?;
    let reason = reason_of(bytes.byte()?)?;
    let thing = match bytes.byte()? {
        0 => RevokedThing::Session(std::str::from_utf8(bytes.0).ok()?.parse().ok()?),
        1 => {
            let id = AccountId(i64::from_be_bytes(bytes.take()?));
            RevokedThing::AccountBefore(id, bytes.time()?)
        }
        2 => RevokedThing::EverythingBefore(bytes.time()?),
        _ => return None,
    };
    Some(Revocation {
        seq,
        thing,
        reason,
        until,
    })
}

/// A span in microseconds.
pub(crate) fn micros(span: Duration) -> i64 {
    i64::try_from(span.as_micros()).unwrap_or(i64::MAX)
}

fn time(at: Timestamp) -> [u8; 8] {
    at.unix_micros().to_be_bytes()
}

fn text(bytes: &mut Vec<u8>, text: &str) {
    // No text here is longer than a request may be.
    let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
    bytes.extend(length.to_be_bytes());
    bytes.extend(text.as_bytes());
}

/// The number that stands for a reason, for ever.
const fn reason_code(reason: RevokeReason) -> u8 {
    match reason {
        RevokeReason::LoggedOut => 1,
        RevokeReason::LoggedOutEverywhere => 2,
        RevokeReason::EndedByOwner => 3,
        RevokeReason::Reused => 4,
        RevokeReason::PasswordChanged => 5,
        RevokeReason::Suspended => 6,
        RevokeReason::Withdrawn => 7,
        RevokeReason::Operator => 8,
        RevokeReason::Replaced => 9,
        RevokeReason::Lost => 10,
    }
}

fn reason_of(code: u8) -> Option<RevokeReason> {
    let all = RevokeReason::ALL.into_iter();
    all.into_iter().find(|reason| reason_code(*reason) == code)
}

struct Reader<'a>(&'a [u8]);

impl Reader<'_> {
    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    fn byte(&mut self) -> Option<u8> {
        self.take().map(|[byte]| byte)
    }

    fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn time(&mut self) -> Option<Timestamp> {
        let micros = self.take().map(i64::from_be_bytes)?;
        Some(Timestamp::from_unix_micros(micros))
    }

    fn text(&mut self) -> Option<Box<str>> {
        let length = self.take().map(u32::from_be_bytes)?;
        let (text, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(Into::into)
    }
}
