//! What must not be shown: tokens, passwords, codes, keys. Everything that is printed goes through
//! [`Secrets::hide`], which knows each one that was held or sent, and does not trust what looks
//! like one.

use std::fmt;

use zeroize::Zeroizing;

/// Text of this length without a space, digits and letters mixed, may be a secret nobody told us of.
const SUSPICIOUS: usize = 20;
/// What is longer is cut: a page of HTML is no part of a contract.
const LONGEST: usize = 160;

/// The secrets of one run.
#[derive(Default)]
pub(super) struct Secrets(Vec<(Zeroizing<String>, &'static str)>);

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secrets({})", self.0.len())
    }
}

impl Secrets {
    /// Remembers a secret, and what stands in its place: `token`, `password`.
    pub(super) fn keep(&mut self, secret: &str, what: &'static str) {
        let long_enough = secret.chars().count() >= 4;
        if long_enough && !self.0.iter().any(|(known, _)| **known == *secret) {
            self.0.push((Zeroizing::new(secret.to_owned()), what));
            // A secret that is part of another must not be replaced first.
            self.0
                .sort_by_key(|(known, _)| std::cmp::Reverse(known.len()));
        }
    }

    /// The text without what must not be shown.
    pub(super) fn hide(&self, text: &str) -> String {
        let mut shown = text.to_owned();
        for (secret, what) in &self.0 {
            if shown.contains(secret.as_str()) {
                shown = shown.replace(secret.as_str(), &format!("‹{what}›"));
            }
        }
        shorten(&hide_suspicious(&shown))
    }
}

/// Replaces runs that look like tokens, signatures, hashes and keys.
fn hide_suspicious(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(begin) = rest.find(is_of_secrets) {
        let (before, from) = rest.split_at(begin);
        let end = from.find(|c| !is_of_secrets(c)).unwrap_or(from.len());
        let (run, after) = from.split_at(end);
        shown.push_str(before);
        shown.push_str(if is_suspicious(run) {
            "‹hidden›"
        } else {
            run
        });
        rest = after;
    }
    shown.push_str(rest);
    shown
}

fn is_of_secrets(c: char) -> bool {
    c.is_ascii_alphanumeric() || "-_.+/=$~%".contains(c)
}

fn is_suspicious(run: &str) -> bool {
    run.contains("eyJ")
        || (run.len() >= SUSPICIOUS
            && run.contains(|c: char| c.is_ascii_digit())
            && run.contains(|c: char| c.is_ascii_alphabetic()))
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", text.get(..at).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_known_to_be_secret_is_never_shown() {
        let mut secrets = Secrets::default();
        secrets.keep("hunter2", "password");
        secrets.keep("hunter2-and-more", "token");
        secrets.keep("a", "code");
        assert_eq!(
            secrets.hide("hunter2-and-more, hunter2, a"),
            "‹token›, ‹password›, a"
        );
        assert_eq!(format!("{secrets:?}"), "Secrets(2)");
    }

    #[test]
    fn what_looks_like_a_secret_is_not_shown_either() {
        let secrets = Secrets::default();
        for (text, shown) in [
            ("token=eyJhbGciOi.eyJ.x", "‹hidden›"),
            ("Bearer eyJhbGciOi.eyJ.x", "Bearer ‹hidden›"),
            ("\"pbkdf2_sha256$260000$salt$hash\"", "\"‹hidden›\""),
            ("유효하지 않은 토큰 (401)", "유효하지 않은 토큰 (401)"),
            (
                "urn:daemun:problem:invalid_token",
                "urn:daemun:problem:invalid_token",
            ),
        ] {
            assert_eq!(secrets.hide(text), shown);
        }
        assert_eq!(secrets.hide(&"가".repeat(500)).chars().count(), LONGEST + 1);
    }
}
