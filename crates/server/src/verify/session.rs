//! What a login gives: tokens, cookies, the session's id; and tokens that are spoilt on purpose.

use std::fmt;

use daemun_contract::{CookieCodec, Json, Source};
use daemun_engine::vocabulary::Slot;

use super::{case::Token, compare::Seen, secrets::Secrets};

/// A session as its client holds it.
#[derive(Clone, Default)]
pub(super) struct Session {
    access: Option<String>,
    refresh: Option<String>,
    /// Cookies as they are sent back, and what they hold.
    jar: Vec<(String, String, Option<Slot>)>,
    /// Its id, where the contract shows it.
    pub(super) id: Option<String>,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session").finish_non_exhaustive()
    }
}

/// A token that is none.
const GARBAGE: &str = "not-a-token";

impl Session {
    /// Takes in what an answer gave.
    pub(super) fn take(&mut self, seen: &Seen, sliding: bool) {
        for (slot, value) in &seen.found {
            let Json::String(text) = value else { continue };
            match slot {
                Slot::Access => self.access = Some(text.clone()),
                Slot::Refresh => self.refresh = Some(text.clone()),
                Slot::SessionId => self.id = Some(text.clone()),
                _ => {}
            }
        }
        if sliding {
            self.refresh.clone_from(&self.access);
        }
        for cookie in &seen.cookies {
            self.jar.retain(|(name, ..)| *name != cookie.name);
            self.jar
                .push((cookie.name.clone(), cookie.raw.clone(), cookie.holds));
        }
    }

    /// Has its tokens kept out of what is shown.
    pub(super) fn hide_in(&self, secrets: &mut Secrets) {
        for token in self.access.iter().chain(&self.refresh) {
            secrets.keep(token, "token");
            if let Some(forged) = forged(token) {
                secrets.keep(&forged, "token");
            }
        }
        for (_, raw, _) in &self.jar {
            secrets.keep(raw, "cookie");
        }
    }

    pub(super) const fn has_access(&self) -> bool {
        self.access.is_some()
    }

    pub(super) const fn has_refresh(&self) -> bool {
        self.refresh.is_some()
    }

    /// A token as it stands in a place, or why it cannot.
    pub(super) fn token(&self, token: Token, place: &Source) -> Result<String, String> {
        let (held, slot) = match token {
            Token::Access | Token::ForgedAccess => (&self.access, Slot::Access),
            Token::Refresh | Token::ForgedRefresh => (&self.refresh, Slot::Refresh),
            Token::Garbage => return Ok(GARBAGE.to_owned()),
        };
        let text = match place {
            Source::Cookie { name, codec } if *codec != CookieCodec::Plain => {
                let mut jar = self.jar.iter();
                let cookie =
                    jar.find(|(known, _, holds)| **known == **name && *holds == Some(slot));
                cookie.map(|(_, raw, _)| raw)
            }
            _ => held.as_ref(),
        };
        let text = text.ok_or_else(|| format!("the server gave no {} token", slot.name()))?;
        match token {
            Token::ForgedAccess | Token::ForgedRefresh => {
                forged(text).ok_or_else(|| "there is nothing in the token to change".to_owned())
            }
            _ => Ok(text.clone()),
        }
    }
}

/// The token with another signature: one character in the middle of it changed. (The last one may
/// stand for fewer bits than it has.)
fn forged(token: &str) -> Option<String> {
    let signature = token.rfind(['.', ':']).map_or(0, |dot| dot + 1);
    let at = signature + token.len().checked_sub(signature)? / 2;
    let before = token.get(..at)?;
    let mut after = token.get(at..)?.chars();
    let other = match after.next()? {
        'A' => 'B',
        _ => 'A',
    };
    Some(format!("{before}{other}{}", after.as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_forged_token_differs_in_its_signature_alone() {
        assert_eq!(forged("aaa.bbb.ccccc").as_deref(), Some("aaa.bbb.ccAcc"));
        assert_eq!(forged("aaa.bbb.ccAcc").as_deref(), Some("aaa.bbb.ccBcc"));
        assert_eq!(forged("opaque").as_deref(), Some("opaAue"));
        assert_eq!(forged(""), None);
        assert_eq!(forged("a.b."), None);
    }
}
