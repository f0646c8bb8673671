//! Which texts are passwords.
//!
//! Length is counted in code points of the NFC form, so that a Hangul syllable counts one however
//! the keyboard composed it, and nothing else is asked: no digits, no capitals, spaces count. What
//! is refused is what everybody tries first: the commonest passwords, the service's name, the
//! person's own address.

use std::fmt;

use unicode_normalization::UnicodeNormalization;
use zeroize::Zeroizing;

use super::common;

/// The longest password taken, in code points. Longer ones are refused before any work is done.
pub const LONGEST: usize = 256;

/// No code point of UTF-8 is longer than four bytes.
const LONGEST_BYTES: usize = LONGEST * 4;

/// A text longer than this is not even normalised. No text within the limit decomposes to more.
const LONGEST_RAW_BYTES: usize = LONGEST_BYTES * 4;

/// The shortest part before an `@` that is refused as a password by itself.
const SHORTEST_LOCAL_PART: usize = 4;

/// What a new password must satisfy.
#[derive(Clone, Copy, Debug)]
pub struct Rules<'a> {
    /// The fewest code points.
    pub min_code_points: usize,
    /// What it must not be, in whatever case: the service's name, the person's own address. Of an
    /// address, the part before the `@` is refused as well.
    pub forbidden: &'a [&'a str],
}

/// Why a text is no password here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Fewer code points than asked for.
    #[error("the password is too short")]
    TooShort,
    /// More than [`LONGEST`] code points.
    #[error("the password is too long")]
    TooLong,
    /// Among the commonest, the service's name, or the person's own address.
    #[error("the password is too easily guessed")]
    Common,
}

impl Weak {
    /// Every reason.
    pub const ALL: [Self; 3] = [Self::TooShort, Self::TooLong, Self::Common];

    /// The stable name contracts and front ends use.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::TooShort => "too_short",
            Self::TooLong => "too_long",
            Self::Common => "common",
        }
    }
}

/// A password good enough to be set.
pub struct NewPassword(Zeroizing<String>);

impl NewPassword {
    /// Takes `text` where it satisfies `rules`.
    ///
    /// # Errors
    /// Why it does not.
    pub fn parse(text: &str, rules: &Rules<'_>) -> Result<Self, Weak> {
        let password = normal_form(text)?;
        if password.chars().count() < rules.min_code_points {
            return Err(Weak::TooShort);
        }
        let folded = Zeroizing::new(password.to_lowercase());
        if common::contains(&folded) || rules.forbidden.iter().any(|word| is_word(&folded, word)) {
            return Err(Weak::Common);
        }
        Ok(Self(password))
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// A password somebody presents, to be checked against what is stored.
pub struct Candidate {
    normal: Zeroizing<String>,
    /// As it was typed, where that is not the normal form: another back end may have hashed it so.
    typed: Option<Zeroizing<String>>,
}

impl Candidate {
    /// Takes any text that could be somebody's password.
    ///
    /// # Errors
    /// [`Weak::TooLong`]: no password is as long.
    pub fn parse(text: &str) -> Result<Self, Weak> {
        let normal = normal_form(text)?;
        let typed = (*normal != text).then(|| Zeroizing::new(text.to_owned()));
        Ok(Self { normal, typed })
    }

    pub(super) fn as_bytes(&self) -> &[u8] {
        self.normal.as_bytes()
    }

    /// The other forms in which a back end that does not normalise may have hashed it: as it was
    /// typed, and decomposed. At most two.
    pub(super) fn other_forms(&self) -> Vec<Zeroizing<String>> {
        let decomposed = decomposed(&self.normal);
        let known = |form: &String| *form == *self.normal || self.typed.as_deref() == Some(form);
        let decomposed = (!known(&decomposed)).then_some(decomposed);
        self.typed.iter().cloned().chain(decomposed).collect()
    }
}

/// The NFC form, read no further than the limit. Its buffer never grows, so no copy is left behind.
fn normal_form(text: &str) -> Result<Zeroizing<String>, Weak> {
    if text.len() > LONGEST_RAW_BYTES {
        return Err(Weak::TooLong);
    }
    let mut normal = Zeroizing::new(String::with_capacity(LONGEST_BYTES));
    for (count, c) in text.nfc().enumerate() {
        if count == LONGEST {
            return Err(Weak::TooLong);
        }
        normal.push(c);
    }
    Ok(normal)
}

/// The NFD form, in a buffer of just the length.
fn decomposed(text: &str) -> Zeroizing<String> {
    let length = text.nfd().map(char::len_utf8).sum();
    let mut decomposed = Zeroizing::new(String::with_capacity(length));
    decomposed.extend(text.nfd());
    decomposed
}

fn is_word(folded: &str, word: &str) -> bool {
    let word: String = word.trim().nfc().collect::<String>().to_lowercase();
    let local = word.rsplit_once('@').map_or("", |(local, _)| local);
    folded == word || (local.chars().count() >= SHORTEST_LOCAL_PART && folded == local)
}

macro_rules! redacted {
    ($($kind:ident)*) => {$(
        /// Shows nothing of it, not even its length.
        impl fmt::Debug for $kind {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($kind), "(…)"))
            }
        }
    )*};
}
redacted!(NewPassword Candidate);
